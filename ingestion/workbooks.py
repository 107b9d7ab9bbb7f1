"""Rows of the sheets of a workbook (XLSX, XLS, ODS), as text: what calamine reads, and what it does not tell."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import itertools
import re
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.archives import RESAVE, Archive, damaged, oversized, protected
from ingestion.errors import BlockedFile
from ingestion.plain_sheets import SHEET_END, NotPlain, plain_sheet, shared_strings, style_kinds
from ingestion.records import (
    HEADER_SEARCH,
    ROW,
    WORKBOOK_ROWS,
    Block,
    Head,
    Remark,
    Source,
    column_names,
    empty,
    no_cells,
    unreadable,
)
from ingestion.sheet_facts import (
    MAX_CELLS,
    Facts,
    SheetScan,
    hidden_of,
    scan_of,
    xls_facts,
)

if TYPE_CHECKING:
    import polars as pl

WORKBOOKS = frozenset({"xlsx", "xlsm", "ods", "xls"})
MAX_WORKBOOK_BYTES = 128 << 20
# XML of a sheet that its first rows are looked for in
START_BYTES = 256 << 10
SLICE, SLICE_CELLS = 50_000, 2_000_000
WORKBOOK_COLUMNS = 16_384
# cells that merged ones cover, at most
MAX_COVERED = 200_000
NOTED = 20
# what trying a file apart may take: seconds of processor and in all, and bytes
_TRIAL_CPU, _TRIAL_SECONDS, _TRIAL_BYTES = 5, 30, 1 << 30
# how a sheet that is not plain, or damaged, shows
_ODD = (NotPlain, ValueError, IndexError)
_OLE = b"\xd0\xcf\x11\xe0"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


@dataclass(frozen=True, slots=True)
class SheetStart:
    """A sheet's name and its first rows."""

    name: str
    rows: list[list[str]]


def workbook_sources(path: Path, sheet: str | None = None) -> Iterator[Source]:
    """The tables of a workbook's visible sheets (of `sheet` alone where it is given).

    Raises:
        BlockedFile: FICHIER-VIDE or FICHIER-ILLISIBLE.
    """
    book = _Book(path)
    visible, hidden = book.sheet_names()
    if sheet is not None and sheet not in {*visible, *hidden}:
        raise unreadable(f"Le classeur n'a pas de feuille « {sheet} ».", "Vérifiez le nom de la feuille.")
    remarks = []
    if hidden and sheet is None:
        names = ", ".join(f"« {name} »" for name in hidden)
        what = "Feuille masquée, non lue" if len(hidden) == 1 else "Feuilles masquées, non lues"
        remarks.append(Remark(0, "", "", "FEUILLE-MASQUEE", "NOTE", f"{what} : {names}."))
    is_empty = True
    for name in visible if sheet is None else [sheet]:
        table = book.sheet(name)
        head = table.head(HEADER_SEARCH + 2)
        if not any(cell for row in head.records for cell in row):
            continue
        is_empty = False
        read = [] if len(visible) == 1 or sheet else [_note("FEUILLE-LUE", f"Feuille lue : « {name} ».")]
        yield Source(head, [*remarks, *read], table.blocks)
    if is_empty:
        raise empty("Le classeur ne contient aucune cellule remplie.")


def sheet_starts(path: Path) -> list[SheetStart]:
    """The first rows of every visible sheet.

    Raises:
        BlockedFile: the file is no workbook that can be read.
    """
    book = _Book(path)
    visible, _ = book.sheet_names()
    return [SheetStart(name, book.start(name, HEADER_SEARCH)) for name in visible]


def _note(rule_id: str, message: str) -> Remark:
    return Remark(0, "", "", rule_id, "NOTE", message)


# ------------------------------------------------------------------------------------------------------- sheets


