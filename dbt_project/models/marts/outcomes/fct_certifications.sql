{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="certification_key",
        indexes=[
            {"columns": ["certification_key"]},
            {"columns": ["person_key"]},
            {"columns": ["known_from_build"]},
            {"columns": ["known_to_build"]},
        ],
    )
}}
{{- require_all_keys() }}

with
certifications as (
    select * from {{ ref('int_certifications_historised') }}
),

final as (
    select
        certification_key,
        programme_code,
        partner_code,
        person_key,
        certification_code,
        case when certification_code ~ '^(RNCP|RS)[0-9]+$' then 'RNCP_RS' else 'INTERNE' end as certification_kind,
        session_partner_code,
        session_id,
        result,
        age_band,
        presented_on,
        obtained_on,
        delivery_id,
        row_number,
        row_hash,
        known_from_build,
        known_to_build
    from certifications
)

select * from final
