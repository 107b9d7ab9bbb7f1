{{ config(materialized="view") }}

with
lines as (
    select
        funding.*,
        funding.scheme_code as axis_dispositif
    from ({{ funding_lines() }}) as funding
    inner join {{ ref('dim_funding_scheme') }} as schemes on funding.scheme_code = schemes.scheme_code
    where funding.voted_eur > schemes.max_rate * funding.eligible_cost_eur
),

final as (
    select
        {{ contribution_columns(
            'F-02',
            entity='funding_key',
            subject='beneficiary_siren',
            occurred_on='occurred_on',
            territory='region',
            axes=['dispositif'],
            num='1',
            den='null',
        ) }}
    from lines
)

select * from final
