with
participations as (
    select * from {{ ref('stg_drop__participations') }}
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
    select distinct participation_key
    from participations
    where
        {{ changed_since('participations') }}
        or object_key in (select changed_objects.object_key from changed_objects)
),

spans as (
    {{ key_spans('participations', 'participation_key', 'changed_keys') }}
),

final as (
    select
        participations.participation_key,
        participations.object_key,
        participations.programme_code,
        participations.partner_code,
        participations.person_key,
        participations.object_type,
        participations.object_id,
        participations.object_partner_code,
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
        participations.followed_until_on,
        participations.delivery_id,
        participations.row_number,
        participations.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join participations
        on spans.delivery_id = participations.delivery_id and spans.row_number = participations.row_number
)

select * from final
