with
surveys as (
    select * from {{ source('raw', 'f04_enquetes_formation') }}
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
        {{ surrogate_key(['deliveries.partner_code', 'surveys.enquete_id', 'surveys.reponse_id']) }} as answer_key,
        {{ surrogate_key(['surveys._object_partner_code', 'surveys.session_id']) }} as session_key,
        deliveries.partner_code,
        surveys.programme_code,
        surveys.enquete_id as survey_id,
        surveys.reponse_id as answer_id,
        surveys.type as wave,
        surveys._object_partner_code as session_partner_code,
        surveys.session_id,
        surveys.jeton_participant as respondent_token,
        surveys.date_reponse::timestamp::date as answered_on,
        surveys.note_satisfaction::integer as satisfaction_score,
        surveys.score_connaissance::numeric as knowledge_score,
        surveys.utilise_ia_travail::boolean as uses_ai_at_work,
        {{ raw_row_columns('surveys') }}
    from surveys
    inner join loads on surveys._load_id = loads.load_id
    inner join deliveries on surveys._delivery_id = deliveries.delivery_id
    left join supersessions on surveys._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
