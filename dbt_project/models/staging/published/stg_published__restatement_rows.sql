with
restatement_rows as (
    select * from {{ source('published', 'restatement_rows') }}
),

final as (
    select
        programme_code,
        indicator_code,
        entity_key,
        subject_key,
        occurred_on,
        counted_until,
        commune_code,
        epci_code,
        partner_code,
        members,
        num,
        den,
        delivery_id,
        row_number,
        row_hash
    from restatement_rows
)

select * from final
