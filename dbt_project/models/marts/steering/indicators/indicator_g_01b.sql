{{ config(materialized="view") }}

with
phases as (
    {{ commune_phases() }}
),

covered as (
    {{ covered_communes('phases', 'place', 'reached_on') }}
),

final as (
    select
        {{ contribution_columns(
            'G-01b',
            entity='place_commune_code',
            occurred_on='occurred_on',
            territory='place',
            num='covered',
            den='communes',
        ) }}
    from covered
)

select * from final
