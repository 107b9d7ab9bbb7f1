with
territories as (
    select * from {{ ref('territories') }}
),

special as (
    select
        levels.territory_level,
        codes.territory_code,
        codes.label
    from (values ('commune'), ('epci')) as levels (territory_level)
    cross join (
        values
        ('NR', 'Non renseigné'),
        ('HORS', 'Hors du périmètre'),
        ('DIST', 'À distance')
    ) as codes (territory_code, label)
),

final as (
    select
        territory_level,
        territory_code,
        label,
        epci_code,
        region_code,
        population::bigint as population,
        cog_vintage,
        false as is_special
    from territories
    union all
    select
        territory_level,
        territory_code,
        label,
        case when territory_level = 'commune' then territory_code end as epci_code,
        null as region_code,
        null as population,
        null as cog_vintage,
        true as is_special
    from special
)

select * from final
