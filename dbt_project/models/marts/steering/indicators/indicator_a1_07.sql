{{ config(materialized="view") }}

with
certifications as (
    {{ counted_certifications() }}
),

final as (
    select
        {{ contribution_columns(
            'A1-07',
            entity='participant_id',
            subject='participant_id',
            occurred_on='presented_on',
            territory='residence',
            axes=profile_axes() + ['certification'],
            num="case when result = 'OBTENU' then 1 else 0 end",
            den="1",
        ) }}
    from certifications
)

select * from final
