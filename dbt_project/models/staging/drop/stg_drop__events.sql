with
events as (
    select * from {{ source('raw', 'f08_evenements') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'events.evenement_id']) }} as event_key,
        deliveries.partner_code,
        events.programme_code,
        events.evenement_id as event_id,
        events.reseau_id as network_id,
        events.type as event_type,
        events.statut as status,
        events.code_commune as commune_code,
        events.organisateurs as organiser_sirens,
        events.soutiens as supporter_sirens,
        events.effectif_declare::integer as declared_headcount,
        events.date::date as occurred_on,
        events.date_proposition::date as proposed_on,
        {{ raw_row_columns('events') }}
    from events
    inner join loads on events._load_id = loads.load_id
    inner join deliveries on events._delivery_id = deliveries.delivery_id
    left join supersessions on events._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
