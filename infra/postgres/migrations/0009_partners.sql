-- Where a partner is written to, and what is written: queued with what it tells, sent afterwards, tried again.
alter table ops.partners add column email text check (email ~ '^[^@[:space:]<>,;]+@[^@[:space:]<>,;]+$');

create table ops.mails (
    mail_id bigint generated always as identity primary key,
    partner_code text not null references ops.partners,
    kind text not null check (kind in ('ACCUSE', 'RAPPEL')),
    -- of a receipt: one mail each
    delivery_id text,
    revision integer,
    recipient text not null,
    subject text not null,
    body text not null,
    queued_at timestamptz not null default clock_timestamp(),
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default clock_timestamp(),
    last_error text,
    sent_at timestamptz,
    given_up_at timestamptz,
    foreign key (delivery_id, revision) references ops.receipts,
    unique (delivery_id, revision),
    check ((kind = 'ACCUSE') = (delivery_id is not null and revision is not null))
);
create index mails_waiting on ops.mails (next_attempt_at) where sent_at is null and given_up_at is null;

-- Days after the due date at which a late delivery was already reminded of.
create table ops.reminders (
    partner_code text not null references ops.partners,
    feed text not null,
    period text not null,
    days_late integer not null,
    reminded_on date not null,
    mail_id bigint not null references ops.mails,
    primary key (partner_code, feed, period, days_late)
);

-- The page of reminders that lies in a partner's folder, as it was last looked at.
create table ops.reminder_pages (
    partner_code text primary key references ops.partners,
    -- business date, and how many receipts the partner had by then: with neither changed, nothing else has
    looked_on date not null,
    receipts bigint not null,
    -- of what the page says, its date left out
    sha256 text not null
);

grant update on ops.mails, ops.reminder_pages to lakou_loader;
