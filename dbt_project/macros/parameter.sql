{# Current value of a numeric parameter, the same for every programme. #}
{% macro parameter(code) -%}
    (
        select parameters.value::numeric
        from {{ ref('dim_parameter') }} as parameters
        where parameters.parameter_code = '{{ code }}' and parameters.scope = 'TOUS' and parameters.is_current
    )
{%- endmacro %}

{# Current text of a parameter for the programme of a row, else for all. #}
{% macro parameter_text(code, programme_code) -%}
    (
        select parameters.value
        from {{ ref('dim_parameter') }} as parameters
        where
            parameters.parameter_code = '{{ code }}'
            and parameters.scope in ('TOUS', {{ programme_code }})
            and parameters.is_current
        order by parameters.scope = 'TOUS'
        limit 1
    )
{%- endmacro %}

{# Business date of the build shown: the last day that the figures know. #}
{% macro business_date() -%}
    (
        select builds.business_date
        from {{ ref('stg_ops__builds') }} as builds
        where builds.build_id = {{ as_of_build() }}
    )
{%- endmacro %}
