{{ config(materialized="view") }}

with
milestones as (
    select *
    from {{ ref('fct_milestones') }} as milestone_rows
    where status = 'LIVRE' and {{ as_of('milestone_rows') }}
),

opened as (
    select *
    from milestones
    where action_code = any(string_to_array({{ parameter_text('opening_measures', 'milestones.programme_code') }}, ';'))
),

final as (
    select
        {{ contribution_columns(
            'R-03',
            entity='milestone_key',
            occurred_on='delivered_on',
            territory='region',
            num='1',
            den='null',
        ) }}
    from opened
)

select * from final
