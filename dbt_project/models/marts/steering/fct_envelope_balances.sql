with
commitments as (
    select * from {{ ref('commitments') }}
),

parts as (
    select * from {{ ref('envelope_parts') }}
),

envelopes as (
    select * from {{ ref('fct_envelopes') }} as envelope_rows
    where {{ as_of('envelope_rows') }}
),

-- what a text leaves open is a part in one reading and none in the other
published as (
    select
        'DOCUMENT' as origin,
        parents.commitment_id as envelope_key,
        parents.programme_code,
        parents.commitment_id as envelope_id,
        parents.label,
        parents.value as amount_eur,
        coalesce(sum(children.value) filter (where parts.is_certain), 0) as low_parts_eur,
        sum(children.value) as high_parts_eur
    from parts
    inner join commitments as parents on parts.parent_commitment_id = parents.commitment_id
    inner join commitments as children on parts.commitment_id = children.commitment_id
    group by parents.commitment_id, parents.programme_code, parents.label, parents.value
),

delivered as (
    select
        'G05' as origin,
        parents.envelope_key,
        parents.programme_code,
        parents.envelope_id,
        parents.label,
        parents.amount_eur,
        sum(children.amount_eur) as low_parts_eur,
        sum(children.amount_eur) as high_parts_eur
    from envelopes as parents
    inner join envelopes as children on parents.envelope_key = children.parent_envelope_key
    group by parents.envelope_key, parents.programme_code, parents.envelope_id, parents.label, parents.amount_eur
),

compared as (
    select * from published
    union all
    select * from delivered
),

-- a difference is shown, never shared out
final as (
    select
        origin,
        envelope_key,
        programme_code,
        envelope_id,
        label,
        amount_eur,
        low_parts_eur,
        high_parts_eur,
        amount_eur - high_parts_eur as low_gap_eur,
        amount_eur - low_parts_eur as high_gap_eur,
        low_parts_eur = amount_eur and high_parts_eur = amount_eur as adds_up,
        case
            when low_parts_eur = amount_eur and high_parts_eur = amount_eur then 'les parts font le total'
            when low_parts_eur = high_parts_eur and high_parts_eur < amount_eur
                then {{ euros('amount_eur - high_parts_eur') }} || ' non ventilés'
            when low_parts_eur = high_parts_eur
                then 'les parts dépassent le total de ' || {{ euros('high_parts_eur - amount_eur') }}
            else
                {{ euros('amount_eur - high_parts_eur') }} || ' ou ' || {{ euros('amount_eur - low_parts_eur') }}
                || ' non ventilés, selon la lecture du texte'
        end as reading
    from compared
)

select * from final
