{# Participations in sessions of participants known at the build shown, each with its person's profile at first entry. #}
{% macro counted_participations() -%}
    select
        programme_code,
        partner_code,
        participant_id,
        object_key as session_key,
        status,
        followed_hours,
        nullif(referral_channel, 'NR') as referral_channel,
        occurred_on,
        modality in ('WEBINAIRE', 'ELEARNING') as is_distant,
        residence_commune_code,
        residence_epci_code,
        venue_commune_code,
        venue_epci_code,
        age_band as axis_age,
        sex as axis_sexe,
        employment_status as axis_statut,
        diploma_level as axis_niveau,
        modality as axis_modalite,
        coalesce(target_sector, 'NR') as axis_secteur,
        action_code as axis_action,
        delivery_id,
        row_number,
        row_hash
    from {{ ref('fct_counted_participations') }}
    where object_type = 'SESSION' and role = 'PARTICIPANT' and is_counted
{%- endmacro %}

{# Participations counted that make a person trained: finished, with enough hours followed. #}
{% macro trained_participations() -%}
    select *
    from (
        {{ counted_participations() }}
    ) as followed
    where followed.status = 'TERMINE' and followed.followed_hours >= {{ parameter('training_min_hours') }}
{%- endmacro %}

{# Certifications known at the build shown, each with its person's profile at first entry. #}
{% macro counted_certifications() -%}
    select
        certifications.programme_code,
        certifications.partner_code,
        participants.participant_id,
        certifications.result,
        certifications.presented_on,
        certifications.obtained_on,
        participants.commune_code as residence_commune_code,
        participants.epci_code as residence_epci_code,
        participants.age_band as axis_age,
        participants.sex as axis_sexe,
        participants.employment_status as axis_statut,
        participants.diploma_level as axis_niveau,
        certifications.certification_kind as axis_certification,
        certifications.delivery_id,
        certifications.row_number,
        certifications.row_hash
    from {{ ref('fct_certifications') }} as certifications
    inner join {{ ref('stg_ops__person_links') }} as links
        on certifications.person_key = links.person_key and {{ as_of('links') }}
    inner join {{ ref('dim_participant') }} as participants on links.participant_id = participants.participant_id
    where {{ as_of('certifications') }}
{%- endmacro %}

{#
    Answers known at the build shown to one question of the surveys of sessions (waves AVANT, CHAUD and FROID), each at
    the place of its session. The token of who answered stands for a person; an answer without one is a person's alone.
#}
{% macro session_answers(question_code) -%}
    select
        answers.programme_code,
        answers.partner_code,
        answers.answer_key,
        answers.session_key,
        answers.respondent_token,
        coalesce(answers.partner_code || '|' || answers.respondent_token, answers.answer_key) as respondent,
        answers.wave,
        answers.answer,
        answers.score,
        answers.answered_on,
        sessions.ends_on as session_ends_on,
        {{ venue_of('sessions') }},
        sessions.modality as axis_modalite,
        answers.delivery_id,
        answers.row_number,
        answers.row_hash
    from {{ ref('fct_survey_answers') }} as answers
    inner join {{ ref('fct_sessions') }} as sessions
        on answers.session_key = sessions.session_key and {{ as_of('sessions') }}
    left join {{ ref('dim_territory') }} as venues
        on sessions.commune_code = venues.territory_code and venues.territory_level = 'commune'
    where
        answers.survey_kind = 'FORMATION'
        and answers.question_code = '{{ question_code }}'
        and {{ as_of('answers') }}
{%- endmacro %}

{# Where a session is held, `venues` being its commune: at a distance, unknown or a commune of the perimeter. #}
{% macro venue_of(sessions) -%}
    case
            when {{ sessions }}.modality in ('WEBINAIRE', 'ELEARNING') then 'DIST'
            else coalesce(venues.territory_code, 'NR')
        end as venue_commune_code,
        case
            when {{ sessions }}.modality in ('WEBINAIRE', 'ELEARNING') then 'DIST'
            else coalesce(venues.epci_code, 'NR')
        end as venue_epci_code
{%- endmacro %}
