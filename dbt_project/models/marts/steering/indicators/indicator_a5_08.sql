{{ config(materialized="view") }}

with
projects as (
    {{ projects_by_criteria() }}
),

final as (
    select
        {{ contribution_columns(
            'A5-08',
            entity='project_key',
            occurred_on='started_on',
            territory='region',
            axes=['filiere'],
            num='met_criteria',
            den='null',
        ) }}
    from projects
    where known_criteria > 0
)

select * from final
