{{ config(materialized="view") }}

with
structures as (
    {{ counted_structures() }}
),

founded as (
    select distinct on (programme_code, siren)
        *,
        date_trunc('year', founded_on)::date as year_start,
        {{ parameter_text('deeptech_base_year', 'structures.programme_code') }}::integer as base_year
    from structures
    where is_deeptech and founded_on is not null
    order by programme_code, siren, founded_on, {{ byte_order('delivery_id') }}, row_number
),

years as (
    select
        *,
        (year_start + interval '1 year')::date as counted_until,
        1 as founded_in_year,
        null::integer as founded_in_base_year
    from founded
    union all
    select
        *,
        null as counted_until,
        null as founded_in_year,
        1 as founded_in_base_year
    from founded
    where extract(year from founded_on) = base_year
),

final as (
    select
        {{ contribution_columns(
            'O-04',
            entity='siren',
            subject='siren',
            occurred_on='founded_on',
            counted_until='counted_until',
            territory='region',
            num='founded_in_year',
            den='founded_in_base_year',
        ) }}
    from years
)

select * from final
