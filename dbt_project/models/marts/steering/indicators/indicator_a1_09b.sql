{{ config(materialized="view") }}

with
participations as (
    {{ trained_participations() }}
),

final as (
    select
        {{ contribution_columns(
            'A1-09b',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='residence',
            num="case when axis_niveau in ('0', '1', '2', '3') then 1 else 0 end",
            den="1",
        ) }}
    from participations
    where axis_niveau <> 'NR'
)

select * from final
