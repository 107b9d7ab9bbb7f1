"""From an exported file to the rows of a feed, by the mapping that its partner's source says once for pulls and files.

What the mapping does not name is not read: personal columns go through the contract's hashing, or nowhere.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.connectors.mapping import FeedMapping, Source, load_source, source_files
from ingestion.connectors.rows import period_of, row_of, unknown_codes
from ingestion.contracts import DATES, Contract, load_contract
from ingestion.errors import BlockedFile, ConfigurationError
from ingestion.exports.refusals import ambiguous, outside, unmapped, unused
from ingestion.exports.tables import Export, Fields, Table, looks_exported, open_export
from ingestion.exports.tools import DayOrder
from ingestion.loading import PROGRAMME_ZONE
from ingestion.meaning import Meaning, allowed
from ingestion.naming import DropName, Period, extension_of, parse_file_name, parse_period
from ingestion.reading import Header, Reading, match_header, open_reading
from ingestion.records import ROW, TRUNCATED, Block, Cut, Remark, column_names

if TYPE_CHECKING:
    import polars as pl

    from ingestion.partners import Partner

log = logging.getLogger(__name__)
SLICE = 20_000
UNDATED = "la date qui donne sa période ne se lit pas"
_FIGURES = re.compile(
    r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp]\.?[Mm]\.?)?)?"
)


@dataclass(frozen=True, slots=True)
class Part:
    """Records of one table that give the rows of one feed."""

    source: Source
    feed: FeedMapping
    table: Table
    dates: DayOrder

    def records(self, contract: Contract) -> Iterator[tuple[int, str | None, Fields] | Cut]:
        """Line, period and fields of each record; the period is empty where its date cannot be read, None for no row."""
        for item in self.table.records(self.feed.fields):
            if isinstance(item, Cut):
                yield item
                continue
            number, fields = item[0], self._dated(item[1], contract)
            yield number, period_of(self.feed, fields, self.source.zone, PROGRAMME_ZONE), fields

    def cells(self, contract: Contract, fields: Fields) -> tuple[str, ...]:
        """The row of a record."""
        return row_of(self.feed, contract, fields, self.source.zone, PROGRAMME_ZONE)

    def _dated(self, fields: Fields, contract: Contract) -> Fields:
        """The fields with dates of figures written as ISO 8601."""
        if not self.dates:
            return fields
        dated = {column.field for column in self.feed.columns if contract.column(column.name).type in DATES}
        return {
            name: _iso(value, self.dates) if value and name in {*dated, self.feed.period.field} else value
            for name, value in fields.items()
        }


def meanings_of_export(
    path: Path, file_name: str, partner: Partner, version_of: Callable[[str, str], int]
) -> tuple[Meaning, ...] | None:
    """The deliveries that a tool's export announces: by its name where that says so, else one a feed and period within.

    Args:
        version_of: the version that a file of a feed and period would be.

    Returns:
        None where it is no tool's export, or no other one than its name says: a file in the contract's own columns.
    """
    extension = extension_of(file_name)
    name = _named(file_name)
    # a file that says what it is, of a partner without a declared tool, is read by the contract's columns
    if name is not None and not _sources_of(partner.partner_code):
        return None
    found = looks_exported(path, extension)
    if found is None:
        return None
    try:
        export = open_export(path, extension)
        if export is None:
            return None
        parts = parts_of(export, partner.partner_code, file_name)
        if name is not None:
            of_feed = any(part.feed.feed == name.feed for part in parts)
            return (allowed(Meaning(name), partner),) if of_feed else None
        if not parts:
            raise unmapped(found.tool, missing=_missing(export, partner.partner_code))
        places = sorted({(part.feed.feed, period) for part in parts for period in _counts([part]) if period})
        if not places:
            raise unused(found.tool)
    except BlockedFile as blocked:
        return (Meaning(name, blocked=blocked),) if name is None else None
    several = len(places) > 1
    return tuple(
        allowed(
            Meaning(
                DropName(feed, partner.partner_code, parse_period(period), version_of(feed, period), 0, extension),
                # tells one delivery of the file from the others, as the sheet of a workbook does
                period if several else None,
            ),
            partner,
        )
        for feed, period in places
    )


def open_dropped(
    path: Path, contract: Contract, *, file_name: str, partner_code: str, period: str | None, sheet: str | None
) -> Reading:
    """Find the table of a feed in a partner's file: by the mapping of its tool's source, or by the contract's columns.

    Raises:
        BlockedFile: see `reading.open_reading`, and EXPORT-AMBIGU, EXPORT-HORS-PERIODE.
    """
    extension = extension_of(file_name)
    if extension == "zip" or _sources_of(partner_code):
        export = open_export(path, extension) if looks_exported(path, extension) else None
        parts = parts_of(export, partner_code, file_name) if export else []
        wanted = [part for part in parts if part.feed.feed == contract.feed]
        if export and wanted and period:
            return _reading(export, wanted, contract, parse_period(period), is_one_of_several=sheet == period)
        if export and extension == "zip":
            raise unmapped(export.recognised.tool, contract.feed, _missing(export, partner_code, contract.feed))
        if export and not wanted and (missing := _missing(export, partner_code, contract.feed)):
            return _contract_or_missing(
                path, extension, contract, sheet, unmapped(export.recognised.tool, missing=missing)
            )
    return open_reading(path, extension, contract, sheet)


def parts_of(export: Export, partner_code: str, file_name: str) -> list[Part]:
    """What a partner's mappings make of an export: every feed of whose fields none is missing.

    Raises:
        BlockedFile: EXPORT-AMBIGU.
    """
    parts = [part for part, missing in _candidates(export, partner_code) if not missing]
    kept: list[Part] = []
    for feed in dict.fromkeys(part.feed.feed for part in parts):
        same = [part for part in parts if part.feed.feed == feed]
        entities = list(dict.fromkeys(part.feed.entity for part in same))
        if len(entities) > 1:
            named = [entity for entity in entities if entity.rpartition("/")[2].lower() in file_name.lower()]
            if len(named) != 1:
                raise ambiguous(export.recognised.tool, entities)
            same = [part for part in same if part.feed.entity == named[0]]
        kept += same
    return kept


def _candidates(export: Export, partner_code: str) -> Iterator[tuple[Part, list[str]]]:
    """Every mapping that an export may be read by, and the fields that it lacks for it."""
    tool, signature = export.recognised.tool, export.recognised.signature
    for source in _sources_of(partner_code):
        if source.system != tool.system:
            continue
        for feed in source.feeds:
            repeat = feed.table.removeprefix(feed.entity).lstrip(".").replace(".", "-")
            for table in export.tables:
                if table.name == repeat and signature.entity in {"", feed.entity}:
                    missing = sorted(feed.fields - table.fields)
                    yield Part(source, feed, table, signature.dates), missing


def _missing(export: Export, partner_code: str, feed: str | None = None) -> list[str]:
    """Fields that the nearest mapping needs and an export lacks; none where no mapping is near."""
    near = [
        missing
        for part, missing in _candidates(export, partner_code)
        if missing and feed in {None, part.feed.feed} and len(missing) < len(part.feed.fields)
    ]
    return min(near, key=len, default=[])


def _sources_of(partner_code: str) -> list[Source]:
    """The partner's sources; one whose file is wrong is left out, and its pull says why."""
    found = []
    for path in source_files():
        state = path.stat()
        source = _source(path.stem, str(path), state.st_mtime_ns, state.st_size)
        if source is not None and source.partner == partner_code:
            found.append(source)
    return found


