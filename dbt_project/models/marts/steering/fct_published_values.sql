{{ config(materialized="view") }}

with
published_values as (
    select * from {{ ref('stg_published__published_values') }}
),

closings as (
    select * from {{ ref('dim_closing') }}
),

final as (
    select
        published_values.closing_id,
        published_values.publication_id,
        published_values.programme_code,
        published_values.indicator_code,
        published_values.definition_hash,
        published_values.measure,
        published_values.period_grain,
        published_values.period_start,
        published_values.territory_level,
        published_values.territory_code,
        published_values.partner_code,
        published_values.axis,
        published_values.member,
        published_values.value,
        published_values.numerator,
        published_values.denominator,
        published_values.n,
        published_values.low,
        published_values.high,
        published_values.n_effective,
        published_values.unit,
        published_values.target,
        published_values.completeness,
        published_values.state,
        published_values.is_traced
    from published_values
    inner join closings on published_values.closing_id = closings.closing_id
)

select * from final
