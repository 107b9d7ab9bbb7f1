{{ config(materialized="view") }}

with
actions as (
    {{ awareness_actions() }}
),

covered as (
    {{ covered_communes('actions', 'venue', 'occurred_on', 'occurred_on + 365') }}
),

final as (
    select
        {{ contribution_columns(
            'A5-05',
            entity='venue_commune_code',
            occurred_on='occurred_on',
            counted_until='counted_until',
            territory='venue',
            num='covered',
            den='communes',
        ) }}
    from covered
)

select * from final
