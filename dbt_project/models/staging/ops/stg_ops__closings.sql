with
closings as (
    select * from {{ source('ops', 'closings') }}
),

final as (
    select
        closing_id,
        programme_code,
        period,
        period_grain,
        period_start,
        period_end,
        version,
        publication_id,
        build_id,
        decision as decision_id,
        decided_on,
        closed_on,
        reason,
        closed_after_build
    from closings
)

select * from final
