{{ config(materialized="view") }}

with
journeys as (
    {{ counted_journeys() }}
),

referrals as (
    select
        *,
        null::text as referring_commune_code,
        referred_on + 365 as judged_on,
        case when deployed_on between referred_on and referred_on + 365 then 1 else 0 end as is_followed
    from journeys
    where referring_epci_code is not null and referred_on is not null
),

final as (
    select
        {{ contribution_columns(
            'A2-11',
            entity='siren',
            subject='siren',
            occurred_on='judged_on',
            territory='referring',
            num='is_followed',
            den='1',
        ) }}
    from referrals
    where judged_on <= {{ business_date() }}
)

select * from final
