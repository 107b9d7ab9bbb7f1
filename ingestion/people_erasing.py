"""Erasure of one person: asked for in one transaction, made known by the next build, then deleted for good.

Rows leave in three steps, each of which can be killed and taken up again. What is asked for names the rows, empties what
quarantine says of them, destroys the keys of the landed files that hold them, and keeps by what they would be told again
(`erased_people`). The next build knows the rows no more, so that the figures that change do so with their cause. Once it is
done they are deleted from raw and from the facts, with the person's links.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ingestion import landing
from ingestion.database import BUILD_LOCK, business_date, connect
from ingestion.erased_people import keep
from ingestion.people import digests_to_refuse, find, note, people_contracts

if TYPE_CHECKING:
    import psycopg

    from ingestion.people import Dossier, Keys, PersonRow
    from ingestion.pseudonyms import Pseudonymiser
    from ingestion.settings import Settings

_LOADED = ("COMPTEE", "REMPLACEE", "RETENUE")


@dataclass(frozen=True, slots=True)
class Erasure:
    """What one erasure takes.

    Args:
        erasure_id: none where nothing was left to take.
        landed_files: files whose key was destroyed.
    """

    erasure_id: int | None
    rows_accepted: int
    rows_awaiting: int
    rows_rejected: int
    landed_files: int


def erase(
    settings: Settings, pseudonymiser: Pseudonymiser, keys: Keys, *, by: str, reference: str
) -> tuple[Erasure, Dossier]:
    """Ask for one person's erasure; the next build carries it out.

    All of it is one transaction, and no build runs meanwhile: killed before its end, it has changed nothing.

    Raises:
        LakouError: what is given is of several people.
    """
    with connect(settings) as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [BUILD_LOCK])
        dossier = find(settings, connection, pseudonymiser, keys)
        loaded = [row for row in dossier.rows if row.state in _LOADED]
        awaiting = [row for row in dossier.rows if row.state == "EN_ATTENTE"]
        refused = [row for row in dossier.rows if row.state == "REFUSEE"]
        if not (loaded or awaiting or refused or dossier.landed):
            return Erasure(None, 0, 0, 0, 0), dossier
        row = connection.execute(
            "insert into ops.erasures (requested_by, reference, person_keys, participant_ids, rows_accepted, rows_awaiting,"
            " rows_rejected, landed_files) values (%s, %s, %s, %s, %s, %s, %s, %s) returning erasure_id",
            [
                by, reference, list(dossier.person_keys), list(dossier.participant_ids), len(loaded), len(awaiting),
                len(refused), len(dossier.landed),
            ],
        ).fetchone()  # fmt: skip
        assert row is not None
        digests = digests_to_refuse(connection, dossier, keys, pseudonymiser)
        keep(connection, row[0], digests, pseudonymiser, business_date(connection, dt.datetime.now(dt.UTC)))
        erasure = Erasure(row[0], len(loaded), len(awaiting), len(refused), len(dossier.landed))
        _name_rows(connection, erasure, loaded)
        _let_wait_no_more(connection, awaiting, dossier.person_keys)
        _empty_refused(connection, refused)
        for path in dossier.landed:
            landing.destroy_key(connection, path)
        _destroy_pages(connection, {row.delivery_id for row in dossier.rows})
        note(
            connection, by, "EFFACEMENT", reference, erasure=row[0], accepted=len(loaded), awaiting=len(awaiting),
            refused=len(refused), landed_files=len(dossier.landed),
        )  # fmt: skip
    return erasure, dossier


def _destroy_pages(connection: psycopg.Connection[Any], deliveries: set[str]) -> None:
    """Make the answers unreadable of which the files of these deliveries were made; what a source still has stays known."""
    connection.execute(
        "update ops.source_pages set wrapped_key = null, key_destroyed_at = clock_timestamp() where key_destroyed_at is null"
        " and source_name in (select d.source from ops.deliveries as d where d.delivery_id = any(%s))",
        [sorted(deliveries)],
    )


def _by_delivery(rows: Iterable[PersonRow]) -> dict[str, list[int]]:
    lines: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        lines[row.delivery_id].append(row.row_number)
    return lines


def _name_rows(connection: psycopg.Connection[Any], erasure: Erasure, rows: Iterable[PersonRow]) -> None:
    """Name the rows that the next build knows no more, by a load of no row for each delivery."""
    for delivery, lines in _by_delivery(rows).items():
        connection.execute(
            "with opened as (insert into ops.loads (delivery_id, kind, rows_accepted) values (%s, 'EFFACEMENT', 0)"
            " returning load_id)"
            " insert into ops.erased_rows (delivery_id, row_number, load_id, erasure_id)"
            " select %s, unnest(%s::int[]), load_id, %s from opened on conflict do nothing",
            [delivery, delivery, lines, erasure.erasure_id],
        )


def _let_wait_no_more(
    connection: psycopg.Connection[Any], rows: Iterable[PersonRow], person_keys: Iterable[str]
) -> None:
    """Delete the rows that wait, and empty those that waited once; what was received is that many rows less."""
    for delivery, lines in _by_delivery(rows).items():
        connection.execute(
            "delete from quarantine.awaiting_rows where delivery_id = %s and row_number = any(%s) and outcome is null",
            [delivery, lines],
        )
        connection.execute(
            "update ops.deliveries set rows_awaiting = rows_awaiting - %s, rows_received = rows_received - %s"
            " where delivery_id = %s",
            [len(lines), len(lines), delivery],
        )
    connection.execute(
        "update quarantine.awaiting_rows set row_values = '{}' where outcome is not null and ops.person_key("
        "row_values ->> 'person_key_1', row_values ->> 'person_key_2', row_values ->> 'person_key_3') = any(%s)",
        [list(person_keys)],
    )


def _empty_refused(connection: psycopg.Connection[Any], rows: Iterable[PersonRow]) -> None:
    """A refused row stays refused by its rule, and says nothing any more."""
    for delivery, lines in _by_delivery(rows).items():
        connection.execute(
            "update quarantine.rejected_rows set value = null, row_values = '{}', remedy = '',"
            " message = 'Ligne effacée à la demande de la personne.' where delivery_id = %s and row_number = any(%s)",
            [delivery, lines],
        )


def finish(settings: Settings, connection: psycopg.Connection[Any], build_id: int) -> int:
    """Delete what the builds up to `build_id` know no more; the caller has the build lock.

    Returns:
        Number of erasures that are done with.
    """
    ready = connection.execute(
        "select e.erasure_id, e.person_keys from ops.erasures as e where e.finished_at is null and not exists ("
        "select from ops.erased_rows as r inner join ops.loads as l on r.load_id = l.load_id"
        " where r.erasure_id = e.erasure_id and (l.build_id is null or l.build_id > %s)) order by 1",
        [build_id],
    ).fetchall()
    if not ready:
        return 0
    with connect(settings, "lakou_dbt") as marts:
        _delete_facts(marts, [erasure for erasure, _ in ready])
    with connection.transaction():
        for erasure, person_keys in ready:
            _delete(connection, erasure, person_keys or [], build_id)
    return len(ready)


def _delete_facts(connection: psycopg.Connection[Any], erasures: list[int]) -> None:
    tables = connection.execute(
        "select c.table_schema, c.table_name from information_schema.columns as c"
        " inner join information_schema.tables as t using (table_schema, table_name)"
        " where t.table_type = 'BASE TABLE' and c.table_schema in ('marts', 'intermediate', 'staging')"
        " and c.column_name in ('delivery_id', 'row_number', 'person_key')"
        " group by 1, 2 having count(*) = 3 order by 1, 2"
    ).fetchall()
    for schema, table in tables:
        connection.execute(
            sql.SQL(
                "delete from {} as f using ops.erased_rows as e where e.erasure_id = any(%s)"
                " and f.delivery_id = e.delivery_id and f.row_number = e.row_number"
            ).format(sql.Identifier(schema, table)),
            [erasures],
        )


def _delete(connection: psycopg.Connection[Any], erasure: int, person_keys: list[str], build_id: int) -> None:
    # a delivery that is held has the rows that are left
    connection.execute(
        "update ops.loads as l set rows_accepted = l.rows_accepted - e.number from ("
        " select delivery_id, count(*) as number from ops.erased_rows where erasure_id = %s group by 1) as e"
        " where l.delivery_id = e.delivery_id and l.build_id is null and l.rows_accepted >= e.number",
        [erasure],
    )
    for contract in people_contracts():
        connection.execute("select ops.delete_erased_rows(%s)", [contract.raw_table])
    for statement in (
        "delete from ops.person_links where person_key = any(%(keys)s)",
        "delete from ops.person_sightings where person_key = any(%(keys)s)",
        "delete from ops.person_decision_keys where person_key = any(%(keys)s)",
        "update ops.person_reviews set person_keys = '{}', closed_build = coalesce(closed_build, %(build)s)"
        " where person_keys && %(keys)s",
        "update ops.erasures set person_keys = null, finished_build = %(build)s, finished_at = clock_timestamp()"
        " where erasure_id = %(erasure)s",
    ):
        connection.execute(statement, {"keys": person_keys, "build": build_id, "erasure": erasure})
