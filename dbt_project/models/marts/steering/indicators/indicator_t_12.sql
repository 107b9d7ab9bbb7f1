{{ config(materialized="view") }}

with
memberships as (
    select * from {{ ref('fct_memberships') }} as membership_rows
    where membership_rows.role = 'EXPERT' and {{ as_of('membership_rows') }}
),

links as (
    select * from {{ ref('stg_ops__person_links') }} as link_rows
    where {{ as_of('link_rows') }}
),

experts as (
    select
        memberships.*,
        links.participant_id
    from memberships
    inner join links on memberships.person_key = links.person_key
),

final as (
    select
        {{ contribution_columns(
            'T-12',
            entity='participant_id',
            subject='participant_id',
            occurred_on='month_start',
            counted_until='month_start + 365',
            territory='region',
            num="1",
            den="null",
        ) }}
    from experts
)

select * from final
