-- What the first page needs, in one read; the figures of whole programmes; a page of its own for a cited figure.
set role lakou_publisher;

create view pub.steering_essentials as
select
    p.publication_id,
    g.programme_code,
    g.programme_label,
    q.quarter_label,
    q.period_start as quarter_start,
    coalesce(max(s.value_text) filter (where s.indicator_code = 'A1-01'), 'non publié') as trained_text,
    case
        when count(*) filter (where s.rag <> 'GRIS') = 0 then 'aucune cible'
        else
            count(*) filter (where s.rag in ('ROUGE', 'ORANGE')) || ' sur ' || count(*) filter (where s.rag <> 'GRIS')
    end as late_indicators_text,
    case
        when
            exists (select from pub.deliveries as d where d.programme_code = g.programme_code and d.is_due)
            or exists (select from pub.milestones as m where m.programme_code = g.programme_code)
            or exists (select from pub.decisions as d where d.programme_code = g.programme_code)
            then
                pub.french_number(
                    (select sum(l.late_items) from pub.steering_late as l where l.programme_code = g.programme_code), 0
                )
        else 'rien d’attendu'
    end as late_items_text,
    coalesce(max(s.value_text) filter (where s.indicator_code = 'T-01'), 'non publié') as completeness_text,
    (
        select
            case
                when count(*) = 0 then 'aucune reçue'
                else
                    pub.count_text(count(*) filter (where d.status = 'OUVERTE'), 'ouverte', 'ouvertes') || ', '
                    || pub.count_text(count(*) filter (where d.status = 'EXECUTEE'), 'exécutée', 'exécutées')
            end
        from pub.decisions as d
        where d.programme_code = g.programme_code
    ) as decisions_text
from pub.programme_labels as g
cross join pub.closed_quarters as q
cross join pub.publication as p
left join pub.labelled_state as s on g.programme_code = s.programme_code and q.period_start = s.quarter_start
group by p.publication_id, g.programme_code, g.programme_label, q.quarter_label, q.period_start;

create view pub.steering_series as
select
    v.*,
    v.period_grain = case i.first_grain when 'month' then 'quarter' else i.first_grain end as is_own_pace
from pub.steering_values as v
inner join pub.indicators as i on v.indicator_code = i.indicator_code
where
    v.measure = 'counted'
    and v.territory_level = 'region'
    and v.territory_code not in ('NR', 'HORS', 'DIST')
    and v.partner_code = 'TOTAL'
    and v.axis = 'TOTAL';

-- The address that shows a figure again as it was published, with its breakdowns.
create or replace function pub.quotation_link(reference text, words text) returns text
language sql immutable parallel safe
return '<a href="/superset/dashboard/chiffre/?native_filters=(NATIVE_FILTER-reference:(extraFormData:(filters:!('
|| '(col:reference,op:IN,val:!(''' || reference || ''')))),'
|| 'filterState:(label:''' || reference || ''',value:!(''' || reference || ''')),'
|| 'id:NATIVE_FILTER-reference,ownState:()))">' || words || '</a>';
reset role;
