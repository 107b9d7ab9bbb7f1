with
builds as (
    select * from {{ source('ops', 'builds') }}
),

final as (
    select
        build_id,
        state,
        is_full,
        business_date,
        started_at,
        finished_at
    from builds
)

select * from final
