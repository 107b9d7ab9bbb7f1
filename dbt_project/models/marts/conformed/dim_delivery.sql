with
deliveries as (
    select * from {{ ref('stg_ops__deliveries') }}
),

partners as (
    select * from {{ ref('dim_partner') }}
),

accepted as (
    select
        delivery_id,
        sum(rows_accepted) as rows_accepted
    from {{ ref('stg_ops__loads') }}
    where build_id <= {{ as_of_build() }} and kind <> 'EFFACEMENT'
    group by delivery_id
),

final as (
    select
        deliveries.delivery_id,
        partners.programme_code,
        deliveries.partner_code,
        deliveries.feed,
        deliveries.source,
        deliveries.file_name,
        deliveries.period,
        deliveries.period_start,
        deliveries.period_end,
        deliveries.version,
        deliveries.part,
        deliveries.sha256,
        deliveries.received_at,
        deliveries.state,
        deliveries.is_blocked,
        deliveries.known_to_build is null or deliveries.known_to_build > {{ as_of_build() }} as is_in_force,
        not deliveries.is_blocked and (deliveries.rows_received = 0 or accepted.rows_accepted > 0) as is_accepted,
        deliveries.rows_received::bigint as rows_received,
        accepted.rows_accepted::bigint as rows_accepted,
        greatest(deliveries.rows_received - deliveries.rows_rejected - accepted.rows_accepted, 0)::bigint
            as rows_awaiting,
        deliveries.rows_rejected::bigint as rows_rejected,
        deliveries.known_from_build,
        deliveries.known_to_build
    from deliveries
    inner join accepted on deliveries.delivery_id = accepted.delivery_id
    inner join partners on deliveries.partner_code = partners.partner_code
)

select * from final
