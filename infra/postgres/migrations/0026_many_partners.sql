-- Many partners: the figures of whole programmes, and those of one partner, are found without reading everybody's.
set role lakou_publisher;

create index on published.indicator_values (indicator_code, period_grain, period_start)
where measure = 'counted' and territory_level = 'region' and partner_code = 'TOTAL' and axis = 'TOTAL';
create index on published.indicator_values (partner_code, period_start, indicator_code)
where period_grain = 'quarter' and territory_level = 'region' and axis = 'TOTAL' and partner_code <> 'TOTAL';

create or replace view pub.steering_partners as
with own as (
    select
        v.publication_id,
        v.programme_code,
        v.indicator_code,
        v.period_start,
        v.territory_code,
        v.partner_code,
        v.unit,
        v.value,
        v.state,
        v.completeness,
        a.value as attributed,
        a.state as attributed_state
    from published.indicator_values as v
    left join published.indicator_values as a
        on
            v.publication_id = a.publication_id
            and v.programme_code = a.programme_code
            and v.indicator_code = a.indicator_code
            and a.measure = 'attributed'
            and v.period_grain = a.period_grain
            and v.period_start = a.period_start
            and v.territory_level = a.territory_level
            and v.territory_code = a.territory_code
            and v.partner_code = a.partner_code
            -- said again for the index, which is of partners
            and a.partner_code <> 'TOTAL'
            and v.axis = a.axis
            and v.member = a.member
    where
        v.publication_id = (select c.publication_id from published.pointer as c)
        and v.measure = 'contributed'
        and v.period_grain = 'quarter'
        and v.territory_level = 'region'
        and v.axis = 'TOTAL'
        and v.partner_code <> 'TOTAL'
)

select
    o.publication_id,
    o.programme_code,
    coalesce(g.programme_label, o.programme_code) as programme_label,
    o.partner_code,
    k.partner_label,
    q.quarter_label,
    o.period_start,
    q.is_latest as is_latest_quarter,
    split_part(o.indicator_code, '-', 1) as line_code,
    o.indicator_code,
    o.indicator_code || ' · ' || i.label as indicator,
    i.display_order as indicator_order,
    pub.unit_label(o.unit) as unit_label,
    o.value,
    case when o.unit in ('ratio', '%') then 100 * o.value else o.value end as display_value,
    pub.value_text(o.value, o.unit, o.state) as contributed_text,
    case when o.attributed_state is null then 'sans objet' else pub.value_text(o.attributed, o.unit, o.attributed_state) end
        as attributed_text,
    case when t.state is null then 'sans objet' else pub.value_text(t.value, t.unit, t.state) end as programme_text,
    case
        when o.attributed is null or t.value is null or t.value = 0 then 'sans objet'
        else pub.french_number(100 * o.attributed / t.value, 1) || U&'\00A0%'
    end as share_text,
    o.state,
    pub.state_label(o.state) as state_label,
    coalesce(pub.french_number(100 * o.completeness, 0) || U&'\00A0%', 'sans objet') as completeness_text
from own as o
-- a whole join: the partner that a filter leaves chooses its values, by their index
inner join pub.programme_partners as k on o.partner_code = k.partner_code
inner join pub.closed_quarters as q on o.period_start = q.period_start
inner join pub.indicators as i on o.indicator_code = i.indicator_code
left join published.indicator_values as t
    on
        o.publication_id = t.publication_id
        and t.measure = 'counted'
        and t.period_grain = 'quarter'
        and t.territory_level = 'region'
        and t.partner_code = 'TOTAL'
        and t.axis = 'TOTAL'
        and o.programme_code = t.programme_code
        and o.indicator_code = t.indicator_code
        and o.period_start = t.period_start
        and o.territory_code = t.territory_code
left join pub.programme_labels as g on o.programme_code = g.programme_code;

-- of steps that never change, or a call would stand in the place of the text itself: 3 µs a row
create or replace function pub.period_code(grain text, period_start date) returns text
language sql immutable parallel safe
return extract(year from period_start)::integer::text || case grain
    when 'month' then '-' || lpad(extract(month from period_start)::integer::text, 2, '0')
    when 'quarter' then '-T' || extract(quarter from period_start)::integer::text
    when 'semester' then case when extract(month from period_start) < 7 then '-S1' else '-S2' end
    else ''
end;

create or replace view pub.closed_quarters as
select
    q.period_start,
    pub.period_end('quarter', q.period_start) as period_end,
    pub.period_code('quarter', q.period_start) as quarter_code,
    pub.french_period(pub.period_code('quarter', q.period_start)) as quarter_label,
    row_number() over (order by q.period_start desc) = 1 as is_latest
