"""Take in what lies in the drop: every file of every partner, in the order in which feeds refer to each other."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import polars as pl
import psycopg

from ingestion import drop, holding, landing, loading, mail, measuring, receipts, reminders
from ingestion.contracts import Contract, feed_order, load_contract
from ingestion.database import INTAKE_LOCK, business_date, connect
from ingestion.drop import QUIET_SECONDS, Dropped
from ingestion.erased_people import erased_for
from ingestion.errors import BlockedFile, ConfigurationError, DatabaseError, LakouError
from ingestion.exports.opening import meanings_of_export, open_dropped
from ingestion.judging import (
    PASSES,
    Context,
    FileFacts,
    FileJudge,
    Judgement,
    References,
    check_convention,
    judge_awaited,
    judge_overdue,
    judge_reading,
    references_of,
)
from ingestion.loading import Delivery, Tally, Writer
from ingestion.logs import about
from ingestion.meaning import Meaning, meanings
from ingestion.naming import extension_of, parse_file_name, parse_period
from ingestion.partners import Partner, list_partners
from ingestion.pipelining import ahead
from ingestion.pseudonyms import Pseudonymiser
from ingestion.reading import Batch, Header, Reading, read_marks
from ingestion.referring import KnownRows
from ingestion.settings import Settings

if TYPE_CHECKING:
    from psycopg import Connection

log = logging.getLogger(__name__)
SECONDS_BETWEEN_LINES = 2.0
# clear copies of large files are kept until they are judged, as long as they are few and small enough
KEPT_CLEAR_FILES = 16
KEPT_CLEAR_BYTES = 1 << 30
_FINDINGS = [pl.col(name).cast(kind) for name, kind in receipts.FINDINGS.items()]
_OURS = str(Path(__file__).resolve().parent)


@dataclass(frozen=True, slots=True)
class ReceiveSummary:
    """What one run took in.

    Args:
        files: files found ready in the drop.
        accepted, reserved, refused: new deliveries by their word; `repeated`: files that had been received before.
        rows_accepted, rows_awaiting, rows_rejected: rows of the new deliveries.
        loads: loads written, those of settled rows included.
        settled, expired: waiting rows of earlier deliveries that were judged at last, or waited too long.
        failures: what could not be taken, one sentence each; the next run takes it up.
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


@dataclass(frozen=True, slots=True)
class Preview:
    """What the drop would answer to one delivery of a file: the `judgement`, or why it is `blocked`."""

    delivery: Delivery
    contract: Contract | None
    judgement: Judgement | None
    blocked: BlockedFile | None


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
    with _receiver(settings, progress) as receiver:
        return receiver.run(received_at or (lambda _: dt.datetime.now(dt.UTC)), quiet_seconds)


def replay(settings: Settings, delivery_id: str) -> Delivery:
    """Judge a delivery again from the landing, if none of its rows is loaded.

    Returns:
        The delivery as it stands; unchanged when it was loaded already.

    Raises:
        LakouError: there is no such delivery, or its bytes cannot be read.
    """
    with _receiver(settings, log.info) as receiver:
        delivery = receiver.find(delivery_id)
        receiver.judge_again(delivery)
        receiver.write_indexes({delivery.partner_code})
        return receiver.find(delivery_id)


def preview(
    settings: Settings, path: Path, partner_code: str | None = None, *, is_placed: bool = True
) -> tuple[Preview, ...]:
    """Judge a file as the drop would, and write nothing.

    Args:
        partner_code: whose file it is; by default the one that its name or its marks give.
        is_placed: judge its place among those received before, too.

    Returns:
        One answer a delivery: a workbook may carry several.

    Raises:
        LakouError: there is no such partner, or a key is missing.
    """
    with _receiver(settings, log.info) as receiver:
        return receiver.preview(path, partner_code, is_placed=is_placed)


