{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        unique_key="answer_key",
        indexes=[{"columns": ["answer_key"]}, {"columns": ["known_from_build"]}],
    )
}}
{{- require_all_keys() }}

with
answers as (
    select
        answer_key,
        session_key,
        programme_code,
        partner_code,
        'FORMATION' as survey_kind,
        survey_id,
        wave,
        respondent_token,
        null as age_band,
        null as sex,
        null as epci_code,
        null as sampling,
        1::numeric as weight,
        satisfaction_score,
        knowledge_score,
        uses_ai_at_work::integer::numeric as work_score,
        case when uses_ai_at_work then 'OUI' when not uses_ai_at_work then 'NON' end as work_answer,
        null as ai_use,
        null as trust,
        answered_on,
        delivery_id,
        row_number,
        row_hash,
        period_end,
        version,
        part,
        load_id,
        known_from_build,
        known_to_build
    from {{ ref('stg_drop__surveys') }}
    union all
    select
        answer_key,
        null as session_key,
        programme_code,
        partner_code,
        'BAROMETRE' as survey_kind,
        wave as survey_id,
        wave,
        respondent_token,
        age_band,
        sex,
        epci_code,
        sampling,
        weight,
        null as satisfaction_score,
        null as knowledge_score,
        null as work_score,
        null as work_answer,
        ai_use,
        trust,
        make_date(wave::integer, 1, 1) as answered_on,
        delivery_id,
        row_number,
        row_hash,
        period_end,
        version,
        part,
        load_id,
        known_from_build,
        known_to_build
    from {{ ref('stg_drop__barometer') }}
),

changed_keys as (
    select distinct answer_key
    from answers
    where {{ changed_since('answers') }}
),

spans as (
    {{ key_spans('answers', 'answer_key', 'changed_keys') }}
),

final as (
    select
        answers.answer_key,
        questions.question_code,
        answers.session_key,
        answers.programme_code,
        answers.partner_code,
        answers.survey_kind,
        answers.survey_id,
        answers.wave,
        answers.respondent_token,
        answers.age_band,
        answers.sex,
        answers.epci_code,
        answers.sampling,
        questions.answer,
        questions.score,
        answers.weight,
        answers.answered_on,
        answers.delivery_id,
        answers.row_number,
        answers.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join answers
        on spans.delivery_id = answers.delivery_id and spans.row_number = answers.row_number
    inner join lateral (
        values
        ('SATISFACTION', answers.satisfaction_score::text, answers.satisfaction_score::numeric),
        ('CONNAISSANCE', answers.knowledge_score::text, answers.knowledge_score),
        ('USAGE_TRAVAIL', answers.work_answer, answers.work_score),
        ('USAGE_IA', answers.ai_use, null),
        ('CONFIANCE', answers.trust, nullif(answers.trust, 'NSP')::numeric)
    ) as questions (question_code, answer, score) on questions.answer is not null
)

select * from final
