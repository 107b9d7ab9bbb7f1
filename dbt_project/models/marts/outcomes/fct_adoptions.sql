{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="adoption_key",
        indexes=[{"columns": ["adoption_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
journeys as (
    select * from {{ ref('stg_drop__company_journeys') }}
),

changed_keys as (
    select distinct adoption_key
    from journeys
    where {{ changed_since('journeys') }}
),

spans as (
    {{ key_spans('journeys', 'adoption_key', 'changed_keys') }}
),

final as (
    select
        journeys.adoption_key,
        journeys.programme_code,
        journeys.partner_code,
        journeys.journey_id,
        journeys.siren,
        journeys.siret,
        journeys.commune_code,
        journeys.is_sole_proprietor,
        journeys.size_band,
        journeys.naf_code,
        journeys.solution_family,
        journeys.supplier_siren,
        journeys.supplier_siret,
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
        case
            when journeys.stopped_on is not null then 'ARRET'
            when journeys.gain_measured_on is not null then 'GAIN_MESURE'
            when journeys.deployed_on is not null then 'DEPLOIEMENT'
            when journeys.prototyped_on is not null then 'PROTOTYPE'
            when journeys.roadmap_on is not null then 'FEUILLE_DE_ROUTE'
            when journeys.diagnosed_on is not null then 'DIAGNOSTIC'
            when journeys.made_aware_on is not null then 'SENSIBILISATION'
        end as last_step,
        num_nonnulls(
            journeys.made_aware_on,
            journeys.diagnosed_on,
            journeys.roadmap_on,
            journeys.prototyped_on,
            journeys.deployed_on,
            journeys.gain_measured_on
        ) < case
            when journeys.gain_measured_on is not null then 6
            when journeys.deployed_on is not null then 5
            when journeys.prototyped_on is not null then 4
            when journeys.roadmap_on is not null then 3
            when journeys.diagnosed_on is not null then 2
            when journeys.made_aware_on is not null then 1
            else 0
        end as has_skipped_step,
        (
            journeys.diagnosed_on < journeys.made_aware_on
            or journeys.roadmap_on < greatest(journeys.made_aware_on, journeys.diagnosed_on)
            or journeys.prototyped_on < greatest(journeys.made_aware_on, journeys.diagnosed_on, journeys.roadmap_on)
            or journeys.deployed_on
            < greatest(journeys.made_aware_on, journeys.diagnosed_on, journeys.roadmap_on, journeys.prototyped_on)
            or journeys.gain_measured_on
            < greatest(
                journeys.made_aware_on,
                journeys.diagnosed_on,
                journeys.roadmap_on,
                journeys.prototyped_on,
                journeys.deployed_on
            )
        ) is true as has_disordered_steps,
        journeys.delivery_id,
        journeys.row_number,
        journeys.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join journeys
        on spans.delivery_id = journeys.delivery_id and spans.row_number = journeys.row_number
)

select * from final
