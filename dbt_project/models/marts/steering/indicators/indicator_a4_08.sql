{{ config(materialized="view") }}

with
actions as (
    {{ roadmap_actions() }}
),

final as (
    select
        {{ contribution_columns(
            'A4-08',
            entity='diagnostic_key',
            subject='siren',
            occurred_on='prototyped_on',
            territory='region',
            axes=['filiere'],
            num='case when prototyped_on <= ordered_on + 90 then 1 else 0 end',
            den='1',
        ) }}
    from actions
    where prototyped_on is not null and ordered_on is not null
)

select * from final
