{{ config(materialized="view") }}

with
attendances as (
    {{ awareness_participations() }}
),

priorities as (
    select
        *,
        axis_age in ('15-29', '60+')
        or residence_commune_code = any(
            string_to_array({{ parameter_text('remote_communes', 'attendances.programme_code') }}, ';')
        ) as is_priority
    from attendances
),

final as (
    select
        {{ contribution_columns(
            'A5-04',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='residence',
            num='case when is_priority then 1 else 0 end',
            den='1',
        ) }}
    from priorities
)

select * from final
