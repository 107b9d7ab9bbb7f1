{#
    Contributing rows of the indicators that `asked` lists: a view whose indicator is not asked for is not read, because
    its condition names no column of it and is worked out once, before its rows.

    years: by view, the first days of the only years to read.
#}
{% macro asked_rows(asked, years={}) -%}
    {% for model in indicator_models() -%}
        select *
        from {{ ref(model) }}
        where
            exists (
                select 1 from {{ asked }}
                where {{ indicator_view(asked ~ '.indicator_code') }} = '{{ model }}'
            )
            {% if model in years -%} and {{ within_periods('occurred_on', years[model], '1 year') }} {%- endif %}
        {{ 'union all' if not loop.last }}
    {% endfor -%}
{%- endmacro %}

{# An amount as it is read: 14 M€, 110 000 €. #}
{% macro euros(amount) -%}
    case
        when abs({{ amount }}) >= 1000000 and ({{ amount }}) % 100000 = 0
            then replace(trim_scale(({{ amount }}) / 1000000)::text, '.', ',') || U&'\00A0M€'
        else replace(to_char({{ amount }}, 'FM999,999,999,990'), ',', U&'\202F') || U&'\00A0€'
    end
{%- endmacro %}
