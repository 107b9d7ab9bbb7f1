{{ config(materialized="view") }}

with
events as (
    {{ held_events() }}
),

final as (
    select
        {{ contribution_columns(
            'A3-01',
            entity='event_key',
            occurred_on='occurred_on',
            territory='venue',
            axes=['type_evenement'],
            num="1",
            den="null",
        ) }}
    from events
)

select * from final
