-- A chart reads the few values that it shows: filters on labels reach the values' index.
set role lakou_publisher;

-- Every period that a value can have, with its words: worked out once, and known to the planner.
create table published.periods (
    period_grain text not null,
    period_start date not null,
    period_end date not null,
    next_period_end date not null,
    period_code text not null,
    period_label text not null,
    -- the quarter that it ends in
    quarter_label text not null,
    primary key (period_grain, period_start)
);
insert into published.periods
select
    g.period_grain,
    s.day::date as period_start,
    e.period_end,
    pub.period_end(g.period_grain, e.period_end + 1) as next_period_end,
    pub.period_code(g.period_grain, s.day::date) as period_code,
    pub.french_period(pub.period_code(g.period_grain, s.day::date)) as period_label,
    pub.french_period(pub.period_code('quarter', e.period_end)) as quarter_label
from (values ('month', 1), ('quarter', 3), ('semester', 6), ('year', 12)) as g (period_grain, months)
cross join
    lateral generate_series(timestamp '2000-01-01', timestamp '2099-12-01', make_interval(months => g.months)) as s (day)
cross join lateral (select pub.period_end(g.period_grain, s.day::date) as period_end) as e;
analyze published.periods;

drop view pub.steering_values, pub.labelled_values;
create view pub.steering_values as
with partners as not materialized (
    select
        k.partner_code,
        min(k.label) as label
    from pub.partners as k
    group by k.partner_code
)

select
    v.publication_id,
    v.programme_code,
    coalesce(g.programme_label, v.programme_code) as programme_label,
    v.indicator_code,
    i.label as indicator_label,
    i.indicator_code || ' · ' || i.label as indicator,
    i.display_order as indicator_order,
    v.unit,
    pub.unit_label(v.unit) as unit_label,
    v.measure,
    case v.measure
        when 'counted' then 'compté une fois'
        when 'contributed' then 'contribution du partenaire'
        when 'attributed' then 'part attribuée au partenaire'
        else v.measure
    end as measure_label,
    v.period_grain,
    case v.period_grain
        when 'month' then 'Mois'
        when 'quarter' then 'Trimestre'
        when 'semester' then 'Semestre'
        else 'Année'
    end as grain_label,
    v.period_start,
    d.period_end,
    d.period_code,
    d.period_label,
    d.period_label
    || case when p.business_date between d.period_start and d.period_end then ', en cours' else '' end
    || w.reading as period_display,
    d.period_end < p.business_date as is_closed,
    p.business_date between d.period_start and d.period_end as is_current,
    d.period_end < p.business_date and p.business_date <= d.next_period_end as is_latest_closed,
    v.period_grain = 'quarter' and d.period_end < p.business_date and p.business_date <= d.next_period_end
        as is_latest_closed_quarter,
    v.territory_level,
    case v.territory_level
        when 'commune' then 'Commune'
        when 'epci' then 'EPCI'
        else 'Région'
    end as territory_level_label,
    v.territory_code,
    l.territory_label,
    l.territory_label || w.reading as territory_display,
    v.partner_code,
    l.partner_label,
    l.partner_label || w.reading as partner_display,
    v.axis,
    coalesce(m.axis_label, v.axis) as axis_label,
    v.member,
    coalesce(m.member_label, v.member) as member_label,
    coalesce(m.member_order, 50) as member_order,
    coalesce(m.member_label, v.member) || w.reading as member_display,
    v.value,
    case when v.unit in ('ratio', '%') then 100 * v.value else v.value end as display_value,
    pub.value_text(v.value, v.unit, v.state) as value_text,
    v.numerator,
    v.denominator,
    v.n,
    v.completeness,
    coalesce(pub.french_number(100 * v.completeness, 0) || U&'\00A0%', 'sans objet') as completeness_text,
    v.state,
    pub.state_label(v.state) as state_label,
    v.target,
    case when v.target is null then 'cible non fixée' else pub.value_text(v.target, v.unit, 'MESURE') end as target_text,
    coalesce(i.direction, 'info') as direction,
    v.definition_hash,
    v.origin_publication_id,
    case
        when v.origin_publication_id <> v.publication_id
            then 'retenu : chiffre de la publication n°' || U&'\00A0' || v.origin_publication_id
        else 'à jour'
    end as origin_label,
    d.quarter_label,
    split_part(v.indicator_code, '-', 1) as line_code,
    coalesce(m.axis_label, v.axis) || ' : ' || coalesce(m.member_label, v.member) as profile_label,
    pub.value_reference(
        v.programme_code, v.period_grain, v.period_start, v.indicator_code, v.measure, v.territory_level, v.territory_code,
        v.partner_code, v.axis, v.member, v.publication_id
    ) as reference,
    pub.quotation_link(
        concat_ws('.', v.programme_code, d.period_code, v.indicator_code, 'p' || v.publication_id), 'citer'
    ) as quotation_html
