{{ config(materialized="view") }}

with
participations as (
    {{ counted_participations() }}
),

final as (
    select
        {{ contribution_columns(
            'A1-08',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='venue',
            axes=profile_axes() + ['modalite'],
            num="case when is_distant then 1 else 0 end",
            den="1",
        ) }}
    from participations
)

select * from final
