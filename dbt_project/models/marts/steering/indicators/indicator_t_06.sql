{{ config(materialized="view") }}

with
closings as (
    select * from {{ ref('dim_closing') }}
    where is_current
),

-- the programme's own figures, at the grain that was closed: a margin would count the same restatement again
closed as (
    select
        closed_values.programme_code,
        closed_values.indicator_code,
        closed_values.closing_id,
        closed_values.period_start,
        closed_values.closing_id || '|' || closed_values.indicator_code as closed_value,
        abs(closed_values.value) as published_size
    from {{ ref('fct_published_values') }} as closed_values
    inner join closings
        on
            closed_values.closing_id = closings.closing_id
            and closed_values.period_grain = closings.period_grain
            and closed_values.period_start = closings.period_start
    where
        closed_values.measure = 'counted'
        and closed_values.territory_level = 'region'
        and closed_values.partner_code = 'TOTAL'
        and closed_values.axis = 'TOTAL'
        and closed_values.value is not null
),

restated as (
    select
        closed.*,
        restatements.cause,
        abs(restatements.share) as share_size,
        abs(restatements.difference) as difference_size
    from closed
    inner join {{ ref('fct_restatements') }} as restatements
        on
            closed.closing_id = restatements.closing_id
            and closed.indicator_code = restatements.indicator_code
            and closed.period_start = restatements.period_start
    inner join closings
        on restatements.closing_id = closings.closing_id and restatements.period_grain = closings.period_grain
    where
        restatements.measure = 'counted'
        and restatements.territory_level = 'region'
        and restatements.partner_code = 'TOTAL'
        and restatements.axis = 'TOTAL'
),

sizes as (
    -- every closed value is what each cause is a part of
    select
        programme_code,
        closed_value,
        period_start,
        array[
            'CAUSE:DEFINITION', 'CAUSE:PERIMETRE', 'CAUSE:REMISE_TARDIVE', 'CAUSE:CORRECTION', 'CAUSE:PERSONNES',
            'CAUSE:EFFACEMENT'
        ] as members,
        0 as num,
        published_size as den
    from closed
    union all
    select
        programme_code,
        closed_value,
        period_start,
        array['CAUSE:' || cause] as members,
        share_size as num,
        null as den
    from restated
    union all
    -- causes that make up for each other: the whole counts what is left of them
    select
        programme_code,
        closed_value,
        period_start,
        '{}'::text[] as members,
        min(difference_size) - sum(share_size) as num,
        null as den
    from restated
    group by programme_code, closed_value, period_start
    having min(difference_size) <> sum(share_size)
),

contributing as (
    select
        *,
        null::text as partner_code,
        null::text as delivery_id,
        null::integer as row_number,
        null::text as row_hash
    from sizes
),

final as (
    select
        {{ contribution_columns(
            'T-06',
            entity='closed_value',
            occurred_on='period_start',
            territory='region',
            members='members',
            num='num',
            den='den',
        ) }}
    from contributing
)

select * from final
