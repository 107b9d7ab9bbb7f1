{# Columns of a margin: what a value is of, but its period. #}
{% macro margin_columns() -%}
    {{ return([
        'programme_code', 'indicator_code', 'measure', 'territory_level', 'territory_code', 'partner_code', 'axis',
        'member',
    ]) }}
{%- endmacro %}

{# What makes a value unique. #}
{% macro cell_columns() -%}
    {{ return(margin_columns() + ['period_grain', 'period_start']) }}
{%- endmacro %}

{# Rows of a relation, worked out before they meet another: a planner without statistics would do it the other way. #}
{% macro settled(relation) -%}
    select *
    from {{ relation }}
    offset 0
{%- endmacro %}

{# Condition of a join on columns that two relations share. #}
{% macro same_columns(relation, other, columns) -%}
    {%- for column in columns -%}
        {{ relation }}.{{ column }} = {{ other }}.{{ column }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# Rank of a grain, 1 for the smallest. #}
{% macro grain_rank(grain) -%}
    array_position(array['month', 'quarter', 'semester', 'year'], {{ grain }})
{%- endmacro %}

{# A period as one integer: its grain and its first day. #}
{% macro period_number(grain, period_start) -%}
    ({{ grain_rank(grain) }} - 1) * 100000 + ({{ period_start }} - date '1900-01-01')
{%- endmacro %}

{# The grain of a period's number. #}
{% macro grain_of_period(number) -%}
    (array['month', 'quarter', 'semester', 'year'])[{{ number }} / 100000 + 1]
{%- endmacro %}

{# The first day of a period's number. #}
{% macro start_of_period(number) -%}
    date '1900-01-01' + ({{ number }} % 100000)::integer
{%- endmacro %}

{#
    CTEs `programmes`, `indicators`, `business` and `expected_deliveries`, that all that follows reads.
#}
{% macro indicator_sources() -%}
programmes as (
    select * from {{ ref('dim_programme') }}
    where perimeter_region_code is not null
),

indicators as (
    select * from {{ ref('dim_indicator') }}
),

business as (
    select business_date from {{ ref('stg_ops__builds') }}
    where build_id = {{ as_of_build() }}
),

expected_deliveries as (
    select * from {{ ref('fct_deliveries') }}
    where is_expected
)
{%- endmacro %}

{# CTE `periods`: every period of each programme and grain, from the first expected delivery to the business date. #}
{% macro indicator_periods() -%}
periods as materialized (
    select distinct
        first_periods.programme_code,
        grains.period_grain,
        grains.period_start,
        least(business.business_date, {{ period_end('grains.period_grain', 'grains.period_start') }}) as last_on,
        {{ grain_rank('grains.period_grain') }} as grain_rank,
        {{ period_number('grains.period_grain', 'grains.period_start') }} as period_number
    from (
        select
            programme_code,
            min(period_start) as first_on
        from expected_deliveries
        group by programme_code
    ) as first_periods
    cross join business
    cross join
        lateral generate_series(
            date_trunc('month', first_periods.first_on), business.business_date, interval '1 month'
        ) as months (month_start)
    cross join lateral (
        {{ period_starts('months.month_start') }}
    ) as grains (period_grain, period_start)
)
{%- endmacro %}

{#
    CTE `margins`: every margin that has values, empty or not, with what its indicator says of it. A contributed margin
    names the total that its partner has a part of.
#}
{% macro indicator_margins() -%}
indicator_territories as (
    select
        programmes.programme_code,
        indicators.indicator_code,
        territories.territory_level,
        territories.territory_code
    from programmes
    cross join indicators
    inner join {{ ref('dim_territory') }} as territories
        on
            (territories.territory_level = 'region' and programmes.perimeter_region_code = territories.territory_code)
            or (
                territories.territory_level <> 'region'
                and territories.territory_level = any(string_to_array(indicators.territory_levels, ','))
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
    inner join indicators on indicator_territories.indicator_code = indicators.indicator_code
    inner join {{ ref('dim_partner') }} as partners
        on indicator_territories.programme_code = partners.programme_code
    where indicator_territories.territory_level = 'region' and indicators.by_partner
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
    inner join {{ ref('axis_members') }} as members
        on members.axis = any(string_to_array(indicators.axes, ','))
    where indicator_territories.territory_level in ('epci', 'region')
),

numbered_margins as (
    select
        *,
        (row_number() over (order by {{ margin_columns() | join(', ') }}))::bigint as margin_number
    from margin_lists
),

margins as materialized (
    select
        numbered_margins.*,
        -- the whole that a partner or a member has a part of
        max(numbered_margins.margin_number) filter (
            where numbered_margins.measure = 'counted' and numbered_margins.axis = 'TOTAL'
        ) over (
            partition by
                numbered_margins.programme_code,
                numbered_margins.indicator_code,
                numbered_margins.territory_level,
                numbered_margins.territory_code
        ) as total_number,
        indicators.aggregation,
        indicators.timing,
        {{ grain_rank('indicators.first_grain') }} as first_grain_rank
    from numbered_margins
    inner join indicators on numbered_margins.indicator_code = indicators.indicator_code
)
{%- endmacro %}

{#
    Each contributing row once per margin that it falls in: territory, partner, (EPCI or region) x member of an axis.
    A territory or a partner that is null is no margin.
#}
{% macro rows_by_margin(rows, programmes, columns) -%}
    select
        {{ rows }}.programme_code,
        {{ rows }}.indicator_code,
        margins.margin_programme,
        margins.margin_indicator,
        margins.measure,
        margins.territory_level,
        margins.territory_code,
        margins.partner_code,
        margins.axis,
        margins.member
        {%- for column in columns %},
            {{ rows }}.{{ column }}
        {%- endfor %}
    from {{ rows }}
    inner join {{ programmes }}
        on {{ rows }}.programme_code = {{ programmes }}.programme_code
    cross join lateral (
        select
            {{ rows }}.programme_code,
            {{ rows }}.indicator_code,
            places.*
        from (
            values
            ('counted', 'commune', {{ rows }}.commune_code, 'TOTAL', 'TOTAL', 'TOTAL'),
            ('counted', 'epci', {{ rows }}.epci_code, 'TOTAL', 'TOTAL', 'TOTAL'),
            ('counted', 'region', {{ programmes }}.perimeter_region_code, 'TOTAL', 'TOTAL', 'TOTAL'),
            ('contributed', 'region', {{ programmes }}.perimeter_region_code, {{ rows }}.partner_code, 'TOTAL', 'TOTAL')
        ) as places (measure, territory_level, territory_code, partner_code, axis, member)
        union all
        select
            {{ rows }}.programme_code,
            {{ rows }}.indicator_code,
            'counted',
            places.territory_level,
            places.territory_code,
            'TOTAL',
            split_part(traits.trait, ':', 1),
            substr(traits.trait, strpos(traits.trait, ':') + 1)
        from unnest({{ rows }}.members) as traits (trait)
        cross join (
            values
            ('epci', {{ rows }}.epci_code),
            ('region', {{ programmes }}.perimeter_region_code)
        ) as places (territory_level, territory_code)
    ) as margins (
        margin_programme, margin_indicator, measure, territory_level, territory_code, partner_code, axis, member
    )
    where margins.territory_code is not null and margins.partner_code is not null
{%- endmacro %}

{#
    Condition by which rows_by_margin meet the margins that there are. Programme and indicator are those of the margin: rows
    meet their own margins, not first every margin of their indicator.
#}
{% macro same_margin(rows, margins) -%}
    {{ rows }}.margin_programme = {{ margins }}.programme_code
    and {{ rows }}.margin_indicator = {{ margins }}.indicator_code
    and {{ same_columns(rows, margins, margin_columns()[2:]) }}
{%- endmacro %}

{# Each row of a flow once per period that holds its day, each row of a stock once per period at whose end it stands. #}
{% macro rows_by_period(rows, columns) -%}
    select
        {% for column in columns -%}
            {{ rows }}.{{ column }},
        {% endfor -%}
        starts.period_grain,
        starts.period_start,
        {{ period_number('starts.period_grain', 'starts.period_start') }} as period_number
    from {{ rows }}
    cross join lateral (
        {{ period_starts(rows ~ '.occurred_on') }}
    ) as starts (period_grain, period_start)
    where {{ rows }}.timing = 'flow' and {{ rows }}.first_grain_rank <= {{ grain_rank('starts.period_grain') }}
    union all
    select
        {% for column in columns -%}
            {{ rows }}.{{ column }},
        {% endfor -%}
        periods.period_grain,
        periods.period_start,
        periods.period_number
    from {{ rows }}
    inner join periods
        on
            {{ rows }}.programme_code = periods.programme_code
            and {{ rows }}.first_grain_rank <= periods.grain_rank
            and {{ rows }}.occurred_on <= periods.last_on
            and ({{ rows }}.counted_until is null or {{ rows }}.counted_until > periods.last_on)
    where {{ rows }}.timing = 'stock'
{%- endmacro %}

{#
    From the sums to the values of every cell, those without any row too: CTEs from `completeness` to `figures`. The caller
    gives the CTE `cell_sums`, and those of indicator_sources, indicator_periods and indicator_margins before it.
#}
{% macro indicator_cells() -%}
completeness as materialized (
    {{ cell_completeness('expected_deliveries', 'indicators') }}
),

student as (
    select * from {{ ref('student_quantiles') }}
),

parameters as (
    select
        {{ parameter('k') }} as smallest_persons,
        {{ parameter('k_firms') }} as smallest_firms,
        {{ parameter('dominance_share') }} as dominance_share
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
        margins.aggregation,
        indicators.secrecy,
        indicators.unit,
        indicators.factor,
        coalesce(cell_sums.num, 0) as num,
        cell_sums.den,
        cell_sums.measures,
        cell_sums.mean,
        cell_sums.deviation,
        cell_sums.lower_quartile,
        cell_sums.median,
        cell_sums.upper_quartile,
        student.quantile,
        cell_sums.counted,
        cell_sums.base,
        wholes.num as whole,
        cell_sums.diversity,
        cell_sums.largest_object,
        cell_sums.heads,
        cell_sums.gap,
        cell_sums.attributed,
        cell_sums.den * cell_sums.den / nullif(cell_sums.squared_den, 0) as n_effective,
        coalesce(cell_sums.entities, 0) as entities,
        coalesce(case
            when indicators.secrecy in ('persons', 'firms') then cell_sums.subjects
            when indicators.secrecy = 'heads' then cell_sums.num
            when margins.aggregation = 'ratio' then cell_sums.den
            when margins.aggregation in ('median', 'mean') then cell_sums.measures
            when margins.aggregation = 'rate' then coalesce(cell_sums.counted, 0)
            else cell_sums.entities
        end, 0) as n,
        coalesce(indicators.smallest_n, case indicators.secrecy
            when 'firms' then parameters.smallest_firms
            when 'none' then 0
            else parameters.smallest_persons
        end) as smallest_n,
        indicators.secrecy = 'firms' and case
            when margins.aggregation in ('sum', 'ratio', 'cost')
                then cell_sums.greatest_amount > parameters.dominance_share * cell_sums.amount
            else cell_sums.greatest_measures > parameters.dominance_share * cell_sums.subject_measures
        end as is_dominated,
        coalesce(completeness.expected, 0) as expected,
        round(completeness.accepted::numeric / completeness.expected, 6) as completeness
    from margins
    inner join periods
        on margins.programme_code = periods.programme_code and margins.first_grain_rank <= periods.grain_rank
    inner join indicators on margins.indicator_code = indicators.indicator_code
    cross join parameters
    left join cell_sums
        on
            {{ same_columns('margins', 'cell_sums', margin_columns()) }}
            and {{ same_columns('periods', 'cell_sums', ['period_grain', 'period_start']) }}
    left join cell_sums as wholes
        on
            margins.aggregation = 'share'
            and {{ same_columns('margins', 'wholes', margin_columns()[:-2]) }}
            and {{ same_columns('periods', 'wholes', ['period_grain', 'period_start']) }}
            and wholes.axis = 'TOTAL'
            and wholes.member = 'TOTAL'
    left join student on least(cell_sums.measures - 1, 201) = student.degrees_of_freedom
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
            when aggregation = 'rate' and den > 0 and (n > 0 or (expected > 0 and completeness > 0))
                then round(factor * coalesce(counted, 0) / den, 6)
            when n > 0 then
                case aggregation
                    when 'distinct' then entities
                    when 'bounded' then entities
                    when 'sum' then num
                    when 'ratio' then round(factor * num / nullif(den, 0), 6)
                    when 'proportion' then round(factor * num / nullif(den, 0), 6)
                    when 'distinct_ratio' then round(factor * counted / nullif(base, 0), 6)
                    when 'cost' then round(factor * num / nullif(base, 0), 6)
                    when 'share' then round(num / nullif(whole, 0), 6)
                    when 'mean' then round(mean, 6)
                    when 'median' then round(median::numeric, 6)
                    when 'diversity' then round(diversity, 6)
                    when 'gap' then round(gap, 6)
                end
            when aggregation in ('distinct', 'bounded', 'sum') and expected > 0 and completeness > 0 then 0
        end as value
    from cells
),

-- Wilson's interval, on the effective number of answers; Student's; quartiles; bounds
bounded as (
    select
        *,
        case
            when value is null then null
            when aggregation in ('distinct', 'bounded', 'sum', 'rate', 'distinct_ratio')
                then case when aggregation in ('rate', 'distinct_ratio') then coalesce(counted, 0) else value end
            when aggregation in ('ratio', 'proportion', 'cost', 'share', 'mean') then num
        end as numerator,
        case
            when value is null then null
            when aggregation in ('ratio', 'proportion', 'rate') then den
            when aggregation in ('distinct_ratio', 'cost') then base
            when aggregation = 'share' then whole
            when aggregation = 'mean' then measures
        end as denominator,
        round(case
            when value is null then null
            when aggregation = 'proportion' then {{ wilson('-') }}
            when aggregation = 'mean' and measures > 1 then mean - quantile * deviation / sqrt(measures::numeric)
            when aggregation = 'median' then lower_quartile::numeric
            when aggregation = 'bounded' then greatest(entities, largest_object)
        end, 6) as low,
        round(case
            when value is null then null
            when aggregation = 'proportion' then {{ wilson('+') }}
            when aggregation = 'mean' and measures > 1 then mean + quantile * deviation / sqrt(measures::numeric)
            when aggregation = 'median' then upper_quartile::numeric
            when aggregation = 'bounded' then entities + coalesce(heads, 0)
        end, 6) as high,
        {{ value_state() }} as state
    from valued
),

-- a partner's part of the whole is as sure as its own figure
figures as (
    select
        {% for column in cell_columns() -%}
            {{ column }},
        {% endfor -%}
        definition_hash,
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
        {% for column in cell_columns() -%}
            {{ "'attributed'" if column == 'measure' else column }},
        {% endfor -%}
        definition_hash,
        {{ attributed_value() }},
        {{ attributed_value() }},
        null,
        n::bigint,
        null,
        null,
        null,
        unit,
        completeness,
        state
    from bounded
    where measure = 'contributed' and aggregation in ('distinct', 'sum')
)
{%- endmacro %}

{# Of what is counted once a partner has its part, of what adds up its own rows. #}
{% macro attributed_value() -%}
    case when aggregation = 'distinct' and value is not null then coalesce(attributed, 0) else value end
{%- endmacro %}

{# One bound of Wilson's interval at 95 % for num/den on n_effective answers. #}
{% macro wilson(sign) -%}
    (
        num / den + 1.96 * 1.96 / (2 * n_effective)
        {{ sign }} 1.96 * sqrt(
            greatest(num / den * (1 - num / den), 0) / n_effective + 1.96 * 1.96 / (4 * n_effective * n_effective)
        )
    ) / (1 + 1.96 * 1.96 / n_effective)
{%- endmacro %}

{# Expected and accepted deliveries of each cell: the programme's, a partner's or a feed's, within the period. #}
{% macro cell_completeness(deliveries, indicators) -%}
    select
        {{ deliveries }}.programme_code,
        {{ indicators }}.indicator_code,
        periods.period_grain,
        periods.period_start,
        scopes.partner_code,
        scopes.feed,
        count(*) as expected,
        count(*) filter (where {{ deliveries }}.is_accepted) as accepted
    from {{ deliveries }}
    inner join {{ indicators }}
        on {{ deliveries }}.feed = any(string_to_array({{ indicators }}.feeds, ','))
    cross join lateral (
        {{ period_starts(deliveries ~ '.period_start') }}
    ) as periods (period_grain, period_start)
    inner join lateral (
        {{ period_starts(deliveries ~ '.period_end') }}
    ) as ends (period_grain, period_start)
        on periods.period_grain = ends.period_grain and periods.period_start = ends.period_start
    cross join lateral (
        values
        ('TOTAL', 'TOTAL'),
        ({{ deliveries }}.partner_code, 'TOTAL'),
        ('TOTAL', {{ deliveries }}.feed)
    ) as scopes (partner_code, feed)
    group by
        {{ deliveries }}.programme_code,
        {{ indicators }}.indicator_code,
        periods.period_grain,
        periods.period_start,
        scopes.partner_code,
        scopes.feed
{%- endmacro %}

{# State of a cell: zero, missing, suppressed and not applicable are four different things. #}
{% macro value_state() -%}
    case
        when expected = 0 and n = 0 then 'NON_APPLICABLE'
        when secrecy <> 'none' and n > 0 and case aggregation when 'proportion' then least(n, n_effective) else n end < smallest_n
            then 'SUPPRIME_K'
        when n > 0 and is_dominated then 'SUPPRIME_K'
        when n = 0 and completeness = 0 then 'NON_REMIS'
        when completeness < 1 then 'INCOMPLET'
        when value is null and aggregation = 'diversity' and n > 0 then 'INCOMPLET'
        when value is null then 'NON_APPLICABLE'
        when value = 0 then 'ZERO_MESURE'
        else 'MESURE'
    end
{%- endmacro %}
