with
publications as (
    select * from {{ source('published', 'publications') }}
),

final as (
    select
        publication_id,
        build_id,
        business_date,
        state
    from publications
)

select * from final
