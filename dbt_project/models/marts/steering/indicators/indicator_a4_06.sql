{{ config(materialized="view") }}

with
lines as (
    select
        funding.*,
        funding.action_code as axis_action
    from ({{ funding_lines() }}) as funding
),

final as (
    select
        {{ contribution_columns(
            'A4-06',
            entity='funding_key',
            subject='beneficiary_siren',
            occurred_on='occurred_on',
            territory='region',
            axes=['action'],
            num="case when fund_source <> 'PROGRAMME' then voted_eur else 0 end",
            den="case when fund_source = 'PROGRAMME' then voted_eur else 0 end",
        ) }}
    from lines
)

select * from final
