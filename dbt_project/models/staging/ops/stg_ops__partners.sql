with
partners as (
    select * from {{ source('ops', 'partners') }}
),

final as (
    select
        partner_code,
        name as label,
        siren,
        kind,
        programme_code,
        feeds,
        is_synthetic,
        created_at
    from partners
)

select * from final
