with
targets as (
    select * from {{ ref('int_target_periods') }}
    where period_grain in ('quarter', 'semester', 'year')
),

cumulated as (
    select * from {{ ref('fct_cumulated_values') }}
),

catalogue as (
    select * from {{ ref('indicator_catalogue') }}
),

programmes as (
    select * from {{ ref('dim_programme') }}
    where perimeter_region_code is not null
),

builds as (
    select * from {{ ref('stg_ops__builds') }}
    where build_id = {{ as_of_build() }}
),

thresholds as (
    select
        {{ parameter('rag_green_ratio') }} as green_ratio,
        {{ parameter('rag_amber_ratio') }} as amber_ratio,
        {{ parameter('rag_min_completeness') }} as min_completeness,
        {{ parameter('k') }} as smallest_n
),

-- of millions of cells, those of the whole programmes and those that a target is of
margins as (
    select
        programmes.programme_code,
        catalogue.indicator_code,
        'counted' as measure,
        'region' as territory_level,
        programmes.perimeter_region_code as territory_code,
        'TOTAL' as partner_code,
        'TOTAL' as axis,
        'TOTAL' as member
    from programmes
    cross join catalogue
    union
    select {{ margin_columns() | join(', ') }}
    from targets
    where territory_code is not null
),

figures as materialized (
    select indicator_values.*
    from {{ ref('fct_indicator_values') }} as indicator_values
    inner join margins on {{ same_columns('indicator_values', 'margins', margin_columns()) }}
    where indicator_values.period_grain in ('quarter', 'semester', 'year')
),

suppressed_quarters as (
    select * from figures
    where period_grain = 'quarter' and state like 'SUPPRIME%'
),

totals as (
    select figures.*
    from figures
    inner join programmes
        on
            figures.programme_code = programmes.programme_code
            and figures.territory_code = programmes.perimeter_region_code
    where
        figures.territory_level = 'region'
        and figures.measure = 'counted'
        and figures.partner_code = 'TOTAL'
        and figures.axis = 'TOTAL'
),

-- each target beside its cell; a scope that is no published cell has none
targeted as (
    select
        targets.programme_code,
        targets.indicator_code,
        targets.period_grain,
        targets.period_start,
        targets.period_end,
        targets.is_provisional,
        coalesce(targets.measure, 'counted') as measure,
        coalesce(targets.territory_level, 'region') as territory_level,
        coalesce(targets.territory_code, programmes.perimeter_region_code) as territory_code,
        coalesce(targets.partner_code, 'TOTAL') as partner_code,
        coalesce(targets.axis, 'TOTAL') as axis,
        coalesce(targets.member, 'TOTAL') as member,
        targets.target_key,
        targets.is_main and targets.territory_code is not null as is_main,
        targets.scope,
        targets.target_type,
        targets.target_value as target,
        targets.base_value,
        targets.base_on,
        targets.due_on,
        targets.decision_id,
        targets.decision_label,
        targets.decided_on,
        targets.measured_on,
        targets.counted_from,
        targets.path_from,
        targets.path_to,
        figures.value,
        figures.completeness,
        coalesce(figures.state, 'PERIMETRE_NON_MESURE') as value_state
    from targets
    inner join programmes on targets.programme_code = programmes.programme_code
    inner join catalogue on targets.indicator_code = catalogue.indicator_code
    left join figures on {{ same_columns('targets', 'figures', cell_columns()) }}
    where
        {{ grain_rank('targets.period_grain') }} >= {{ grain_rank('catalogue.first_grain') }}
),

without_target as (
    select totals.*
    from totals
    left join targeted
        on {{ same_columns('totals', 'targeted', cell_columns()) }} and targeted.value_state <> 'PERIMETRE_NON_MESURE'
    where targeted.target_key is null
),

all_rows as (
    select
        programme_code,
        indicator_code,
        period_grain,
        period_start,
        period_end,
        is_provisional,
        measure,
        territory_level,
        territory_code,
        partner_code,
        axis,
        member,
        target_key,
        is_main,
        scope,
        target_type,
        target,
        base_value,
        base_on,
        due_on,
        decision_id,
        decision_label,
        decided_on,
        measured_on,
        counted_from,
        path_from,
        path_to,
        value,
        completeness,
        value_state
    from targeted
    union all
    select
        without_target.programme_code,
        without_target.indicator_code,
        without_target.period_grain,
        without_target.period_start,
        ends.period_end,
        ends.period_end >= builds.business_date as is_provisional,
        without_target.measure,
        without_target.territory_level,
        without_target.territory_code,
        without_target.partner_code,
        without_target.axis,
        without_target.member,
        'SANS_CIBLE' as target_key,
        true as is_main,
        null as scope,
        null as target_type,
        null as target,
        null as base_value,
        null as base_on,
        null as due_on,
        null as decision_id,
        null as decision_label,
        null as decided_on,
        least(ends.period_end, builds.business_date) as measured_on,
        null as counted_from,
        null as path_from,
        null as path_to,
        without_target.value,
        without_target.completeness,
        without_target.state as value_state
    from without_target
    cross join builds
    cross join lateral (
        values ({{ period_end('without_target.period_grain', 'without_target.period_start') }})
    ) as ends (period_end)
),

