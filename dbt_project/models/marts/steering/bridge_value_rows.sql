{{ config(materialized="view") }}

with
contributions as (
    {{ contributing_rows() }}
),

{{ indicator_sources() }},

{{ indicator_periods() }},

{{ indicator_margins() }},

rows_by_margin as (
    {{ rows_by_margin('contributions', 'programmes', [
        'entity_key', 'occurred_on', 'counted_until', 'num', 'den', 'delivery_id', 'row_number', 'row_hash',
    ]) }}
),

placed_rows as (
    select
        rows_of_margins.*,
        margins.margin_number,
        margins.aggregation,
        margins.timing,
        margins.first_grain_rank
    from (
        -- rows meet their own margins, not first every margin of their indicator
        {{ settled('rows_by_margin') }}
    ) as rows_of_margins
    inner join margins
        on {{ same_margin('rows_of_margins', 'margins') }}
),

rows_by_cell as (
    {{ rows_by_period('placed_rows', margin_columns() + [
        'margin_number', 'aggregation', 'entity_key', 'num', 'den', 'delivery_id', 'row_number', 'row_hash',
    ]) }}
),

-- how many rows speak of the same entity, and which rows a median stands between; read twice, never made whole
ranked as not materialized (
    select
        rows_by_cell.*,
        count(*) over entity as entity_rows,
        count(*) filter (where num > 0) over entity as counted_rows,
        count(*) over cell as cell_rows,
        count(num) over cell as measures,
        row_number() over (
            partition by indicator_code, margin_number, period_number, {{ cell_columns() | join(', ') }}
            order by num nulls last, {{ byte_order('delivery_id') }}, row_number
        ) - 1 as position
    from rows_by_cell
    window
        -- the indicator comes first, and a cell is named in full: whoever asks for one pays for one
        cell as (partition by indicator_code, margin_number, period_number, {{ cell_columns() | join(', ') }}),
        entity as (
            partition by indicator_code, margin_number, period_number, {{ cell_columns() | join(', ') }}, entity_key
        )
),

-- a partner has an equal part of each entity that it brings with others
sharing as (
    select
        *,
        dense_rank() over (
            partition by indicator_code, programme_code, period_number, entity_key
            order by partner_code
        ) + dense_rank() over (
            partition by indicator_code, programme_code, period_number, entity_key
            order by partner_code desc
        ) - 1 as partners
    from ranked
    where measure = 'contributed' and aggregation in ('distinct', 'sum')
),

all_rows as (
    select
        *,
        1 as partners
    from ranked
    union all
    select
        programme_code,
        indicator_code,
        'attributed' as measure,
        territory_level,
        territory_code,
        partner_code,
        axis,
        member,
        margin_number,
        aggregation,
        entity_key,
        num,
        den,
        delivery_id,
        row_number,
        row_hash,
        period_grain,
        period_start,
        period_number,
        entity_rows,
        counted_rows,
        cell_rows,
        measures,
        position,
        partners
    from sharing
),

weighed as (
    select
        all_rows.*,
        coalesce(case
            when all_rows.entity_key is null and all_rows.aggregation in ('distinct', 'bounded') then 0
            when all_rows.aggregation in ('distinct', 'bounded')
                then 1::numeric / (all_rows.entity_rows * all_rows.partners)
            when all_rows.aggregation = 'sum' then all_rows.num
            when all_rows.aggregation in ('rate', 'distinct_ratio')
                then
                    case when all_rows.num > 0 then indicators.factor / all_rows.counted_rows / figures.denominator end
            when all_rows.aggregation = 'median'
                then
                    all_rows.num * greatest(0, 1 - abs(all_rows.position - (all_rows.measures - 1) / 2.0))
            when all_rows.aggregation in ('diversity', 'gap') then figures.value / all_rows.cell_rows
            else indicators.factor * all_rows.num / nullif(figures.denominator, 0)
        end, 0) as contribution
    from all_rows
    inner join indicators on all_rows.indicator_code = indicators.indicator_code
    inner join {{ ref('fct_indicator_values') }} as figures
        on {{ same_columns('all_rows', 'figures', cell_columns()) }}
),

-- a source row may contribute several times to one value: several steps of one company
final as (
    select
        {% for column in cell_columns() -%}
        {{ column }},
        {% endfor -%}
        entity_key,
        delivery_id,
        row_number,
        row_hash,
        sum(contribution) as contribution
    from weighed
    group by {{ cell_columns() | join(', ') }}, entity_key, delivery_id, row_number, row_hash
)

select * from final
