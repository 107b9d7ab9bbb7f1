"""What a warehouse holds, told so that a copy of it can be compared: rows and a digest of each table, and its last numbers."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

SCHEMAS = ("raw", "quarantine", "ops", "staging", "intermediate", "marts", "published", "pub")
# a row's text must not depend on who asks
PLAIN = ("set local timezone to 'UTC'", "set local datestyle to 'ISO, YMD'", "set local bytea_output to 'hex'",
         "set local intervalstyle to 'postgres'", "set local extra_float_digits to 1", "set local search_path to ''")  # fmt: skip


def tables(connection: psycopg.Connection[Any]) -> dict[str, tuple[int, str]]:
    """Rows of every table of the warehouse, and a digest that does not depend on their order."""
    for statement in PLAIN:
        connection.execute(statement.encode())
    names = connection.execute(
        "select n.nspname, c.relname from pg_catalog.pg_class as c"
        " inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace"
        " where c.relkind = 'r' and n.nspname = any(%s) order by 1, 2",
        [list(SCHEMAS)],
    ).fetchall()
    found = {}
    for schema, name in names:
        row = connection.execute(
            sql.SQL(
                "select count(*), coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric), 0)::text"
                " from only {} as t"
            ).format(sql.Identifier(schema, name))
        ).fetchone()
        assert row is not None
        found[f"{schema}.{name}"] = (int(row[0]), str(row[1]))
    return found


def last(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Number of the last build, of the publication that everybody reads, the closings, and when a file last came."""
    row = connection.execute(
        "select (select max(build_id) from ops.builds), (select publication_id from published.pointer),"
        " (select coalesce(array_agg(closing_id order by closing_id), '{}') from ops.closings),"
        " (select max(received_at) from ops.deliveries), (select count(*) from ops.deliveries),"
        " (select value from ops.settings where name = 'business_date')"
    ).fetchone()
    assert row is not None
    build, publication, closings, received_at, deliveries, date = row
    return {
        "build": build,
        "publication": publication,
        "closings": list(closings),
        "received_at": received_at.isoformat() if received_at else None,
        "deliveries": deliveries,
        "business_date": date,
    }


def landed_paths(connection: psycopg.Connection[Any]) -> set[str]:
    """Landed files that can still be opened: those whose key was destroyed are left behind."""
    return {
        path
        for (path,) in connection.execute(
            "select path from ops.landing_files where wrapped_key is not null"
            " union select path from ops.source_pages where wrapped_key is not null"
            " union select path from ops.source_blocks"
        )
    }


def is_empty(connection: psycopg.Connection[Any]) -> bool:
    """Whether nobody has an account and nothing was received; a database without tables is empty too."""
    row = connection.execute("select to_regclass('ops.partners') is not null").fetchone()
    if row != (True,):
        return True
    return connection.execute(
        "select exists (select from ops.partners) or exists (select from ops.deliveries)"
    ).fetchone() == (False,)
