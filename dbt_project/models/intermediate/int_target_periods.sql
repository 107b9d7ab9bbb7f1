with
scopes as (
    select * from {{ ref('int_target_scopes') }}
),

builds as (
    select * from {{ ref('stg_ops__builds') }}
    where build_id = {{ as_of_build() }}
),

starts as (
    select distinct on (scope)
        scope as programme_code,
        value::date as launched_on
    from {{ ref('parameters') }}
    where parameter_code = 'programme_start'
    order by scope asc, version desc
),

periods as (
    select distinct
        scopes.target_key,
        grains.period_grain,
        grains.period_start,
        {{ period_end('grains.period_grain', 'grains.period_start') }} as period_end
    from scopes
    cross join builds
    cross join
        lateral generate_series(
            date_trunc('month', scopes.decided_on), least(scopes.due_on, builds.business_date), interval '1 month'
        ) as months (month_start)
    cross join lateral (
        {{ period_starts('months.month_start') }}
    ) as grains (period_grain, period_start)
),

-- in force at the end of the period, or on the day that is told if it has not ended
in_force as (
    select
        scopes.*,
        periods.period_grain,
        periods.period_start,
        periods.period_end,
        least(periods.period_end, builds.business_date) as measured_on,
        periods.period_end >= builds.business_date as is_provisional,
        starts.launched_on
    from periods
    inner join scopes on periods.target_key = scopes.target_key
    cross join builds
    left join starts on scopes.programme_code = starts.programme_code
    where
        scopes.decided_on <= least(periods.period_end, builds.business_date)
        and (scopes.replaced_on is null or scopes.replaced_on > least(periods.period_end, builds.business_date))
),

-- from which day what is done counts towards the target, and from which eve its path runs
final as (
    select
        target_key,
        programme_code,
        indicator_code,
        measure,
        territory_level,
        territory_code,
        partner_code,
        axis,
        member,
        period_grain,
        period_start,
        period_end,
        measured_on,
        is_provisional,
        scope,
        target_type,
        target_value,
        base_value,
        base_on,
        due_on,
        decision_id,
        decision_label,
        decided_on,
        case target_type
            when 'CUMUL' then launched_on
            when 'ANNUELLE' then date_trunc('year', measured_on)::date
            when 'RELATIVE' then (measured_on + 1 - interval '1 year')::date
        end as counted_from,
        case target_type
            when 'CUMUL' then coalesce(base_on, launched_on - 1)
            when 'ANNUELLE' then date_trunc('year', measured_on)::date - 1
            when 'RELATIVE' then base_on
        end as path_from,
        case target_type
            when 'ANNUELLE' then least(due_on, (date_trunc('year', measured_on) + interval '1 year')::date - 1)
            else due_on
        end as path_to,
        row_number() over (
            partition by
                programme_code,
                indicator_code,
                measure,
                territory_level,
                territory_code,
                partner_code,
                axis,
                member,
                period_grain,
                period_start
            order by
                due_on < measured_on asc,
                abs(due_on - measured_on) asc,
                decided_on desc,
                {{ byte_order('target_type') }} asc,
                {{ byte_order('target_key') }} asc
        ) = 1 as is_main
    from in_force
)

select * from final
