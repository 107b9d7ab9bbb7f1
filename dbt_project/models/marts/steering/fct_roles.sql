with
promised as (
    select * from {{ ref('roles_promised') }}
),

kinds as (
    select * from {{ ref('actor_kinds') }}
),

partners as (
    select
        partners.partner_code,
        partners.siren,
        kinds.actor
    from {{ ref('dim_partner') }} as partners
    inner join kinds on partners.kind = kinds.organisation_kind
),

organisations as (
    select
        company_roles.siren as organisation_code,
        kinds.actor
    from {{ ref('bridge_company_roles') }} as company_roles
    inner join kinds on company_roles.role = kinds.organisation_kind
    where {{ as_of('company_roles') }}
    union
    select
        coalesce(siren, partner_code) as organisation_code,
        actor
    from partners
),

sessions as (
    select * from {{ ref('fct_sessions') }} as session_rows
    where {{ as_of('session_rows') }}
),

participations as (
    select * from {{ ref('fct_participations') }} as participation_rows
    where {{ as_of('participation_rows') }} and referral_channel = 'EPCI'
),

modules as (
    select * from {{ ref('dim_module') }}
    where is_labelled
),

adoptions as (
    select * from {{ ref('fct_adoptions') }} as adoption_rows
    where {{ as_of('adoption_rows') }}
),

events as (
    select * from {{ ref('fct_events') }} as event_rows
    where {{ as_of('event_rows') }} and status = 'TENU'
),

event_partners as (
    select * from {{ ref('bridge_action_partners') }} as event_partner_rows
    where {{ as_of('event_partner_rows') }} and action_kind = 'EVENEMENT'
),

mentoring as (
    select * from {{ ref('fct_mentoring_sessions') }} as mentoring_rows
    where {{ as_of('mentoring_rows') }}
),

memberships as (
    select * from {{ ref('fct_memberships') }} as membership_rows
    where {{ as_of('membership_rows') }}
),

diagnostics as (
    select * from {{ ref('fct_diagnostics') }} as diagnostic_rows
    where {{ as_of('diagnostic_rows') }} and delivered_on is not null
),

deliverables as (
    select * from {{ ref('fct_deliverables') }} as deliverable_rows
    where {{ as_of('deliverable_rows') }} and status = 'TENU'
),

publics as (
    select * from {{ ref('bridge_deliverable_publics') }} as public_rows
    where {{ as_of('public_rows') }} and public <> 'TOUT_PUBLIC'
),

funding as (
    select * from {{ ref('fct_funding') }} as funding_rows
    where {{ as_of('funding_rows') }} and stage = 'VOTE' and amount_eur > 0 and fund_source = 'CLUSTER'
),

