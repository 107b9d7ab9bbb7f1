{{ config(materialized="view") }}

with
projects as (
    {{ launched_projects() }}
),

final as (
    select
        {{ contribution_columns(
            'A3-05',
            entity='project_key',
            occurred_on='started_on',
            territory='region',
            axes=['filiere'],
            num="case when is_public_private then 1 else 0 end",
            den="1",
        ) }}
    from projects
)

select * from final
