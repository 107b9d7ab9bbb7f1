"""From judgements to rows that a build can number: one transaction a delivery, locked by partner and feed.

Batches are copied as they come, so that no file is ever whole in memory. Nothing here commits: the caller opens the
transaction, so that rows, books and receipt stand or fall together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

import polars as pl
from psycopg import sql

from ingestion import copy_lines
from ingestion.contracts import load_contracts
from ingestion.errors import BlockedFile
from ingestion.findings import kept_names
from ingestion.objects import AWAITED
from ingestion.referring import is_known, is_replaced, objects, referring

if TYPE_CHECKING:
    import psycopg
    from psycopg import Copy

    from ingestion.contracts import Contract
    from ingestion.judging import Judgement
    from ingestion.landing import Landed
    from ingestion.naming import DropName

RECEIVED, ACCEPTED, WITH_RESERVES, REFUSED = "RECU", "ACCEPTÉ", "ACCEPTÉ AVEC RÉSERVES", "REFUSÉ"
FEED_LOCK = 7_410_004
ARRIVALS_LOCK = 7_410_005
# refused and waiting rows are written once so many of them have come
PENDING_ROWS = 50_000
# rows that waited are judged again so many at a time
SETTLED_ROWS = 50_000
PROGRAMME_ZONE = "America/Martinique"
GRACE_DAYS = 20
_COLUMNS = (
    "delivery_id, feed, partner_code, file_name, period, period_start, period_end, version, part, sha256, size_bytes,"
    " received_at, state, is_blocked, rows_received, rows_accepted, rows_awaiting, rows_rejected, judged_at,"
    " sheet"
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of `ops.deliveries`.

    `feed`, `period` and `version` are none where nothing says them; `sheet` is the workbook's sheet where several feeds
    came in one workbook, and the period where several came in a tool's export.
    """

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
    sheet: str | None = None

    @property
    def is_judged(self) -> bool:
        """Whether its receipt's word is known."""
        return self.state != RECEIVED


