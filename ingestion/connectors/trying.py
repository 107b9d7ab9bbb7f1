"""Try a source out: one page of each entity, judged as the drop would, and nothing kept or written."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import sleep as wait

from ingestion import connectors
from ingestion.connectors import drift
from ingestion.connectors.interface import Page
from ingestion.connectors.mapping import FeedMapping, Source
from ingestion.connectors.rows import file_of, period_of, row_of, unknown_codes
from ingestion.connectors.session import Limits, Session
from ingestion.contracts import load_contract
from ingestion.errors import LakouError
from ingestion.loading import PROGRAMME_ZONE
from ingestion.receive import Preview, preview
from ingestion.settings import Settings


@dataclass(frozen=True, slots=True)
class Trial:
    """What one page of a source would become.

    Args:
        records: of the pages.
        left_out: records that are no row of any feed, by the mapping's conditions.
        undated: rows whose period cannot be read.
        answers: one a feed and period.
        unknown: fields and values for which the mapping has no code.
    """

    records: int
    left_out: int
    undated: int
    answers: tuple[Preview, ...]
    unknown: tuple[tuple[str, str], ...]


def try_source(
    settings: Settings,
    source: Source,
    credentials: Mapping[str, str],
    limits: Limits | None = None,
    sleep: Callable[[float], None] = wait,
) -> Trial:
    """Pull the first page of each entity that holds a record, and judge what it would become.

    Raises:
        ConfigurationError: the mapping names what the server does not know.
        LakouError: the server refuses or fails, or there is no such partner.
    """
    secrets = [text for name, text in credentials.items() if name != "user"]
    session = Session(source.address, limits=limits, secrets=secrets, sleep=sleep)
    rows: dict[tuple[str, str], list[tuple[FeedMapping, tuple[str, ...]]]] = defaultdict(list)
    unknown: set[tuple[str, str]] = set()
    records = left_out = undated = 0
    try:
        connector = connectors.connect(source.system, session, credentials, source.options)
        for entity in source.entities:
            drift.check_fields(source, entity, drift.outline(connector.describe(entity)))
            pulled = connector.pull(entity, {})
            page = next((item for item in pulled if isinstance(item, Page) and item.records), None)
            for record in page.records if page else ():
                mappings = source.of_table(entity, record.table)
                records += 1
                periods = [period_of(item, record.fields, source.zone, PROGRAMME_ZONE) for item in mappings]
                left_out += not any(period is not None for period in periods)
                undated += "" in periods
                for item, period in zip(mappings, periods, strict=True):
                    unknown |= set(unknown_codes(item, record.fields))
                    if period:
                        contract = load_contract(item.feed)
                        cells = row_of(item, contract, record.fields, source.zone, PROGRAMME_ZONE)
                        rows[item.feed, period].append((item, cells))
        with suppress(LakouError):
            connector.close()
    finally:
        session.close()
    answers = tuple(
        answer for (feed, period), found in sorted(rows.items()) for answer in _judged(settings, source, feed, period, found)
    )  # fmt: skip
    return Trial(records, left_out, undated, answers, tuple(sorted(unknown)))


def _judged(
    settings: Settings, source: Source, feed: str, period: str, rows: list[tuple[FeedMapping, tuple[str, ...]]]
) -> tuple[Preview, ...]:
    names = tuple(dict.fromkeys(column.name for item, _ in rows for column in item.columns))
    lines = []
    for item, cells in rows:
        by_name = dict(zip((column.name for column in item.columns), cells, strict=True))
        lines.append(tuple(by_name.get(name, "") for name in names))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{feed}_{load_contract(feed).name}__{source.partner}__{period}__v1.csv"
        path.write_bytes(file_of(names, lines))
        return preview(settings, path, source.partner, is_placed=False)
