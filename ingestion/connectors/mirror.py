"""What is known of a source's records: values in encrypted blocks of the landing, identifiers and keyed hashes in `ops`.

A page is taken in one transaction, so that a pull may be killed anywhere: pages taken are kept, and the same again
changes nothing. Only the fields that the mapping names are kept; pages, which hold all of them, go after `KEPT_DAYS`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from ingestion import landing, loading
from ingestion.connectors.interface import Page, Record, Watermark
from ingestion.connectors.mapping import FeedMapping, Source
from ingestion.connectors.rows import period_of, unknown_codes
from ingestion.errors import SourceError
from ingestion.settings import Settings

if TYPE_CHECKING:
    import psycopg

# exact answers are kept as proof for so many days after they were last given
KEPT_DAYS = 30
# records of one block at most, and the size under which blocks are put together once there are several
BLOCK_RECORDS = 2_000
SMALL_BLOCK = 500
SMALL_BLOCKS = 10
_ID = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
Fields = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Taken:
    """What one page changed.

    Args:
        changed: records that are new or differ from what was known.
        deleted: records that are not at the source any more.
        unknown: fields and values for which the mapping has no code.
    """

    changed: int
    deleted: int
    unknown: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """One record as the source gave it last."""

    entity: str
    table: str
    record_id: str
    fields: Fields


class Mirror:
    """The records of one source; one pull at a time uses it, with a connection in autocommit."""

    def __init__(self, settings: Settings, connection: psycopg.Connection[Any], source: Source) -> None:
        self._settings = settings
        self._connection = connection
        self._source = source
        self._key = settings.secret("hmac.key").encode()
        self._fields: dict[tuple[str, str], frozenset[str]] = {}
        for feed in source.feeds:
            # the entity's own records are known even where only its repeats are rows: listings name them
            self._fields.setdefault((feed.entity, feed.entity), frozenset())
            table = (feed.entity, feed.table)
            self._fields[table] = self._fields.get(table, frozenset()) | feed.fields

    def take(self, entity: str, page: Page, pull_id: int, resume: Watermark | None) -> Taken:
        """Keep one page and what it says, in one transaction.

        Args:
            resume: where a pull that is stopped after it goes on; None: where it would have gone on before.

        Raises:
            SourceError: a record has an identifier that is none.
            LakouError: the landing cannot be written.
        """
        records = {
            (record.table, record.record_id): record
            for record in page.records
            if (entity, record.table) in self._fields
        }
        strange = [record_id for _, record_id in records if not _ID.fullmatch(record_id)]
        if strange:
            raise SourceError(
                f"{page.path}: {len(strange)} records have identifiers that are empty, too long or hold control characters",
                "have them mended at the source: nothing of this page was taken",
            )
        with loading.arrivals(self._connection), self._connection.transaction():
            self._keep_page(page, pull_id)
            unknown = self._unknown(entity, records.values())
            changed = self._changed(entity, records)
            # nothing but the records of a page tells which repeats are gone, unless none of its records has any
            gone = [*self._named(entity, page), *self._holes(entity, page), *self._orphans(entity, page, records)]
            deleted = self._forget(entity, gone)
            if changed:
                self._write(changed)
            if resume is not None:
                self._connection.execute(
                    "update ops.source_entities set resume = %s where source_name = %s and entity = %s",
                    [Jsonb(dict(resume)), self._source.name, entity],
                )
        return Taken(len(changed), deleted, unknown)

    def reconcile(self, entity: str, listing: frozenset[str]) -> tuple[int, list[str]]:
        """Forget the records of the entity's own table that a complete listing lacks.

        Returns:
            How many were forgotten, repeats included, and the identifiers listed that are not known.
        """
        known = {
            record_id
            for (record_id,) in self._connection.execute(
                "select record_id from ops.source_records where source_name = %s and entity = %s and parent_id is null",
                [self._source.name, entity],
            )
        }
        with self._connection.transaction():
            gone = self._own(entity, sorted(known - listing))
            forgotten = self._forget(entity, gone)
        return forgotten, sorted(listing - known)

    def changed_places(self) -> list[tuple[str, str]]:
        """Feeds and periods of which a record has changed since their file was made; the period is empty without date."""
        return self._connection.execute(
            "select feed, period from ops.source_changes where source_name = %s order by 1, 2", [self._source.name]
        ).fetchall()

    def count(self, feed: str, period: str) -> int:
        """How many records are rows of one file."""
        row = self._connection.execute(
            "select count(*) from ops.source_records where source_name = %s and places @> %s",
            [self._source.name, [f"{feed}/{period}"]],
        ).fetchone()
        return int(row[0]) if row else 0

    def records(self, feed: str, period: str) -> list[Known]:
        """The records that are rows of one file, in an order that does not change."""
        wanted: dict[int, set[tuple[str, str, str]]] = defaultdict(set)
        for block, *which in self._connection.execute(
            "select block_id, entity, table_name, record_id from ops.source_records"
            " where source_name = %s and places @> %s",
            [self._source.name, [f"{feed}/{period}"]],
        ):
            wanted[block].add((which[0], which[1], which[2]))
        found = [
            known
            for block, keys in sorted(wanted.items())
            for known in self._read(block)
            if (known.entity, known.table, known.record_id) in keys
        ]
        return sorted(found, key=lambda known: (known.entity, known.table, len(known.record_id), known.record_id))

    def forget_all(self) -> None:
        """Forget every record, since the mapping by which they were taken is another one; the caller commits."""
        name = [self._source.name]
        self._connection.execute("delete from ops.source_records where source_name = %s", name)
        self._connection.execute("delete from ops.source_blocks where source_name = %s", name)
        self._connection.execute("delete from ops.source_changes where source_name = %s", name)
        self._connection.execute(
            "update ops.source_entities set watermark = '{}', resume = null, description = null where source_name = %s",
            name,
        )
        # a period that has no record any more gets a file without rows
        self._connection.execute(
            "insert into ops.source_changes (source_name, feed, period)"
            " select distinct source_name, feed, period from ops.source_files where source_name = %s",
            name,
        )

    def tidy(self, now: dt.datetime) -> None:
        """Write blocks again without the records that they held before, and let go what nothing needs any more."""
        blocks = self._connection.execute(
            "select b.block_id, b.path, b.records, count(r.record_id) from ops.source_blocks as b"
            " left join ops.source_records as r on r.block_id = b.block_id where b.source_name = %s"
            " group by b.block_id order by b.block_id",
            [self._source.name],
        ).fetchall()
        small = [block for block in blocks if block[3] < SMALL_BLOCK]
        old = [block for block in blocks if block[3] < block[2] or (len(small) > SMALL_BLOCKS and block in small)]
        for batch in _batches(old, BLOCK_RECORDS):
            self._rewrite([block_id for block_id, *_ in batch])
            for _, path, *_ in batch:
                landing.discard(self._settings, path)
        self._let_pages_go(now)

    def _rewrite(self, blocks: Sequence[int]) -> None:
        current = {
            tuple(row): block
            for block, *row in self._connection.execute(
                "select block_id, entity, table_name, record_id from ops.source_records where block_id = any(%s)",
                [list(blocks)],
            )
        }
        kept = [
            known
            for block in blocks
            for known in self._read(block)
            if current.get((known.entity, known.table, known.record_id)) == block
        ]
        with loading.arrivals(self._connection), self._connection.transaction():
            if kept:
                block_id = self._store_block(kept)
                self._connection.execute(
                    "update ops.source_records set block_id = %s where block_id = any(%s)", [block_id, list(blocks)]
                )
            self._connection.execute("delete from ops.source_blocks where block_id = any(%s)", [list(blocks)])

    def _let_pages_go(self, now: dt.datetime) -> None:
        gone = self._connection.execute(
            "update ops.source_pages set wrapped_key = null, key_destroyed_at = clock_timestamp()"
            " where source_name = %s and key_destroyed_at is null and seen_at < %s returning path",
            [self._source.name, now - dt.timedelta(days=KEPT_DAYS)],
        ).fetchall()
        for (path,) in gone:
            landing.discard(self._settings, path)

    def _keep_page(self, page: Page, pull_id: int) -> None:
        digest = hashlib.sha256(page.body).hexdigest()
        known = self._connection.execute(
            "update ops.source_pages set seen_at = clock_timestamp() where source_name = %s and sha256 = %s"
            " and key_destroyed_at is null returning page_id",
            [self._source.name, digest],
        ).fetchone()
        if known is not None:
            return
        landed = landing.store(self._settings, f"sources/{self._source.name}/pages", page.body)
        self._connection.execute(
            "insert into ops.source_pages (source_name, pull_id, sha256, path, wrapped_key, size_bytes, media_type,"
            " url_path) values (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                self._source.name, pull_id, landed.sha256, landed.path, landed.wrapped_key, landed.size,
                page.media_type, page.path,
            ],
        )  # fmt: skip

    def _changed(self, entity: str, records: Mapping[tuple[str, str], Record]) -> list[tuple[Known, Record, str]]:
        known = {
            (table, record_id): digest
            for table, record_id, digest in self._connection.execute(
                "select table_name, record_id, record_hash from ops.source_records"
                " where source_name = %s and entity = %s and table_name = any(%s) and record_id = any(%s)",
                [
                    self._source.name, entity, list({table for table, _ in records}),
                    [record_id for _, record_id in records],
                ],
            )
        }  # fmt: skip
        changed = []
        for key, record in records.items():
            fields = {name: record.fields.get(name) for name in sorted(self._fields[entity, record.table])}
            digest = self._hash(record, fields)
            if known.get(key) != digest:
                changed.append((Known(entity, record.table, record.record_id, fields), record, digest))
        return changed

    def _hash(self, record: Record, fields: Fields) -> str:
        text = json.dumps([record.parent_id, fields], ensure_ascii=False, sort_keys=True)
        # a bare hash of a short value tells the value to whoever tries them all
        return hmac.new(self._key, b"source\0" + text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:32]

    def _write(self, changed: Sequence[tuple[Known, Record, str]]) -> None:
        block_id = self._store_block([known for known, _, _ in changed])
        keys = [known.record_id for known, _, _ in changed]
        # where they were before, and where they are now: both files have to be made again
        self._connection.execute(
            "insert into ops.source_changes (source_name, feed, period)"
            " select distinct source_name, split_part(place, '/', 1), split_part(place, '/', 2)"
            " from ops.source_records cross join unnest(places) as place"
            " where source_name = %s and entity = %s and record_id = any(%s) on conflict do nothing",
            [self._source.name, changed[0][0].entity, keys],
        )
        rows, places = [], set()
        for known, record, digest in changed:
            found = self._places(known)
            places |= set(found)
            rows.append(
                (self._source.name, known.entity, known.table, known.record_id, record.parent_id, digest, block_id, found)
            )  # fmt: skip
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "insert into ops.source_records (source_name, entity, table_name, record_id, parent_id, record_hash,"
                " block_id, places) values (%s, %s, %s, %s, %s, %s, %s, %s)"
                " on conflict (source_name, entity, table_name, record_id) do update set parent_id = excluded.parent_id,"
                " record_hash = excluded.record_hash, block_id = excluded.block_id, places = excluded.places",
                rows,
            )
            cursor.executemany(
                "insert into ops.source_changes (source_name, feed, period) values (%s, %s, %s) on conflict do nothing",
                [(self._source.name, *place.split("/", 1)) for place in sorted(places)],
            )

    def period_of(self, feed: FeedMapping, known: Known) -> str | None:
        """The period of the file that a record's row belongs to (see `rows.period_of`)."""
        return period_of(feed, known.fields, self._source.zone, loading.PROGRAMME_ZONE)

    def _places(self, known: Known) -> list[str]:
        found = []
        for feed in self._source.of_table(known.entity, known.table):
            period = self.period_of(feed, known)
            if period is not None:
                found.append(f"{feed.feed}/{period}")
        return sorted(set(found))

    def _unknown(self, entity: str, records: Iterable[Record]) -> frozenset[tuple[str, str]]:
        return frozenset(
            pair
            for record in records
            for feed in self._source.of_table(entity, record.table)
            for pair in unknown_codes(feed, record.fields)
        )

    def _named(self, entity: str, page: Page) -> list[tuple[str, str]]:
        return self._own(entity, page.deleted)

    def _own(self, entity: str, record_ids: Sequence[str]) -> list[tuple[str, str]]:
        """Known records of the entity's own table, and of its repeats, by the own one's identifier."""
        return self._connection.execute(
            "select table_name, record_id from ops.source_records where source_name = %s and entity = %s"
            " and coalesce(parent_id, record_id) = any(%s)",
            [self._source.name, entity, list(record_ids)],
        ).fetchall()

    def _holes(self, entity: str, page: Page) -> list[tuple[str, str]]:
        """Known records between the ends of the page's span that it does not hold."""
        if page.span is None:
            return []
        low, high = page.span
        return self._connection.execute(
            "select table_name, record_id from ops.source_records where source_name = %s and entity = %s"
            " and case when coalesce(parent_id, record_id) ~ '^[0-9]{1,18}$'"
            " then coalesce(parent_id, record_id)::bigint >= %s and (%s::bigint is null or"
            " coalesce(parent_id, record_id)::bigint <= %s) end and coalesce(parent_id, record_id) <> all(%s)",
            [self._source.name, entity, low, high, high, [record.record_id for record in page.records if not record.parent_id]],
        ).fetchall()  # fmt: skip

    def _orphans(self, entity: str, page: Page, records: Mapping[tuple[str, str], Record]) -> list[tuple[str, str]]:
        """Known repeats of the page's records that it does not hold any more."""
        parents = [record.record_id for record in page.records if record.parent_id is None]
        known = self._connection.execute(
            "select table_name, record_id from ops.source_records where source_name = %s and entity = %s"
            " and parent_id = any(%s)",
            [self._source.name, entity, parents],
        ).fetchall()
        return [(table, record_id) for table, record_id in known if (table, record_id) not in records]

    def _forget(self, entity: str, gone: Iterable[tuple[str, str]]) -> int:
        pairs = sorted(set(gone))
        if not pairs:
            return 0
        places = self._connection.execute(
            "delete from ops.source_records where source_name = %s and entity = %s and (table_name, record_id) in"
            " (select * from unnest(%s::text[], %s::text[])) returning places",
            [self._source.name, entity, [table for table, _ in pairs], [record_id for _, record_id in pairs]],
        ).fetchall()
        found = sorted({place for (several,) in places for place in several})
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "insert into ops.source_changes (source_name, feed, period) values (%s, %s, %s) on conflict do nothing",
                [(self._source.name, *place.split("/", 1)) for place in found],
            )
        return len(places)

    def _store_block(self, records: Sequence[Known]) -> int:
        lines = (
            json.dumps([known.entity, known.table, known.record_id, dict(known.fields)], ensure_ascii=False)
            for known in records
        )
        data = "\n".join(lines).encode("utf-8", "surrogatepass")
        landed = landing.store(self._settings, f"sources/{self._source.name}/records", data)
        row = self._connection.execute(
            "insert into ops.source_blocks (source_name, path, wrapped_key, size_bytes, records)"
            " values (%s, %s, %s, %s, %s) returning block_id",
            [self._source.name, landed.path, landed.wrapped_key, landed.size, len(records)],
        ).fetchone()
        assert row is not None
        return int(row[0])

    def _read(self, block_id: int) -> Iterator[Known]:
        row = self._connection.execute(
            "select path, wrapped_key, size_bytes from ops.source_blocks where block_id = %s", [block_id]
        ).fetchone()
        assert row is not None
        with landing.open_landed(self._settings, *row) as clear:
            data = clear.read_bytes().decode("utf-8", "surrogatepass")
        # not by splitlines: a value may hold other ends of lines
        for line in data.split("\n"):
            entity, table, record_id, fields = json.loads(line)
            yield Known(entity, table, record_id, fields)


def _batches(blocks: Sequence[tuple[int, str, int, int]], most: int) -> Iterator[list[tuple[int, str, int, int]]]:
    """Blocks put together so that none gets more than so many records."""
    batch: list[tuple[int, str, int, int]] = []
    for block in blocks:
        if batch and sum(item[3] for item in batch) + block[3] > most:
            yield batch
            batch = []
        batch.append(block)
    if batch:
        yield batch
