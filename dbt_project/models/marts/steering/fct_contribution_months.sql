{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key=["programme_code", "indicator_code", "month_start"],
        pre_hook="{{ hash_everything() }}",
    )
}}
{%- set months = months_that_may_have_changed() %}

with
contributions as (
    {{ rows_of_months(months) }}
),

{{ indicator_sources() }},

{{ indicator_periods() }},

{{ indicator_margins() }},

-- the days at whose end a stock is counted
ends as (
    select
        programme_code,
        sum({{ row_digest(['period_number', 'last_on']) }}) as digest
    from periods
    group by programme_code
),

-- what else than its rows the sums of an indicator are made from
frames as (
    select
        margins.programme_code,
        margins.indicator_code,
        {{ row_digest([
            "'" ~ project_hash() ~ "'",
            'sum(' ~ row_digest(prefixed('margins', margin_columns() + ['aggregation', 'timing', 'first_grain_rank'])) ~ ')',
            "case when margins.timing = 'stock' then ends.digest end",
        ]) }} as digest
    from margins
    inner join ends on margins.programme_code = ends.programme_code
    group by
        margins.programme_code,
        margins.indicator_code,
        margins.timing,
        ends.digest
),

months as (
    select
        frames.programme_code,
        frames.indicator_code,
        date_trunc('month', contributions.occurred_on)::date as month_start,
        {{ row_digest(prefixed('contributions', [
            'entity_key', 'subject_key', 'occurred_on', 'counted_until', 'commune_code', 'epci_code', 'partner_code',
            'members', 'num', 'den',
        ])) }} as row_digest
    from contributions
    inner join frames
        on
            contributions.programme_code = frames.programme_code
            and contributions.indicator_code = frames.indicator_code
),

known as (
    select
        programme_code,
        indicator_code,
        month_start,
        count(*) as contributions,
        {{ row_digest(['sum(row_digest)']) }} as digest
    from months
    group by
        programme_code,
        indicator_code,
        month_start
),

former as (
    select
        former_months.*,
        {{ is_read('former_months', months) }} as is_read
    from (
        {{ former_months() }}
    ) as former_months
),

-- a month that was not read has the rows that it had
compared as (
    select
        coalesce(known.programme_code, former.programme_code) as programme_code,
        coalesce(known.indicator_code, former.indicator_code) as indicator_code,
        coalesce(known.month_start, former.month_start) as month_start,
        case when former.is_read is false then former.contributions else coalesce(known.contributions, 0) end
            as contributions,
        case when former.is_read is false then former.digest else coalesce(known.digest, 0) end as digest,
        former.contributions as former_contributions,
        former.digest as former_digest,
        former.frame as former_frame
    from known
    full join former
        on
            known.programme_code = former.programme_code
            and known.indicator_code = former.indicator_code
            and known.month_start = former.month_start
),

-- a month that lost its last row is kept, empty
final as (
    select
        compared.programme_code,
        compared.indicator_code,
        compared.month_start,
        compared.contributions,
        compared.digest,
        coalesce(frames.digest, 0) as frame,
        true as is_touched
    from compared
    left join frames
        on
            compared.programme_code = frames.programme_code
            and compared.indicator_code = frames.indicator_code
    where
        (compared.contributions, compared.digest, coalesce(frames.digest, 0))
        is distinct from (compared.former_contributions, compared.former_digest, compared.former_frame)
)

select * from final
