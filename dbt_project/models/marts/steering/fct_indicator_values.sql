{{ config(pre_hook="{{ hash_everything() }}") }}

with
contributions as (
    {{ contributing_rows() }}
),

{{ indicator_sources() }},

{{ indicator_periods() }},

{{ indicator_margins() }},

{{ indicator_cells() }},

-- a partner's part is as sure as its own figure
figures as (
    select
        programme_code,
        indicator_code,
        definition_hash,
        measure,
        period_grain,
        period_start,
        territory_level,
        territory_code,
        partner_code,
        axis,
        member,
        value,
        numerator,
        denominator,
        n::bigint as n,
        case when aggregation = 'proportion' and value is not null then round(n_effective, 6) end as n_effective,
        low,
        high,
        unit,
        completeness,
        state
    from bounded
    union all
    select
        programme_code,
        indicator_code,
        definition_hash,
        'attributed' as measure,
        period_grain,
        period_start,
        territory_level,
        territory_code,
        partner_code,
        axis,
        member,
        case when aggregation = 'distinct' and value is not null then coalesce(attributed, 0) else value end as value,
        case
            when aggregation = 'distinct' and value is not null then coalesce(attributed, 0) else value
        end as numerator,
        null::numeric as denominator,
        n::bigint as n,
        null::numeric as n_effective,
        null::numeric as low,
        null::numeric as high,
        unit,
        completeness,
        state
    from bounded
    where measure = 'contributed' and aggregation in ('distinct', 'sum')
),

targets as (
    select * from {{ ref('int_targets_in_force') }}
),

final as (
    select
        figures.programme_code,
        figures.indicator_code,
        figures.definition_hash,
        figures.measure,
        figures.period_grain,
        figures.period_start,
        figures.territory_level,
        figures.territory_code,
        figures.partner_code,
        figures.axis,
        figures.member,
        figures.value,
        figures.numerator,
        figures.denominator,
        figures.n,
        figures.n_effective,
        figures.low,
        figures.high,
        figures.unit,
        targets.target,
        figures.completeness,
        figures.state
    from figures
    left join targets
        on {{ same_columns('figures', 'targets', cell_columns()) }}
)

select * from final
