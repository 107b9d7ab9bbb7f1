-- The catalogue of 86 indicators: what their values, units and axes need to be read.
set role lakou_publisher;

alter table published.indicator_values add column n_effective numeric;

alter table published.indicators
    add column base_code text,
    add column timing text,
    add column first_grain text,
    add column secrecy text,
    add column level text;

create table published.axis_members (
    publication_id bigint not null,
    axis text not null,
    axis_label text not null,
    member text not null,
    member_label text not null,
    member_order integer not null
) partition by list (publication_id);

create or replace view pub.indicator_values as
select v.* from published.indicator_values as v
where v.publication_id = (select c.publication_id from published.pointer as c);

create or replace view pub.indicators as
select i.* from published.indicators as i where i.publication_id = (select c.publication_id from published.pointer as c);

create or replace view pub.axis_labels as
select m.axis, m.axis_label, m.member, m.member_label, m.member_order
from published.axis_members as m
where m.publication_id = (select c.publication_id from published.pointer as c)
union all
values ('TOTAL', 'Ensemble', 'TOTAL', 'Ensemble', 0);

-- A value as it is read aloud; where there is none, the word that says why.
create or replace function pub.value_text(value numeric, unit text, state text) returns text
language sql immutable parallel safe
return case
    when value is null and state like 'SUPPRIME%' then 'secret statistique'
    when value is null then pub.state_label(state)
    when unit in ('ratio', '%') then pub.french_number(100 * value, 1) || U&'\00A0%'
    when unit = 'pour mille' then pub.french_number(value, 1) || U&'\00A0\2030'
    when unit = 'heures' then pub.french_number(value, case when value = trunc(value) then 0 else 1 end) || U&'\00A0h'
    when unit = 'jours' then pub.french_number(value, case when value = trunc(value) then 0 else 1 end) || U&'\00A0j'
    when unit = U&'\20AC' then pub.french_number(value, 0) || U&'\00A0\20AC'
    else pub.french_number(value, case when value = trunc(value) then 0 else 2 end)
end || case when value is not null and state = 'INCOMPLET' then ' (incomplet)' else '' end;

create or replace function pub.unit_label(unit text) returns text
language sql immutable parallel safe
return case unit when 'ratio' then '%' when 'pour mille' then U&'\2030' else unit end;
reset role;
