{{ config(materialized="view") }}

with
actions as (
    {{ roadmap_actions() }}
),

-- an action is due from its due date on; done later, it counts as done from that day on
spans as (
    select
        actions.*,
        states.counted_from,
        states.counted_until,
        states.is_done
    from actions
    cross join
        lateral (
            values
            (actions.due_on, actions.done_on, false),
            (greatest(actions.done_on, actions.due_on), null::date, true)
        ) as states (counted_from, counted_until, is_done)
    where
        actions.due_on is not null
        and case
            when states.is_done then actions.done_on is not null
            else actions.done_on is null or actions.done_on > actions.due_on
        end
),

final as (
    select
        {{ contribution_columns(
            'A4-02',
            entity='roadmap_action_key',
            subject='siren',
            occurred_on='counted_from',
            counted_until='counted_until',
            territory='region',
            axes=['filiere', 'taille'],
            num='case when is_done then weight else 0 end',
            den='weight',
        ) }}
    from spans
)

select * from final
