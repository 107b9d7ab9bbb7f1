-- every claim of the ledger has a state, and the row on which the state stands exists
with
placed as (
    select
        ledger.commitment_id,
        commitments.state,
        commitments.stands_on_kind,
        commitments.stands_on
    from {{ ref('commitments') }} as ledger
    left join {{ ref('fct_commitments') }} as commitments on ledger.commitment_id = commitments.commitment_id
),

-- the same keys as the ledger's, each from its own table
standing as (
    select
        'VALEUR' as kind,
        concat_ws(
            '|', programme_code, indicator_code, period_grain, period_start, territory_level, territory_code
        ) as stood_on
    from {{ ref('fct_indicator_values') }}
    where territory_level = 'region' and measure = 'counted' and partner_code = 'TOTAL' and axis = 'TOTAL'
    union all
    select
        'CIBLE' as kind,
        target_key as stood_on
    from {{ ref('fct_targets') }}
    union all
    select
        'JALON' as kind,
        milestone_key as stood_on
    from {{ ref('fct_milestones') }}
    union all
    select
        'ENVELOPPE' as kind,
        envelope_key as stood_on
    from {{ ref('fct_envelopes') }}
    union all
    select
        'DISPOSITIF' as kind,
        scheme_code as stood_on
    from {{ ref('dim_funding_scheme') }}
    union all
    select
        'ROLE' as kind,
        commitment_id as stood_on
    from {{ ref('fct_roles') }}
    union all
    select
        'ACTION' as kind,
        action_code as stood_on
    from {{ ref('dim_action_line') }}
    union all
    select
        'FLUX' as kind,
        member as stood_on
    from {{ ref('axis_members') }}
    where axis = 'FLUX'
    union all
    select
        'DOCUMENT' as kind,
        document_id as stood_on
    from {{ ref('source_documents') }}
)

select placed.*
from placed
left join standing on placed.stands_on_kind = standing.kind and placed.stands_on = standing.stood_on
where placed.state is null or standing.stood_on is null
