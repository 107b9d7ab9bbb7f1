-- Rows that are in no figure. Personal values are masked (rejected) or hashed (awaiting) before they come here.
create table quarantine.rejected_rows (
    delivery_id text not null references ops.deliveries,
    row_number integer not null,
    feed text not null,
    column_name text not null default '',
    value text,
    rule_id text not null,
    severity text not null check (severity in ('BLOQUE', 'REFUSE')),
    message text not null,
    remedy text not null,
    row_values jsonb not null default '{}',
    rejected_at timestamptz not null default clock_timestamp(),
    primary key (delivery_id, row_number, column_name, rule_id)
);

create table quarantine.awaiting_rows (
    delivery_id text not null references ops.deliveries,
    row_number integer not null,
    feed text not null,
    -- what the row waits for: the session of this partner or of the programme
    awaited_feed text not null,
    awaited_id text not null,
    row_values jsonb not null,
    deadline_on date not null,
    awaiting_since timestamptz not null default clock_timestamp(),
    outcome text check (outcome in ('ACCEPTEE', 'REFUSEE', 'REMPLACEE')),
    settled_at timestamptz,
    primary key (delivery_id, row_number)
);
create index awaiting_rows_open on quarantine.awaiting_rows (awaited_feed, awaited_id) where outcome is null;
grant update on quarantine.awaiting_rows to lakou_loader;
