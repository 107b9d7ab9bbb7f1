with
certifications as (
    select * from {{ source('raw', 'f03_certifications') }}
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

erasures as (
    {{ erased_rows() }}
),

keyed as (
    select
        certifications.*,
        coalesce(certifications.person_key_2, certifications.person_key_1) as person
    from certifications
),

final as (
    select
        {{ surrogate_key([
            'deliveries.partner_code', 'keyed.person', 'keyed.certification_code', 'keyed.date_presentation',
        ]) }} as certification_key,
        deliveries.partner_code,
        ops.person_key(keyed.person_key_1, keyed.person_key_2, keyed.person_key_3) as person_key,
        keyed.programme_code,
        keyed.certification_code,
        keyed._object_partner_code as session_partner_code,
        keyed.session_id,
        keyed.resultat as result,
        keyed.tranche_age as age_band,
        keyed.date_presentation::date as presented_on,
        keyed.date_obtention::date as obtained_on,
        {{ raw_row_columns('keyed', by_row=true) }}
    from keyed
    inner join loads on keyed._load_id = loads.load_id
    inner join deliveries on keyed._delivery_id = deliveries.delivery_id
    left join supersessions on keyed._delivery_id = supersessions.delivery_id
    left join erasures on keyed._delivery_id = erasures.delivery_id and keyed._row_number = erasures.row_number
    where loads.build_id is not null
)

select * from final
