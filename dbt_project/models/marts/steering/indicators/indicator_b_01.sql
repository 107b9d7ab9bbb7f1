{{ config(materialized="view") }}

with
benchmarks as (
    select
        *,
        make_date(substring(vintage from '[0-9]{4}')::integer, 1, 1) as vintage_on
    from {{ ref('fct_benchmarks') }} as benchmark_rows
    where value is not null and field is not null and {{ as_of('benchmark_rows') }}
),

final as (
    select
        {{ contribution_columns(
            'B-01',
            entity='benchmark_key',
            occurred_on='vintage_on',
            territory='region',
            num='1',
            den='null',
        ) }}
    from benchmarks
    where vintage_on is not null
)

select * from final
