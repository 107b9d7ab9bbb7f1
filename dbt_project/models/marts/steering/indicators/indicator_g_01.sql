{{ config(materialized="view") }}

with
phases as (
    {{ commune_phases() }}
),

final as (
    select
        {{ contribution_columns(
            'G-01',
            entity='place_commune_code',
            occurred_on='reached_on',
            territory='region',
            axes=['phase'],
            num='1',
            den='null',
        ) }}
    from phases
)

select * from final
