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

covered as (
    {{ covered_communes('phases', 'place', 'reached_on') }}
),

final as (
    select
        {{ contribution_columns(
            'G-05',
            entity='place_commune_code',
            occurred_on='occurred_on',
            territory='place',
            num='covered',
            den='communes',
        ) }}
    from covered
)

select * from final
