with
gains as (
    select * from {{ source('raw', 'f06_mesures_gain') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'gains.parcours_id', 'gains.type', 'gains.date_mesure']) }}
            as gain_key,
        {{ surrogate_key(['gains._object_partner_code', 'gains.parcours_id']) }} as adoption_key,
        deliveries.partner_code,
        gains.programme_code,
        gains._object_partner_code as journey_partner_code,
        gains.parcours_id as journey_id,
        gains.type as gain_type,
        gains.unite as unit,
        gains.methode as method,
        gains.piece_sha256 as document_sha256,
        gains.valeur_avant::numeric as value_before,
        gains.valeur_apres::numeric as value_after,
        gains.date_avant::date as before_on,
        gains.date_mesure::date as measured_on,
        {{ raw_row_columns('gains') }}
    from gains
    inner join loads on gains._load_id = loads.load_id
    inner join deliveries on gains._delivery_id = deliveries.delivery_id
    left join supersessions on gains._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
