"""What the warehouse says of itself: roles and their rights, deliveries, builds, publications, sources, deadlines."""

from __future__ import annotations

import datetime as dt

from ingestion.database import POSTGRES_FILES, business_date, connect
from ingestion.errors import LakouError
from ingestion.health.findings import ToSee
from ingestion.settings import ROLES, Settings

# `grant … with set`, on which the migrations stand
LEAST_SERVER = 160000
STUCK = dt.timedelta(minutes=30)
BUILD_LATE = dt.timedelta(hours=2)
HELD_LONG = dt.timedelta(days=3)
SLOT_BYTES = 8 << 30
# schemas that the role of the dashboards may not even enter
CLOSED = ("raw", "quarantine", "ops", "staging", "intermediate", "marts", "published")


def check_database(settings: Settings) -> str:
    """PostgreSQL answers every role, is young enough, and has all migrations."""
    for role in ROLES[1:]:
        with connect(settings, role):
            pass
    with connect(settings, "lakou_admin") as connection:
        server = connection.info.server_version
        applied = {name for (name,) in connection.execute("select name from public.migrations")}
        row = connection.execute("select to_regclass('public.restoring') is null").fetchone()
    if row != (True,):
        raise LakouError(
            "a restoration was stopped half-way", "run the same `lakou restore` again: it goes on and compares all"
        )
    if server < LEAST_SERVER:
        raise LakouError(
            f"PostgreSQL {server // 10000} is too old: {LEAST_SERVER // 10000} or later is needed",
            "dump with the old server's pg_dumpall, start a new one on an empty volume, restore (infra/runbook/upgrade.md)",
        )
    missing = sorted({path.name for path in (POSTGRES_FILES / "migrations").glob("*.sql")} - applied)
    if missing:
        raise LakouError(f"these migrations are not applied: {', '.join(missing)}", "run `lakou migrate`")
    return (
        f"PostgreSQL {server // 10000}.{server % 10000} at {settings.pg_host}:{settings.pg_port} answers every role,"
        f" {len(applied)} migrations applied"
    )


def check_rights(settings: Settings) -> str:
    """The role of the dashboards reads `pub` and nothing else."""
    with connect(settings, "lakou_admin") as connection:
        rows = connection.execute(
            "select format('%%I.%%I', n.nspname, c.relname) from pg_catalog.pg_class as c"
            " inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace"
            " where n.nspname = any(%s) and c.relkind in ('r', 'p', 'v', 'm')"
            " and (has_table_privilege('lakou_reader', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')"
            " or has_any_column_privilege('lakou_reader', c.oid, 'SELECT, INSERT, UPDATE'))"
            " order by 1 limit 3",
            [list(CLOSED)],
        ).fetchall()
        writable = connection.execute(
            "select n.nspname || '.' || c.relname from pg_catalog.pg_class as c"
            " inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where n.nspname = 'pub'"
            " and has_table_privilege('lakou_reader', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') limit 3"
        ).fetchall()
        powers = connection.execute(
            "select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls"
            " or exists (select from pg_auth_members as m where m.member = r.oid)"
            " from pg_roles as r where rolname = 'lakou_reader'"
        ).fetchone()
    if powers != (False,):
        raise LakouError(
            "lakou_reader, the role of the dashboards, has powers or is a member of another role",
            "alter role lakou_reader nosuperuser nocreaterole nocreatedb noreplication nobypassrls; revoke its memberships",
        )
    names = [name for (name,) in (*rows, *writable)]
    if names:
        raise LakouError(
            f"lakou_reader, the role of the dashboards, has rights on {', '.join(names)}",
            f"revoke all on {names[0]} from lakou_reader, public",
        )
    return "the role of the dashboards reads pub and nothing else"


def check_deliveries(settings: Settings) -> str:
    """Nothing that was received waits to be judged or built for longer than it should; what is held is told."""
    now = dt.datetime.now(dt.UTC)
    with connect(settings) as connection:
        stuck = connection.execute(
            "select count(*), min(file_name) from ops.deliveries where state = 'RECU'"
            " and coalesce((select l.stored_at from ops.landing_files as l"
            " where l.delivery_id = deliveries.delivery_id), received_at) < %s",
            [now - STUCK],
        ).fetchone()
        late = connection.execute(
            "select count(*) from ops.loads as l where l.build_id is null and l.committed_at < %s and not exists"
            " (select from ops.holds as h where h.delivery_id = l.delivery_id and h.released_at is null)",
            [now - BUILD_LATE],
        ).fetchone()
        held = connection.execute("select count(*), min(opened_at) from ops.holds where released_at is null").fetchone()
        build = connection.execute(
            "select build_id, state, error from ops.builds order by build_id desc limit 1"
        ).fetchone()
    assert stuck is not None
    assert late is not None
    assert held is not None
    if stuck[0]:
        raise LakouError(
            f"{stuck[0]} deliveries were received and never judged, such as {stuck[1]}",
            "see the log of ingest_drop, then `lakou replay DELIVERY`",
        )
    if build is not None and build[1] == "ECHOUE":
        raise LakouError(
            f"the last build ({build[0]}) failed: {(build[2] or 'no reason was kept')[:300]}",
            "see the log of build_warehouse, mend it, then `lakou build`; what is published stays",
        )
    if late[0]:
        raise LakouError(
            f"{late[0]} loads have waited for a build for more than {BUILD_LATE.total_seconds() / 3600:.0f} hours",
            "does build_warehouse run? by hand: `lakou build`, then `lakou publish`",
        )
    if held[0]:
        since = f", the first since {held[1]:%Y-%m-%d}" if now - held[1] > HELD_LONG else ""
        raise ToSee(f"{held[0]} deliveries are held until somebody decides{since}", "see `lakou hold list`")
    return "what was received is judged and built"