@lru_cache(maxsize=256)
def _source(name: str, path: str, changed: int, size: int) -> Source | None:
    """One source, read again when its file changes: `path`, `changed` and `size` tell it."""
    try:
        return load_source(name)
    except ConfigurationError as error:
        log.error("%s (%d bytes, changed at %d) is left out: %s", path, size, changed, error)  # noqa: TRY400 - said whole
        return None


def _contract_or_missing(
    path: Path, extension: str, contract: Contract, sheet: str | None, otherwise: BlockedFile
) -> Reading:
    """The table in the contract's own columns; where there is none, what the declared mapping lacks is the reason."""
    try:
        return open_reading(path, extension, contract, sheet)
    except BlockedFile as blocked:
        if blocked.rule_id == "EXPORT-SANS-CORRESPONDANCE":
            raise otherwise from blocked
        raise


def _named(file_name: str) -> DropName | None:
    try:
        return parse_file_name(file_name)
    except BlockedFile:
        return None


def _counts(parts: Sequence[Part]) -> Counter[str | None]:
    """Records by their period: empty where the date cannot be read, None where the mapping takes them for no row."""
    contract = load_contract(parts[0].feed.feed)
    return Counter(item[1] for part in parts for item in part.records(contract) if not isinstance(item, Cut))


def _reading(
    export: Export, parts: Sequence[Part], contract: Contract, period: Period, *, is_one_of_several: bool
) -> Reading:
    tool = export.recognised.tool
    counts = _counts(parts)
    periods = sorted(text for text in counts if text)
    inside = [text for text in periods if _is_within(text, period)]
    if periods and not inside:
        raise outside(tool, period.label, [parse_period(text).label for text in periods])
    names = tuple(dict.fromkeys(column.name for part in parts for column in part.feed.columns))
    # where a file gives several deliveries, records without a date are refused once, in the last one
    has_undated = not is_one_of_several or period.text == periods[-1]

    def blocks() -> Iterator[Block]:
        return _blocks(parts, contract, names, inside, has_undated=has_undated)

    matching = match_header(names, contract, export.line)
    told = f"Export {tool.of_title} lu avec la correspondance « {parts[0].source.name} » : {contract.title.lower()},"
    remarks = [Remark(export.line, "", "", "EXPORT-COMPRIS", "NOTE", f"{told} {period.label}.")]
    if others := [parse_period(text).label for text in periods if text not in inside]:
        what = "font l'objet d'autres accusés" if is_one_of_several else "ne sont pas repris, d'après le nom du fichier"
        remarks.append(
            Remark(0, "", "", "EXPORT-AUTRES-PERIODES", "NOTE", f"Les enregistrements de {', '.join(others)} {what}.")
        )
    if left_out := counts[None]:
        what = "enregistrement laissé" if left_out == 1 else "enregistrements laissés"
        remarks.append(
            Remark(
                0, "", "", "EXPORT-LAISSES", "NOTE", f"{left_out} {what} de côté par la correspondance (incomplets)."
            )
        )
    return Reading(
        Header(names, matching.positions, export.line),
        (*export.remarks, *remarks),
        blocks,
        [list(names)],
        None,
        [column.name for column in contract.columns if column.required],
    )


