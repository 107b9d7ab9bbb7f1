{# Participations in sessions of participants known at the build shown, each with its person's profile at first entry. #}
{% macro counted_participations() -%}
    select
        participations.programme_code,
        participations.partner_code,
        participants.participant_id,
        participations.object_key as session_key,
        participations.status,
        participations.followed_hours,
        nullif(participations.referral_channel, 'NR') as referral_channel,
        participations.occurred_on,
        participations.modality in ('WEBINAIRE', 'ELEARNING') as is_distant,
        participants.commune_code as residence_commune_code,
        participants.epci_code as residence_epci_code,
        {{ venue_of('participations') }},
        participants.age_band as axis_age,
        participants.sex as axis_sexe,
        participants.employment_status as axis_statut,
        participants.diploma_level as axis_niveau,
        participations.modality as axis_modalite,
        coalesce(participations.target_sector, 'NR') as axis_secteur,
        participations.action_code as axis_action,
        participations.delivery_id,
        participations.row_number,
        participations.row_hash
    from {{ ref('fct_participations') }} as participations
    inner join {{ ref('stg_ops__person_links') }} as links
        on participations.person_key = links.person_key and {{ as_of('links') }}
    inner join {{ ref('dim_participant') }} as participants on links.participant_id = participants.participant_id
    left join {{ ref('dim_territory') }} as venues
        on participations.venue_commune_code = venues.territory_code and venues.territory_level = 'commune'
    where
        participations.object_type = 'SESSION'
        and participations.role = 'PARTICIPANT'
        and {{ as_of('participations') }}
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
