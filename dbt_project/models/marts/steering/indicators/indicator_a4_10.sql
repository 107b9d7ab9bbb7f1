{{ config(materialized="view") }}

with
foreign_partners as (
    select
        partners.project_key,
        array_agg(
            distinct case
                when partners.country_code = any(
                    string_to_array({{ parameter_text('caribbean_countries', 'partners.programme_code') }}, ';')
                ) then 'ZONE_PAYS:CARAIBE'
                else 'ZONE_PAYS:AUTRE'
            end
        ) as zones
    from {{ ref('bridge_project_partners') }} as partners
    where partners.country_code not in ('FR', 'MQ') and {{ as_of('partners') }}
    group by partners.project_key
),

projects as (
    select
        projects.*,
        foreign_partners.zones
    from {{ ref('fct_projects') }} as projects
    inner join foreign_partners on projects.project_key = foreign_partners.project_key
    where projects.started_on is not null and {{ as_of('projects') }}
),

final as (
    select
        {{ contribution_columns(
            'A4-10',
            entity='project_key',
            occurred_on='started_on',
            territory='region',
            members='zones',
            num='1',
            den='null',
        ) }}
    from projects
)

select * from final
