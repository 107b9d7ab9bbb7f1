with
members as (
    select * from {{ source('raw', 'f09_membres_reseau') }}
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
        members.*,
        coalesce(members.person_key_2, members.person_key_1) as person
    from members
),

final as (
    select
        {{ surrogate_key([
            'deliveries.partner_code', 'keyed.reseau_id', 'keyed.person', 'keyed.role', 'keyed.date_seance',
        ]) }} as member_line_key,
        {{ surrogate_key(['deliveries.partner_code', 'keyed.reseau_id', 'keyed.person', 'keyed.role']) }}
            as membership_key,
        deliveries.partner_code,
        keyed.programme_code,
        ops.person_key(keyed.person_key_1, keyed.person_key_2, keyed.person_key_3) as person_key,
        keyed.reseau_id as network_id,
        keyed.role,
        keyed.domaine as expertise,
        keyed.tranche_age as age_band,
        keyed.binome_id as pair_id,
        keyed.date_adhesion::date as joined_on,
        keyed.date_sortie::date as left_on,
        keyed.date_seance::date as met_on,
        {{ raw_row_columns('keyed', by_row=true) }}
    from keyed
    inner join loads on keyed._load_id = loads.load_id
    inner join deliveries on keyed._delivery_id = deliveries.delivery_id
    left join supersessions on keyed._delivery_id = supersessions.delivery_id
    left join erasures on keyed._delivery_id = erasures.delivery_id and keyed._row_number = erasures.row_number
    where loads.build_id is not null
)

select * from final
