with
targets as (
    select * from {{ ref('stg_drop__targets') }}
),

decisions as (
    select * from {{ ref('stg_drop__decisions') }}
),

target_keys as (
    select distinct target_key
    from targets
),

decision_keys as (
    select distinct decision_key
    from decisions
),

target_spans as (
    {{ key_spans('targets', 'target_key', 'target_keys') }}
),

decision_spans as (
    {{ key_spans('decisions', 'decision_key', 'decision_keys') }}
),

regions as (
    select distinct on (scope)
        scope as programme_code,
        value as region_code
    from {{ ref('parameters') }}
    where parameter_code = 'perimeter_region'
    order by scope asc, version desc
),

territories as (
    select * from {{ ref('territories') }}
),

partners as (
    select * from {{ ref('stg_ops__partners') }}
),

members as (
    select * from {{ ref('axis_members') }}
),

taken as (
    select
        decisions.decision_key,
        decisions.label,
        decisions.status,
        decisions.decided_on
    from decision_spans
    inner join decisions
        on decision_spans.delivery_id = decisions.delivery_id and decision_spans.row_number = decisions.row_number
    where {{ as_of('decision_spans') }}
),

-- a scope is "niveau=bac+2", or the thing itself; a target without a known decision is in force from its file's period
held as (
    select
        targets.target_key,
        targets.programme_code,
        targets.indicator_code,
        targets.scope,
        targets.target_type,
        targets.target_value,
        targets.base_value,
        targets.base_on,
        targets.due_on,
        targets.decision_key,
        targets.decision_id,
        taken.label as decision_label,
        coalesce(taken.decided_on, targets.period_start) as decided_on,
        regions.region_code,
        case
            when position('=' in targets.scope) > 0 then lower(trim(split_part(targets.scope, '=', 1)))
            else ''
        end as scope_kind,
        lower(replace(trim(split_part(targets.scope, '=', -1)), ' ', '')) as scope_value
    from target_spans
    inner join targets
        on target_spans.delivery_id = targets.delivery_id and target_spans.row_number = targets.row_number
    left join taken on targets.decision_key = taken.decision_key
    left join regions on targets.programme_code = regions.programme_code
    where {{ as_of('target_spans') }} and coalesce(taken.status, 'OUVERTE') <> 'ABANDONNEE'
),

cells as (
    select
        target_key,
        1 as preference,
        'counted' as measure,
        'region' as territory_level,
        region_code as territory_code,
        'TOTAL' as partner_code,
        'TOTAL' as axis,
        'TOTAL' as member
    from held
    where scope_value in ('tout', 'régionentière', 'regionentiere', region_code)
    union all
    select
        held.target_key,
        2 as preference,
        'counted' as measure,
        territories.territory_level,
        territories.territory_code,
        'TOTAL' as partner_code,
        'TOTAL' as axis,
        'TOTAL' as member
    from held
    inner join territories
        on
            held.region_code = territories.region_code
            and held.scope_kind in ('', 'territoire', territories.territory_level)
            and held.scope_value in (
                lower(territories.territory_code), lower(replace(territories.label, ' ', ''))
            )
    union all
    select
        held.target_key,
        3 as preference,
        'contributed' as measure,
        'region' as territory_level,
        held.region_code as territory_code,
        partners.partner_code,
        'TOTAL' as axis,
        'TOTAL' as member
    from held
    inner join partners
        on
            held.programme_code = partners.programme_code
            and held.scope_kind in ('', 'partenaire')
            and held.scope_value in (lower(partners.partner_code), lower(replace(partners.label, ' ', '')))
    union all
    select
        held.target_key,
        4 as preference,
        'counted' as measure,
        'region' as territory_level,
        held.region_code as territory_code,
        'TOTAL' as partner_code,
        members.axis,
        members.member
    from held
    inner join members
        on
            held.scope_kind in (lower(members.axis), 'profil')
            and (
                held.scope_value in (lower(members.member), lower(replace(members.label, ' ', '')))
                or position('(' || held.scope_value || ')' in lower(replace(members.label, ' ', ''))) > 0
            )
    where held.scope_value <> ''
),

narrowest as (
    select distinct on (target_key) *
    from cells
    where territory_code is not null
    order by target_key asc, preference asc, territory_level asc, territory_code asc, axis asc, member asc
),

-- a later decision for the same thing and day takes the place of the earlier one
final as (
    select
        held.target_key,
        held.programme_code,
        held.indicator_code,
        held.scope,
        held.target_type,
        held.target_value,
        held.base_value,
        held.base_on,
        held.due_on,
        held.decision_id,
        held.decision_label,
        held.decided_on,
        lead(held.decided_on) over (
            partition by held.programme_code, held.indicator_code, held.scope, held.target_type, held.due_on
            order by
                held.decided_on asc,
                {{ byte_order('held.decision_id') }} asc,
                {{ byte_order('held.target_key') }} asc
        ) as replaced_on,
        narrowest.measure,
        narrowest.territory_level,
        narrowest.territory_code,
        narrowest.partner_code,
        narrowest.axis,
        narrowest.member
    from held
    left join narrowest on held.target_key = narrowest.target_key
)

select * from final
