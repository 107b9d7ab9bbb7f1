{{ config(materialized="view") }}

with
diagnostics as (
    {{ delivered_diagnostics() }}
),

actions as (
    {{ roadmap_actions() }}
),

progress as (
    select
        diagnostic_key,
        done_on,
        sum(case when done_on is not null then weight end) over (
            partition by diagnostic_key
            order by done_on
        ) as done_weight,
        sum(weight) over (partition by diagnostic_key) as weight
    from actions
),

-- day on which half of the weight was done
halves as (
    select
        diagnostic_key,
        min(done_on) filter (where done_weight >= weight / 2) as half_on
    from progress
    group by diagnostic_key
),

spans as (
    select
        diagnostics.*,
        states.counted_from,
        states.counted_until,
        states.is_half_done
    from diagnostics
    inner join halves on diagnostics.diagnostic_key = halves.diagnostic_key
    cross join
        lateral (
            values
            (diagnostics.delivered_on + 180, halves.half_on, false),
            (greatest(halves.half_on, diagnostics.delivered_on + 180), null::date, true)
        ) as states (counted_from, counted_until, is_half_done)
    where
        case
            when states.is_half_done then halves.half_on is not null
            else halves.half_on is null or halves.half_on > diagnostics.delivered_on + 180
        end
),

final as (
    select
        {{ contribution_columns(
            'A4-02b',
            entity='diagnostic_key',
            subject='siren',
            occurred_on='counted_from',
            counted_until='counted_until',
            territory='region',
            axes=['filiere', 'taille'],
            num='case when is_half_done then 1 else 0 end',
            den='1',
        ) }}
    from spans
)

select * from final
