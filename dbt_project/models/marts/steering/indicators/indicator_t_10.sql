{{ config(materialized="view") }}

with
decisions as (
    select * from {{ ref('fct_decisions') }} as decision_rows
    where {{ as_of('decision_rows') }}
),

final as (
    select
        {{ contribution_columns(
            'T-10',
            entity='decision_key',
            occurred_on='due_on',
            territory='region',
            num="case when status = 'EXECUTEE' and done_on <= due_on then 1 else 0 end",
            den='1',
        ) }}
    from decisions
    where due_on < {{ business_date() }}
)

select * from final
