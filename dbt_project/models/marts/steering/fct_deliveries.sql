with
deliveries as (
    select * from {{ ref('dim_delivery') }}
    where feed is not null and period is not null
),

expected as (
    select * from {{ ref('stg_ops__expected_deliveries') }}
),

partners as (
    select * from {{ ref('dim_partner') }}
),

builds as (
    select * from {{ ref('stg_ops__builds') }}
    where build_id = {{ as_of_build() }}
),

unexpected as (
    select
        deliveries.partner_code,
        deliveries.feed,
        deliveries.period,
        deliveries.period_start,
        deliveries.period_end,
        min(deliveries.received_at at time zone 'America/Martinique')::date as due_on
    from deliveries
    left join expected
        on
            deliveries.partner_code = expected.partner_code
            and deliveries.feed = expected.feed
            and deliveries.period_start <= expected.period_start
            and deliveries.period_end >= expected.period_end
    where expected.partner_code is null
    group by
        deliveries.partner_code,
        deliveries.feed,
        deliveries.period,
        deliveries.period_start,
        deliveries.period_end
),

slots as (
    select
        partner_code,
        feed,
        period,
        period_start,
        period_end,
        due_on,
        true as is_expected
    from expected
    union all
    select
        partner_code,
        feed,
        period,
        period_start,
        period_end,
        due_on,
        false as is_expected
    from unexpected
),

matched as (
    select
        slots.partner_code,
        slots.feed,
        slots.period,
        deliveries.delivery_id,
        deliveries.received_at,
        deliveries.state,
        deliveries.is_accepted,
        -- rows of a file that covers several expected periods are counted on the first
        deliveries.is_in_force and deliveries.period_start = slots.period_start as is_counted,
        deliveries.rows_received,
        deliveries.rows_accepted,
        deliveries.rows_awaiting,
        deliveries.rows_rejected,
        row_number() over (
            partition by slots.partner_code, slots.feed, slots.period
            order by
                deliveries.is_blocked asc,
                deliveries.is_in_force desc,
                deliveries.version desc,
                deliveries.part asc,
                deliveries.received_at desc,
                {{ byte_order('deliveries.delivery_id') }} asc
        ) as preference
    from slots
    inner join deliveries
        on
            slots.partner_code = deliveries.partner_code
            and slots.feed = deliveries.feed
            and slots.period_start >= deliveries.period_start
            and slots.period_end <= deliveries.period_end
),

received as (
    select
        partner_code,
        feed,
        period,
        max(delivery_id) filter (where preference = 1) as delivery_id,
        max(received_at) filter (where preference = 1) as received_at,
        max(state) filter (where preference = 1) as state,
        bool_or(is_accepted) as is_accepted,
        count(*) filter (where is_accepted) > 1 as is_corrected,
        min(received_at) filter (where is_accepted) as first_accepted_at,
        sum(rows_received) filter (where is_counted) as rows_received,
        sum(rows_accepted) filter (where is_counted) as rows_accepted,
        sum(rows_awaiting) filter (where is_counted) as rows_awaiting,
        sum(rows_rejected) filter (where is_counted) as rows_rejected
    from matched
    group by partner_code, feed, period
),

final as (
    select
        partners.programme_code,
        slots.partner_code,
        slots.feed,
        slots.period,
        slots.period_start,
        slots.period_end,
        slots.due_on,
        received.delivery_id,
        received.received_at,
        slots.is_expected,
        slots.is_expected and slots.due_on <= builds.business_date as is_due,
        received.delivery_id is not null as is_received,
        coalesce(received.is_accepted, false) as is_accepted,
        slots.is_expected
        and coalesce((received.first_accepted_at at time zone 'America/Martinique')::date, builds.business_date)
        > slots.due_on as is_late,
        coalesce(received.is_corrected, false) as is_corrected,
        case
            when received.delivery_id is not null then received.state
            when slots.due_on <= builds.business_date then 'NON REMIS'
            else 'À VENIR'
        end as state,
        coalesce(received.rows_received, 0)::bigint as rows_received,
        coalesce(received.rows_accepted, 0)::bigint as rows_accepted,
        coalesce(received.rows_awaiting, 0)::bigint as rows_awaiting,
        coalesce(received.rows_rejected, 0)::bigint as rows_rejected
    from slots
    inner join partners on slots.partner_code = partners.partner_code
    cross join builds
    left join received
        on
            slots.partner_code = received.partner_code
            and slots.feed = received.feed
            and slots.period = received.period
)

select * from final
