{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="commune_case_key",
        indexes=[{"columns": ["commune_case_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
trials as (
    select * from {{ ref('stg_drop__commune_trials') }}
),

changed_keys as (
    select distinct phase_key
    from trials
    where
        commune_case_key in (
            select changed.commune_case_key
            from trials as changed
            where {{ changed_since('changed') }}
        )
),

spans as (
    {{ key_spans('trials', 'phase_key', 'changed_keys') }}
),

phases as (
    select
        trials.commune_case_key,
        trials.programme_code,
        trials.partner_code,
        trials.commune_code,
        trials.use_case_id,
        trials.domain,
        trials.phase,
        array_position(array['FORMER', 'EXPERIMENTER', 'DEPLOYER'], trials.phase) as phase_rank,
        trials.assessment,
        trials.origin_commune_code,
        trials.trained_agents,
        trials.started_on,
        trials.test_ended_on,
        trials.delivery_id,
        trials.row_number,
        trials.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join trials
        on spans.delivery_id = trials.delivery_id and spans.row_number = trials.row_number
),

boundaries as (
    select
        commune_case_key,
        known_from_build as build_id
    from phases
    union
    select
        commune_case_key,
        known_to_build as build_id
    from phases
    where known_to_build is not null
),

intervals as (
    select
        commune_case_key,
        build_id as known_from_build,
        lead(build_id) over (partition by commune_case_key order by build_id) as known_to_build
    from boundaries
),

-- the row whose source is kept is that of the furthest phase
final as (
    select
        phases.commune_case_key,
        (array_agg(phases.programme_code order by phases.phase_rank desc))[1] as programme_code,
        phases.partner_code,
        phases.commune_code,
        phases.use_case_id,
        (array_agg(phases.domain order by phases.phase_rank desc))[1] as domain,
        (array_agg(phases.phase order by phases.phase_rank desc))[1] as last_phase,
        coalesce(
            max(phases.assessment) filter (where phases.phase = 'EXPERIMENTER'), max(phases.assessment)
        ) as assessment,
        max(phases.origin_commune_code) filter (where phases.phase = 'DEPLOYER') as origin_commune_code,
        sum(phases.trained_agents)::integer as trained_agents,
        min(phases.started_on) filter (where phases.phase = 'FORMER') as trained_on,
        min(phases.started_on) filter (where phases.phase = 'EXPERIMENTER') as tested_on,
        max(phases.test_ended_on) filter (where phases.phase = 'EXPERIMENTER') as test_ended_on,
        min(phases.started_on) filter (where phases.phase = 'DEPLOYER') as deployed_on,
        (array_agg(phases.delivery_id order by phases.phase_rank desc))[1] as delivery_id,
        (array_agg(phases.row_number order by phases.phase_rank desc))[1] as row_number,
        (array_agg(phases.row_hash order by phases.phase_rank desc))[1] as row_hash,
        intervals.known_from_build,
        intervals.known_to_build
    from intervals
    inner join phases
        on
            intervals.commune_case_key = phases.commune_case_key
            and intervals.known_from_build >= phases.known_from_build
            and (phases.known_to_build is null or intervals.known_from_build < phases.known_to_build)
    group by
        phases.commune_case_key,
        phases.partner_code,
        phases.commune_code,
        phases.use_case_id,
        intervals.known_from_build,
        intervals.known_to_build
)

select * from final
