{{ config(materialized="view") }}

with
participations as (
    {{ trained_participations() }}
),

final as (
    select
        {{ contribution_columns(
            'A1-14',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='residence',
            num="case when referral_channel = 'EPCI' then 1 else 0 end",
            den="1",
        ) }}
    from participations
    where referral_channel is not null
)

select * from final
