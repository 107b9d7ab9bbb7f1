{{ config(materialized="view") }}

with
deliveries as (
    select
        programme_code,
        partner_code,
        partner_code || '|' || feed || '|' || period as expected_delivery,
        period_start,
        feed as axis_flux,
        is_accepted,
        delivery_id,
        case when delivery_id is not null then 0 end as row_number,
        null::text as row_hash
    from {{ ref('fct_deliveries') }}
    where is_expected and is_due
),

final as (
    select
        {{ contribution_columns(
            'T-01',
            entity='expected_delivery',
            occurred_on='period_start',
            territory='region',
            axes=['flux'],
            num="case when is_accepted then 1 else 0 end",
            den="1",
        ) }}
    from deliveries
)

select * from final
