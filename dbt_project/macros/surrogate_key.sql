{# The order of bytes, the same in every database. #}
{% macro byte_order(column) -%}
    {{ column }} collate "C"
{%- endmacro %}

{# md5 of a business key; a null part counts as empty. #}
{% macro surrogate_key(columns) -%}
    md5(
    {%- for column in columns -%}
        coalesce({{ column }}::text, ''){{ " || '|' || " if not loop.last }}
    {%- endfor -%}
    )
{%- endmacro %}
