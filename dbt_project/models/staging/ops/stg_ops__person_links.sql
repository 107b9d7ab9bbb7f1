with
person_links as (
    select * from {{ source('ops', 'person_links') }}
),

final as (
    select
        person_key,
        participant_id,
        cause,
        is_anonymous,
        known_from_build,
        known_to_build
    from person_links
)

select * from final
