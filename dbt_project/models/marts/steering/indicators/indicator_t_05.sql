{{ config(materialized="view") }}

with
deliveries as (
    select * from {{ ref('dim_delivery') }}
    where feed = 'F02' and is_in_force and not is_blocked and period_start is not null
),

-- rows about nobody: each once, whatever else is wrong with it
rows_about_nobody as (
    select
        delivery_id,
        count(distinct row_number) as unknown_people
    from {{ ref('fct_rejected_rows') }}
    where rule_id = 'PERSONNE-INCONNUE' and severity = 'REFUSE'
    group by delivery_id
),

counted as (
    select
        deliveries.programme_code,
        deliveries.partner_code,
        deliveries.period_start,
        deliveries.rows_accepted,
        deliveries.rows_accepted + coalesce(rows_about_nobody.unknown_people, 0) as rows_judged,
        deliveries.delivery_id,
        0 as row_number,
        null::text as row_hash
    from deliveries
    left join rows_about_nobody on deliveries.delivery_id = rows_about_nobody.delivery_id
),

final as (
    select
        {{ contribution_columns(
            'T-05',
            entity='delivery_id',
            occurred_on='period_start',
            territory='region',
            num="rows_accepted",
            den="rows_judged",
        ) }}
    from counted
    where rows_judged > 0
)

select * from final
