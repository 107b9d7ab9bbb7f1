"""PostgreSQL at the edge: connections by role, numbered migrations, the business date."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from ingestion.errors import DatabaseError
from ingestion.settings import CHECKOUT, ROLES, Settings, today

POSTGRES_FILES = CHECKOUT / "infra" / "postgres"
MIGRATION_LOCK = 7_410_001
BUILD_LOCK = 7_410_002
PUBLISH_LOCK = 7_410_003
BACKUP_LOCK = 7_410_006
WATCH_LOCK = 7_410_007
# shared by whatever takes files or records in, for itself alone where a restoration works
INTAKE_LOCK = 7_410_008


@contextmanager
def connect(settings: Settings, role: str = "lakou_loader") -> Iterator[psycopg.Connection]:
    """Open one connection as `role`; commits on a clean exit, rolls back on an error, closes in both cases.

    Raises:
        DatabaseError: PostgreSQL does not answer or refuses the role.
    """
    try:
        connection = psycopg.connect(settings.dsn(role), application_name="lakou", connect_timeout=10)
    except psycopg.OperationalError as error:
        raise DatabaseError(
            f"PostgreSQL at {settings.pg_host}:{settings.pg_port} does not let {role} in ({str(error).strip()})",
            "see `make status`; start it with `make up`",
        ) from error
    with connection:
        yield connection


def migrate(settings: Settings) -> list[str]:
    """Create the roles and apply the numbered migrations not yet applied, in order, under a lock.

    Returns:
        Names of the migrations applied by this call.

    Raises:
        DatabaseError: a migration fails, or one already applied was changed since.
    """
    with connect(settings, "lakou_admin") as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
        ensure_roles(settings, connection)
        connection.execute(
            "create table if not exists public.migrations"
            " (name text primary key, sha256 text not null, applied_at timestamptz not null default clock_timestamp())"
        )
        known = dict(connection.execute("select name, sha256 from public.migrations").fetchall())
        applied = []
        for path in sorted((POSTGRES_FILES / "migrations").glob("*.sql")):
            text = _read(path)
            digest = hashlib.sha256(text).hexdigest()
            if path.name in known:
                if known[path.name] != digest:
                    raise DatabaseError(
                        f"the migration {path.name} was changed after it had been applied",
                        "put its text back and write the change as a new migration",
                    )
                continue
            try:
                connection.execute(text)
            except psycopg.Error as error:
                raise DatabaseError(
                    f"the migration {path.name} failed: {str(error).strip()}",
                    "nothing of it was applied; mend it and run `lakou migrate` again",
                ) from error
            connection.execute("insert into public.migrations (name, sha256) values (%s, %s)", [path.name, digest])
            applied.append(path.name)
        return applied


def ensure_roles(settings: Settings, connection: psycopg.Connection) -> None:
    """Create the roles that are missing; their passwords are those of the secret files. The caller commits.

    Args:
        connection: as the administrator.
    """
    connection.execute(_read(POSTGRES_FILES / "roles.sql"))
    for role in ROLES[1:]:
        connection.execute(
            sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(settings.secret(role)))
        )


def _read(path: Path) -> bytes:
    # comments would only lengthen the statements that the server logs
    return re.sub(rb"(?m)^\s*--.*\n", b"", path.read_bytes())


def business_date(connection: psycopg.Connection, now: dt.datetime) -> dt.date:
    """Business date of the platform (see `settings.today`)."""
    row = connection.execute("select value from ops.settings where name = 'business_date'").fetchone()
    return today(row[0] if row else None, now)
