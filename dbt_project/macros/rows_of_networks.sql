{# Events held and known at the build shown; without a commune they are held at a distance. #}
{% macro held_events() -%}
    select
        events.programme_code,
        events.partner_code,
        events.event_key,
        events.network_id,
        events.occurred_on,
        events.event_type as axis_type_evenement,
        case when events.commune_code is null then 'DIST' else venues.territory_code end as venue_commune_code,
        case when events.commune_code is null then 'DIST' else venues.epci_code end as venue_epci_code,
        events.delivery_id,
        events.row_number,
        events.row_hash
    from {{ ref('fct_events') }} as events
    left join {{ ref('dim_territory') }} as venues
        on
            events.commune_code = venues.territory_code
            and venues.territory_level = 'commune'
            and not venues.is_special
    where events.status = 'TENU' and {{ as_of('events') }}
{%- endmacro %}

{# Finished participations in events or actions, known at the build shown, of participants with their profile. #}
{% macro counted_attendances(object_type) -%}
    select
        programme_code,
        partner_code,
        participation_key,
        object_key,
        occurred_on,
        participant_id,
        residence_commune_code,
        residence_epci_code,
        age_band as axis_age,
        sex as axis_sexe,
        employment_status as axis_statut,
        diploma_level as axis_niveau,
        delivery_id,
        row_number,
        row_hash
    from {{ ref('fct_counted_participations') }}
    where object_type = '{{ object_type }}' and role = 'PARTICIPANT' and status = 'TERMINE' and is_counted
{%- endmacro %}

{# Finished participations in events held, each at the event's day and place. #}
{% macro event_attendances() -%}
    select
        attendances.programme_code,
        attendances.partner_code,
        attendances.participation_key,
        attendances.participant_id,
        events.occurred_on,
        events.venue_commune_code,
        events.venue_epci_code,
        events.axis_type_evenement,
        attendances.delivery_id,
        attendances.row_number,
        attendances.row_hash
    from (
        {{ counted_attendances('EVENEMENT') }}
    ) as attendances
    inner join (
        {{ held_events() }}
    ) as events on attendances.object_key = events.event_key
{%- endmacro %}

{# Projects launched and known at the build shown, each with its organisations. #}
{% macro launched_projects() -%}
    select
        projects.programme_code,
        projects.partner_code,
        projects.project_key,
        projects.started_on,
        projects.delivered_on,
        projects.sector as axis_filiere,
        count(distinct partners.siren) as organisations,
        coalesce(bool_or(partners.legal_nature = 'PUBLIC'), false)
        and coalesce(bool_or(partners.legal_nature = 'PRIVE'), false) as is_public_private,
        projects.delivery_id,
        projects.row_number,
        projects.row_hash
    from {{ ref('fct_projects') }} as projects
    left join {{ ref('bridge_project_partners') }} as partners
        on projects.project_key = partners.project_key and {{ as_of('partners') }}
    where projects.started_on is not null and {{ as_of('projects') }}
    group by
        projects.programme_code,
        projects.partner_code,
        projects.project_key,
        projects.started_on,
        projects.delivered_on,
        projects.sector,
        projects.delivery_id,
        projects.row_number,
        projects.row_hash
{%- endmacro %}

{# Projects launched and known at the build shown, each with the criteria of trust that its last row gives. #}
{% macro projects_by_criteria() -%}
    select
        projects.programme_code,
        projects.partner_code,
        projects.project_key,
        projects.is_supported,
        projects.started_on,
        projects.delivered_on,
        num_nonnulls(
            projects.is_acceptable,
            projects.is_reliable,
            projects.is_explainable,
            projects.is_robust,
            projects.is_transparent
        ) as known_criteria,
        coalesce(projects.is_acceptable, false)::integer
        + coalesce(projects.is_reliable, false)::integer
        + coalesce(projects.is_explainable, false)::integer
        + coalesce(projects.is_robust, false)::integer
        + coalesce(projects.is_transparent, false)::integer as met_criteria,
        projects.sector as axis_filiere,
        projects.delivery_id,
        projects.row_number,
        projects.row_hash
    from {{ ref('fct_projects') }} as projects
    where projects.started_on is not null and {{ as_of('projects') }}
{%- endmacro %}
