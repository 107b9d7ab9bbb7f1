{# A row's columns as one integer: rows that differ have others, nulls included; a sum of them knows no order. #}
{% macro row_digest(columns) -%}
    hashtextextended(row({{ columns | join(', ') }})::text, 0)
{%- endmacro %}

{# Columns of one relation. #}
{% macro prefixed(relation, columns) -%}
    {%- set names = [] -%}
    {%- for column in columns -%} {%- do names.append(relation ~ '.' ~ column) -%} {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{# The month of what is counted at the end of every period. #}
{% macro any_month() -%}
    date '1900-01-01'
{%- endmacro %}

{# The months as the last build left them; none when all is made anew. #}
{% macro former_months() -%}
    {%- if is_incremental() -%}
        select * from {{ this }}
    {%- else -%}
        select
            null::text as programme_code,
            null::text as indicator_code,
            null::date as month_start,
            null::bigint as contributions,
            null::bigint as digest
        where false
    {%- endif -%}
{%- endmacro %}

{# The models that make the sums: others make them again. #}
{% macro project_hash() -%}
    {{ env_var('LAKOU_PROJECT_HASH', '') if execute else '' }}
{%- endmacro %}

{# Sums of the periods touched go, those without a row any more too. #}
{% macro delete_touched_sums() -%}
    {%- if is_incremental() -%}
        delete from {{ this }} as sums
        using
            {{ ref('fct_contribution_months') }} as months
            cross join lateral (
                {{ period_starts('months.month_start') }}
            ) as starts (period_grain, period_start)
        where
            months.is_touched
            and sums.programme_code = months.programme_code
            and sums.indicator_code = months.indicator_code
            and sums.period_grain = starts.period_grain
            and (sums.period_start = starts.period_start or months.month_start = {{ any_month() }})
    {%- endif -%}
{%- endmacro %}

{# The sums stand for the months as they are. #}
{% macro settle_months() -%}
    update {{ ref('fct_contribution_months') }} set is_touched = false where is_touched
{%- endmacro %}
