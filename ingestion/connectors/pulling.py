"""Pull one source: its records into the mirror, then a new version of the file of each period that changed.

The file goes into the owner's drop, where it is received like any other: judged, loaded, answered, superseded. A pull may
be stopped anywhere; what it took is kept, and the next one goes on. Only an entity pulled to its end makes files.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from ingestion import connectors, loading
from ingestion.connectors import drift, owners_page
from ingestion.connectors.interface import Complete, Connector, Watermark
from ingestion.connectors.mapping import Source
from ingestion.connectors.mirror import Mirror
from ingestion.connectors.rows import file_of, row_of
from ingestion.connectors.session import Limits, Session
from ingestion.contracts import load_contract
from ingestion.database import INTAKE_LOCK, business_date, connect
from ingestion.drop import write_atomically
from ingestion.errors import LakouError, SourceError, SourceMissing
from ingestion.logs import about
from ingestion.naming import parse_period
from ingestion.settings import Settings

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger(__name__)
PULL_LOCK = 7_410_020
SECONDS_BETWEEN_LINES = 5.0
# records that a listing names and no page brought are asked for one by one; beyond, the pull begins anew
MOST_FETCHED = 5_000


@dataclass(frozen=True, slots=True)
class PullSummary:
    """What one pull did.

    Args:
        requests, pages, bytes_received: asked of the server and answered by it.
        records: records that pages held; `changed` and `deleted` of them, compared with what was known.
        files: names of the files put into the owner's drop.
        undated: records in no file, since the date that gives their period cannot be read.
        drift: what the form has become since the mapping was written.
        conflicts: feed, period and file of each period that a person sent as well: nothing of it is written.
        missing: entities that are not at the source any more.
        failures: what could not be done, one sentence each.
    """

    source: str
    requests: int
    pages: int
    bytes_received: int
    records: int
    changed: int
    deleted: int
    files: tuple[str, ...]
    undated: int
    drift: tuple[drift.Drift, ...]
    conflicts: tuple[tuple[str, str, str], ...]
    missing: tuple[str, ...]
    failures: tuple[str, ...]


@dataclass
class _Tally:
    pages: int = 0
    bytes_received: int = 0
    records: int = 0
    changed: int = 0
    deleted: int = 0
    unknown: set[tuple[str, str]] = field(default_factory=set)
    drift: list[drift.Drift] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    conflicts: list[tuple[str, str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    # feeds of which nothing is written in this pull
    stopped: set[str] = field(default_factory=set)


def pull(
    settings: Settings,
    source: Source,
    credentials: Mapping[str, str],
    *,
    is_full: bool = False,
    limits: Limits | None = None,
    progress: Callable[[str], None] = log.info,
    sleep: Callable[[float], None] = time.sleep,
) -> PullSummary:
    """Pull one source once, and put the files that follow into its owner's drop; `receive` takes them in.

    Args:
        credentials: `user`, `password` or `token`; used for this call only.
        is_full: forget watermarks: everything is pulled again, and compared.

    Raises:
        ConfigurationError: the mapping names what the server or the books do not know.
        SourceRefusal: the server refuses the account; nobody should try again before a person has mended it.
        LakouError: another pull of this source is running, or something failed: what was pulled is kept.
    """
    with connect(settings) as connection:
        connection.autocommit = True
        connection.execute("select pg_advisory_lock_shared(%s)", [INTAKE_LOCK])
        with _alone(connection, source), _session(source, credentials, limits, sleep) as session:
            return _Pull(settings, connection, source, session, progress).run(credentials, is_full=is_full)


class _Pull:
    def __init__(
        self,
        settings: Settings,
        connection: psycopg.Connection[Any],
        source: Source,
        session: Session,
        progress: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._source = source
        self._session = session
        self._progress = progress
        self._mirror = Mirror(settings, connection, source)
        self._tally = _Tally()
        self._said = time.monotonic()
        self._pull_id = 0

    def run(self, credentials: Mapping[str, str], *, is_full: bool) -> PullSummary:
        self._register(is_full=is_full)
        with about(source=self._source.name, pull_id=self._pull_id):
            return self._run(credentials)

    def _run(self, credentials: Mapping[str, str]) -> PullSummary:
        try:
            connector = connectors.connect(self._source.system, self._session, credentials, self._source.options)
            try:
                for entity in self._source.entities:
                    self._pull_or_leave(connector, entity)
            finally:
                # a session not given back ends by itself
                with suppress(LakouError):
                    connector.close()
            self._finish_files()
            self._write_files()
            self._mirror.tidy(dt.datetime.now(dt.UTC))
        except LakouError as error:
            self._end(error)
            raise
        summary = self._end(None)
        if summary.failures:
            raise LakouError(
                f"{self._source.name}: " + " | ".join(summary.failures),
                "mend it and pull again; all else was pulled and written",
            )
        return summary

    # ----------------------------------------------------------------------------------------------- the records

    def _register(self, *, is_full: bool) -> None:
        source, connection = self._source, self._connection
        owner = connection.execute(
            "select feeds from ops.partners where partner_code = %s", [source.partner]
        ).fetchone()
        if owner is None:
            raise LakouError(
                f"{source.file}: there is no partner {source.partner!r}", "open its account: `lakou partner add`"
            )
        refused = [feed.feed for feed in source.feeds if feed.feed not in owner[0]]
        if refused:
            raise LakouError(
                f"{source.file}: {source.partner} may not send {refused[0]}",
                f"allow it: `lakou partner add {source.partner} --feeds {','.join([*owner[0], refused[0]])}`",
            )
        with connection.transaction():
            known = connection.execute(
                "select mapping_sha256, partner_code from ops.sources where source_name = %s for update", [source.name]
            ).fetchone()
            if known is not None and known[1] != source.partner:
                raise LakouError(
                    f"{source.file}: it was the source of {known[1]}, and is {source.partner}'s now",
                    "give the file another name: what was loaded stays its former owner's",
                )
            connection.execute(
                "insert into ops.sources (source_name, system, address, partner_code, mapping_sha256)"
                " values (%s, %s, %s, %s, %s) on conflict (source_name) do update set system = excluded.system,"
                " address = excluded.address, mapping_sha256 = excluded.mapping_sha256",
                [source.name, source.system, source.address, source.partner, source.sha256],
            )
            for entity in source.entities:
                connection.execute(
                    "insert into ops.source_entities (source_name, entity) values (%s, %s) on conflict do nothing",
                    [source.name, entity],
                )
            if known is not None and known[0] != source.sha256:
                self._progress(f"{source.name}: its mapping has changed, everything is pulled again")
                self._mirror.forget_all()
                connection.execute("update ops.sources set report = '{}' where source_name = %s", [source.name])
            if is_full:
                connection.execute(
                    "update ops.source_entities set watermark = '{}', resume = null where source_name = %s",
                    [source.name],
                )
            # nobody else pulls this source: what has no end was killed
            connection.execute(
                "update ops.source_pulls set finished_at = clock_timestamp(), state = 'ECHOUE', error = 'stopped'"
                " where source_name = %s and state = 'EN_COURS'",
                [source.name],
            )
            row = connection.execute(
                "insert into ops.source_pulls (source_name) values (%s) returning pull_id", [source.name]
            ).fetchone()
            assert row is not None
            self._pull_id = row[0]

    def _pull_or_leave(self, connector: Connector, entity: str) -> None:
        """Pull an entity; one that is not there any more stops its own feeds only."""
        try:
            self._pull_entity(connector, entity)
        except SourceMissing as error:
            self._tally.failures.append(self._session.masked(error.what))
            self._tally.missing.append(entity)
            self._tally.stopped |= {feed.feed for feed in self._source.feeds if feed.entity == entity}

    def _pull_entity(self, connector: Connector, entity: str) -> None:
        self._compare_description(connector, entity)
        row = self._connection.execute(
            "select watermark, resume from ops.source_entities where source_name = %s and entity = %s",
            [self._source.name, entity],
        ).fetchone()
        assert row is not None
        watermark, resume = row
        since: Watermark = resume if resume is not None else watermark
        for item in connector.pull(entity, since):
            if isinstance(item, Complete):
                self._conclude(connector, entity, item)
                return
            changes = self._mirror.take(entity, item, self._pull_id, item.watermark)
            self._count(item.records, item.body, changes.changed, changes.deleted)
            self._tally.unknown |= changes.unknown
        raise SourceError(f"the pull of {entity} came to no end", "this is a fault of the connector: report it")

    def _conclude(self, connector: Connector, entity: str, done: Complete) -> None:
        for page in done.pages:
            self._mirror.take(entity, page, self._pull_id, None)
            self._count((), page.body, 0, 0)
        if done.listing is not None:
            deleted, missing = self._mirror.reconcile(entity, done.listing)
            self._tally.deleted += deleted
            if len(missing) > MOST_FETCHED:
                self._connection.execute(
                    "update ops.source_entities set watermark = '{}', resume = null"
                    " where source_name = %s and entity = %s",
                    [self._source.name, entity],
                )
                raise SourceError(
                    f"{entity} lists {len(missing)} records that its pages did not bring",
                    "nothing to do: the next pull begins anew",
                )
            for page in connector.fetch(entity, missing) if missing else ():
                changes = self._mirror.take(entity, page, self._pull_id, None)
                self._count(page.records, page.body, changes.changed, changes.deleted)
                self._tally.unknown |= changes.unknown
        self._connection.execute(
            "update ops.source_entities set watermark = %s, resume = null where source_name = %s and entity = %s",
            [Jsonb(dict(done.watermark)), self._source.name, entity],
        )

    def _compare_description(self, connector: Connector, entity: str) -> None:
        now = drift.outline(connector.describe(entity))
        if not any(now.values()):
            # told by records only, and there is none: that is no loss of fields
            return
        row = self._connection.execute(
            "select description from ops.source_entities where source_name = %s and entity = %s",
            [self._source.name, entity],
        ).fetchone()
        if row is None or row[0] is None:
            drift.check_fields(self._source, entity, now)
            self._connection.execute(
                "update ops.source_entities set description = %s where source_name = %s and entity = %s",
                [Jsonb(now), self._source.name, entity],
            )
            return
        found = drift.compare(self._source, entity, row[0], now)
        self._tally.drift += found
        self._tally.stopped |= {feed for item in found for feed in item.stops}

    def _count(self, records: tuple[Any, ...], body: bytes, changed: int, deleted: int) -> None:
        tally = self._tally
        tally.pages += 1
        tally.bytes_received += len(body)
        tally.records += len(records)
        tally.changed += changed
        tally.deleted += deleted
        now = time.monotonic()
        if now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            self._progress(
                f"{self._source.name}: {tally.pages} pages, {tally.records} records, {tally.changed} changed so far"
            )

    # ------------------------------------------------------------------------------------------------- the files

    def _finish_files(self) -> None:
        """Settle what a pull that was stopped left between the books and the drop."""
        for feed, period, version, digest in self._connection.execute(
            "select feed, period, version, sha256 from ops.source_files where source_name = %s and written_at is null",
            [self._source.name],
        ).fetchall():
            where = [self._source.partner, feed, period, version]
            if self._is_put(feed, period, version, digest):
                self._connection.execute(
                    "update ops.source_files set written_at = clock_timestamp()"
                    " where partner_code = %s and feed = %s and period = %s and version = %s",
                    where,
                )
                continue
            with self._connection.transaction():
                self._connection.execute(
                    "delete from ops.source_files where partner_code = %s and feed = %s and period = %s and version = %s",
                    where,
                )
                self._connection.execute(
                    "insert into ops.source_changes (source_name, feed, period) values (%s, %s, %s)"
                    " on conflict do nothing",
                    [self._source.name, feed, period],
                )

    def _is_put(self, feed: str, period: str, version: int, digest: str) -> bool:
        path = self._settings.drop / self._source.partner / "depot" / self._file_name(feed, period, version)
        with suppress(OSError):
            if hashlib.sha256(path.read_bytes()).hexdigest() == digest:
                return True
        return (
            self._connection.execute(
                "select 1 from ops.deliveries where partner_code = %s and feed = %s and period = %s and sha256 = %s",
                [self._source.partner, feed, period, digest],
            ).fetchone()
            is not None
        )

    def _write_files(self) -> None:
        today = business_date(self._connection, dt.datetime.now(dt.UTC))
        for feed, period in self._mirror.changed_places():
            if feed in self._tally.stopped or (period and parse_period(period).start > today):
                continue
            by_hand = self._by_hand(feed, period) if period else None
            if by_hand is not None:
                self._tally.conflicts.append((feed, period, by_hand))
                self._tally.failures.append(
                    f"{feed} of {period} was also sent by hand ({by_hand}): nothing of this period is written"
                )
                continue
            if period and self._is_of_the_mapping(feed):
                self._write_file(feed, period)
            self._settled(feed, period)

    def _is_of_the_mapping(self, feed: str) -> bool:
        return any(item.feed == feed for item in self._source.feeds)

    def _settled(self, feed: str, period: str) -> None:
        self._connection.execute(
            "delete from ops.source_changes where source_name = %s and feed = %s and period = %s",
            [self._source.name, feed, period],
        )

    def _by_hand(self, feed: str, period: str) -> str | None:
        """The file that a person sent for days of this period, if there is one in force."""
        dates = parse_period(period)
        row = self._connection.execute(
            "select d.file_name from ops.deliveries as d where d.partner_code = %s and d.feed = %s"
            " and d.period_start <= %s and d.period_end >= %s and not d.is_blocked and d.state <> %s"
            " and not exists (select 1 from ops.source_files as f where f.partner_code = d.partner_code"
            " and f.feed = d.feed and f.period = d.period and f.sha256 = d.sha256 and f.source_name = %s)"
            " order by d.received_at limit 1",
            [self._source.partner, feed, dates.end, dates.start, loading.REFUSED, self._source.name],
        ).fetchone()
        return str(row[0]) if row else None

    def _write_file(self, feed: str, period: str) -> None:
        mappings = [item for item in self._source.feeds if item.feed == feed]
        names = tuple(dict.fromkeys(column.name for item in mappings for column in item.columns))
        contract, rows = load_contract(feed), []
        for known in self._mirror.records(feed, period):
            for item in mappings:
                place = (known.entity, known.table)
                if place == (item.entity, item.table) and self._mirror.period_of(item, known) == period:
                    cells = row_of(item, contract, known.fields, self._source.zone, loading.PROGRAMME_ZONE)
                    by_name = dict(zip((column.name for column in item.columns), cells, strict=True))
                    rows.append(tuple(by_name.get(name, "") for name in names))
        data = file_of(names, rows)
        digest = hashlib.sha256(data).hexdigest()
        row = self._connection.execute(
            "select version, sha256, source_name from ops.source_files"
            " where partner_code = %s and feed = %s and period = %s order by version desc limit 1",
            [self._source.partner, feed, period],
        ).fetchone()
        if row is not None and row[1] == digest:
            return
        if row is None and not rows:
            return
        if row is not None and row[2] != self._source.name:
            self._tally.failures.append(f"{feed} of {period} is made of the source {row[2]} already")
            return
        version = self._next_version(feed, period)
        where = [self._source.partner, feed, period, version]
        # written down before it is there, so that whoever takes it knows whose it is
        self._connection.execute(
            "insert into ops.source_files (partner_code, feed, period, version, source_name, sha256, rows_written)"
            " values (%s, %s, %s, %s, %s, %s, %s)",
            [*where, self._source.name, digest, len(rows)],
        )
        name = self._file_name(feed, period, version)
        write_atomically(self._settings.drop / self._source.partner / "depot" / name, data)
        self._connection.execute(
            "update ops.source_files set written_at = clock_timestamp()"
            " where partner_code = %s and feed = %s and period = %s and version = %s",
            where,
        )
        self._tally.files.append(name)
        self._progress(f"{self._source.name}: {name}, {len(rows)} rows")

    def _next_version(self, feed: str, period: str) -> int:
        row = self._connection.execute(
            "select greatest((select max(version) from ops.source_files where partner_code = %(partner)s"
            " and feed = %(feed)s and period = %(period)s), (select max(version) from ops.deliveries"
            " where partner_code = %(partner)s and feed = %(feed)s and period = %(period)s))",
            {"partner": self._source.partner, "feed": feed, "period": period},
        ).fetchone()
        return int((row and row[0]) or 0) + 1

    def _file_name(self, feed: str, period: str, version: int) -> str:
        return f"{feed}_{load_contract(feed).name}__{self._source.partner}__{period}__v{version}.csv"

    # --------------------------------------------------------------------------------------------------- the end

    def _end(self, error: LakouError | None) -> PullSummary:
        tally, source = self._tally, self._source
        undated = sum(self._mirror.count(feed, "") for feed in dict.fromkeys(item.feed for item in source.feeds))
        summary = PullSummary(
            source=source.name,
            requests=self._session.requests,
            pages=tally.pages,
            bytes_received=tally.bytes_received,
            records=tally.records,
            changed=tally.changed,
            deleted=tally.deleted,
            files=tuple(tally.files),
            undated=undated,
            drift=tuple(tally.drift),
            conflicts=tuple(tally.conflicts),
            missing=tuple(tally.missing),
            failures=tuple(tally.failures),
        )
        what = self._session.masked(error.what) if error else " | ".join(tally.failures) or None
        self._connection.execute(
            "update ops.source_pulls set finished_at = clock_timestamp(), state = %s, requests = %s, pages = %s,"
            " bytes = %s, records = %s, changed = %s, deleted = %s, files = %s, error = %s where pull_id = %s",
            [
                "ECHOUE" if what else "TERMINE", summary.requests, summary.pages, summary.bytes_received,
                summary.records, summary.changed, summary.deleted, len(summary.files), what, self._pull_id,
            ],
        )  # fmt: skip
        if error is None:
            self._connection.execute(
                "update ops.sources set pulled_at = clock_timestamp(), quiet_told_at = null where source_name = %s",
                [source.name],
            )
        owners_page.write(self._settings, self._connection, source, summary=summary, unknown=tally.unknown, error=error)
        self._progress(
            f"{source.name}: {summary.requests} requests, {summary.pages} pages, {summary.records} records,"
            f" {summary.changed} changed, {summary.deleted} deleted, {len(summary.files)} files"
        )
        return summary


@contextmanager
def _alone(connection: psycopg.Connection[Any], source: Source) -> Iterator[None]:
    row = connection.execute("select pg_try_advisory_lock(%s, hashtext(%s))", [PULL_LOCK, source.name]).fetchone()
    if row is None or not row[0]:
        raise LakouError(f"{source.name} is being pulled already", "wait for that pull to end")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("select pg_advisory_unlock(%s, hashtext(%s))", [PULL_LOCK, source.name])


@contextmanager
def _session(
    source: Source, credentials: Mapping[str, str], limits: Limits | None, sleep: Callable[[float], None]
) -> Iterator[Session]:
    secrets = [text for name, text in credentials.items() if name != "user"]
    session = Session(source.address, limits=limits, secrets=secrets, sleep=sleep)
    try:
        yield session
    finally:
        session.close()