def check_publication(settings: Settings) -> str:
    """What everybody reads is the last build, whole."""
    with connect(settings, "lakou_publisher") as connection:
        current = connection.execute(
            "select p.publication_id, p.state, p.published_at, p.build_id from ops.publications as p"
            " inner join published.pointer as c using (publication_id)"
        ).fetchone()
        last = connection.execute(
            "select publication_id, state, reason from ops.publications order by publication_id desc limit 1"
        ).fetchone()
        built = connection.execute("select max(build_id) from ops.builds where state = 'TERMINE'").fetchone()
    assert built is not None
    if last is not None and last[1] in {"RETENUE", "ECHOUEE"}:
        raise LakouError(
            f"the publication {last[0]} is {last[1]}: {(last[2] or 'see its checks')[:300]}; the figures before it stay",
            "see the dashboard `qualite` and the log of publish; mend the cause, then `lakou build` and `lakou publish`",
        )
    if current is None:
        raise ToSee("nothing is published yet", "`lakou build`, then `lakou publish`")
    number, state, at, build = current
    if built[0] is not None and built[0] > build:
        raise ToSee(
            f"build {built[0]} is not published: everybody reads publication {number}, of build {build}",
            "does publish run? by hand: `lakou publish`",
        )
    if state == "PARTIELLE":
        raise ToSee(
            f"publication {number} keeps older figures of what failed its audit",
            "see the dashboard `qualite`: which indicators, and why",
        )
    return f"publication {number} of {at:%Y-%m-%d %H:%M} UTC shows build {build}"


def check_sources(settings: Settings) -> str:
    """No source is silent, or fails each time."""
    from ingestion.connectors.mapping import load_sources

    now = dt.datetime.now(dt.UTC)
    hours = {source.name: source.quiet_hours for source in load_sources()}
    with connect(settings) as connection:
        rows = connection.execute(
            "select source_name, coalesce(pulled_at, created_at), (select p.error from ops.source_pulls as p"
            " where p.source_name = s.source_name order by p.pull_id desc limit 1) from ops.sources as s order by 1"
        ).fetchall()
    quiet = [
        f"{name} since {at:%Y-%m-%d %H:%M} UTC" + (f" ({error[:150]})" if error else "")
        for name, at, error in rows
        if name in hours and now - at > dt.timedelta(hours=hours[name])
    ]
    if quiet:
        raise LakouError(
            f"not pulled to its end: {'; '.join(quiet)}", "`lakou source test NAME` says why; what was pulled stays"
        )
    return f"{len(rows)} sources are pulled in time"


def check_deadlines(settings: Settings) -> str:
    """Deliveries that were due and have not come."""
    with connect(settings) as connection:
        day = business_date(connection, dt.datetime.now(dt.UTC))
        rows = connection.execute(
            "select e.partner_code, count(*) from ops.expected_deliveries as e where e.due_on < %s and not exists"
            " (select 1 from ops.deliveries as d where d.partner_code = e.partner_code and d.feed = e.feed"
            " and d.state not in ('RECU', 'REFUSÉ') and d.period_start <= e.period_start"
            " and d.period_end >= e.period_end) group by 1 order by 2 desc, 1",
            [day],
        ).fetchall()
    if rows:
        whose = ", ".join(f"{code} {count}" for code, count in rows[:5])
        raise ToSee(
            f"{sum(count for _, count in rows)} deliveries are past their deadline: {whose}{'…' if len(rows) > 5 else ''}",
            "partners are reminded by themselves; call those whose mail is not read",
        )
    return "every delivery that was due has come"


def check_wal(settings: Settings) -> str:
    """The journal is fetched for point-in-time recovery, where somebody fetches it."""
    with connect(settings, "lakou_admin") as connection:
        row = connection.execute(
            "select pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), wal_status from pg_replication_slots"
            " where slot_name = 'lakou_backup'"
        ).fetchone()
    if row is None:
        return "no point-in-time recovery is set up (`lakou backup base` begins it)"
    kept, status = row
    if status in {"lost", "unreserved"} or (kept or 0) > SLOT_BYTES:
        raise LakouError(
            f"the journal kept for point-in-time recovery is {status}, {int(kept or 0) >> 20} MiB",
            "run `lakou backup wal`; where it is lost: `lakou backup base` begins again",
        )
    return f"{int(kept or 0) >> 20} MiB of journal wait to be fetched"


def check_mail(settings: Settings) -> str:
    """The mail server lets us in, and no mail was given up."""
    from ingestion import mail

    said = mail.check()
    with connect(settings) as connection:
        row = connection.execute(
            "select count(*) filter (where given_up_at is null), count(*) filter (where given_up_at is not null),"
            " max(last_error) from ops.mails where sent_at is null"
        ).fetchone()
    assert row is not None
    waiting, given_up, reason = row
    if given_up:
        raise LakouError(
            f"{given_up} mails were given up after {mail.MOST_ATTEMPTS} attempts (such as: {reason})",
            "mend the addresses (`lakou partner add CODE --email …`) or the server;"
            " to try again: update ops.mails set given_up_at = null, attempts = 0 where given_up_at is not null",
        )
    return f"{said}; {waiting} mails wait"
