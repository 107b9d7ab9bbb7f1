with
target_periods as (
    select * from {{ ref('int_target_periods') }}
),

final as (
    select
        programme_code,
        indicator_code,
        measure,
        territory_level,
        territory_code,
        partner_code,
        axis,
        member,
        period_grain,
        period_start,
        target_value as target
    from target_periods
    where is_main and territory_code is not null
)

select * from final
