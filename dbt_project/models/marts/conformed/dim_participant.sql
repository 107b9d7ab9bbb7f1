{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="participant_id",
        indexes=[{"columns": ["participant_id"], "unique": true}],
        pre_hook=["{{ seek_what_changed() }}", "{{ forget_touched_participants() }}"],
    )
}}

with
participations as (
    select * from {{ ref('fct_participations') }} as participation_rows
    where {{ as_of('participation_rows') }}
),

certifications as (
    select * from {{ ref('fct_certifications') }} as certification_rows
    where {{ as_of('certification_rows') }}
),

memberships as (
    select * from {{ ref('fct_memberships') }} as membership_rows
    where {{ as_of('membership_rows') }}
),

links as (
    select * from {{ ref('stg_ops__person_links') }} as link_rows
    where {{ as_of('link_rows') }}{{ if_added_to('and link_rows.participant_id in (' ~ touched_participants() ~ ')') }}
),

communes as (
    select * from {{ ref('dim_territory') }}
    where territory_level = 'commune' and not is_special
),

-- an event or an action gives a profile to who came to no session
first_entries as (
    select distinct on (links.participant_id)
        links.participant_id,
        participations.occurred_on,
        participations.age_band,
        participations.sex,
        participations.employment_status,
        participations.diploma_level,
        participations.residence_commune_code
    from participations
    inner join links on participations.person_key = links.person_key
    order by
        links.participant_id,
        participations.object_type <> 'SESSION',
        participations.occurred_on,
        {{ byte_order('participations.delivery_id') }},
        participations.row_number
),

first_certifications as (
    select distinct on (links.participant_id)
        links.participant_id,
        certifications.presented_on,
        certifications.age_band
    from certifications
    inner join links on certifications.person_key = links.person_key
    order by
        links.participant_id,
        certifications.presented_on,
        {{ byte_order('certifications.delivery_id') }},
        certifications.row_number
),

first_members as (
    select distinct on (links.participant_id)
        links.participant_id,
        memberships.joined_on,
        memberships.age_band
    from memberships
    inner join links on memberships.person_key = links.person_key
    order by
        links.participant_id,
        memberships.joined_on,
        {{ byte_order('memberships.delivery_id') }},
        memberships.row_number
),

-- who objected is counted, and nothing is said of them
objectors as (
    select distinct participant_id
    from links
    where is_anonymous
),

-- someone known by certifications or memberships only has an age, and nothing else
known as (
    select
        coalesce(
            first_entries.participant_id, first_certifications.participant_id, first_members.participant_id
        ) as participant_id,
        coalesce(first_entries.occurred_on, first_certifications.presented_on, first_members.joined_on)
            as first_entry_on,
        coalesce(
            case
                when first_entries.participant_id is not null then first_entries.age_band
                when first_certifications.participant_id is not null then first_certifications.age_band
                else first_members.age_band
            end,
            'NR'
        ) as age_band,
        coalesce(first_entries.sex, 'NR') as sex,
        coalesce(first_entries.employment_status, 'NR') as employment_status,
        coalesce(first_entries.diploma_level, 'NR') as diploma_level,
        case
            when first_entries.residence_commune_code is null then 'NR'
            else coalesce(communes.territory_code, 'HORS')
        end as commune_code,
        case
            when first_entries.residence_commune_code is null then 'NR'
            else coalesce(communes.epci_code, 'HORS')
        end as epci_code
    from first_entries
    full join first_certifications on first_entries.participant_id = first_certifications.participant_id
    full join first_members
        on coalesce(first_entries.participant_id, first_certifications.participant_id) = first_members.participant_id
    left join communes on first_entries.residence_commune_code = communes.territory_code
),

final as (
    select
        known.participant_id,
        known.first_entry_on,
        case when objectors.participant_id is null then known.age_band else 'NR' end as age_band,
        case when objectors.participant_id is null then known.sex else 'NR' end as sex,
        case when objectors.participant_id is null then known.employment_status else 'NR' end as employment_status,
        case when objectors.participant_id is null then known.diploma_level else 'NR' end as diploma_level,
        case when objectors.participant_id is null then known.commune_code else 'NR' end as commune_code,
        case when objectors.participant_id is null then known.epci_code else 'NR' end as epci_code
    from known
    left join objectors on known.participant_id = objectors.participant_id
)

select * from final
