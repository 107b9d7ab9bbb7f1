with
certifications as (
    select * from {{ ref('stg_drop__certifications') }}
),

changed_keys as (
    select distinct certification_key
    from certifications
    where {{ changed_since('certifications') }}
),

spans as (
    {{ key_spans('certifications', 'certification_key', 'changed_keys') }}
),

final as (
    select
        certifications.certification_key,
        certifications.programme_code,
        certifications.partner_code,
        certifications.person_key,
        certifications.certification_code,
        certifications.session_partner_code,
        certifications.session_id,
        certifications.result,
        certifications.age_band,
        certifications.presented_on,
        certifications.obtained_on,
        certifications.delivery_id,
        certifications.row_number,
        certifications.row_hash,
        spans.known_from_build,
        spans.known_to_build
    from spans
    inner join certifications
        on spans.delivery_id = certifications.delivery_id and spans.row_number = certifications.row_number
)

select * from final
