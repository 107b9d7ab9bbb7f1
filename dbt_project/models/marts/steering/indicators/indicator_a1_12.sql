{{ config(materialized="view") }}

with
answers as (
    {{ session_answers('USAGE_TRAVAIL') }}
),

final as (
    select
        {{ contribution_columns(
            'A1-12',
            entity='answer_key',
            subject='respondent',
            occurred_on='answered_on',
            territory='venue',
            axes=['modalite'],
            num="case when answer = 'OUI' then 1 else 0 end",
            den="1",
        ) }}
    from answers
    where wave = 'FROID'
)

select * from final
