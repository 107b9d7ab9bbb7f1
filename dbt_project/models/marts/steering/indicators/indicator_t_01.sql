{{ config(materialized="view") }}

with
deliveries as (
    {{ due_deliveries() }}
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
