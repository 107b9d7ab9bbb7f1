-- every year's figure of the region, of a partner or of a member is the sum of what its rows contribute
with
sums as (
    select
        {{ cell_columns() | join(', ') }},
        sum(contribution) as contributed
    from {{ ref('bridge_value_rows') }}
    where period_grain = 'year' and territory_level = 'region'
    group by {{ cell_columns() | join(', ') }}
),

figures as (
    select
        *,
        case when denominator is null then value else numerator / nullif(denominator, 0) end as exact_value
    from {{ ref('fct_indicator_values') }}
    where period_grain = 'year' and territory_level = 'region'
)

select
    figures.*,
    sums.contributed
from figures
left join sums
    on {{ same_columns('figures', 'sums', cell_columns()) }}
where abs(coalesce(figures.exact_value, 0) - coalesce(sums.contributed, 0)) > 1e-9
