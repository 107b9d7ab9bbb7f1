with
programmes as (
    select * from {{ ref('programmes') }}
),

documents as (
    select * from {{ ref('source_documents') }}
),

perimeters as (
    select * from {{ ref('dim_parameter') }}
    where parameter_code = 'perimeter_region' and is_current
),

final as (
    select
        programmes.programme_code,
        programmes.label,
        programmes.territory_label,
        perimeters.value as perimeter_region_code,
        programmes.document_id,
        documents.title as document_title,
        documents.publisher as document_publisher,
        documents.document_date
    from programmes
    inner join documents on programmes.document_id = documents.document_id
    left join perimeters on programmes.programme_code = perimeters.scope
)

select * from final
