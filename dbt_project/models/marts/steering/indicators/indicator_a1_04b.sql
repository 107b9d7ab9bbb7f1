{{ config(materialized="view") }}

with
answers as (
    {{ session_answers('SATISFACTION') }}
),

participations as (
    {{ counted_participations() }}
),

surveyed as (
    select distinct
        session_key,
        session_ends_on
    from answers
    where wave = 'CHAUD'
),

-- every answer at the end counts, and the participations of its session once
counted as (
    select
        programme_code,
        partner_code,
        null as participant_id,
        session_ends_on,
        venue_commune_code,
        venue_epci_code,
        axis_modalite,
        1 as answered,
        0 as expected,
        delivery_id,
        row_number,
        row_hash
    from answers
    where wave = 'CHAUD'
    union all
    select
        participations.programme_code,
        participations.partner_code,
        participations.participant_id,
        surveyed.session_ends_on,
        participations.venue_commune_code,
        participations.venue_epci_code,
        participations.axis_modalite,
        0 as answered,
        1 as expected,
        participations.delivery_id,
        participations.row_number,
        participations.row_hash
    from participations
    inner join surveyed on participations.session_key = surveyed.session_key
    where participations.status = 'TERMINE'
),

final as (
    select
        {{ contribution_columns(
            'A1-04b',
            entity='participant_id',
            subject='participant_id',
            occurred_on='session_ends_on',
            territory='venue',
            axes=['modalite'],
            num="answered",
            den="expected",
        ) }}
    from counted
)

select * from final
