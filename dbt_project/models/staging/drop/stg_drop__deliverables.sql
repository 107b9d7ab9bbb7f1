with
deliverables as (
    select * from {{ source('raw', 'f11_sensibilisation_livrables') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'deliverables.action_id', 'deliverables.public']) }}
            as deliverable_public_key,
        {{ surrogate_key(['deliveries.partner_code', 'deliverables.action_id']) }} as deliverable_key,
        deliveries.partner_code,
        deliverables.programme_code,
        deliverables.action_id,
        deliverables.type as deliverable_type,
        deliverables.theme,
        deliverables.statut as status,
        deliverables.code_commune as commune_code,
        deliverables.public,
        deliverables.url_livrable as url,
        deliverables.effectif_anonyme::integer as anonymous_headcount,
        deliverables.date::date as occurred_on,
        {{ raw_row_columns('deliverables') }}
    from deliverables
    inner join loads on deliverables._load_id = loads.load_id
    inner join deliveries on deliverables._delivery_id = deliveries.delivery_id
    left join supersessions on deliverables._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
