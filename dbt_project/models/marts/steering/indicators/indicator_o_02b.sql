{{ config(materialized="view") }}

with
structures as (
    {{ counted_structures() }}
),

largest as (
    select distinct on (programme_code, siren) *
    from structures
    where is_local and offers_ai and ai_headcount is not null
    order by
        programme_code, siren, ai_headcount desc, valid_from, {{ byte_order('delivery_id') }}, row_number
),

final as (
    select
        {{ contribution_columns(
            'O-02b',
            entity='siren',
            subject='siren',
            occurred_on='valid_from',
            territory='region',
            axes=['naf'],
            num='ai_headcount',
            den='null',
        ) }}
    from largest
)

select * from final
