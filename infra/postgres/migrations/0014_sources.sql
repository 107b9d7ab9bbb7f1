-- Systems that are pulled: where each pull has come to, which records it knows, and which files it has made of them.
-- No value of a record is here: values are in the landing, encrypted; here are identifiers and keyed hashes.
create table ops.sources (
    source_name text primary key,
    system text not null,
    address text not null,
    partner_code text not null references ops.partners,
    -- of the mapping by which the records known were taken: another mapping has everything pulled again
    mapping_sha256 text not null,
    created_at timestamptz not null default clock_timestamp(),
    -- last pull that came to its end, and when its silence was last told
    pulled_at timestamptz,
    quiet_told_at timestamptz,
    -- what the owner's page shows of the last pull
    report jsonb not null default '{}'
);

create table ops.source_entities (
    source_name text not null references ops.sources,
    entity text not null,
    -- what the next pull begins with, and where one that was stopped goes on
    watermark jsonb not null default '{}',
    resume jsonb,
    -- fields and choices as they were when the mapping was last changed
    description jsonb,
    primary key (source_name, entity)
);

create table ops.source_pulls (
    pull_id bigint generated always as identity primary key,
    source_name text not null references ops.sources,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    state text not null default 'EN_COURS' check (state in ('EN_COURS', 'TERMINE', 'ECHOUE')),
    requests integer not null default 0,
    pages integer not null default 0,
    bytes bigint not null default 0,
    records bigint not null default 0,
    changed bigint not null default 0,
    deleted bigint not null default 0,
    files integer not null default 0,
    error text
);
create index source_pulls_source on ops.source_pulls (source_name, pull_id);

-- The exact bytes of the answers, each content once while its key lasts.
create table ops.source_pages (
    page_id bigint generated always as identity primary key,
    source_name text not null references ops.sources,
    pull_id bigint not null references ops.source_pulls,
    sha256 text not null,
    path text not null,
    wrapped_key bytea,
    size_bytes bigint not null,
    media_type text not null,
    url_path text not null,
    -- the last pull that was answered so
    seen_at timestamptz not null default clock_timestamp(),
    key_destroyed_at timestamptz
);
create index source_pages_sha256 on ops.source_pages (source_name, sha256);

-- Landed files of what is known of the records; one goes when none of its records is.
create table ops.source_blocks (
    block_id bigint generated always as identity primary key,
    source_name text not null references ops.sources,
    path text not null,
    wrapped_key bytea not null,
    size_bytes bigint not null,
    records integer not null
);

create table ops.source_records (
    source_name text not null references ops.sources,
    entity text not null,
    table_name text not null,
    record_id text not null,
    parent_id text,
    record_hash text not null,
    block_id bigint not null references ops.source_blocks,
    -- `F04/2026-03`: the files that it is a row of; `F04/` where its date cannot be read
    places text[] not null,
    primary key (source_name, entity, table_name, record_id)
);
create index source_records_block on ops.source_records (block_id);
create index source_records_parent on ops.source_records (source_name, entity, parent_id) where parent_id is not null;
create index source_records_places on ops.source_records using gin (places);

-- Periods of which a record has changed since their file was made.
create table ops.source_changes (
    source_name text not null references ops.sources,
    feed text not null,
    period text not null,
    primary key (source_name, feed, period)
);

-- The files that were put into the owner's drop; their deliveries are those of the same bytes.
create table ops.source_files (
    partner_code text not null references ops.partners,
    feed text not null,
    period text not null,
    version integer not null,
    source_name text not null references ops.sources,
    sha256 text not null,
    rows_written integer not null,
    -- none while it is being put there
    written_at timestamptz,
    primary key (partner_code, feed, period, version)
);

grant update on ops.sources, ops.source_entities, ops.source_pulls, ops.source_pages, ops.source_records,
    ops.source_files to lakou_loader;
grant delete on ops.source_blocks, ops.source_records, ops.source_changes, ops.source_files to lakou_loader;
