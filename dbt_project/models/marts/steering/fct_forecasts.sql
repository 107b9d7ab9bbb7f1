with
figures as (
    select figures.*
    from {{ ref('fct_indicator_values') }} as figures
    inner join {{ ref('dim_programme') }} as programmes
        on
            figures.programme_code = programmes.programme_code
            and figures.territory_code = programmes.perimeter_region_code
    where
        figures.period_grain = 'quarter'
        and figures.territory_level = 'region'
        and figures.measure = 'counted'
        and figures.partner_code = 'TOTAL'
        and figures.axis = 'TOTAL'
),

targets as (
    select
        target_periods.*,
        row_number() over (
            partition by target_periods.programme_code, target_periods.indicator_code
            order by target_periods.period_start desc
        ) as recency
    from {{ ref('int_target_periods') }} as target_periods
    where
        target_periods.period_grain = 'quarter'
        and target_periods.territory_level = 'region'
        and target_periods.measure = 'counted'
        and target_periods.axis = 'TOTAL'
        and target_periods.is_main
        and target_periods.is_provisional
        and target_periods.target_type in ('CUMUL', 'ANNUELLE', 'STOCK')
),

cumulated as (
    select * from {{ ref('fct_cumulated_values') }}
    where territory_level = 'region' and measure = 'counted' and axis = 'TOTAL'
),

builds as (
    select
        business_date,
        date_trunc('quarter', business_date)::date as running_quarter,
        (date_trunc('year', business_date) + interval '1 year')::date - 1 as year_end
    from {{ ref('stg_ops__builds') }}
    where build_id = {{ as_of_build() }}
),

settings as (
    select
        {{ parameter('forecast_min_quarters') }} as min_quarters,
        {{ parameter('forecast_draws') }}::integer as draws,
        {{ parameter('forecast_band') }} as band,
        {{ parameter('rag_min_completeness') }} as min_completeness
),

-- what people repeat from one quarter to the next adds up to nothing: without a target, no window says how to count it
catalogue as (
    select
        indicator_code,
        unit,
        timing,
        aggregation,
        timing = 'flow' and (aggregation = 'sum' or secrecy <> 'persons') as adds_up
    from {{ ref('indicator_catalogue') }}
    where cumulates
),

horizons as (
    select
        programmes.programme_code,
        catalogue.indicator_code,
        catalogue.unit,
        catalogue.timing,
        catalogue.aggregation,
        catalogue.adds_up,
        coalesce(targets.target_key, 'SANS_CIBLE') as target_key,
        targets.target_type,
        targets.target_value as target,
        coalesce(targets.path_to, builds.year_end) as horizon_on,
        coalesce(
            case targets.target_type when 'CUMUL' then targets.counted_from end,
            date_trunc('year', builds.running_quarter)::date
        ) as counted_from,
        builds.running_quarter
    from (select distinct programme_code from figures) as programmes
    cross join catalogue
    cross join builds
    left join targets
        on
            programmes.programme_code = targets.programme_code
            and catalogue.indicator_code = targets.indicator_code
            and targets.recency = 1
            and (catalogue.timing = 'stock' or targets.target_type in ('CUMUL', 'ANNUELLE'))
),

-- before the first delivery was expected nothing was told: that is no history of zeros
beginnings as (
    select
        programme_code,
        min(period_start) as first_quarter
    from figures
    group by programme_code
),

-- one closed quarter: what was added in it; a quarter that is missing, incomplete or secret gives no increment
levels as (
    select
        horizons.programme_code,
        horizons.indicator_code,
        cumulated.counted_from,
        cumulated.measured_on as quarter_end,
        cumulated.value
    from horizons
    inner join cumulated
        on
            horizons.programme_code = cumulated.programme_code
            and horizons.indicator_code = cumulated.indicator_code
            and horizons.running_quarter > cumulated.measured_on
            and cumulated.measured_on = (date_trunc('quarter', cumulated.measured_on) + interval '3 months')::date - 1
            and case horizons.target_type
                when 'CUMUL' then horizons.counted_from = cumulated.counted_from
                when 'ANNUELLE' then cumulated.counted_from = date_trunc('year', cumulated.measured_on)
            end
    where horizons.timing = 'flow'
),

