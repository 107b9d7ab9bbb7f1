{{ config(materialized="view") }}

with
lines as (
    {{ funding_lines() }}
),

final as (
    select
        {{ contribution_columns(
            'A4-07',
            entity='funding_key',
            subject='beneficiary_siren',
            occurred_on='occurred_on',
            territory='region',
            num='voted_eur',
            den='eligible_cost_eur',
        ) }}
    from lines
    where fund_source = 'CLUSTER'
)

select * from final
