{{ config(materialized="view") }}

with
participations as (
    {{ counted_participations() }}
),

final as (
    select
        {{ contribution_columns(
            'T-14',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='region',
            axes=profile_axes(),
            num="case when referral_channel = 'RECOMMANDATION' then 1 else 0 end",
            den="1",
        ) }}
    from participations
    where referral_channel is not null
)

select * from final
