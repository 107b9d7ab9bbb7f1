-- without a CTE: PostgreSQL would not look in it by person, and a build looks for few
select
    person_key,
    participant_id,
    cause,
    is_anonymous,
    known_from_build,
    known_to_build
from {{ source('ops', 'person_links') }}
