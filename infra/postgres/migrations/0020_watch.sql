-- What is wrong with the platform, from when to when, and whether an operator was told of its beginning and its end.
create table ops.alerts (
    alert_id bigint generated always as identity primary key,
    check_name text not null,
    state text not null check (state in ('à voir', 'en panne')),
    what text not null,
    remedy text not null,
    page text not null,
    opened_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    told_at timestamptz,
    end_told_at timestamptz
);
create unique index alerts_open on ops.alerts (check_name) where ended_at is null;

grant update on ops.alerts to lakou_loader;
