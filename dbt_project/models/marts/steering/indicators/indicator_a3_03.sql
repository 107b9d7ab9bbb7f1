{{ config(materialized="view") }}

with
projects as (
    {{ launched_projects() }}
),

final as (
    select
        {{ contribution_columns(
            'A3-03',
            entity='project_key',
            occurred_on='started_on',
            territory='region',
            axes=['filiere'],
            num="1",
            den="null",
        ) }}
    from projects
    where organisations >= 2
)

select * from final
