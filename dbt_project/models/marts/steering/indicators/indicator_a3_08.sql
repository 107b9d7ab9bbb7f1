{{ config(materialized="view") }}

with
meetings as (
    select
        *,
        network_id || '|' || pair_id as pair
    from {{ ref('fct_mentoring_sessions') }} as meeting_rows
    where meeting_rows.pair_id is not null and {{ as_of('meeting_rows') }}
),

final as (
    select
        {{ contribution_columns(
            'A3-08',
            entity='pair',
            occurred_on='met_on',
            counted_until='met_on + 90',
            territory='region',
            num="1",
            den="null",
        ) }}
    from meetings
)

select * from final
