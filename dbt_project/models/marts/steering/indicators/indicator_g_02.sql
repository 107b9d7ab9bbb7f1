{{ config(materialized="view") }}

with
phases as (
    {{ commune_phases() }}
),

-- the first row by which a commune reached each phase, in whichever use
firsts as (
    select distinct on (programme_code, place_commune_code, phase_rank) *
    from phases
    order by
        programme_code, place_commune_code, phase_rank, reached_on, {{ byte_order('delivery_id') }}, row_number
),

-- a commune is in a phase until it reaches a further one
spans as (
    select
        firsts.*,
        (
            select min(further.reached_on)
            from firsts as further
            where
                firsts.programme_code = further.programme_code
                and firsts.place_commune_code = further.place_commune_code
                and firsts.phase_rank < further.phase_rank
        ) as left_on
    from firsts
),

final as (
    select
        {{ contribution_columns(
            'G-02',
            entity='place_commune_code',
            occurred_on='reached_on',
            counted_until='left_on',
            territory='region',
            axes=['phase'],
            num='1',
            den='null',
        ) }}
    from spans
    where left_on is null or left_on > reached_on
)

select * from final
