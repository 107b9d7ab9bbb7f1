{#
    Columns of every indicator view, in the order of its contract: who, when, where, through whom, which members of
    each axis, and the source row. territory is residence, venue or region; an axis not given is none of the indicator's.
#}
{% macro contribution_columns(indicator_code, entity, occurred_on, territory, axes, num, den) -%}
    programme_code,
        '{{ indicator_code }}' as indicator_code,
        {{ entity }} as entity_key,
        {{ occurred_on }} as occurred_on,
        {{ 'null::text' if territory == 'region' else territory ~ '_commune_code' }} as commune_code,
        {{ 'null::text' if territory == 'region' else territory ~ '_epci_code' }} as epci_code,
        partner_code,
        {% for axis in axis_names() -%}
            {{ 'axis_' ~ axis if axis in axes else 'null::text' }} as axis_{{ axis }},
        {% endfor -%}
        ({{ num }})::numeric as num,
        ({{ den }})::numeric as den,
        delivery_id,
        row_number,
        row_hash
{%- endmacro %}

{% macro axis_names() -%}
    {{ return(['age', 'sexe', 'statut', 'niveau', 'modalite', 'secteur', 'certification', 'flux']) }}
{%- endmacro %}

{% macro profile_axes() -%}
    {{ return(['age', 'sexe', 'statut', 'niveau']) }}
{%- endmacro %}

{# Participations in sessions of participants known at the build shown, each with its person's profile at first entry. #}
{% macro counted_participations() -%}
    select
        participations.programme_code,
        participations.partner_code,
        participants.participant_id,
        participations.status,
        participations.followed_hours,
        participations.occurred_on,
        participations.modality in ('WEBINAIRE', 'ELEARNING') as is_distant,
        participants.commune_code as residence_commune_code,
        participants.epci_code as residence_epci_code,
        case
            when participations.modality in ('WEBINAIRE', 'ELEARNING') then 'DIST'
            else coalesce(venues.territory_code, 'NR')
        end as venue_commune_code,
        case
            when participations.modality in ('WEBINAIRE', 'ELEARNING') then 'DIST'
            else coalesce(venues.epci_code, 'NR')
        end as venue_epci_code,
        participants.age_band as axis_age,
        participants.sex as axis_sexe,
        participants.employment_status as axis_statut,
        participants.diploma_level as axis_niveau,
        participations.modality as axis_modalite,
        coalesce(participations.target_sector, 'NR') as axis_secteur,
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
