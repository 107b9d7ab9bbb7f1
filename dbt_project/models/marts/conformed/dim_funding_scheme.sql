with
schemes as (
    select * from {{ ref('funding_schemes') }}
),

final as (
    select
        code as scheme_code,
        programme as programme_code,
        label,
        max_rate,
        ceiling_eur,
        source_claim as commitment_id
    from schemes
)

select * from final
