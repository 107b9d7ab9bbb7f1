{{ config(materialized="view") }}

with
indicators as (
    select indicator_code from {{ ref('dim_indicator') }}
    where indicator_code = base_code
),

-- the first target that is in force for an indicator, from the decision that set it on
targets as (
    select distinct on (targets.programme_code, targets.indicator_code)
        targets.programme_code,
        targets.indicator_code,
        coalesce(decisions.decided_on, deliveries.period_end) as set_on,
        targets.delivery_id,
        targets.row_number,
        targets.row_hash
    from {{ ref('fct_targets') }} as targets
    inner join {{ ref('stg_ops__deliveries') }} as deliveries on targets.delivery_id = deliveries.delivery_id
    left join {{ ref('fct_decisions') }} as decisions
        on targets.decision_key = decisions.decision_key and {{ as_of('decisions') }}
    where {{ as_of('targets') }}
    order by
        targets.programme_code,
        targets.indicator_code,
        set_on,
        {{ byte_order('targets.delivery_id') }},
        targets.row_number
),

targeted_indicators as (
    select
        programmes.programme_code,
        null::text as partner_code,
        indicators.indicator_code as target_indicator,
        '1900-01-01'::date as set_on,
        null::integer as is_targeted,
        1 as indicators,
        null::text as delivery_id,
        null::integer as row_number,
        null::text as row_hash
    from indicators
    cross join {{ ref('dim_programme') }} as programmes
    union all
    select
        targets.programme_code,
        null as partner_code,
        targets.indicator_code as target_indicator,
        targets.set_on,
        1 as is_targeted,
        null as indicators,
        targets.delivery_id,
        targets.row_number,
        targets.row_hash
    from targets
    inner join indicators on targets.indicator_code = indicators.indicator_code
),

final as (
    select
        {{ contribution_columns(
            'T-08',
            entity='target_indicator',
            occurred_on='set_on',
            territory='region',
            num='is_targeted',
            den='indicators',
        ) }}
    from targeted_indicators
)

select * from final
