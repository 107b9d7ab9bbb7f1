{{ config(materialized="view") }}

with
deliveries as (
    select
        *,
        feed as axis_flux,
        0 as row_number,
        null::text as row_hash
    from {{ ref('dim_delivery') }}
    where feed is not null and period is not null
),

-- a delivery that says something wrong, and the next one of the same partner, feed and period
corrections as (
    select
        deliveries.*,
        (
            select min(later.received_at)
            from deliveries as later
            where
                later.partner_code = deliveries.partner_code
                and later.feed = deliveries.feed
                and later.period = deliveries.period
                and later.received_at > deliveries.received_at
        ) as next_received_at
    from deliveries
    where deliveries.is_blocked or deliveries.rows_rejected > 0
),

final as (
    select
        {{ contribution_columns(
            'T-04',
            entity='delivery_id',
            occurred_on="next_received_at at time zone 'America/Martinique'",
            territory='region',
            axes=['flux'],
            num="extract(epoch from next_received_at - received_at) / 3600",
            den="null",
        ) }}
    from corrections
    where next_received_at is not null
)

select * from final
