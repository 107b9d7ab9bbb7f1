with
milestones as (
    select * from {{ source('raw', 'g01_jalons') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'milestones.jalon_id']) }} as milestone_key,
        case
            when milestones.preuve_id is not null
                then {{ surrogate_key(['milestones._object_partner_code', 'milestones.preuve_id']) }}
        end as benchmark_key,
        deliveries.partner_code,
        milestones.programme_code,
        milestones.jalon_id as milestone_id,
        milestones.mesure_code as action_code,
        milestones.libelle as label,
        milestones.etat as status,
        milestones.preuve_id as proof_id,
        milestones.echeance::date as due_on,
        milestones.date_livraison::date as delivered_on,
        {{ raw_row_columns('milestones') }}
    from milestones
    inner join loads on milestones._load_id = loads.load_id
    inner join deliveries on milestones._delivery_id = deliveries.delivery_id
    left join supersessions on milestones._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
