-- What receiving needs: sheets of workbooks, what a row waits in, cheap loads of millions of rows.
alter table ops.deliveries add column sheet text;
create index deliveries_unjudged on ops.deliveries (received_at) where state = 'RECU';
create index landing_files_path on ops.landing_files (path);
create index loads_delivery on ops.loads (delivery_id);
-- the rows of a delivery are loaded once, whoever receives them; later loads settle rows that waited
create unique index loads_once on ops.loads (delivery_id) where kind = 'LIVRAISON' and rows_accepted > 0;

create index receipts_issued on ops.receipts (issued_at);

-- the column of the row that names what it waits for
alter table quarantine.awaiting_rows add column awaited_column text not null default '';
create index awaiting_rows_deadline on quarantine.awaiting_rows (deadline_on) where outcome is null;

-- The partner's own figures of one delivery, as it was loaded: what the next version is compared with.
create table ops.delivery_measures (
    delivery_id text not null references ops.deliveries,
    title text not null,
    unit text not null,
    value double precision not null,
    -- the rows that were measured: a delivery that has more since is measured again
    rows_accepted integer not null,
    primary key (delivery_id, title)
);

-- Where a load says once what is the same on all its rows, and loads follow one another on the disk: ranges of load
-- numbers find them, and a digest of each range's identifiers finds what other feeds refer to. Both cost a load next to
-- nothing, where trees over a million delivery ids and identifiers cost three times what the rows themselves do.
do $$
declare
    made record;
begin
    for made in select tablename as name from pg_tables where schemaname = 'raw' loop
        execute format('alter table raw.%I drop constraint if exists %I', made.name, made.name || '_pkey');
        execute format('drop index if exists raw.%I', made.name || '_load');
        execute format(
            'create index %I on raw.%I using brin (_load_id) with (pages_per_range = 32, autosummarize = on)',
            made.name || '_load', made.name
        );
        execute format(
            'alter table raw.%I alter column _load_id set default current_setting(''lakou.load_id'')::bigint,'
            ' alter column _delivery_id set default current_setting(''lakou.delivery_id''),'
            ' alter column _loaded_at set default now()',
            made.name
        );
    end loop;
    for made in
        select tablename as name, indexname, substr(indexname, length(tablename) + 2) as identifier
        from pg_indexes where schemaname = 'raw' and indexname <> tablename || '_load'
    loop
        execute format('drop index raw.%I', made.indexname);
        execute format(
            'create index %I on raw.%I using brin (%I text_bloom_ops) with (pages_per_range = 32, autosummarize = on)',
            made.indexname, made.name, made.identifier
        );
    end loop;
end
$$;
