{{ config(materialized="view") }}

with
actions as (
    {{ roadmap_actions() }}
),

first_done as (
    select distinct on (diagnostic_key) *
    from actions
    where delivered_on is not null and done_on is not null
    order by diagnostic_key, done_on, {{ byte_order('delivery_id') }}, row_number
),

final as (
    select
        {{ contribution_columns(
            'A4-04',
            entity='diagnostic_key',
            subject='siren',
            occurred_on='done_on',
            territory='region',
            axes=['filiere'],
            num='done_on - delivered_on',
            den='null',
        ) }}
    from first_done
)

select * from final
