with
journeys as (
    select * from {{ source('raw', 'f05_parcours_entreprises') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'journeys.parcours_id']) }} as adoption_key,
        deliveries.partner_code,
        journeys.programme_code,
        journeys.parcours_id as journey_id,
        journeys.siren,
        journeys.siret_etab as siret,
        journeys.code_commune as commune_code,
        journeys.entreprise_individuelle::boolean as is_sole_proprietor,
        journeys.taille_effectif as size_band,
        journeys.naf as naf_code,
        journeys.solution_famille as solution_family,
        journeys.siren_fournisseur as supplier_siren,
        journeys.siret_fournisseur as supplier_siret,
        journeys.origine_decision as decision_origin,
        journeys.oriente_par_epci as referring_epci_code,
        journeys.date_orientation::date as referred_on,
        journeys.date_sensibilisation::date as made_aware_on,
        journeys.date_diagnostic::date as diagnosed_on,
        journeys.date_feuille_route::date as roadmap_on,
        journeys.date_prototype::date as prototyped_on,
        journeys.date_deploiement::date as deployed_on,
        journeys.date_mesure_gain::date as gain_measured_on,
        journeys.date_arret::date as stopped_on,
        {{ raw_row_columns('journeys') }}
    from journeys
    inner join loads on journeys._load_id = loads.load_id
    inner join deliveries on journeys._delivery_id = deliveries.delivery_id
    left join supersessions on journeys._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
