"""From the bytes of one file to batches of text: which record is on which line, and what was not understood."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.contracts import Column, Contract
from ingestion.csv_records import csv_sources, first_lines
from ingestion.errors import BlockedFile
from ingestion.exports.refusals import check_losses, unmapped
from ingestion.exports.tools import Tool, recognise
from ingestion.records import (
    HEADER_SEARCH,
    NO_VALUE,
    ROW,
    Block,
    Head,
    Remark,
    Source,
    column_names,
    cuts_frame,
    empty,
    normal,
    unreadable,
)
from ingestion.workbooks import WORKBOOKS, SheetStart, sheet_starts, workbook_sources

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "NO_VALUE",
    "ROW",
    "Batch",
    "Header",
    "Mark",
    "Reading",
    "Remark",
    "normal",
    "open_reading",
    "read_marks",
]

MAX_BYTES = 2 << 30
# notes of one kind about single rows
NOTED = 100
_TOTAL = r"(?i)^[\s\x1f]*(?:sous[- ]?)?(?:total|totaux)(?: g[ée]n[ée]ral)?\s*:?\s*(?:\x1f|$)"
_BLANK = r"^[\s\x1f\u200b\ufeff]*$"
_MARK = re.compile(
    r"lakou:(?P<feed>[A-Za-z]\d{2}[a-z]?):(?P<version>[\w.]+)"
    r"(?::(?P<partner>[^:]+):(?P<period>[^:]+):v(?P<number>\d+)(?::rejets(?P<part>\d+))?)?[;,\s\"]*"
)
# the first row of a template, and what Excel writes to tell a separator
_MARKS = ("lakou:", "sep=")
# columns that tell a partner why a row was refused
_REASONS = ("motif du refus",)
_REASONS_TO_MEND = ("motif", "a corriger")
_COVER = "envoi"


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a table.

    Args:
        cells: its cells as written; those of a header of two rows are joined.
        positions: index of the cell of each contract column that the file has.
        line: its line, the last one where it has two.
    """

    cells: tuple[str, ...]
    positions: Mapping[str, int]
    line: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows that follow one another.

    Args:
        cells: text columns `c0`, `c1`… as written, and `_row_number` (Int32), the line where the record begins. A
            formula without a stored value is the text `NO_VALUE`.
        truncated: records that are no row of the table: `_row_number`, `text`, `rule_id`, `reason`, `cells` (list).
        remarks: warnings and notes about these rows.
    """

    cells: pl.DataFrame
    truncated: pl.DataFrame
    remarks: tuple[Remark, ...]

    @property
    def rows_received(self) -> int:
        """Records of the table, those cut short included."""
        return self.cells.height + self.truncated.height


class Reading:
    """One table of one file, read in batches: memory stays flat whatever its size.

    Args:
        header: its header.
        remarks: warnings and notes about the file, known before its rows are.
    """

    __slots__ = ("_blocks", "_kept", "_repeated", "_required", "header", "remarks")

    def __init__(  # noqa: PLR0917 - made here only
        self,
        header: Header,
        remarks: tuple[Remark, ...],
        blocks: Callable[[], Iterator[Block]],
        repeated: Sequence[Sequence[str]],
        kept: Sequence[int] | None,
        required: Sequence[str],
    ) -> None:
        self.header, self.remarks = header, remarks
        self._blocks, self._repeated, self._kept, self._required = blocks, repeated, kept, required

    def batches(self) -> Iterator[Batch]:
        """The rows in file order, a fresh pass each call; a small file is one batch."""
        filter_ = _Filter(self.header, self._repeated, self._required)
        for block in self._blocks():
            cells = block.cells
            if self._kept is not None:
                cells = cells.select(
                    *(f"c{old}" if old == new else _renamed(old, new) for new, old in enumerate(self._kept)), ROW
                )
            cells, notes = filter_.rows(cells)
            yield Batch(cells, cuts_frame(block.cuts), (*block.remarks, *notes))


@dataclass(frozen=True, slots=True)
class Mark:
    """What a template, or a file of rows to mend, says of itself.

    Args:
        sheet: name of the sheet; empty for a CSV.
        feed: code of the feed.
        contract_version: version of the contract that the template was made from.
        partner_code, period: whose delivery, of which period, where it says so.
        version, part: version of the delivery and number of the file of rows to mend, where it says so.
        has_rows: whether something stands below its header.
    """

    sheet: str
    feed: str
    contract_version: str
    partner_code: str | None
    period: str | None
    version: int | None
    part: int | None
    has_rows: bool


def open_reading(path: Path, extension: str, contract: Contract, sheet: str | None = None) -> Reading:
    """Find the table of a feed in a file.

    Args:
        path: file whose bytes are read; its own name does not matter.
        extension: `csv`, `xlsx`, `ods` or `xls`.
        sheet: the only sheet to look at.

    Raises:
        BlockedFile: FICHIER-VIDE, FICHIER-ILLISIBLE, FORMAT-NON-PRIS, COLONNE-MANQUANTE, COLONNE-DOUBLE,
            EXPORT-APPAUVRI or EXPORT-SANS-CORRESPONDANCE.
    """
    extension = extension.lower().lstrip(".")
    size = path.stat().st_size
    if size == 0:
        raise empty("Le fichier est vide (0 octet).")
    if size > MAX_BYTES:
        raise unreadable("Le fichier dépasse 2 Gio.", "Envoyez un fichier par mois, ou partagez-le en périodes.")
    if extension == "csv":
        source, found = _best(csv_sources(path), contract)
    elif extension in WORKBOOKS:
        source, found = _best(workbook_sources(path, sheet), contract)
    else:
        raise BlockedFile(
            "FORMAT-NON-PRIS",
            f"Le format .{extension} n'est pas pris.",
            "Enregistrez le fichier en .csv, .xlsx ou .ods.",
        )
    exported = recognise(source.head.records, extension)
    check_losses(source.remarks, exported.tool if exported else None)
    return _reading(source, found, contract, exported.tool if exported else None)


def read_marks(path: Path, extension: str) -> tuple[Mark, ...]:
    """The marks of a template's sheets, or of a CSV's first line; none where there are none, and never an error."""
    extension = extension.lower().lstrip(".")
    try:
        if extension == "csv":
            starts = [SheetStart("", first_lines(path))]
        elif extension in WORKBOOKS:
            starts = sheet_starts(path)
        else:
            return ()
    except (BlockedFile, OSError):
        return ()
    cover = next((_cover(start.rows) for start in starts if normal(start.name) == _COVER), {})
    marks = []
    for start in starts:
        written = start.rows[0][0] if start.rows and start.rows[0] else ""
        if found := _MARK.fullmatch(written.strip()):
            number, part = found["number"] or cover.get("version", "").strip(" vV"), found["part"]
            marks.append(
                Mark(
                    sheet=start.name,
                    feed=found["feed"],
                    contract_version=found["version"],
                    partner_code=found["partner"] or cover.get("partenaire") or None,
                    period=found["period"] or cover.get("periode") or None,
                    version=int(number) if number.isdecimal() else None,
                    part=int(part) if part else None,
                    has_rows=any(cell.strip() for row in start.rows[2:] for cell in row),
                )
            )
    return tuple(marks)


def _cover(rows: Sequence[Sequence[str]]) -> dict[str, str]:
    """Labels and values of the sheet that says whose delivery it is."""
    return {normal(row[0]): row[1].strip() for row in rows if len(row) > 1 and row[1].strip()}


# ------------------------------------------------------------------------------------------------------- header


@dataclass(frozen=True, slots=True)
class _Found:
    """A header found among the first records of a source.

    Args:
        names: how many contract columns it names.
        is_whole: whether it names all that are required.
        index: index of its (last) record.
        rows: how many records it has, 1 or 2.
        cells: its cells.
    """

    names: int
    is_whole: bool
    index: int
    rows: int
    cells: list[str]


def _best(sources: Iterable[Source], contract: Contract) -> tuple[Source, _Found]:
    """The source whose header names most columns; the first one that names all that are required."""
    best: tuple[Source, _Found] | None = None
    for source in sources:
        found = _find_header(source.head, contract)
        if best is None or found.names > best[1].names:
            best = source, found
        if found.is_whole:
            return source, found
    if best is None:
        raise empty("Le classeur ne contient aucune feuille visible.")
    return best


def _find_header(head: Head, contract: Contract) -> _Found:
    known = _known_headers(contract)
    required = {column.name for column in contract.columns if column.required}
    filled = (index for index, record in enumerate(head.records) if any(cell.strip() for cell in record))
    first = next(filled, 0)
    best = _Found(0, False, first, 1, head.records[first] if head.records else [])
    for index, record in enumerate(head.records[:HEADER_SEARCH]):
        candidates = [(1, record)]
        if index and any(cell.strip() for cell in head.records[index - 1]):
            candidates.append((2, _joined(head.records[index - 1], record, known)))
        for rows, cells in candidates:
            names = {known[name] for cell in cells if (name := normal(cell)) in known}
            if len(names) > best.names:
                best = _Found(len(names), required <= names, index, rows, cells)
    return best


def _joined(above: Sequence[str], below: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Cells of a header of two rows: each column by the row, or the two, that make a known name."""
    cells, group = [], ""
    for index in range(max(len(above), len(below))):
        upper = above[index] if index < len(above) else ""
        lower = below[index] if index < len(below) else ""
        group = upper if upper.strip() else group
        choices = (lower, upper, f"{upper} {lower}", f"{group} {lower}")
        fallback = f"{upper} {lower}".strip()
        cells.append(next((text for text in choices if normal(text) in known), fallback))
    return cells


