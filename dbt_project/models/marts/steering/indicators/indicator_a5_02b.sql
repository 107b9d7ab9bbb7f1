{{ config(materialized="view") }}

with
headcounts as (
    {{ awareness_headcounts() }}
),

final as (
    select
        {{ contribution_columns(
            'A5-02b',
            entity='deliverable_key',
            occurred_on='occurred_on',
            territory='venue',
            axes=['public'],
            num='anonymous_headcount',
            den='null',
        ) }}
    from headcounts
)

select * from final
