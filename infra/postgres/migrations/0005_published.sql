-- Publication is a pointer: rows are copied into a partition of their publication, then one row moves.
set role lakou_publisher;

create table published.pointer (
    only_row boolean primary key default true check (only_row),
    publication_id bigint not null
);

create table published.publications (
    publication_id bigint primary key,
    build_id integer not null,
    published_at timestamptz not null,
    business_date date not null,
    state text not null,
    banner text not null,
    is_synthetic boolean not null
);

-- What kept its last good figures, and why; 'TOUS' when it concerns every indicator.
create table published.withheld (
    publication_id bigint not null,
    programme_code text not null,
    indicator_code text not null,
    kept_from_publication_id bigint,
    reason text not null,
    primary key (publication_id, programme_code, indicator_code, reason)
);

create table published.indicator_values (
    publication_id bigint not null,
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
    unit text not null,
    target numeric,
    completeness numeric,
    state text not null,
    origin_publication_id bigint not null
) partition by list (publication_id);

create table published.indicators (
    publication_id bigint not null,
    indicator_code text not null,
    label text not null,
    formula text not null,
    definition_hash text not null,
    unit text not null,
    direction text not null,
    aggregation text not null,
    date_basis text not null,
    territory_basis text not null,
    owner text not null,
    threshold text not null,
    display_order integer not null
) partition by list (publication_id);

create table published.territories (
    publication_id bigint not null,
    territory_level text not null,
    territory_code text not null,
    label text not null,
    epci_code text,
    population bigint
) partition by list (publication_id);

create table published.partners (
    publication_id bigint not null,
    partner_code text not null,
    label text not null,
    kind text not null,
    programme_code text not null,
    is_synthetic boolean not null
) partition by list (publication_id);

create table published.deliveries (
    publication_id bigint not null,
    programme_code text not null,
    partner_code text not null,
    feed text not null,
    period text not null,
    period_start date not null,
    period_end date not null,
    due_on date not null,
    delivery_id text,
    received_at timestamptz,
    is_due boolean not null,
    is_received boolean not null,
    is_accepted boolean not null,
    is_late boolean not null,
    is_corrected boolean not null,
    state text not null,
    rows_received bigint not null,
    rows_accepted bigint not null,
    rows_awaiting bigint not null,
    rows_rejected bigint not null
) partition by list (publication_id);

create table published.rejections (
    publication_id bigint not null,
    programme_code text not null,
    partner_code text not null,
    feed text not null,
    period text not null,
    rule_id text not null,
    rows_rejected bigint not null
) partition by list (publication_id);

create table published.commitments (
    publication_id bigint not null,
    commitment_id text not null,
    programme_code text not null,
    programme_label text not null,
    action_line text not null,
    kind text not null,
    nature text not null,
    label text not null,
    value numeric,
    unit text,
    operator text,
    starts text,
    ends text,
    cadence text,
    excerpt text not null,
    indicator_codes text,
    state text not null,
    note text,
    document_title text not null,
    document_publisher text not null,
    document_date text
) partition by list (publication_id);

create view pub.publication as
select
    p.publication_id,
    p.build_id,
    p.published_at,
    p.business_date,
    p.state,
    p.banner,
    p.is_synthetic,
    (select count(*) from published.withheld as w where w.publication_id = p.publication_id) as withheld_indicators
from published.publications as p
inner join published.pointer as c on p.publication_id = c.publication_id;

create view pub.withheld as
select w.* from published.withheld as w where w.publication_id = (select c.publication_id from published.pointer as c);
create view pub.indicator_values as
select
    v.publication_id, v.programme_code, v.indicator_code, v.definition_hash, v.measure, v.period_grain, v.period_start,
    v.territory_level, v.territory_code, v.partner_code, v.axis, v.member, v.value, v.numerator, v.denominator, v.n,
    v.low, v.high, v.unit, v.target, v.completeness, v.state
from published.indicator_values as v
where v.publication_id = (select c.publication_id from published.pointer as c);
create view pub.indicators as
select i.* from published.indicators as i where i.publication_id = (select c.publication_id from published.pointer as c);
create view pub.territories as
select t.* from published.territories as t where t.publication_id = (select c.publication_id from published.pointer as c);
create view pub.partners as
select p.* from published.partners as p where p.publication_id = (select c.publication_id from published.pointer as c);
create view pub.deliveries as
select d.* from published.deliveries as d where d.publication_id = (select c.publication_id from published.pointer as c);
create view pub.rejections as
select r.* from published.rejections as r where r.publication_id = (select c.publication_id from published.pointer as c);
create view pub.commitments as
select k.* from published.commitments as k where k.publication_id = (select c.publication_id from published.pointer as c);
reset role;
