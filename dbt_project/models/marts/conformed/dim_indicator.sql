with
catalogue as (
    select * from {{ ref('indicator_catalogue') }}
),

final as (
    select
        indicator_code,
        label,
        formula,
        encode(sha256(convert_to(formula, 'UTF8')), 'hex') as definition_hash,
        unit,
        direction,
        aggregation,
        feeds,
        date_basis,
        territory_basis,
        coalesce(special_territories, '') as special_territories,
        axes,
        counts_people,
        owner,
        threshold,
        display_order
    from catalogue
)

select * from final
