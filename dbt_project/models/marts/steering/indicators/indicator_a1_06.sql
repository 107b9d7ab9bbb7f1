{{ config(materialized="view") }}

with
participations as (
    {{ counted_participations() }}
),

final as (
    select
        {{ contribution_columns(
            'A1-06',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='venue',
            axes=profile_axes() + ['modalite', 'secteur'],
            num="case when status = 'TERMINE' then 1 else 0 end",
            den="1",
        ) }}
    from participations
    where status in ('TERMINE', 'ABANDON')
)

select * from final
