{# A row's columns as one integer: rows that differ have others, nulls included; a sum of them knows no order. #}
{% macro row_digest(columns) -%}
    hashtextextended(row({{ columns | join(', ') }})::text, 0)
{%- endmacro %}

{# Columns of one relation. #}
{% macro prefixed(relation, columns) -%}
    {%- set names = [] -%}
    {%- for column in columns -%} {%- do names.append(relation ~ '.' ~ column) -%} {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{# A year that stands for all of them: what is counted at the end of every period. #}
{% macro any_year() -%}
    date '1900-01-01'
{%- endmacro %}

{#
    Indicators whose contributing rows of a month are made, one by one, from what fct_counted_participations and fct_funding
    say of that month, and from seeds: in a month where neither changed, they are what they were. A test compares this list
    with what the views read.
#}
{% macro indicators_by_month() -%}
    {{ return([
        'indicator_a1_01',
        'indicator_a1_03',
        'indicator_a1_05',
        'indicator_a1_06',
        'indicator_a1_08',
        'indicator_a1_09',
        'indicator_a1_09b',
        'indicator_a1_10',
        'indicator_a1_14',
        'indicator_a1_15',
        'indicator_t_07',
        'indicator_t_14',
    ]) }}
{%- endmacro %}

{# The name of an indicator's view, from its code. #}
{% macro indicator_view(code) -%}
    'indicator_' || lower(replace({{ code }}, '-', '_'))
{%- endmacro %}

{#
    Months whose rows may be others than the last build left, as texts of their first days; none when all may be. A list, not
    a join: the planner knows how few rows they have.
#}
{% macro months_that_may_have_changed() -%}
    {%- set counted, funding = ref('fct_counted_participations'), ref('fct_funding') -%}
    {%- if not adds_to_last_build() -%} {{ return(none) }} {%- endif -%}
    {{ return(run_query(
        "select distinct to_char(occurred_on, 'YYYY-MM-01') from ("
        ~ ' select occurred_on from ' ~ counted ~ ' where changed_in_build > ' ~ since_build() | trim
        ~ ' union all select occurred_on from ' ~ funding ~ ' as funding where ' ~ changed_since('funding')
        ~ ') as changed order by 1'
    ).columns[0].values()) }}
{%- endmacro %}

{# Condition by which a day lies in one of the periods that begin on these days. #}
{% macro within_periods(day, starts, length) -%}
    (
        {%- for start in starts %}
            ({{ day }} >= date '{{ start }}' and {{ day }} < date '{{ start }}' + interval '{{ length }}')
            {{- ' or ' if not loop.last }}
        {%- else %} false
        {%- endfor %}
    )
{%- endmacro %}

{# Contributing rows of every indicator, those of indicators by month in these months only (all when `months` is none). #}
{% macro rows_of_months(months) -%}
    {% for model in indicator_models() -%}
        select * from {{ ref(model) }}
        {% if months is not none and model in indicators_by_month() -%}
            where {{ within_periods('occurred_on', months, '1 month') }}
        {% endif -%}
        {{ 'union all' if not loop.last }}
    {% endfor -%}
{%- endmacro %}

{# Whether a month's rows are read: those of indicators by month in these months only. #}
{% macro is_read(former, months) -%}
    {%- if months is none -%}
        true
    {%- else -%}
        (
            {{ indicator_view(former ~ '.indicator_code') }} not in ('{{ indicators_by_month() | join("', '") }}')
            or {{ within_periods(former ~ '.month_start', months, '1 month') }}
        )
    {%- endif -%}
{%- endmacro %}

{#
    By view of an indicator by month that counts in the period of its day, the first days of the years touched; empty when
    everything is made anew.
#}
{% macro touched_years() -%}
    {%- set months, indicators = ref('fct_contribution_months'), ref('dim_indicator') -%}
    {%- set years = {} -%}
    {%- if execute and is_incremental() -%}
        {%- set found = run_query(
            'select distinct ' ~ indicator_view('months.indicator_code') ~ ", to_char(months.month_start, 'YYYY-01-01')"
            ~ ' from ' ~ months ~ ' as months inner join ' ~ indicators ~ ' as indicators using (indicator_code)'
            ~ " where months.is_touched and indicators.timing = 'flow' order by 1, 2"
        ) -%}
        {%- for row in found.rows if row[0] in indicators_by_month() -%}
            {%- do years.setdefault(row[0], []).append(row[1]) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(years) }}
{%- endmacro %}

{# The months as the last build left them; none when all is made anew. #}
{% macro former_months() -%}
    {%- if is_incremental() -%}
        select * from {{ this }}
    {%- else -%}
        select
            null::text as programme_code,
            null::text as indicator_code,
            null::date as month_start,
            null::bigint as contributions,
            null::bigint as digest,
            null::bigint as frame
        where false
    {%- endif -%}
{%- endmacro %}

{# The models that make the sums: others make them again. #}
{% macro project_hash() -%}
    {{ env_var('LAKOU_PROJECT_HASH', '') if execute else '' }}
{%- endmacro %}

{# Sums of the periods touched go, those without a row any more too. #}
{% macro delete_touched_sums() -%}
    {%- if is_incremental() -%}
        delete from {{ this }} as sums
        using
            (
                select distinct
                    months.programme_code,
                    months.indicator_code,
                    starts.period_grain,
                    case when indicators.timing = 'flow' then starts.period_start end as period_start
                from {{ ref('fct_contribution_months') }} as months
                inner join {{ ref('dim_indicator') }} as indicators on months.indicator_code = indicators.indicator_code
                cross join lateral (
                    {{ period_starts('months.month_start') }}
                ) as starts (period_grain, period_start)
                where months.is_touched
            ) as touched
        where
            sums.programme_code = touched.programme_code
            and sums.indicator_code = touched.indicator_code
            and sums.period_grain = touched.period_grain
            and (sums.period_start = touched.period_start or touched.period_start is null)
    {%- endif -%}
{%- endmacro %}

{# The sums stand for the months as they are. #}
{% macro settle_months() -%}
    update {{ ref('fct_contribution_months') }} set is_touched = false where is_touched
{%- endmacro %}
