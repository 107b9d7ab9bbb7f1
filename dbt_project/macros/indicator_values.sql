{# The indicator views, one name a line: a test compares them with the catalogue. #}
{% macro indicator_models() -%}
    {{ return([
        'indicator_a1_01',
        'indicator_a1_02',
        'indicator_a1_05',
        'indicator_a1_06',
        'indicator_a1_07',
        'indicator_a1_08',
        'indicator_t_01',
        'indicator_t_03',
    ]) }}
{%- endmacro %}

{# The same list as rows. #}
{% macro listed_indicators() -%}
    {% for model in indicator_models() -%}
        select '{{ model }}' as model_name
        {{ 'union all' if not loop.last }}
    {% endfor -%}
{%- endmacro %}

{# Contributing rows of every indicator. #}
{% macro contributing_rows() -%}
    {% for model in indicator_models() -%}
        select * from {{ ref(model) }}
        {{ 'union all' if not loop.last }}
    {% endfor -%}
{%- endmacro %}

{#
    Each contributing row once per margin that it falls in: territory, partner, (EPCI or region) x one axis. What is
    null, a territory or an axis that the indicator has not, is no margin.
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
        {{ rows }}.occurred_on,
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
        {%- for axis in axis_names() %},
        ('counted', 'epci', {{ rows }}.epci_code, 'TOTAL', '{{ axis | upper }}', {{ rows }}.axis_{{ axis }}),
        ('counted', 'region', {{ programmes }}.perimeter_region_code, 'TOTAL', '{{ axis | upper }}', {{ rows }}.axis_{{ axis }})
        {%- endfor %}
    ) as margins (measure, territory_level, territory_code, partner_code, axis, member)
    where margins.territory_code is not null and margins.member is not null
{%- endmacro %}

{% macro margin_columns() -%}
    {{ return([
        'programme_code', 'indicator_code', 'measure', 'territory_level', 'territory_code', 'partner_code', 'axis',
        'member',
    ]) }}
{%- endmacro %}

{# Condition of a join on columns that two relations share. #}
{% macro same_columns(relation, other, columns) -%}
    {%- for column in columns -%}
        {{ relation }}.{{ column }} = {{ other }}.{{ column }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# What makes a value unique. #}
{% macro cell_columns() -%}
    {{ return(margin_columns() + ['period_grain', 'period_start']) }}
{%- endmacro %}

{# A cell as one integer: the number of its margin, its grain and the first day of its period. #}
{% macro cell_number(margin_number, grain, period_start) -%}
    ({{ margin_number }} * 4 + array_position(array['month', 'quarter', 'semester', 'year'], {{ grain }}) - 1)
    * 100000 + ({{ period_start }} - date '1900-01-01')
{%- endmacro %}

{# Each contributing row once per cell; margins and entities are numbered by the caller. #}
{% macro rows_by_cell(rows_by_margin, margins) -%}
    select
        {{ cell_number(margins ~ '.margin_number', 'periods.period_grain', 'periods.period_start') }} as cell_number,
        {{ rows_by_margin }}.entity_key,
        {{ rows_by_margin }}.num,
        {{ rows_by_margin }}.den
    from (
        -- offset 0: rows meet their own margins, not first every margin of their indicator
        select *
        from {{ rows_by_margin }}
        offset 0
    ) as {{ rows_by_margin }}
    inner join {{ margins }}
        on {{ same_columns(rows_by_margin, margins, margin_columns()) }}
    cross join lateral (
        {{ period_starts(rows_by_margin ~ '.occurred_on') }}
    ) as periods (period_grain, period_start)
{%- endmacro %}

{# Sums of each cell that has rows, and how many entities they are of, each counted once. #}
{% macro cell_sums(rows_by_cell) -%}
    select
        totals.cell_number,
        totals.num,
        totals.den,
        entities.entities
    from (
        select
            cell_number,
            sum(num) as num,
            sum(den) as den
        from {{ rows_by_cell }}
        group by cell_number
    ) as totals
    inner join (
        select
            cell_number,
            count(*) as entities
        from (select distinct cell_number, entity_key from {{ rows_by_cell }}) as once
        group by cell_number
    ) as entities
        on totals.cell_number = entities.cell_number
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
        when counts_people and n > 0 and n < smallest_n then 'SUPPRIME_K'
        when n = 0 and completeness = 0 then 'NON_REMIS'
        when completeness < 1 then 'INCOMPLET'
        when n = 0 and aggregation = 'ratio' then 'NON_APPLICABLE'
        when value = 0 then 'ZERO_MESURE'
        else 'MESURE'
    end
{%- endmacro %}
