{{ config(materialized="view") }}

with
lines as (
    select
        funding.*,
        funding.fund_source as axis_source_fonds
    from ({{ funding_lines() }}) as funding
),

final as (
    select
        {{ contribution_columns(
            'F-01b',
            entity='funding_key',
            subject='beneficiary_siren',
            occurred_on='occurred_on',
            territory='region',
            axes=['source_fonds'],
            num='paid_eur',
            den='committed_eur',
        ) }}
    from lines
)

select * from final
