{{ config(materialized="view") }}

with
attendances as (
    {{ event_attendances() }}
),

final as (
    select
        {{ contribution_columns(
            'A3-04c',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='region',
            axes=['type_evenement'],
            num="1",
            den="1",
        ) }}
    from attendances
)

select * from final
