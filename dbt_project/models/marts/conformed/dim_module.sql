with
modules as (
    select * from {{ ref('stg_drop__modules') }} as module_rows
    where {{ as_of('module_rows') }}
),

final as (
    select distinct on (module_key)
        module_key,
        programme_code,
        partner_code,
        module_id,
        title,
        designer_siren,
        is_labelled,
        labelled_on,
        withdrawn_on,
        delivery_id,
        row_number,
        row_hash
    from modules
    order by module_key asc, period_end desc, version desc, part desc, load_id desc, row_number desc
)

select * from final
