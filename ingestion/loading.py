"""From a judgement to rows that a build can number: one transaction a delivery, locked by partner and feed.

Nothing here commits: the caller opens the transaction, so that rows, books and receipt stand or fall together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl
from psycopg import sql

from ingestion.errors import BlockedFile

if TYPE_CHECKING:
    import psycopg

    from ingestion.contracts import Contract
    from ingestion.judging import Judgement
    from ingestion.landing import Landed
    from ingestion.naming import DropName

RECEIVED, ACCEPTED, WITH_RESERVES, REFUSED = "RECU", "ACCEPTÉ", "ACCEPTÉ AVEC RÉSERVES", "REFUSÉ"
FEED_LOCK = 7_410_004
PROGRAMME_ZONE = "America/Martinique"
GRACE_DAYS = 20
_COLUMNS = (
    "delivery_id, feed, partner_code, file_name, period, period_start, period_end, version, part, sha256, size_bytes,"
    " received_at, state, is_blocked, rows_received, rows_accepted, rows_awaiting, rows_rejected, judged_at"
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of `ops.deliveries`; `feed`, `period` and `version` are none where the file's name says none."""

    delivery_id: str
    feed: str | None
    partner_code: str
    file_name: str
    period: str | None
    period_start: dt.date | None
    period_end: dt.date | None
    version: int | None
    part: int
    sha256: str
    size_bytes: int
    received_at: dt.datetime
    state: str = RECEIVED
    is_blocked: bool = False
    rows_received: int = 0
    rows_accepted: int = 0
    rows_awaiting: int = 0
    rows_rejected: int = 0
    judged_at: dt.datetime | None = None

    @property
    def is_judged(self) -> bool:
        """Whether its receipt's word is known."""
        return self.state != RECEIVED


def lock(connection: psycopg.Connection[Any], partner_code: str, feed: str | None) -> None:
    """Until the transaction's end, be the only receiver of this partner's feed."""
    connection.execute(
        "select pg_advisory_xact_lock(%s, hashtext(%s))", [FEED_LOCK, f"{partner_code}/{feed or 'inconnu'}"]
    )


def find(connection: psycopg.Connection[Any], delivery_id: str) -> Delivery | None:
    """The delivery of that id, held until the transaction's end."""
    row = connection.execute(
        f"select {_COLUMNS} from ops.deliveries where delivery_id = %s for update", [delivery_id]
    ).fetchone()
    return Delivery(*row) if row else None


def unjudged(connection: psycopg.Connection[Any]) -> list[Delivery]:
    """Deliveries landed and never judged, since a receiver was stopped between the two."""
    rows = connection.execute(f"select {_COLUMNS} from ops.deliveries where state = %s", [RECEIVED])
    return [Delivery(*row) for row in rows]


def of_partner(connection: psycopg.Connection[Any], partner_code: str) -> list[Delivery]:
    """All deliveries of one partner, the newest period first."""
    rows = connection.execute(
        f"select {_COLUMNS} from ops.deliveries where partner_code = %s"
        " order by period_start desc nulls first, feed, version desc, part desc, received_at desc",
        [partner_code],
    )
    return [Delivery(*row) for row in rows]


def record(
    connection: psycopg.Connection[Any], delivery: Delivery, landed: Landed, contract_version: str | None
) -> None:
    """Write down a delivery whose bytes have landed."""
    connection.execute(
        "insert into ops.deliveries (delivery_id, feed, partner_code, file_name, period, period_start, period_end,"
        " version, part, sha256, size_bytes, received_at, contract_version)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            delivery.delivery_id, delivery.feed, delivery.partner_code, delivery.file_name, delivery.period,
            delivery.period_start, delivery.period_end, delivery.version, delivery.part, landed.sha256, landed.size,
            delivery.received_at, contract_version,
        ],
    )  # fmt: skip
    connection.execute(
        "insert into ops.landing_files (delivery_id, path, wrapped_key) values (%s, %s, %s)",
        [delivery.delivery_id, landed.path, landed.wrapped_key],
    )


def landed_file(connection: psycopg.Connection[Any], delivery_id: str) -> tuple[str, bytes | None]:
    """Path and wrapped key of a delivery's bytes."""
    row = connection.execute(
        "select path, wrapped_key from ops.landing_files where delivery_id = %s", [delivery_id]
    ).fetchone()
    if row is None:
        raise LookupError(delivery_id)
    return row[0], row[1]


