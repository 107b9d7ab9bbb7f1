{{ config(materialized="view") }}

with
sessions as (
    select * from {{ ref('fct_sessions') }}
),

events as (
    select * from {{ ref('fct_events') }}
),

partners as (
    select * from {{ ref('dim_partner') }}
),

-- a session is organised by who delivers it and by those it names; an event by those it names
named as (
    select
        'SESSION' as action_kind,
        sessions.session_key as action_key,
        'ORGANISATEUR' as role,
        coalesce(partners.siren, sessions.partner_code) as organisation_code,
        sessions.programme_code,
        sessions.partner_code,
        sessions.delivery_id,
        sessions.row_number,
        sessions.row_hash,
        sessions.known_from_build,
        sessions.known_to_build
    from sessions
    inner join partners on sessions.partner_code = partners.partner_code
    union
    select
        'SESSION' as action_kind,
        sessions.session_key as action_key,
        'ORGANISATEUR' as role,
        co_partners.siren as organisation_code,
        sessions.programme_code,
        sessions.partner_code,
        sessions.delivery_id,
        sessions.row_number,
        sessions.row_hash,
        sessions.known_from_build,
        sessions.known_to_build
    from sessions
    cross join lateral unnest(string_to_array(sessions.co_partner_sirens, ';')) as co_partners (siren)
    union
    select
        'EVENEMENT' as action_kind,
        events.event_key as action_key,
        roles.role,
        organisations.siren as organisation_code,
        events.programme_code,
        events.partner_code,
        events.delivery_id,
        events.row_number,
        events.row_hash,
        events.known_from_build,
        events.known_to_build
    from events
    inner join lateral (
        values
        ('ORGANISATEUR', events.organiser_sirens),
        ('SOUTIEN', events.supporter_sirens)
    ) as roles (role, sirens) on roles.sirens is not null
    cross join lateral unnest(string_to_array(roles.sirens, ';')) as organisations (siren)
),

-- one share each among those who organise; a support has none
final as (
    select
        action_kind,
        action_key,
        programme_code,
        partner_code,
        organisation_code,
        role,
        case
            when role = 'ORGANISATEUR'
                then 1.0 / count(*) over (partition by action_kind, action_key, known_from_build, role)
            else 0
        end as share,
        delivery_id,
        row_number,
        row_hash,
        known_from_build,
        known_to_build
    from named
)

select * from final
