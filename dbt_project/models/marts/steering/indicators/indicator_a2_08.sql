{{ config(materialized="view") }}

with
steps as (
    {{ journey_steps() }}
),

final as (
    select
        {{ contribution_columns(
            'A2-08',
            entity='adoption_key',
            subject='siren',
            occurred_on='entered_on + 180',
            territory='region',
            axes=['etape', 'naf'],
            num='case when followed_on <= entered_on + 180 then 1 else 0 end',
            den='1',
        ) }}
    from steps
    where entered_on + 180 <= {{ business_date() }}
)

select * from final
