{{ config(materialized="view") }}

with
participations as (
    {{ trained_participations() }}
),

placed as (
    select
        participations.*,
        participations.residence_epci_code as axis_epci
    from participations
),

final as (
    select
        {{ contribution_columns(
            'A1-03',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='region',
            axes=profile_axes() + ['epci'],
            num="1",
            den="null",
        ) }}
    from placed
)

select * from final
