{{ config(materialized="view") }}

with
deliverables as (
    select
        *,
        theme as axis_theme
    from {{ ref('fct_deliverables') }} as deliverable_rows
    where deliverable_type = 'NOTE_VEILLE' and status = 'TENU' and {{ as_of('deliverable_rows') }}
),

final as (
    select
        {{ contribution_columns(
            'A4-09',
            entity='deliverable_key',
            occurred_on='occurred_on',
            territory='region',
            axes=['theme'],
            num='1',
            den='null',
        ) }}
    from deliverables
)

select * from final
