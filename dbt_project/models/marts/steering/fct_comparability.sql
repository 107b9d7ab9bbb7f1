with
fields as (
    select * from {{ ref('indicator_fields') }}
),

programmes as (
    select * from {{ ref('dim_programme') }}
),

catalogue as (
    select * from {{ ref('indicator_catalogue') }}
),

known as (
    select * from {{ ref('external_benchmarks') }}
),

delivered as (
    select * from {{ ref('fct_benchmarks') }} as benchmark_rows
    where {{ as_of('benchmark_rows') }} and indicator_code is not null and value is not null
),

benchmarks as (
    select
        null as programme_code,
        benchmark_id,
        indicator_code,
        value,
        unit,
        field,
        vintage,
        publisher
    from known
    union all
    select
        programme_code,
        partner_code || ' ' || benchmark_id as benchmark_id,
        indicator_code,
        value,
        unit,
        field,
        vintage,
        publisher
    from delivered
),

between_programmes as (
    select
        ours.indicator_code,
        ours.programme_code,
        'PROGRAMME' as other_kind,
        theirs.programme_code as other_code,
        ours.field,
        theirs.field as other_field,
        null::numeric as other_value,
        null as other_unit,
        null as other_vintage,
        null as other_publisher,
        case
            when ours.field <> theirs.field then 'champs différents'
            when our_programmes.perimeter_region_code is null or their_programmes.perimeter_region_code is null
                then 'un des deux programmes n''a pas de données'
        end as refusal
    from fields as ours
    inner join fields as theirs
        on ours.indicator_code = theirs.indicator_code and ours.programme_code <> theirs.programme_code
    inner join programmes as our_programmes on ours.programme_code = our_programmes.programme_code
    inner join programmes as their_programmes on theirs.programme_code = their_programmes.programme_code
),

-- a figure from elsewhere without field or vintage is beside nothing
with_benchmarks as (
    select
        benchmarks.indicator_code,
        programmes.programme_code,
        'REPERE' as other_kind,
        benchmarks.benchmark_id as other_code,
        fields.field,
        benchmarks.field as other_field,
        benchmarks.value as other_value,
        benchmarks.unit as other_unit,
        benchmarks.vintage as other_vintage,
        benchmarks.publisher as other_publisher,
        case
            when coalesce(benchmarks.field, '') = '' then 'repère sans champ'
            when coalesce(benchmarks.vintage, '') = '' then 'repère sans millésime'
            when fields.field is null then 'champ de l''indicateur non décrit'
            when fields.field <> benchmarks.field then 'champs différents'
            when catalogue.unit <> benchmarks.unit then 'unités différentes'
        end as refusal
    from benchmarks
    inner join catalogue on benchmarks.indicator_code = catalogue.indicator_code
    inner join programmes
        on
            coalesce(benchmarks.programme_code, programmes.programme_code) = programmes.programme_code
            and programmes.perimeter_region_code is not null
    left join fields
        on programmes.programme_code = fields.programme_code and benchmarks.indicator_code = fields.indicator_code
),

pairs as (
    select * from between_programmes
    union all
    select * from with_benchmarks
),

final as (
    select
        indicator_code,
        programme_code,
        other_kind,
        other_code,
        field,
        other_field,
        other_value,
        other_unit,
        other_vintage,
        other_publisher,
        refusal is null as is_comparable,
        case
            when refusal is null then 'même champ, même formule'
            when refusal = 'champs différents'
                then 'comparaison refusée : champs différents (« ' || field || ' » et « ' || other_field || ' »)'
            else 'comparaison refusée : ' || refusal
        end as reason
    from pairs
)

select * from final
