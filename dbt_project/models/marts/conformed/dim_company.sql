with
organisations as (
    select * from {{ ref('stg_drop__organisations') }} as organisation_rows
    where {{ as_of('organisation_rows') }}
),

journeys as (
    select * from {{ ref('stg_drop__company_journeys') }} as journey_rows
    where {{ as_of('journey_rows') }}
),

diagnostics as (
    select * from {{ ref('stg_drop__diagnostics') }} as diagnostic_rows
    where {{ as_of('diagnostic_rows') }}
),

sections as (
    select * from {{ ref('dim_sector') }}
    where sector_kind = 'NAF'
),

-- the cluster dates what it says of an organisation; the others speak as of the first day of their file's period
statements as (
    select
        siren,
        valid_from,
        3 as source_rank,
        label,
        commune_code,
        naf_code,
        null as size_band,
        null as strategic_sector,
        null::boolean as is_sole_proprietor,
        offers_ai,
        is_deeptech,
        founded_on,
        delivery_id,
        row_number
    from organisations
    union all
    select
        siren,
        period_start as valid_from,
        1 as source_rank,
        null as label,
        commune_code,
        naf_code,
        size_band,
        null as strategic_sector,
        is_sole_proprietor,
        null as offers_ai,
        null as is_deeptech,
        null as founded_on,
        delivery_id,
        row_number
    from journeys
    union all
    select
        siren,
        period_start as valid_from,
        2 as source_rank,
        null as label,
        commune_code,
        naf_code,
        size_band,
        strategic_sector,
        null as is_sole_proprietor,
        null as offers_ai,
        null as is_deeptech,
        null as founded_on,
        delivery_id,
        row_number
    from diagnostics
),

-- at each date, the last that anybody said of each attribute
states as (
    select
        siren,
        valid_from,
        {{ last_said('label') }} as label,
        {{ last_said('commune_code') }} as commune_code,
        {{ last_said('naf_code') }} as naf_code,
        {{ last_said('size_band') }} as size_band,
        {{ last_said('strategic_sector') }} as strategic_sector,
        {{ last_said('is_sole_proprietor') }} as is_sole_proprietor,
        {{ last_said('offers_ai') }} as offers_ai,
        {{ last_said('is_deeptech') }} as is_deeptech,
        {{ last_said('founded_on') }} as founded_on,
        row_number() over (
            partition by siren, valid_from
            order by source_rank desc, {{ byte_order('delivery_id') }} desc, row_number desc
        ) = 1 as is_last_of_day
    from statements
    window said_before as (
        partition by siren
        order by valid_from, source_rank, {{ byte_order('delivery_id') }}, row_number
    )
),

last_states as (
    select
        *,
        {{ surrogate_key([
            'label', 'commune_code', 'naf_code', 'size_band', 'strategic_sector', 'is_sole_proprietor', 'offers_ai',
            'is_deeptech', 'founded_on',
        ]) }} as state_key
    from states
    where is_last_of_day
),

compared as (
    select
        *,
        coalesce(lag(state_key) over (partition by siren order by valid_from), '') <> state_key as is_change
    from last_states
),

versions as (
    select
        *,
        row_number() over (partition by siren order by valid_from) as version,
        lead(valid_from) over (partition by siren order by valid_from) as valid_to
    from compared
    where is_change
),

-- the first version holds from the beginning, so that a fact of an earlier day meets its company
final as (
    select
        {{ surrogate_key(['versions.siren', 'versions.version']) }} as company_key,
        versions.siren,
        versions.version::integer as version,
        case when versions.version = 1 then '1900-01-01'::date else versions.valid_from end as valid_from,
        versions.valid_to,
        versions.valid_to is null as is_current,
        versions.label,
        versions.commune_code,
        versions.naf_code,
        sections.sector_code as naf_section,
        versions.size_band,
        versions.strategic_sector,
        versions.is_sole_proprietor,
        versions.offers_ai,
        versions.is_deeptech,
        versions.founded_on
    from versions
    left join sections
        on left(versions.naf_code, 2) between sections.first_naf_division and sections.last_naf_division
)

select * from final
