{{ config(materialized="view") }}

with
sessions as (
    select * from {{ ref('fct_sessions') }} as session_rows
    where session_rows.module_id is not null and {{ as_of('session_rows') }}
),

modules as (
    select * from {{ ref('dim_module') }}
),

-- a label withdrawn later was held all the same
labelled as (
    select distinct sessions.session_key
    from sessions
    inner join modules
        on
            sessions.programme_code = modules.programme_code
            and sessions.module_id = modules.module_id
            and sessions.ends_on >= modules.labelled_on
            and (modules.is_labelled or modules.withdrawn_on is not null)
            and (modules.withdrawn_on is null or sessions.ends_on < modules.withdrawn_on)
),

used as (
    select
        sessions.*,
        labelled.session_key is not null as is_labelled
    from sessions
    left join labelled on sessions.session_key = labelled.session_key
),

final as (
    select
        {{ contribution_columns(
            'A1-13',
            entity='module_id',
            occurred_on='ends_on',
            territory='region',
            num="case when is_labelled then 1 else 0 end",
            den="1",
        ) }}
    from used
)

select * from final
