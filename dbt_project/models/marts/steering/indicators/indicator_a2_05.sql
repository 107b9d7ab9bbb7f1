{{ config(materialized="view") }}

with
journeys as (
    {{ counted_journeys() }}
),

first_gains as (
    select distinct on (adoption_key)
        adoption_key,
        measured_on,
        delivery_id,
        row_number,
        row_hash
    from ({{ conforming_gains() }}) as gains
    order by adoption_key, measured_on, {{ byte_order('delivery_id') }}, row_number
),

deployments as (
    select
        programme_code,
        partner_code,
        adoption_key,
        siren,
        deployed_on + 180 as counted_on,
        null::integer as measured,
        1 as deployed,
        delivery_id,
        row_number,
        row_hash
    from journeys
    where deployed_on is not null
    union all
    select
        journeys.programme_code,
        journeys.partner_code,
        journeys.adoption_key,
        journeys.siren,
        greatest(journeys.deployed_on + 180, first_gains.measured_on) as counted_on,
        1 as measured,
        null as deployed,
        first_gains.delivery_id,
        first_gains.row_number,
        first_gains.row_hash
    from journeys
    inner join first_gains on journeys.adoption_key = first_gains.adoption_key
),

final as (
    select
        {{ contribution_columns(
            'A2-05',
            entity='adoption_key',
            subject='siren',
            occurred_on='counted_on',
            territory='region',
            num='measured',
            den='deployed',
        ) }}
    from deployments
)

select * from final
