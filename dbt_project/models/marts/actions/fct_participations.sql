{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="participation_key",
        indexes=[{"columns": ["participation_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
participations as (
    select * from {{ ref('int_participations_historised') }}
),

objects as (
    select
        'SESSION' as object_type,
        session_key as object_key,
        action_code,
        modality,
        target_sector,
        commune_code,
        ends_on as occurred_on,
        known_from_build,
        known_to_build
    from {{ ref('fct_sessions') }}
    union all
    select
        'EVENEMENT' as object_type,
        event_key as object_key,
        null as action_code,
        null as modality,
        null as target_sector,
        commune_code,
        occurred_on,
        known_from_build,
        known_to_build
    from {{ ref('fct_events') }}
    union all
    select
        'ACTION' as object_type,
        deliverable_key as object_key,
        null as action_code,
        null as modality,
        null as target_sector,
        commune_code,
        occurred_on,
        known_from_build,
        known_to_build
    from {{ ref('fct_deliverables') }}
),

-- a participation is known while both its row and its session, event or action are
final as (
    select
        participations.participation_key,
        participations.object_type,
        participations.object_key,
        participations.programme_code,
        participations.partner_code,
        participations.person_key,
        participations.object_partner_code,
        participations.object_id,
        objects.action_code,
        objects.modality,
        objects.target_sector,
        objects.commune_code as venue_commune_code,
        participations.role,
        participations.status,
        participations.sex,
        participations.employment_status,
        participations.diploma_level,
        participations.age_band,
        participations.residence_commune_code,
        participations.employer_siren,
        participations.referral_channel,
        participations.followed_hours,
        coalesce(participations.followed_until_on, objects.occurred_on) as occurred_on,
        participations.delivery_id,
        participations.row_number,
        participations.row_hash,
        greatest(participations.known_from_build, objects.known_from_build) as known_from_build,
        least(participations.known_to_build, objects.known_to_build) as known_to_build
    from participations
    inner join objects
        on
            participations.object_key = objects.object_key
            and participations.object_type = objects.object_type
            and (objects.known_to_build is null or participations.known_from_build < objects.known_to_build)
            and (participations.known_to_build is null or participations.known_to_build > objects.known_from_build)
)

select * from final
