{# Current value of a numeric parameter, the same for every programme. #}
{% macro parameter(code) -%}
    (
        select parameters.value::numeric
        from {{ ref('dim_parameter') }} as parameters
        where parameters.parameter_code = '{{ code }}' and parameters.scope = 'TOUS' and parameters.is_current
    )
{%- endmacro %}
