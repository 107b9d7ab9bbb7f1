with
benchmarks as (
    select * from {{ source('raw', 'g03_reperes_preuves') }}
),

deliveries as (
    select * from {{ source('ops', 'deliveries') }}
),

loads as (
    select * from {{ source('ops', 'loads') }}
),

supersessions as (
    {{ first_supersessions() }}
),

final as (
    select
        {{ surrogate_key(['deliveries.partner_code', 'benchmarks.repere_id']) }} as benchmark_key,
        deliveries.partner_code,
        benchmarks.programme_code,
        benchmarks.repere_id as benchmark_id,
        benchmarks.indicateur as indicator_code,
        benchmarks.unite as unit,
        benchmarks.perimetre as field,
        benchmarks.periode as vintage,
        benchmarks.source as publisher,
        benchmarks.url,
        benchmarks.sha256 as document_sha256,
        benchmarks.niveau_preuve::integer as proof_level,
        benchmarks.valeur::numeric as value,
        {{ raw_row_columns('benchmarks') }}
    from benchmarks
    inner join loads on benchmarks._load_id = loads.load_id
    inner join deliveries on benchmarks._delivery_id = deliveries.delivery_id
    left join supersessions on benchmarks._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
