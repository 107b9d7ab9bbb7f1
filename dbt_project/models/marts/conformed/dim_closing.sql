with
closings as (
    select * from {{ ref('stg_ops__closings') }}
    where closed_after_build < {{ as_of_build() }}
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
        decision_id,
        decided_on,
        closed_on,
        reason,
        version = max(version) over (partition by programme_code, period) as is_current
    from closings
)

select * from final
