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

{# Contributing rows of every indicator. #}
{% macro contributing_rows() -%}
    {% for model in indicator_models() -%}
        select * from {{ ref(model) }}
        {{ 'union all' if not loop.last }}
    {% endfor -%}
{%- endmacro %}

{#
    Each contributing row once per published cell that it falls in. Cells are period x territory, period x partner,
    period x (EPCI or region) x one axis; what is null (a territory or an axis the indicator has not) is no cell.
#}
{% macro rows_by_cell(rows, programmes) -%}
    select
        {{ rows }}.programme_code,
        {{ rows }}.indicator_code,
        cells.measure,
        periods.period_grain,
        periods.period_start,
        cells.territory_level,
        cells.territory_code,
        cells.partner_code,
        cells.axis,
        cells.member,
        {{ rows }}.entity_key,
        {{ rows }}.num,
        {{ rows }}.den,
        {{ rows }}.delivery_id,
        {{ rows }}.row_number,
        {{ rows }}.row_hash
    from {{ rows }}
    inner join {{ programmes }}
        on {{ rows }}.programme_code = {{ programmes }}.programme_code
    cross join lateral (
        {{ period_starts(rows ~ '.occurred_on') }}
    ) as periods (period_grain, period_start)
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
    ) as cells (measure, territory_level, territory_code, partner_code, axis, member)
    where cells.territory_code is not null and cells.member is not null
{%- endmacro %}

{% macro cell_columns() -%}
    {{ return([
        'programme_code', 'indicator_code', 'measure', 'period_grain', 'period_start', 'territory_level',
        'territory_code', 'partner_code', 'axis', 'member',
    ]) }}
{%- endmacro %}

{#
    Sums of each cell that has rows: num, den and n. Rows are first summed by entity, so that people are counted once
    without a sort per cell.
#}
{% macro cell_sums(rows_by_cell) -%}
    select
        {{ cell_columns() | join(',\n        ') }},
        sum(num) as num,
        sum(den) as den,
        count(*) as entities
    from (
        select
            {{ cell_columns() | join(',\n            ') }},
            entity_key,
            sum(num) as num,
            sum(den) as den
        from {{ rows_by_cell }}
        group by
            {{ cell_columns() | join(',\n            ') }},
            entity_key
    ) as by_entity
    group by
        {{ cell_columns() | join(',\n        ') }}
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
