with
published_values as (
    select * from {{ source('published', 'published_values') }}
),

final as (
    select
        closing_id,
        publication_id,
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
        numerator,
        denominator,
        n,
        low,
        high,
        n_effective,
        unit,
        target,
        completeness,
        state,
        is_traced
    from published_values
)

select * from final
