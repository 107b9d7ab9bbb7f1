"""From a record of a source to the row of a feed: names, codes, dates in the programme's zone, the period's file."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from ingestion.connectors.mapping import ColumnMapping, FeedMapping, is_met
from ingestion.contracts import DATES, Contract

# seconds since 1970 of 1973 to 2286: no year, month or count is so large
_EPOCH = re.compile(r"[1-9][0-9]{8,9}")
# between the values of a column that holds several
LIST = ";"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def period_of(feed: FeedMapping, fields: Mapping[str, str | None], zone: str, programme_zone: str) -> str | None:
    """The period of the file that a record's row belongs to.

    Returns:
        Such as `2026-03`; empty where its date cannot be read; None where the record is no row of this feed.
    """
    if not is_met(feed.when, fields):
        return None
    found = moment(_raw(feed.period, fields), feed.period.clock, zone, programme_zone)
    if found is None:
        return ""
    if feed.grain == "month":
        return f"{found.year}-{found.month:02d}"
    if feed.grain == "quarter":
        return f"{found.year}-T{(found.month + 2) // 3}"
    if feed.grain == "semester":
        return f"{found.year}-S{(found.month + 5) // 6}"
    return str(found.year)


def row_of(
    feed: FeedMapping, contract: Contract, fields: Mapping[str, str | None], zone: str, programme_zone: str
) -> tuple[str, ...]:
    """The cells of a record's row, in the order of the mapping's columns; what cannot be read goes through as it is."""
    return tuple(_cell(column, contract, fields, zone, programme_zone) for column in feed.columns)


def unknown_codes(feed: FeedMapping, fields: Mapping[str, str | None]) -> Iterable[tuple[str, str]]:
    """Fields and values for which the mapping has a list of codes that does not say them."""
    for column in feed.columns:
        value = fields.get(column.field or "") or ""
        choices = _choices(value)
        for item in [value] if choices is None else choices:
            if column.codes and item and item not in column.codes:
                yield column.field or "", item


def file_of(columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> bytes:
    """A CSV as the drop takes it: the same rows are the same bytes."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig", "replace")


def moment(text: str, clock: str, zone: str, programme_zone: str) -> dt.datetime | None:
    """A moment as the programme's clock shows it.

    Args:
        text: ISO 8601 with or without a zone, or seconds since 1970; a day alone stays that day.
        clock: what it means without a zone: `utc`, the `server`'s, or none (`device`: it must have one). With `wall`,
            whatever the server's clock showed stands as it is: a day written as an instant at midnight stays that day.
        zone: of the server.

    Returns:
        Without a zone; None where the text is no date.
    """
    text = text.strip()
    try:
        if _DAY.fullmatch(text):
            return dt.datetime.fromisoformat(text)
        if _EPOCH.fullmatch(text):
            found = dt.datetime.fromtimestamp(int(text), dt.UTC)
            return found.astimezone(ZoneInfo(zone if clock == "wall" else programme_zone)).replace(tzinfo=None)
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if clock == "wall":
        return found.replace(tzinfo=None)
    if found.tzinfo is None:
        if clock == "device":
            return None
        found = found.replace(tzinfo=dt.UTC if clock == "utc" else ZoneInfo(zone))
    return found.astimezone(ZoneInfo(programme_zone)).replace(tzinfo=None)


def _cell(
    column: ColumnMapping, contract: Contract, fields: Mapping[str, str | None], zone: str, programme_zone: str
) -> str:
    value = _raw(column, fields)
    kind = contract.column(column.name).type
    if value and kind in DATES:
        found = moment(value, column.clock, zone, programme_zone)
        if found is not None:
            value = found.date().isoformat() if kind == "date" else found.isoformat(timespec="seconds")
    return f"{column.prefix}{value}" if value else ""


def _raw(column: ColumnMapping, fields: Mapping[str, str | None]) -> str:
    if column.constant is not None:
        return column.constant
    value = (fields.get(column.field or "") or "").strip().removeprefix(column.without)
    choices = _choices(value)
    if choices is not None:
        return LIST.join(column.codes.get(item, item) for item in choices) or column.default
    return column.codes.get(value, value) or column.default


def _choices(value: str) -> list[str] | None:
    """The answers of a field that has several, as EspoCRM gives them (a JSON list of texts); None for any other value."""
    if not value.startswith("["):
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return None
    is_texts = isinstance(found, list) and all(isinstance(item, str) for item in found)
    return [item.strip() for item in found] if is_texts else None
