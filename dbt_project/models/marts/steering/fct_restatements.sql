{{ config(materialized="view") }}

with
restatements as (
    select * from {{ ref('stg_published__restatements') }}
),

closings as (
    select * from {{ ref('dim_closing') }}
),

-- what was published before the build shown: a build never depends on its own publication
last_publications as (
    select max(publication_id) as publication_id
    from {{ ref('stg_published__publications') }}
    where build_id < {{ as_of_build() }}
),

final as (
    select
        restatements.publication_id,
        restatements.closing_id,
        restatements.programme_code,
        restatements.indicator_code,
        restatements.measure,
        restatements.period_grain,
        restatements.period_start,
        restatements.territory_level,
        restatements.territory_code,
        restatements.partner_code,
        restatements.axis,
        restatements.member,
        restatements.unit,
        restatements.published_value,
        restatements.known_value,
        restatements.difference,
        restatements.cause,
        restatements.share
    from restatements
    inner join last_publications on restatements.publication_id = last_publications.publication_id
    inner join closings on restatements.closing_id = closings.closing_id
)

select * from final
