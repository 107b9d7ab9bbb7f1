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
lines as (
    select * from {{ ref('stg_drop__deliverables') }}
),

parents as (
    select * from {{ ref('fct_deliverables') }}
),

files as (
    select * from {{ ref('stg_ops__deliveries') }}
),

changed_keys as (
    select distinct deliverable_public_key
    from lines
    where
        deliverable_key in (
            select changed.deliverable_key
            from lines as changed
            where {{ changed_since('changed') }}
        )
),

spans as (
    {{ key_spans('lines', 'deliverable_public_key', 'changed_keys') }}
),

-- the last file that speaks of an action says all its publics
final as (
    select
        lines.deliverable_public_key,
        lines.deliverable_key,
        lines.programme_code,
        lines.partner_code,
        lines.public,
        lines.anonymous_headcount,
        lines.delivery_id,
        lines.row_number,
        lines.row_hash,
        greatest(spans.known_from_build, parents.known_from_build) as known_from_build,
        least(spans.known_to_build, parents.known_to_build) as known_to_build
    from spans
    inner join lines
        on spans.delivery_id = lines.delivery_id and spans.row_number = lines.row_number
    inner join parents
        on
            lines.deliverable_key = parents.deliverable_key
            and (parents.known_to_build is null or spans.known_from_build < parents.known_to_build)
            and (spans.known_to_build is null or spans.known_to_build > parents.known_from_build)
    inner join files
        on
            parents.delivery_id = files.delivery_id
            and lines.period_start = files.period_start
            and lines.period_end = files.period_end
            and lines.version = files.version
)

select * from final
