with
catalogue as (
    select * from {{ ref('indicator_catalogue') }}
),

final as (
    select
        indicator_code,
        base_code,
        label,
        formula,
        encode(sha256(convert_to(formula, 'UTF8')), 'hex') as definition_hash,
        unit,
        direction,
        aggregation,
        timing,
        factor,
        first_grain,
        secrecy,
        smallest_n,
        feeds,
        date_basis,
        territory_basis,
        territory_levels,
        coalesce(special_territories, '') as special_territories,
        coalesce(axes, '') as axes,
        by_partner,
        cumulates,
        secrecy in ('persons', 'heads') as counts_people,
        owner,
        threshold,
        level,
        display_order
    from catalogue
)

select * from final
