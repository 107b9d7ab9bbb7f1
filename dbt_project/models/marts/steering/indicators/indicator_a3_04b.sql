{{ config(materialized="view") }}

with
attendances as (
    {{ event_attendances() }}
),

final as (
    select
        {{ contribution_columns(
            'A3-04b',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='venue',
            axes=['type_evenement'],
            num="1",
            den="null",
        ) }}
    from attendances
)

select * from final
