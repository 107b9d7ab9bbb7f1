{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="gain_key",
        indexes=[{"columns": ["gain_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
gains as (
    select * from {{ ref('stg_drop__gains') }}
),

changed_keys as (
    select distinct gain_key
    from gains
    where {{ changed_since('gains') }}
),

spans as (
    {{ key_spans('gains', 'gain_key', 'changed_keys') }}
),

final as (
    select
        gains.gain_key,
        gains.adoption_key,
        gains.programme_code,
        gains.partner_code,
        gains.journey_partner_code,
        gains.journey_id,
        gains.gain_type,
        gains.unit,
        gains.method,
        gains.document_sha256,
        gains.value_before,
        gains.value_after,
        (gains.value_after - gains.value_before) / nullif(gains.value_before, 0) as relative_change,
        gains.before_on,
        gains.measured_on,
        gains.delivery_id,
        gains.row_number,
        gains.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join gains
        on spans.delivery_id = gains.delivery_id and spans.row_number = gains.row_number
)

select * from final