@dataclass(frozen=True, slots=True)
class Matching:
    """Which cell of a header is which column, and what was noticed."""

    positions: Mapping[str, int]
    remarks: list[Remark] = field(default_factory=list)


def match_header(header: Sequence[str], contract: Contract, line: int) -> Matching:
    """Recognise columns by name, French label or alias; accents, case, spaces and apostrophes do not matter.

    Raises:
        BlockedFile: COLONNE-MANQUANTE or COLONNE-DOUBLE.
    """
    known = _known_headers(contract)
    positions: dict[str, int] = {}
    remarks: list[Remark] = []
    twice: list[str] = []
    by_label: list[str] = []
    for index, cell in enumerate(header):
        name = known.get(normal(cell))
        if name is None:
            if shown := cell.strip()[:60]:
                remarks.append(_unknown_column(f"« {shown} »", shown, line))
        elif name in positions:
            twice.append(name)
        else:
            positions[name] = index
            if normal(cell) != normal(name):
                by_label.append(name)
    if twice:
        names = ", ".join(f"« {name} »" for name in dict.fromkeys(twice))
        raise BlockedFile(
            "COLONNE-DOUBLE",
            f"L'en-tête (ligne {line}) porte deux fois {names}.",
            "Gardez une seule colonne de chaque nom et déposez le fichier de nouveau.",
        )
    if not positions:
        wanted = ", ".join(f"« {column.name} »" for column in contract.columns if column.required)
        raise BlockedFile(
            "COLONNE-MANQUANTE",
            f"Le fichier n'a pas d'en-tête : aucune des {HEADER_SEARCH} premières lignes ne porte les noms des colonnes"
            f" du flux {contract.feed} ({wanted}…).",
            f"Ajoutez une première ligne avec les noms des colonnes, ou repartez du modèle {contract.feed} de votre"
            " dossier « modeles ».",
        )
    missing = _missing(positions, contract)
    if missing:
        names = ", ".join(f"« {column.name} » ({column.title})" for column in missing)
        what = "Il manque la colonne" if len(missing) == 1 else "Il manque les colonnes"
        raise BlockedFile(
            "COLONNE-MANQUANTE",
            f"{what} {names} dans l'en-tête (ligne {line}).",
            f"Repartez du modèle {contract.feed} de votre dossier « modeles » ; l'ordre des colonnes est libre.",
        )
    if by_label:
        names = ", ".join(by_label)
        told = f"Colonnes reconnues par leur libellé français ou un autre nom : {names}."
        remarks.append(Remark(line, "", "", "ENTETE-LIBELLE", "NOTE", told))
    return Matching(positions, remarks)