-- whole joins: what a filter leaves of the labels chooses the values, by their index
from published.periods as d
cross join pub.indicators as i
inner join published.indicator_values as v
    on
        d.period_grain = v.period_grain
        and d.period_start = v.period_start
        and i.indicator_code = v.indicator_code
        and i.publication_id = v.publication_id
inner join published.publications as p on v.publication_id = p.publication_id
left join pub.programme_labels as g on v.programme_code = g.programme_code
left join pub.axis_labels as m on v.axis = m.axis and v.member = m.member
left join pub.territories as t on v.territory_level = t.territory_level and v.territory_code = t.territory_code
left join partners as k on v.partner_code = k.partner_code
cross join lateral (
    select
        case v.territory_code
            when 'NR' then 'Non renseigné'
            when 'HORS' then 'Hors du périmètre'
            when 'DIST' then 'À distance'
            else coalesce(t.label, v.territory_code)
        end as territory_label,
        case v.partner_code when 'TOTAL' then 'Tous les partenaires' else coalesce(k.label, v.partner_code) end as partner_label
) as l
-- beside a name on an axis: why there is no bar, or that the bar is not the whole
cross join lateral (
    select
        case
            when v.value is null then ' : ' || pub.value_text(v.value, v.unit, v.state)
            when v.state = 'INCOMPLET' then ', incomplet'
            else ''
        end as reading
) as w
where v.publication_id = (select c.publication_id from published.pointer as c);

-- A cited figure first, its breakdowns after it: sorted within each figure, with nothing joined above that would shuffle them.
create or replace view pub.steering_quotations as
select
    q.publication_id,
    q.indicator_code,
    pub.value_reference(
        m.programme_code, m.period_grain, m.period_start, m.indicator_code, m.measure, m.territory_level, m.territory_code,
        m.partner_code, m.axis, m.member, m.publication_id
    ) as reference,
    q.quoted_reference,
    q.quoted_label,
    q.quoted_period,
    q.quoted_margin,
    q.quoted_order,
    q.quoted_text,
    q.quoted_unit,
    q.quoted_state,
    q.quoted_publication,
    q.known_text,
    q.quoted_formula,
    q.quoted_version,
    q.kept_text
