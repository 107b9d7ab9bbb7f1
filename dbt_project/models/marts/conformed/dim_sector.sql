with
sectors as (
    select * from {{ ref('sectors') }}
),

final as (
    select
        sector_kind,
        sector_code,
        label,
        first_naf_division,
        last_naf_division,
        display_order
    from sectors
)

select * from final