@contextmanager
def arrivals(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Be the only receiver that takes files in; the connection is in autocommit.

    All that lie in the drop are landed before any is judged, so that versions are judged in their order whoever does it.
    """
    connection.execute("select pg_advisory_lock(%s)", [ARRIVALS_LOCK])
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("select pg_advisory_unlock(%s)", [ARRIVALS_LOCK])


def lock(connection: psycopg.Connection[Any], partner_code: str, feed: str | None, *, wait: bool = True) -> bool:
    """Until the transaction's end, be the only receiver of this partner's feed.

    Returns:
        False where another receiver is, and the caller does not wait.
    """
    function = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
    row = connection.execute(
        f"select {function}(%s, hashtext(%s))", [FEED_LOCK, f"{partner_code}/{feed or 'inconnu'}"]
    ).fetchone()
    assert row is not None
    return wait or bool(row[0])


def find(connection: psycopg.Connection[Any], delivery_id: str) -> Delivery | None:
    """The delivery of that id, held until the transaction's end."""
    row = connection.execute(
        f"select {_COLUMNS} from ops.deliveries where delivery_id = %s for update", [delivery_id]
    ).fetchone()
    return Delivery(*row) if row else None


def unjudged(connection: psycopg.Connection[Any]) -> list[tuple[str, str | None]]:
    """Partners and feeds of which a delivery has landed and is not judged."""
    return connection.execute(
        "select distinct partner_code, feed from ops.deliveries where state = %s order by 1, 2", [RECEIVED]
    ).fetchall()


def next_unjudged(
    connection: psycopg.Connection[Any], partner_code: str, feed: str | None, tried: list[str]
) -> Delivery | None:
    """The first delivery of a partner's feed to judge, held until the transaction's end; the caller has its lock.

    Args:
        tried: deliveries to leave out.
    """
    row = connection.execute(
        f"select {_COLUMNS} from ops.deliveries where state = %s and partner_code = %s and feed is not distinct from %s"
        " and delivery_id <> all(%s) order by period_start, version, part, received_at, delivery_id limit 1 for update",
        [RECEIVED, partner_code, feed, tried],
    ).fetchone()
    return Delivery(*row) if row else None


def record(
    connection: psycopg.Connection[Any], delivery: Delivery, landed: Landed, contract_version: str | None
) -> None:
    """Write down a delivery whose bytes have landed."""
    connection.execute(
        "insert into ops.deliveries (delivery_id, feed, partner_code, file_name, period, period_start, period_end,"
        " version, part, sha256, size_bytes, received_at, contract_version, sheet, source)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, coalesce(%s, 'DEPOT'))",
        [
            delivery.delivery_id, delivery.feed, delivery.partner_code, delivery.file_name, delivery.period,
            delivery.period_start, delivery.period_end, delivery.version, delivery.part, landed.sha256, landed.size,
            delivery.received_at, contract_version, delivery.sheet, source_of(connection, delivery),
        ],
    )  # fmt: skip
    connection.execute(
        "insert into ops.landing_files (delivery_id, path, wrapped_key) values (%s, %s, %s)",
        [delivery.delivery_id, landed.path, landed.wrapped_key],
    )


def source_of(connection: psycopg.Connection[Any], delivery: Delivery) -> str | None:
    """The source that was pulled to make this very file; none where a person dropped it."""
    row = connection.execute(
        "select source_name from ops.source_files where partner_code = %s and feed = %s and period = %s and sha256 = %s",
        [delivery.partner_code, delivery.feed, delivery.period, delivery.sha256],
    ).fetchone()
    return str(row[0]) if row else None


def landed_copies(
    connection: psycopg.Connection[Any], partner_code: str, sha256: str
) -> tuple[tuple[str, bytes] | None, int]:
    """What the landing holds of these contents of a partner.

    Returns:
        Path and wrapped key of the landed file that can still be read, and how many cannot.
    """
    rows = connection.execute(
        "select distinct f.path, f.wrapped_key from ops.landing_files as f"
        " inner join ops.deliveries as d on d.delivery_id = f.delivery_id where d.partner_code = %s and d.sha256 = %s",
        [partner_code, sha256],
    ).fetchall()
    readable = [(path, key) for path, key in rows if key is not None]
    return (readable[0] if readable else None), len({path for path, key in rows if key is None})


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
        BlockedFile: its period is to come, overlaps another grain or is fed by a source, or its version or part was
            taken already.
    """
    assert delivery.period_start is not None
    assert delivery.version is not None
    if delivery.period_start > today:
        raise BlockedFile(
            "PERIODE-FUTURE",
            f"La période {delivery.period} n'a pas encore commencé (nous sommes le {today:%d/%m/%Y}).",
            "Vérifiez la période dans le nom du fichier, puis déposez-le de nouveau.",
        )
    feeding = connection.execute(
        "select source_name from ops.source_files where partner_code = %s and feed = %s and period = %s limit 1",
        [delivery.partner_code, delivery.feed, delivery.period],
    ).fetchone()
    if feeding is not None and source_of(connection, delivery) is None:
        raise BlockedFile(
            "SOURCE-AUTOMATIQUE",
            f"La période {delivery.period} est alimentée automatiquement par votre outil (source « {feeding[0]} ») :"
            " un fichier déposé à la main la contredirait.",
            "Corrigez les données dans votre outil : elles seront reprises à la prochaine lecture. Pour revenir aux"
            " fichiers, demandez à l'équipe de pilotage d'arrêter la source.",
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


@dataclass
class Tally:
    """What became of the rows of one delivery.

    Args:
        findings, refused_source: of the first rows that have any: as many as a receipt keeps.
        waiting: of the first rows that wait: `row_number`, `value` (what for), `feed` (that brings it) and `column`.
        rules: how many findings there are of each rule and severity, and on how many rows; of all rows.
    """

    kept_findings: int
    kept_rejects: int
    kept_waiting: int = field(init=False)
    rows_received: int = 0
    rows_accepted: int = 0
    rows_awaiting: int = 0
    rows_rejected: int = 0
    findings: list[pl.DataFrame] = field(default_factory=list)
    waiting: list[pl.DataFrame] = field(default_factory=list)
    refused_source: list[pl.DataFrame] = field(default_factory=list)
    rules: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kept_waiting = self.kept_findings

    def add(self, judgement: Judgement) -> None:
        """Count one batch in."""
        self.rows_received += judgement.rows_received
        self.rows_accepted += judgement.accepted.height
        self.rows_awaiting += judgement.awaiting.height
        self.rows_rejected += judgement.rejected.height
        if judgement.findings.height:
            counts = judgement.findings.group_by("rule_id", "severity", maintain_order=True).agg(
                pl.len(), pl.col("row_number").n_unique().alias("rows")
            )
            for rule_id, severity, findings, rows in counts.iter_rows():
                before = self.rules.get((rule_id, severity), (0, 0))
                self.rules[rule_id, severity] = (before[0] + findings, before[1] + rows)
        others = judgement.findings
        if judgement.awaiting.height:
            others = others.filter(pl.col("severity") != "ATTENTE")
            self.kept_waiting -= _keep(self.waiting, _waiting(judgement), self.kept_waiting)
        self.kept_findings -= _keep(self.findings, others, self.kept_findings)
        self.kept_rejects -= _keep(self.refused_source, judgement.refused_source, self.kept_rejects)

    @property
    def warnings(self) -> int:
        """How many findings are warnings."""
        return sum(findings for (_, severity), (findings, _) in self.rules.items() if severity == "AVERTISSEMENT")


def _keep(frames: list[pl.DataFrame], frame: pl.DataFrame, room: int) -> int:
    """Keep the first rows of a frame, as many as there is room for; returns how many."""
    kept = _own(frame.head(room))
    if kept.height or not frames:
        frames.append(kept)
    return kept.height


def _waiting(judgement: Judgement) -> pl.DataFrame:
    return judgement.awaiting.select(
        row_number="_row_number", value="awaited_id", feed="awaited_feed", column="awaited_column"
    )


class Writer:
    """Copies the rows of one delivery into raw, quarantine and the rows that wait, batch by batch.

    The rows of raw are those of the load opened last in this transaction: its number and the delivery's id are defaults
    of the table's columns, so that they are sent once.
    """

    def __init__(self, connection: psycopg.Connection[Any], contract: Contract, delivery: Delivery) -> None:
        assert delivery.period_end is not None
        self._connection = connection
        self._contract = contract
        self._delivery = delivery
        self._deadline = deadline(delivery.period_end, delivery.received_at)
        kept = kept_names(contract)
        made = [name for name in contract.raw_columns if name not in kept]
        self._columns = [*kept, *made, "_row_number", "_row_hash"]
        self._raw: Copy | None = None
        self._stack = ExitStack()
        self._pending: list[Judgement] = []

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            self._close_raw()
            self._flush()
        else:
            self._stack.__exit__(*error)

    def write(self, judgement: Judgement) -> None:
        """Copy the rows of one batch."""
        if judgement.accepted.height:
            if self._raw is None:
                self._raw = self._stack.enter_context(self._copy_raw())
            for block in copy_lines.blocks(self._columns_of(judgement)):
                self._raw.write(block)
        if judgement.rejected.height or judgement.awaiting.height:
            self._pending.append(_set_apart(judgement))
            if sum(item.rejected.height + item.awaiting.height for item in self._pending) >= PENDING_ROWS:
                self._close_raw()
                self._flush()

    def _columns_of(self, judgement: Judgement) -> list[tuple[pl.Series, bool]]:
        """The rows of a batch as columns of COPY's lines, in the order of `_columns`."""
        rows, lineage = judgement.accepted, {"_row_number", "_row_hash"}
        names, first = self._columns, []
        if judgement.lines is not None:
            names, first = names[len(kept_names(self._contract)) :], [(judgement.lines, True)]
        return [*first, *((rows[name], name in lineage) for name in names)]

    @contextmanager
    def _copy_raw(self) -> Iterator[Copy]:
        statement = sql.SQL("copy {} ({}) from stdin ({})").format(
            sql.Identifier("raw", self._contract.raw_table),
            sql.SQL(", ").join(map(sql.Identifier, self._columns)),
            sql.SQL(copy_lines.OPTIONS),
        )
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            yield copy

    def _close_raw(self) -> None:
        self._stack.close()
        self._raw = None

    def _flush(self) -> None:
        for judgement in self._pending:
            _copy_rejected(self._connection, self._delivery, judgement.findings, judgement.rejected)
            _copy_awaiting(self._connection, self._delivery, judgement, self._deadline)
        self._pending.clear()


def _set_apart(judgement: Judgement) -> Judgement:
    """What is written later of a batch, without the rest of it."""
    refusals = judgement.findings.filter(pl.col("severity").is_in(["REFUSE", "ATTENTE"]))
    return replace(
        judgement,
        accepted=judgement.accepted.clear(),
        awaiting=_own(judgement.awaiting),
        findings=_own(refusals),
        rejected=_own(judgement.rejected),
        refused_source=judgement.refused_source.clear(),
        lines=None,
    )


def _own(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows in buffers of their own: some rows of a large frame would keep all of its text in memory."""
    return frame.clear() if frame.is_empty() else pl.DataFrame.deserialize(BytesIO(frame.serialize()))


def begin(connection: psycopg.Connection[Any], delivery: Delivery) -> int:
    """Open the load of a delivery; returns its id."""
    return _new_load(connection, delivery.delivery_id, "LIVRAISON", 0)


def counted(delivery: Delivery, tally: Tally, judged_at: dt.datetime) -> Delivery:
    """The delivery with what became of its rows, and the word of its receipt."""
    judged = replace(
        delivery,
        is_blocked=False,
        judged_at=judged_at,
        rows_received=tally.rows_received,
        rows_accepted=tally.rows_accepted,
        rows_awaiting=tally.rows_awaiting,
        rows_rejected=tally.rows_rejected,
    )
    return replace(judged, state=state_word(judged, tally.warnings))


def conclude(connection: psycopg.Connection[Any], judged: Delivery, load_id: int) -> None:
    """Close the load of a judged delivery: how many rows it has, what it replaces."""
    connection.execute("update ops.loads set rows_accepted = %s where load_id = %s", [judged.rows_accepted, load_id])
    # a file refused whole replaces nothing: the last good version stays
    if judged.state != REFUSED:
        _supersede(connection, judged, load_id)
    save(connection, judged)


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


def drop_replaced(connection: psycopg.Connection[Any]) -> None:
    """Let no row wait on of a delivery that another one stands for; one that a person has to release does not yet."""
    connection.execute(
        sql.SQL(
            "update quarantine.awaiting_rows as a set outcome = 'REMPLACEE', settled_at = clock_timestamp()"
            " where a.outcome is null and {}"
        ).format(is_replaced("a"))
    )


def awaited_feeds(connection: psycopg.Connection[Any]) -> list[str]:
    """Feeds that rows wait for."""
    rows = connection.execute("select distinct awaited_feed from quarantine.awaiting_rows where outcome is null")
    return sorted(feed for (feed,) in rows)


def deliveries_to_settle(connection: psycopg.Connection[Any], contract: Contract) -> list[str]:
    """Deliveries of which a row waits for a row of this feed that it may refer to by now."""
    if contract.identifier is None:
        return []
    statement = sql.SQL(
        "with waiting as materialized (select distinct delivery_id, feed, awaited_id, awaited_column"
        " from quarantine.awaiting_rows where outcome is null and awaited_feed = {feed}), own as materialized ({own})"
        " select distinct waiting.delivery_id from {objects} where {known} and {dated} order by 1"
    ).format(
        feed=contract.feed,
        own=referring(
            contract,
            sql.SQL(
                "select delivery_id, partner_code, period_start, period_end, false as others_at_once"
                " from ops.deliveries where delivery_id in (select w.delivery_id from waiting as w)"
            ),
        ),
        objects=objects(
            contract,
            sql.SQL(
                "inner join waiting on waiting.awaited_id = r.{}"
                " inner join own on own.delivery_id = waiting.delivery_id"
            ).format(sql.Identifier(contract.identifier)),
        ),
        known=is_known(contract),
        dated=_is_dated(contract),
    )
    return [delivery_id for (delivery_id,) in connection.execute(statement)]


def _is_dated(contract: Contract) -> sql.Composable:
    """Condition: the row of this feed has the date that the waiting one is judged against, where it waits for that."""
    conditions: list[sql.Composable] = [sql.SQL("true")]
    for other in load_contracts().values():
        first = other.reference.references if other.reference else None
        if first is None or contract.feed not in {feed for _, feed in first.feeds}:
            continue
        conditions += [
            sql.SQL("(waiting.feed <> {} or waiting.awaited_column <> {} or r.{} is not null)").format(
                other.feed, rule.column, sql.Identifier(rule.of)
            )
            for rule in other.object_dates
        ]
    return sql.SQL(" and ").join(conditions)


def deliveries_overdue(connection: psycopg.Connection[Any], today: dt.date) -> list[str]:
    """Deliveries of which a row has waited beyond its deadline."""
    rows = connection.execute(
        "select distinct delivery_id from quarantine.awaiting_rows"
        " where outcome is null and deadline_on < %s order by delivery_id",
        [today],
    )
    return [delivery_id for (delivery_id,) in rows]


@dataclass(frozen=True, slots=True)
class Settled:
    """Rows of one delivery that waited and wait no more.

    Args:
        accepted: how many were.
        refused: the lines of those that were not.
        warnings: findings on what was accepted.
    """

    accepted: int
    refused: pl.Series
    warnings: pl.DataFrame


def settle(
    connection: psycopg.Connection[Any],
    contract: Contract,
    delivery: Delivery,
    judge: Callable[[pl.DataFrame], Judgement],
    overdue_on: dt.date | None = None,
) -> tuple[Delivery, Settled | None]:
    """Judge the waiting rows of one delivery again; the caller holds the delivery and issues its revised receipt.

    Args:
        judge: judges rows shaped as `Judgement.awaiting`.
        overdue_on: only the rows whose deadline is before this day; by default every row that waits.

    Returns:
        The delivery with its new counters, and what was settled; none when every row waits on.
    """
    load_id: int | None = None
    accepted, refused = 0, pl.Series("row_number", [], pl.Int64)
    warnings: list[pl.DataFrame] = []
    now = dt.datetime.now(dt.UTC)
    for rows in _awaiting(connection, contract, delivery.delivery_id, overdue_on):
        judgement = judge(rows)
        _wait_on(connection, delivery.delivery_id, rows, judgement)
        if judgement.accepted.is_empty() and judgement.rejected.is_empty():
            continue
        # a load even of no row: the figures on deliveries change, so that a build has to see it
        load_id = load_id or _new_load(connection, delivery.delivery_id, "ATTENTE_RESOLUE", 0)
        with Writer(connection, contract, delivery) as writer:
            writer.write(replace(judgement, awaiting=judgement.awaiting.clear()))
        rejected = judgement.rejected["row_number"].cast(pl.Int64)
        _close(connection, delivery.delivery_id, judgement.accepted["_row_number"], "ACCEPTEE", now)
        _close(connection, delivery.delivery_id, rejected, "REFUSEE", now)
        accepted += judgement.accepted.height
        refused = pl.concat([refused, rejected])
        warnings.append(judgement.findings.filter(pl.col("severity") == "AVERTISSEMENT"))
    if load_id is None:
        return delivery, None
    connection.execute("update ops.loads set rows_accepted = %s where load_id = %s", [accepted, load_id])
    settled = Settled(accepted, refused, pl.concat(warnings))
    return _recount(connection, delivery, settled), settled


def _wait_on(connection: psycopg.Connection[Any], delivery_id: str, rows: pl.DataFrame, judgement: Judgement) -> None:
    """Note what rows wait for next: what they waited for has come, and they refer to something else as well."""
    wanted = ["_row_number", "awaited_feed", "awaited_id", "awaited_column"]
    moved = judgement.awaiting.select(wanted).join(rows.select(wanted), on=wanted, how="anti")
    if moved.is_empty():
        return
    connection.execute(
        "update quarantine.awaiting_rows as a set awaited_feed = n.feed, awaited_id = n.id, awaited_column = n.name"
        " from unnest(%s::int[], %s::text[], %s::text[], %s::text[]) as n (row_number, feed, id, name)"
        " where a.delivery_id = %s and a.row_number = n.row_number and a.outcome is null",
        [
            moved["_row_number"].to_list(), moved["awaited_feed"].to_list(), moved["awaited_id"].to_list(),
            moved["awaited_column"].to_list(), delivery_id,
        ],
    )  # fmt: skip


def _recount(connection: psycopg.Connection[Any], delivery: Delivery, settled: Settled) -> Delivery:
    accepted, rejected = settled.accepted, settled.refused.len()
    before = connection.execute(
        "select (body ->> 'warnings')::int from ops.receipts where delivery_id = %s order by revision desc limit 1",
        [delivery.delivery_id],
    ).fetchone()
    changed = replace(
        delivery,
        rows_accepted=delivery.rows_accepted + accepted,
        rows_awaiting=delivery.rows_awaiting - accepted - rejected,
        rows_rejected=delivery.rows_rejected + rejected,
    )
    warnings = (before[0] if before else 0) + settled.warnings.height
    changed = replace(changed, state=state_word(changed, warnings))
    save(connection, changed)
    return changed


def _new_load(connection: psycopg.Connection[Any], delivery_id: str, kind: str, rows: int) -> int:
    """Open a load; until the transaction's end, rows of raw are by default its own."""
    row = connection.execute(
        "with opened as (insert into ops.loads (delivery_id, kind, rows_accepted) values (%s, %s, %s)"
        " returning load_id, delivery_id)"
        " select load_id, set_config('lakou.load_id', load_id::text, true),"
        " set_config('lakou.delivery_id', delivery_id, true) from opened",
        [delivery_id, kind, rows],
    ).fetchone()
    assert row is not None
    return int(row[0])


def _supersede(connection: psycopg.Connection[Any], delivery: Delivery, load_id: int) -> None:
    """A higher version stands for the whole period, absent rows included."""
    statement = sql.SQL(
        "insert into ops.supersessions (superseded_delivery_id, superseding_load_id, cause)"
        " select d.delivery_id, %s, 'VERSION' from ops.deliveries as d where d.partner_code = %s and d.feed = %s"
        " and d.period = %s and d.version < %s and d.state <> %s and not d.is_blocked and not {}"
    ).format(is_replaced("d"))
    values = [load_id, delivery.partner_code, delivery.feed, delivery.period, delivery.version, RECEIVED]
    connection.execute(statement, values)


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
    connection: psycopg.Connection[Any], delivery: Delivery, judgement: Judgement, deadline_on: dt.date
) -> None:
    rows = judgement.awaiting
    if rows.is_empty():
        return
    values = [name for name in rows.columns if name not in {"_row_number", *AWAITED}]
    frame = rows.select(
        pl.lit(delivery.delivery_id).alias("delivery_id"),
        pl.col("_row_number").alias("row_number"),
        pl.lit(delivery.feed).alias("feed"),
        *AWAITED,
        pl.struct(values).struct.json_encode().alias("row_values"),
        pl.lit(deadline_on).alias("deadline_on"),
    )
    _copy(connection, ("quarantine", "awaiting_rows"), frame)


def _awaiting(
    connection: psycopg.Connection[Any], contract: Contract, delivery_id: str, overdue_on: dt.date | None
) -> Iterator[pl.DataFrame]:
    """Rows of one delivery still waiting, in the shape of `Judgement.awaiting`, held until the transaction's end."""
    schema = {"_row_number": pl.Int32, **dict.fromkeys((*AWAITED, "row_values"), pl.String)}
    values = pl.Struct(dict.fromkeys((*contract.raw_columns, "_row_hash"), pl.String))
    last = -1
    while True:
        rows = connection.execute(
            "select row_number, awaited_feed, awaited_id, awaited_column, row_values::text"
            " from quarantine.awaiting_rows"
            " where delivery_id = %(delivery)s and outcome is null and row_number > %(last)s"
            " and (%(overdue_on)s::date is null or deadline_on < %(overdue_on)s)"
            " order by row_number limit %(rows)s for update",
            {"delivery": delivery_id, "overdue_on": overdue_on, "last": last, "rows": SETTLED_ROWS},
        ).fetchall()
        if not rows:
            return
        last = rows[-1][0]
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        yield frame.with_columns(pl.col("row_values").str.json_decode(values)).unnest("row_values")


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
    """The stable name of a delivery: the same contents with the same meaning are the same delivery."""
    if name is None:
        return f"X-{partner_code}-{sha256[:12]}"
    part = f"-r{name.part}" if name.part else ""
    return f"{name.feed}-{partner_code}-{name.period.text}-v{name.version}{part}-{sha256[:8]}"


def version_of_export(
    connection: psycopg.Connection[Any], partner_code: str, sha256: str, feed: str, period: str
) -> int:
    """The version of a file whose name says none: the one that it had when it came before, else the next one."""
    row = connection.execute(
        "select max(version) filter (where sha256 = %s), max(version) from ops.deliveries"
        " where partner_code = %s and feed = %s and period = %s",
        [sha256, partner_code, feed, period],
    ).fetchone()
    assert row is not None
    return int(row[0] or (row[1] or 0) + 1)


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
