{{ config(materialized="view") }}

with
journeys as (
    {{ counted_journeys() }}
),

final as (
    select
        {{ contribution_columns(
            'A2-06b',
            entity='adoption_key',
            subject='siren',
            occurred_on='deployed_on + 365',
            territory='region',
            axes=['solution', 'taille'],
            num='case when stopped_on <= deployed_on + 365 then 0 else 1 end',
            den='1',
        ) }}
    from journeys
    where deployed_on is not null
)

select * from final
