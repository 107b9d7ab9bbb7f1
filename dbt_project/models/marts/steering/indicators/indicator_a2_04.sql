{{ config(materialized="view") }}

with
gains as (
    {{ conforming_gains() }}
),

final as (
    select
        {{ contribution_columns(
            'A2-04',
            entity='gain_key',
            subject='siren',
            occurred_on='measured_on',
            territory='region',
            axes=['taille', 'naf'],
            num='relative_change',
            den='null',
        ) }}
    from gains
    where gain_type = 'CA'
)

select * from final
