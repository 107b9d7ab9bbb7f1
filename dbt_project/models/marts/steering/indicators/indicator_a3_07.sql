{{ config(materialized="view") }}

with
events as (
    {{ held_events() }}
),

covered as (
    {{ covered_communes('events', 'venue', 'occurred_on', 'occurred_on + 365') }}
),

final as (
    select
        {{ contribution_columns(
            'A3-07',
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
