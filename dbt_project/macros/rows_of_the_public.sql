{#
    Communes of each programme's perimeter with their inhabitants, since ever: a reference series, which nobody's file
    gives. `place` is the prefix of the columns of territory.
#}
{% macro perimeter_communes(place) -%}
    select
        programmes.programme_code,
        null::text as partner_code,
        null::text as participant_id,
        '1900-01-01'::date as occurred_on,
        communes.territory_code as {{ place }}_commune_code,
        communes.epci_code as {{ place }}_epci_code,
        null::integer as people,
        communes.population as inhabitants,
        null::text as delivery_id,
        null::integer as row_number,
        null::text as row_hash
    from {{ ref('dim_programme') }} as programmes
    inner join {{ ref('dim_territory') }} as communes
        on
            programmes.perimeter_region_code = communes.region_code
            and communes.territory_level = 'commune'
            and not communes.is_special
{%- endmacro %}

{# Communes that something covers, from a day and until another, beside all those of the perimeter. #}
{% macro covered_communes(rows, place, covered_on, counted_until='null') -%}
    select
        programme_code,
        partner_code,
        {{ place }}_commune_code,
        {{ place }}_epci_code,
        {{ covered_on }} as occurred_on,
        ({{ counted_until }})::date as counted_until,
        1 as covered,
        null::integer as communes,
        delivery_id,
        row_number,
        row_hash
    from {{ rows }}
    where {{ place }}_commune_code not in ('NR', 'HORS', 'DIST')
    union all
    select
        programme_code,
        partner_code,
        {{ place }}_commune_code,
        {{ place }}_epci_code,
        occurred_on,
        null as counted_until,
        null as covered,
        1 as communes,
        delivery_id,
        row_number,
        row_hash
    from ({{ perimeter_communes(place) }}) as perimeter
{%- endmacro %}

{# Awareness actions that were held, each with its place and the publics that it was for. #}
{% macro awareness_actions() -%}
    select
        actions.programme_code,
        actions.partner_code,
        actions.deliverable_key,
        actions.occurred_on,
        coalesce(places.place_commune_code, 'NR') as venue_commune_code,
        coalesce(places.place_epci_code, 'NR') as venue_epci_code,
        publics.members,
        actions.delivery_id,
        actions.row_number,
        actions.row_hash
    from {{ ref('fct_deliverables') }} as actions
    left join ({{ perimeter_communes('place') }}) as places
        on actions.programme_code = places.programme_code and actions.commune_code = places.place_commune_code
    left join (
        select
            action_publics.deliverable_key,
            array_agg('PUBLIC:' || action_publics.public order by action_publics.public) as members
        from {{ ref('bridge_deliverable_publics') }} as action_publics
        where {{ as_of('action_publics') }}
        group by action_publics.deliverable_key
    ) as publics on actions.deliverable_key = publics.deliverable_key
    where actions.deliverable_type = 'SESSION' and actions.status = 'TENU' and {{ as_of('actions') }}
{%- endmacro %}

{# Finished participations in awareness actions that were held, each at the action's day and place. #}
{% macro awareness_participations() -%}
    select
        attendances.programme_code,
        attendances.partner_code,
        attendances.participant_id,
        attendances.axis_age,
        attendances.residence_commune_code,
        attendances.residence_epci_code,
        actions.deliverable_key,
        actions.occurred_on,
        actions.venue_commune_code,
        actions.venue_epci_code,
        actions.members,
        attendances.delivery_id,
        attendances.row_number,
        attendances.row_hash
    from ({{ counted_attendances('ACTION') }}) as attendances
    inner join ({{ awareness_actions() }}) as actions on attendances.object_key = actions.deliverable_key
{%- endmacro %}

{# Anonymous people of the awareness actions that were held: one row an action and a public. #}
{% macro awareness_headcounts() -%}
    select
        actions.programme_code,
        heads.partner_code,
        actions.deliverable_key,
        actions.occurred_on,
        actions.venue_commune_code,
        actions.venue_epci_code,
        heads.public as axis_public,
        heads.anonymous_headcount,
        heads.delivery_id,
        heads.row_number,
        heads.row_hash
    from ({{ awareness_actions() }}) as actions
    inner join {{ ref('bridge_deliverable_publics') }} as heads on actions.deliverable_key = heads.deliverable_key
    where heads.anonymous_headcount is not null and {{ as_of('heads') }}
{%- endmacro %}

{# Answers known at the build shown to one question of the barometer, each with what else its respondent said. #}
{% macro barometer_answers(question_code) -%}
    select
        answers.programme_code,
        answers.partner_code,
        answers.answer_key,
        answers.answered_on,
        answers.answer,
        answers.weight,
        null::text as residence_commune_code,
        answers.epci_code as residence_epci_code,
        answers.age_band as axis_age_enquete,
        answers.sex as axis_sexe,
        case when uses.answer = 'JAMAIS' then 'NON' when uses.answer is not null then 'OUI' end as axis_utilisateur,
        answers.delivery_id,
        answers.row_number,
        answers.row_hash
    from {{ ref('fct_survey_answers') }} as answers
    left join {{ ref('fct_survey_answers') }} as uses
        on answers.answer_key = uses.answer_key and uses.question_code = 'USAGE_IA' and {{ as_of('uses') }}
    where
        answers.survey_kind = 'BAROMETRE'
        and answers.question_code = '{{ question_code }}'
        and {{ as_of('answers') }}
{%- endmacro %}

{# Phases that the communes of the perimeter reached in uses of AI, known at the build shown: one row a phase. #}
{% macro commune_phases() -%}
    select
        trials.programme_code,
        trials.partner_code,
        trials.commune_code as place_commune_code,
        places.place_epci_code,
        trials.use_case_id,
        trials.domain as axis_domaine,
        trials.assessment,
        trials.test_ended_on,
        phases.phase as axis_phase,
        phases.phase_rank,
        phases.reached_on,
        trials.delivery_id,
        trials.row_number,
        trials.row_hash
    from {{ ref('fct_commune_phases') }} as trials
    inner join ({{ perimeter_communes('place') }}) as places
        on trials.programme_code = places.programme_code and trials.commune_code = places.place_commune_code
    cross join lateral (
        values
        ('FORMER', 1, trials.trained_on),
        ('EXPERIMENTER', 2, trials.tested_on),
        ('DEPLOYER', 3, trials.deployed_on)
    ) as phases (phase, phase_rank, reached_on)
    where phases.reached_on is not null and {{ as_of('trials') }}
{%- endmacro %}
