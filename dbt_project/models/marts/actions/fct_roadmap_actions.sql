{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="roadmap_action_key",
        indexes=[{"columns": ["roadmap_action_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
diagnostics as (
    select * from {{ ref('stg_drop__diagnostics') }}
),

changed_keys as (
    select distinct roadmap_action_key
    from diagnostics
    where {{ changed_since('diagnostics') }}
),

spans as (
    {{ key_spans('diagnostics', 'roadmap_action_key', 'changed_keys') }}
),

final as (
    select
        diagnostics.roadmap_action_key,
        diagnostics.diagnostic_key,
        diagnostics.programme_code,
        diagnostics.partner_code,
        diagnostics.diagnostic_id,
        diagnostics.roadmap_action_id,
        diagnostics.siren,
        diagnostics.commune_code,
        diagnostics.size_band,
        diagnostics.naf_code,
        diagnostics.strategic_sector,
        diagnostics.service,
        diagnostics.status,
        diagnostics.weight,
        diagnostics.ai_project_id,
        diagnostics.ordered_on,
        diagnostics.delivered_on,
        diagnostics.due_on,
        diagnostics.done_on,
        diagnostics.prototyped_on,
        diagnostics.project_started_on,
        diagnostics.delivery_id,
        diagnostics.row_number,
        diagnostics.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join diagnostics
        on spans.delivery_id = diagnostics.delivery_id and spans.row_number = diagnostics.row_number
)

select * from final