-- what a kind of actor did, in accepted rows; an act whose action its row does not name is of any
acts as (
    select
        sessions.programme_code,
        partners.actor,
        sessions.action_code,
        'SESSION' as evidence,
        count(*) as acts,
        max(sessions.ends_on) as last_on
    from sessions
    inner join partners on sessions.partner_code = partners.partner_code
    group by sessions.programme_code, partners.actor, sessions.action_code
    union all
    select
        modules.programme_code,
        partners.actor,
        null as action_code,
        'MODULE_LABELLISE' as evidence,
        count(*) as acts,
        max(modules.labelled_on) as last_on
    from modules
    inner join partners on modules.partner_code = partners.partner_code
    group by modules.programme_code, partners.actor
    union all
    select
        programme_code,
        'EPCI' as actor,
        action_code,
        case object_type when 'ACTION' then 'PUBLIC_REPERE' else 'PERSONNE_MOBILISEE' end as evidence,
        count(*) as acts,
        max(occurred_on) as last_on
    from participations
    group by
        programme_code,
        action_code,
        case object_type when 'ACTION' then 'PUBLIC_REPERE' else 'PERSONNE_MOBILISEE' end
    union all
    select
        adoptions.programme_code,
        partners.actor,
        null as action_code,
        steps.evidence,
        count(*) as acts,
        max(steps.done_on) as last_on
    from adoptions
    inner join partners on adoptions.partner_code = partners.partner_code
    cross join
        lateral (
            values
            ('DEPLOIEMENT', adoptions.deployed_on),
            ('PARCOURS_SUIVI', coalesce(adoptions.diagnosed_on, adoptions.made_aware_on))
        ) as steps (evidence, done_on)
    where steps.done_on is not null
    group by adoptions.programme_code, partners.actor, steps.evidence
    union all
    select
        programme_code,
        'EPCI' as actor,
        null as action_code,
        'MISE_EN_RELATION' as evidence,
        count(*) as acts,
        max(referred_on) as last_on
    from adoptions
    where referring_epci_code is not null
    group by programme_code
    union all
    select
        events.programme_code,
        organisations.actor,
        null as action_code,
        case event_partners.role when 'SOUTIEN' then 'EVENEMENT_SOUTENU' else 'EVENEMENT_ORGANISE' end as evidence,
        count(distinct events.event_key) as acts,
        max(events.occurred_on) as last_on
    from events
    inner join event_partners on events.event_key = event_partners.action_key
    inner join organisations on event_partners.organisation_code = organisations.organisation_code
    group by events.programme_code, organisations.actor, event_partners.role
    union all
    select
        mentoring.programme_code,
        partners.actor,
        null as action_code,
        'MENTORAT' as evidence,
        count(*) as acts,
        max(mentoring.met_on) as last_on
    from mentoring
    inner join partners on mentoring.partner_code = partners.partner_code
    group by mentoring.programme_code, partners.actor
    union all
    select
        memberships.programme_code,
        partners.actor,
        null as action_code,
        'RESEAU' as evidence,
        count(distinct memberships.network_id) as acts,
        max(memberships.month_start) as last_on
    from memberships
    inner join partners on memberships.partner_code = partners.partner_code
    group by memberships.programme_code, partners.actor
    union all
    select
        diagnostics.programme_code,
        partners.actor,
        null as action_code,
        'PRESTATION' as evidence,
        count(*) as acts,
        max(diagnostics.delivered_on) as last_on
    from diagnostics
    inner join partners on diagnostics.partner_code = partners.partner_code
    group by diagnostics.programme_code, partners.actor
    union all
    select
        deliverables.programme_code,
        partners.actor,
        null as action_code,
        case deliverables.deliverable_type
            when 'SESSION' then 'SENSIBILISATION'
            else deliverables.deliverable_type
        end as evidence,
        count(*) as acts,
        max(deliverables.occurred_on) as last_on
    from deliverables
    inner join partners on deliverables.partner_code = partners.partner_code
    group by deliverables.programme_code, partners.actor, deliverables.deliverable_type
    union all
    select
        deliverables.programme_code,
        partners.actor,
        null as action_code,
        'PUBLIC_REPERE' as evidence,
        count(*) as acts,
        max(deliverables.occurred_on) as last_on
    from publics
    inner join deliverables on publics.deliverable_key = deliverables.deliverable_key
    inner join partners on publics.partner_code = partners.partner_code
    group by deliverables.programme_code, partners.actor
    union all
    select
        programme_code,
        'CLUSTER' as actor,
        action_code,
        'COFINANCEMENT' as evidence,
        count(*) as acts,
        max(occurred_on) as last_on
    from funding
    group by programme_code, action_code
),

done as (
    select
        promised.commitment_id,
        sum(acts.acts)::bigint as acts,
        max(acts.last_on) as last_on
    from promised
    inner join acts
        on
            promised.programme_code = acts.programme_code
            and promised.actor = acts.actor
            and acts.evidence = any(string_to_array(promised.evidence, ';'))
            and (acts.action_code is null or promised.action_code = acts.action_code)
    group by promised.commitment_id
),

-- told in tens: an exact count would give back figures of people or firms that are suppressed
final as (
    select
        promised.commitment_id,
        promised.programme_code,
        promised.action_code,
        action_lines.label as action_label,
        promised.actor,
        promised.actor_label,
        promised.role_label,
        promised.evidence,
        coalesce(10 * div(done.acts, 10), 0)::bigint as acts_at_least,
        done.last_on,
        case
            when promised.evidence is null then 'NON_MESURABLE'
            when done.acts > 0 then 'TENU'
            else 'NON_TENU'
        end as state,
        case
            when promised.evidence is null then 'aucun flux ne le dit'
            when done.acts >= 10 then 'tenu : au moins ' || 10 * div(done.acts, 10) || ' actes reçus'
            when done.acts > 0 then 'tenu : moins de 10 actes reçus'
            else 'promis, aucun acte reçu'
        end as reading
    from promised
    inner join {{ ref('dim_action_line') }} as action_lines on promised.action_code = action_lines.action_code
    left join done on promised.commitment_id = done.commitment_id
)

select * from final