class _Book:
    """An open workbook that is safe to read.

    Args:
        path: its file.

    Raises:
        BlockedFile: FICHIER-ILLISIBLE.
    """

    def __init__(self, path: Path) -> None:
        if path.stat().st_size > MAX_WORKBOOK_BYTES:
            raise unreadable(
                f"Le classeur dépasse {MAX_WORKBOOK_BYTES >> 20} Mio.", "Envoyez un fichier CSV, ou partagez-le."
            )
        data = path.read_bytes()
        self._archive: Archive | None = None
        self._facts: Mapping[str, Facts] = {}
        self._texts: pl.Series | None = None
        if data.startswith(_OLE):
            if _ENCRYPTED in data:
                raise protected()
            _try_apart(path)
            self._facts = xls_facts(data)
        else:
            self._archive = Archive(data)
            if "content.xml" in self._archive.names():
                self._facts = self._scan("content.xml")
                self._archive.forget("content.xml")
        self._data = data
        self._sheets = self._archive.sheets if self._archive else {}

    @cached_property
    def _workbook(self) -> Any:
        from python_calamine import CalamineWorkbook

        with _Understood():
            return CalamineWorkbook.from_filelike(io.BytesIO(self._data))

    def sheet_names(self) -> tuple[list[str], list[str]]:
        """Names of the visible sheets, and of the hidden ones."""
        if self._sheets:
            seen = [name for name, sheet in self._sheets.items() if sheet.is_visible]
            return seen, [name for name in self._sheets if name not in seen]
        from python_calamine import SheetTypeEnum, SheetVisibleEnum

        with _Understood():
            sheets = [
                sheet
                for sheet in self._workbook.sheets_metadata
                if sheet.typ in (SheetTypeEnum.WorkSheet, SheetTypeEnum.MacroSheet)
            ]
            visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
            return visible, [sheet.name for sheet in sheets if sheet.name not in visible]

    def start(self, name: str, count: int) -> list[list[str]]:
        """The first rows of a sheet."""
        if self._archive and name in self._sheets:
            # its first rows are enough where they are plain
            chunk = next(self._archive.chunks(self._sheets[name].file), b"")
            end = chunk.rfind(b"</row>", 0, START_BYTES) + len(b"</row>")
            with contextlib.suppress(*_ODD):
                rows = plain_sheet(iter([chunk[:end] + SHEET_END]), *self._styles(self._archive), MAX_CELLS)
                return _PlainSheet(rows, Facts()).head(count).records
        return self.sheet(name).head(count).records

    def sheet(self, name: str) -> _PlainSheet | _Sheet:
        """One sheet.

        Raises:
            BlockedFile: FICHIER-ILLISIBLE.
        """
        facts = self._facts.get(name, Facts())
        if self._archive and name in self._sheets:
            file = self._sheets[name].file
            with contextlib.suppress(*_ODD):
                rows = plain_sheet(self._archive.chunks(file), *self._styles(self._archive), MAX_CELLS)
                return _PlainSheet(rows, hidden_of(self._archive.chunks(file)))
            facts = self._scan(file).get("", facts)
            self._archive.forget(file)
        with _Understood():
            sheet = self._workbook.get_sheet_by_name(name)
            bottom, right = sheet.end or (0, 0)
            if bottom >= WORKBOOK_ROWS or right >= WORKBOOK_COLUMNS or (bottom + 1) * (right + 1) > MAX_CELLS:
                raise oversized()
            return _Sheet(sheet, facts)

    def _styles(self, archive: Archive) -> tuple[pl.Series, list[int]]:
        """What the cells of a plain sheet refer to."""
        if self._texts is None:
            self._texts = shared_strings(archive.read("xl/sharedStrings.xml"))
        if re.search(rb"date1904=[\"'](?:1|true)", archive.read("xl/workbook.xml")):
            raise NotPlain
        return self._texts, style_kinds(archive.read("xl/styles.xml"))

    def _scan(self, file: str) -> Mapping[str, Facts]:
        """What the XML of a file says of its sheets."""
        scan: SheetScan | None = None
        if self._archive is not None:
            for chunk in self._archive.chunks(file):
                scan = scan or scan_of(file, chunk)
                if scan is None:
                    return {}
                if not scan.take(chunk):
                    raise oversized()
        if scan is None:
            return {}
        if not scan.done():
            raise oversized()
        return scan.facts


