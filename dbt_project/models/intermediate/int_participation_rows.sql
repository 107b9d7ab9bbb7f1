{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key=["delivery_id", "row_number"],
        indexes=[
            {"columns": ["delivery_id", "row_number"], "unique": true},
            {"columns": ["participation_key"]},
            {"columns": ["object_key"]},
            {"columns": ["known_from_build"]},
            {"columns": ["known_to_build"]},
        ],
        post_hook="{{ analyze_table() }}",
    )
}}
{%- set loads = changed_loads() %}

with
participations as (
    select * from {{ ref('stg_drop__participations') }}
),

final as (
    select
        participation_key,
        object_key,
        partner_code,
        person_key,
        programme_code,
        object_type,
        object_id,
        object_partner_code,
        status,
        role,
        sex,
        employment_status,
        diploma_level,
        age_band,
        residence_commune_code,
        employer_siren,
        referral_channel,
        followed_hours,
        followed_until_on,
        delivery_id,
        row_number,
        row_hash,
        period_end,
        version,
        part,
        load_id,
        known_from_build,
        known_to_build
    from participations
    where {{ rows_to_take('participations', loads) }}
)

select * from final