def _known_headers(contract: Contract) -> dict[str, str]:
    aliases = {normal(text): column.name for column in contract.columns for text in column.aliases}
    return aliases | {normal(text): column.name for column in contract.columns for text in (column.title, column.name)}


def _missing(positions: Mapping[str, int], contract: Contract) -> list[Column]:
    missing = [column for column in contract.columns if column.required and column.name not in positions]
    people = [column for column in contract.columns if "person" in column.checks]
    names = {column.name for column in people} - set(positions)
    if people and "courriel" in names and len(names) > 1:
        missing += [column for column in people if column.name in names]
    return missing


def _unknown_column(named: str, column: str, line: int) -> Remark:
    return Remark(
        line,
        column,
        "",
        "COLONNE-INCONNUE",
        "AVERTISSEMENT",
        f"La colonne {named} n'est pas prévue : elle n'est pas lue.",
        "Retirez-la, ou corrigez son nom d'après le modèle.",
    )


# ------------------------------------------------------------------------------------------------------- reading


def _reading(source: Source, found: _Found, contract: Contract, tool: Tool | None) -> Reading:
    head = source.head
    if not any(cell.strip() for record in head.records for cell in record):
        raise empty("Le fichier ne contient aucune cellule remplie.")
    line = head.lines[found.index]
    first = found.index - found.rows + 1
    above = head.records[:first]
    mark = next((_MARK.fullmatch(record[0].strip()) for record in above if record), None)
    prefixes = _REASONS_TO_MEND if mark and mark["part"] else _REASONS
    known = _known_headers(contract)
    is_kept = [normal(cell) in known or not normal(cell).startswith(prefixes) for cell in found.cells]
    kept = [index for index, is_so in enumerate(is_kept) if is_so]
    cells = [found.cells[index] for index in kept]
    matching = _matched(cells, contract, line, tool)
    width = len(is_kept)
    repeated = [
        [record[index] if index < len(record) else "" for index in kept]
        for record in [*head.records[first : found.index + 1], found.cells]
    ]
    # a template's header has the labels: there is nothing to tell
    told_of_header = [item for item in matching.remarks if mark is None or item.rule_id != "ENTETE-LIBELLE"]
    remarks = [*source.remarks, *told_of_header, *_title_notes(above)]
    if found.rows == 2:
        told = f"L'en-tête est sur deux lignes ({head.lines[first]} et {line}) : elles sont lues ensemble."
        remarks.append(Remark(line, "", "", "ENTETE-DEUX-LIGNES", "NOTE", told))
    return Reading(
        Header(tuple(cells), matching.positions, line),
        tuple(remarks),
        lambda: source.blocks(found.index + 1, width),
        repeated,
        kept if len(kept) < width else None,
        [column.name for column in contract.columns if column.required],
    )


