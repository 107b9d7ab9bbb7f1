with
expected_deliveries as (
    select * from {{ source('ops', 'expected_deliveries') }}
),

final as (
    select
        partner_code,
        feed,
        period,
        period_start,
        period_end,
        due_on
    from expected_deliveries
)

select * from final
