{# SIREN of the structures that the list of structures (F14) places in the perimeter. #}
{% macro local_structures() -%}
    select distinct
        structures.programme_code,
        structures.siren
    from ({{ counted_structures() }}) as structures
    where structures.is_local
{%- endmacro %}

{# Actors of the list of structures known at the build shown, and whether they are in the perimeter. #}
{% macro counted_structures() -%}
    select
        structures.programme_code,
        structures.partner_code,
        structures.siren,
        structures.offers_ai,
        structures.is_deeptech,
        structures.ai_headcount,
        structures.founded_on,
        structures.valid_from,
        perimeter.place_commune_code is not null as is_local,
        coalesce(sections.sector_code, 'NR') as axis_naf,
        structures.delivery_id,
        structures.row_number,
        structures.row_hash
    from {{ ref('bridge_company_roles') }} as structures
    left join ({{ perimeter_communes('place') }}) as perimeter
        on
            structures.programme_code = perimeter.programme_code
            and structures.commune_code = perimeter.place_commune_code
    left join {{ ref('dim_sector') }} as sections
        on
            sections.sector_kind = 'NAF'
            and left(structures.naf_code, 2) between sections.first_naf_division and sections.last_naf_division
    where {{ as_of('structures') }}
{%- endmacro %}

{# Where a company of the fact `rows` is established, and the section of its activity: the joins that both need. #}
{% macro establishment_columns(rows) -%}
    coalesce(places.place_commune_code, 'HORS') as establishment_commune_code,
        coalesce(places.place_epci_code, 'HORS') as establishment_epci_code,
        {{ rows }}.strategic_sector as axis_filiere,
        {{ rows }}.size_band as axis_taille,
        coalesce(sections.sector_code, 'NR') as axis_naf
{%- endmacro %}

{% macro establishment_joins(rows) -%}
    left join ({{ perimeter_communes('place') }}) as places
        on {{ rows }}.programme_code = places.programme_code and {{ rows }}.commune_code = places.place_commune_code
    left join {{ ref('dim_sector') }} as sections
        on
            sections.sector_kind = 'NAF'
            and left({{ rows }}.naf_code, 2) between sections.first_naf_division and sections.last_naf_division
{%- endmacro %}

{# Journeys of companies known at the build shown, each with its place, its members and where its supplier is. #}
{% macro counted_journeys() -%}
    select
        journeys.programme_code,
        journeys.partner_code,
        journeys.adoption_key,
        journeys.siren,
        journeys.supplier_siren,
        suppliers.siren is not null as has_local_supplier,
        journeys.decision_origin,
        journeys.referring_epci_code,
        journeys.referred_on,
        journeys.made_aware_on,
        journeys.diagnosed_on,
        journeys.roadmap_on,
        journeys.prototyped_on,
        journeys.deployed_on,
        journeys.gain_measured_on,
        journeys.stopped_on,
        coalesce(places.place_commune_code, 'HORS') as establishment_commune_code,
        coalesce(places.place_epci_code, 'HORS') as establishment_epci_code,
        journeys.size_band as axis_taille,
        coalesce(sections.sector_code, 'NR') as axis_naf,
        journeys.solution_family as axis_solution,
        journeys.delivery_id,
        journeys.row_number,
        journeys.row_hash
    from {{ ref('fct_adoptions') }} as journeys
    left join ({{ perimeter_communes('place') }}) as places
        on journeys.programme_code = places.programme_code and journeys.commune_code = places.place_commune_code
    left join ({{ local_structures() }}) as suppliers
        on journeys.programme_code = suppliers.programme_code and journeys.supplier_siren = suppliers.siren
    left join {{ ref('dim_sector') }} as sections
        on
            sections.sector_kind = 'NAF'
            and left(journeys.naf_code, 2) between sections.first_naf_division and sections.last_naf_division
    where {{ as_of('journeys') }}
{%- endmacro %}

{# Journeys whose local solution has been in production for the days that make it integrated, without a stop before. #}
{% macro integrated_journeys() -%}
    select
        journeys.*,
        journeys.deployed_on + {{ parameter('production_min_days') }}::integer as integrated_on
    from ({{ counted_journeys() }}) as journeys
    where
        journeys.has_local_supplier
        and journeys.deployed_on is not null
        and (
            journeys.stopped_on is null
            or journeys.stopped_on > journeys.deployed_on + {{ parameter('production_min_days') }}::integer
        )
{%- endmacro %}

{# Steps that journeys entered, each with the day of the one that follows it. #}
{% macro journey_steps() -%}
    select
        journeys.*,
        steps.step as axis_etape,
        steps.entered_on,
        steps.followed_on
    from ({{ counted_journeys() }}) as journeys
    cross join lateral (
        values
        ('SENSIBILISATION', journeys.made_aware_on, journeys.diagnosed_on),
        ('DIAGNOSTIC', journeys.diagnosed_on, journeys.roadmap_on),
        ('FEUILLE_ROUTE', journeys.roadmap_on, journeys.prototyped_on),
        ('PROTOTYPE', journeys.prototyped_on, journeys.deployed_on),
        ('DEPLOIEMENT', journeys.deployed_on, journeys.gain_measured_on)
    ) as steps (step, entered_on, followed_on)
    where steps.entered_on is not null
{%- endmacro %}

{# Gains measured as they should be: not merely declared, 90 days after the deployment at the earliest. #}
{% macro conforming_gains() -%}
    select
        gains.programme_code,
        gains.partner_code,
        gains.gain_key,
        gains.adoption_key,
        gains.gain_type,
        gains.relative_change,
        gains.measured_on,
        journeys.siren,
        journeys.axis_taille,
        journeys.axis_naf,
        journeys.axis_solution,
        gains.delivery_id,
        gains.row_number,
        gains.row_hash
    from {{ ref('fct_gains') }} as gains
    inner join ({{ counted_journeys() }}) as journeys on gains.adoption_key = journeys.adoption_key
    where
        gains.method in ('MESURE', 'COMPTABLE')
        and gains.value_before > 0
        and gains.measured_on >= journeys.deployed_on + 90
        and {{ as_of('gains') }}
{%- endmacro %}

{# Diagnostics handed over and known at the build shown, each with its company's place and members. #}
{% macro delivered_diagnostics() -%}
    select
        diagnostics.programme_code,
        diagnostics.partner_code,
        diagnostics.diagnostic_key,
        diagnostics.siren,
        diagnostics.service,
        diagnostics.delivered_on,
        {{ establishment_columns('diagnostics') }},
        diagnostics.delivery_id,
        diagnostics.row_number,
        diagnostics.row_hash
    from {{ ref('fct_diagnostics') }} as diagnostics
    {{ establishment_joins('diagnostics') }}
    where diagnostics.delivered_on is not null and {{ as_of('diagnostics') }}
{%- endmacro %}

{# Actions of roadmaps known at the build shown; one that is not done has no day on which it was. #}
{% macro roadmap_actions() -%}
    select
        actions.programme_code,
        actions.partner_code,
        actions.roadmap_action_key,
        actions.diagnostic_key,
        actions.siren,
        actions.weight,
        actions.ai_project_id,
        actions.ordered_on,
        actions.delivered_on,
        actions.due_on,
        case when actions.status = 'REALISEE' then actions.done_on end as done_on,
        actions.prototyped_on,
        actions.project_started_on,
        actions.strategic_sector as axis_filiere,
        actions.size_band as axis_taille,
        actions.delivery_id,
        actions.row_number,
        actions.row_hash
    from {{ ref('fct_roadmap_actions') }} as actions
    where actions.roadmap_action_id is not null and {{ as_of('actions') }}
{%- endmacro %}
