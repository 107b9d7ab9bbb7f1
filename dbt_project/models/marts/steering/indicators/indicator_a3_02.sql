{{ config(materialized="view") }}

with
attendances as (
    {{ counted_attendances('EVENEMENT') }}
),

events as (
    select * from {{ ref('fct_events') }} as event_rows
    where event_rows.network_id is not null and {{ as_of('event_rows') }}
),

-- with each participation, the first of those that it makes enough of: active from the one to a year after the other
windows as (
    select
        attendances.*,
        lag(attendances.occurred_on, {{ parameter('active_member_min') }}::integer - 1) over (
            partition by attendances.programme_code, attendances.participant_id, events.network_id
            order by
                attendances.occurred_on,
                {{ byte_order('attendances.delivery_id') }},
                attendances.row_number
        ) as first_on
    from attendances
    inner join events on attendances.object_key = events.event_key
),

final as (
    select
        {{ contribution_columns(
            'A3-02',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            counted_until='first_on + 365',
            territory='region',
            axes=profile_axes(),
            num="1",
            den="null",
        ) }}
    from windows
    where occurred_on < first_on + 365
)

select * from final
