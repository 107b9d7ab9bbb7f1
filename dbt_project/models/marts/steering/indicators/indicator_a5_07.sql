{{ config(materialized="view") }}

with
attendances as (
    {{ awareness_participations() }}
),

perimeter as (
    {{ perimeter_communes('residence') }}
),

people_and_inhabitants as (
    select
        attendances.programme_code,
        attendances.partner_code,
        attendances.participant_id,
        attendances.residence_commune_code,
        attendances.occurred_on,
        1 as people,
        null::bigint as inhabitants,
        attendances.delivery_id,
        attendances.row_number,
        attendances.row_hash
    from attendances
    inner join perimeter
        on
            attendances.programme_code = perimeter.programme_code
            and attendances.residence_commune_code = perimeter.residence_commune_code
    union all
    select
        programme_code,
        partner_code,
        participant_id,
        residence_commune_code,
        occurred_on,
        people,
        inhabitants,
        delivery_id,
        row_number,
        row_hash
    from perimeter
),

placed as (
    select
        *,
        string_to_array({{ parameter_text('remote_communes', 'people_and_inhabitants.programme_code') }}, ';')
            as remote_communes
    from people_and_inhabitants
),

zones as (
    select
        *,
        array['ZONE:' || case when residence_commune_code = any(remote_communes) then 'ENCLAVEE' else 'RESTE' end]
            as members
    from placed
),

final as (
    select
        {{ contribution_columns(
            'A5-07',
            entity='coalesce(participant_id, residence_commune_code)',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='region',
            members='members',
            num='people',
            den='inhabitants',
        ) }}
    from zones
)

select * from final
