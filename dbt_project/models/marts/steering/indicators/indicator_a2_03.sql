{{ config(materialized="view") }}

with
gains as (
    {{ conforming_gains() }}
),

final as (
    select
        {{ contribution_columns(
            'A2-03',
            entity='gain_key',
            subject='siren',
            occurred_on='measured_on',
            territory='region',
            axes=['taille', 'naf', 'solution'],
            num='-relative_change',
            den='null',
        ) }}
    from gains
    where gain_type = 'TEMPS'
)

select * from final
