with
partners as (
    select * from {{ ref('stg_ops__partners') }}
),

final as (
    select
        partner_code,
        label,
        siren,
        kind,
        programme_code,
        is_synthetic
    from partners
)

select * from final
