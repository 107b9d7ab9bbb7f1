with
participations as (
    select * from {{ ref('fct_participations') }} as participation_rows
    where {{ as_of('participation_rows') }}
),

certifications as (
    select * from {{ ref('fct_certifications') }} as certification_rows
    where {{ as_of('certification_rows') }}
),

links as (
    select * from {{ ref('stg_ops__person_links') }} as link_rows
    where {{ as_of('link_rows') }}
),

communes as (
    select * from {{ ref('dim_territory') }}
    where territory_level = 'commune' and not is_special
),

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

-- someone known by certifications only has an age, and nothing else
final as (
    select
        coalesce(first_entries.participant_id, first_certifications.participant_id) as participant_id,
        coalesce(first_entries.occurred_on, first_certifications.presented_on) as first_entry_on,
        case
            when first_entries.participant_id is null then coalesce(first_certifications.age_band, 'NR')
            else coalesce(first_entries.age_band, 'NR')
        end as age_band,
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
    left join communes on first_entries.residence_commune_code = communes.territory_code
)

select * from final
