{# Last value that is not null up to the row, in the order of the window `said_before`: PostgreSQL cannot ignore nulls. #}
{% macro last_said(column) -%}
    (array_agg({{ column }}) filter (where {{ column }} is not null) over said_before)
        [count({{ column }}) over said_before]
{%- endmacro %}
