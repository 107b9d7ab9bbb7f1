{{ config(materialized="view") }}

with
sessions as (
    select * from {{ ref('fct_sessions') }} as session_rows
    where {{ as_of('session_rows') }}
),

actions as (
    select * from {{ ref('fct_deliverables') }} as action_rows
    where action_rows.deliverable_type = 'SESSION' and action_rows.status = 'TENU' and {{ as_of('action_rows') }}
),

targeted_actions as (
    select distinct public_rows.deliverable_key
    from {{ ref('bridge_deliverable_publics') }} as public_rows
    where public_rows.public <> 'TOUT_PUBLIC' and {{ as_of('public_rows') }}
),

counted as (
    select
        sessions.programme_code,
        sessions.partner_code,
        sessions.session_key as object_key,
        sessions.starts_on as occurred_on,
        coalesce(sessions.target_audience <> 'TOUT_PUBLIC', false)
        or coalesce(sessions.target_sector <> 'TOUS', false) as is_targeted,
        sessions.delivery_id,
        sessions.row_number,
        sessions.row_hash
    from sessions
    union all
    select
        actions.programme_code,
        actions.partner_code,
        actions.deliverable_key as object_key,
        actions.occurred_on,
        targeted_actions.deliverable_key is not null as is_targeted,
        actions.delivery_id,
        actions.row_number,
        actions.row_hash
    from actions
    left join targeted_actions on actions.deliverable_key = targeted_actions.deliverable_key
),

final as (
    select
        {{ contribution_columns(
            'T-13',
            entity='object_key',
            occurred_on='occurred_on',
            territory='region',
            num="case when is_targeted then 1 else 0 end",
            den="1",
        ) }}
    from counted
)

select * from final