def check_place(connection: psycopg.Connection[Any], delivery: Delivery, today: dt.date) -> None:
    """See that a delivery has its place among those of its partner and feed.

    Raises:
        BlockedFile: its period is to come or overlaps another grain, or its version or part was taken already.
    """
    assert delivery.period_start is not None
    assert delivery.version is not None
    if delivery.period_start > today:
        raise BlockedFile(
            "PERIODE-FUTURE",
            f"La période {delivery.period} n'a pas encore commencé (nous sommes le {today:%d/%m/%Y}).",
            "Vérifiez la période dans le nom du fichier, puis déposez-le de nouveau.",
        )
    others = connection.execute(
        "select period, version, part, state from ops.deliveries where partner_code = %s and feed = %s"
        " and not is_blocked and state <> %s and delivery_id <> %s and period_start <= %s and period_end >= %s",
        [
            delivery.partner_code, delivery.feed, RECEIVED, delivery.delivery_id, delivery.period_end,
            delivery.period_start,
        ],
    ).fetchall()  # fmt: skip
    # a file refused whole took nobody's place: it may be corrected and dropped under the same name
    overlapping = sorted({period for period, _, _, state in others if period != delivery.period and state != REFUSED})
    if overlapping:
        raise BlockedFile(
            "PERIODE-CHEVAUCHE",
            f"La période {delivery.period} chevauche un fichier déjà reçu pour {', '.join(overlapping)}.",
            f"Gardez le même découpage : déposez une version plus élevée de {overlapping[0]}, ou demandez à l'équipe"
            " de pilotage de changer de découpage.",
        )
    same = [(version, part, state) for period, version, part, state in others if period == delivery.period]
    newest = max((version for version, _, state in same if state != REFUSED), default=0)
    name = f"{delivery.period}__v{newest + 1}"
    if delivery.version < newest:
        raise BlockedFile(
            "VERSION-ANCIENNE",
            f"Une version plus récente existe : la version {newest} est déjà prise en compte.",
            f"Pour remplacer toute la période, déposez le fichier sous le nom …__{name}.",
        )
    if delivery.part == 0 and (delivery.version, 0) in {(v, p) for v, p, state in same if state != REFUSED}:
        raise BlockedFile(
            "VERSION-ANCIENNE",
            f"La version {delivery.version} a déjà été reçue avec un autre contenu.",
            f"Déposez ce fichier sous le nom …__{name} : il remplacera toute la période.",
        )
    if delivery.part > 0 and (delivery.version, 0) not in {(v, p) for v, p, _ in same}:
        raise BlockedFile(
            "VERSION-ANCIENNE",
            f"Ce fichier complète la version {delivery.version}, qui n'a pas été reçue.",
            f"Déposez d'abord le fichier complet …__{delivery.period}__v{delivery.version}.",
        )
    if delivery.part > 0 and (delivery.version, delivery.part) in {(v, p) for v, p, s in same if s != REFUSED}:
        last = max(part for version, part, _ in same if version == delivery.version)
        raise BlockedFile(
            "VERSION-ANCIENNE",
            f"Le complément .rejets{delivery.part} a déjà été reçu avec un autre contenu.",
            f"Déposez-le sous le nom …__{delivery.period}__v{delivery.version}.rejets{last + 1}.",
        )


def state_word(delivery: Delivery, warnings: int) -> str:
    """The one word of a receipt."""
    if delivery.is_blocked or (delivery.rows_received and delivery.rows_rejected == delivery.rows_received):
        return REFUSED
    return WITH_RESERVES if delivery.rows_rejected or delivery.rows_awaiting or warnings else ACCEPTED


def deadline(period_end: dt.date, received_at: dt.datetime) -> dt.date:
    """Last day of waiting: day 20 of the month after the period, or 20 days after reception where that is later."""
    from zoneinfo import ZoneInfo

    month_after = (period_end.replace(day=1) + dt.timedelta(days=32)).replace(day=20)
    received_on = received_at.astimezone(ZoneInfo(PROGRAMME_ZONE)).date()
    return max(month_after, received_on + dt.timedelta(days=GRACE_DAYS))


