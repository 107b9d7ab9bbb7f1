{{ config(materialized="view") }}

with
journeys as (
    {{ integrated_journeys() }}
),

final as (
    select
        {{ contribution_columns(
            'A2-01b',
            entity='siren',
            subject='siren',
            occurred_on='integrated_on',
            territory='establishment',
            axes=['taille', 'naf', 'solution'],
            num='1',
            den='null',
        ) }}
    from journeys
    where integrated_on <= {{ business_date() }}
)

select * from final
