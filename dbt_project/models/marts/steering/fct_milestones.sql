{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="milestone_key",
        indexes=[{"columns": ["milestone_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
milestones as (
    select * from {{ ref('stg_drop__milestones') }}
),

changed_keys as (
    select distinct milestone_key
    from milestones
    where {{ changed_since('milestones') }}
),

spans as (
    {{ key_spans('milestones', 'milestone_key', 'changed_keys') }}
),

final as (
    select
        milestones.milestone_key,
        milestones.benchmark_key,
        milestones.programme_code,
        milestones.partner_code,
        milestones.milestone_id,
        milestones.action_code,
        milestones.label,
        milestones.status,
        milestones.proof_id,
        milestones.due_on,
        milestones.delivered_on,
        milestones.delivery_id,
        milestones.row_number,
        milestones.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join milestones
        on spans.delivery_id = milestones.delivery_id and spans.row_number = milestones.row_number
)

select * from final
