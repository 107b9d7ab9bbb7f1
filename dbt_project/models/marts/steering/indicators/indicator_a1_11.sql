{{ config(materialized="view") }}

with
answers as (
    {{ session_answers('CONNAISSANCE') }}
),

-- the last answer of each wave that bears a token
last_answers as (
    select distinct on (partner_code, session_key, respondent_token, wave) *
    from answers
    where respondent_token is not null and wave in ('AVANT', 'CHAUD')
    order by
        partner_code asc,
        session_key asc,
        respondent_token asc,
        wave asc,
        answered_on desc,
        {{ byte_order('delivery_id') }} desc,
        row_number desc
),

pairs as (
    select
        afterwards.*,
        afterwards.score - before.score as gain
    from last_answers as afterwards
    inner join last_answers as before
        on
            afterwards.partner_code = before.partner_code
            and afterwards.session_key = before.session_key
            and afterwards.respondent_token = before.respondent_token
    where afterwards.wave = 'CHAUD' and before.wave = 'AVANT'
),

final as (
    select
        {{ contribution_columns(
            'A1-11',
            entity='answer_key',
            subject='respondent',
            occurred_on='answered_on',
            territory='venue',
            axes=['modalite'],
            num="gain",
            den="null",
        ) }}
    from pairs
)

select * from final
