{{ config(materialized="view") }}

with
answers as (
    {{ barometer_answers('USAGE_IA') }}
),

final as (
    select
        {{ contribution_columns(
            'O-01',
            entity='answer_key',
            subject='answer_key',
            occurred_on='answered_on',
            territory='residence',
            axes=['age_enquete'],
            num="case when answer <> 'JAMAIS' then weight else 0 end",
            den='weight',
        ) }}
    from answers
)

select * from final
