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
projects as (
    select * from {{ ref('stg_drop__projects') }}
),

changed_keys as (
    select distinct project_key
    from projects
    where {{ changed_since('projects') }}
),

spans as (
    {{ key_spans('projects', 'project_key', 'changed_keys') }}
),

final as (
    select
        projects.project_key,
        projects.programme_code,
        projects.partner_code,
        projects.project_id,
        projects.title,
        projects.sector,
        projects.status,
        projects.is_supported,
        projects.is_acceptable,
        projects.is_reliable,
        projects.is_explainable,
        projects.is_robust,
        projects.is_transparent,
        projects.started_on,
        projects.delivered_on,
        projects.delivery_id,
        projects.row_number,
        projects.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join projects
        on spans.delivery_id = projects.delivery_id and spans.row_number = projects.row_number
)

select * from final
