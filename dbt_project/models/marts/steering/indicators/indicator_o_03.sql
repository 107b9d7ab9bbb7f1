{{ config(materialized="view") }}

with
projects as (
    {{ projects_by_criteria() }}
),

final as (
    select
        {{ contribution_columns(
            'O-03',
            entity='project_key',
            occurred_on='started_on',
            territory='region',
            axes=['filiere'],
            num='1',
            den='null',
        ) }}
    from projects
    where is_supported
)

select * from final
