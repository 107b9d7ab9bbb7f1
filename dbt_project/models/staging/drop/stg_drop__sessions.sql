with
sessions as (
    select * from {{ source('raw', 'f01_sessions_formation') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'sessions.session_id']) }} as session_key,
        deliveries.partner_code,
        sessions.session_id,
        sessions.programme_code,
        sessions.action_code,
        sessions.intitule as title,
        sessions.modalite as modality,
        sessions.module_id,
        sessions.code_commune as commune_code,
        sessions.partenaires_co as co_partner_sirens,
        sessions.public_cible as target_audience,
        sessions.secteur_cible as target_sector,
        sessions.duree_prevue_h::numeric as planned_hours,
        sessions.places::integer as places,
        sessions.date_debut::date as starts_on,
        sessions.date_fin::date as ends_on,
        sessions.date_proposition::date as proposed_on,
        {{ raw_row_columns('sessions') }}
    from sessions
    inner join loads on sessions._load_id = loads.load_id
    inner join deliveries on sessions._delivery_id = deliveries.delivery_id
    left join supersessions on sessions._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
