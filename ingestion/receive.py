"""Take in what lies in the drop: every file of every partner, in the order in which feeds refer to each other."""

from __future__ import annotations

import datetime as dt
import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import psycopg

from ingestion import drop, landing, loading, receipts
from ingestion.contracts import Contract, load_contract
from ingestion.database import business_date, connect
from ingestion.drop import QUIET_SECONDS, Dropped
from ingestion.errors import BlockedFile, ConfigurationError, DatabaseError, LakouError
from ingestion.judging import Context, Judgement, References, judge_awaited, judge_file, references_of, refuse_awaited
from ingestion.loading import Delivery
from ingestion.naming import DropName, parse_file_name, parse_period
from ingestion.partners import Partner, list_partners
from ingestion.pseudonyms import Pseudonymiser
from ingestion.reading import read_table
from ingestion.settings import Settings

if TYPE_CHECKING:
    from psycopg import Connection

log = logging.getLogger(__name__)
SESSIONS_FEED = "F01"
_OURS = str(Path(__file__).resolve().parent)
_SESSIONS = pl.Schema(
    {
        "partner_code": pl.String,
        "session_id": pl.String,
        "duree_prevue_h": pl.Float64,
        "places": pl.Int64,
        "programme_code": pl.String,
        "modalite": pl.String,
        "delivery_id": pl.String,
        "period": pl.String,
        "period_end": pl.Date,
        "version": pl.Int64,
        "part": pl.Int64,
        "load_id": pl.Int64,
    }
)


@dataclass(frozen=True, slots=True)
class ReceiveSummary:
    """What one run took in.

    Args:
        files: files found ready in the drop.
        accepted, reserved, refused: new deliveries by their word; `repeated`: files that had been received before.
        rows_accepted, rows_awaiting, rows_rejected: rows of the new deliveries.
        loads: loads written, those of settled rows included.
        settled, expired: waiting rows of earlier deliveries that were judged at last, or waited too long.
        failures: what could not be taken, one sentence each; it stays in the drop for the next run.
    """

    files: int
    accepted: int
    reserved: int
    refused: int
    repeated: int
    rows_accepted: int
    rows_awaiting: int
    rows_rejected: int
    loads: int
    settled: int
    expired: int
    failures: tuple[str, ...]


def receive(
    settings: Settings,
    received_at: Callable[[Path], dt.datetime] | None = None,
    progress: Callable[[str], None] = log.info,
    quiet_seconds: float = QUIET_SECONDS,
) -> ReceiveSummary:
    """Take in, once, what lies in the drop.

    A file that cannot be taken stays where it is and stops no other; a run can be killed at any instant and run again.

    Args:
        received_at: when a file was received, with its zone; by default now.
        quiet_seconds: how long a file must not have changed.

    Raises:
        ConfigurationError: a key is missing: nothing is taken.
        DatabaseError: PostgreSQL does not answer.
    """
    with _receiver(settings) as receiver:
        return receiver.run(received_at or (lambda _: dt.datetime.now(dt.UTC)), progress, quiet_seconds)


def replay(settings: Settings, delivery_id: str) -> Delivery:
    """Judge a delivery again from the landing, if none of its rows is loaded.

    Returns:
        The delivery as it stands; unchanged when it was loaded already.

    Raises:
        LakouError: there is no such delivery, or its bytes cannot be read.
    """
    with _receiver(settings) as receiver:
        delivery = receiver.find(delivery_id)
        receiver.judge(receiver.work_of(delivery))
        receiver.write_indexes({delivery.partner_code})
        return receiver.find(delivery_id)


def check_file(settings: Settings, path: Path, partner_code: str | None = None) -> Judgement:
    """Judge a file as the drop would, and write nothing.

    Args:
        partner_code: whose file it is; by default the one that its name gives.

    Raises:
        BlockedFile: the whole file would be refused.
        LakouError: there is no such partner, or a key is missing.
    """
    with _receiver(settings) as receiver:
        name = parse_file_name(path.name)
        partner = receiver.partner(partner_code or name.partner_code)
        sha256, size = landing.fingerprint(path)
        work = receiver.work_for(
            Dropped(partner.partner_code, path, path.name, sha256, size, 0.0), dt.datetime.now(dt.UTC)
        )
        return receiver.preview(work, path)


