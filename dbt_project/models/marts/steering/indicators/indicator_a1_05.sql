{{ config(materialized="view") }}

with
participations as (
    {{ counted_participations() }}
),

final as (
    select
        {{ contribution_columns(
            'A1-05',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='venue',
            axes=profile_axes() + ['modalite', 'secteur'],
            num="followed_hours",
            den="null",
        ) }}
    from participations
    where followed_hours is not null
)

select * from final
