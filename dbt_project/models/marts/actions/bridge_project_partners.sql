{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="project_key",
        indexes=[{"columns": ["project_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
lines as (
    select * from {{ ref('stg_drop__projects') }}
),

parents as (
    select * from {{ ref('fct_projects') }}
),

files as (
    select * from {{ ref('stg_ops__deliveries') }}
),

changed_keys as (
    select distinct project_partner_key
    from lines
    where
        project_key in (
            select changed.project_key
            from lines as changed
            where {{ changed_since('changed') }}
        )
),

spans as (
    {{ key_spans('lines', 'project_partner_key', 'changed_keys') }}
),

-- the last file that speaks of a project names all its partners
held as (
    select
        lines.project_partner_key,
        lines.project_key,
        lines.programme_code,
        lines.partner_code,
        lines.siren,
        lines.role,
        lines.country_code,
        lines.legal_nature,
        lines.declared_share,
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
            lines.project_key = parents.project_key
            and (parents.known_to_build is null or spans.known_from_build < parents.known_to_build)
            and (spans.known_to_build is null or spans.known_to_build > parents.known_from_build)
    inner join files
        on
            parents.delivery_id = files.delivery_id
            and lines.period_start = files.period_start
            and lines.period_end = files.period_end
            and lines.version = files.version
),

boundaries as (
    select
        project_key,
        known_from_build as build_id
    from held
    union
    select
        project_key,
        known_to_build as build_id
    from held
    where known_to_build is not null
),

intervals as (
    select
        project_key,
        build_id as known_from_build,
        lead(build_id) over (partition by project_key order by build_id) as known_to_build
    from boundaries
),

-- whatever the rounding of what was written, the shares of a project sum to 1
final as (
    select
        held.project_partner_key,
        held.project_key,
        held.programme_code,
        held.partner_code,
        held.siren,
        held.role,
        held.country_code,
        held.legal_nature,
        held.declared_share,
        trim_scale(
            coalesce(
                held.declared_share / nullif(sum(held.declared_share) over known_together, 0),
                1.0 / count(*) over known_together
            )
        ) as share,
        held.delivery_id,
        held.row_number,
        held.row_hash,
        intervals.known_from_build,
        intervals.known_to_build
    from intervals
    inner join held
        on
            intervals.project_key = held.project_key
            and intervals.known_from_build >= held.known_from_build
            and (held.known_to_build is null or intervals.known_from_build < held.known_to_build)
    window known_together as (partition by intervals.project_key, intervals.known_from_build)
)

select * from final