@dataclass(frozen=True, slots=True)
class _Work:
    """One delivery to take: its file if it still lies in the drop, and what its name says."""

    delivery: Delivery
    dropped: Dropped | None
    extension: str
    blocked: BlockedFile | None

    @property
    def order(self) -> tuple[Any, ...]:
        """Feeds in the order of their references, then periods and versions."""
        delivery = self.delivery
        return (
            delivery.feed or "Z",
            delivery.period_start or dt.date.max,
            delivery.version or 0,
            delivery.part,
            delivery.partner_code,
        )


class _Receiver:
    """One run: a connection in autocommit and what is read once for all files."""

    def __init__(self, settings: Settings, connection: Connection[Any], pseudonymiser: Pseudonymiser) -> None:
        self._settings = settings
        self._connection = connection
        self._pseudonymiser = pseudonymiser
        self._partners = {partner.partner_code: partner for partner in list_partners(connection)}
        self._today = business_date(connection, dt.datetime.now(dt.UTC))
        self._sessions = _sessions_in_force(connection)
        self._references: dict[str, References] = {}
        self._counts: Counter[str] = Counter()

    def run(
        self, received_at: Callable[[Path], dt.datetime], progress: Callable[[str], None], quiet_seconds: float
    ) -> ReceiveSummary:
        found = drop.scan(self._settings, self._partners, quiet_seconds)
        work = [self.work_for(dropped, received_at(dropped.path)) for dropped in found]
        waiting = {item.delivery.delivery_id for item in work}
        resumed = [delivery for delivery in loading.unjudged(self._connection) if delivery.delivery_id not in waiting]
        work += [self.work_of(delivery) for delivery in resumed]
        touched: set[str] = set()
        failures: list[str] = []
        for item in sorted(work, key=lambda item: item.order):
            name = f"{item.delivery.partner_code}/{item.delivery.file_name}"
            with _kept_apart(self._connection, name, failures):
                self.take(item, progress)
                touched.add(item.delivery.partner_code)
        with _kept_apart(self._connection, "the rows that wait", failures):
            touched |= self._settle_known() | self._expire()
        with _kept_apart(self._connection, "the lists of deliveries", failures):
            self.write_indexes(touched | self._stale_indexes())
        counts = self._counts
        if found or resumed:
            progress(
                f"{len(found)} files: {counts['accepted']} accepted, {counts['reserved']} with reserves,"
                f" {counts['refused']} refused, {counts['repeated']} received before;"
                f" {counts['rows_accepted']} rows accepted, {counts['rows_awaiting']} awaiting,"
                f" {counts['rows_rejected']} refused"
            )
        return ReceiveSummary(
            files=len(found),
            failures=tuple(failures),
            **{name: counts[name] for name in ReceiveSummary.__dataclass_fields__ if name not in {"files", "failures"}},
        )

    def find(self, delivery_id: str) -> Delivery:
        with self._connection.transaction():
            delivery = loading.find(self._connection, delivery_id)
        if delivery is None:
            raise LakouError(f"there is no delivery {delivery_id!r}", "see `lakou status --json` or ops.deliveries")
        return delivery

    def partner(self, partner_code: str) -> Partner:
        if partner_code not in self._partners:
            raise LakouError(f"there is no partner {partner_code!r}", "see `lakou partner list`")
        return self._partners[partner_code]

    def work_for(self, dropped: Dropped, received_at: dt.datetime) -> _Work:
        """What a file in the drop is, by its name."""
        name, blocked = self._read_name(dropped.partner_code, dropped.file_name)
        period = name.period if name else None
        delivery = Delivery(
            delivery_id=loading.delivery_id(dropped.partner_code, name, dropped.sha256),
            feed=name.feed if name else None,
            partner_code=dropped.partner_code,
            file_name=dropped.file_name,
            period=period.text if period else None,
            period_start=period.start if period else None,
            period_end=period.end if period else None,
            version=name.version if name else None,
            part=name.part if name else 0,
            sha256=dropped.sha256,
            size_bytes=dropped.size,
            received_at=received_at,
        )
        return _Work(delivery, dropped, name.extension if name else "", blocked)

    def work_of(self, delivery: Delivery) -> _Work:
        """What a delivery in the landing is."""
        name, blocked = self._read_name(delivery.partner_code, delivery.file_name)
        return _Work(delivery, None, name.extension if name else "", blocked)

    def take(self, work: _Work, progress: Callable[[str], None]) -> None:
        """Land, judge and load one delivery, then move its file away: each step may be the last one of this run."""
        if work.dropped is not None:
            self._land(work, work.dropped)
        judged, is_new = self.judge(work)
        if is_new:
            progress(
                f"{judged.delivery_id}: {judged.state}, {judged.rows_received} rows = {judged.rows_accepted} accepted"
                f" + {judged.rows_awaiting} awaiting + {judged.rows_rejected} refused"
            )
        if work.dropped is None:
            return
        if not is_new:
            self._answer_again(work, judged)
        drop.set_aside(work.dropped)

    def judge(self, work: _Work) -> tuple[Delivery, bool]:
        """Judge and load one landed delivery.

        Returns:
            The delivery as it stands, and whether this call changed it.
        """
        connection, feed = self._connection, work.delivery.feed
        contract = load_contract(feed) if feed else None
        counts: Counter[str] = Counter()
        sessions = self._sessions
        now = dt.datetime.now(dt.UTC)
        with connection.transaction():
            loading.lock(connection, work.delivery.partner_code, feed)
            known = loading.find(connection, work.delivery.delivery_id)
            if known is None:
                raise LakouError(f"the delivery {work.delivery.delivery_id} is gone", "run `lakou receive` again")
            if known.is_judged and not known.is_blocked:
                return known, False
            # a file blocked by its name may come again, the same, under a better one
            known = replace(known, file_name=work.delivery.file_name)
            try:
                judgement = self._judge_landed(known, contract, work)
            except BlockedFile as blocked:
                if known.is_judged and self._is_same_verdict(known, blocked):
                    return known, False
                judged = loading.load_blocked(connection, known, blocked, now)
                findings = pl.DataFrame(
                    [(0, "", "", blocked.rule_id, "BLOQUE", blocked.what, blocked.remedy)],
                    schema=receipts.FINDINGS,
                    orient="row",
                )
                self._issue(contract, judged, findings, None)
                counts["loads"] += feed is not None and not known.is_judged
            else:
                assert contract is not None
                judged, load_id = loading.load(connection, contract, known, judgement, now)
                findings = self._with_deadline(judged, contract, judgement)
                self._issue(contract, judged, findings, judgement.refused_source)
                counts.update(
                    loads=1,
                    rows_accepted=judged.rows_accepted,
                    rows_awaiting=judged.rows_awaiting,
                    rows_rejected=judged.rows_rejected,
                )
                if feed == SESSIONS_FEED and judged.state != loading.REFUSED:
                    sessions = _with_load(sessions, judged, load_id, judgement.accepted)
                    awaited = judgement.accepted["session_id"].to_list()
                    for delivery_id in loading.deliveries_awaiting(connection, SESSIONS_FEED, awaited):
                        counts += self._settle(delivery_id, sessions)
        # only now is it true
        if sessions is not self._sessions:
            self._sessions = sessions
            self._references.clear()
        word = {loading.ACCEPTED: "accepted", loading.WITH_RESERVES: "reserved", loading.REFUSED: "refused"}
        self._counts += counts
        self._counts[word[judged.state]] += 1
        return judged, True

    def preview(self, work: _Work, path: Path) -> Judgement:
        """The judgement that a file would get; nothing is written."""
        if work.blocked is not None:
            raise work.blocked
        assert work.delivery.feed is not None
        with self._connection.transaction(force_rollback=True):
            loading.check_place(self._connection, work.delivery, self._today)
        return judge_file(path, work.extension, self._context(work.delivery, load_contract(work.delivery.feed)))

    def write_indexes(self, partner_codes: set[str]) -> None:
        for code in sorted(partner_codes & set(self._partners)):
            receipts.write_index(self._settings, self._connection, code, self._partners[code].name, self._today)

    def _stale_indexes(self) -> set[str]:
        """Partners whose list was not written today: what was due may be late now."""
        now = dt.datetime.now(dt.UTC).date()
        stale = set()
        for code in self._partners:
            path = self._settings.drop / code / "accuses" / "index.html"
            if path.parent.is_dir() and not (
                path.exists() and dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC).date() == now
            ):
                stale.add(code)
        return stale

    def _read_name(self, partner_code: str, file_name: str) -> tuple[DropName | None, BlockedFile | None]:
        try:
            name = parse_file_name(file_name)
        except BlockedFile as blocked:
            return None, blocked
        if name.partner_code != partner_code:
            return name, BlockedFile(
                "PARTENAIRE-DIFFERENT",
                f"Le nom du fichier porte le code {name.partner_code}, mais ce dossier est celui de {partner_code}.",
                f"Écrivez {partner_code} dans le nom du fichier, si ces données sont bien les vôtres.",
            )
        feeds = self._partners[partner_code].feeds
        if name.feed not in feeds:
            return name, BlockedFile(
                "FLUX-NON-PREVU",
                f"Le flux {name.feed} n'est pas prévu pour votre compte.",
                f"Vos flux sont : {', '.join(feeds)}. S'il vous revient, demandez à l'équipe de pilotage de l'ajouter.",
            )
        return name, None

    def _land(self, work: _Work, dropped: Dropped) -> None:
        delivery = work.delivery
        with self._connection.transaction():
            loading.lock(self._connection, delivery.partner_code, delivery.feed)
            if loading.find(self._connection, delivery.delivery_id) is not None:
                return
            landed = landing.store(self._settings, delivery.delivery_id, dropped.path)
            if landed.sha256 != dropped.sha256:
                raise LakouError(
                    f"{dropped.path} changed while it was being read", "nothing to do: the next run takes it"
                )
            version = load_contract(delivery.feed).version if delivery.feed else None
            loading.record(self._connection, delivery, landed, version)

    def _judge_landed(self, delivery: Delivery, contract: Contract | None, work: _Work) -> Judgement:
        if work.blocked is not None:
            raise work.blocked
        assert contract is not None
        loading.check_place(self._connection, delivery, self._today)
        path, key = loading.landed_file(self._connection, delivery.delivery_id)
        with landing.open_landed(self._settings, path, key) as clear:
            return judge_file(clear, work.extension, self._context(delivery, contract))

    def _is_same_verdict(self, delivery: Delivery, blocked: BlockedFile) -> bool:
        row = self._connection.execute(
            "select 1 from quarantine.rejected_rows where delivery_id = %s and row_number = 0 and rule_id = %s",
            [delivery.delivery_id, blocked.rule_id],
        ).fetchone()
        return row is not None

    def _answer_again(self, work: _Work, delivery: Delivery) -> None:
        assert work.dropped is not None
        assert delivery.judged_at is not None
        # a file older than its judgement was only left behind by a run that was stopped: it did not come twice
        came_again = work.dropped.arrived_at > delivery.judged_at.timestamp()
        contract = load_contract(delivery.feed) if delivery.feed else None
        name = work.dropped.file_name if came_again else None
        receipts.answer_again(
            self._settings, self._connection, contract=contract, delivery=delivery, today=self._today, file_name=name
        )
        self._counts["repeated"] += 1

    def _with_deadline(self, delivery: Delivery, contract: Contract, judgement: Judgement) -> pl.DataFrame:
        """The findings, those on waiting rows said with the day until which they wait."""
        assert delivery.period_end is not None
        if judgement.awaiting.is_empty() or contract.reference is None:
            return judgement.findings
        deadline = loading.deadline(delivery.period_end, delivery.received_at)
        waiting = receipts.awaiting_findings(
            judgement.awaiting.select(
                row_number="_row_number",
                value="awaited_id",
                feed="awaited_feed",
                deadline=pl.lit(f"{deadline:%d/%m/%Y}"),
            ),
            contract.reference.name,
        )
        others = judgement.findings.filter(pl.col("severity") != "ATTENTE")
        return pl.concat([others.select(pl.col(name).cast(kind) for name, kind in receipts.FINDINGS.items()), waiting])

    def _settle(self, delivery_id: str, sessions: pl.DataFrame, *, overdue: bool = False) -> Counter[str]:
        """Judge the waiting rows of one delivery with these sessions; the caller opens the transaction."""
        connection = self._connection
        delivery = loading.find(connection, delivery_id)
        assert delivery is not None
        assert delivery.feed is not None
        contract = load_contract(delivery.feed)
        context = self._context(delivery, contract, sessions)
        judge = refuse_awaited if overdue else judge_awaited
        changed, judgement = loading.settle(
            connection, contract, delivery, lambda rows: judge(rows, context), self._today if overdue else None
        )
        if judgement is None:
            return Counter()
        refused = set(judgement.rejected["row_number"].to_list())
        books = receipts.findings_in_books(connection, contract, delivery_id)
        source = self._source_rows(changed, contract, refused) if refused else None
        self._issue(contract, changed, books, source)
        return Counter({"loads": 1, "expired" if overdue else "settled": judgement.accepted.height + len(refused)})

    def _settle_known(self) -> set[str]:
        """Settle rows whose session another receiver wrote while they were being judged."""
        waiting = loading.deliveries_to_settle(self._connection)
        return self._settle_all(waiting, _sessions_in_force(self._connection)) if waiting else set()

    def _expire(self) -> set[str]:
        """Refuse the rows that waited beyond their deadline."""
        overdue = loading.deliveries_overdue(self._connection, self._today)
        return self._settle_all(overdue, self._sessions, overdue=True)

    def _settle_all(self, delivery_ids: list[str], sessions: pl.DataFrame, *, overdue: bool = False) -> set[str]:
        touched = set()
        for delivery_id in delivery_ids:
            with self._connection.transaction():
                counts = self._settle(delivery_id, sessions, overdue=overdue)
            self._counts += counts
            touched.add(self.find(delivery_id).partner_code)
        return touched

    def _issue(
        self, contract: Contract | None, delivery: Delivery, findings: pl.DataFrame, source: pl.DataFrame | None
    ) -> None:
        receipts.issue(
            self._settings,
            self._connection,
            contract=contract,
            delivery=delivery,
            findings=findings,
            refused_source=source,
            today=self._today,
        )

    def _source_rows(self, delivery: Delivery, contract: Contract, numbers: set[int]) -> pl.DataFrame | None:
        """These rows as the partner wrote them; none once the key of the bytes is destroyed."""
        path, key = loading.landed_file(self._connection, delivery.delivery_id)
        if key is None:
            return None
        extension = parse_file_name(delivery.file_name).extension
        with landing.open_landed(self._settings, path, key) as clear:
            return receipts.source_rows(read_table(clear, extension, contract), numbers)

    def _context(self, delivery: Delivery, contract: Contract, sessions: pl.DataFrame | None = None) -> Context:
        partner = self._partners[delivery.partner_code]
        assert delivery.period is not None
        return Context(
            contract=contract,
            partner_code=partner.partner_code,
            programme_code=partner.programme_code,
            period=parse_period(delivery.period),
            pseudonymiser=self._pseudonymiser,
            references=self._references_of(partner.programme_code, sessions),
            has_convention=partner.has_convention,
        )

    def _references_of(self, programme_code: str, sessions: pl.DataFrame | None) -> References:
        if sessions is not None:
            return references_of(programme_code, self._of_programme(sessions, programme_code))
        if programme_code not in self._references:
            known = self._of_programme(self._sessions, programme_code)
            self._references[programme_code] = references_of(programme_code, known)
        return self._references[programme_code]

    def _of_programme(self, sessions: pl.DataFrame, programme_code: str) -> pl.DataFrame:
        """Sessions of a programme, and those that its partners declare for another one."""
        own = [code for code, partner in self._partners.items() if partner.programme_code == programme_code]
        return sessions.filter((pl.col("programme_code") == programme_code) | pl.col("partner_code").is_in(own))


