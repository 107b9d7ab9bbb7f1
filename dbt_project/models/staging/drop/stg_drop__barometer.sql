with
barometer as (
    select * from {{ source('raw', 'f12_barometre_perception') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'barometer.vague', 'barometer.repondant_id']) }} as answer_key,
        deliveries.partner_code,
        barometer.programme_code,
        barometer.vague as wave,
        barometer.repondant_id as respondent_token,
        barometer.tranche_age as age_band,
        barometer.sexe as sex,
        barometer.code_epci as epci_code,
        barometer.utilise_ia as ai_use,
        barometer.confiance as trust,
        barometer.plan_sondage as sampling,
        barometer.poids::numeric as weight,
        {{ raw_row_columns('barometer') }}
    from barometer
    inner join loads on barometer._load_id = loads.load_id
    inner join deliveries on barometer._delivery_id = deliveries.delivery_id
    left join supersessions on barometer._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
