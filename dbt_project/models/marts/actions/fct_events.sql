{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="event_key",
        indexes=[{"columns": ["event_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
events as (
    select * from {{ ref('stg_drop__events') }}
),

changed_keys as (
    select distinct event_key
    from events
    where {{ changed_since('events') }}
),

spans as (
    {{ key_spans('events', 'event_key', 'changed_keys') }}
),

final as (
    select
        events.event_key,
        events.programme_code,
        events.partner_code,
        events.event_id,
        events.network_id,
        events.event_type,
        events.status,
        events.commune_code,
        events.organiser_sirens,
        events.supporter_sirens,
        events.declared_headcount,
        events.occurred_on,
        events.proposed_on,
        events.delivery_id,
        events.row_number,
        events.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join events
        on spans.delivery_id = events.delivery_id and spans.row_number = events.row_number
)

select * from final
