"""`lakou publish`: copy the audited rows into partitions of their own, then move one pointer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg
from psycopg import sql

from ingestion.database import PUBLISH_LOCK, connect
from ingestion.errors import LakouError, PublicationHeld
from ingestion.logs import about
from ingestion.restating import restate
from ingestion.secrecy import SECRET, compact, forget, keep, protect
from ingestion.settings import Settings
from ingestion.silencing import silence

log = logging.getLogger(__name__)

# what each published table is copied from; the columns are those of the published table
SOURCES = {
    "indicator_values": "marts.fct_indicator_values",
    "indicators": "marts.dim_indicator",
    "axis_members": "marts.dim_axis_member",
    "territories": "marts.dim_territory",
    "partners": "marts.dim_partner",
    "deliveries": "marts.fct_deliveries",
    "rejections": "("
    "select programme_code, partner_code, feed, period, rule_id, count(distinct (delivery_id, row_number)) as rows_rejected"
    " from marts.fct_rejected_rows group by 1, 2, 3, 4, 5)",
    "commitments": "marts.fct_commitments",
    "progress": "marts.fct_indicator_progress",
    "forecasts": "marts.fct_forecasts",
    "survey_changes": "marts.fct_survey_changes",
    "roles": "marts.fct_roles",
    "envelope_balances": "marts.fct_envelope_balances",
    "committee_sessions": "marts.fct_committee_sessions",
    "comparability": "marts.fct_comparability",
    "decisions": "marts.fct_decisions",
    "milestones": "marts.fct_milestones",
    "envelopes": "marts.fct_envelopes",
    # the raw boundary as it was last judged; the results of the published one are known after the copy
    "raw_checks": "("
    "select distinct on (subject, expectation) subject, expectation, description, severity, success, evaluated, unexpected,"
    " checked_at from ops.quality_results where boundary = 'BRUT' order by subject, expectation, result_id desc)",
    # nothing to copy: worked out from what is copied, against what was closed
    "restatements": "(select * from published.restatements where false)",
}
EVERYTHING = "TOUS"


@dataclass(frozen=True, slots=True)
class Failure:
    """A critical check of the published boundary that failed, and what it concerns.

    Args:
        programme_code, indicator_code: whose figures keep their last good state; `TOUS` for all of them.
        reason: a French sentence for the banner.
    """

    programme_code: str
    indicator_code: str
    reason: str


# audits the candidate tables of one publication before anybody can read them
Audit = Callable[[Settings, int, int], Sequence[Failure]]


@dataclass(frozen=True, slots=True)
class PublicationSummary:
    """What one publication did: `is_new` is false when the build was published already."""

    publication_id: int
    build_id: int
    values: int
    withheld: int
    is_new: bool


def publish(settings: Settings, audit: Audit, progress: Callable[[str], None] = log.info) -> PublicationSummary:
    """Publish what the marts hold.

    Args:
        settings: the platform.
        audit: the published boundary's judge.

    Raises:
        LakouError: the marts hold an earlier build or an unfinished one, so that nothing can be published.
        PublicationHeld: the audit failed; what it concerns keeps its last good figures, the rest is published.
    """
    with connect(settings, "lakou_publisher") as connection, ExitStack() as numbers:
        connection.autocommit = True
        connection.execute("select pg_advisory_lock(%s)", [PUBLISH_LOCK])
        build_id = _publishable(connection)
        current = _current(connection)
        if current and current[1] == build_id and current[2] == "PUBLIEE":
            progress(f"Build {build_id} is published already (publication {current[0]})")
            return PublicationSummary(current[0], build_id, 0, 0, is_new=False)
        _sweep(connection)
        publication_id = _open(connection, build_id)
        numbers.enter_context(about(publication_id=publication_id, build_id=build_id))
        try:
            values = _copy(connection, publication_id)
            progress(f"Publication {publication_id}: {values} values of build {build_id} copied")
            hidden = protect(connection, publication_id, current[0] if current else None)
            progress(f"Publication {publication_id}: {hidden} values hidden that would give a suppressed one back")
            shares = restate(connection, publication_id, build_id)
            progress(f"Publication {publication_id}: {shares} restatements of closed figures explained")
            silence(connection, publication_id)
            failures = list(audit(settings, publication_id, build_id))
            if any(f.indicator_code == EVERYTHING for f in failures):
                _keep_everything(connection, publication_id, current[0] if current else None, failures)
            else:
                _flip(connection, publication_id, build_id, current[0] if current else None, failures)
        except psycopg.Error as error:
            connection.execute(
                "update ops.publications set state = 'ECHOUEE', reason = %s where publication_id = %s",
                [str(error), publication_id],
            )
            raise LakouError(
                f"publication {publication_id} failed: {str(error).strip()}",
                "what was published before is unchanged; mend the cause and run `lakou publish` again",
            ) from error
    if failures:
        raise PublicationHeld(
            f"publication {publication_id}: {len(failures)} checks failed; "
            + "; ".join(f.reason for f in failures[:5]),
            "what they concern keeps its last good figures; see ops.quality_results, mend the cause, build and publish again",
        )
    progress(f"Publication {publication_id} is what everybody reads now")
    return PublicationSummary(publication_id, build_id, values, 0, is_new=True)


def candidate(table: str, publication_id: int) -> str:
    """Name, in schema `published`, of one publication's part of a table."""
    return f"{table}_p{publication_id}"


