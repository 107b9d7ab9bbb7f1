with
funding as (
    select * from {{ source('raw', 'f13_financements') }}
),

deliveries as (
    select * from {{ source('ops', 'deliveries') }}
),

loads as (
    select * from {{ source('ops', 'loads') }}
),

supersessions as (
    {{ first_supersessions() }}
),

final as (
    select
        {{ surrogate_key(['deliveries.partner_code', 'funding.convention_id', 'funding.ligne']) }} as funding_key,
        {{ surrogate_key(['funding._object_partner_code', 'funding.enveloppe_id']) }} as envelope_key,
        deliveries.partner_code,
        funding.programme_code,
        funding.convention_id as agreement_id,
        funding.ligne::integer as line_number,
        funding.dispositif as scheme_code,
        funding.enveloppe_id as envelope_id,
        funding.cas_usage_id as use_case_id,
        funding.beneficiaire_siren as beneficiary_siren,
        funding.beneficiaire_code_commune as beneficiary_commune_code,
        funding.source as fund_source,
        funding.action_code,
        funding.cout_eligible::numeric as eligible_cost_eur,
        funding.montant_vote::numeric as voted_eur,
        funding.montant_engage::numeric as committed_eur,
        funding.montant_mandate::numeric as paid_eur,
        funding.date::date as occurred_on,
        {{ raw_row_columns('funding') }}
    from funding
    inner join loads on funding._load_id = loads.load_id
    inner join deliveries on funding._delivery_id = deliveries.delivery_id
    left join supersessions on funding._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
