with
deliveries as (
    select * from {{ source('ops', 'deliveries') }}
),

loads as (
    select
        delivery_id,
        min(build_id) as known_from_build
    from {{ source('ops', 'loads') }}
    where build_id is not null
    group by delivery_id
),

supersessions as (
    {{ first_supersessions() }}
),

final as (
    select
        deliveries.delivery_id,
        deliveries.feed,
        deliveries.partner_code,
        deliveries.source,
        deliveries.file_name,
        deliveries.period,
        deliveries.period_start,
        deliveries.period_end,
        deliveries.version,
        deliveries.part,
        deliveries.sha256,
        deliveries.contract_version,
        deliveries.state,
        deliveries.is_blocked,
        deliveries.rows_received,
        deliveries.rows_accepted,
        deliveries.rows_awaiting,
        deliveries.rows_rejected,
        deliveries.received_at,
        loads.known_from_build,
        supersessions.known_to_build
    from deliveries
    left join loads on deliveries.delivery_id = loads.delivery_id
    left join supersessions on deliveries.delivery_id = supersessions.delivery_id
)

select * from final
