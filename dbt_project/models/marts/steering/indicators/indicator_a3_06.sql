{{ config(materialized="view") }}

with
projects as (
    {{ launched_projects() }}
),

final as (
    select
        {{ contribution_columns(
            'A3-06',
            entity='project_key',
            occurred_on='started_on + 365',
            territory='region',
            axes=['filiere'],
            num="case when delivered_on <= started_on + 365 then 1 else 0 end",
            den="1",
        ) }}
    from projects
    where started_on + 365 <= {{ business_date() }}
)

select * from final
