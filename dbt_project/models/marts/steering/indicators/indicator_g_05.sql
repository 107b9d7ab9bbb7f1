{{ config(materialized="view") }}

with
concluded as (
    select distinct
        programme_code,
        use_case_id
    from ({{ commune_phases() }}) as trials
    where assessment = 'CONCLUANT'
),

phases as (
    select deployed.*
    from ({{ commune_phases() }}) as deployed
    inner join concluded
        on deployed.programme_code = concluded.programme_code and deployed.use_case_id = concluded.use_case_id
    where deployed.axis_phase = 'DEPLOYER'
),

covered_communes as (
    select
        programme_code,
        partner_code,
        place_commune_code,
        place_epci_code,
        reached_on,
        1 as is_covered,
        null::integer as communes,
        delivery_id,
        row_number,
        row_hash
    from phases
    union all
    select
        programme_code,
        partner_code,
        place_commune_code,
        place_epci_code,
        occurred_on as reached_on,
        null as is_covered,
        1 as communes,
        delivery_id,
        row_number,
        row_hash
    from ({{ perimeter_communes('place') }}) as perimeter
),

final as (
    select
        {{ contribution_columns(
            'G-05',
            entity='place_commune_code',
            occurred_on='reached_on',
            territory='place',
            num='is_covered',
            den='communes',
        ) }}
    from covered_communes
)

select * from final
