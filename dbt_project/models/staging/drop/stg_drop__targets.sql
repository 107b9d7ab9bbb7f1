with
targets as (
    select * from {{ source('raw', 'g02_cibles') }}
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
        {{ surrogate_key([
            'deliveries.partner_code', 'targets.indicateur', 'targets.perimetre', 'targets.date_cible', 'targets.decision_id',
        ]) }} as target_key,
        {{ surrogate_key(['targets._object_partner_code', 'targets.decision_id']) }} as decision_key,
        deliveries.partner_code,
        targets.programme_code,
        targets.indicateur as indicator_code,
        targets.perimetre as scope,
        targets.type_cible as target_type,
        targets.decision_id,
        targets.base::numeric as base_value,
        targets.cible::numeric as target_value,
        targets.date_base::date as base_on,
        targets.date_cible::date as due_on,
        {{ raw_row_columns('targets') }}
    from targets
    inner join loads on targets._load_id = loads.load_id
    inner join deliveries on targets._delivery_id = deliveries.delivery_id
    left join supersessions on targets._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
