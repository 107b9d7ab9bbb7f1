{{ config(materialized="view") }}

with
actions as (
    {{ roadmap_actions() }}
),

final as (
    select
        {{ contribution_columns(
            'A4-03',
            entity="partner_code || '|' || ai_project_id",
            subject='siren',
            occurred_on='project_started_on',
            territory='region',
            axes=['filiere'],
            num='1',
            den='null',
        ) }}
    from actions
    where ai_project_id is not null and project_started_on is not null
)

select * from final
