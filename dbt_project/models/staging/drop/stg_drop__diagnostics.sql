with
diagnostics as (
    select * from {{ source('raw', 'f07_diagnostics_feuilles_route') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'diagnostics.diagnostic_id', 'diagnostics.action_fr_id']) }}
            as roadmap_action_key,
        {{ surrogate_key(['deliveries.partner_code', 'diagnostics.diagnostic_id']) }} as diagnostic_key,
        deliveries.partner_code,
        diagnostics.programme_code,
        diagnostics.diagnostic_id,
        diagnostics.action_fr_id as roadmap_action_id,
        diagnostics.siren,
        diagnostics.code_commune as commune_code,
        diagnostics.taille_effectif as size_band,
        diagnostics.naf as naf_code,
        diagnostics.secteur_strategique as strategic_sector,
        diagnostics.prestation as service,
        diagnostics.statut as status,
        diagnostics.projet_ia_id as ai_project_id,
        coalesce(diagnostics.poids::numeric, 1) as weight,
        diagnostics.date_commande::date as ordered_on,
        diagnostics.date_remise::date as delivered_on,
        diagnostics.echeance::date as due_on,
        diagnostics.date_realisation::date as done_on,
        diagnostics.date_prototype::date as prototyped_on,
        diagnostics.date_lancement_projet::date as project_started_on,
        {{ raw_row_columns('diagnostics') }}
    from diagnostics
    inner join loads on diagnostics._load_id = loads.load_id
    inner join deliveries on diagnostics._delivery_id = deliveries.delivery_id
    left join supersessions on diagnostics._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
