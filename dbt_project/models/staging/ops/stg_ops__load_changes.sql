with
loads as (
    select * from {{ source('ops', 'loads') }}
    where build_id is not null
),

supersessions as (
    {{ first_supersessions() }}
),

erasures as (
    {{ erased_rows() }}
),

final as (
    select
        load_id,
        build_id
    from loads
    union
    select
        loads.load_id,
        supersessions.known_to_build as build_id
    from loads
    inner join supersessions on loads.delivery_id = supersessions.delivery_id
    union
    select
        loads.load_id,
        erasures.known_to_build as build_id
    from loads
    inner join erasures on loads.delivery_id = erasures.delivery_id
)

select * from final
