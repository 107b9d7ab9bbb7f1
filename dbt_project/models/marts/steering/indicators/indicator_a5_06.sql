{{ config(materialized="view") }}

with
deliverables as (
    select
        *,
        deliverable_type as axis_type_livrable
    from {{ ref('fct_deliverables') }} as deliverable_rows
    where deliverable_type in ('GUIDE', 'OUTIL_INCLUSION') and status = 'TENU' and {{ as_of('deliverable_rows') }}
),

final as (
    select
        {{ contribution_columns(
            'A5-06',
            entity='deliverable_key',
            occurred_on='occurred_on',
            territory='region',
            axes=['type_livrable'],
            num='1',
            den='null',
        ) }}
    from deliverables
)

select * from final