def _matched(cells: Sequence[str], contract: Contract, line: int, tool: Tool | None) -> Matching:
    """The columns of a header; of a tool's export, those of the tool's own are left out in one note.

    Raises:
        BlockedFile: COLONNE-DOUBLE, COLONNE-MANQUANTE, or EXPORT-SANS-CORRESPONDANCE for a tool's export.
    """
    try:
        matching = match_header(cells, contract, line)
    except BlockedFile as blocked:
        if tool is not None and blocked.rule_id == "COLONNE-MANQUANTE":
            raise unmapped(tool, contract.feed) from blocked
        raise
    if tool is None:
        return matching
    technical = [
        item.column
        for item in matching.remarks
        if item.rule_id == "COLONNE-INCONNUE" and normal(item.column) in tool.technical
    ]
    if not technical:
        return matching
    told = f"Colonnes techniques {tool.of_title} ignorées : {', '.join(technical)}."
    kept = [item for item in matching.remarks if item.rule_id != "COLONNE-INCONNUE" or item.column not in technical]
    return Matching(matching.positions, [*kept, Remark(line, "", "", "COLONNES-TECHNIQUES", "NOTE", told)])


def _title_notes(above: Sequence[Sequence[str]]) -> list[Remark]:
    filled = [record for record in above if any(cell.strip() for cell in record)]
    titles = [record for record in filled if not record[0].strip().lower().startswith(_MARKS)]
    if not titles:
        return []
    many = len(titles)
    what = "Une ligne" if many == 1 else f"{many} lignes"
    verb = "précède l'en-tête : elle est passée" if many == 1 else "précèdent l'en-tête : elles sont passées"
    return [Remark(1, "", "", "LIGNE-TITRE", "NOTE", f"{what} {verb}.")]


