with
modules as (
    select * from {{ source('raw', 'f15_modules_labels') }}
),

deliveries as (
    select * from {{ source('ops', 'deliveries') }}
),

loads as (
    select * from {{ source('ops', 'loads') }}
),

supersessions as (
    {{ first_supersessions() }}
),

final as (
    select
        {{ surrogate_key(['deliveries.partner_code', 'modules.module_id']) }} as module_key,
        deliveries.partner_code,
        modules.programme_code,
        modules.module_id,
        modules.intitule as title,
        modules.siren_concepteur as designer_siren,
        modules.label_qualite::boolean as is_labelled,
        modules.date_label::date as labelled_on,
        modules.date_retrait::date as withdrawn_on,
        {{ raw_row_columns('modules') }}
    from modules
    inner join loads on modules._load_id = loads.load_id
    inner join deliveries on modules._delivery_id = deliveries.delivery_id
    left join supersessions on modules._delivery_id = supersessions.delivery_id
    where loads.build_id is not null
)

select * from final
