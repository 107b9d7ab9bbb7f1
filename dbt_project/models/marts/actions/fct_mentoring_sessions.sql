{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="member_line_key",
        indexes=[{"columns": ["member_line_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
members as (
    select * from {{ ref('stg_drop__network_members') }}
    where met_on is not null
),

changed_keys as (
    select distinct member_line_key
    from members
    where {{ changed_since('members') }}
),

spans as (
    {{ key_spans('members', 'member_line_key', 'changed_keys') }}
),

final as (
    select
        members.member_line_key,
        members.programme_code,
        members.partner_code,
        members.person_key,
        members.network_id,
        members.pair_id,
        members.role,
        members.met_on,
        members.delivery_id,
        members.row_number,
        members.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join members
        on spans.delivery_id = members.delivery_id and spans.row_number = members.row_number
)

select * from final
