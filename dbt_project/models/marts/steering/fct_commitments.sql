with
commitments as (
    select * from {{ ref('commitments') }}
),

programmes as (
    select * from {{ ref('dim_programme') }}
),

documents as (
    select * from {{ ref('source_documents') }}
),

indicators as (
    select * from {{ ref('dim_indicator') }}
),

measured as (
    select distinct commitments.commitment_id
    from commitments
    inner join programmes on commitments.programme_code = programmes.programme_code
    inner join indicators on indicators.indicator_code = any(string_to_array(commitments.indicator_codes, ';'))
    where programmes.perimeter_region_code is not null
),

-- a promise is measured, or waits for a target or for a feed; what is no promise is named for what it is
final as (
    select
        commitments.commitment_id,
        commitments.programme_code,
        programmes.label as programme_label,
        commitments.action_line,
        commitments.kind,
        commitments.nature,
        commitments.label,
        commitments.value,
        commitments.unit,
        commitments.operator,
        commitments.starts,
        commitments.ends,
        commitments.cadence,
        commitments.excerpt,
        commitments.indicator_codes,
        case
            when commitments.nature <> 'promesse' then upper(commitments.nature)
            when measured.commitment_id is null then 'FLUX_ABSENT'
            when commitments.value is null then 'CIBLE_NON_FIXEE'
            else 'MESURE'
        end as state,
        commitments.note,
        documents.title as document_title,
        documents.publisher as document_publisher,
        documents.document_date
    from commitments
    inner join programmes on commitments.programme_code = programmes.programme_code
    inner join documents on commitments.document_id = documents.document_id
    left join measured on commitments.commitment_id = measured.commitment_id
)

select * from final
