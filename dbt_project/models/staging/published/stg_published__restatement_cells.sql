with
restatement_cells as (
    select * from {{ source('published', 'restatement_cells') }}
),

final as (
    select
        programme_code,
        indicator_code,
        measure,
        period_grain,
        period_start,
        territory_level,
        territory_code,
        partner_code,
        axis,
        member
    from restatement_cells
)

select * from final