@contextmanager
def _receiver(settings: Settings) -> Iterator[_Receiver]:
    # a missing key stops everything here, before anything is taken
    pseudonymiser = load_pseudonymiser(settings)
    landing.check(settings)
    with connect(settings) as connection:
        connection.autocommit = True
        yield _Receiver(settings, connection, pseudonymiser)


def load_pseudonymiser(settings: Settings) -> Pseudonymiser:
    """What turns names into keyed hashes.

    Raises:
        ConfigurationError: the key is missing, unreadable or no key.
    """
    text = settings.secret("hmac.key")
    try:
        return Pseudonymiser(bytes.fromhex(text))
    except ValueError as error:
        raise ConfigurationError(
            f"{settings.secrets / 'hmac.key'} is not a key of hexadecimal digits",
            "put it back from its custodian's copy",
        ) from error


@contextmanager
def _kept_apart(connection: Connection[Any], name: str, failures: list[str]) -> Iterator[None]:
    """Let what fails here stop nothing else, unless no other could succeed either."""
    try:
        yield
    except ConfigurationError:
        raise
    except LakouError as error:
        failures.append(f"{name}: {error.what}; {error.remedy}")
    except psycopg.Error as error:
        if connection.closed:
            raise DatabaseError(
                f"PostgreSQL went away while {name} was being taken", "see `make status`; what was not taken stays"
            ) from error
        failures.append(f"{name}: PostgreSQL refuses it ({error.diag.message_primary})")
    except OSError as error:
        failures.append(f"{name}: {error.strerror or error}")
    except (Exception, pl.exceptions.PanicException) as error:
        # its text may quote a cell, and no cell goes to a log
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_OURS)]
        where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
        failures.append(f"{name}: {type(error).__name__} at {where}; this is a fault of ours, the file stays")
    else:
        return
    log.error("%s", failures[-1])


