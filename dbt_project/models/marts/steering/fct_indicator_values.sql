{{ config(pre_hook="{{ hash_everything() }}") }}

with
-- entities are numbered: sums over millions of cells compare integers, not texts
contributions as (
    select
        programme_code,
        indicator_code,
        dense_rank() over (order by entity_key) as entity_key,
        occurred_on,
        commune_code,
        epci_code,
        partner_code,
        axis_age,
        axis_sexe,
        axis_statut,
        axis_niveau,
        axis_modalite,
        axis_secteur,
        axis_certification,
        axis_flux,
        num,
        den,
        delivery_id,
        row_number,
        row_hash
    from ({{ contributing_rows() }}) as contributing
),

programmes as (
    select * from {{ ref('dim_programme') }}
    where perimeter_region_code is not null
),

indicators as (
    select * from {{ ref('dim_indicator') }}
),

territories as (
    select * from {{ ref('dim_territory') }}
),

partners as (
    select * from {{ ref('dim_partner') }}
),

members as (
    select * from {{ ref('axis_members') }}
),

expected_deliveries as (
    select * from {{ ref('fct_deliveries') }}
    where is_expected
),

smallest as (
    select value::integer as smallest_n
    from {{ ref('dim_parameter') }}
    where parameter_code = 'k' and scope = 'TOUS' and is_current
),

builds as (
    select * from {{ ref('stg_ops__builds') }}
    where build_id = {{ as_of_build() }}
),

completeness as materialized (
    {{ cell_completeness('expected_deliveries', 'indicators') }}
),

first_periods as (
    select
        programme_code,
        min(period_start) as first_on
    from expected_deliveries
    group by programme_code
),

periods as (
    select distinct
        first_periods.programme_code,
        grains.period_grain,
        grains.period_start
    from first_periods
    cross join builds
    cross join
        lateral generate_series(
            date_trunc('month', first_periods.first_on), builds.business_date, interval '1 month'
        ) as months (month_start)
    cross join lateral (
        {{ period_starts('months.month_start') }}
    ) as grains (period_grain, period_start)
),

-- where an indicator has cells: the region; if it goes by communes, these, their EPCI and its special codes
indicator_territories as (
    select
        programmes.programme_code,
        indicators.indicator_code,
        territories.territory_level,
        territories.territory_code
    from programmes
    cross join indicators
    inner join territories
        on
            (territories.territory_level = 'region' and programmes.perimeter_region_code = territories.territory_code)
            or (
                territories.territory_level <> 'region'
                and indicators.special_territories <> ''
                and (
                    programmes.perimeter_region_code = territories.region_code
                    or territories.territory_code = any(string_to_array(indicators.special_territories, ','))
                )
            )
),

margin_lists as (
    select
        programme_code,
        indicator_code,
        'counted' as measure,
        territory_level,
        territory_code,
        'TOTAL' as partner_code,
        'TOTAL' as axis,
        'TOTAL' as member
    from indicator_territories
    union all
    select
        indicator_territories.programme_code,
        indicator_territories.indicator_code,
        'contributed' as measure,
        indicator_territories.territory_level,
        indicator_territories.territory_code,
        partners.partner_code,
        'TOTAL' as axis,
        'TOTAL' as member
    from indicator_territories
    inner join partners on indicator_territories.programme_code = partners.programme_code
    where indicator_territories.territory_level = 'region'
    union all
    select
        indicator_territories.programme_code,
        indicator_territories.indicator_code,
        'counted' as measure,
        indicator_territories.territory_level,
        indicator_territories.territory_code,
        'TOTAL' as partner_code,
        members.axis,
        members.member
    from indicator_territories
    inner join indicators on indicator_territories.indicator_code = indicators.indicator_code
    inner join members on members.axis = any(string_to_array(indicators.axes, ','))
    where indicator_territories.territory_level in ('epci', 'region')
),

margins as materialized (
    select
        *,
        (row_number() over ())::bigint as margin_number
    from margin_lists
),

rows_by_margin as (
    {{ rows_by_margin('contributions', 'programmes') }}
),

rows_by_cell as materialized (
    {{ rows_by_cell('rows_by_margin', 'margins') }}
),

sums as materialized (
    {{ cell_sums('rows_by_cell') }}
),

cells as (
    select
        margins.programme_code,
        margins.indicator_code,
        indicators.definition_hash,
        margins.measure,
        periods.period_grain,
        periods.period_start,
        margins.territory_level,
        margins.territory_code,
        margins.partner_code,
        margins.axis,
        margins.member,
        indicators.aggregation,
        indicators.counts_people,
        indicators.unit,
        smallest.smallest_n,
        sums.num,
        sums.den,
        case when indicators.counts_people then coalesce(sums.entities, 0) else coalesce(sums.den, 0) end as n,
        coalesce(completeness.expected, 0) as expected,
        round(completeness.accepted::numeric / completeness.expected, 6) as completeness
    from margins
    inner join periods on margins.programme_code = periods.programme_code
    inner join indicators on margins.indicator_code = indicators.indicator_code
    cross join smallest
    left join sums
        on
            {{ cell_number('margins.margin_number', 'periods.period_grain', 'periods.period_start') }}
            = sums.cell_number
    left join completeness
        on
            margins.indicator_code = completeness.indicator_code
            and periods.period_start = completeness.period_start
            and periods.period_grain = completeness.period_grain
            and margins.partner_code = completeness.partner_code
            and case when margins.axis = 'FLUX' then margins.member else 'TOTAL' end = completeness.feed
            and margins.programme_code = completeness.programme_code
),

valued as (
    select
        *,
        case
            when n > 0 and aggregation = 'distinct' then n
            when n > 0 and aggregation = 'sum' then num
            when n > 0 then round(num / nullif(den, 0), 6)
            when aggregation <> 'ratio' and expected > 0 and completeness > 0 then 0
        end as value
    from cells
),

final as (
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
        case when value is not null then case when aggregation = 'ratio' then num else value end end as numerator,
        case when value is not null and aggregation = 'ratio' then den end as denominator,
        n::bigint as n,
        null::numeric as low,
        null::numeric as high,
        unit,
        null::numeric as target,
        completeness,
        {{ value_state() }} as state
    from valued
)

select * from final
