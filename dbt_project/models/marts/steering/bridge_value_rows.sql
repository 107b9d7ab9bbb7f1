{{ config(materialized="view") }}

with
contributions as (
    {{ contributing_rows() }}
),

programmes as (
    select * from {{ ref('dim_programme') }}
    where perimeter_region_code is not null
),

indicators as (
    select * from {{ ref('dim_indicator') }}
),

rows_by_margin as (
    {{ rows_by_margin('contributions', 'programmes') }}
),

rows_by_cell as (
    select
        rows_by_margin.*,
        periods.period_grain,
        periods.period_start
    from rows_by_margin
    cross join lateral (
        {{ period_starts('rows_by_margin.occurred_on') }}
    ) as periods (period_grain, period_start)
),

totalled as (
    select
        rows_by_cell.*,
        sum(rows_by_cell.den) over (
            partition by {{ cell_columns() | join(', ') }}
        ) as cell_den,
        count(*) over (
            partition by {{ cell_columns() | join(', ') }}, entity_key
        ) as entity_rows
    from rows_by_cell
),

final as (
    select
        totalled.programme_code,
        totalled.indicator_code,
        totalled.measure,
        totalled.period_grain,
        totalled.period_start,
        totalled.territory_level,
        totalled.territory_code,
        totalled.partner_code,
        totalled.axis,
        totalled.member,
        totalled.entity_key,
        totalled.delivery_id,
        totalled.row_number,
        totalled.row_hash,
        case indicators.aggregation
            when 'distinct' then 1::numeric / totalled.entity_rows
            when 'sum' then totalled.num
            else totalled.num / nullif(totalled.cell_den, 0)
        end as contribution
    from totalled
    inner join indicators on totalled.indicator_code = indicators.indicator_code
)

select * from final
