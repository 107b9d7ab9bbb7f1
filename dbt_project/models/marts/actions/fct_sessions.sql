{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="session_key",
        indexes=[{"columns": ["session_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
sessions as (
    select * from {{ ref('int_sessions_historised') }}
),

final as (
    select
        session_key,
        programme_code,
        partner_code,
        session_id,
        action_code,
        title,
        modality,
        module_id,
        commune_code,
        co_partner_sirens,
        target_audience,
        target_sector,
        planned_hours,
        places,
        starts_on,
        ends_on,
        proposed_on,
        delivery_id,
        row_number,
        row_hash,
        known_from_build,
        known_to_build
    from sessions
)

select * from final