steps as (
    select
        programme_code,
        indicator_code,
        date_trunc('quarter', quarter_end)::date as quarter_start,
        value - coalesce(
            lag(value) over (partition by programme_code, indicator_code, counted_from order by quarter_end), 0
        ) as increment
    from levels
    union all
    select
        horizons.programme_code,
        horizons.indicator_code,
        figures.period_start as quarter_start,
        case
            when horizons.timing = 'flow' then figures.value
            else figures.value - lag(case when figures.state not like 'SUPPRIME%' then figures.value end) over (
                partition by horizons.programme_code, horizons.indicator_code
                order by figures.period_start
            )
        end as increment
    from horizons
    inner join figures
        on horizons.programme_code = figures.programme_code and horizons.indicator_code = figures.indicator_code
    where
        figures.period_start < horizons.running_quarter
        and (
            horizons.timing = 'stock'
            or (horizons.target_type is null and horizons.adds_up)
        )
),

increments as (
    select
        steps.programme_code,
        steps.indicator_code,
        steps.increment,
        row_number() over series - 1 as position,
        count(*) over (partition by steps.programme_code, steps.indicator_code) as quarters
    from steps
    cross join settings
    inner join beginnings
        on steps.programme_code = beginnings.programme_code and steps.quarter_start >= beginnings.first_quarter
    left join figures
        on
            steps.programme_code = figures.programme_code
            and steps.indicator_code = figures.indicator_code
            and steps.quarter_start = figures.period_start
    where
        steps.increment is not null
        and (
            figures.indicator_code is null
            or (
                figures.value is not null
                and figures.state not like 'SUPPRIME%'
                and coalesce(figures.completeness, 1) >= settings.min_completeness
            )
        )
    window series as (partition by steps.programme_code, steps.indicator_code order by steps.quarter_start)
),

histories as (
    select distinct
        programme_code,
        indicator_code,
        quarters
    from increments
),

-- where the last closed quarter stands: a stock's level, or what was counted from the target's first day on
positions as (
    select
        horizons.programme_code,
        horizons.indicator_code,
        case
            when horizons.timing = 'stock'
                then (
                    array_agg(figures.value order by figures.period_start desc)
                    filter (where figures.value is not null)
                )[1]
            when horizons.target_type is null
                then coalesce(sum(figures.value) filter (where figures.period_start >= horizons.counted_from), 0)
            else coalesce(max(levels.value), 0)
        end as level,
        -- what is drawn starts from there: a sum with a secret quarter in it, or a secret level, would give it back
        coalesce(
            case
                when horizons.timing = 'stock'
                    then (array_agg(figures.state order by figures.period_start desc))[1] like 'SUPPRIME%'
                else bool_or(figures.state like 'SUPPRIME%' and figures.period_start >= horizons.counted_from)
            end,
            false
        ) as is_hidden
    from horizons
    left join figures
        on
            horizons.programme_code = figures.programme_code
            and horizons.indicator_code = figures.indicator_code
            and horizons.running_quarter > figures.period_start
    left join levels
        on
            horizons.programme_code = levels.programme_code
            and horizons.indicator_code = levels.indicator_code
            and horizons.counted_from = levels.counted_from
            and horizons.running_quarter = levels.quarter_end + 1
    group by
        horizons.programme_code,
        horizons.indicator_code,
        horizons.timing,
        horizons.target_type,
        horizons.counted_from
),

