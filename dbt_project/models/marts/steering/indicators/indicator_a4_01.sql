{{ config(materialized="view") }}

with
diagnostics as (
    {{ delivered_diagnostics() }}
),

final as (
    select
        {{ contribution_columns(
            'A4-01',
            entity='diagnostic_key',
            subject='siren',
            occurred_on='delivered_on',
            territory='establishment',
            axes=['filiere', 'taille', 'naf'],
            num='1',
            den='null',
        ) }}
    from diagnostics
    where service = 'AUDIT'
)

select * from final
