{{ config(materialized="view") }}

with
answers as (
    {{ barometer_answers('CONFIANCE') }}
),

final as (
    select
        {{ contribution_columns(
            'A5-03',
            entity='answer_key',
            subject='answer_key',
            occurred_on='answered_on',
            territory='residence',
            axes=['age_enquete', 'sexe', 'utilisateur'],
            num="case when answer in ('4', '5') then weight else 0 end",
            den='weight',
        ) }}
    from answers
)

select * from final
