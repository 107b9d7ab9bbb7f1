{{ config(materialized="view") }}

with
events as (
    {{ held_events() }}
),

-- the communes that had an event, each for a year, and all those of the perimeter
counted as (
    select
        programme_code,
        partner_code,
        occurred_on,
        occurred_on + 365 as counted_until,
        venue_commune_code,
        venue_epci_code,
        1 as covered,
        null as communes,
        delivery_id,
        row_number,
        row_hash
    from events
    where venue_commune_code <> 'DIST'
    union all
    select
        communes.programme_code,
        communes.partner_code,
        communes.occurred_on,
        null as counted_until,
        communes.venue_commune_code,
        communes.venue_epci_code,
        null as covered,
        1 as communes,
        communes.delivery_id,
        communes.row_number,
        communes.row_hash
    from (
        {{ perimeter_communes('venue') }}
    ) as communes
),

final as (
    select
        {{ contribution_columns(
            'A3-07',
            entity='venue_commune_code',
            occurred_on='occurred_on',
            counted_until='counted_until',
            territory='venue',
            num="covered",
            den="communes",
        ) }}
    from counted
)

select * from final
