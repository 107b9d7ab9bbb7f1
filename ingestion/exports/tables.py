"""From an exported file to its records by field, as the tool's connector would name them: same formats, same limits.

An archive (ODK, Google Forms) is read like the CSV files in it; the records of a repeat carry those that they belong to.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingestion.archives import Archive
from ingestion.connectors.interface import PARENT
from ingestion.csv_records import SAMPLE, SEPARATORS, csv_sources, text_sources
from ingestion.errors import BlockedFile
from ingestion.exports.refusals import check_losses
from ingestion.exports.tools import Recognised, recognise
from ingestion.records import HEADER_SEARCH, ROW, Block, Cut, Remark, Source, empty, normal, unreadable
from ingestion.workbooks import WORKBOOKS, workbook_sources

# exports made by hand are small: what an archive holds is read into memory
MOST_BYTES = 64 << 20
# names of the columns by which ODK ties the records of a repeat to theirs
KEY, PARENT_KEY = "KEY", "PARENT_KEY"
Fields = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Table:
    """Records of one shape.

    Args:
        name: of the repeat; empty for the records themselves.
        positions: place of each field that a record has.
        inherited: fields that it has of the record that it belongs to.
    """

    name: str
    positions: Mapping[str, int]
    blocks: Callable[[], Iterator[Block]]
    inherited: tuple[str, ...] = ()
    parents: Callable[[], Mapping[str, Fields]] | None = None

    @property
    def fields(self) -> frozenset[str]:
        """Names of all fields."""
        return frozenset(self.positions) | frozenset(self.inherited)

    def records(self, wanted: Collection[str] | None = None) -> Iterator[tuple[int, Fields] | Cut]:
        """Line and fields of each record in order, and what is no record; a fresh pass each call.

        Args:
            wanted: names of the fields to give; by default all of them.
        """
        import polars as pl

        parents = self.parents() if self.parents else {}
        kept = [name for name in self.positions if wanted is None or name in wanted or (parents and name == PARENT_KEY)]
        # two names may be of one column
        columns = [pl.col(f"c{self.positions[name]}").alias(f"f{index}") for index, name in enumerate(kept)]
        for block in self.blocks():
            # what stands in a record cut short may be anybody's: it is not shown
            yield from (Cut(cut.row_number, "", [], cut.reason, cut.rule_id) for cut in block.cuts)
            filled = block.cells.filter(pl.any_horizontal(pl.exclude(ROW).str.strip_chars() != ""))
            for number, *cells in filled.select(ROW, *columns).iter_rows():
                fields: dict[str, str | None] = dict(zip(kept, cells, strict=True))
                if parents:
                    fields |= parents.get(fields.get(PARENT_KEY) or "", {})
                yield number, fields


@dataclass(frozen=True, slots=True)
class Export:
    """A file that a tool exported.

    Args:
        remarks: what reading it noticed.
        line: of its header.
    """

    recognised: Recognised
    tables: tuple[Table, ...]
    remarks: tuple[Remark, ...]
    line: int


def looks_exported(path: Path, extension: str) -> Recognised | None:
    """The tool that a CSV or an archive comes from, by its first bytes; None for what cannot be read, never an error."""
    if extension != "csv":
        try:
            return _recognised(_sources(path, extension), extension)
        except (BlockedFile, OSError):
            return None
    with path.open("rb") as file:
        start = file.read(SAMPLE // 4)
    # a character may be cut at the end
    start = start[: start.rfind(b"\n") + 1] or start
    encodings = ("utf-16",) if start[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8-sig", "cp1252")
    for encoding, separator in itertools.product(encodings, SEPARATORS[:4]):
        reader = csv.reader(io.StringIO(start.decode(encoding, "replace"), newline=""), delimiter=separator)
        with suppress(csv.Error):
            records = list(itertools.islice(reader, HEADER_SEARCH))
            if found := recognise(records, extension):
                return found
    return None


def open_export(path: Path, extension: str) -> Export | None:
    """The tables of an exported file; None where its header is no tool's.

    Raises:
        BlockedFile: it cannot be read, or has lost letters (EXPORT-APPAUVRI).
    """
    sources = _sources(path, extension)
    if extension == "zip":
        return _archive(sources)
    for _, source in sources:
        if found := recognise(source.head.records, extension):
            check_losses(source.remarks, found.tool)
            return Export(found, (_table("", source, found),), tuple(source.remarks), source.head.lines[found.index])
    return None


def _recognised(sources: Iterator[tuple[str, Source]], extension: str) -> Recognised | None:
    return next((found for _, source in sources if (found := recognise(source.head.records, extension))), None)


def _sources(path: Path, extension: str) -> Iterator[tuple[str, Source]]:
    """Every table that a file may hold, with the name of its file in an archive."""
    if extension == "csv":
        yield from (("", source) for source in csv_sources(path))
    elif extension in WORKBOOKS:
        yield from (("", source) for source in workbook_sources(path))
    elif extension == "zip":
        if path.stat().st_size > MOST_BYTES:
            raise unreadable("L'archive dépasse 64 Mio.", "Exportez sans les fichiers joints.")
        archive = Archive(path.read_bytes())
        names = sorted(name for name in archive.names() if name.lower().endswith(".csv") and "/" not in name)
        if not names:
            raise empty("L'archive ne contient aucun fichier CSV.")
        # the shortest name first: that of a repeat begins with its form's
        for name in sorted(names, key=len):
            data = b""
            for chunk in archive.chunks(name):
                data += chunk
                if len(data) > MOST_BYTES:
                    raise unreadable(
                        "L'archive, une fois décompressée, dépasse 64 Mio.", "Exportez une période plus courte."
                    )
            opener = lambda data=data: io.BytesIO(data)  # noqa: E731
            yield from ((name[:-4], source) for source in text_sources(opener))


def _archive(sources: Iterator[tuple[str, Source]]) -> Export | None:
    """The first file that a tool exported, and the repeats whose names begin with its name."""
    main: Table | None = None
    export: Export | None = None
    form, tables, done = "", [], set()
    for name, source in sources:
        if name in done:
            continue
        if main is None:
            if found := recognise(source.head.records, "zip"):
                check_losses(source.remarks, found.tool)
                main, form = _table("", source, found), name
                tables.append(main)
                done.add(name)
                export = Export(found, (), tuple(source.remarks), source.head.lines[found.index])
        elif name.startswith(f"{form}-") and source.head.records and PARENT_KEY in source.head.records[0]:
            assert export is not None
            check_losses(source.remarks, export.recognised.tool)
            tables.append(_repeat(name.removeprefix(f"{form}-"), source, export.recognised, main))
            done.add(name)
    return Export(export.recognised, tuple(tables), export.remarks, export.line) if export else None


def _repeat(name: str, source: Source, found: Recognised, main: Table) -> Table:
    own = _table(name, source, Recognised(found.tool, found.signature, 0))

    def parents() -> Mapping[str, Fields]:
        records = (item for item in main.records() if not isinstance(item, Cut))
        return {
            fields[KEY] or "": {f"{PARENT}{field}": value for field, value in fields.items()} for _, fields in records
        }

    return Table(name, own.positions, own.blocks, tuple(f"{PARENT}{field}" for field in main.positions), parents)


def _table(name: str, source: Source, found: Recognised) -> Table:
    header = source.head.records[found.index]
    above = source.head.records[found.index - 1] if found.index else []
    return Table(
        name,
        positions_of(header, above, found),
        lambda: source.blocks(found.index + 1, len(header)),
    )


def positions_of(header: Sequence[str], above: Sequence[str], found: Recognised) -> Mapping[str, int]:
    """Where each field stands: by its name in the header, by the connector's name for it, by its group's name and its own.

    A name that comes twice is that of the first column; the second one is `name (2)`.
    """
    positions: dict[str, int] = {}
    seen: dict[str, int] = {}
    group = ""
    for index, cell in enumerate(header):
        name = " ".join(cell.split())
        group = " ".join(above[index].split()) if index < len(above) and above[index].strip() else group
        if not name:
            continue
        seen[name] = seen.get(name, 0) + 1
        ours = found.signature.names.get(normal(name))
        names = [name if seen[name] == 1 else f"{name} ({seen[name]})", f"{group} [{name}]" if group else name]
        if ours and seen[name] == 1:
            names.append(ours)
        if found.tool.system == "odk":
            # groups are joined by a slash in the form, and by a hyphen in its exports
            names.append(re.sub(r"(?<=\w)-(?=\w)", "/", name))
        for each in names:
            positions.setdefault(each, index)
    return positions
