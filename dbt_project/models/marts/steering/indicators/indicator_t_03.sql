{{ config(materialized="view") }}

with
deliveries as (
    select
        programme_code,
        partner_code,
        period_start,
        feed as axis_flux,
        rows_accepted,
        rows_received,
        delivery_id,
        0 as row_number,
        null::text as row_hash
    from {{ ref('dim_delivery') }}
    where is_in_force and not is_blocked and period_start is not null and rows_received > 0
),

final as (
    select
        {{ contribution_columns(
            'T-03',
            entity='delivery_id',
            occurred_on='period_start',
            territory='region',
            axes=['flux'],
            num="rows_accepted",
            den="rows_received",
        ) }}
    from deliveries
)

select * from final
