{{ config(materialized="view") }}

with
participations as (
    {{ trained_participations() }}
),

final as (
    select
        {{ contribution_columns(
            'A1-01',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='residence',
            axes=profile_axes() + ['modalite', 'secteur'],
            num="1",
            den="null",
        ) }}
    from participations
)

select * from final
