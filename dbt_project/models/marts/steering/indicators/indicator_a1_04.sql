{{ config(materialized="view") }}

with
answers as (
    {{ session_answers('SATISFACTION') }}
),

final as (
    select
        {{ contribution_columns(
            'A1-04',
            entity='answer_key',
            subject='respondent',
            occurred_on='answered_on',
            territory='venue',
            axes=['modalite'],
            num="case when score >= 4 then 1 else 0 end",
            den="1",
        ) }}
    from answers
    where wave = 'CHAUD'
)

select * from final