class _Understood:
    """Turns whatever calamine raises into an answer: it raises one class per format, and panics are no Exception."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Raise FICHIER-ILLISIBLE in place of a failure."""
        if error is None or isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit, BlockedFile)):
            return
        if type(error).__name__ == "PasswordError":
            raise protected() from error
        raise unreadable("Le classeur ne s'ouvre pas : il est abîmé ou incomplet.", RESAVE) from error


class _Sheet:
    """Rows of a sheet as text, from its first row and column on."""

    def __init__(self, sheet: Any, facts: Facts) -> None:
        self._sheet, self._facts = sheet, facts
        self._left = sheet.start[1] if sheet.start else 0
        self._merged = sheet.merged_cell_ranges or []
        self._cover()

    def _cover(self) -> None:
        """Blank the cells that a merged cell covers: they may hold what nobody sees."""
        last_row, last_column = self._sheet.end or (-1, -1)
        covered = (
            (row, column)
            for (top, left), (bottom, right) in self._merged
            for row in range(top, min(bottom, last_row) + 1)
            for column in range(left, min(right, last_column) + 1)
            if (row, column) != (top, left)
        )
        for row, column in itertools.islice(covered, MAX_COVERED):
            self._facts.put(row, column, "")

    def head(self, count: int) -> Head:
        """The first rows, each as wide as the sheet."""
        rows = [list(map(_written, row)) for row in itertools.islice(self._rows(), count)]
        width = self._sheet.end[1] + 1 if self._sheet.end else 0
        rows = [row + [""] * (width - len(row)) for row in rows]
        for index, cells in enumerate(rows):
            for column, text in self._facts.texts.get(index, {}).items():
                if column < width:
                    cells[column] = text
        return Head(rows, list(range(1, len(rows) + 1)))

    def blocks(self, first: int, width: int) -> Iterator[Block]:
        """Rows from `first` (from 0) on, as tables of `width` text columns at least."""
        merged = [area[0][0] + 1 for area in self._merged] or self._facts.merged_rows
        remarks = _remarks(self._facts, merged, first)
        rows = itertools.islice(self._rows(), first, None)
        count = max(1, min(SLICE, SLICE_CELLS // max(1, width)))
        for start in itertools.count(first, count):
            taken = list(itertools.islice(rows, count))
            if not taken:
                break
            yield Block(self._frame(taken, start, width), [], remarks)
            remarks = []

    def _rows(self) -> Iterator[list[Any]]:
        if self._sheet.start is None:
            return
        with _Understood():
            left = [""] * self._left
            for row in self._sheet.iter_rows():
                yield left + row if left else row

    def _frame(self, rows: list[list[Any]], start: int, width: int) -> pl.DataFrame:
        import polars as pl

        names = column_names(width)
        columns = [_column(values) for values in itertools.islice(zip(*rows, strict=False), width)]
        blank = pl.Series([""], dtype=pl.String).new_from_index(0, len(rows))
        columns += [blank] * (width - len(columns))
        frame = pl.DataFrame(dict(zip(names, columns, strict=True)), schema=dict.fromkeys(names, pl.String))
        for column in range(width):
            texts = {
                row - start: cells[column]
                for row, cells in self._facts.texts.items()
                if column in cells and 0 <= row - start < len(rows)
            }
            if texts:
                name = names[column]
                frame = frame.with_columns(frame[name].scatter(list(texts), list(texts.values())))
        if frame.is_empty():
            return no_cells(names)
        return frame.with_columns(pl.int_range(start + 1, start + 1 + len(rows), dtype=pl.Int32).alias(ROW))


class _PlainSheet:
    """Rows of a sheet that was read by vectors."""

    def __init__(self, rows: pl.DataFrame, facts: Facts) -> None:
        self._rows, self._facts = rows, facts

    def head(self, count: int) -> Head:
        """The first rows, each as wide as the sheet."""
        rows = self._rows.head(count).rows()
        return Head([list(row[:-1]) for row in rows], [row[-1] for row in rows])

    def blocks(self, first: int, width: int) -> Iterator[Block]:
        """Rows from `first` (from 0) on, as tables of `width` text columns."""
        import polars as pl

        names = column_names(width)
        blank = [pl.lit("").alias(name) for name in names if name not in self._rows.columns]
        remarks = _remarks(self._facts, [], self._rows[ROW][first - 1] if first else 0)
        for start in range(first, self._rows.height, SLICE):
            rows = self._rows[start : start + SLICE]
            yield Block(rows.with_columns(blank).select(*names, ROW), [], remarks)
            remarks = []


def _remarks(facts: Facts, merged: Sequence[int], first: int) -> list[Remark]:
    """What is hidden or merged among the rows below the line `first`."""
    remarks = []
    hidden = [number for number in facts.hidden_rows if number > first]
    if hidden:
        what = (
            f"La ligne {_listed(hidden)} est masquée : elle est lue"
            if len(hidden) == 1
            else f"{len(hidden)} lignes sont masquées ({_listed(hidden)}) : elles sont lues"
        )
        remarks.append(_note("LIGNES-MASQUEES", f"{what} comme les autres."))
    if facts.has_hidden_columns:
        remarks.append(_note("COLONNES-MASQUEES", "Des colonnes sont masquées : elles sont lues comme les autres."))
    below = [number for number in merged if number > first]
    if below:
        where = f"ligne{'s' if len(below) > 1 else ''} {_listed(below)}"
        told = f"Des cellules sont fusionnées ({where}) : seule la première garde sa valeur, les autres sont vides."
        remarks.append(_note("CELLULES-FUSIONNEES", told))
    return remarks


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:NOTED])) + ("…" if len(numbers) > NOTED else "")


