-- The closing book: what it reads of the publication that a closing pins, what it kept, and the reference of each value.
set role lakou_publisher;

-- What the committee saw, as long as a closing stands on it; beside it what is current, for a book not closed yet.
create view pub.pinned_publications as
select p.publication_id, p.build_id, p.business_date, p.state, p.banner, p.is_synthetic
from published.publications as p
where
    p.publication_id in (select c.publication_id from ops.closings as c)
    or p.publication_id = (select c.publication_id from published.pointer as c);

do $$
declare
    name text;
begin
    foreach name in array array[
        'indicators', 'partners', 'deliveries', 'rejections', 'commitments', 'progress', 'survey_changes', 'withheld',
        'restatements', 'decisions', 'indicator_values'
    ] loop
        execute format(
            'create view pub.pinned_%1$s as select t.* from published.%1$s as t'
            ' where t.publication_id in (select p.publication_id from pub.pinned_publications as p)',
            name
        );
    end loop;
end
$$;

-- What one writes in minutes to name a value, in any publication: MQ.2026-T3.A1-01.p12 is the programme's own figure,
-- MQ.2026-T3.A1-01.counted.epci-249720061.TOTAL.SEXE.F.p12 that of one margin.
create function pub.value_reference(
    programme_code text, period_grain text, period_start date, indicator_code text, measure text, territory_level text,
    territory_code text, partner_code text, axis text, member text, publication_id bigint
) returns text
language sql immutable parallel safe
return concat_ws(
    '.',
    programme_code,
    pub.period_code(period_grain, period_start),
    indicator_code,
    case
        when (measure, territory_level, partner_code, axis, member) <> ('counted', 'region', 'TOTAL', 'TOTAL', 'TOTAL')
            or territory_code in ('NR', 'HORS', 'DIST')
            then concat_ws('.', measure, territory_level || '-' || territory_code, partner_code, axis, member)
    end,
    'p' || publication_id
);

-- Every value ever published, silent where it was: what a reference names does not change.
create view pub.quotable_values as
select
    v.publication_id, v.programme_code, v.indicator_code, v.definition_hash, v.measure, v.period_grain, v.period_start,
    v.territory_level, v.territory_code, v.partner_code, v.axis, v.member, v.value, v.unit, v.n, v.completeness, v.state,
    pub.value_text(v.value, v.unit, v.state) as value_text,
    i.label as indicator_label,
    i.formula,
    p.business_date
from published.indicator_values as v
inner join published.publications as p on v.publication_id = p.publication_id
left join published.indicators as i on v.publication_id = i.publication_id and v.indicator_code = i.indicator_code;

grant usage, create on schema published to lakou_admin;
reset role;

-- The book of a closing, written once; owned by nobody who publishes.
create table published.closing_books (
    closing_id text not null,
    format text not null check (format in ('html', 'pdf')),
    sha256 text not null,
    content bytea not null,
    kept_at timestamptz not null default clock_timestamp(),
    primary key (closing_id, format),
    check (sha256 = encode(sha256(content), 'hex'))
);
create trigger written_once before update or delete on published.closing_books
for each row execute function ops.refuse_change();
create trigger never_emptied before truncate on published.closing_books
for each statement execute function ops.refuse_change();
grant select, insert on published.closing_books to lakou_publisher;

set role lakou_publisher;
revoke create on schema published from lakou_admin;

create view pub.closing_books as
select b.closing_id, b.format, b.sha256, octet_length(b.content) as size_bytes, b.kept_at, b.content
from published.closing_books as b;
reset role;
