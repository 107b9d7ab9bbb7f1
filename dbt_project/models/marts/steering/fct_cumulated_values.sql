{{ config(pre_hook="set local jit = off") }}

with
target_periods as (
    select * from {{ ref('int_target_periods') }}
    where territory_code is not null
),

catalogue as (
    select * from {{ ref('indicator_catalogue') }}
    where timing = 'flow' and aggregation in ('distinct', 'bounded', 'sum')
),

builds as (
    select * from {{ ref('stg_ops__builds') }}
    where build_id = {{ as_of_build() }}
),

launches as (
    select
        scope as programme_code,
        value::date as launched_on
    from {{ ref('dim_parameter') }}
    where parameter_code = 'programme_start' and is_current
),

counted_targets as (
    select distinct
        {% for column in margin_columns() -%}
        target_periods.{{ column }},
        {% endfor -%}
        target_periods.target_type,
        target_periods.counted_from,
        target_periods.measured_on,
        catalogue.aggregation
    from target_periods
    inner join catalogue on target_periods.indicator_code = catalogue.indicator_code
    where target_periods.counted_from is not null
),

-- besides what each target's periods ask for, every quarter since the launch: forecasts draw from their increments
windows as (
    select
        {% for column in margin_columns() -%}
        {{ column }},
        {% endfor -%}
        aggregation,
        counted_from,
        measured_on
    from counted_targets
    union
    select
        {% for column in margin_columns() -%}
        counted_targets.{{ column }},
        {% endfor -%}
        counted_targets.aggregation,
        case counted_targets.target_type
            when 'CUMUL' then launches.launched_on
            else date_trunc('year', quarters.quarter_start)::date
        end as counted_from,
        (quarters.quarter_start + interval '3 months')::date - 1 as measured_on
    from counted_targets
    inner join launches on counted_targets.programme_code = launches.programme_code
    cross join builds
    cross join
        lateral generate_series(
            date_trunc('quarter', launches.launched_on),
            date_trunc('quarter', builds.business_date) - interval '3 months',
            interval '3 months'
        ) as quarters (quarter_start)
    where counted_targets.target_type in ('CUMUL', 'ANNUELLE')
),

spans as materialized (
    select
        {% for column in margin_columns() -%}
        {{ column }},
        {% endfor -%}
        aggregation,
        counted_from,
        max(measured_on) as measured_to
    from windows
    group by
        {{ margin_columns() | join(', ') }},
        aggregation,
        counted_from
),

asked as materialized (
    select distinct indicator_code
    from spans
),

contributions as (
    {{ asked_rows('asked') }}
),

falling as (
    select
        spans.*,
        contributions.entity_key,
        contributions.occurred_on,
        contributions.num
    from contributions
    inner join spans
        on
            contributions.programme_code = spans.programme_code
            and contributions.indicator_code = spans.indicator_code
            and contributions.occurred_on between spans.counted_from and spans.measured_to
            and (
                spans.territory_level = 'region'
                or (spans.territory_level = 'epci' and contributions.epci_code = spans.territory_code)
                or (spans.territory_level = 'commune' and contributions.commune_code = spans.territory_code)
            )
            and (spans.partner_code = 'TOTAL' or contributions.partner_code = spans.partner_code)
            and (
                spans.axis = 'TOTAL'
                or contributions.members @> array[spans.axis || ':' || spans.member]
            )
),

-- what is counted once counts on its first day in the span; what adds up counts on each
additions as (
    select
        {% for column in margin_columns() -%}
        {{ column }},
        {% endfor -%}
        counted_from,
        min(occurred_on) as added_on,
        1::numeric as amount
    from falling
    where aggregation in ('distinct', 'bounded') and entity_key is not null
    group by
        {{ margin_columns() | join(', ') }},
        counted_from,
        entity_key
    union all
    select
        {% for column in margin_columns() -%}
        {{ column }},
        {% endfor -%}
        counted_from,
        occurred_on as added_on,
        num as amount
    from falling
    where aggregation = 'sum' and num is not null
),

daily as (
    select
        {% for column in margin_columns() -%}
        {{ column }},
        {% endfor -%}
        counted_from,
        added_on,
        sum(amount) as amount
    from additions
    group by
        {{ margin_columns() | join(', ') }},
        counted_from,
        added_on
),

final as (
    select
        {% for column in margin_columns() -%}
        windows.{{ column }},
        {% endfor -%}
        windows.counted_from,
        windows.measured_on,
        round(coalesce(sum(daily.amount), 0), 6) as value
    from windows
    left join daily
        on
            {{ same_columns('windows', 'daily', margin_columns() + ['counted_from']) }}
            and windows.measured_on >= daily.added_on
    group by
        {% for column in margin_columns() -%}
        windows.{{ column }},
        {% endfor -%}
        windows.counted_from,
        windows.measured_on
)

select * from final
