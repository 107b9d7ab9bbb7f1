{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="envelope_key",
        indexes=[{"columns": ["envelope_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
envelopes as (
    select * from {{ ref('stg_drop__envelopes') }}
),

changed_keys as (
    select distinct envelope_key
    from envelopes
    where {{ changed_since('envelopes') }}
),

spans as (
    {{ key_spans('envelopes', 'envelope_key', 'changed_keys') }}
),

final as (
    select
        envelopes.envelope_key,
        envelopes.parent_envelope_key,
        envelopes.programme_code,
        envelopes.partner_code,
        envelopes.envelope_id,
        envelopes.parent_envelope_id,
        envelopes.label,
        envelopes.amount_eur,
        envelopes.starts_on,
        envelopes.ends_on,
        envelopes.delivery_id,
        envelopes.row_number,
        envelopes.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join envelopes
        on spans.delivery_id = envelopes.delivery_id and spans.row_number = envelopes.row_number
)

select * from final
