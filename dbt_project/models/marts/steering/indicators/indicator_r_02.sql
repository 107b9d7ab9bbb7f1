{{ config(materialized="view") }}

with
journeys as (
    {{ counted_journeys() }}
),

diagnostics as (
    select * from {{ ref('fct_diagnostics') }} as diagnostic_rows
    where delivered_on is not null and {{ as_of('diagnostic_rows') }}
),

perimeter as (
    {{ perimeter_communes('establishment') }}
),

sections as (
    select * from {{ ref('dim_sector') }}
    where sector_kind = 'NAF'
),

services as (
    select
        journeys.programme_code,
        journeys.partner_code,
        journeys.siren,
        steps.entered_on as served_on,
        journeys.establishment_commune_code,
        journeys.establishment_epci_code,
        journeys.axis_taille,
        journeys.axis_naf,
        journeys.delivery_id,
        journeys.row_number,
        journeys.row_hash
    from journeys
    inner join lateral (
        values
        (journeys.diagnosed_on),
        (journeys.roadmap_on),
        (journeys.prototyped_on),
        (journeys.deployed_on)
    ) as steps (entered_on) on steps.entered_on is not null
    union
    select
        diagnostics.programme_code,
        diagnostics.partner_code,
        diagnostics.siren,
        diagnostics.delivered_on as served_on,
        coalesce(perimeter.establishment_commune_code, 'HORS') as establishment_commune_code,
        coalesce(perimeter.establishment_epci_code, 'HORS') as establishment_epci_code,
        diagnostics.size_band as axis_taille,
        coalesce(sections.sector_code, 'NR') as axis_naf,
        diagnostics.delivery_id,
        diagnostics.row_number,
        diagnostics.row_hash
    from diagnostics
    left join perimeter
        on
            diagnostics.programme_code = perimeter.programme_code
            and diagnostics.commune_code = perimeter.establishment_commune_code
    left join sections
        on left(diagnostics.naf_code, 2) between sections.first_naf_division and sections.last_naf_division
),

final as (
    select
        {{ contribution_columns(
            'R-02',
            entity='siren',
            subject='siren',
            occurred_on='served_on',
            territory='establishment',
            axes=['taille', 'naf'],
            num='1',
            den='null',
        ) }}
    from services
)

select * from final
