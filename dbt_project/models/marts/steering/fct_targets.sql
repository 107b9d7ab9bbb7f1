{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="target_key",
        indexes=[{"columns": ["target_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
targets as (
    select * from {{ ref('stg_drop__targets') }}
),

changed_keys as (
    select distinct target_key
    from targets
    where {{ changed_since('targets') }}
),

spans as (
    {{ key_spans('targets', 'target_key', 'changed_keys') }}
),

final as (
    select
        targets.target_key,
        targets.decision_key,
        targets.programme_code,
        targets.partner_code,
        targets.indicator_code,
        targets.scope,
        targets.target_type,
        targets.decision_id,
        targets.base_value,
        targets.target_value,
        targets.base_on,
        targets.due_on,
        targets.delivery_id,
        targets.row_number,
        targets.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join targets
        on spans.delivery_id = targets.delivery_id and spans.row_number = targets.row_number
)

select * from final
