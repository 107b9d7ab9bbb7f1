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

catalogue as (
    select * from {{ ref('indicator_catalogue') }}
),

figures as (
    select figures.*
    from {{ ref('fct_indicator_values') }} as figures
    inner join programmes
        on
            figures.programme_code = programmes.programme_code
            and figures.territory_code = programmes.perimeter_region_code
    where
        figures.territory_level = 'region'
        and figures.measure = 'counted'
        and figures.partner_code = 'TOTAL'
        and figures.axis = 'TOTAL'
        and (figures.value is not null or figures.state like 'SUPPRIME%')
),

progress as (
    select * from {{ ref('fct_indicator_progress') }}
    where target is not null
),

milestones as (
    select * from {{ ref('fct_milestones') }} as milestone_rows
    where {{ as_of('milestone_rows') }}
),

envelopes as (
    select * from {{ ref('fct_envelopes') }} as envelope_rows
    where {{ as_of('envelope_rows') }}
),

funding as (
    select * from {{ ref('fct_funding') }} as funding_rows
    where {{ as_of('funding_rows') }} and stage = 'VOTE'
),

schemes as (
    select * from {{ ref('dim_funding_scheme') }}
),

roles as (
    select * from {{ ref('fct_roles') }}
),

action_lines as (
    select * from {{ ref('dim_action_line') }}
),

accepted_feeds as (
    select distinct
        programme_code,
        feed
    from {{ ref('fct_deliveries') }}
    where is_accepted
),

builds as (
    select * from {{ ref('stg_ops__builds') }}
    where build_id = {{ as_of_build() }}
),

-- "A1-01", all of "A1-*", or "T-01..T-10", in the order of the ledger
measured_by as (
    select
        commitments.commitment_id,
        commitments.programme_code,
        catalogue.indicator_code,
        catalogue.feeds,
        catalogue.display_order,
        codes.rank
    from commitments
    cross join lateral unnest(string_to_array(commitments.indicator_codes, ';')) with ordinality as codes (code, rank)
    inner join catalogue
        on
            case
                when codes.code like '%*' then starts_with(catalogue.base_code, rtrim(codes.code, '*'))
                when codes.code like '%..%'
                    then
                        catalogue.base_code
                        between split_part(codes.code, '..', 1) and split_part(codes.code, '..', 2)
                else codes.code in (catalogue.indicator_code, catalogue.base_code)
            end
),

-- the newest figure of the first indicator that has one, the shortest period first
cells as (
    select distinct on (measured_by.commitment_id)
        measured_by.commitment_id,
        concat_ws(
            '|', figures.programme_code, figures.indicator_code, figures.period_grain, figures.period_start,
            figures.territory_level, figures.territory_code
        ) as cell
    from measured_by
    inner join figures
        on
            measured_by.programme_code = figures.programme_code
            and measured_by.indicator_code = figures.indicator_code
    order by
        measured_by.commitment_id asc,
        measured_by.rank asc,
        measured_by.display_order asc,
        {{ grain_rank('figures.period_grain') }} asc,
        figures.period_start desc
),

missing_feeds as (
    select distinct on (measured_by.commitment_id)
        measured_by.commitment_id,
        feeds.feed
    from measured_by
    cross join lateral unnest(string_to_array(measured_by.feeds, ',')) with ordinality as feeds (feed, rank)
    left join accepted_feeds
        on measured_by.programme_code = accepted_feeds.programme_code and feeds.feed = accepted_feeds.feed
    order by
        measured_by.commitment_id asc,
        accepted_feeds.feed is not null asc,
        measured_by.rank asc,
        measured_by.display_order asc,
        feeds.rank asc
),

-- how far each target that a claim's indicators have in force is, at its last closed period if there is one
targets as (
    select distinct on (measured_by.commitment_id, progress.target_key)
        measured_by.commitment_id,
        progress.target_key,
        progress.rag,
        progress.target_type,
        case progress.rule
            when 'CHEMIN' then progress.progress >= 1
            when 'ZERO' then progress.ratio = 1
            when 'EGALITE' then progress.rag = 'VERT'
            else progress.ratio >= 1
        end as is_reached,
        progress.due_on < builds.business_date as is_past
    from measured_by
    inner join progress
        on
            measured_by.programme_code = progress.programme_code
            and measured_by.indicator_code = progress.indicator_code
    cross join builds
    order by
        measured_by.commitment_id asc,
        progress.target_key asc,
        progress.is_provisional asc,
        {{ grain_rank('progress.period_grain') }} asc,
        progress.period_start desc
),

targeted as (
    select
        commitment_id,
        min(target_key) as target_key,
        bool_and(coalesce(is_reached, false)) as is_reached,
        bool_or(rag = 'ROUGE' or (is_past and not coalesce(is_reached, false))) as is_late,
        bool_or(target_type = 'RELATIVE') as is_relative
    from targets
    group by commitment_id
),

-- a milestone is known by the claim's own code, as its number or as its measure
delivered as (
    select
        commitments.commitment_id,
        min(milestones.milestone_key) as milestone_key,
        bool_and(milestones.status = 'LIVRE') as is_reached,
        bool_or(milestones.status <> 'LIVRE' and milestones.due_on < builds.business_date) as is_late
    from commitments
    cross join builds
    inner join milestones
        on
            commitments.programme_code = milestones.programme_code
            and commitments.commitment_id in (milestones.milestone_id, milestones.action_code)
    group by commitments.commitment_id
),

