{{ config(materialized="view") }}

with
journeys as (
    {{ integrated_journeys() }}
),

units as (
    select distinct on (programme_code, field)
        programme_code,
        null::text as siren,
        '1900-01-01'::date as integrated_on,
        null::date as stopped_on,
        partner_code,
        substr(field, strpos(field, '=') + 1) as axis_taille,
        null::integer as companies,
        value as units,
        delivery_id,
        row_number,
        row_hash
    from {{ ref('fct_benchmarks') }} as benchmarks
    where
        indicator_code = 'A2-02'
        and unit = 'unités actives'
        and starts_with(field, 'TAILLE=')
        and field <> 'TAILLE=250+'
        and value is not null
        and {{ as_of('benchmarks') }}
    order by
        programme_code, field, {{ byte_order('vintage') }} desc, {{ byte_order('delivery_id') }} desc, row_number desc
),

companies_and_units as (
    select
        programme_code,
        siren,
        integrated_on,
        stopped_on,
        partner_code,
        axis_taille,
        1 as companies,
        null::numeric as units,
        delivery_id,
        row_number,
        row_hash
    from journeys
    where axis_taille <> '250+'
    union all
    select
        programme_code,
        siren,
        integrated_on,
        stopped_on,
        partner_code,
        axis_taille,
        companies,
        units,
        delivery_id,
        row_number,
        row_hash
    from units
),

final as (
    select
        {{ contribution_columns(
            'A2-02',
            entity='siren',
            subject='siren',
            occurred_on='integrated_on',
            counted_until='stopped_on',
            territory='region',
            axes=['taille'],
            num='companies',
            den='units',
        ) }}
    from companies_and_units
)

select * from final
