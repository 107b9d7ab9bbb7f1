{# First day of the semester of a date. #}
{% macro semester_start(date_column) -%}
    make_date(
        extract(year from {{ date_column }})::integer,
        case when extract(month from {{ date_column }}) <= 6 then 1 else 7 end,
        1
    )
{%- endmacro %}

{# Each grain that is published and the first day of its period around a date: a `values` list. #}
{% macro period_starts(date_column) -%}
    values
        ('month', date_trunc('month', {{ date_column }})::date),
        ('quarter', date_trunc('quarter', {{ date_column }})::date),
        ('semester', {{ semester_start(date_column) }}),
        ('year', date_trunc('year', {{ date_column }})::date)
{%- endmacro %}

{# Last day of a period. #}
{% macro period_end(grain, period_start) -%}
    ({{ period_start }} + case {{ grain }}
        when 'month' then interval '1 month'
        when 'quarter' then interval '3 months'
        when 'semester' then interval '6 months'
        else interval '1 year'
    end - interval '1 day')::date
{%- endmacro %}
