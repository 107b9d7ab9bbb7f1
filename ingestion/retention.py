"""`lakou prune`: what is kept no longer. Old publications that no closing pins go, and the keys of old landed files."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from ingestion.database import PUBLISH_LOCK, business_date, connect
from ingestion.publishing import SOURCES, candidate
from ingestion.settings import Settings

log = logging.getLogger(__name__)
# the parameters, and what is kept as long as no build has read them
PUBLICATIONS_DAYS = ("publications_kept_days", 92)
LANDING_DAYS = ("landing_kept_days", 90)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one run took away, or would.

    Args:
        publications: publications whose figures went.
        landed_files: landed files whose key was destroyed: nobody reads them any more, copies and backups included.
    """

    publications: tuple[int, ...]
    landed_files: int


def prune(settings: Settings, *, dry_run: bool = False, progress: Callable[[str], None] = log.info) -> Pruned:
    """Take away what its parameter keeps no longer; what a closing pins and what everybody reads stay.

    It can be killed at any instant and run again.

    Args:
        settings: the platform.
        dry_run: say it, and change nothing.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    now = dt.datetime.now(dt.UTC)
    with connect(settings, "lakou_publisher") as connection:
        connection.autocommit = True
        connection.execute("select pg_advisory_lock(%s)", [PUBLISH_LOCK])
        today = business_date(connection, now)
        landing_days = _days(connection, *LANDING_DAYS)
        publications = _old_publications(connection, today - dt.timedelta(days=_days(connection, *PUBLICATIONS_DAYS)))
        for publication_id in publications:
            progress(f"Publication {publication_id}: its figures go, no closing pins them")
            if not dry_run:
                _drop(connection, publication_id)
    with connect(settings) as connection:
        files = _destroy_keys(connection, now - dt.timedelta(days=landing_days), dry_run=dry_run)
    progress(f"{len(publications)} publications, {files} keys of landed files")
    return Pruned(tuple(publications), files)


def _days(connection: psycopg.Connection, parameter: str, otherwise: int) -> int:
    """Days that a parameter keeps; no star, no parameter."""
    is_built = connection.execute("select to_regclass('marts.dim_parameter') is not null").fetchone() == (True,)
    row = (
        is_built
        and connection.execute(
            "select value::integer from marts.dim_parameter where parameter_code = %s and is_current", [parameter]
        ).fetchone()
    )
    return int(row[0]) if row else otherwise


def _old_publications(connection: psycopg.Connection, before: dt.date) -> list[int]:
    """Publications of business dates before this one, the current one and those of closings left out."""
    return [
        publication_id
        for (publication_id,) in connection.execute(
            "select o.publication_id from ops.publications as o"
            " inner join published.publications as p using (publication_id)"
            " where o.pruned_at is null and p.business_date < %s"
            " and not exists (select 1 from published.pointer as c where c.publication_id = o.publication_id)"
            " and not exists (select 1 from ops.closings as c where c.publication_id = o.publication_id)"
            " order by o.publication_id",
            [before],
        )
    ]


def _drop(connection: psycopg.Connection, publication_id: int) -> None:
    """Detach and drop the parts of a publication: readers of the others never wait."""
    for table in SOURCES:
        part = sql.Identifier("published", candidate(table, publication_id))
        parent = sql.Identifier("published", table)
        attached = connection.execute(
            "select i.inhdetachpending from pg_inherits as i where i.inhrelid = to_regclass(%s)",
            [f"published.{candidate(table, publication_id)}"],
        ).fetchone()
        if attached:
            # a run killed while it waited for readers left it half detached
            how = "finalize" if attached[0] else "concurrently"
            connection.execute(sql.SQL(f"alter table {{}} detach partition {{}} {how}").format(parent, part))
        connection.execute(sql.SQL("drop table if exists {}").format(part))
    connection.execute(
        "update ops.publications set pruned_at = clock_timestamp() where publication_id = %s", [publication_id]
    )


def _destroy_keys(connection: psycopg.Connection, before: dt.datetime, *, dry_run: bool) -> int:
    """Make landed files unreadable that were stored before this instant; a file that waits to be judged keeps its key."""
    old = (
        " from ops.landing_files as f inner join ops.deliveries as d using (delivery_id)"
        " where f.stored_at < %s and f.key_destroyed_at is null and d.rows_awaiting = 0"
        " and not exists (select 1 from ops.landing_files as younger"
        " where younger.path = f.path and younger.stored_at >= %s)"
    )
    if dry_run:
        row = connection.execute(f"select count(distinct f.path) {old}".encode(), [before, before]).fetchone()
        return int(row[0]) if row else 0
    row = connection.execute(
        "with gone as (update ops.landing_files as g set wrapped_key = null, key_destroyed_at = clock_timestamp()"
        f" where g.path in (select f.path {old}) returning g.path) select count(distinct path) from gone".encode(),
        [before, before],
    ).fetchone()
    return int(row[0]) if row else 0
