with
sessions as (
    select * from {{ ref('stg_drop__sessions') }}
),

changed_keys as (
    select distinct session_key
    from sessions
    where {{ changed_since('sessions') }}
),

spans as (
    {{ key_spans('sessions', 'session_key', 'changed_keys') }}
),

final as (
    select
        sessions.session_key,
        sessions.partner_code,
        sessions.session_id,
        sessions.programme_code,
        sessions.action_code,
        sessions.title,
        sessions.modality,
        sessions.module_id,
        sessions.commune_code,
        sessions.co_partner_sirens,
        sessions.target_audience,
        sessions.target_sector,
        sessions.planned_hours,
        sessions.places,
        sessions.starts_on,
        sessions.ends_on,
        sessions.proposed_on,
        sessions.delivery_id,
        sessions.row_number,
        sessions.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join sessions
        on spans.delivery_id = sessions.delivery_id and spans.row_number = sessions.row_number
)

select * from final
