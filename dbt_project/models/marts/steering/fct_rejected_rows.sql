with
rejected_rows as (
    select * from {{ ref('stg_quarantine__rejected_rows') }}
),

deliveries as (
    select * from {{ ref('dim_delivery') }}
    where is_in_force and period is not null
),

final as (
    select
        rejected_rows.delivery_id,
        rejected_rows.row_number,
        rejected_rows.column_name,
        rejected_rows.rule_id,
        deliveries.programme_code,
        deliveries.partner_code,
        rejected_rows.feed,
        deliveries.period,
        rejected_rows.severity,
        rejected_rows.rejected_at
    from rejected_rows
    inner join deliveries on rejected_rows.delivery_id = deliveries.delivery_id
)

select * from final
