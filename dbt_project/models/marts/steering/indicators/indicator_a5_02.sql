{{ config(materialized="view") }}

with
attendances as (
    {{ awareness_participations() }}
),

headcounts as (
    {{ awareness_headcounts() }}
),

people_and_heads as (
    select
        programme_code,
        participant_id,
        occurred_on,
        venue_commune_code,
        venue_epci_code,
        partner_code,
        members || ('OBJET:' || deliverable_key) as members,
        1 as people,
        null::integer as heads,
        delivery_id,
        row_number,
        row_hash
    from attendances
    union all
    select
        programme_code,
        null as participant_id,
        occurred_on,
        venue_commune_code,
        venue_epci_code,
        partner_code,
        array['PUBLIC:' || axis_public, 'OBJET:' || deliverable_key] as members,
        null as people,
        anonymous_headcount as heads,
        delivery_id,
        row_number,
        row_hash
    from headcounts
),

final as (
    select
        {{ contribution_columns(
            'A5-02',
            entity='participant_id',
            subject='participant_id',
            occurred_on='occurred_on',
            territory='venue',
            members='members',
            num='people',
            den='heads',
        ) }}
    from people_and_heads
)

select * from final
