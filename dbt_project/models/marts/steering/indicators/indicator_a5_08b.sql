{{ config(materialized="view") }}

with
projects as (
    {{ projects_by_criteria() }}
),

final as (
    select
        {{ contribution_columns(
            'A5-08b',
            entity='project_key',
            occurred_on='started_on',
            territory='region',
            axes=['filiere'],
            num='case when met_criteria = 5 then 1 else 0 end',
            den='1',
        ) }}
    from projects
    where known_criteria > 0
)

select * from final
