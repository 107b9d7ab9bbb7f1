{{ config(materialized="view") }}

with
structures as (
    {{ counted_structures() }}
),

final as (
    select
        {{ contribution_columns(
            'O-02',
            entity='siren',
            subject='siren',
            occurred_on='valid_from',
            territory='region',
            axes=['naf'],
            num='1',
            den='null',
        ) }}
    from structures
    where is_local and offers_ai
)

select * from final
