{{ config(materialized="view") }}

with
participations as (
    {{ trained_participations() }}
),

final as (
    select
        {{ contribution_columns(
            'A1-10',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='residence',
            num="case when axis_age = '15-29' then 1 else 0 end",
            den="1",
        ) }}
    from participations
    where axis_age <> 'NR'
)

select * from final
