{{ config(materialized="view") }}

with
milestones as (
    select
        *,
        action_code as axis_action
    from {{ ref('fct_milestones') }} as milestone_rows
    where {{ as_of('milestone_rows') }}
),

final as (
    select
        {{ contribution_columns(
            'R-01',
            entity='milestone_key',
            occurred_on='due_on',
            territory='region',
            axes=['action'],
            num="case when status = 'LIVRE' and delivered_on <= due_on then 1 else 0 end",
            den='1',
        ) }}
    from milestones
    where due_on < {{ business_date() }}
)

select * from final
