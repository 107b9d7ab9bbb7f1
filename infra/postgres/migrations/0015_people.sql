-- Unique people: who was seen where, what a person decided, why people were joined or parted; objection and erasure.

-- One set of keys as rows name a person: rows with the same set are never told apart.
create function ops.person_key(key_1 text, key_2 text, key_3 text) returns text
language sql immutable parallel safe
return case
    when key_1 is null then key_2
    when key_2 is null and key_3 is null then key_1
    else md5(coalesce(key_2, '') || '|' || key_1 || '|' || case when key_2 is null then key_3 else '' end)
end;
comment on column ops.person_links.person_key is 'Set of keys of a row, by ops.person_key.';

alter table ops.person_links
    add column is_anonymous boolean not null default false,
    drop constraint person_links_cause_check,
    add check (cause in ('NOUVEAU', 'FUSION', 'SEPARATION', 'OPPOSITION'));
create index person_links_participant on ops.person_links (participant_id);

-- The sets of keys that each load in force brings, with the communes of residence; what is superseded leaves.
create table ops.person_sightings (
    load_id bigint not null references ops.loads,
    person_key text not null,
    person_key_1 text,
    person_key_2 text,
    person_key_3 text,
    commune text
);
create index person_sightings_load on ops.person_sightings (load_id);
create index person_sightings_person on ops.person_sightings (person_key);
create index person_sightings_mail on ops.person_sightings (person_key_1) where person_key_1 is not null;
create index person_sightings_name on ops.person_sightings (person_key_2) where person_key_2 is not null;

-- Each merge and each split, with what caused it.
create table ops.person_link_events (
    event_id bigint generated always as identity primary key,
    build_id integer not null references ops.builds,
    event text not null check (event in ('FUSION', 'SEPARATION')),
    -- whose keys moved, and where to
    from_participant text not null,
    to_participant text not null,
    keys_moved integer not null,
    cause text not null check (cause in (
        'DECISION', 'EFFACEMENT', 'LIGNES_NOUVELLES', 'LIGNES_RETIREES', 'REGLES'
    )),
    logged_at timestamptz not null default clock_timestamp()
);
create index person_link_events_build on ops.person_link_events (build_id);

-- Reviews: what the rules leave to a person. Those of other rules are worked out again by the next build.
truncate ops.person_reviews;
alter table ops.person_reviews
    drop constraint person_reviews_person_keys_reason_key,
    drop column resolved_at,
    -- the rules ask no more, or a person has answered
    add column closed_build integer references ops.builds,
    add check (reason in ('PLUS_DE_4_CLES', 'COMMUNES_DIFFERENTES', 'DECISION_CONTREDITE'));
create unique index person_reviews_open on ops.person_reviews (person_keys, reason) where closed_build is null;
create index person_reviews_keys on ops.person_reviews using gin (person_keys);

create table ops.person_decisions (
    decision_id bigint generated always as identity primary key,
    review_id bigint not null references ops.person_reviews,
    verdict text not null check (verdict in ('REUNIR', 'SEPARER')),
    decided_by text not null,
    reason text not null,
    decided_at timestamptz not null default clock_timestamp(),
    applied_build integer references ops.builds,
    revoked_by text,
    revoked_at timestamptz,
    revoked_build integer references ops.builds
);
create unique index person_decisions_in_force on ops.person_decisions (review_id) where revoked_at is null;

-- Sets of keys of one part are one person; sets of different parts of one decision are not.
create table ops.person_decision_keys (
    decision_id bigint not null references ops.person_decisions,
    person_key text not null,
    part integer not null,
    primary key (decision_id, person_key)
);
create index person_decision_keys_person on ops.person_decision_keys (person_key);

-- Who objected: the hashes by which the person is recognised, to be counted without a profile.
create table ops.person_objections (
    objection_id bigint generated always as identity primary key,
    person_key_1 text,
    person_key_2 text,
    person_key_3 text,
    hmac_key_id text not null,
    recorded_by text not null,
    recorded_at timestamptz not null default clock_timestamp(),
    applied_build integer references ops.builds,
    lifted_by text,
    lifted_at timestamptz,
    lifted_build integer references ops.builds,
    check (person_key_1 is not null or person_key_2 is not null)
);
create index person_objections_mail on ops.person_objections (person_key_1);
create index person_objections_name on ops.person_objections (person_key_2);

-- Erasures: what they took and nothing of whom, once they are done.
create table ops.erasures (
    erasure_id bigint generated always as identity primary key,
    requested_by text not null,
    reference text not null,
    requested_at timestamptz not null default clock_timestamp(),
    -- emptied when the erasure is done
    person_keys text[],
    participant_ids text[],
    rows_accepted integer not null,
    rows_awaiting integer not null,
    rows_rejected integer not null,
    landed_files integer not null,
    finished_build integer references ops.builds,
    finished_at timestamptz
);

-- Rows superseded one by one: known no more from the build of their load, and then deleted.
create table ops.erased_rows (
    delivery_id text not null references ops.deliveries,
    row_number integer not null,
    load_id bigint not null references ops.loads,
    erasure_id bigint not null references ops.erasures,
    primary key (delivery_id, row_number)
);
create index erased_rows_erasure on ops.erased_rows (erasure_id);

grant delete on ops.person_sightings, ops.person_links, ops.person_decision_keys to lakou_loader;
grant update on ops.person_decisions, ops.person_objections, ops.erasures, ops.person_reviews to lakou_loader;
grant update on quarantine.rejected_rows to lakou_loader;
grant delete on quarantine.awaiting_rows to lakou_loader;
-- the publication that forgets whom an erasure took empties their identifiers
grant update (participant_ids) on ops.erasures to lakou_publisher;

-- Raw is append-only for everybody: this alone deletes from it, and only what an erasure named and a build has superseded.
create function ops.delete_erased_rows(feed_table text) returns bigint
language plpgsql security definer set search_path = pg_catalog as $$
declare
    deleted bigint;
begin
    execute format(
        'delete from raw.%I as r using ops.erased_rows as e, ops.loads as l, ops.erasures as x'
        ' where l.load_id = e.load_id and l.build_id is not null and x.erasure_id = e.erasure_id'
        ' and x.finished_at is null and r._load_id in (select o.load_id from ops.loads as o where o.delivery_id = e.delivery_id)'
        ' and r._delivery_id = e.delivery_id and r._row_number = e.row_number',
        feed_table
    );
    get diagnostics deleted = row_count;
    return deleted;
end
$$;
revoke execute on function ops.delete_erased_rows(text) from public;
grant execute on function ops.delete_erased_rows(text) to lakou_loader;
