{{ config(materialized="view") }}

with
actions as (
    {{ awareness_actions() }}
),

final as (
    select
        {{ contribution_columns(
            'A5-01',
            entity='deliverable_key',
            occurred_on='occurred_on',
            territory='venue',
            members='members',
            num='1',
            den='null',
        ) }}
    from actions
)

select * from final
