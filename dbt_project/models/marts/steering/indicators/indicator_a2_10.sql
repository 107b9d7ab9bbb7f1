{{ config(materialized="view") }}

with
journeys as (
    {{ counted_journeys() }}
),

final as (
    select
        {{ contribution_columns(
            'A2-10',
            entity='siren',
            subject='siren',
            occurred_on='deployed_on',
            territory='establishment',
            axes=['naf'],
            num="case when decision_origin = 'ENTREPRISE_TEMOIN' then 1 else 0 end",
            den='1',
        ) }}
    from journeys
    where deployed_on is not null and decision_origin <> 'NR'
)

select * from final
