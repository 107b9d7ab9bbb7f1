{# How many of the nested periods around a day, the smallest first, begin after another day: 4 when there is none. #}
{% macro nested_periods_since(day, former) -%}
    case
        when {{ former }} is null or {{ former }} < date_trunc('year', {{ day }})::date then 4
        when {{ former }} < {{ semester_start(day) }} then 3
        when {{ former }} < date_trunc('quarter', {{ day }})::date then 2
        when {{ former }} < date_trunc('month', {{ day }})::date then 1
        else 0
    end
{%- endmacro %}

{#
    What a stay adds to a set of stays, read in the order of their first days (window `earlier`): the nested periods that
    did not have it yet (a flow), the days that nothing covered yet (a stock).
#}
{% macro added_by_a_stay() -%}
    case when is_flow then {{ nested_periods_since('from_on', 'max(from_on) over earlier') }} else 4 end as nested,
        case when is_flow then from_on else greatest(from_on, max(until_on) over earlier) end as added_on,
        until_on
{%- endmacro %}

{# Stays that add something, counted. #}
{% macro counted_additions(stays, place) -%}
    select
        {{ place }},
        kind,
        is_alone,
        nested,
        added_on as from_on,
        until_on,
        count(*) as entities
    from {{ stays }}
    where nested > 0 and added_on < until_on
    group by
        {{ place }},
        kind,
        is_alone,
        nested,
        added_on,
        until_on
{%- endmacro %}

{#
    From contributing rows to the sums of every cell that has any: CTEs from `ways` to `cell_sums`. The caller gives the
    CTE `contributions`, read once, and those of indicator_sources, indicator_periods and indicator_margins before it;
    of a flow, `touched` names the periods (programme_code, indicator_code, period_number) that are asked for.

    Rows that fall in the same margins (one `signature`) are summed before they are placed at any. What is counted once
    is counted at its signature when it has no other; only what several signatures share is placed at each margin.
#}
{% macro cell_sums(touched=none) -%}
-- what each aggregation has to know of the rows
ways as (
    select
        indicator_code,
        timing = 'flow' as is_flow,
        aggregation in ('distinct_ratio', 'rate', 'cost', 'gap') as has_counted,
        aggregation in ('distinct_ratio', 'cost') as has_base,
        aggregation in ('mean', 'median') or secrecy = 'firms' as has_amounts,
        aggregation in ('diversity', 'bounded', 'gap') as has_traits
    from indicators
),

-- settled before it is numbered: a planner that shares the sort would sort every row
grouped_rows as materialized (
    select
        contributions.programme_code,
        contributions.indicator_code,
        contributions.commune_code,
        contributions.epci_code,
        contributions.partner_code,
        contributions.members,
        ways.is_flow,
        ways.has_traits,
        case
            when ways.is_flow then date_trunc('month', contributions.occurred_on)::date
            else contributions.occurred_on
        end as from_on,
        case when ways.is_flow then null else contributions.counted_until end as until_on,
        sum(contributions.num) as num,
        sum(contributions.den) as den,
        sum(contributions.den * contributions.den) as squared_den,
        sum(abs(contributions.num)) as amount,
        count(contributions.num) as measures,
        {{ keys_where('entity_key', 'entity_key = subject_key') }} as subjects_counted,
        {{ keys_where('entity_key', 'entity_key is distinct from subject_key') }} as others_counted,
        {{ keys_where('subject_key', 'entity_key is distinct from subject_key') }} as other_subjects,
        {{ keys_where('entity_key', 'num > 0', 'ways.has_counted') }} as counted,
        {{ keys_where('entity_key', 'den > 0', 'ways.has_base') }} as base,
        array_agg(contributions.num) filter (where ways.has_amounts) as nums,
        array_agg({{ short_key('contributions.subject_key') }}) filter (where ways.has_amounts) as subjects
    from contributions
    inner join ways on contributions.indicator_code = ways.indicator_code
    group by
        contributions.programme_code,
        contributions.indicator_code,
        contributions.commune_code,
        contributions.epci_code,
        contributions.partner_code,
        contributions.members,
        ways.is_flow,
        ways.has_traits,
        case
            when ways.is_flow then date_trunc('month', contributions.occurred_on)::date
            else contributions.occurred_on
        end,
        case when ways.is_flow then null else contributions.counted_until end
),

cube as materialized (
    select
        programme_code,
        indicator_code,
        commune_code,
        epci_code,
        partner_code,
        members,
        is_flow,
        has_traits,
        from_on,
        coalesce(until_on, 'infinity') as until_on,
        num,
        den,
        squared_den,
        amount,
        measures,
        subjects_counted,
        others_counted,
        other_subjects,
        counted,
        base,
        nums,
        subjects,
        dense_rank() over (order by programme_code, indicator_code) as family,
        dense_rank() over (
            order by programme_code, indicator_code, commune_code, epci_code, partner_code, members
        ) as signature
    from grouped_rows
),

signatures as materialized (
    select distinct
        signature,
        has_traits,
        programme_code,
        indicator_code,
        commune_code,
        epci_code,
        partner_code,
        members
    from cube
),

traits as materialized (
    select
        trait,
        row_number() over (order by trait) as trait_number
    from (
        select distinct unnest(members) as trait
        from signatures
        where has_traits
    ) as said
),

signatures_by_margin as (
    {{ rows_by_margin('signatures', 'programmes', ['signature', 'has_traits', 'members']) }}
),

placed_signatures as (
    select
        signatures_by_margin.signature,
        signatures_by_margin.has_traits,
        signatures_by_margin.members,
        margins.margin_number
    from signatures_by_margin
    inner join margins
        on {{ same_margin('signatures_by_margin', 'margins') }}
),

-- a margin, or one trait of those at it where the aggregation compares them
places as materialized (
    select
        signature,
        margin_number,
        0::bigint as trait_number
    from placed_signatures
    union all
    select
        placed_signatures.signature,
        placed_signatures.margin_number,
        traits.trait_number
    from placed_signatures
    cross join lateral unnest(placed_signatures.members) as said (trait)
    inner join traits on said.trait = traits.trait
    where placed_signatures.has_traits
),

-- of whom else than of what is counted a family shows data
families as materialized (
    select
        family,
        bool_or(others_counted is not null or other_subjects is not null) as has_other_subjects
    from cube
    group by family
),

-- the periods around each month of a flow
periods_of_months as materialized (
    select
        months.from_on,
        {{ grain_rank('starts.period_grain') }} as grain_rank,
        {{ period_number('starts.period_grain', 'starts.period_start') }} as period_number
    from (
        select distinct from_on
        from cube
        where is_flow
    ) as months
    cross join lateral (
        {{ period_starts('months.from_on') }}
    ) as starts (period_grain, period_start)
),

-- who is there, where and when
presences as (
    select
        cube.signature,
        cube.family,
        cube.partner_code,
        cube.is_flow,
        cube.from_on,
        cube.until_on,
        present.kind,
        present.who
    from cube
    inner join families on cube.family = families.family
    cross join lateral (
        select
            'entity' as kind,
            unnest(cube.subjects_counted) as who
        union all
        select
            'entity' as kind,
            unnest(cube.others_counted) as who
        union all
        select
            'counted' as kind,
            unnest(cube.counted) as who
        union all
        select
            'base' as kind,
            unnest(cube.base) as who
        union all
        select
            'subject' as kind,
            unnest(cube.subjects_counted) as who
        where families.has_other_subjects
        union all
        select
            'subject' as kind,
            unnest(cube.other_subjects) as who
    ) as present
),

seen as (
    select
        signature,
        kind,
        who,
        is_flow,
        from_on,
        min(partner_code) over everywhere as first_partner,
        max(partner_code) over everywhere as last_partner,
        min(signature) over everywhere as first_signature,
        max(signature) over everywhere as last_signature,
        {{ added_by_a_stay() }}
    from presences
    window
        -- sorted by what tells most rows apart first
        everywhere as (partition by who, family, kind),
        earlier as (
            partition by who, family, kind
            order by from_on
            rows between unbounded preceding and 1 preceding
        )
),

stays as materialized (
    select
        signature,
        kind,
        who,
        is_flow,
        from_on,
        nested,
        added_on,
        until_on,
        (first_partner is not distinct from last_partner) as is_alone,
        first_signature = last_signature as is_settled
    from seen
),

settled_stays as (
    select * from stays
    where is_settled
),

settled_additions as (
    {{ counted_additions('settled_stays', 'signature') }}
),

-- who is under several signatures, at each margin of these
moving_stays as (
    select
        places.margin_number,
        places.trait_number,
        stays.kind,
        stays.is_alone,
        {{ added_by_a_stay() }}
    from stays
    inner join places on stays.signature = places.signature
    where not stays.is_settled
    window
        earlier as (
            partition by stays.who, places.margin_number, places.trait_number, stays.kind
            order by stays.from_on
            rows between unbounded preceding and 1 preceding
        )
),

moving_additions as (
    {{ counted_additions('moving_stays', 'margin_number, trait_number') }}
),

additions as (
    select
        places.margin_number,
        places.trait_number,
        'rows' as kind,
        false as is_alone,
        4 as nested,
        cube.from_on,
        cube.until_on,
        null::bigint as entities,
        cube.num,
        cube.den,
        cube.squared_den,
        cube.amount,
        cube.measures
    from cube
    inner join places on cube.signature = places.signature
    union all
    select
        places.margin_number,
        places.trait_number,
        settled_additions.kind,
        settled_additions.is_alone,
        settled_additions.nested,
        settled_additions.from_on,
        settled_additions.until_on,
        settled_additions.entities,
        null as num,
        null as den,
        null as squared_den,
        null as amount,
        null as measures
    from settled_additions
    inner join places on settled_additions.signature = places.signature
    union all
    select
        margin_number,
        trait_number,
        kind,
        is_alone,
        nested,
        from_on,
        until_on,
        entities,
        null as num,
        null as den,
        null as squared_den,
        null as amount,
        null as measures
    from moving_additions
),

-- once a day, before days make periods
daily_sums as (
    select
        margin_number,
        trait_number,
        kind,
        is_alone,
        nested,
        from_on,
        until_on,
        sum(entities)::bigint as entities,
        sum(num) as num,
        sum(den) as den,
        sum(squared_den) as squared_den,
        sum(amount) as amount,
        sum(measures)::bigint as measures
    from additions
    group by
        margin_number,
        trait_number,
        kind,
        is_alone,
        nested,
        from_on,
        until_on
),

dated_sums as (
    select
        {{ daily_columns('daily_sums') }},
        {{ margins_of_days() }}
    from daily_sums
    inner join margins on daily_sums.margin_number = margins.margin_number
),

sums as materialized (
    select
        margin_number,
        trait_number,
        period_number,
        sum(num) as num,
        sum(den) as den,
        sum(squared_den) as squared_den,
        sum(amount) as amount,
        sum(measures)::bigint as measures,
        sum(entities) filter (where kind = 'entity') as entities,
        sum(entities) filter (where kind = 'entity' and is_alone) as alone,
        sum(entities) filter (where kind = 'counted') as counted,
        sum(entities) filter (where kind = 'base') as base,
        sum(entities) filter (where kind = 'subject') as subjects
    from (
        {{ days_by_period('dated_sums', [
            'margin_number', 'trait_number', 'kind', 'is_alone', 'entities', 'num', 'den', 'squared_den', 'amount',
            'measures',
        ], touched) }}
    ) as periods_of_days
    group by margin_number, trait_number, period_number
),

-- rows one by one, where a sum does not tell enough
dated_amounts as (
    select
        places.margin_number,
        4 as nested,
        cube.from_on,
        cube.until_on,
        measured.num,
        measured.subject,
        {{ margins_of_days() }}
    from cube
    cross join lateral unnest(cube.nums, cube.subjects) as measured (num, subject)
    inner join places on cube.signature = places.signature and places.trait_number = 0
    inner join margins on places.margin_number = margins.margin_number
),

amounts as materialized (
    {{ days_by_period('dated_amounts', ['margin_number', 'aggregation', 'num', 'subject'], touched) }}
),

spreads as (
    select
        margin_number,
        period_number,
        avg(num) as mean,
        stddev_samp(num) as deviation,
        percentile_cont(array[0.25, 0.5, 0.75]) within group (order by num) as quartiles
    from amounts
    where aggregation in ('mean', 'median')
    group by margin_number, period_number
),

-- the greatest part that one of the firms has in a cell
dominance as (
    select
        margin_number,
        period_number,
        max(amount) as greatest_amount,
        max(measures) as greatest_measures,
        sum(measures) as measures
    from (
        select
            margin_number,
            period_number,
            subject,
            sum(abs(num)) as amount,
            count(*) as measures
        from amounts
        where subject is not null
        group by margin_number, period_number, subject
    ) as once
    group by margin_number, period_number
),

sums_by_trait as (
    select
        sums.*,
        traits.trait
    from sums
    inner join traits on sums.trait_number = traits.trait_number
),

-- A1-03: mean over the axes of (1 - sum p2) / (1 - 1/K), where each axis is known of four fifths of the people
diversity as (
    select
        axes.margin_number,
        axes.period_number,
        case when count(*) = 5 and min(axes.known / people.entities) >= 0.8 then avg(axes.index) end as value
    from (
        select
            shares.margin_number,
            shares.period_number,
            shares.axis,
            sum(shares.people) as known,
            (1 - sum(shares.people * shares.people) / (sum(shares.people) * sum(shares.people)))
            / (1 - 1 / sizes.size) as index
        from (
            select
                sums_by_trait.margin_number,
                sums_by_trait.period_number,
                split_part(sums_by_trait.trait, ':', 1) as axis,
                coalesce(sums_by_trait.entities, 0) as people
            from sums_by_trait
            inner join margins on sums_by_trait.margin_number = margins.margin_number
            where margins.aggregation = 'diversity' and sums_by_trait.trait !~ ':(NR|HORS)$'
        ) as shares
        inner join (
            values
            ('AGE', 4::numeric), ('SEXE', 3::numeric), ('STATUT', 8::numeric), ('NIVEAU', 9::numeric),
            ('EPCI', 3::numeric)
        ) as sizes (axis, size) on shares.axis = sizes.axis
        group by shares.margin_number, shares.period_number, shares.axis, sizes.size
    ) as axes
    inner join sums as people
        on
            axes.margin_number = people.margin_number
            and axes.period_number = people.period_number
            and people.trait_number = 0
    group by axes.margin_number, axes.period_number
),

-- A5-02: at least the largest of the actions, at most everybody once
bounds as (
    select
        sums_by_trait.margin_number,
        sums_by_trait.period_number,
        max(coalesce(sums_by_trait.entities, 0) + coalesce(sums_by_trait.den, 0)) as largest_object,
        sum(coalesce(sums_by_trait.den, 0)) as heads
    from sums_by_trait
    inner join margins on sums_by_trait.margin_number = margins.margin_number
    where margins.aggregation = 'bounded' and starts_with(sums_by_trait.trait, 'OBJET:')
    group by sums_by_trait.margin_number, sums_by_trait.period_number
),

-- A5-07: the rate of the remote communes over that of the others
gaps as (
    select
        remote.margin_number,
        remote.period_number,
        (coalesce(remote.counted, 0) / nullif(remote.den, 0))
        / nullif(coalesce(others.counted, 0) / nullif(others.den, 0), 0) as value
    from sums_by_trait as remote
    inner join margins on remote.margin_number = margins.margin_number
    inner join sums_by_trait as others
        on remote.margin_number = others.margin_number and remote.period_number = others.period_number
    where margins.aggregation = 'gap' and remote.trait = 'ZONE:ENCLAVEE' and others.trait = 'ZONE:RESTE'
),

-- entities that several partners bring
dated_brought as (
    select
        places.margin_number,
        4 as nested,
        stays.from_on,
        stays.until_on,
        stays.who,
        {{ margins_of_days() }}
    from stays
    inner join places on stays.signature = places.signature
    inner join margins on places.margin_number = margins.margin_number
    where
        stays.kind = 'entity'
        and not stays.is_alone
        and places.trait_number = 0
        and margins.measure = 'contributed'
        and margins.aggregation = 'distinct'
),

brought as (
    select distinct
        margin_number,
        total_number,
        period_number,
        who
    from (
        {{ days_by_period('dated_brought', ['margin_number', 'total_number', 'who'], touched) }}
    ) as periods_of_brought
),

shared as (
    select
        margin_number,
        period_number,
        sum(1::numeric / partners) as part
    from (
        select
            margin_number,
            period_number,
            count(*) over (partition by total_number, period_number, who) as partners
        from brought
    ) as bringing
    group by margin_number, period_number
),

-- a partner's part of what is counted once: an entity that k partners bring is 1/k of each
attributed as (
    select
        margin_number,
        period_number,
        round(sum(part) over running, 6) - round(coalesce(sum(part) over before, 0), 6) as value
    from (
        select
            sums.margin_number,
            sums.period_number,
            margins.total_number,
            margins.partner_code,
            coalesce(sums.alone, 0) + coalesce(shared.part, 0) as part
        from sums
        inner join margins on sums.margin_number = margins.margin_number
        left join shared on sums.margin_number = shared.margin_number and sums.period_number = shared.period_number
        where sums.trait_number = 0 and margins.measure = 'contributed' and margins.aggregation = 'distinct'
    ) as parts
    window
        running as (partition by total_number, period_number order by {{ byte_order('partner_code') }}),
        before as (
            partition by total_number, period_number
            order by {{ byte_order('partner_code') }}
            rows between unbounded preceding and 1 preceding
        )
),

cell_sums as (
    select
        {% for column in margin_columns() -%}
            margins.{{ column }},
        {% endfor -%}
        {{ grain_of_period('sums.period_number') }} as period_grain,
        {{ start_of_period('sums.period_number') }} as period_start,
        sums.num,
        sums.den,
        sums.squared_den,
        sums.amount,
        sums.measures,
        spreads.mean,
        spreads.deviation,
        spreads.quartiles[1] as lower_quartile,
        spreads.quartiles[2] as median,
        spreads.quartiles[3] as upper_quartile,
        sums.entities::bigint as entities,
        case when sums.entities is not null and ways.has_counted then coalesce(sums.counted, 0)::bigint end as counted,
        case when sums.entities is not null and ways.has_base then coalesce(sums.base, 0)::bigint end as base,
        case when families_of_codes.has_other_subjects then sums.subjects else sums.entities end::bigint as subjects,
        -- the greatest of 7 and 7.0 is either: full and incremental builds would differ
        trim_scale(dominance.greatest_amount) as greatest_amount,
        dominance.greatest_measures,
        dominance.measures as subject_measures,
        diversity.value as diversity,
        trim_scale(bounds.largest_object) as largest_object,
        bounds.heads,
        gaps.value as gap,
        attributed.value as attributed
    from sums
    inner join margins on sums.margin_number = margins.margin_number
    inner join ways on margins.indicator_code = ways.indicator_code
    inner join (
        select distinct
            cube.programme_code,
            cube.indicator_code,
            families.has_other_subjects
        from cube
        inner join families on cube.family = families.family
    ) as families_of_codes
        on
            margins.programme_code = families_of_codes.programme_code
            and margins.indicator_code = families_of_codes.indicator_code
    {% for sums_of in ['spreads', 'dominance', 'diversity', 'bounds', 'gaps', 'attributed'] -%}
        left join {{ sums_of }}
            on sums.margin_number = {{ sums_of }}.margin_number and sums.period_number = {{ sums_of }}.period_number
    {% endfor -%}
    where sums.trait_number = 0
)
{%- endmacro %}

{# A key, whatever its length, as sixteen bytes. #}
{% macro short_key(key) -%}
    md5({{ key }})::uuid
{%- endmacro %}

{# Short keys of the contributing rows that meet a condition. #}
{% macro keys_where(key, condition, asked='true') -%}
    array_agg({{ short_key('contributions.' ~ key) }}) filter (
            where {{ asked }} and contributions.{{ key }} is not null and ({{ condition }})
        )
{%- endmacro %}

{# Columns of a day's sums but its margin's. #}
{% macro daily_columns(sums) -%}
    {{ prefixed(sums, [
        'margin_number', 'trait_number', 'kind', 'is_alone', 'nested', 'from_on', 'until_on', 'entities', 'num', 'den',
        'squared_den', 'amount', 'measures',
    ]) | join(',\n        ') }}
{%- endmacro %}

{# What placing days in periods has to know of their margin. #}
{% macro margins_of_days() -%}
    margins.programme_code,
        margins.indicator_code,
        margins.timing,
        margins.first_grain_rank,
        margins.aggregation,
        margins.total_number
{%- endmacro %}

{#
    Each day of a flow once per period around it, as many nested ones as it counts in; each span of a stock once per
    period at whose end it stands.
#}
{% macro days_by_period(days, columns, touched) -%}
    select
        {{ columns | join(',\n        ') }},
        period_number
    from (
        select
            {% for column in columns + ['programme_code', 'indicator_code'] -%}
                {{ days }}.{{ column }},
            {% endfor -%}
            periods_of_months.period_number
        from {{ days }}
        inner join periods_of_months
            on
                {{ days }}.from_on = periods_of_months.from_on
                and periods_of_months.grain_rank between {{ days }}.first_grain_rank and {{ days }}.nested
        where {{ days }}.timing = 'flow'
        -- a period is known before it is looked for among those asked for
        offset 0
    ) as periods_of_flows
    {% if touched -%}
        where
            (programme_code, indicator_code, period_number) in (
                select
                    {{ touched }}.programme_code,
                    {{ touched }}.indicator_code,
                    {{ touched }}.period_number
                from {{ touched }}
            )
    {%- endif %}
    union all
    select
        {% for column in columns -%}
            {{ days }}.{{ column }},
        {% endfor -%}
        periods.period_number
    from {{ days }}
    inner join periods
        on
            {{ days }}.programme_code = periods.programme_code
            and {{ days }}.first_grain_rank <= periods.grain_rank
            and {{ days }}.from_on <= periods.last_on
            and {{ days }}.until_on > periods.last_on
    where {{ days }}.timing = 'stock'
{%- endmacro %}
