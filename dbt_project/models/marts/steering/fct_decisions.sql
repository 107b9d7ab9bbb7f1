{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="decision_key",
        indexes=[{"columns": ["decision_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
decisions as (
    select * from {{ ref('stg_drop__decisions') }}
),

changed_keys as (
    select distinct decision_key
    from decisions
    where {{ changed_since('decisions') }}
),

spans as (
    {{ key_spans('decisions', 'decision_key', 'changed_keys') }}
),

final as (
    select
        decisions.decision_key,
        decisions.programme_code,
        decisions.partner_code,
        decisions.decision_id,
        decisions.label,
        decisions.responsible,
        decisions.status,
        decisions.closing_id,
        decisions.decided_on,
        decisions.planned_on,
        decisions.due_on,
        decisions.done_on,
        decisions.delivery_id,
        decisions.row_number,
        decisions.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join decisions
        on spans.delivery_id = decisions.delivery_id and spans.row_number = decisions.row_number
)

select * from final