-- the quarters to come, the last one for the part of it that the horizon leaves
coming as (
    select
        horizons.programme_code,
        horizons.indicator_code,
        quarters.quarter_start::date as quarter_start,
        least(
            1,
            (horizons.horizon_on - quarters.quarter_start::date + 1)::numeric
            / ((quarters.quarter_start + interval '3 months')::date - quarters.quarter_start::date)
        ) as share
    from horizons
    cross join
        lateral generate_series(
            horizons.running_quarter, horizons.horizon_on, interval '3 months'
        ) as quarters (quarter_start)
),

-- the same build draws the same: chance is a hash of the indicator, the draw and the quarter
draws as (
    select
        coming.programme_code,
        coming.indicator_code,
        numbers.draw,
        sum(increments.increment * coming.share) as added
    from coming
    inner join histories
        on coming.programme_code = histories.programme_code and coming.indicator_code = histories.indicator_code
    cross join settings
    cross join lateral generate_series(1, settings.draws) as numbers (draw)
    inner join increments
        on
            coming.programme_code = increments.programme_code
            and coming.indicator_code = increments.indicator_code
            and increments.position = (
                'x' || substr(
                    md5(
                        coming.programme_code || '|' || coming.indicator_code || '|' || numbers.draw
                        || '|' || coming.quarter_start
                    ),
                    1,
                    12
                )
            )::bit(48)::bigint % histories.quarters
    where histories.quarters >= settings.min_quarters
    group by coming.programme_code, coming.indicator_code, numbers.draw
),

outcomes as (
    select
        draws.programme_code,
        draws.indicator_code,
        percentile_cont(0.5) within group (order by positions.level + draws.added) as median,
        percentile_cont(array[(1 - settings.band) / 2, (1 + settings.band) / 2]::double precision[])
        within group (order by positions.level + draws.added) as bounds,
        avg((positions.level + draws.added >= horizons.target)::integer) as probability
    from draws
    inner join positions
        on draws.programme_code = positions.programme_code and draws.indicator_code = positions.indicator_code
    inner join horizons
        on draws.programme_code = horizons.programme_code and draws.indicator_code = horizons.indicator_code
    cross join settings
    group by draws.programme_code, draws.indicator_code, settings.band
),

final as (
    select
        horizons.programme_code,
        horizons.indicator_code,
        horizons.target_key,
        horizons.target_type,
        horizons.target,
        horizons.horizon_on,
        horizons.unit,
        coalesce(histories.quarters, 0)::integer as quarters,
        case
            when horizons.target_type is null and horizons.timing = 'flow' and not horizons.adds_up
                then 'CIBLE_NON_FIXEE'
            when coalesce(histories.quarters, 0) < settings.min_quarters then 'HISTORIQUE_INSUFFISANT'
            when positions.is_hidden then 'SUPPRIME_SECONDAIRE'
            else 'PREVU'
        end as state,
        case
            when horizons.target_type is null and horizons.timing = 'flow' and not horizons.adds_up
                then 'cible non fixée : pas d''horizon'
            when coalesce(histories.quarters, 0) < settings.min_quarters
                then
                    'historique insuffisant : ' || coalesce(histories.quarters, 0) || ' trimestres clos sur '
                    || settings.min_quarters
            when positions.is_hidden then 'secret statistique'
            when horizons.target is null then 'sans cible : prévision à la fin de l''année'
            else 'prévision à la date de la cible'
        end as reading,
        round(outcomes.median::numeric, 6) as median,
        round(outcomes.bounds[1]::numeric, 6) as low,
        round(outcomes.bounds[2]::numeric, 6) as high,
        round(outcomes.probability, 6) as probability
    from horizons
    cross join settings
    left join histories
        on horizons.programme_code = histories.programme_code and horizons.indicator_code = histories.indicator_code
    inner join positions
        on horizons.programme_code = positions.programme_code and horizons.indicator_code = positions.indicator_code
    left join outcomes
        on
            not positions.is_hidden
            and horizons.programme_code = outcomes.programme_code and horizons.indicator_code = outcomes.indicator_code
)

select * from final
