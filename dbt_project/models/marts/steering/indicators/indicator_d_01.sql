{{ config(materialized="view") }}

with
milestones as (
    select * from {{ ref('fct_milestones') }} as milestone_rows
    where action_code is not null and {{ as_of('milestone_rows') }}
),

states as (
    select
        programme_code,
        action_code,
        case
            when bool_and(status = 'LIVRE') then 'LIVRE'
            when bool_and(status = 'ABANDONNE') then 'ABANDONNE'
            when bool_or(status in ('EN_COURS', 'LIVRE')) then 'EN_COURS'
            else 'NON_DEMARRE'
        end as state,
        max(delivered_on) as last_delivered_on
    from milestones
    group by programme_code, action_code
),

-- a measure is in progress until its last milestone is delivered; nothing else of its past is known
spans as (
    select
        milestones.*,
        intervals.state as axis_etat_mesure,
        intervals.counted_from,
        intervals.counted_until
    from milestones
    inner join states
        on milestones.programme_code = states.programme_code and milestones.action_code = states.action_code
    cross join
        lateral (
            values
            ('EN_COURS', '1900-01-01'::date, states.last_delivered_on, true),
            (
                states.state,
                case when states.state = 'LIVRE' then states.last_delivered_on else '1900-01-01'::date end,
                null::date,
                false
            )
        ) as intervals (state, counted_from, counted_until, is_before_the_last)
    where states.state = 'LIVRE' or not intervals.is_before_the_last
),

final as (
    select
        {{ contribution_columns(
            'D-01',
            entity='action_code',
            occurred_on='counted_from',
            counted_until='counted_until',
            territory='region',
            axes=['etat_mesure'],
            num='1',
            den='null',
        ) }}
    from spans
)

select * from final
