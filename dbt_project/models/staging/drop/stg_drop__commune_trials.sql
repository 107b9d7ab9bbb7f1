with
trials as (
    select * from {{ source('raw', 'f05b_experimentations_communes') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'trials.code_commune', 'trials.cas_usage_id', 'trials.phase']) }}
            as phase_key,
        {{ surrogate_key(['deliveries.partner_code', 'trials.code_commune', 'trials.cas_usage_id']) }}
            as commune_case_key,
        deliveries.partner_code,
        trials.programme_code,
        trials.code_commune as commune_code,
        trials.cas_usage_id as use_case_id,
        trials.domaine as domain,
        trials.phase,
        trials.bilan as assessment,
        trials.commune_origine as origin_commune_code,
        trials.agents_formes::integer as trained_agents,
        trials.date_phase::date as started_on,
        trials.date_fin_test::date as test_ended_on,
        {{ raw_row_columns('trials') }}
    from trials
    inner join loads on trials._load_id = loads.load_id
    inner join deliveries on trials._delivery_id = deliveries.delivery_id
    left join supersessions on trials._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
