{{ config(materialized="view") }}

with
certifications as (
    {{ counted_certifications() }}
),

final as (
    select
        {{ contribution_columns(
            'A1-02',
            entity='participant_id',
            subject='participant_id',
            occurred_on='obtained_on',
            territory='residence',
            axes=profile_axes() + ['certification'],
            num="1",
            den="null",
        ) }}
    from certifications
    where result = 'OBTENU'
)

select * from final
