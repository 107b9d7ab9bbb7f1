{{ config(materialized="view") }}

with
journeys as (
    {{ counted_journeys() }}
),

final as (
    select
        {{ contribution_columns(
            'A2-09',
            entity='adoption_key',
            subject='siren',
            occurred_on='deployed_on',
            territory='region',
            axes=['solution'],
            num='1',
            den='null',
        ) }}
    from journeys
    where deployed_on is not null
)

select * from final
