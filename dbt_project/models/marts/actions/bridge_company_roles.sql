{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="company_role_key",
        indexes=[{"columns": ["company_role_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
organisations as (
    select * from {{ ref('stg_drop__organisations') }}
),

changed_keys as (
    select distinct company_role_key
    from organisations
    where {{ changed_since('organisations') }}
),

spans as (
    {{ key_spans('organisations', 'company_role_key', 'changed_keys') }}
),

final as (
    select
        organisations.company_role_key,
        organisations.programme_code,
        organisations.partner_code,
        organisations.siren,
        organisations.label,
        organisations.role,
        organisations.commune_code,
        organisations.naf_code,
        organisations.offers_ai,
        organisations.is_deeptech,
        organisations.ai_headcount,
        organisations.founded_on,
        organisations.valid_from,
        organisations.delivery_id,
        organisations.row_number,
        organisations.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join organisations
        on spans.delivery_id = organisations.delivery_id and spans.row_number = organisations.row_number
)

select * from final
