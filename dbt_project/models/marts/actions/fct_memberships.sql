{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="membership_key",
        indexes=[
            {"columns": ["membership_key"]},
            {"columns": ["person_key"]},
            {"columns": ["known_from_build"]},
            {"columns": ["known_to_build"]},
        ],
    )
}}
{{- require_all_keys() }}

with
members as (
    select * from {{ ref('stg_drop__network_members') }}
),

changed_keys as (
    select distinct membership_key
    from members
    where {{ changed_since('members') }}
),

spans as (
    {{ key_spans('members', 'membership_key', 'changed_keys') }}
),

-- a file vouches for the months up to the end of its period, and for none after
final as (
    select
        members.membership_key,
        months.month_start::date as month_start,
        members.programme_code,
        members.partner_code,
        members.person_key,
        members.network_id,
        members.role,
        members.expertise,
        members.age_band,
        members.joined_on,
        members.left_on,
        members.delivery_id,
        members.row_number,
        members.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join members
        on spans.delivery_id = members.delivery_id and spans.row_number = members.row_number
    cross join lateral generate_series(
        date_trunc('month', members.joined_on::timestamp),
        least(members.left_on, members.period_end)::timestamp,
        interval '1 month'
    ) as months (month_start)
)

select * from final
