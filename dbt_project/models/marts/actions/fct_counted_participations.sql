{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key=["participation_key", "occurred_on"],
        indexes=[
            {"columns": ["participation_key", "occurred_on"], "unique": true},
            {"columns": ["occurred_on"]},
            {"columns": ["object_type"]},
            {"columns": ["changed_in_build"]},
        ],
        pre_hook=["{{ seek_what_changed() }}", "{{ empty_unless_added_to() }}"],
    )
}}

-- depends_on: {{ ref('fct_certifications') }}
-- depends_on: {{ ref('fct_memberships') }}

with
{{ former_counted() }}

participations as (
    select * from {{ ref('fct_participations') }} as facts
    where {{ as_of('facts') }}{{ if_added_to('and facts.participation_key in (table touched_keys)') }}
),

links as (
    select * from {{ ref('stg_ops__person_links') }} as link_rows
    where {{ as_of('link_rows') }}
),

participants as (
    select * from {{ ref('dim_participant') }}
),

venues as (
    select * from {{ ref('dim_territory') }}
    where territory_level = 'commune'
),

counted as (
    select
        participations.programme_code,
        participations.partner_code,
        participations.participation_key,
        participations.person_key,
        participants.participant_id,
        participations.object_type,
        participations.object_key,
        participations.role,
        participations.status,
        participations.followed_hours,
        participations.referral_channel,
        participations.occurred_on,
        participations.modality,
        participants.commune_code as residence_commune_code,
        participants.epci_code as residence_epci_code,
        {{ venue_of('participations') }},
        participants.age_band,
        participants.sex,
        participants.employment_status,
        participants.diploma_level,
        participations.target_sector,
        participations.action_code,
        participations.delivery_id,
        participations.row_number,
        participations.row_hash
    from participations
    inner join links on participations.person_key = links.person_key
    inner join participants on links.participant_id = participants.participant_id
    left join venues on participations.venue_commune_code = venues.territory_code
),

changed as (
    {{ changed_counted() }}
),

final as (
    select
        {{ counted_columns() | join(',\n        ') }},
        is_counted,
        {{ as_of_build() }} as changed_in_build
    from changed
)

select * from final