def _publishable(connection: psycopg.Connection) -> int:
    row = connection.execute("select build_id, as_of_build, is_complete from ops.marts_state").fetchone()
    if row is None:
        raise LakouError("there is nothing to publish: no build has ended yet", "run `lakou build`")
    build_id, as_of, is_complete = row
    if not is_complete:
        raise LakouError(f"the build after build {build_id} has not ended well", "run `lakou build`, then publish")
    if as_of != build_id:
        raise LakouError(
            f"the marts show build {as_of} again, not the newest ({build_id})", "run `lakou build`, then publish"
        )
    return int(build_id)


def _current(connection: psycopg.Connection) -> tuple[int, int, str] | None:
    return connection.execute(
        "select p.publication_id, p.build_id, p.state from published.publications as p"
        " inner join published.pointer as c on p.publication_id = c.publication_id"
    ).fetchone()


def _sweep(connection: psycopg.Connection) -> None:
    """Drop what publications killed half-way left behind: tables that were never attached."""
    left = connection.execute(
        "select publication_id from ops.publications where state in ('CANDIDATE', 'ECHOUEE')"
    ).fetchall()
    for (publication_id,) in left:
        for table in SOURCES:
            connection.execute(_statement("drop table if exists {candidate}", table, publication_id))
        forget(connection, publication_id)
    connection.execute(
        "update ops.publications set state = 'ECHOUEE', reason = coalesce(reason, 'interrompue') where state = 'CANDIDATE'"
    )


def _open(connection: psycopg.Connection, build_id: int) -> int:
    row = connection.execute(
        "insert into ops.publications (build_id) values (%s) returning publication_id", [build_id]
    ).fetchone()
    assert row is not None
    return int(row[0])


def _copy(connection: psycopg.Connection, publication_id: int) -> int:
    """Copy into tables that nobody reads yet: attaching them later locks no reader out."""
    values = 0
    with connection.transaction():
        for table, source in SOURCES.items():
            connection.execute(_statement("create table {candidate} (like published.{table})", table, publication_id))
            columns = [
                name
                for (name,) in connection.execute(
                    "select column_name from information_schema.columns where table_schema = 'published'"
                    " and table_name = %s and column_name not in ('publication_id', 'origin_publication_id')"
                    " order by ordinal_position",
                    [table],
                )
            ]
            is_values = table == "indicator_values"
            targets = [*columns, "publication_id", *(["origin_publication_id"] if is_values else [])]
            picked = [_shown(name) if is_values else sql.Identifier(name) for name in columns]
            numbers = [sql.Literal(publication_id)] * (2 if is_values else 1)
            cursor = connection.execute(
                sql.SQL("insert into published.{} ({}) select {} from {} as source").format(
                    sql.Identifier(candidate(table, publication_id)),
                    sql.SQL(", ").join(map(sql.Identifier, targets)),
                    sql.SQL(", ").join([*picked, *numbers]),
                    sql.SQL(source),
                )
            )
            values = cursor.rowcount if is_values else values
            connection.execute(
                _statement(
                    "alter table {candidate} add constraint {check} check (publication_id = {publication} "
                    "and publication_id is not null)",
                    table,
                    publication_id,
                )
            )
        connection.execute(
            _statement(
                "create index on {candidate} (indicator_code, period_grain, period_start)",
                "indicator_values",
                publication_id,
            )
        )
    # statistics from the first query on: autovacuum would come too late
    for table in SOURCES:
        connection.execute(_statement("analyze {candidate}", table, publication_id))
    return values


def _shown(column: str) -> sql.Composable:
    """A column of a value, silent where the cell is suppressed."""
    if column not in SECRET:
        return sql.Identifier(column)
    return sql.SQL("case when state not like 'SUPPRIME%' then {} end").format(sql.Identifier(column))