def _renamed(old: int, new: int) -> pl.Expr:
    import polars as pl

    return pl.col(f"c{old}").alias(f"c{new}")


class _Filter:
    """Drops what is no record (blank rows, the header again, totals), and tells what stands under no name."""

    def __init__(self, header: Header, repeated: Sequence[Sequence[str]], required: Sequence[str]) -> None:
        import polars as pl

        width = len(header.cells)
        self.names = column_names(width)
        self.line = header.line
        self.unnamed = [index for index, cell in enumerate(header.cells) if not cell.strip()]
        self.noted = {"ENTETE-REPETE": 0, "LIGNE-TOTAL": 0}
        # one text a row: a control character that no cell holds stands between its cells
        row = pl.concat_str(self.names, separator="\x1f")
        rows = ["\x1f".join(cells) for cells in repeated]
        self.precise = {
            "blank": row.str.contains(_BLANK),
            "repeated": row.is_in(rows),
            "total": row.str.contains(_TOTAL),
        }
        # such a row is blank in what every row must have, or a title or a total in its first cell
        probe = pl.col(f"c{next((header.positions[name] for name in required if name in header.positions), 0)}")
        first = pl.col("c0")
        self.possible = (
            (probe.str.strip_chars() == "")
            | first.str.contains(r"(?i)^\s*(?:sous|tota)")
            | pl.any_horizontal(first == cells[0] for cells in repeated if cells)
        )

    def rows(self, cells: pl.DataFrame) -> tuple[pl.DataFrame, list[Remark]]:
        """The records among some rows, and remarks."""
        notes = self._unnamed_columns(cells)
        possible = cells.select(self.possible).to_series()
        if not possible.any():
            return cells, notes
        some = cells.filter(possible)
        found = some.select(ROW, **self.precise)
        notes += self._notes(
            found.filter("repeated")[ROW], "ENTETE-REPETE", "L'en-tête est répété à cette ligne : elle est passée."
        )
        notes += self._notes(found.filter("total")[ROW], "LIGNE-TOTAL", "Cette ligne est un total : elle est passée.")
        dropped = found.filter(found["blank"] | found["repeated"] | found["total"])[ROW]
        if dropped.is_empty():
            return cells, notes
        return cells.filter(~cells[ROW].is_in(dropped.implode())), notes

    def _notes(self, numbers: pl.Series, rule_id: str, message: str) -> list[Remark]:
        told = numbers.head(NOTED - self.noted[rule_id]).to_list()
        self.noted[rule_id] += len(told)
        return [Remark(number, "", "", rule_id, "NOTE", message) for number in told]

    def _unnamed_columns(self, cells: pl.DataFrame) -> list[Remark]:
        """Warnings for columns that hold something under no name, each once."""
        filled = [index for index in self.unnamed if (cells[f"c{index}"].str.strip_chars() != "").any()]
        self.unnamed = [index for index in self.unnamed if index not in filled]
        return [_unknown_column(f"n° {index + 1}, sans nom,", "", self.line) for index in filled]
