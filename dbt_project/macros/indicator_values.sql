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

{# A cell as one integer: its margin and its period. #}
{% macro cell_number(margin_number, period_number) -%}
    {{ margin_number }} * 400000 + {{ period_number }}
{%- endmacro %}

{# The margin of a cell. #}
{% macro margin_of_cell(cell) -%}
    {{ cell }} / 400000
{%- endmacro %}

{# The period of a cell. #}
{% macro period_of_cell(cell) -%}
    {{ cell }} % 400000
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
        totals.margin_number as total_number,
        indicators.aggregation,
        indicators.timing,
        {{ grain_rank('indicators.first_grain') }} as first_grain_rank
    from numbered_margins
    inner join indicators on numbered_margins.indicator_code = indicators.indicator_code
    -- the whole that a partner or a member has a part of
    inner join numbered_margins as totals
        on
            numbered_margins.programme_code = totals.programme_code
            and numbered_margins.indicator_code = totals.indicator_code
            and numbered_margins.territory_level = totals.territory_level
            and numbered_margins.territory_code = totals.territory_code
            and totals.measure = 'counted'
            and totals.axis = 'TOTAL'
)
{%- endmacro %}

{#
    Each contributing row once per margin that it falls in: territory, partner, (EPCI or region) x member of an axis.
    A territory or a partner that is null is no margin.
#}
{% macro rows_by_margin(rows, programmes) -%}
    select
        {{ rows }}.programme_code,
        {{ rows }}.indicator_code,
        margins.measure,
        margins.territory_level,
        margins.territory_code,
        margins.partner_code,
        margins.axis,
        margins.member,
        {{ rows }}.entity_key,
        {{ rows }}.subject_key,
        {{ rows }}.occurred_on,
        {{ rows }}.counted_until,
        {{ rows }}.members,
        {{ rows }}.num,
        {{ rows }}.den,
        {{ rows }}.delivery_id,
        {{ rows }}.row_number,
        {{ rows }}.row_hash
    from {{ rows }}
    inner join {{ programmes }}
        on {{ rows }}.programme_code = {{ programmes }}.programme_code
    cross join lateral (
        values
        ('counted', 'commune', {{ rows }}.commune_code, 'TOTAL', 'TOTAL', 'TOTAL'),
        ('counted', 'epci', {{ rows }}.epci_code, 'TOTAL', 'TOTAL', 'TOTAL'),
        ('counted', 'region', {{ programmes }}.perimeter_region_code, 'TOTAL', 'TOTAL', 'TOTAL'),
        ('contributed', 'region', {{ programmes }}.perimeter_region_code, {{ rows }}.partner_code, 'TOTAL', 'TOTAL')
        union all
        select
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
    ) as margins (measure, territory_level, territory_code, partner_code, axis, member)
    where margins.territory_code is not null and margins.partner_code is not null
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
    From contributing rows to the sums of every cell that has any: CTEs from `numbered_rows` to `cell_sums`. The caller
    gives the CTE `contributions`, and those of indicator_sources, indicator_periods and indicator_margins before it;
    of a flow, `touched` names the periods (programme_code, indicator_code, period_number) that are asked for.
#}
{% macro cell_sums(touched=none) -%}
-- entities are numbered: sums over millions of cells compare integers, not texts
numbered_rows as (
    select
        programme_code,
        indicator_code,
        case when entity_key is not null then dense_rank() over (order by entity_key) end as entity_key,
        case when subject_key is not null then dense_rank() over (order by subject_key) end as subject_key,
        occurred_on,
        counted_until,
        commune_code,
        epci_code,
        partner_code,
        members,
        num,
        den,
        delivery_id,
        row_number,
        row_hash
    from contributions
),

rows_by_margin as (
    {{ rows_by_margin('numbered_rows', 'programmes') }}
),

placed_rows as materialized (
    select
        margins.margin_number,
        margins.total_number,
        margins.measure,
        margins.aggregation,
        margins.timing,
        margins.first_grain_rank,
        margins.programme_code,
        margins.indicator_code,
        rows_of_margins.occurred_on,
        rows_of_margins.counted_until,
        rows_of_margins.entity_key,
        rows_of_margins.subject_key,
        case when margins.aggregation in ('diversity', 'bounded', 'gap') then rows_of_margins.members end as members,
        rows_of_margins.num,
        rows_of_margins.den
    from (
        -- rows meet their own margins, not first every margin of their indicator
        {{ settled('rows_by_margin') }}
    ) as rows_of_margins
    inner join margins
        on {{ same_columns('rows_of_margins', 'margins', margin_columns()) }}
),

rows_by_cell as materialized (
    select
        {{ cell_number('margin_number', 'period_number') }} as cell_number,
        measure,
        total_number,
        aggregation,
        entity_key,
        subject_key,
        members,
        num,
        den
    from (
        {{ rows_by_period('placed_rows', [
            'programme_code', 'indicator_code', 'timing', 'margin_number', 'measure', 'total_number', 'aggregation',
            'entity_key', 'subject_key', 'members', 'num', 'den',
        ]) }}
    ) as periods_of_rows
    {% if touched -%}
        where
            timing = 'stock'
            or (programme_code, indicator_code, period_number) in (
                select
                    {{ touched }}.programme_code,
                    {{ touched }}.indicator_code,
                    {{ touched }}.period_number
                from {{ touched }}
            )
    {%- endif %}
),

totals as materialized (
    select
        cell_number,
        aggregation,
        sum(num) as num,
        sum(den) as den,
        sum(den * den) as squared_den,
        sum(abs(num)) as amount,
        count(num) as measures
    from rows_by_cell
    group by cell_number, aggregation
),

spreads as (
    select
        cell_number,
        avg(num) as mean,
        stddev_samp(num) as deviation,
        percentile_cont(array[0.25, 0.5, 0.75]) within group (order by num) as quartiles
    from rows_by_cell
    where aggregation in ('mean', 'median')
    group by cell_number
),

-- each entity once a cell
entities as materialized (
    select
        cell_number,
        count(*) as entities,
        count(*) filter (where has_num) as counted,
        count(*) filter (where has_den) as base
    from (
        select
            cell_number,
            entity_key,
            coalesce(bool_or(num > 0), false) as has_num,
            coalesce(bool_or(den > 0), false) as has_den
        from rows_by_cell
        where entity_key is not null
        group by cell_number, entity_key
    ) as once
    group by cell_number
),

-- whose data a cell shows, and the greatest part that one of them has in it
subjects as materialized (
    select
        cell_number,
        count(*) as subjects,
        max(amount) as greatest_amount,
        max(measures) as greatest_measures,
        sum(measures) as measures
    from (
        select
            cell_number,
            subject_key,
            sum(abs(num)) as amount,
            count(*) as measures
        from rows_by_cell
        where subject_key is not null
        group by cell_number, subject_key
    ) as once
    group by cell_number
),

-- A1-03: mean over the axes of (1 - sum p2) / (1 - 1/K), where each axis is known of four fifths of the people
diversity as (
    select
        axes.cell_number,
        case when count(*) = 5 and min(axes.known / people.people) >= 0.8 then avg(axes.index) end as value
    from (
        select
            shares.cell_number,
            shares.axis,
            sum(shares.people) as known,
            (1 - sum(shares.people * shares.people) / (sum(shares.people) * sum(shares.people)))
            / (1 - 1 / sizes.size) as index
        from (
            select
                rows_by_cell.cell_number,
                split_part(traits.trait, ':', 1) as axis,
                traits.trait,
                count(distinct rows_by_cell.entity_key)::numeric as people
            from rows_by_cell
            cross join lateral unnest(rows_by_cell.members) as traits (trait)
            where rows_by_cell.aggregation = 'diversity' and traits.trait !~ ':(NR|HORS)$'
            group by rows_by_cell.cell_number, traits.trait
        ) as shares
        inner join (
            values
            ('AGE', 4::numeric), ('SEXE', 3::numeric), ('STATUT', 8::numeric), ('NIVEAU', 9::numeric),
            ('EPCI', 3::numeric)
        ) as sizes (axis, size) on shares.axis = sizes.axis
        group by shares.cell_number, shares.axis, sizes.size
    ) as axes
    inner join (
        select
            cell_number,
            entities::numeric as people
        from entities
    ) as people on axes.cell_number = people.cell_number
    group by axes.cell_number
),

-- A5-02: at least the largest of the actions, at most everybody once
bounds as (
    select
        cell_number,
        max(people + heads) as largest_object,
        sum(heads) as heads
    from (
        select
            rows_by_cell.cell_number,
            traits.trait,
            count(distinct rows_by_cell.entity_key) as people,
            coalesce(sum(rows_by_cell.den), 0) as heads
        from rows_by_cell
        cross join lateral unnest(rows_by_cell.members) as traits (trait)
        where rows_by_cell.aggregation = 'bounded' and starts_with(traits.trait, 'OBJET:')
        group by rows_by_cell.cell_number, traits.trait
    ) as objects
    group by cell_number
),

-- A5-07: the rate of the remote communes over that of the others
gaps as (
    select
        remote.cell_number,
        (remote.people / nullif(remote.population, 0)) / nullif(others.people / nullif(others.population, 0), 0) as value
    from (
        {{ people_and_population('ZONE:ENCLAVEE') }}
    ) as remote
    inner join (
        {{ people_and_population('ZONE:RESTE') }}
    ) as others on remote.cell_number = others.cell_number
),

-- a partner's part of what is counted once: an entity that k partners bring is 1/k of each
attributed as (
    select
        cell_number,
        round(sum(part) over running, 6) - round(coalesce(sum(part) over before, 0), 6) as value
    from (
        select
            shared.cell_number,
            shared.total_number,
            margins.partner_code,
            sum(1::numeric / shared.partners) as part
        from (
            select
                cell_number,
                total_number,
                count(*) over (
                    partition by total_number, {{ period_of_cell('cell_number') }}, entity_key
                ) as partners
            from (
                select distinct
                    cell_number,
                    total_number,
                    entity_key
                from rows_by_cell
                where measure = 'contributed' and aggregation = 'distinct'
            ) as once
        ) as shared
        inner join margins on {{ margin_of_cell('shared.cell_number') }} = margins.margin_number
        group by shared.cell_number, shared.total_number, margins.partner_code
    ) as parts
    window
        running as (
            partition by total_number, {{ period_of_cell('cell_number') }}
            order by {{ byte_order('partner_code') }}
        ),
        before as (
            partition by total_number, {{ period_of_cell('cell_number') }}
            order by {{ byte_order('partner_code') }}
            rows between unbounded preceding and 1 preceding
        )
),

cell_sums as (
    select
        {% for column in margin_columns() -%}
            margins.{{ column }},
        {% endfor -%}
        {{ grain_of_period(period_of_cell('totals.cell_number')) }} as period_grain,
        {{ start_of_period(period_of_cell('totals.cell_number')) }} as period_start,
        totals.num,
        totals.den,
        totals.squared_den,
        totals.amount,
        totals.measures,
        spreads.mean,
        spreads.deviation,
        spreads.quartiles[1] as lower_quartile,
        spreads.quartiles[2] as median,
        spreads.quartiles[3] as upper_quartile,
        entities.entities,
        entities.counted,
        entities.base,
        subjects.subjects,
        -- the greatest of 7 and 7.0 is either: full and incremental builds would differ
        trim_scale(subjects.greatest_amount) as greatest_amount,
        subjects.greatest_measures,
        subjects.measures as subject_measures,
        diversity.value as diversity,
        trim_scale(bounds.largest_object) as largest_object,
        bounds.heads,
        gaps.value as gap,
        attributed.value as attributed
    from totals
    inner join margins on {{ margin_of_cell('totals.cell_number') }} = margins.margin_number
    left join spreads on totals.cell_number = spreads.cell_number
    left join entities on totals.cell_number = entities.cell_number
    left join subjects on totals.cell_number = subjects.cell_number
    left join diversity on totals.cell_number = diversity.cell_number
    left join bounds on totals.cell_number = bounds.cell_number
    left join gaps on totals.cell_number = gaps.cell_number
    left join attributed on totals.cell_number = attributed.cell_number
)
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

{# People and population of the rows that bear a trait, by cell. #}
{% macro people_and_population(trait) -%}
    select
        cell_number,
        count(distinct entity_key) filter (where num > 0)::numeric as people,
        sum(den) as population
    from rows_by_cell
    where aggregation = 'gap' and '{{ trait }}' = any(members)
    group by cell_number
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
