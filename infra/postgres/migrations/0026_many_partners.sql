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
reset role;
