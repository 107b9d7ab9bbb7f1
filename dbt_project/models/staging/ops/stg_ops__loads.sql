with
loads as (
    select * from {{ source('ops', 'loads') }}
),

final as (
    select
        load_id,
        delivery_id,
        kind,
        rows_accepted,
        build_id,
        committed_at
    from loads
    where build_id is not null
)

select * from final