from (
    select distinct v.period_start
    from published.indicator_values as v
    cross join pub.publication as p
    where
        v.publication_id = p.publication_id
        and v.indicator_code = 'T-01'
        and v.measure = 'counted'
        and v.period_grain = 'quarter'
        and v.territory_level = 'region'
        and v.partner_code = 'TOTAL'
        and v.axis = 'TOTAL'
        and pub.period_end('quarter', v.period_start) < p.business_date
) as q;

-- Deliveries are summed up by their feed first: several indicators read the same.
create or replace view pub.steering_provenance as
with
uses as (
    select i.indicator_code, i.label, i.display_order, i.timing, feed.feed
    from pub.indicators as i
    cross join lateral string_to_table(i.feeds, ',') as feed (feed)
),

quarters as materialized (
    select * from pub.closed_quarters
),

-- what is said of them is worded here, once for all indicators that read them
brought as (
    select
        d.publication_id,
        d.programme_code,
        coalesce(g.programme_label, d.programme_code) as programme_label,
        q.quarter_label,
        q.period_start as quarter_start,
        t.timing,
        d.feed,
        pub.feed_label(d.feed) as feed_label,
        coalesce(k.partner_label, d.partner_code) as partner_label,
        pub.count_text(count(*), 'remise', 'remises') as deliveries_text,
        min(d.period) || case when count(*) > 1 then ' à ' || max(d.period) else '' end as periods_label,
        (max(array[to_char(d.period_end, 'YYYYMMDD'), d.delivery_id]))[2] as latest_delivery_id,
        pub.short_date((max(d.received_at) at time zone 'America/Martinique')::date) as latest_received_label,
        case
            when sum(d.rows_accepted) = 0 then 'aucune ligne'
            when sum(d.rows_accepted) < 11 then 'moins de 11 lignes'
            else 'au moins ' || pub.french_number(10 * trunc(sum(d.rows_accepted) / 10), 0) || ' lignes'
        end as rows_text
    from pub.deliveries as d
    inner join quarters as q on d.period_start <= q.period_end
    inner join (select distinct u.timing, u.feed from uses as u) as t
        on d.feed = t.feed and (t.timing = 'stock' or d.period_end >= q.period_start)
    left join pub.programme_partners as k on d.partner_code = k.partner_code
    left join pub.programme_labels as g on d.programme_code = g.programme_code
    where d.is_accepted
    group by
        d.publication_id, d.programme_code, g.programme_label, q.quarter_label, q.period_start, t.timing, d.feed,
        k.partner_label, d.partner_code
)

select
    b.publication_id,
    b.programme_code,
    b.programme_label,
    b.quarter_label,
    b.quarter_start,
    u.indicator_code,
    u.indicator_code || ' · ' || u.label as indicator,
    u.display_order as indicator_order,
    b.feed_label,
    b.partner_label,
    b.deliveries_text,
    b.periods_label,
    b.latest_delivery_id,
    b.latest_received_label,
    b.rows_text,
    case when u.timing = 'stock' then 'tout ce qui est reçu jusqu’à la fin du trimestre' else 'les remises du trimestre' end
        as scope_label
from brought as b
inner join uses as u on b.feed = u.feed and b.timing = u.timing;

create or replace view pub.steering_freshness as
with known as (
    select
        d.publication_id,
        d.programme_code,
        d.partner_code,
        d.feed,
        p.business_date,
        (max(array[to_char(d.period_end, 'YYYYMMDD'), d.period]) filter (where d.is_accepted))[2] as latest_period,
        (max(d.received_at) at time zone 'America/Martinique')::date as received_on,
        min(d.due_on) filter (where not d.is_accepted and d.due_on >= p.business_date) as next_due_on,
        count(*) filter (where d.is_due and not d.is_accepted) as missing
    from pub.deliveries as d
    cross join pub.publication as p
    group by d.publication_id, d.programme_code, d.partner_code, d.feed, p.business_date
)

select
    d.publication_id,
    d.programme_code,
    coalesce(g.programme_label, d.programme_code) as programme_label,
    d.partner_code,
    coalesce(k.partner_label, d.partner_code) as partner_label,
    pub.feed_label(d.feed) as feed_label,
    coalesce(pub.french_period(d.latest_period), 'aucune') as latest_period_label,
    coalesce(pub.short_date(d.received_on), 'jamais') as received_label,
    d.business_date - d.received_on as days_since,
    coalesce(pub.short_date(d.next_due_on), 'aucune prévue') as next_due_label,
    d.missing,
    case
        when d.missing > 0 then U&'\25A0 ' || pub.count_text(d.missing, 'remise manque', 'remises manquent')
        else U&'\25CF à jour'
    end as state_text
from known as d
left join pub.programme_partners as k on d.partner_code = k.partner_code
left join pub.programme_labels as g on d.programme_code = g.programme_code;
reset role;
