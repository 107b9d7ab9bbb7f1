with
decisions as (
    select * from {{ source('raw', 'g04_decisions') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'decisions.decision_id']) }} as decision_key,
        deliveries.partner_code,
        decisions.programme_code,
        decisions.decision_id,
        decisions.libelle as label,
        decisions.responsable as responsible,
        decisions.statut as status,
        decisions.cloture_id as closing_id,
        decisions.seance::date as decided_on,
        decisions.seance_prevue::date as planned_on,
        decisions.echeance::date as due_on,
        decisions.date_execution::date as done_on,
        {{ raw_row_columns('decisions') }}
    from decisions
    inner join loads on decisions._load_id = loads.load_id
    inner join deliveries on decisions._delivery_id = deliveries.delivery_id
    left join supersessions on decisions._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
