with
projects as (
    select * from {{ source('raw', 'f10_projets_collaboratifs') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'projects.projet_id', 'projects.siren']) }} as project_partner_key,
        {{ surrogate_key(['deliveries.partner_code', 'projects.projet_id']) }} as project_key,
        deliveries.partner_code,
        projects.programme_code,
        projects.projet_id as project_id,
        projects.titre as title,
        projects.filiere as sector,
        projects.etat as status,
        projects.siren,
        projects.role,
        projects.pays as country_code,
        projects.nature as legal_nature,
        projects.quote_part::numeric as declared_share,
        projects.accompagnement::boolean as is_supported,
        projects.acceptable::boolean as is_acceptable,
        projects.fiable::boolean as is_reliable,
        projects.explicable::boolean as is_explainable,
        projects.robuste::boolean as is_robust,
        projects.transparente::boolean as is_transparent,
        projects.date_lancement::date as started_on,
        projects.date_livraison::date as delivered_on,
        {{ raw_row_columns('projects') }}
    from projects
    inner join loads on projects._load_id = loads.load_id
    inner join deliveries on projects._delivery_id = deliveries.delivery_id
    left join supersessions on projects._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