-- what adds up over time runs along a path; a level is compared with its target as it is
ruled as materialized (
    select
        all_rows.*,
        catalogue.unit,
        catalogue.direction,
        catalogue.aggregation,
        catalogue.secrecy,
        case
            when all_rows.target is null then 'AUCUNE'
            when all_rows.target_type = 'EGALE' and all_rows.target = 0 then 'ZERO'
            when all_rows.target_type = 'EGALE' then 'EGALITE'
            when all_rows.target_type = 'RELATIVE' then 'CHEMIN'
            when all_rows.target_type = 'STOCK' then 'NIVEAU'
            when catalogue.aggregation in ('distinct', 'bounded', 'sum') then 'CHEMIN'
            else 'NIVEAU'
        end as rule,
        case
            when all_rows.value is null then null
            when
                all_rows.counted_from is not null
                and catalogue.timing = 'flow'
                and catalogue.aggregation in ('distinct', 'bounded', 'sum')
                then cumulated.value
            else all_rows.value
        end as measured
    from all_rows
    inner join catalogue on all_rows.indicator_code = catalogue.indicator_code
    left join cumulated
        on
            {{ same_columns('all_rows', 'cumulated', margin_columns() + ['counted_from', 'measured_on']) }}
),

hidden_sums as (
    select distinct
        ruled.programme_code,
        ruled.indicator_code,
        ruled.period_grain,
        ruled.period_start,
        ruled.target_key
    from ruled
    cross join thresholds
    inner join suppressed_quarters
        on
            {{ same_columns('ruled', 'suppressed_quarters', margin_columns()) }}
            and suppressed_quarters.period_start between date_trunc('quarter', ruled.counted_from) and ruled.measured_on
    where ruled.aggregation = 'sum' or ruled.secrecy = 'firms' or ruled.measured < thresholds.smallest_n
),

-- nothing is said of a cell that is too small, nor of a sum from which such a quarter could be taken back
measured as (
    select
        ruled.*,
        ruled.value_state like 'SUPPRIME%' or hidden_sums.target_key is not null as is_withheld
    from ruled
    left join hidden_sums
        on
            ruled.programme_code = hidden_sums.programme_code
            and ruled.indicator_code = hidden_sums.indicator_code
            and ruled.period_grain = hidden_sums.period_grain
            and ruled.period_start = hidden_sums.period_start
            and ruled.target_key = hidden_sums.target_key
),

shown as (
    select
        measured.*,
        case when not is_withheld then measured end as actual
    from measured
),

-- an annual count starts again from nothing each year
advanced as (
    select
        shown.*,
        case
            when rule in ('ZERO', 'EGALITE') then null
            when rule = 'CHEMIN' and target_type = 'ANNUELLE' then actual / nullif(target, 0)
            else (actual - coalesce(base_value, 0)) / nullif(target - coalesce(base_value, 0), 0)
        end as progress,
        case
            when rule = 'CHEMIN'
                then least(1, greatest(0, (measured_on - path_from)::numeric / nullif(path_to - path_from, 0)))
        end as expected
    from shown
),

compared as (
    select
        advanced.*,
        case rule
            when 'CHEMIN' then progress / nullif(expected, 0)
            when 'NIVEAU'
                then
                    case
                        when direction = '↓' and actual = 0 then 1
                        when direction = '↓' then target / actual
                        else actual / nullif(target, 0)
                    end
            when 'EGALITE' then 1 - abs(1 - actual / target)
            when 'ZERO' then case when actual is not null then (actual = 0)::integer end
        end as ratio
    from advanced
),

coloured as (
    select
        compared.*,
        thresholds.green_ratio,
        thresholds.amber_ratio,
        compared.ratio is null or compared.completeness < thresholds.min_completeness as is_grey
    from compared
    cross join thresholds
),

-- red only where the period before, under the same target, was below as well
followed as (
    select
        coloured.*,
        coalesce(
            lag(period_end) over series = period_start - 1
            and not lag(is_grey) over series
            and lag(ratio) over series < amber_ratio,
            false
        ) as was_below
    from coloured
    window series as (
        partition by
            programme_code,
            indicator_code,
            measure,
            territory_level,
            territory_code,
            partner_code,
            axis,
            member,
            period_grain,
            scope,
            target_type,
            due_on
        order by period_start
    )
),

final as (
    select
        programme_code,
        indicator_code,
        period_grain,
        period_start,
        target_key,
        measure,
        territory_level,
        territory_code,
        partner_code,
        axis,
        member,
        is_main,
        scope,
        target_type,
        target,
        base_value,
        base_on,
        due_on,
        decision_id,
        decision_label,
        decided_on,
        counted_from,
        rule,
        unit,
        actual,
        round(progress, 6) as progress,
        round(expected, 6) as expected,
        round(ratio, 6) as ratio,
        completeness,
        case
            when is_withheld and value_state not like 'SUPPRIME%' then 'SUPPRIME_SECONDAIRE'
            else value_state
        end as value_state,
        case
            when target is null then 'CIBLE_NON_FIXEE'
            when is_withheld and value_state not like 'SUPPRIME%' then 'SUPPRIME_SECONDAIRE'
            else value_state
        end as state,
        case
            when is_grey then 'GRIS'
            when rule = 'ZERO' and ratio = 0 then 'ROUGE'
            when ratio >= green_ratio then 'VERT'
            when ratio >= amber_ratio or not was_below then 'ORANGE'
            else 'ROUGE'
        end as rag,
        case
            when target is null then 'cible non fixée'
            when value_state = 'PERIMETRE_NON_MESURE' then 'le périmètre de la cible n''est pas une case mesurée'
            when is_withheld then 'secret statistique'
            when value_state = 'NON_REMIS' then 'données non remises'
            when value_state = 'NON_APPLICABLE' then 'non applicable'
            when ratio is null then 'avancement non calculable'
            when is_grey then 'complétude insuffisante'
            when rule = 'ZERO' and ratio = 0 then 'au-dessus de zéro'
            when ratio >= green_ratio then 'dans les temps'
            when ratio >= amber_ratio then 'léger retard'
            when not was_below then 'en retard pour la première période'
            else 'en retard deux périodes de suite'
        end as reason,
        is_provisional
    from followed
)

select * from final