def _flip(
    connection: psycopg.Connection,
    publication_id: int,
    build_id: int,
    previous: int | None,
    failures: Sequence[Failure],
) -> None:
    """Attach the partitions and move the pointer in one transaction; what failed brings its last good rows along."""
    with connection.transaction():
        for programme, indicator in sorted({(f.programme_code, f.indicator_code) for f in failures}):
            _keep(connection, publication_id, previous, programme, indicator)
            keep(connection, publication_id, previous, programme, indicator)
        for table in SOURCES:
            connection.execute(
                _statement(
                    "alter table published.{table} attach partition {candidate} for values in ({publication})",
                    table,
                    publication_id,
                )
            )
        compact(connection, publication_id)
        _withhold(connection, publication_id, previous, failures)
        connection.execute(
            "insert into published.publications"
            " select %(id)s, %(build)s, clock_timestamp(), b.business_date, %(state)s, %(banner)s,"
            " exists (select 1 from ops.partners where is_synthetic) from ops.builds as b where b.build_id = %(build)s",
            {
                "id": publication_id,
                "build": build_id,
                "state": "PARTIELLE" if failures else "PUBLIEE",
                "banner": _banner(failures),
            },
        )
        connection.execute(
            "insert into ops.publication_deliveries select distinct %s::bigint, delivery_id from ops.loads where build_id <= %s",
            [publication_id, build_id],
        )
        connection.execute(
            "update ops.publications set state = %s, published_at = clock_timestamp(), reason = %s where publication_id = %s",
            ["PARTIELLE" if failures else "PUBLIEE", _banner(failures) or None, publication_id],
        )
        connection.execute(
            "insert into published.pointer (publication_id) values (%s)"
            " on conflict (only_row) do update set publication_id = excluded.publication_id",
            [publication_id],
        )


def _keep(
    connection: psycopg.Connection, publication_id: int, previous: int | None, programme: str, indicator: str
) -> None:
    for kept in ("indicator_values", "restatements", "progress", "forecasts", "survey_changes"):
        table = sql.Identifier("published", candidate(kept, publication_id))
        connection.execute(
            sql.SQL("delete from {} where programme_code = %s and indicator_code = %s").format(table),
            [programme, indicator],
        )
        if previous is None:
            continue
        columns = [
            name
            for (name,) in connection.execute(
                "select column_name from information_schema.columns where table_schema = 'published'"
                " and table_name = %s and column_name <> 'publication_id'",
                [kept],
            )
        ]
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        connection.execute(
            sql.SQL(
                "insert into {table} (publication_id, {names}) select %s, {names} from {former}"
                " where publication_id = %s and programme_code = %s and indicator_code = %s"
            ).format(table=table, names=names, former=sql.Identifier("published", kept)),
            [publication_id, previous, programme, indicator],
        )


def _keep_everything(
    connection: psycopg.Connection, publication_id: int, previous: int | None, failures: Sequence[Failure]
) -> None:
    """Leave the pointer where it is, and say why under the publication that stays."""
    with connection.transaction():
        if previous is not None:
            _withhold(connection, previous, previous, failures)
            connection.execute(
                "update published.publications set state = 'RETENUE', banner = %s where publication_id = %s",
                [_banner(failures), previous],
            )
        for table in SOURCES:
            connection.execute(_statement("drop table {candidate}", table, publication_id))
        forget(connection, publication_id)
        connection.execute(
            "update ops.publications set state = 'RETENUE', reason = %s where publication_id = %s",
            [_banner(failures), publication_id],
        )


def _withhold(
    connection: psycopg.Connection, publication_id: int, previous: int | None, failures: Sequence[Failure]
) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into published.withheld values (%s, %s, %s, %s, %s) on conflict do nothing",
            [(publication_id, f.programme_code, f.indicator_code, previous, f.reason) for f in failures],
        )


def _banner(failures: Sequence[Failure]) -> str:
    if not failures:
        return ""
    concerned = sorted({f.indicator_code for f in failures})
    if EVERYTHING in concerned:
        subject = "Tous les chiffres restent ceux de la publication précédente"
    elif len(concerned) == 1:
        subject = f"L'indicateur {concerned[0]} garde ses derniers chiffres vérifiés"
    else:
        subject = f"Les indicateurs {', '.join(concerned)} gardent leurs derniers chiffres vérifiés"
    return f"{subject} : {' ; '.join(sorted({f.reason for f in failures}))}"


def _statement(template: str, table: str, publication_id: int) -> sql.Composed:
    return sql.SQL(template).format(
        table=sql.Identifier(table),
        candidate=sql.Identifier("published", candidate(table, publication_id)),
        check=sql.Identifier(f"{candidate(table, publication_id)}_only"),
        publication=sql.Literal(publication_id),
    )
