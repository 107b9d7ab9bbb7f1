{{ config(materialized="view") }}

with
proposed as (
    select
        sessions.programme_code,
        sessions.partner_code,
        sessions.session_key as proposal,
        sessions.starts_on as first_on,
        sessions.proposed_on,
        sessions.delivery_id,
        sessions.row_number,
        sessions.row_hash
    from {{ ref('fct_sessions') }} as sessions
    where sessions.proposed_on is not null and {{ as_of('sessions') }}
    union all
    select
        events.programme_code,
        events.partner_code,
        events.event_key as proposal,
        events.occurred_on as first_on,
        events.proposed_on,
        events.delivery_id,
        events.row_number,
        events.row_hash
    from {{ ref('fct_events') }} as events
    where events.proposed_on is not null and {{ as_of('events') }}
),

final as (
    select
        {{ contribution_columns(
            'T-11',
            entity='proposal',
            occurred_on='first_on',
            territory='region',
            num="first_on - proposed_on",
            den="null",
        ) }}
    from proposed
)

select * from final
