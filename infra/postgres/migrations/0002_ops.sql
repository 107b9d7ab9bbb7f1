-- The platform's own books: who delivers what, what was received, in which order it became known.
create table ops.partners (
    partner_code text primary key check (partner_code ~ '^[A-Z0-9-]{2,16}$'),
    name text not null,
    siren text check (siren ~ '^[0-9]{9}$'),
    kind text not null,
    programme_code text not null,
    feeds text[] not null,
    -- without all four, personal columns are refused
    notice_version text,
    legal_basis text check (legal_basis in ('INTERET_PUBLIC', 'INTERET_LEGITIME')),
    processing_contract text,
    processing_country text,
    is_synthetic boolean not null default false,
    created_at timestamptz not null default clock_timestamp()
);

create table ops.expected_deliveries (
    partner_code text not null references ops.partners,
    feed text not null,
    period text not null,
    period_start date not null,
    period_end date not null,
    due_on date not null,
    primary key (partner_code, feed, period)
);

create table ops.deliveries (
    delivery_id text primary key,
    feed text,
    partner_code text not null references ops.partners,
    source text not null default 'DEPOT',
    file_name text not null,
    period text,
    period_start date,
    period_end date,
    version integer,
    part integer not null default 0,
    sha256 text not null,
    size_bytes bigint not null,
    received_at timestamptz not null,
    contract_version text,
    -- RECU until it is judged, then the word of its receipt
    state text not null default 'RECU' check (state in ('RECU', 'ACCEPTÉ', 'ACCEPTÉ AVEC RÉSERVES', 'REFUSÉ')),
    is_blocked boolean not null default false,
    rows_received integer not null default 0,
    rows_accepted integer not null default 0,
    rows_awaiting integer not null default 0,
    rows_rejected integer not null default 0,
    judged_at timestamptz,
    check (rows_received = rows_accepted + rows_awaiting + rows_rejected)
);
create index deliveries_period on ops.deliveries (partner_code, feed, period_start, version);
create index deliveries_sha256 on ops.deliveries (sha256);

-- One data key a delivery, wrapped by the landing key: destroying the row's key destroys the bytes.
create table ops.landing_files (
    delivery_id text primary key references ops.deliveries,
    path text not null,
    wrapped_key bytea,
    stored_at timestamptz not null default clock_timestamp(),
    key_destroyed_at timestamptz
);

create table ops.builds (
    build_id integer primary key,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    business_date date not null,
    state text not null default 'EN_COURS' check (state in ('EN_COURS', 'TERMINE', 'ECHOUE')),
    is_full boolean not null default false,
    loads integer not null default 0,
    error text
);

-- A committed load becomes known to the models when a build numbers it.
create table ops.loads (
    load_id bigint generated always as identity primary key,
    delivery_id text not null references ops.deliveries,
    kind text not null check (kind in ('LIVRAISON', 'ATTENTE_RESOLUE', 'EFFACEMENT')),
    rows_accepted integer not null,
    committed_at timestamptz not null default clock_timestamp(),
    build_id integer references ops.builds
);
create index loads_unbuilt on ops.loads (load_id) where build_id is null;
create index loads_build on ops.loads (build_id);

-- The rows of superseded_delivery_id stop being known when superseding_load_id is built.
create table ops.supersessions (
    superseded_delivery_id text not null references ops.deliveries,
    superseding_load_id bigint not null references ops.loads,
    cause text not null check (cause in ('VERSION', 'SUPPRESSION', 'EFFACEMENT')),
    primary key (superseded_delivery_id, superseding_load_id)
);

-- What waits for a person; a delivery held is in no build.
create table ops.holds (
    hold_id bigint generated always as identity primary key,
    delivery_id text not null references ops.deliveries,
    reason text not null,
    details jsonb not null default '{}',
    opened_at timestamptz not null default clock_timestamp(),
    released_at timestamptz,
    released_by text
);
create unique index holds_open on ops.holds (delivery_id, reason) where released_at is null;

create table ops.receipts (
    delivery_id text not null references ops.deliveries,
    revision integer not null,
    state text not null,
    issued_at timestamptz not null default clock_timestamp(),
    html_path text not null,
    csv_path text not null,
    rejects_path text,
    body jsonb not null,
    primary key (delivery_id, revision)
);

-- Who is who, by build: person_key is the node of a row (K2, else K1).
create table ops.person_links (
    person_key text not null,
    participant_id text not null,
    known_from_build integer not null references ops.builds,
    known_to_build integer references ops.builds,
    cause text not null check (cause in ('NOUVEAU', 'FUSION', 'SEPARATION')),
    primary key (person_key, known_from_build)
);
create index person_links_open on ops.person_links (person_key) where known_to_build is null;

create table ops.person_reviews (
    review_id bigint generated always as identity primary key,
    person_keys text[] not null,
    reason text not null,
    opened_build integer not null references ops.builds,
    resolved_at timestamptz,
    unique (person_keys, reason)
);

create table ops.model_runs (
    build_id integer not null references ops.builds,
    node_id text not null,
    status text not null,
    seconds double precision not null,
    rows_affected bigint,
    message text,
    ran_at timestamptz not null default clock_timestamp()
);

create table ops.quality_results (
    result_id bigint generated always as identity primary key,
    boundary text not null check (boundary in ('BRUT', 'PUBLIE')),
    build_id integer references ops.builds,
    publication_id bigint,
    subject text not null,
    expectation text not null,
    description text not null,
    severity text not null check (severity in ('critical', 'warning', 'info')),
    success boolean not null,
    evaluated bigint,
    unexpected bigint,
    details jsonb not null default '{}',
    checked_at timestamptz not null default clock_timestamp()
);
create index quality_results_build on ops.quality_results (build_id);

create table ops.publications (
    publication_id bigint generated always as identity primary key,
    build_id integer not null references ops.builds,
    started_at timestamptz not null default clock_timestamp(),
    published_at timestamptz,
    state text not null default 'CANDIDATE' check (state in ('CANDIDATE', 'PUBLIEE', 'PARTIELLE', 'RETENUE', 'ECHOUEE')),
    reason text
);
alter table ops.quality_results add foreign key (publication_id) references ops.publications;

create table ops.publication_deliveries (
    publication_id bigint not null references ops.publications,
    delivery_id text not null references ops.deliveries,
    primary key (publication_id, delivery_id)
);

create table ops.closings (
    programme_code text not null,
    period text not null,
    version integer not null,
    publication_id bigint not null references ops.publications,
    closed_on date not null,
    decision text not null,
    primary key (programme_code, period, version)
);

-- What the marts hold now: an earlier build shown again (`build --as-of`) is never published.
create table ops.marts_state (
    only_row boolean primary key default true check (only_row),
    build_id integer not null references ops.builds,
    as_of_build integer not null references ops.builds,
    -- false while dbt works, and after it failed: then nothing can be published
    is_complete boolean not null,
    changed_at timestamptz not null default clock_timestamp()
);

create table ops.settings (
    name text primary key,
    value text not null
);

create table ops.audit_log (
    audit_id bigint generated always as identity primary key,
    happened_at timestamptz not null default clock_timestamp(),
    actor text not null,
    action text not null,
    subject text not null,
    details jsonb not null default '{}'
);

grant update on ops.partners, ops.deliveries, ops.landing_files, ops.builds, ops.loads, ops.holds, ops.person_links,
    ops.person_reviews, ops.marts_state, ops.settings to lakou_loader;
grant delete on ops.expected_deliveries to lakou_loader;
grant insert on ops.publications, ops.publication_deliveries, ops.quality_results to lakou_publisher;
grant update on ops.publications to lakou_publisher;
