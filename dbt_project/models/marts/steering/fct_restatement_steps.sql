{{ config(materialized="view") }}

-- only what the restatement asks for: the programmes, indicators and periods of its cells
with
asked_cells as (
    select * from {{ ref('stg_published__restatement_cells') }}
),

contributions as (
    select * from {{ ref('stg_published__restatement_rows') }}
),

programmes as (
    select * from {{ ref('dim_programme') }}
    where programme_code in (select asked_cells.programme_code from asked_cells)
),

indicators as (
    select * from {{ ref('dim_indicator') }}
    where indicator_code in (select asked_cells.indicator_code from asked_cells)
),

periods as materialized (
    select distinct
        programme_code,
        period_grain,
        period_start,
        {{ period_end('period_grain', 'period_start') }} as last_on,
        {{ grain_rank('period_grain') }} as grain_rank,
        {{ period_number('period_grain', 'period_start') }} as period_number
    from asked_cells
),

-- what is missing and what is zero differ by their states, not by their values
expected_deliveries as (
    select * from {{ ref('fct_deliveries') }}
    where false
),

{{ indicator_margins() }},

{{ cell_sums() }},

{{ indicator_cells() }},

final as (
    select
        {% for column in cell_columns() -%}
        {{ column }},
        {% endfor -%}
        value
    from figures
)

select * from final
