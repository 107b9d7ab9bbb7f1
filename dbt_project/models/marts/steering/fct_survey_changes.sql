with
figures as (
    select * from {{ ref('fct_indicator_values') }}
    where value is not null and n_effective is not null and state not like 'SUPPRIME%'
),

surveys as (
    select
        indicator_code,
        {{ parameter('significance_z') }} as z
    from {{ ref('indicator_catalogue') }}
    where aggregation = 'proportion'
),

waves as (
    select
        figures.programme_code,
        figures.indicator_code,
        figures.measure,
        figures.period_grain,
        figures.period_start,
        figures.territory_level,
        figures.territory_code,
        figures.partner_code,
        figures.axis,
        figures.member,
        figures.value,
        figures.n_effective,
        surveys.z,
        lag(figures.period_start) over series as previous_period_start,
        lag(figures.value) over series as previous_value,
        lag(figures.n_effective) over series as previous_n_effective
    from figures
    inner join surveys on figures.indicator_code = surveys.indicator_code
    window series as (
        partition by
            figures.programme_code,
            figures.indicator_code,
            figures.measure,
            figures.period_grain,
            figures.territory_level,
            figures.territory_code,
            figures.partner_code,
            figures.axis,
            figures.member
        order by figures.period_start
    )
),

-- what chance alone gives between two samples of these sizes
compared as (
    select
        *,
        value - previous_value as change,
        z * sqrt(
            previous_value * (1 - previous_value) / previous_n_effective + value * (1 - value) / n_effective
        ) as margin
    from waves
    where previous_value is not null
),

final as (
    select
        programme_code,
        indicator_code,
        measure,
        period_grain,
        period_start,
        territory_level,
        territory_code,
        partner_code,
        axis,
        member,
        previous_period_start,
        round(previous_value, 6) as previous_value,
        round(value, 6) as value,
        round(previous_n_effective, 6) as previous_n_effective,
        round(n_effective, 6) as n_effective,
        round(change, 6) as change,
        round(margin, 6) as margin,
        abs(change) > margin as is_significant,
        'évolution '
        || case when abs(change) > margin then 'significative' else 'non significative' end
        || ' : ' || case when change < 0 then '−' else '+' end
        || replace(to_char(100 * abs(change), 'FM990.0'), '.', ',')
        || ' (± ' || replace(to_char(100 * margin, 'FM990.0'), '.', ',') || ' points)' as reading
    from compared
)

select * from final
