with
decisions as (
    select * from {{ ref('fct_decisions') }} as decision_rows
    where {{ as_of('decision_rows') }}
),

cadences as (
    select
        scope as programme_code,
        value::integer as months,
        decided_by
    from {{ ref('dim_parameter') }}
    where parameter_code = 'committee_cadence_months' and is_current
),

launches as (
    select
        scope as programme_code,
        date_trunc('quarter', value::date) as launched_on
    from {{ ref('dim_parameter') }}
    where parameter_code = 'programme_start' and is_current
),

builds as (
    select * from {{ ref('stg_ops__builds') }}
    where build_id = {{ as_of_build() }}
),

-- a programme whose secretariat delivers nothing has no sessions to miss: its feed is absent
steered as (
    select distinct programme_code
    from decisions
),

spans as (
    select
        cadences.programme_code,
        cadences.months,
        cadences.decided_by,
        starts.span_start::date as span_start,
        (starts.span_start + cadences.months * interval '1 month')::date - 1 as span_end
    from cadences
    inner join steered on cadences.programme_code = steered.programme_code
    inner join launches on cadences.programme_code = launches.programme_code
    cross join builds
    cross join
        lateral generate_series(
            launches.launched_on, builds.business_date, cadences.months * interval '1 month'
        ) as starts (span_start)
),

final as (
    select
        spans.programme_code,
        spans.span_start,
        spans.span_end,
        spans.months as cadence_months,
        spans.decided_by as cadence_source,
        count(distinct decisions.decided_on)::integer as sessions_held,
        min(decisions.planned_on) as first_planned_on,
        min(decisions.decided_on) as first_held_on,
        max(decisions.decided_on - decisions.planned_on) as longest_delay_days,
        count(decisions.decision_key)::integer as decisions,
        (count(*) filter (where decisions.status = 'EXECUTEE'))::integer as executed,
        (
            count(*) filter (
                where decisions.status = 'EXECUTEE'
                and (decisions.due_on is null or decisions.done_on <= decisions.due_on)
            )
        )::integer as executed_in_time,
        (
            count(*) filter (where decisions.status = 'OUVERTE' and decisions.due_on < builds.business_date)
        )::integer as overdue,
        case
            when count(decisions.decision_key) > 0 then 'TENUE'
            when spans.span_end >= builds.business_date then 'A_VENIR'
            else 'NON_TENUE'
        end as state
    from spans
    cross join builds
    left join decisions
        on
            spans.programme_code = decisions.programme_code
            and decisions.decided_on between spans.span_start and spans.span_end
    group by
        spans.programme_code,
        spans.span_start,
        spans.span_end,
        spans.months,
        spans.decided_by,
        builds.business_date
)

select * from final