allotted as (
    select
        commitments.commitment_id,
        min(envelopes.envelope_key) as envelope_key
    from commitments
    inner join envelopes
        on
            commitments.programme_code = envelopes.programme_code
            and commitments.commitment_id = envelopes.envelope_id
    group by commitments.commitment_id
),

ruled as (
    select
        schemes.commitment_id,
        min(schemes.scheme_code) as scheme_code,
        bool_and(
            coalesce(funding.amount_eur <= schemes.max_rate * funding.eligible_cost_eur, true)
            and coalesce(funding.amount_eur <= schemes.ceiling_eur, true)
        ) as is_kept
    from schemes
    inner join funding on schemes.scheme_code = funding.scheme_code
    where schemes.commitment_id is not null
    group by schemes.commitment_id
),

-- by what a claim is judged: an amount by its envelope, a rule by its agreements, a thing to deliver by its milestone
described as (
    select
        commitments.*,
        case
            when commitments.nature <> 'promesse' then upper(commitments.nature)
            when schemes.scheme_code is not null then 'REGLE'
            when commitments.indicator_codes = 'F-01' then 'ENVELOPPE'
            when commitments.indicator_codes in ('R-01', 'R-03', 'D-01', 'D-02') then 'JALON'
            else 'INDICATEUR'
        end as judged_by
    from commitments
    left join schemes on commitments.commitment_id = schemes.commitment_id
),

judged as (
    select
        described.*,
        cells.cell,
        missing_feeds.feed,
        targeted.target_key,
        delivered.milestone_key,
        allotted.envelope_key,
        ruled.scheme_code,
        roles.commitment_id as role_id,
        action_lines.action_code,
        case
            when described.nature <> 'promesse' then upper(described.nature)
            when described.judged_by = 'REGLE'
                then
                    case
                        when ruled.is_kept then 'ATTEINT' when ruled.scheme_code is not null then 'MESURE' else
                            'FLUX_ABSENT'
                    end
            when described.judged_by = 'ENVELOPPE'
                then case when allotted.envelope_key is not null then 'MESURE' else 'FLUX_ABSENT' end
            when described.judged_by = 'JALON'
                then
                    case
                        when delivered.is_reached or described.kind = 'jalon atteint' then 'ATTEINT'
                        when delivered.is_late then 'EN_RETARD'
                        when delivered.milestone_key is not null then 'MESURE'
                        else 'FLUX_ABSENT'
                    end
            when missing_feeds.commitment_id is null then 'DEFINITION_ABSENTE'
            when
                described.kind = 'cible relative' and not coalesce(targeted.is_relative, false)
                then 'DEFINITION_ABSENTE'
            when cells.cell is null then 'FLUX_ABSENT'
            when targeted.is_late then 'EN_RETARD'
            when targeted.is_reached then 'ATTEINT'
            when targeted.target_key is not null or described.value is not null then 'MESURE'
            else 'CIBLE_NON_FIXEE'
        end as state
    from described
    left join cells on described.commitment_id = cells.commitment_id
    left join missing_feeds on described.commitment_id = missing_feeds.commitment_id
    left join targeted on described.commitment_id = targeted.commitment_id
    left join delivered on described.commitment_id = delivered.commitment_id
    left join allotted on described.commitment_id = allotted.commitment_id
    left join ruled on described.commitment_id = ruled.commitment_id
    left join roles on described.commitment_id = roles.commitment_id
    left join action_lines on described.commitment_id = action_lines.action_code
),

-- the row on which the state stands; what no row of ours says stands on the document itself
placed as (
    select
        judged.*,
        case
            when state = 'DEFINITION_ABSENTE' then 'DOCUMENT'
            when state = 'FLUX_ABSENT' then 'FLUX'
            when judged_by = 'REGLE' then 'DISPOSITIF'
            when judged_by = 'ENVELOPPE' then 'ENVELOPPE'
            when milestone_key is not null and judged_by = 'JALON' then 'JALON'
            when target_key is not null and judged_by = 'INDICATEUR' then 'CIBLE'
            when role_id is not null then 'ROLE'
            when action_code is not null and nature <> 'promesse' then 'ACTION'
            when cell is not null and nature <> 'base' and judged_by <> 'JALON' then 'VALEUR'
            else 'DOCUMENT'
        end as stands_on_kind
    from judged
),

final as (
    select
        placed.commitment_id,
        placed.programme_code,
        programmes.label as programme_label,
        placed.action_line,
        placed.kind,
        placed.nature,
        placed.label,
        placed.value,
        placed.unit,
        placed.operator,
        placed.starts,
        placed.ends,
        placed.cadence,
        placed.excerpt,
        placed.indicator_codes,
        placed.state,
        placed.stands_on_kind,
        case placed.stands_on_kind
            when 'FLUX'
                then
                    case placed.judged_by
                        when 'REGLE' then 'F13' when 'ENVELOPPE' then 'G05' when 'JALON' then 'G01' else placed.feed
                    end
            when 'DISPOSITIF' then placed.scheme_code
            when 'ENVELOPPE' then placed.envelope_key
            when 'JALON' then placed.milestone_key
            when 'CIBLE' then placed.target_key
            when 'ROLE' then placed.role_id
            when 'ACTION' then placed.action_code
            when 'VALEUR' then placed.cell
            else placed.document_id
        end as stands_on,
        placed.note,
        documents.title as document_title,
        documents.publisher as document_publisher,
        documents.document_date
    from placed
    inner join programmes on placed.programme_code = programmes.programme_code
    inner join documents on placed.document_id = documents.document_id
)

select * from final