class _Receiver:
    """One run: a connection in autocommit and what is read once for all files."""

    def __init__(
        self,
        settings: Settings,
        connection: Connection[Any],
        lookups: Connection[Any],
        pseudonymiser: Pseudonymiser,
        *,
        progress: Callable[[str], None],
        stack: ExitStack,
    ) -> None:
        self._settings = settings
        self._connection = connection
        # rows are asked for while others are being copied
        self._lookups = lookups
        self._pseudonymiser = pseudonymiser
        self._progress = progress
        self._stack = stack
        self._partners = {partner.partner_code: partner for partner in list_partners(connection)}
        self._today = business_date(connection, dt.datetime.now(dt.UTC))
        self._references: dict[str, References] = {}
        self._clear: dict[str, BinaryIO] = {}
        self._counts: Counter[str] = Counter()
        self._failures: list[str] = []
        self._touched: set[str] = set()
        # what is being taken, for the sentence that says that it failed
        self._at = ""

    def run(self, received_at: Callable[[Path], dt.datetime], quiet_seconds: float) -> ReceiveSummary:
        found = drop.scan(self._settings, self._partners, quiet_seconds)
        self._take_in(found, received_at)
        self._judge_all()
        with self._kept_apart("the rows that wait"):
            self._settle_known()
            self._expire()
        with self._kept_apart("the lists of deliveries"):
            self.write_indexes(self._touched | self._stale_indexes())
        with self._kept_apart("the reminders"):
            reminders.write(self._settings, self._connection, self._today)
        with self._kept_apart("what is to be deleted"):
            self._tidy()
        # last, since a mail server may be slow
        with self._kept_apart("the mails"):
            mail.send_pending(self._settings, self._connection)
        counts = self._counts
        judged = sum(counts[word] for word in ("accepted", "reserved", "refused"))
        if found or judged:
            self._progress(
                f"{len(found)} files: {counts['accepted']} accepted, {counts['reserved']} with reserves,"
                f" {counts['refused']} refused, {counts['repeated']} received before;"
                f" {counts['rows_accepted']} rows accepted, {counts['rows_awaiting']} awaiting,"
                f" {counts['rows_rejected']} refused"
            )
        return ReceiveSummary(
            files=len(found),
            failures=tuple(self._failures),
            **{name: counts[name] for name in ReceiveSummary.__dataclass_fields__ if name not in {"files", "failures"}},
        )

    def find(self, delivery_id: str) -> Delivery:
        with self._connection.transaction():
            delivery = loading.find(self._connection, delivery_id)
        if delivery is None:
            raise LakouError(f"there is no delivery {delivery_id!r}", "see `lakou status --json` or ops.deliveries")
        return delivery

    def partner(self, partner_code: str | None) -> Partner:
        if partner_code not in self._partners:
            raise LakouError(f"there is no partner {partner_code!r}", "see `lakou partner list`")
        return self._partners[partner_code]

    def write_indexes(self, partner_codes: set[str]) -> None:
        for code in sorted(partner_codes & set(self._partners)):
            receipts.write_index(self._settings, self._connection, code, self._partners[code].name, self._today)

    # ------------------------------------------------------------------------------------------------- taking in

    def _take_in(self, found: Sequence[Dropped], received_at: Callable[[Path], dt.datetime]) -> None:
        """Land every file and write its deliveries down: once all are, they are judged in their order."""
        if not found:
            return
        with loading.arrivals(self._connection):
            landing.sweep_arriving(self._settings)
            for dropped in sorted(found, key=lambda item: (item.file_name, item.partner_code)):
                # another receiver may have taken it meanwhile
                if drop.is_unchanged(dropped):
                    with self._kept_apart(f"{dropped.partner_code}/{dropped.file_name}"):
                        self._land(dropped, received_at(dropped.path))

    def _land(self, dropped: Dropped, received_at: dt.datetime) -> None:
        """Store the bytes, find out what they are, write that down, move the file away."""
        self._touched.add(dropped.partner_code)
        with ExitStack() as stack:
            clear = stack.enter_context(landing.nameless(dropped.size))
            landed = self._store(dropped, clear)
            if not drop.is_unchanged(dropped):
                raise LakouError(f"{dropped.path} changed while it was read", "nothing to do: the next run takes it")
            deliveries = [
                (self._delivery(dropped, landed, item, received_at), item)
                for item in self._meanings(
                    dropped.partner_code, dropped.file_name, landing.path_of(clear), landed.sha256
                )
            ]
            known = self._record(deliveries, landed)
            for delivery, item in deliveries:
                earlier = known.get(delivery.delivery_id)
                if earlier is None and item.blocked is None:
                    self._keep_clear(delivery, clear, stack)
                elif earlier is not None and earlier.is_judged:
                    self._answer_again(dropped, delivery, earlier, item)
        drop.set_aside(dropped)

    def _store(self, dropped: Dropped, clear: BinaryIO) -> landing.Landed:
        """The landed file of these contents: the one that is there already, if it can still be read."""
        staged = landing.stage(self._settings, dropped.path, clear)
        there, copies = loading.landed_copies(self._connection, dropped.partner_code, staged.sha256)
        if there is None:
            return landing.keep(self._settings, staged, dropped.partner_code, copies)
        landing.discard(self._settings, staged.path)
        path, key = there
        return replace(staged, path=path, wrapped_key=key)

    def _meanings(self, partner_code: str, file_name: str, clear: Path, sha256: str) -> tuple[Meaning, ...]:
        partner, marks = self.partner(partner_code), read_marks(clear, extension_of(file_name))
        if not marks:
            next_version = partial(loading.version_of_export, self._connection, partner_code, sha256)
            exported = meanings_of_export(clear, file_name, partner, next_version)
            if exported is not None:
                return exported
        return meanings(file_name, marks, partner)

    def _reading(self, delivery: Delivery, contract: Contract, clear: Path) -> Reading:
        return open_dropped(
            clear,
            contract,
            file_name=delivery.file_name,
            partner_code=delivery.partner_code,
            period=delivery.period,
            sheet=delivery.sheet,
        )

    def _delivery(self, dropped: Dropped, landed: landing.Landed, item: Meaning, received_at: dt.datetime) -> Delivery:
        name = item.name
        return Delivery(
            delivery_id=loading.delivery_id(dropped.partner_code, name, landed.sha256),
            feed=name.feed if name else None,
            partner_code=dropped.partner_code,
            file_name=dropped.file_name,
            period=name.period.text if name else None,
            period_start=name.period.start if name else None,
            period_end=name.period.end if name else None,
            version=name.version if name else None,
            part=name.part if name else 0,
            sha256=landed.sha256,
            size_bytes=landed.size,
            received_at=received_at,
            sheet=item.sheet,
        )

    def _record(self, deliveries: Sequence[tuple[Delivery, Meaning]], landed: landing.Landed) -> dict[str, Delivery]:
        """Write down the deliveries of one file that are new, and refuse at once those that are nobody's to judge.

        Returns:
            Those that were known.
        """
        known: dict[str, Delivery] = {}
        with self._connection.transaction():
            for delivery, item in deliveries:
                earlier = loading.find(self._connection, delivery.delivery_id)
                if earlier is not None:
                    known[delivery.delivery_id] = earlier
                    continue
                version = load_contract(delivery.feed).version if delivery.feed else None
                loading.record(self._connection, delivery, landed, version)
                if item.blocked is not None:
                    self._refuse(delivery, item.blocked)
        return known

    def _keep_clear(self, delivery: Delivery, clear: BinaryIO, stack: ExitStack) -> None:
        """Keep the clear bytes of a large file until it is judged: they need not be decrypted then."""
        size = sum(Path(landing.path_of(file)).stat().st_size for file in set(self._clear.values()))
        if (
            delivery.size_bytes <= landing.IN_MEMORY
            or len(self._clear) >= KEPT_CLEAR_FILES
            or size + delivery.size_bytes > KEPT_CLEAR_BYTES
        ):
            return
        self._clear[delivery.delivery_id] = clear
        self._stack.push(stack.pop_all())

    def _answer_again(self, dropped: Dropped, delivery: Delivery, known: Delivery, item: Meaning) -> None:
        # a file that was refused whole may come again, the same, under a better name or once its account is in order
        if known.is_blocked and self._judge_one(replace(known, file_name=delivery.file_name), item.blocked):
            return
        judged = self.find(delivery.delivery_id)
        assert judged.judged_at is not None
        # a file older than its judgement was only left behind by a run that was stopped: it did not come twice
        came_again = dropped.arrived_at > judged.judged_at.timestamp()
        receipts.answer_again(
            self._settings,
            self._connection,
            delivery=judged,
            today=self._today,
            file_name=dropped.file_name if came_again else None,
        )
        self._counts["repeated"] += 1

    # --------------------------------------------------------------------------------------------------- judging

    def _judge_all(self) -> None:
        """Judge what has landed: feeds in the order of their references, each partner's in the order of its versions.

        What another receiver is at is left to it; before the next feed, which may refer to it, it has to be done.
        """
        order = {feed: number for number, feed in enumerate(feed_order())}
        waiting = [pair for pair in loading.unjudged(self._connection) if pair[0] in self._partners]
        for _, pairs in itertools.groupby(
            sorted(waiting, key=lambda pair: order.get(pair[1] or "", len(order))), key=lambda pair: pair[1]
        ):
            passed_by = [pair for pair in pairs if not self._judge_feed(*pair, wait=False)]
            for pair in passed_by:
                self._judge_feed(*pair, wait=True)

    def _judge_feed(self, partner_code: str, feed: str | None, *, wait: bool) -> bool:
        """Judge the deliveries of one partner's feed; False where another receiver is at it."""
        tried: list[str] = []
        while True:
            found: Delivery | None = None
            with self._kept_apart(f"{partner_code}/{feed or 'X'}"), self._connection.transaction():
                if not loading.lock(self._connection, partner_code, feed, wait=wait):
                    return False
                found = loading.next_unjudged(self._connection, partner_code, feed, tried)
                if found is not None:
                    tried.append(found.delivery_id)
                    self._touched.add(partner_code)
                    self._at = f"{partner_code}/{found.file_name}"
                    with about(delivery_id=found.delivery_id):
                        self._judge(found)
            if found is None:
                return True
            self._forget_clear(found.delivery_id)

    def judge_again(self, delivery: Delivery) -> bool:
        """Judge one delivery from its landed bytes; False where it stays as it was."""
        with self._opened(delivery) as clear:
            found = self._meanings(delivery.partner_code, delivery.file_name, clear, delivery.sha256)
        same = [
            item.blocked
            for item in found
            if (item.name.feed if item.name else None) == delivery.feed and item.sheet == delivery.sheet
        ]
        return self._judge_one(delivery, same[0] if same else None)

    def _judge_one(self, delivery: Delivery, blocked: BlockedFile | None) -> bool:
        """Judge one delivery that is not loaded; False where that changes nothing."""
        self._touched.add(delivery.partner_code)
        with about(delivery_id=delivery.delivery_id), self._connection.transaction():
            loading.lock(self._connection, delivery.partner_code, delivery.feed)
            known = loading.find(self._connection, delivery.delivery_id)
            if known is None:
                raise LakouError(f"the delivery {delivery.delivery_id} is gone", "run `lakou receive` again")
            if known.is_judged and not known.is_blocked:
                return False
            return self._judge(replace(known, file_name=delivery.file_name), blocked)

    def _judge(self, delivery: Delivery, blocked: BlockedFile | None = None) -> bool:
        """Judge and load one landed delivery; the caller has opened the transaction and holds the delivery.

        Returns:
            False where the whole file is refused as it was before.
        """
        try:
            if blocked is not None:
                raise blocked
            self._load(delivery)
        except BlockedFile as refusal:
            if delivery.is_judged and self._is_same_verdict(delivery, refusal):
                return False
            self._refuse(delivery, refusal)
        return True

    def _refuse(self, delivery: Delivery, blocked: BlockedFile) -> None:
        judged = loading.load_blocked(self._connection, delivery, blocked, dt.datetime.now(dt.UTC))
        findings = pl.DataFrame(
            [(0, "", "", blocked.rule_id, "BLOQUE", blocked.what, blocked.remedy)],
            schema=receipts.FINDINGS,
            orient="row",
        )
        self._issue(judged, findings, None)
        self._count(judged, loads=int(delivery.feed is not None and not delivery.is_judged))

    def _load(self, delivery: Delivery) -> None:
        assert delivery.feed is not None
        connection, contract = self._connection, load_contract(delivery.feed)
        loading.check_place(connection, delivery, self._today)
        context = self._context(delivery, contract, self._lookups)
        with self._opened(delivery) as clear:
            reading = self._reading(delivery, contract, clear)
            load_id = loading.begin(connection, delivery)
            tally, values = self._copy(delivery, contract, reading, context)
        now = dt.datetime.now(dt.UTC)
        judged = loading.counted(delivery, tally, now)
        measuring.save(connection, judged, values)
        counts = [receipts.RuleCount(*rule, *numbers) for rule, numbers in tally.rules.items()]
        findings = [*tally.findings, *_waiting_findings(judged, contract, tally)]
        reason = measuring.too_large_a_change(connection, contract, judged, values)
        if reason is not None and holding.open_hold(connection, judged.delivery_id, reason):
            findings.append(receipts.held_findings(connection, judged.delivery_id))
            counts.append(receipts.RuleCount(receipts.HELD, "AVERTISSEMENT", 1, 1))
            judged = replace(judged, state=loading.state_word(judged, warnings=1))
        loading.conclude(connection, judged, load_id)
        shaped = pl.concat([frame.select(_FINDINGS) for frame in findings])
        self._issue(judged, shaped, pl.concat(tally.refused_source, how="diagonal"), counts)
        self._count(judged, loads=1)

    def _copy(
        self, delivery: Delivery, contract: Contract, reading: Reading, context: Context
    ) -> tuple[Tally, tuple[measuring.MeasureValue, ...]]:
        """Copy the rows of a delivery while they are judged; again, where the file's end tells otherwise."""
        facts: FileFacts | None = None
        # threads would only cost a small file time
        is_long = delivery.size_bytes > landing.IN_MEMORY
        if is_long:
            reading = cast("Reading", _ReadAhead(reading))
        for _ in range(PASSES):
            judge = FileJudge(reading, context, facts)
            tally = Tally(receipts.KEPT_FINDINGS, receipts.KEPT_REJECTS)
            meter = measuring.Meter(contract)
            line = _Line(self._progress, f"{delivery.partner_code}/{delivery.file_name}")
            with self._connection.transaction() as attempt:
                with Writer(self._connection, contract, delivery) as writer:
                    for judgement in ahead(judge) if is_long else judge:
                        writer.write(judgement)
                        tally.add(judgement)
                        meter.add(judgement.accepted)
                        line.say(tally.rows_received)
                        # the next one is waited for without it
                        del judgement
                if judge.is_settled:
                    return tally, meter.values()
                facts = judge.facts
                raise psycopg.Rollback(attempt)
        raise LakouError("its rows were judged otherwise each time", "this is a fault of ours: keep the file")

    def _is_same_verdict(self, delivery: Delivery, blocked: BlockedFile) -> bool:
        row = self._connection.execute(
            "select 1 from quarantine.rejected_rows where delivery_id = %s and row_number = 0 and rule_id = %s",
            [delivery.delivery_id, blocked.rule_id],
        ).fetchone()
        return row is not None

    def preview(self, path: Path, partner_code: str | None, *, is_placed: bool) -> tuple[Preview, ...]:
        extension = extension_of(path.name)
        marks = read_marks(path, extension)
        named = [mark.partner_code for mark in marks if mark.partner_code]
        code = partner_code or _code_in(path.name) or (named[0] if named else None)
        sha256, size = landing.fingerprint(path)
        landed = landing.Landed("", sha256, size, b"")
        dropped = Dropped(self.partner(code).partner_code, path, drop.shown_name(path), size, 0.0)
        answers = []
        for item in self._meanings(dropped.partner_code, dropped.file_name, path, sha256):
            delivery = self._delivery(dropped, landed, item, dt.datetime.now(dt.UTC))
            answers.append(self._previewed(delivery, item, path, is_placed=is_placed))
        return tuple(answers)

    def _previewed(self, delivery: Delivery, item: Meaning, path: Path, *, is_placed: bool) -> Preview:
        contract = load_contract(delivery.feed) if delivery.feed else None
        try:
            if item.blocked is not None:
                raise item.blocked
            assert contract is not None
            if is_placed:
                with self._connection.transaction(force_rollback=True):
                    loading.check_place(self._connection, delivery, self._today)
            context = self._context(delivery, contract, self._lookups)
            check_convention(context)
            judgement = judge_reading(self._reading(delivery, contract, path), context)
        except BlockedFile as blocked:
            return Preview(delivery, contract, None, blocked)
        tally = Tally(receipts.KEPT_FINDINGS, receipts.KEPT_REJECTS)
        tally.add(judgement)
        return Preview(loading.counted(delivery, tally, delivery.received_at), contract, judgement, None)

    # ----------------------------------------------------------------------------------------------- rows that wait

    def _settle_known(self) -> None:
        """Settle rows whose reference has come, in this run or by another receiver; what settles may settle others."""
        loading.drop_replaced(self._connection)
        is_settled = True
        while is_settled:
            is_settled = False
            for feed in loading.awaited_feeds(self._connection):
                for delivery_id in loading.deliveries_to_settle(self._connection, load_contract(feed)):
                    is_settled |= self._settle(delivery_id)

    def _expire(self) -> None:
        """Refuse the rows that waited beyond their deadline."""
        for delivery_id in loading.deliveries_overdue(self._connection, self._today):
            self._settle(delivery_id, overdue=True)

    def _settle(self, delivery_id: str, *, overdue: bool = False) -> bool:
        """Judge the waiting rows of one delivery again; returns whether any of them waits no more."""
        connection = self._connection
        with connection.transaction():
            delivery = loading.find(connection, delivery_id)
            assert delivery is not None
            assert delivery.feed is not None
            contract = load_contract(delivery.feed)
            context = self._context(delivery, contract, self._lookups, others_at_once=overdue)
            judge = judge_overdue if overdue else judge_awaited
            changed, settled = loading.settle(
                connection, contract, delivery, lambda rows: judge(rows, context), self._today if overdue else None
            )
            if settled is None:
                return False
            books = receipts.findings_in_books(connection, contract, delivery_id)
            source = self._source_rows(changed, contract, settled.refused)
            self._issue(changed, books, source, warnings=settled.warnings)
        self._touched.add(delivery.partner_code)
        self._counts["loads"] += 1
        self._counts["expired" if overdue else "settled"] += settled.accepted + settled.refused.len()
        return True

    def _source_rows(self, delivery: Delivery, contract: Contract, numbers: pl.Series) -> pl.DataFrame | None:
        """These rows as the partner wrote them; none once the key of the bytes is destroyed."""
        _, key = loading.landed_file(self._connection, delivery.delivery_id)
        if key is None or numbers.is_empty() or numbers.len() > receipts.KEPT_REJECTS:
            return None
        with self._opened(delivery) as clear:
            reading = self._reading(delivery, contract, clear)
            found = [source_rows(reading.header, batch, numbers) for batch in reading.batches()]
        return pl.concat(found)

    # ----------------------------------------------------------------------------------------------------- the rest

    @contextmanager
    def _opened(self, delivery: Delivery) -> Iterator[Path]:
        """The bytes of a delivery in the clear."""
        if delivery.delivery_id in self._clear:
            yield landing.path_of(self._clear[delivery.delivery_id])
            return
        path, key = loading.landed_file(self._connection, delivery.delivery_id)
        with landing.open_landed(self._settings, path, key, delivery.size_bytes) as clear:
            yield clear

    def _forget_clear(self, delivery_id: str) -> None:
        clear = self._clear.pop(delivery_id, None)
        if clear is not None and clear not in self._clear.values():
            clear.close()

    def _issue(
        self,
        delivery: Delivery,
        findings: pl.DataFrame,
        source: pl.DataFrame | None,
        rules: Sequence[receipts.RuleCount] | None = None,
        warnings: pl.DataFrame | None = None,
    ) -> None:
        receipts.issue(
            self._settings,
            self._connection,
            contract=load_contract(delivery.feed) if delivery.feed else None,
            delivery=delivery,
            findings=findings,
            rules=rules,
            warnings=warnings,
            refused_source=source,
            today=self._today,
        )

    def _count(self, judged: Delivery, loads: int) -> None:
        word = {loading.ACCEPTED: "accepted", loading.WITH_RESERVES: "reserved", loading.REFUSED: "refused"}
        self._counts.update(
            {
                word[judged.state]: 1,
                "loads": loads,
                "rows_accepted": judged.rows_accepted,
                "rows_awaiting": judged.rows_awaiting,
                "rows_rejected": judged.rows_rejected,
            }
        )
        self._progress(
            f"{judged.delivery_id}: {judged.state}, {judged.rows_received} rows = {judged.rows_accepted} accepted"
            f" + {judged.rows_awaiting} awaiting + {judged.rows_rejected} refused"
        )

    def _context(
        self, delivery: Delivery, contract: Contract, connection: Connection[Any], *, others_at_once: bool = False
    ) -> Context:
        partner = self._partners[delivery.partner_code]
        assert delivery.period is not None
        period = parse_period(delivery.period)
        # what rows refer to is asked for anew for each delivery
        known = KnownRows(connection, partner.partner_code, period, others_at_once=others_at_once)
        return Context(
            contract=contract,
            partner_code=partner.partner_code,
            programme_code=partner.programme_code,
            period=period,
            pseudonymiser=self._pseudonymiser,
            references=self._references_of(partner.programme_code, known),
            has_convention=partner.has_convention,
            erased=erased_for(connection, period.start) if contract.has_people else frozenset(),
        )

    def _references_of(self, programme_code: str, known: KnownRows) -> References:
        """What rows of a programme are judged against, and what finds the rows that they refer to."""
        if programme_code not in self._references:
            self._references[programme_code] = references_of(programme_code, known)
        return replace(self._references[programme_code], lookup=known)

    def _stale_indexes(self) -> set[str]:
        """Partners whose list is older than a receipt (its receiver was stopped) or than the day: dates come due."""
        now = dt.datetime.now(dt.UTC)
        issued = dict(
            self._connection.execute(
                "select d.partner_code, max(r.issued_at) from ops.receipts as r"
                " inner join ops.deliveries as d on d.delivery_id = r.delivery_id"
                " where r.issued_at > now() - interval '2 days' group by d.partner_code"
            ).fetchall()
        )
        stale = set()
        for code in self._partners:
            path = self._settings.drop / code / "accuses" / "index.html"
            if path.parent.is_dir():
                written = dt.datetime.fromtimestamp(path.stat().st_mtime if path.exists() else 0.0, dt.UTC)
                if written.date() != now.date() or (code in issued and written <= issued[code]):
                    stale.add(code)
        return stale

    def _tidy(self) -> None:
        """Delete what was left half-written; once a day, what was taken a month ago and landed files of nobody."""
        now = dt.datetime.now(dt.UTC)
        drop.sweep_unfinished(self._settings, self._partners, now.timestamp())
        done = self._connection.execute(
            "insert into ops.settings (name, value) values ('drop_tidied_on', %(day)s)"
            " on conflict (name) do update set value = excluded.value where settings.value <> excluded.value"
            " returning value",
            {"day": now.date().isoformat()},
        ).fetchone()
        if done is None:
            return
        deleted = drop.purge(self._settings, self._partners, now.timestamp())
        with loading.arrivals(self._connection):
            orphans = landing.sweep(self._settings, self._connection)
        log.info("%d files of traites/ and %d landed files without a delivery deleted", deleted, orphans)

    @contextmanager
    def _kept_apart(self, name: str) -> Iterator[None]:
        """Let what fails here stop nothing else, unless no other could succeed either."""
        self._at = name
        try:
            yield
        except ConfigurationError:
            raise
        except LakouError as error:
            self._failures.append(f"{self._at}: {error.what}; {error.remedy}")
        except psycopg.Error as error:
            if self._connection.closed or self._lookups.closed:
                raise DatabaseError(
                    f"PostgreSQL went away while {self._at} was being taken",
                    "see `make status`; what was not taken stays",
                ) from error
            self._failures.append(f"{self._at}: PostgreSQL refuses it ({error.diag.message_primary})")
        except OSError as error:
            self._failures.append(f"{self._at}: {error.strerror or error}")
        except (Exception, pl.exceptions.PanicException) as error:
            # its text may quote a cell, and no cell goes to a log
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_OURS)]
            where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
            self._failures.append(
                f"{self._at}: {type(error).__name__} at {where}; this is a fault of ours, the file stays"
            )
        else:
            return
        log.error("%s", self._failures[-1])


