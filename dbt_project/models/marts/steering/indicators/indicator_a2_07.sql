{{ config(materialized="view") }}

with
steps as (
    {{ journey_steps() }}
),

final as (
    select
        {{ contribution_columns(
            'A2-07',
            entity='adoption_key',
            subject='siren',
            occurred_on='followed_on',
            territory='region',
            axes=['etape', 'naf'],
            num='followed_on - entered_on',
            den='null',
        ) }}
    from steps
    where followed_on is not null
)

select * from final