def _sessions_in_force(connection: Connection[Any]) -> pl.DataFrame:
    """Every session known, as the last delivery in force tells it, with what orders the deliveries."""
    table = load_contract(SESSIONS_FEED).raw_table
    rows = connection.execute(
        "select d.partner_code, s.session_id, s.duree_prevue_h::float8, s.places::int, s.programme_code, s.modalite,"
        f" d.delivery_id, d.period, d.period_end, d.version, d.part, s._load_id from raw.{table} as s"
        " inner join ops.deliveries as d on d.delivery_id = s._delivery_id where not exists"
        " (select 1 from ops.supersessions as p where p.superseded_delivery_id = s._delivery_id)"
    ).fetchall()
    return _newest(pl.DataFrame(rows, schema=_SESSIONS, orient="row"))


def _with_load(sessions: pl.DataFrame, delivery: Delivery, load_id: int, accepted: pl.DataFrame) -> pl.DataFrame:
    """The sessions known once this delivery is loaded."""
    replaced = (
        (pl.col("partner_code") == delivery.partner_code)
        & (pl.col("period") == delivery.period)
        & (pl.col("version") < delivery.version)
    )
    added = accepted.select(
        pl.lit(delivery.partner_code).alias("partner_code"),
        "session_id",
        "duree_prevue_h",
        "places",
        "programme_code",
        "modalite",
        pl.lit(delivery.delivery_id).alias("delivery_id"),
        pl.lit(delivery.period).alias("period"),
        pl.lit(delivery.period_end).alias("period_end"),
        pl.lit(delivery.version).alias("version"),
        pl.lit(delivery.part).alias("part"),
        pl.lit(load_id).alias("load_id"),
    ).cast(_SESSIONS)
    return _newest(pl.concat([sessions.filter(~replaced), added]))


def _newest(sessions: pl.DataFrame) -> pl.DataFrame:
    return sessions.sort("period_end", "version", "part", "load_id").unique(
        ["partner_code", "session_id"], keep="last", maintain_order=True
    )
