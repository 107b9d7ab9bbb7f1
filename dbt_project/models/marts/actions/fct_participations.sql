{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="participation_key",
        indexes=[
            {"columns": ["participation_key", "known_from_build"], "unique": true},
            {"columns": ["person_key"]},
            {"columns": ["known_from_build"]},
            {"columns": ["known_to_build"]},
        ],
        pre_hook="{{ seek_what_changed(of_history=true) }}",
    )
}}
{{- require_all_keys() }}

with
-- read several times, by the keys asked for: never copied
rows_kept as not materialized (
    select * from {{ ref('int_participation_rows') }}
),

changed_objects as (
    select sessions.session_key as object_key
    from {{ ref('stg_drop__sessions') }} as sessions
    where {{ changed_since('sessions') }}
    union
    select events.event_key as object_key
    from {{ ref('stg_drop__events') }} as events
    where {{ changed_since('events') }}
    union
    select deliverables.deliverable_key as object_key
    from {{ ref('stg_drop__deliverables') }} as deliverables
    where {{ changed_since('deliverables') }}
),

changed_keys as (
    select participation_key
    from rows_kept
    where {{ changed_since('rows_kept') }}
    union
    select rows_kept.participation_key
    from rows_kept
    inner join changed_objects on rows_kept.object_key = changed_objects.object_key
),

spans as (
    {{ key_spans('rows_kept', 'participation_key', 'changed_keys') }}
),

participations as (
    select
        rows_kept.*,
        spans.known_from_build as held_from_build,
        spans.known_to_build as held_to_build
    from spans
    inner join rows_kept
        on spans.delivery_id = rows_kept.delivery_id and spans.row_number = rows_kept.row_number
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
        greatest(participations.held_from_build, objects.known_from_build) as known_from_build,
        least(participations.held_to_build, objects.known_to_build) as known_to_build
    from participations
    inner join objects
        on
            participations.object_key = objects.object_key
            and participations.object_type = objects.object_type
            and (objects.known_to_build is null or participations.held_from_build < objects.known_to_build)
            and (participations.held_to_build is null or participations.held_to_build > objects.known_from_build)
)

select * from final
