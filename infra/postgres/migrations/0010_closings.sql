-- Closings: what the committee minuted stays to the byte; what became known later stands beside it, by cause.
alter table ops.closings alter column decision drop not null;
alter table ops.closings
add column closing_id text not null unique,
add column period_grain text not null check (period_grain in ('month', 'quarter', 'semester', 'year')),
add column period_start date not null,
add column period_end date not null,
add column build_id integer not null references ops.builds,
-- newest build when it was closed: later builds know the closing
add column closed_after_build integer not null references ops.builds,
add column decided_on date,
add column reason text not null default '',
-- what the figures stood on besides rows and formulas
add column parameters_hash text not null,
add column perimeter_hash text not null,
add column closed_at timestamptz not null default clock_timestamp();

create function ops.refuse_change() returns trigger
language plpgsql as $$
begin
    raise exception '% is written once: close the period again, which makes a new version', tg_relid::regclass
    using errcode = 'restrict_violation';
end
$$;
create trigger written_once before update or delete on ops.closings
for each row execute function ops.refuse_change();
revoke update, delete, truncate on ops.closings from public, lakou_loader, lakou_dbt, lakou_publisher, lakou_reader;
grant insert on ops.closings, ops.audit_log to lakou_publisher;

set role lakou_publisher;
grant usage, create on schema published to lakou_admin;
grant usage on schema published to lakou_dbt;
reset role;

-- The figures of a closing as the committee saw them, suppressed ones silent; owned by nobody who publishes.
create table published.published_values (
    closing_id text not null,
    publication_id bigint not null,
    origin_publication_id bigint not null,
    programme_code text not null,
    indicator_code text not null,
    definition_hash text not null,
    measure text not null,
    period_grain text not null,
    period_start date not null,
    territory_level text not null,
    territory_code text not null,
    partner_code text not null,
    axis text not null,
    member text not null,
    value numeric,
    numerator numeric,
    denominator numeric,
    n bigint,
    low numeric,
    high numeric,
    n_effective numeric,
    unit text not null,
    target numeric,
    completeness numeric,
    state text not null,
    -- every contributing row of the indicator leads to a row of a file
    is_traced boolean not null,
    primary key (
        closing_id, indicator_code, period_grain, period_start, measure, territory_level, territory_code, partner_code,
        axis, member
    )
);
create trigger written_once before update or delete on published.published_values
for each row execute function ops.refuse_change();
create trigger never_emptied before truncate on published.published_values
for each statement execute function ops.refuse_change();
grant select, insert on published.published_values to lakou_publisher;
grant select on published.published_values to lakou_dbt;

set role lakou_publisher;
revoke create on schema published from lakou_admin;

-- The contributing rows behind a closing: what later figures are compared with, row by row. No role of the BI reads it.
create table published.closing_rows (
    closing_id text not null,
    programme_code text not null,
    indicator_code text not null,
    entity_key text,
    subject_key text,
    occurred_on date,
    counted_until date,
    commune_code text,
    epci_code text,
    partner_code text,
    members text[],
    num numeric,
    den numeric,
    delivery_id text,
    row_number integer,
    row_hash text
);
create index closing_rows_indicator on published.closing_rows (closing_id, indicator_code);

-- What a restatement works on, one closing and one step at a time, under the publication's lock; empty between publications.
create unlogged table published.restatement_rows (like published.closing_rows);
alter table published.restatement_rows drop column closing_id;
create unlogged table published.restatement_cells (
    programme_code text not null,
    indicator_code text not null,
    measure text not null,
    period_grain text not null,
    period_start date not null,
    territory_level text not null,
    territory_code text not null,
    partner_code text not null,
    axis text not null,
    member text not null,
    unit text not null,
    definition_hash text not null,
    published_value numeric not null,
    known_value numeric not null,
    -- before and after the cause applied last
    former numeric not null,
    reached numeric not null
);

-- Why a closed figure is known otherwise now: the shares of the causes sum to the difference.
create table published.restatements (
    publication_id bigint not null,
    closing_id text not null,
    programme_code text not null,
    indicator_code text not null,
    measure text not null,
    period_grain text not null,
    period_start date not null,
    territory_level text not null,
    territory_code text not null,
    partner_code text not null,
    axis text not null,
    member text not null,
    unit text not null,
    published_value numeric not null,
    known_value numeric not null,
    difference numeric not null,
    -- DEFINITION, PERIMETRE, REMISE_TARDIVE, CORRECTION, PERSONNES or EFFACEMENT
    cause text not null,
    share numeric not null
) partition by list (publication_id);
grant select on published.restatements, published.restatement_rows, published.restatement_cells, published.publications to lakou_dbt;

create function pub.cause_label(cause text) returns text
language sql immutable parallel safe
return case cause
    when 'DEFINITION' then 'définition ou paramètre changé'
    when 'PERIMETRE' then 'périmètre changé'
    when 'REMISE_TARDIVE' then 'remise tardive'
    when 'CORRECTION' then 'correction'
    when 'PERSONNES' then 'personnes réunies ou séparées'
    when 'EFFACEMENT' then 'effacement'
end;

create view pub.closings as
select
    c.closing_id, c.programme_code, c.period, c.period_grain, c.period_start, c.period_end, c.version, c.publication_id,
    c.build_id, c.decision as decision_id, c.decided_on, c.closed_on, c.reason,
    c.version = max(c.version) over (partition by c.programme_code, c.period) as is_current
from ops.closings as c;

-- As published, and beside it as known now; what is secret in either is in neither difference.
create view pub.published_values as
select
    f.closing_id, f.publication_id, f.programme_code, f.indicator_code, f.definition_hash, f.measure, f.period_grain,
    f.period_start, f.territory_level, f.territory_code, f.partner_code, f.axis, f.member, f.value, f.numerator,
    f.denominator, f.n, f.low, f.high, f.n_effective, f.unit, f.target, f.completeness, f.state,
    v.value as known_value,
    v.state as known_state,
    case
        when f.state not like 'SUPPRIME%' and coalesce(v.state, '') not like 'SUPPRIME%'
            then coalesce(v.value, 0) - coalesce(f.value, 0)
    end as difference,
    case
        when f.state like 'SUPPRIME%' or v.state like 'SUPPRIME%' then 'SECRET'
        when coalesce(v.value, 0) = coalesce(f.value, 0) then 'INCHANGE'
        else 'RETRAITE'
    end as restatement_state
from published.published_values as f
left join published.indicator_values as v
    on
        v.publication_id = (select p.publication_id from published.pointer as p)
        and f.programme_code = v.programme_code
        and f.indicator_code = v.indicator_code
        and f.measure = v.measure
        and f.period_grain = v.period_grain
        and f.period_start = v.period_start
        and f.territory_level = v.territory_level
        and f.territory_code = v.territory_code
        and f.partner_code = v.partner_code
        and f.axis = v.axis
        and f.member = v.member;

create view pub.restatements as
select r.*, pub.cause_label(r.cause) as cause_label
from published.restatements as r
where r.publication_id = (select c.publication_id from published.pointer as c);
reset role;
