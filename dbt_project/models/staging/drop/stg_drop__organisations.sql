with
organisations as (
    select * from {{ source('raw', 'f14_structures') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'organisations.siren', 'organisations.role']) }}
            as company_role_key,
        deliveries.partner_code,
        organisations.programme_code,
        organisations.siren,
        organisations.denomination as label,
        organisations.role,
        organisations.code_commune as commune_code,
        organisations.naf as naf_code,
        organisations.offre_ia::boolean as offers_ai,
        organisations.deeptech::boolean as is_deeptech,
        organisations.effectif_ia::integer as ai_headcount,
        organisations.date_creation::date as founded_on,
        organisations.date_debut::date as valid_from,
        {{ raw_row_columns('organisations') }}
    from organisations
    inner join loads on organisations._load_id = loads.load_id
    inner join deliveries on organisations._delivery_id = deliveries.delivery_id
    left join supersessions on organisations._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