def load_blocked(
    connection: psycopg.Connection[Any], delivery: Delivery, blocked: BlockedFile, judged_at: dt.datetime
) -> Delivery:
    """Write down that a whole file is refused; a delivery with a known feed has its load all the same, of no row."""
    judged = replace(delivery, state=REFUSED, is_blocked=True, judged_at=judged_at)
    connection.execute(
        "insert into quarantine.rejected_rows (delivery_id, row_number, feed, rule_id, severity, message, remedy)"
        " values (%s, 0, %s, %s, 'BLOQUE', %s, %s) on conflict do nothing",
        [delivery.delivery_id, delivery.feed or "", blocked.rule_id, blocked.what, blocked.remedy],
    )
    if delivery.feed is not None and not delivery.is_judged:
        _new_load(connection, delivery.delivery_id, "LIVRAISON", 0)
    save(connection, judged)
    return judged


def load(
    connection: psycopg.Connection[Any],
    contract: Contract,
    delivery: Delivery,
    judgement: Judgement,
    judged_at: dt.datetime,
) -> tuple[Delivery, int]:
    """Write the rows of a judged delivery and what they replace.

    Returns:
        The delivery as judged, and the id of its load.
    """
    assert delivery.period_end is not None
    warnings = judgement.findings.filter(pl.col("severity") == "AVERTISSEMENT").height
    rejected = judgement.rejected.height
    judged = replace(
        delivery,
        is_blocked=False,
        judged_at=judged_at,
        rows_received=judgement.rows_received,
        rows_accepted=judgement.accepted.height,
        rows_awaiting=judgement.awaiting.height,
        rows_rejected=rejected,
    )
    judged = replace(judged, state=state_word(judged, warnings))
    load_id = _new_load(connection, delivery.delivery_id, "LIVRAISON", judged.rows_accepted)
    _copy_accepted(connection, contract, delivery.delivery_id, load_id, judgement.accepted)
    _copy_rejected(connection, delivery, judgement.findings, judgement.rejected)
    _copy_awaiting(connection, delivery, judgement.awaiting, deadline(delivery.period_end, delivery.received_at))
    # a file refused whole replaces nothing: the last good version stays
    if judged.state != REFUSED:
        _supersede(connection, delivery, load_id, judged_at)
    save(connection, judged)
    return judged, load_id


def save(connection: psycopg.Connection[Any], delivery: Delivery) -> None:
    """Bring the state and the counters of a delivery up to date."""
    connection.execute(
        "update ops.deliveries set file_name = %s, state = %s, is_blocked = %s, rows_received = %s, rows_accepted = %s,"
        " rows_awaiting = %s, rows_rejected = %s, judged_at = %s where delivery_id = %s",
        [
            delivery.file_name, delivery.state, delivery.is_blocked, delivery.rows_received, delivery.rows_accepted,
            delivery.rows_awaiting, delivery.rows_rejected, delivery.judged_at, delivery.delivery_id,
        ],
    )  # fmt: skip


def deliveries_awaiting(
    connection: psycopg.Connection[Any], awaited_feed: str, awaited_ids: Iterable[str]
) -> list[str]:
    """Deliveries of which a row waits for one of these."""
    rows = connection.execute(
        "select distinct delivery_id from quarantine.awaiting_rows"
        " where outcome is null and awaited_feed = %s and awaited_id = any(%s) order by delivery_id",
        [awaited_feed, list(awaited_ids)],
    )
    return [delivery_id for (delivery_id,) in rows]


def deliveries_to_settle(connection: psycopg.Connection[Any]) -> list[str]:
    """Deliveries of which a row waits for a session that is loaded."""
    rows = connection.execute(
        "select distinct a.delivery_id from quarantine.awaiting_rows as a"
        " inner join raw.f01_sessions_formation as s on s.session_id = a.awaited_id"
        " where a.outcome is null and a.awaited_feed = 'F01' order by a.delivery_id"
    )
    return [delivery_id for (delivery_id,) in rows]


def deliveries_overdue(connection: psycopg.Connection[Any], today: dt.date) -> list[str]:
    """Deliveries of which a row has waited beyond its deadline."""
    rows = connection.execute(
        "select distinct delivery_id from quarantine.awaiting_rows"
        " where outcome is null and deadline_on < %s order by delivery_id",
        [today],
    )
    return [delivery_id for (delivery_id,) in rows]