def _is_within(text: str, period: Period) -> bool:
    found = parse_period(text)
    return period.start <= found.start and found.end <= period.end


def _blocks(
    parts: Sequence[Part], contract: Contract, names: Sequence[str], periods: Sequence[str], *, has_undated: bool
) -> Iterator[Block]:
    rows: list[tuple[str | int, ...]] = []
    cuts: list[Cut] = []
    unknown: set[str] = set()
    for part in parts:
        own = [column.name for column in part.feed.columns]
        for item in part.records(contract):
            if isinstance(item, Cut):
                cuts += [item] if has_undated else []
                continue
            number, period, fields = item
            if period == "" and has_undated:
                cuts.append(Cut(number, "", _placed(names, own, part.cells(contract, fields)), UNDATED, TRUNCATED))
            if period in periods:
                unknown |= {name for name, _ in unknown_codes(part.feed, fields)}
                rows.append((*_placed(names, own, part.cells(contract, fields)), number))
            if len(rows) >= SLICE:
                yield Block(_frame(rows, len(names)), [], [])
                rows = []
    remarks = [_unknown_code(field) for field in sorted(unknown)]
    yield Block(_frame(rows, len(names)), cuts, remarks)


def _unknown_code(field: str) -> Remark:
    told = f"La colonne « {field} » a des réponses que la correspondance ne connaît pas : elles sont jugées telles quelles."
    remedy = "Demandez à l'équipe de pilotage de mettre la correspondance à jour, ou exportez les codes des réponses."
    return Remark(0, "", "", "EXPORT-CODE-INCONNU", "AVERTISSEMENT", told, remedy)


def _placed(names: Sequence[str], own: Sequence[str], cells: Sequence[str]) -> list[str]:
    given: Mapping[str, str] = dict(zip(own, cells, strict=True))
    return [given.get(name, "") for name in names]


def _frame(rows: Sequence[tuple[str | int, ...]], width: int) -> pl.DataFrame:
    import polars as pl

    schema = {**dict.fromkeys(column_names(width), pl.String), ROW: pl.Int32}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _iso(text: str, order: DayOrder) -> str:
    """A date of figures as ISO 8601; anything else as it is."""
    found = _FIGURES.fullmatch(text.strip())
    if not found:
        return text
    first, second, year, hour, minute, seconds, half = found.groups()
    day, month = (first, second) if order == "day first" else (second, first)
    date = f"{year}-{int(month):02d}-{int(day):02d}"
    if hour is None:
        return date
    hours = int(hour) % 12 + (12 if half[0] in "Pp" else 0) if half else int(hour)
    return f"{date} {hours:02d}:{minute}:{seconds or '00'}"
