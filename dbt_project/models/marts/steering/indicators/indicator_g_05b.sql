{{ config(materialized="view") }}

with
phases as (
    {{ commune_phases() }}
),

deployed as (
    select distinct on (programme_code, use_case_id, place_commune_code) *
    from phases
    where axis_phase = 'DEPLOYER'
    order by
        programme_code,
        use_case_id,
        place_commune_code,
        reached_on,
        {{ byte_order('delivery_id') }},
        row_number
),

-- so many communes have deployed a use until the next one does
spans as (
    select
        *,
        row_number() over by_use as communes,
        lead(reached_on) over by_use as followed_on
    from deployed
    window by_use as (
        partition by programme_code, use_case_id
        order by reached_on, {{ byte_order('place_commune_code') }}
    )
),

final as (
    select
        {{ contribution_columns(
            'G-05b',
            entity='use_case_id',
            occurred_on='reached_on',
            counted_until='followed_on',
            territory='region',
            num='communes',
            den='null',
        ) }}
    from spans
)

select * from final
