{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="deliverable_key",
        indexes=[{"columns": ["deliverable_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
deliverables as (
    select * from {{ ref('stg_drop__deliverables') }}
),

changed_keys as (
    select distinct deliverable_key
    from deliverables
    where {{ changed_since('deliverables') }}
),

spans as (
    {{ key_spans('deliverables', 'deliverable_key', 'changed_keys') }}
),

final as (
    select
        deliverables.deliverable_key,
        deliverables.programme_code,
        deliverables.partner_code,
        deliverables.action_id,
        deliverables.deliverable_type,
        deliverables.theme,
        deliverables.status,
        deliverables.commune_code,
        deliverables.url,
        deliverables.occurred_on,
        deliverables.delivery_id,
        deliverables.row_number,
        deliverables.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join deliverables
        on spans.delivery_id = deliverables.delivery_id and spans.row_number = deliverables.row_number
)

select * from final
