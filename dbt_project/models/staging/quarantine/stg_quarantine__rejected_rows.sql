with
rejected_rows as (
    select * from {{ source('quarantine', 'rejected_rows') }}
),

final as (
    select
        delivery_id,
        row_number,
        feed,
        column_name,
        rule_id,
        severity,
        message,
        remedy,
        value,
        rejected_at
    from rejected_rows
)

select * from final
