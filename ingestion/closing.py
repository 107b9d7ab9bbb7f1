"""`lakou close`: what the committee saw of one period is frozen, once; closing it again is a new version."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from ingestion.database import BUILD_LOCK, PUBLISH_LOCK, business_date, connect
from ingestion.errors import BlockedFile, LakouError
from ingestion.naming import Period, parse_period
from ingestion.publishing import EVERYTHING
from ingestion.restating import CONTRIBUTION, WITHIN, contributions, parameters_hash, perimeter_hash
from ingestion.settings import Settings

log = logging.getLogger(__name__)

GRAINS = {1: "month", 3: "quarter", 6: "semester", 12: "year"}
# what these say of a period begins when it is closed: the committee has not seen it yet
ABOUT_CLOSINGS = ("T-06", "T-09")


@dataclass(frozen=True, slots=True)
class ClosingSummary:
    """What one closing froze: `is_new` is false when that publication had closed the period already."""

    closing_id: str
    programme_code: str
    period: str
    version: int
    publication_id: int
    build_id: int
    closed_on: dt.date
    decision_id: str | None
    values: int
    rows: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Publication:
    """The publication that a closing pins."""

    publication_id: int
    build_id: int
    business_date: dt.date


def close_period(
    settings: Settings,
    programme_code: str,
    period_text: str,
    *,
    decision_id: str | None = None,
    publication_id: int | None = None,
    reason: str = "",
    accept_withheld: bool = False,
    progress: Callable[[str], None] = log.info,
) -> ClosingSummary:
    """Freeze the values of a programme for a period, and for the shorter ones within it, as one publication shows them.

    Args:
        settings: the platform.
        programme_code: such as MQ.
        period_text: `2026-03`, `2026-T1`, `2026-S1` or `2026`.
        decision_id: decision of the committee (G04) that dates the closing; the business date does without one.
        publication_id: what the committee saw; by default the current publication.
        reason: why, in French; needed to close a period again.
        accept_withheld: close though the publication kept older figures of this programme.

    Raises:
        LakouError: the programme, period, publication or decision is not known or cannot be closed.
    """
    period = read_period(period_text)
    with connect(settings, "lakou_publisher") as connection:
        connection.autocommit = True
        connection.execute("select pg_advisory_lock(%s)", [PUBLISH_LOCK])
        # the marts stay at their build while the rows behind the figures are copied
        connection.execute("select pg_advisory_lock(%s)", [BUILD_LOCK])
        today = business_date(connection, dt.datetime.now(dt.UTC))
        _check_programme(connection, programme_code)
        publication = _publication(connection, publication_id)
        _check_period(period, today, publication)
        decided_on = _decided_on(connection, programme_code, decision_id) if decision_id else None
        last = _last(connection, programme_code, period)
        if last is not None and last.publication_id == publication.publication_id:
            progress(
                f"{programme_code} {period.text} is closed already by publication {last.publication_id}"
                f" ({last.closing_id}, on {last.closed_on}): nothing to do"
            )
            return last
        if last is not None and not reason:
            raise LakouError(
                f"{programme_code} {period.text} was closed on {last.closed_on} by publication {last.publication_id}",
                "to close it again, as a new version, say why with --reason",
            )
        _check_withheld(connection, programme_code, publication, accept_withheld=accept_withheld)
        _check_marts(connection, publication)
        version = last.version + 1 if last else 1
        closing_id = f"{programme_code}-{period.text}-v{version}"
        closed_on = decided_on or today
        with connection.transaction():
            connection.execute(
                "insert into ops.closings (closing_id, programme_code, period, version, period_grain, period_start,"
                " period_end, publication_id, build_id, closed_after_build, decision, decided_on, closed_on, reason,"
                " parameters_hash, perimeter_hash) values (%(id)s, %(programme)s, %(period)s, %(version)s, %(grain)s,"
                " %(start)s, %(end)s, %(publication)s, %(build)s, (select max(build_id) from ops.builds), %(decision)s,"
                f" %(decided)s, %(closed)s, %(reason)s, ({parameters_hash()}), ({perimeter_hash()}))",
                {
                    "id": closing_id,
                    "programme": programme_code,
                    "period": period.text,
                    "version": version,
                    "grain": _grain(period),
                    "start": period.start,
                    "end": period.end,
                    "publication": publication.publication_id,
                    "build": publication.build_id,
                    "decision": decision_id,
                    "decided": decided_on,
                    "closed": closed_on,
                    "reason": reason,
                },
            )
            rows = _keep_rows(connection, closing_id, programme_code, period)
            values = _freeze(connection, closing_id, programme_code, period, publication)
            connection.execute(
                "insert into ops.audit_log (actor, action, subject, details) values ('lakou', 'PERIOD_CLOSED', %s, %s)",
                [
                    closing_id,
                    json.dumps(
                        {
                            "publication_id": publication.publication_id,
                            "decision": decision_id,
                            "reason": reason,
                            "values": values,
                        },
                        ensure_ascii=False,
                    ),
                ],
            )
        connection.execute("analyze published.published_values")
        connection.execute("analyze published.closing_rows")
    progress(f"{closing_id}: {values} values of publication {publication.publication_id} are frozen")
    return ClosingSummary(
        closing_id,
        programme_code,
        period.text,
        version,
        publication.publication_id,
        publication.build_id,
        closed_on,
        decision_id,
        values,
        rows,
        is_new=True,
    )


def read_period(text: str) -> Period:
    """Read the period of a closing.

    Raises:
        LakouError: the text is no month, quarter, half-year or year.
    """
    try:
        return parse_period(text)
    except BlockedFile as error:
        raise LakouError(
            f"{text!r} is not a period", "write 2026-03 (month), 2026-T1 (quarter), 2026-S1 (half-year) or 2026 (year)"
        ) from error


def _grain(period: Period) -> str:
    return GRAINS[period.end.month - period.start.month + 1]


def _check_programme(connection: psycopg.Connection, programme_code: str) -> None:
    known = [
        code
        for (code,) in connection.execute(
            "select distinct v.programme_code from published.indicator_values as v inner join published.pointer as c"
            " on v.publication_id = c.publication_id order by 1"
        )
    ]
    if programme_code not in known:
        raise LakouError(
            f"no figure of a programme {programme_code!r} is published",
            f"the programmes with figures are {', '.join(known) or 'none yet: run `lakou publish`'}",
        )


def _publication(connection: psycopg.Connection, publication_id: int | None) -> Publication:
    row = connection.execute(
        "select p.publication_id, p.build_id, p.business_date from published.publications as p"
        " inner join ops.publications as o on p.publication_id = o.publication_id and o.pruned_at is null"
        " where p.publication_id = coalesce(%s, (select c.publication_id from published.pointer as c))",
        [publication_id],
    ).fetchone()
    if row is None:
        raise LakouError(
            f"there is no publication {publication_id} that anybody could have seen, or its figures are kept no longer",
            "see `select * from ops.publications`: `pruned_at` says when they went",
        )
    return Publication(*row)


def _check_period(period: Period, today: dt.date, publication: Publication) -> None:
    if period.end >= today:
        raise LakouError(
            f"{period.text} ends on {period.end}: it is not over on {today}",
            f"close it from {period.end} on, once over",
        )
    if period.end >= publication.business_date:
        raise LakouError(
            f"publication {publication.publication_id} shows {publication.business_date}, before the end of {period.text}",
            "publish once more after the end of the period, and close that publication",
        )


def _decided_on(connection: psycopg.Connection, programme_code: str, decision_id: str) -> dt.date:
    days = connection.execute(
        "select distinct decided_on from marts.fct_decisions where programme_code = %s and decision_id = %s"
        " and known_to_build is null",
        [programme_code, decision_id],
    ).fetchall()
    if len(days) != 1:
        known = "no decision" if not days else f"{len(days)} decisions of different days"
        raise LakouError(
            f"{known} {decision_id!r} of {programme_code} in the decisions received (G04)",
            "deliver the decision (G04) and run `lakou build`, or close without --decision",
        )
    day: dt.date = days[0][0]
    return day


def _last(connection: psycopg.Connection, programme_code: str, period: Period) -> ClosingSummary | None:
    row = connection.execute(
        "select c.closing_id, c.version, c.publication_id, c.build_id, c.closed_on, c.decision,"
        " (select count(*) from published.published_values as v where v.closing_id = c.closing_id),"
        " (select count(*) from published.closing_rows as r where r.closing_id = c.closing_id)"
        " from ops.closings as c where c.programme_code = %s and c.period = %s order by c.version desc limit 1",
        [programme_code, period.text],
    ).fetchone()
    if row is None:
        return None
    closing_id, version, publication_id, build_id, closed_on, decision_id, values, rows = row
    return ClosingSummary(
        closing_id,
        programme_code,
        period.text,
        version,
        publication_id,
        build_id,
        closed_on,
        decision_id,
        values,
        rows,
        is_new=False,
    )


def _check_withheld(
    connection: psycopg.Connection, programme_code: str, publication: Publication, *, accept_withheld: bool
) -> None:
    withheld = connection.execute(
        "select distinct indicator_code, reason from published.withheld where publication_id = %s"
        " and programme_code in (%s, %s) order by 1",
        [publication.publication_id, programme_code, EVERYTHING],
    ).fetchall()
    if withheld and not accept_withheld:
        what = "; ".join(f"{indicator}: {reason}" for indicator, reason in withheld[:5])
        raise LakouError(
            f"publication {publication.publication_id} keeps older figures of {programme_code} ({what})",
            "mend the cause, build and publish again; or close it as it is with --accept-withheld",
        )


def _check_marts(connection: psycopg.Connection, publication: Publication) -> None:
    row = connection.execute("select as_of_build, is_complete from ops.marts_state").fetchone()
    if row != (publication.build_id, True):
        shown = f"build {row[0]}" if row else "nothing"
        raise LakouError(
            f"the marts show {shown}, and publication {publication.publication_id} is of build {publication.build_id}:"
            " the rows behind its figures cannot be kept with it",
            f"run `lakou build --as-of {publication.build_id}`, close, then `lakou build`; or publish, and close that",
        )


def _keep_rows(connection: psycopg.Connection, closing_id: str, programme_code: str, period: Period) -> int:
    """Keep the contributing rows of the period: differences are explained row by row."""
    columns = sql.SQL(", ").join(map(sql.Identifier, CONTRIBUTION))
    cursor = connection.execute(
        sql.SQL(
            "insert into published.closing_rows (closing_id, {columns}) select %(closing)s, {columns}"
            " from ({rows}) as contributing where " + WITHIN + " and contributing.indicator_code <> all(%(excluded)s)"
        ).format(columns=columns, rows=contributions(connection)),
        {
            "closing": closing_id,
            "programme": programme_code,
            "start": period.start,
            "end": period.end,
            "excluded": list(ABOUT_CLOSINGS),
        },
    )
    return cursor.rowcount


def _freeze(
    connection: psycopg.Connection, closing_id: str, programme_code: str, period: Period, publication: Publication
) -> int:
    """Copy the values as the committee saw them."""
    names = [
        name
        for (name,) in connection.execute(
            "select frozen.column_name from information_schema.columns as frozen"
            " inner join information_schema.columns as shown on frozen.column_name = shown.column_name"
            " where frozen.table_schema = 'published' and frozen.table_name = 'published_values'"
            " and shown.table_schema = 'published' and shown.table_name = 'indicator_values' order by 1"
        )
    ]
    cursor = connection.execute(
        sql.SQL(
            "insert into published.published_values (closing_id, is_traced, {columns})"
            " select %(closing)s, coalesce(traced.is_traced, false), {picked} from published.indicator_values as v"
            " left join (select indicator_code, bool_and(delivery_id is not null and row_hash is not null) as is_traced"
            " from published.closing_rows where closing_id = %(closing)s group by indicator_code) as traced"
            " on v.indicator_code = traced.indicator_code"
            " where v.publication_id = %(publication)s and v.programme_code = %(programme)s"
            " and v.indicator_code <> all(%(excluded)s) and v.period_start >= %(start)s"
            " and pub.period_end(v.period_grain, v.period_start) <= %(end)s"
        ).format(
            columns=sql.SQL(", ").join(map(sql.Identifier, names)),
            picked=sql.SQL(", ").join(sql.Identifier("v", name) for name in names),
        ),
        {
            "closing": closing_id,
            "publication": publication.publication_id,
            "programme": programme_code,
            "start": period.start,
            "end": period.end,
            "excluded": list(ABOUT_CLOSINGS),
        },
    )
    return cursor.rowcount
