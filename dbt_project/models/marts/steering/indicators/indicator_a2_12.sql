{{ config(materialized="view") }}

with
journeys as (
    {{ counted_journeys() }}
),

structures as (
    {{ local_structures() }}
),

partners as (
    select * from {{ ref('dim_partner') }}
),

diagnostics as (
    select * from {{ ref('fct_diagnostics') }} as diagnostic_rows
    where delivered_on is not null and {{ as_of('diagnostic_rows') }}
),

activities as (
    select
        programme_code,
        partner_code,
        supplier_siren,
        deployed_on as active_from,
        stopped_on as active_until,
        delivery_id,
        row_number,
        row_hash
    from journeys
    where has_local_supplier and deployed_on is not null
    union all
    select
        diagnostics.programme_code,
        diagnostics.partner_code,
        partners.siren as supplier_siren,
        diagnostics.delivered_on as active_from,
        diagnostics.delivered_on + 365 as active_until,
        diagnostics.delivery_id,
        diagnostics.row_number,
        diagnostics.row_hash
    from diagnostics
    inner join partners on diagnostics.partner_code = partners.partner_code
    inner join structures
        on diagnostics.programme_code = structures.programme_code and partners.siren = structures.siren
),

final as (
    select
        {{ contribution_columns(
            'A2-12',
            entity='supplier_siren',
            subject='supplier_siren',
            occurred_on='active_from',
            counted_until='active_until',
            territory='region',
            num='1',
            den='null',
        ) }}
    from activities
)

select * from final
