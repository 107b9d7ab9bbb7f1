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