def settle(
    connection: psycopg.Connection[Any],
    contract: Contract,
    delivery: Delivery,
    judge: Callable[[pl.DataFrame], Judgement],
    overdue_on: dt.date | None = None,
) -> tuple[Delivery, Judgement | None]:
    """Judge the waiting rows of one delivery again; the caller holds the delivery and issues its revised receipt.

    Args:
        judge: judges rows shaped as `Judgement.awaiting`.
        overdue_on: only the rows whose deadline is before this day; by default every row that waits.

    Returns:
        The delivery with its new counters, and the judgement; none when every row waits on.
    """
    rows = _awaiting(connection, contract, delivery.delivery_id, overdue_on)
    if rows.is_empty():
        return delivery, None
    judgement = judge(rows)
    accepted, rejected = judgement.accepted.height, judgement.rejected.height
    if not accepted and not rejected:
        return delivery, None
    now = dt.datetime.now(dt.UTC)
    # a load even of no row: the figures on deliveries change, so that a build has to see it
    load_id = _new_load(connection, delivery.delivery_id, "ATTENTE_RESOLUE", accepted)
    _copy_accepted(connection, contract, delivery.delivery_id, load_id, judgement.accepted)
    _copy_rejected(connection, delivery, judgement.findings, judgement.rejected)
    _close(connection, delivery.delivery_id, judgement.accepted["_row_number"], "ACCEPTEE", now)
    _close(connection, delivery.delivery_id, judgement.rejected["row_number"], "REFUSEE", now)
    return _recount(connection, delivery, accepted, rejected), judgement


def _recount(connection: psycopg.Connection[Any], delivery: Delivery, accepted: int, rejected: int) -> Delivery:
    warnings = connection.execute(
        "select (body ->> 'warnings')::int from ops.receipts where delivery_id = %s order by revision desc limit 1",
        [delivery.delivery_id],
    ).fetchone()
    changed = replace(
        delivery,
        rows_accepted=delivery.rows_accepted + accepted,
        rows_awaiting=delivery.rows_awaiting - accepted - rejected,
        rows_rejected=delivery.rows_rejected + rejected,
    )
    changed = replace(changed, state=state_word(changed, warnings[0] if warnings else 0))
    save(connection, changed)
    return changed


def _new_load(connection: psycopg.Connection[Any], delivery_id: str, kind: str, rows: int) -> int:
    row = connection.execute(
        "insert into ops.loads (delivery_id, kind, rows_accepted) values (%s, %s, %s) returning load_id",
        [delivery_id, kind, rows],
    ).fetchone()
    assert row is not None
    return int(row[0])


def _supersede(connection: psycopg.Connection[Any], delivery: Delivery, load_id: int, judged_at: dt.datetime) -> None:
    """A higher version stands for the whole period: absent rows and rows still waiting included."""
    replaced = [
        delivery_id
        for (delivery_id,) in connection.execute(
            "insert into ops.supersessions (superseded_delivery_id, superseding_load_id, cause)"
            " select d.delivery_id, %s, 'VERSION' from ops.deliveries as d where d.partner_code = %s and d.feed = %s"
            " and d.period = %s and d.version < %s and d.state <> %s and not d.is_blocked and not exists"
            " (select 1 from ops.supersessions as s where s.superseded_delivery_id = d.delivery_id)"
            " returning superseded_delivery_id",
            [load_id, delivery.partner_code, delivery.feed, delivery.period, delivery.version, RECEIVED],
        )
    ]
    if replaced:
        connection.execute(
            "update quarantine.awaiting_rows set outcome = 'REMPLACEE', settled_at = %s"
            " where outcome is null and delivery_id = any(%s)",
            [judged_at, replaced],
        )


def _copy_accepted(
    connection: psycopg.Connection[Any], contract: Contract, delivery_id: str, load_id: int, rows: pl.DataFrame
) -> None:
    frame = rows.select(
        *contract.raw_columns,
        "_row_number",
        "_row_hash",
        pl.lit(load_id).alias("_load_id"),
        pl.lit(delivery_id).alias("_delivery_id"),
        pl.lit(dt.datetime.now(dt.UTC).isoformat()).alias("_loaded_at"),
    )
    _copy(connection, ("raw", contract.raw_table), frame)


def _copy_rejected(
    connection: psycopg.Connection[Any], delivery: Delivery, findings: pl.DataFrame, rejected: pl.DataFrame
) -> None:
    shown = rejected.select(pl.col("row_number").cast(pl.Int64), "row_values").unique("row_number")
    refused = (
        findings.filter(pl.col("severity") == "REFUSE")
        .with_columns(pl.col("row_number").cast(pl.Int64), pl.col("column").fill_null(""))
        .unique(["row_number", "column", "rule_id"], keep="first", maintain_order=True)
        .join(shown, on="row_number", how="left")
    )
    frame = refused.select(
        pl.lit(delivery.delivery_id).alias("delivery_id"),
        "row_number",
        pl.lit(delivery.feed).alias("feed"),
        pl.col("column").alias("column_name"),
        "value",
        "rule_id",
        "severity",
        "message",
        "remedy",
        pl.col("row_values").fill_null("{}"),
    )
    _copy(connection, ("quarantine", "rejected_rows"), frame, not_null=("column_name",))


