with
restatements as (
    select * from {{ source('published', 'restatements') }}
),

publications as (
    select * from {{ source('published', 'publications') }}
),

final as (
    select
        restatements.publication_id,
        publications.build_id,
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
    inner join publications on restatements.publication_id = publications.publication_id
)

select * from final
