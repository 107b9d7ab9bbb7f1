{{ config(materialized="view") }}

with
phases as (
    {{ commune_phases() }}
),

first_phases as (
    select distinct on (programme_code, use_case_id) *
    from phases
    where use_case_id is not null
    order by
        programme_code,
        use_case_id,
        reached_on,
        {{ byte_order('place_commune_code') }},
        {{ byte_order('delivery_id') }},
        row_number
),

final as (
    select
        {{ contribution_columns(
            'G-03',
            entity='use_case_id',
            occurred_on='reached_on',
            territory='region',
            axes=['domaine'],
            num='1',
            den='null',
        ) }}
    from first_phases
)

select * from final
