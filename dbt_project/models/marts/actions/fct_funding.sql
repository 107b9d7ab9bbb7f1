{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="funding_key",
        indexes=[{"columns": ["funding_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
funding as (
    select * from {{ ref('stg_drop__funding') }}
),

changed_keys as (
    select distinct funding_key
    from funding
    where {{ changed_since('funding') }}
),

spans as (
    {{ key_spans('funding', 'funding_key', 'changed_keys') }}
),

final as (
    select
        funding.funding_key,
        stages.stage,
        funding.envelope_key,
        funding.programme_code,
        funding.partner_code,
        funding.agreement_id,
        funding.line_number,
        funding.scheme_code,
        funding.envelope_id,
        funding.use_case_id,
        funding.beneficiary_siren,
        funding.beneficiary_commune_code,
        funding.fund_source,
        funding.action_code,
        funding.eligible_cost_eur,
        stages.amount_eur,
        funding.occurred_on,
        funding.delivery_id,
        funding.row_number,
        funding.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join funding
        on spans.delivery_id = funding.delivery_id and spans.row_number = funding.row_number
    cross join lateral (
        values
        ('VOTE', funding.voted_eur),
        ('ENGAGE', funding.committed_eur),
        ('MANDATE', funding.paid_eur)
    ) as stages (stage, amount_eur)
)

select * from final
