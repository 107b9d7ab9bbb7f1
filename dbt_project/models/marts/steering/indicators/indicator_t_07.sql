{{ config(materialized="view") }}

with
participations as (
    {{ trained_participations() }}
),

lines as (
    {{ funding_lines() }}
),

people_and_money as (
    select
        programme_code,
        partner_code,
        participant_id,
        occurred_on,
        axis_action,
        null::numeric as paid_eur,
        1 as people,
        delivery_id,
        row_number,
        row_hash
    from participations
    where axis_action is not null
    union all
    select
        programme_code,
        partner_code,
        null as participant_id,
        occurred_on,
        action_code as axis_action,
        paid_eur,
        null as people,
        delivery_id,
        row_number,
        row_hash
    from lines
),

final as (
    select
        {{ contribution_columns(
            'T-07',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='region',
            axes=['action'],
            num='paid_eur',
            den='people',
        ) }}
    from people_and_money
)

select * from final
