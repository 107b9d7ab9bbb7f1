with
envelopes as (
    select * from {{ source('raw', 'g05_enveloppes') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'envelopes.enveloppe_id']) }} as envelope_key,
        case
            when envelopes.parent_id is not null
                then {{ surrogate_key(['deliveries.partner_code', 'envelopes.parent_id']) }}
        end as parent_envelope_key,
        deliveries.partner_code,
        envelopes.programme_code,
        envelopes.enveloppe_id as envelope_id,
        envelopes.parent_id as parent_envelope_id,
        envelopes.libelle as label,
        envelopes.montant::numeric as amount_eur,
        envelopes.debut::date as starts_on,
        envelopes.fin::date as ends_on,
        {{ raw_row_columns('envelopes') }}
    from envelopes
    inner join loads on envelopes._load_id = loads.load_id
    inner join deliveries on envelopes._delivery_id = deliveries.delivery_id
    left join supersessions on envelopes._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