from published.indicator_values as m
cross join lateral (
    select
        v.publication_id,
        v.indicator_code,
        pub.value_reference(
            v.programme_code, v.period_grain, v.period_start, v.indicator_code, v.measure, v.territory_level, v.territory_code,
            v.partner_code, v.axis, v.member, v.publication_id
        ) as quoted_reference,
        v.indicator_code || coalesce(' · ' || i.label, '') as quoted_label,
        pub.french_period(pub.period_code(v.period_grain, v.period_start)) as quoted_period,
        coalesce(
            nullif(
                concat_ws(
                    ', ',
                    case v.territory_code
                        when 'NR' then 'territoire non renseigné'
                        when 'HORS' then 'hors du périmètre'
                        when 'DIST' then 'à distance'
                        else case when v.territory_level <> 'region' then coalesce(t.label, v.territory_code) end
                    end,
                    case when v.partner_code <> 'TOTAL' then coalesce(k.label, v.partner_code) end,
                    case v.measure when 'contributed' then 'contribution' when 'attributed' then 'part attribuée' end,
                    case
                        when v.axis <> 'TOTAL'
                            then coalesce(x.axis_label || ' : ' || x.member_label, v.axis || ' : ' || v.member)
                    end
                ),
                ''
            ),
            'tout le programme'
        ) as quoted_margin,
        o.quoted_order,
        pub.value_text(v.value, v.unit, v.state) as quoted_text,
        pub.unit_label(v.unit) as quoted_unit,
        pub.state_label(v.state) as quoted_state,
        'n°' || U&'\00A0' || v.publication_id || ', arrêtée au ' || pub.short_date(s.business_date) as quoted_publication,
        coalesce(
            (
                select
                    case
                        when n.value is not distinct from v.value and n.state = v.state then 'inchangé'
                        else pub.value_text(n.value, n.unit, n.state)
                    end
                from published.indicator_values as n
                where
                    n.publication_id = p.publication_id
                    and n.programme_code = v.programme_code
                    and n.indicator_code = v.indicator_code
                    and n.measure = v.measure
                    and n.period_grain = v.period_grain
                    and n.period_start = v.period_start
                    and n.territory_level = v.territory_level
                    and n.territory_code = v.territory_code
                    and n.partner_code = v.partner_code
                    and n.axis = v.axis
                    and n.member = v.member
            ),
            'n’est plus publié'
        ) as known_text,
        coalesce(i.formula, 'non renseignée') as quoted_formula,
        left(v.definition_hash, 12) as quoted_version,
        coalesce(
            (
                select 'toujours : clôture ' || string_agg(c.closing_id, ', ' order by c.closing_id)
                from pub.closings as c
                where c.publication_id = v.publication_id
            ),
            case
                when v.publication_id = p.publication_id then 'tant que cette publication est en cours'
                else 'un temps limité'
            end || ' ; toujours, si une clôture la retient'
        ) as kept_text
    from published.indicator_values as v
    cross join lateral (
        select
            case v.territory_level when 'region' then 1 when 'epci' then 2 else 3 end
            + case when v.partner_code = 'TOTAL' then 0 else 10 end
            + case when v.axis = 'TOTAL' then 0 else 20 end
            + case when v.territory_code in ('NR', 'HORS', 'DIST') then 5 else 0 end as quoted_order
    ) as o
    inner join published.publications as s on v.publication_id = s.publication_id
    cross join pub.publication as p
    left join published.indicators as i on v.publication_id = i.publication_id and v.indicator_code = i.indicator_code
    left join published.territories as t
        on v.publication_id = t.publication_id and v.territory_level = t.territory_level and v.territory_code = t.territory_code
    left join published.partners as k
        on v.publication_id = k.publication_id and v.programme_code = k.programme_code and v.partner_code = k.partner_code
    left join pub.axis_labels as x on v.axis = x.axis and v.member = x.member
    where
        m.publication_id = v.publication_id
        and m.programme_code = v.programme_code
        and m.indicator_code = v.indicator_code
        and m.period_grain = v.period_grain
        and m.period_start = v.period_start
    order by o.quoted_order, v.measure desc, v.territory_code, v.partner_code, v.axis, v.member
) as q
where
    m.measure = 'counted' and m.territory_level = 'region' and m.partner_code = 'TOTAL' and m.axis = 'TOTAL'
    and m.territory_code not in ('NR', 'HORS', 'DIST');

-- What the figures shown depend on: whoever keeps one keeps it under this, and need not be told when it changes.
create view pub.edition as
select
    concat_ws(
        '-',
        p.publication_id,
        (select extract(epoch from max(c.closed_at)) from ops.closings as c),
        (select extract(epoch from max(b.kept_at)) from published.closing_books as b)
    ) as edition
from pub.publication as p;
reset role;
