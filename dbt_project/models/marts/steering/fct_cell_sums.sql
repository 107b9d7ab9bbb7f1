{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key=cell_columns(),
        pre_hook=["{{ hash_everything() }}", "{{ delete_touched_sums() }}"],
        post_hook="{{ settle_months() }}",
    )
}}

with
months as materialized (
    select
        contribution_months.*,
        indicator_timings.timing
    from {{ ref('fct_contribution_months') }} as contribution_months
    inner join {{ ref('dim_indicator') }} as indicator_timings
        on contribution_months.indicator_code = indicator_timings.indicator_code
    where contribution_months.is_touched or {{ not is_incremental() }}
),

touched_indicators as materialized (
    select distinct indicator_code
    from months
),

-- a period is made of all of its months, a year of twelve; a stock is counted at the end of every one
touched_years as materialized (
    select distinct
        programme_code,
        indicator_code,
        case when timing = 'flow' then date_trunc('year', month_start)::date else {{ any_year() }} end as year_start
    from months
),

touched_periods as materialized (
    select distinct
        months.programme_code,
        months.indicator_code,
        {{ period_number('starts.period_grain', 'starts.period_start') }} as period_number
    from months
    cross join lateral (
        {{ period_starts('months.month_start') }}
    ) as starts (period_grain, period_start)
),

asked_rows as (
    {{ asked_rows('touched_indicators', touched_years()) }}
),

contributions as (
    select asked_rows.*
    from asked_rows
    inner join touched_years
        on
            asked_rows.programme_code = touched_years.programme_code
            and asked_rows.indicator_code = touched_years.indicator_code
            and (
                date_trunc('year', asked_rows.occurred_on) = touched_years.year_start
                or touched_years.year_start = {{ any_year() }}
            )
),

{{ indicator_sources() }},

{{ indicator_periods() }},

{{ indicator_margins() }},

{{ cell_sums(touched='touched_periods' if is_incremental() else none) }},

final as (
    select * from cell_sums
)

select * from final
