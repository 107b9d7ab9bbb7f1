{{ config(materialized="view") }}

with
phases as (
    {{ commune_phases() }}
),

final as (
    select
        {{ contribution_columns(
            'G-04',
            entity="partner_code || '|' || place_commune_code || '|' || use_case_id",
            occurred_on='test_ended_on',
            territory='region',
            axes=['domaine'],
            num="case when assessment in ('CONCLUANT', 'NON_CONCLUANT') then 1 else 0 end",
            den='1',
        ) }}
    from phases
    where axis_phase = 'EXPERIMENTER' and test_ended_on <= {{ business_date() }}
)

select * from final
