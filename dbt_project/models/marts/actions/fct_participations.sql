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

sessions as (
    select * from {{ ref('fct_sessions') }}
),

-- a participation is known while both its row and its session are
final as (
    select
        participations.participation_key,
        participations.session_key,
        participations.programme_code,
        participations.partner_code,
        participations.person_key,
        sessions.partner_code as session_partner_code,
        sessions.session_id,
        sessions.action_code,
        sessions.modality,
        sessions.target_sector,
        sessions.commune_code as venue_commune_code,
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
        coalesce(participations.followed_until_on, sessions.ends_on) as occurred_on,
        participations.delivery_id,
        participations.row_number,
        participations.row_hash,
        greatest(participations.known_from_build, sessions.known_from_build) as known_from_build,
        least(participations.known_to_build, sessions.known_to_build) as known_to_build
    from participations
    inner join sessions
        on
            participations.session_key = sessions.session_key
            and (sessions.known_to_build is null or participations.known_from_build < sessions.known_to_build)
            and (participations.known_to_build is null or participations.known_to_build > sessions.known_from_build)
)

select * from final
