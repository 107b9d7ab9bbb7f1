{{ config(materialized="view") }}

with
closings as (
    select * from {{ ref('dim_closing') }}
    where is_current
),

indicators as (
    select * from {{ ref('dim_indicator') }}
),

-- the document that proves most, for each indicator
proofs as (
    select distinct on (programme_code, indicator_code)
        programme_code,
        indicator_code,
        delivery_id,
        row_number,
        row_hash
    from {{ ref('fct_benchmarks') }} as benchmarks
    where document_sha256 is not null and indicator_code is not null and {{ as_of('benchmarks') }}
    order by programme_code asc, indicator_code asc, proof_level desc nulls last, delivery_id asc, row_number asc
),

closed as (
    select
        closed_values.programme_code,
        closed_values.closing_id || '|' || closed_values.indicator_code as closed_value,
        closed_values.period_start,
        closed_values.is_traced,
        indicators.base_code
    from {{ ref('fct_published_values') }} as closed_values
    inner join closings
        on
            closed_values.closing_id = closings.closing_id
            and closed_values.period_grain = closings.period_grain
            and closed_values.period_start = closings.period_start
    inner join indicators on closed_values.indicator_code = indicators.indicator_code
    where
        closed_values.measure = 'counted'
        and closed_values.territory_level = 'region'
        and closed_values.partner_code = 'TOTAL'
        and closed_values.axis = 'TOTAL'
        and closed_values.value is not null
),

contributing as (
    select
        closed.programme_code,
        closed.closed_value,
        closed.period_start,
        null::text as partner_code,
        case when closed.is_traced or proofs.delivery_id is not null then 1 else 0 end as is_proven,
        proofs.delivery_id,
        proofs.row_number,
        proofs.row_hash
    from closed
    left join proofs
        on closed.programme_code = proofs.programme_code and closed.base_code = proofs.indicator_code
),

final as (
    select
        {{ contribution_columns(
            'T-09',
            entity='closed_value',
            occurred_on='period_start',
            territory='region',
            num='is_proven',
            den='1',
        ) }}
    from contributing
)

select * from final
