{{ config(materialized="view") }}

with
actions as (
    {{ awareness_actions() }}
),

covered_communes as (
    select
        programme_code,
        partner_code,
        venue_commune_code,
        venue_epci_code,
        occurred_on,
        occurred_on + 365 as counted_until,
        1 as has_action,
        null::integer as communes,
        delivery_id,
        row_number,
        row_hash
    from actions
    where venue_commune_code <> 'NR'
    union all
    select
        programme_code,
        partner_code,
        venue_commune_code,
        venue_epci_code,
        occurred_on,
        null as counted_until,
        null as has_action,
        1 as communes,
        delivery_id,
        row_number,
        row_hash
    from ({{ perimeter_communes('venue') }}) as perimeter
),

final as (
    select
        {{ contribution_columns(
            'A5-05',
            entity='venue_commune_code',
            occurred_on='occurred_on',
            counted_until='counted_until',
            territory='venue',
            num='has_action',
            den='communes',
        ) }}
    from covered_communes
)

select * from final