class _ReadAhead:
    """A reading whose next batch is read while the one before it is judged."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.header, self.remarks = reading.header, reading.remarks

    def batches(self) -> Iterator[Batch]:
        return ahead(self._reading.batches())


class _Line:
    """Says how far a long file is, now and then."""

    def __init__(self, progress: Callable[[str], None], name: str) -> None:
        self._progress, self._name = progress, name
        self._began = self._said = time.monotonic()

    def say(self, rows: int) -> None:
        """Say how many rows were judged so far, unless something was said just now."""
        now = time.monotonic()
        if now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            self._progress(f"{self._name}: {rows} rows in {now - self._began:.0f} s")


@contextmanager
def _receiver(settings: Settings, progress: Callable[[str], None]) -> Iterator[_Receiver]:
    # a missing key stops everything here, before anything is taken
    pseudonymiser = load_pseudonymiser(settings)
    landing.check(settings)
    with connect(settings) as connection, connect(settings) as lookups, ExitStack() as stack:
        connection.autocommit = True
        lookups.autocommit = True
        # a restoration ends first: what it puts back may hold files that wait to be judged
        connection.execute("select pg_advisory_lock_shared(%s)", [INTAKE_LOCK])
        yield _Receiver(settings, connection, lookups, pseudonymiser, progress=progress, stack=stack)


def load_pseudonymiser(settings: Settings) -> Pseudonymiser:
    """What turns names into keyed hashes.

    Raises:
        ConfigurationError: the key is missing, unreadable or no key.
    """
    text = settings.secret("hmac.key")
    try:
        bytes.fromhex(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{settings.secrets / 'hmac.key'} is not a key of hexadecimal digits",
            "put it back from its custodian's copy",
        ) from error
    return Pseudonymiser(text.encode())


def _code_in(file_name: str) -> str | None:
    try:
        return parse_file_name(file_name).partner_code
    except BlockedFile:
        return None


def _waiting_findings(delivery: Delivery, contract: Contract, tally: Tally) -> list[pl.DataFrame]:
    """What is told about the rows that wait, with the day until which they do."""
    assert delivery.period_end is not None
    until = f"{loading.deadline(delivery.period_end, delivery.received_at):%d/%m/%Y}"
    return [receipts.awaiting_findings(rows.with_columns(deadline=pl.lit(until)), contract) for rows in tally.waiting]


def source_rows(header: Header, batch: Batch, numbers: pl.Series) -> pl.DataFrame:
    """Some rows of a batch as the partner wrote them, under the file's own header, and `_row_number`."""
    names: list[str] = []
    for position, cell in enumerate(header.cells, start=1):
        name = cell.strip() or f"colonne {position}"
        names.append(name if name not in names else f"{name} ({position})")
    rows = batch.cells.filter(pl.col("_row_number").is_in(numbers.implode()))
    return rows.rename({f"c{position}": name for position, name in enumerate(names)})