def _copy_awaiting(
    connection: psycopg.Connection[Any], delivery: Delivery, rows: pl.DataFrame, deadline_on: dt.date
) -> None:
    if rows.is_empty():
        return
    values = [name for name in rows.columns if name not in {"_row_number", "awaited_feed", "awaited_id"}]
    frame = rows.select(
        pl.lit(delivery.delivery_id).alias("delivery_id"),
        pl.col("_row_number").alias("row_number"),
        pl.lit(delivery.feed).alias("feed"),
        "awaited_feed",
        "awaited_id",
        pl.struct(values).struct.json_encode().alias("row_values"),
        pl.lit(deadline_on).alias("deadline_on"),
    )
    _copy(connection, ("quarantine", "awaiting_rows"), frame)


def _awaiting(
    connection: psycopg.Connection[Any], contract: Contract, delivery_id: str, overdue_on: dt.date | None
) -> pl.DataFrame:
    """Rows of one delivery still waiting, in the shape of `Judgement.awaiting`, held until the transaction's end."""
    rows = connection.execute(
        "select row_number, awaited_feed, awaited_id, row_values::text from quarantine.awaiting_rows"
        " where delivery_id = %(delivery)s and outcome is null"
        " and (%(overdue_on)s::date is null or deadline_on < %(overdue_on)s) order by row_number for update",
        {"delivery": delivery_id, "overdue_on": overdue_on},
    ).fetchall()
    schema = {"_row_number": pl.Int32, "awaited_feed": pl.String, "awaited_id": pl.String, "row_values": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    values = pl.Struct(dict.fromkeys((*contract.raw_columns, "_row_hash"), pl.String))
    return frame.with_columns(pl.col("row_values").str.json_decode(values)).unnest("row_values")


def _close(
    connection: psycopg.Connection[Any], delivery_id: str, rows: pl.Series, outcome: str, settled_at: dt.datetime
) -> None:
    connection.execute(
        "update quarantine.awaiting_rows set outcome = %s, settled_at = %s"
        " where delivery_id = %s and row_number = any(%s) and outcome is null",
        [outcome, settled_at, delivery_id, rows.to_list()],
    )


def _copy(
    connection: psycopg.Connection[Any],
    table: tuple[str, str],
    frame: pl.DataFrame,
    not_null: tuple[str, ...] = (),
) -> None:
    """Stream a frame into a table as CSV; an empty field is null, save in the columns `not_null`."""
    if frame.is_empty():
        return
    options: sql.Composable = sql.SQL("format csv")
    if not_null:
        options = sql.SQL("format csv, force_not_null ({})").format(sql.SQL(", ").join(map(sql.Identifier, not_null)))
    statement = sql.SQL("copy {} ({}) from stdin ({})").format(
        sql.Identifier(*table), sql.SQL(", ").join(map(sql.Identifier, frame.columns)), options
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for part in frame.iter_slices(50_000):
            copy.write(part.write_csv(include_header=False))


def delivery_id(partner_code: str, name: DropName | None, sha256: str) -> str:
    """The stable name of a delivery: the same contents under the same name are the same delivery."""
    if name is None:
        return f"X-{partner_code}-{sha256[:12]}"
    part = f"-r{name.part}" if name.part else ""
    return f"{name.feed}-{partner_code}-{name.period.text}-v{name.version}{part}-{sha256[:8]}"


def next_part(connection: psycopg.Connection[Any], delivery: Delivery) -> int:
    """Number of the next `.rejets` file of this delivery's version: neither received nor given out yet."""
    row = connection.execute(
        "select greatest(max(d.part), max(substring(r.rejects_path from '[.]rejets([0-9]+)[.]')::int), 0) + 1"
        " from ops.deliveries as d left join ops.receipts as r on r.delivery_id = d.delivery_id"
        " where d.partner_code = %s and d.feed = %s and d.period = %s and d.version = %s",
        [delivery.partner_code, delivery.feed, delivery.period, delivery.version],
    ).fetchone()
    assert row is not None
    return int(row[0])
