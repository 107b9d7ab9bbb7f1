{{ config(materialized="view") }}

with
journeys as (
    {{ integrated_journeys() }}
),

final as (
    select
        {{ contribution_columns(
            'A2-01',
            entity='siren',
            subject='siren',
            occurred_on='integrated_on',
            counted_until='stopped_on',
            territory='establishment',
            axes=['taille', 'naf', 'solution'],
            num='1',
            den='null',
        ) }}
    from journeys
)

select * from final
