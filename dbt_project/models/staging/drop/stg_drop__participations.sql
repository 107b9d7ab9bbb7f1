with
participations as (
    select * from {{ source('raw', 'f02_participations') }}
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
        participations.*,
        coalesce(participations.person_key_2, participations.person_key_1) as person,
        coalesce(participations.objet_type, 'SESSION') as object_type
    from participations
),

final as (
    select
        {{ surrogate_key(['deliveries.partner_code', 'keyed.object_type', 'keyed.objet_id', 'keyed.person']) }}
            as participation_key,
        {{ surrogate_key(['keyed._object_partner_code', 'keyed.objet_id']) }} as object_key,
        deliveries.partner_code,
        ops.person_key(keyed.person_key_1, keyed.person_key_2, keyed.person_key_3) as person_key,
        keyed.programme_code,
        keyed.object_type,
        keyed.objet_id as object_id,
        keyed._object_partner_code as object_partner_code,
        keyed.statut as status,
        coalesce(keyed.role, 'PARTICIPANT') as role,
        keyed.sexe as sex,
        keyed.statut_pro as employment_status,
        keyed.niveau_diplome as diploma_level,
        keyed.tranche_age as age_band,
        keyed.code_commune_residence as residence_commune_code,
        keyed.siren_employeur as employer_siren,
        keyed.canal_orientation as referral_channel,
        keyed.duree_suivie_h::numeric as followed_hours,
        keyed.date_fin_suivi::date as followed_until_on,
        {{ raw_row_columns('keyed', by_row=true) }}
    from keyed
    inner join loads on keyed._load_id = loads.load_id
    inner join deliveries on keyed._delivery_id = deliveries.delivery_id
    left join supersessions on keyed._delivery_id = supersessions.delivery_id
    left join erasures on keyed._delivery_id = erasures.delivery_id and keyed._row_number = erasures.row_number
    where loads.build_id is not null
)

select * from final