def _column(values: Sequence[Any]) -> pl.Series:
    """Cells of one column as text, by vectors where they are of one kind."""
    import polars as pl

    kinds = set(map(type, values))
    if kinds == {str}:
        return pl.Series(values, dtype=pl.String)
    if kinds == {float}:
        numbers = pl.Series(values, dtype=pl.Float64)
        whole = numbers.cast(pl.Int64, strict=False)
        if not whole.null_count() and (whole == numbers).all() and ((whole > -(10**15)) & (whole < 10**15)).all():
            return whole.cast(pl.String)
    if kinds == {dt.date}:
        return pl.Series(values, dtype=pl.Date).cast(pl.String)
    return pl.Series([value if type(value) is str else _written(value) for value in values], dtype=pl.String)


def _written(value: Any) -> str:
    """A cell as a person would write it: 12 and not 12.0, dates as 2026-03-04."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "VRAI" if value else "FAUX"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(value, ".15g")
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(" ")
    return str(value)


# ------------------------------------------------------------------------------------------------------- safety


def _try_apart(path: Path) -> None:
    """Read an XLS in a process of its own first, with bounds: a hostile one makes the reader ask for all memory."""
    limits = (
        (resource.RLIMIT_AS, _TRIAL_BYTES),
        (resource.RLIMIT_CPU, _TRIAL_CPU),
    )
    command = (
        "import resource, sys\n"
        f"for limit, value in {limits!r}: resource.setrlimit(limit, (value, value))\n"
        "from python_calamine import CalamineWorkbook\n"
        "book = CalamineWorkbook.from_filelike(open(sys.argv[1], 'rb'))\n"
        "for name in book.sheet_names: book.get_sheet_by_name(name)\n"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", command, str(path)], capture_output=True, timeout=_TRIAL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise oversized() from error
    if done.returncode:
        if b"PasswordError" in done.stderr:
            raise protected()
        if done.returncode < 0 or b"memory" in done.stderr:
            raise oversized()
        raise damaged()
