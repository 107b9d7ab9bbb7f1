{{ config(materialized="view") }}

with
milestones as (
    select * from {{ ref('fct_milestones') }} as milestone_rows
    where
        status = 'LIVRE'
        and strpos(lower(replace(label, '’', '''')), 'étude d''impact') > 0
        and {{ as_of('milestone_rows') }}
),

final as (
    select
        {{ contribution_columns(
            'D-02',
            entity='milestone_key',
            occurred_on='delivered_on',
            territory='region',
            num='1',
            den='null',
        ) }}
    from milestones
)

select * from final
