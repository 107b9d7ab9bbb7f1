{{ config(materialized="view") }}

with
participations as (
    {{ trained_participations() }}
),

-- the people trained since the launch, and the inhabitants of each commune
counted as (
    select
        programme_code,
        partner_code,
        participant_id,
        occurred_on,
        residence_commune_code,
        residence_epci_code,
        1 as people,
        null as inhabitants,
        delivery_id,
        row_number,
        row_hash
    from participations
    where residence_commune_code not in ('NR', 'HORS')
    union all
    {{ perimeter_communes('residence') }}
),

final as (
    select
        {{ contribution_columns(
            'A1-15',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='residence',
            num="people",
            den="inhabitants",
        ) }}
    from counted
)

select * from final
