{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="benchmark_key",
        indexes=[{"columns": ["benchmark_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
benchmarks as (
    select * from {{ ref('stg_drop__benchmarks') }}
),

changed_keys as (
    select distinct benchmark_key
    from benchmarks
    where {{ changed_since('benchmarks') }}
),

spans as (
    {{ key_spans('benchmarks', 'benchmark_key', 'changed_keys') }}
),

final as (
    select
        benchmarks.benchmark_key,
        benchmarks.programme_code,
        benchmarks.partner_code,
        benchmarks.benchmark_id,
        benchmarks.indicator_code,
        benchmarks.unit,
        benchmarks.field,
        benchmarks.vintage,
        benchmarks.publisher,
        benchmarks.url,
        benchmarks.document_sha256,
        benchmarks.proof_level,
        benchmarks.value,
        benchmarks.delivery_id,
        benchmarks.row_number,
        benchmarks.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join benchmarks
        on spans.delivery_id = benchmarks.delivery_id and spans.row_number = benchmarks.row_number
)

select * from final
