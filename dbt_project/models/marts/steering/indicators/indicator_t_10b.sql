{{ config(materialized="view") }}

with
held as (
    select
        decisions.programme_code,
        null::text as partner_code,
        decisions.decided_on as sat_on,
        1 as is_held,
        null::integer as expected,
        decisions.delivery_id,
        decisions.row_number,
        decisions.row_hash
    from {{ ref('fct_decisions') }} as decisions
    where decisions.decided_on <= {{ business_date() }} and {{ as_of('decisions') }}
),

cadences as (
    select
        programme_code,
        {{ parameter_text('programme_start', 'programme_code') }}::date as starts_on,
        make_interval(
            months => {{ parameter_text('committee_cadence_months', 'programme_code') }}::integer
        ) as cadence
    from {{ ref('dim_programme') }}
),

-- one sitting for each period of cadence that has begun
expected as (
    select
        cadences.programme_code,
        null::text as partner_code,
        begun.starts_at::date as sat_on,
        null::integer as is_held,
        1 as expected,
        null::text as delivery_id,
        null::integer as row_number,
        null::text as row_hash
    from cadences
    cross join
        lateral generate_series(cadences.starts_on::timestamp, {{ business_date() }}::timestamp, cadences.cadence)
            as begun (starts_at)
),

sittings as (
    select * from held
    union all
    select * from expected
),

final as (
    select
        {{ contribution_columns(
            'T-10b',
            entity='case when is_held = 1 then sat_on end',
            occurred_on='sat_on',
            territory='region',
            num='is_held',
            den='expected',
        ) }}
    from sittings
)

select * from final
