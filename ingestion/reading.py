"""From the bytes of one file to a table of text: which record is on which line, and what was not understood."""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.contracts import Column, Contract
from ingestion.errors import BlockedFile

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Positions = np.ndarray[Any, np.dtype[np.int64]]

SEPARATORS = ";,\t|"
HEADER_SEARCH = 30
MAX_BYTES = 1 << 30
MAX_ZIP_ENTRIES = 2_000
MAX_ZIP_BYTES = 1 << 30
MAX_ZIP_RATIO = 150
# below this an archive cannot hurt, whatever its ratio
HARMLESS_ZIP_BYTES = 16 << 20
WORKBOOK_ROWS = 1_048_576
_TOTAL = r"(?i)^[\s\x1f]*(?:sous[- ]?)?(?:total|totaux)(?: g[ée]n[ée]ral)?\s*:?\s*(?:\x1f|$)"
# an unclosed quote may not swallow more than this many lines
MAX_QUOTED_LINES = 50
ROW = "_row_number"
REPLACEMENT = "\ufffd"
# the first row of a template, and what Excel writes to tell a separator
MARKS = ("lakou:", "sep=")


@dataclass(frozen=True, slots=True)
class Remark:
    """What reading noticed: `rule_id`, `severity` (AVERTISSEMENT or NOTE), French `message` and `remedy`."""

    row_number: int
    column: str
    value: str
    rule_id: str
    severity: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One file as text.

    Args:
        cells: text columns `c0`, `c1`… as written, and `_row_number` (Int32), the line where the record begins.
        header: the header's cells as written.
        positions: index of the cell of each contract column that the file has.
        truncated: records that are no row of the table: `_row_number`, `text`, `cells` (list), `rule_id`, `reason`.
        remarks: warnings and notes.
    """

    cells: pl.DataFrame
    header: tuple[str, ...]
    positions: Mapping[str, int]
    truncated: pl.DataFrame
    remarks: tuple[Remark, ...]

    @property
    def rows_received(self) -> int:
        """Records of the table, those cut short included."""
        return self.cells.height + self.truncated.height


def read_table(path: Path, extension: str, contract: Contract) -> Table:
    """Read one file of a feed.

    Args:
        path: file whose bytes are read; its own name does not matter.
        extension: `csv`, `xlsx`, `ods` or `xls`.

    Raises:
        BlockedFile: FICHIER-VIDE, FICHIER-ILLISIBLE, FORMAT-NON-PRIS, COLONNE-MANQUANTE or COLONNE-DOUBLE.
    """
    extension = extension.lower().lstrip(".")
    size = path.stat().st_size
    if size == 0:
        raise _empty("Le fichier est vide (0 octet).")
    if size > MAX_BYTES:
        raise _unreadable("Le fichier dépasse 1 Gio.", "Envoyez un fichier par mois, ou partagez-le en périodes.")
    if extension == "csv":
        return _read_csv(path.read_bytes(), contract)
    if extension in {"xlsx", "ods", "xls"}:
        return _read_workbook(path, extension, contract)
    raise BlockedFile(
        "FORMAT-NON-PRIS", f"Le format .{extension} n'est pas pris.", "Enregistrez le fichier en .csv, .xlsx ou .ods."
    )


@lru_cache(maxsize=4096)
def normal(text: str) -> str:
    """A header's cell as it is compared: lower case, no accents, words of letters and digits with single spaces."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe"))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return " ".join(re.findall(r"[a-z0-9]+", plain))


# ---------------------------------------------------------------------------------------------------------- CSV


def _read_csv(data: bytes, contract: Contract) -> Table:
    text, remarks = _decode(data)
    is_damaged = bool(remarks) and REPLACEMENT in text
    if not text.strip():
        raise _empty("Le fichier ne contient aucun caractère.")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    separator, skipped = _find_header(text, contract)
    body, lines, torn = _records(text, separator)
    header_cells = _cells(_record(body, lines, skipped), separator)
    line = int(lines.numbers[skipped])
    matching = match_header(header_cells, contract, line)
    cells, truncated = _parse(body, lines, skipped + 1, separator, len(header_cells))
    cells, notes = _set_aside(cells, header_cells)
    notes += _unnamed_columns(cells, header_cells, line)
    if is_damaged:
        cells, damaged = _undecoded(cells, separator)
        truncated += damaged
    cut = _truncated_frame([*torn, *truncated])
    preamble = _preamble_notes(skipped, text)
    return Table(cells, tuple(header_cells), matching.positions, cut, (*remarks, *matching.remarks, *preamble, *notes))


def _decode(data: bytes) -> tuple[str, list[Remark]]:
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")):
        raise _unreadable(
            "Le fichier porte l'extension .csv mais n'est pas un texte (c'est un classeur ou un PDF).",
            "Enregistrez-le au format CSV, ou gardez l'extension de son vrai format (.xlsx, .ods).",
        )
    try:
        if data.startswith(codecs.BOM_UTF8):
            return data[3:].decode("utf-8"), []
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return data.decode("utf-16"), [_encoding_note("UTF-16")]
        if b"\0" in data:
            raise _unreadable(
                "Le fichier n'est pas un texte : il contient des octets nuls.", "Enregistrez-le au format CSV (UTF-8)."
            )
        return data.decode("utf-8"), []
    except UnicodeDecodeError as error:
        if error.encoding.startswith("utf-16"):
            raise _unreadable("Le texte en UTF-16 est coupé.", "Enregistrez le fichier en CSV (UTF-8).") from error
    return data.removeprefix(codecs.BOM_UTF8).decode("cp1252", errors="replace"), [_encoding_note("Windows-1252")]


def _encoding_note(name: str) -> Remark:
    return Remark(0, "", name, "ENCODAGE", "NOTE", f"Le fichier a été lu en {name}.", "")


def _find_header(text: str, contract: Contract) -> tuple[str, int]:
    """The separator, and how many records come before the header."""
    sample = text[: 1 << 16].split("\n", HEADER_SEARCH)[:HEADER_SEARCH]
    known = _known_headers(contract)
    required = {column.name for column in contract.columns if column.required}
    best, found = 0, (max(SEPARATORS, key="\n".join(sample).count), 0)
    for separator in SEPARATORS:
        for index, record in enumerate(_sample_records(sample, separator)):
            names = {known.get(normal(cell)) for cell in record} - {None}
            if names and required <= names:
                return separator, index
            if len(names) > best:
                best, found = len(names), (separator, index)
    if not best:
        lines = enumerate(text.split("\n"))
        return found[0], next(index for index, line in lines if line.strip())
    return found


def _sample_records(lines: list[str], separator: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO("\n".join(lines)), delimiter=separator)
    except csv.Error:
        yield from (line.split(separator) for line in lines)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A record that is no row of the table, and why."""

    row_number: int
    text: str
    cells: list[str]
    reason: str
    rule_id: str = "ENREGISTREMENT-TRONQUE"


@dataclass(frozen=True, slots=True)
class _Lines:
    """Where the records of a text begin: `starts` (byte offsets, then the end) and `numbers` (lines, from 1)."""

    starts: Positions
    numbers: Positions


def _records(text: str, separator: str) -> tuple[bytes, _Lines, list[_Cut]]:
    """Find the records; a text whose quotes are not regular is first written again with regular ones."""
    import numpy as np

    body = text.encode()
    torn: list[_Cut] = []
    numbers: Positions | None = None
    if b'"' in body:
        codes = np.frombuffer(body, np.uint8)
        quotes = np.flatnonzero(codes == ord('"'))
        if not _quotes_are_regular(codes, quotes, ord(separator)):
            body, numbers, torn = _requote(text, separator)
            codes = np.frombuffer(body, np.uint8)
            quotes = np.flatnonzero(codes == ord('"'))
        ends = np.flatnonzero(codes == ord("\n"))
        ends_outside = ends[np.searchsorted(quotes, ends) % 2 == 0]
    else:
        codes = np.frombuffer(body, np.uint8)
        ends = ends_outside = np.flatnonzero(codes == ord("\n"))
    starts = np.concatenate((np.zeros(1, np.int64), ends_outside + 1))
    if numbers is None:
        numbers = np.searchsorted(ends, starts) + 1
    if starts[-1] < len(body):
        starts = np.append(starts, len(body) + 1)
    return body, _Lines(starts, numbers[: len(starts) - 1]), torn


def _quotes_are_regular(codes: np.ndarray[Any, np.dtype[np.uint8]], quotes: Positions, separator: int) -> bool:
    """Whether every quote opens a cell, closes one or is doubled inside one: then a strict reader alters nothing."""
    import numpy as np

    if len(quotes) % 2:
        return False
    padded = np.concatenate(([ord("\n")], codes, [ord("\n")]))
    before, after = padded[quotes[0::2]], padded[quotes[1::2] + 2]
    limits = (separator, ord("\n"), ord('"'))
    opened = np.isin(before, limits)
    closed = np.isin(after, limits)
    # a quote before an opening one is its pair only when it closed just before
    doubled_before = before == ord('"')
    doubled_before[1:] &= quotes[2::2] - quotes[1:-1:2] == 1
    doubled_before[:1] = False
    opened &= (before != ord('"')) | doubled_before
    doubled_after = after == ord('"')
    doubled_after[:-1] &= quotes[2::2] - quotes[1:-1:2] == 1
    doubled_after[-1:] = False
    closed &= (after != ord('"')) | doubled_after
    return bool(opened.all() and closed.all())


def _requote(text: str, separator: str) -> tuple[bytes, Positions, list[_Cut]]:
    """Write a text of irregular quotes again: a quote inside a cell stays a character, an unclosed one ends its record.

    This reads line by line; only files that a strict reader would alter come here.
    """
    import numpy as np

    lines = text.split("\n")
    cell = re.compile(rf'\s*"((?:[^"]|"")*)"[ ]*(?={re.escape(separator)}|$)|([^{re.escape(separator)}]*)', re.DOTALL)
    records: list[str] = []
    numbers: list[int] = []
    torn: list[_Cut] = []
    index = 0
    while index < len(lines):
        line, taken = lines[index], 1
        if '"' in line:
            cells = _split_quoted(line, cell, separator)
            while cells is None and taken < MAX_QUOTED_LINES and index + taken < len(lines):
                line += "\n" + lines[index + taken]
                taken += 1
                cells = _split_quoted(line, cell, separator) if '"' in lines[index + taken - 1] else None
            if cells is None:
                text_cells = lines[index].split(separator)
                torn.append(_Cut(index + 1, lines[index], text_cells, "un guillemet n'est pas refermé"))
                records.append("")
                numbers.append(index + 1)
                index += 1
                continue
            line = separator.join(_quoted(text, separator) for text in cells)
        records.append(line)
        numbers.append(index + 1)
        index += taken
    return "\n".join(records).encode(), np.array(numbers, np.int64), torn


def _split_quoted(line: str, cell: re.Pattern[str], separator: str) -> list[str] | None:
    """Cells of a record, or None where an opening quote is not closed in it."""
    cells, position = [], 0
    while True:
        match = cell.match(line, position)
        if match is None:
            return None
        if match[1] is not None:
            cells.append(match[1].replace('""', '"'))
        elif match[2].lstrip().startswith('"') and (match[2].count('"') % 2 or "\n" in line):
            return None
        else:
            cells.append(match[2])
        position = match.end() + 1
        if match.end() >= len(line):
            return cells
        if line[match.end()] != separator:
            return None


def _quoted(text: str, separator: str) -> str:
    if separator in text or '"' in text or "\n" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def _record(body: bytes, lines: _Lines, index: int) -> str:
    return body[int(lines.starts[index]) : int(lines.starts[index + 1]) - 1].decode()


def _cells(record: str, separator: str) -> list[str]:
    return next(csv.reader([record], delimiter=separator), [])


def _parse(body: bytes, lines: _Lines, first: int, separator: str, width: int) -> tuple[pl.DataFrame, list[_Cut]]:
    """Records from `first` on, as `width` text columns and the line numbers; those of another width apart."""
    import numpy as np
    import polars as pl
    import pyarrow as pa
    from pyarrow import csv as pc

    names = [f"c{index}" for index in range(width)]
    numbers = lines.numbers[first:]
    start = int(lines.starts[first]) if first < len(lines.starts) else len(body)
    if not len(numbers):
        return _no_cells(names), []
    if width == 1:
        texts = [_cells(_record(body, lines, first + index), separator) for index in range(len(numbers))]
        frame = pl.DataFrame({"c0": [cells[0] if cells else "" for cells in texts]}, schema={"c0": pl.String})
        frame = frame.with_columns(pl.Series(ROW, numbers, pl.Int32))
        return frame.filter(pl.col("c0").str.strip_chars() != ""), []
    invalid: list[Any] = []

    def set_aside(row: Any) -> str:
        invalid.append((row.number, row.text))
        return "skip"

    longest = int(np.diff(lines.starts).max()) + 1
    table = pc.read_csv(
        pa.BufferReader(memoryview(body)[start:]),
        read_options=pc.ReadOptions(
            use_threads=False, column_names=names, block_size=min(max(1 << 24, 4 * longest), (1 << 31) - 1)
        ),
        parse_options=pc.ParseOptions(
            delimiter=separator, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=set_aside
        ),
        convert_options=pc.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=False
        ),
    )
    frame = pl.DataFrame(table)
    good = np.ones(len(numbers), bool)
    extra: list[list[str]] = []
    extra_numbers: list[int] = []
    truncated: list[_Cut] = []
    for number, text in invalid:
        good[number - 1] = False
        line = int(numbers[number - 1])
        cells = _cells(text, separator)
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            extra.append(cells[:width])
            extra_numbers.append(line)
        else:
            count = "1 cellule" if len(cells) == 1 else f"{len(cells)} cellules"
            truncated.append(_Cut(line, text, cells, f"{count} au lieu de {width}"))
    frame = frame.with_columns(pl.Series(ROW, numbers[good], pl.Int32))
    if extra:
        rows = pl.DataFrame(extra, schema=dict.fromkeys(names, pl.String), orient="row")
        frame = pl.concat([frame, rows.with_columns(pl.Series(ROW, extra_numbers, pl.Int32))]).sort(ROW)
    return frame, truncated


def _no_cells(names: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(schema={**dict.fromkeys(names, pl.String), ROW: pl.Int32})


def _truncated_frame(rows: Iterable[_Cut]) -> pl.DataFrame:
    import polars as pl

    names = ("text", "rule_id", "reason")
    schema: dict[str, pl.DataType] = {
        ROW: pl.Int32(),
        **dict.fromkeys(names, pl.String()),
        "cells": pl.List(pl.String),
    }
    return pl.DataFrame(
        [(row.row_number, row.text, row.rule_id, row.reason, row.cells) for row in sorted(rows, key=_row_number)],
        schema=schema,
        orient="row",
    )


def _row_number(row: _Cut) -> int:
    return row.row_number


def _set_aside(cells: pl.DataFrame, header: Sequence[str]) -> tuple[pl.DataFrame, list[Remark]]:
    """Drop what is no record: blank rows, the header again, totals."""
    import polars as pl

    names = [name for name in cells.columns if name != ROW]
    # one text a row: a control character that no cell holds stands between its cells
    row = pl.concat_str(names, separator="\x1f")
    found = cells.select(
        blank=row.str.contains(r"^[\s\x1f\u200b\ufeff]*$"),
        repeated=row == "\x1f".join(header),
        total=row.str.contains(_TOTAL),
    )
    blank, repeated, total = found.get_columns()
    notes = []
    if repeated.any():
        told = "L'en-tête est répété à cette ligne : elle est passée."
        notes += _row_notes(cells.filter(repeated)[ROW], "ENTETE-REPETE", told)
    if total.any():
        notes += _row_notes(cells.filter(total)[ROW], "LIGNE-TOTAL", "Cette ligne est un total : elle est passée.")
    dropped = blank | repeated | total
    return cells.filter(~dropped) if dropped.any() else cells, notes


def _row_notes(numbers: pl.Series, rule_id: str, message: str) -> list[Remark]:
    return [Remark(number, "", "", rule_id, "NOTE", message) for number in numbers.head(100)]


def _preamble_notes(skipped: int, first: str) -> list[Remark]:
    if not skipped or (skipped == 1 and first.lower().startswith(MARKS)):
        return []
    what = "La première ligne" if skipped == 1 else f"Les {skipped} premières lignes"
    verb = "précède l'en-tête : elle est passée" if skipped == 1 else "précèdent l'en-tête : elles sont passées"
    return [Remark(1, "", "", "LIGNE-TITRE", "NOTE", f"{what} {verb}.")]


def _undecoded(cells: pl.DataFrame, separator: str) -> tuple[pl.DataFrame, list[_Cut]]:
    """Set records apart that hold bytes of no character of the file's encoding."""
    import polars as pl

    names = [name for name in cells.columns if name != ROW]
    is_damaged = pl.any_horizontal(pl.col(name).str.contains(REPLACEMENT, literal=True) for name in names)
    damaged = cells.filter(is_damaged)
    texts = damaged.select(pl.concat_list(names)).to_series().to_list()
    reason = "des caractères n'existent pas dans l'encodage du fichier"
    cuts = [
        _Cut(number, separator.join(record), record, reason) for number, record in zip(damaged[ROW], texts, strict=True)
    ]
    return cells.filter(~is_damaged), cuts


# ------------------------------------------------------------------------------------------------------- header


@dataclass(frozen=True, slots=True)
class Matching:
    """Which cell of a header is which column, and what was noticed."""

    positions: Mapping[str, int]
    remarks: list[Remark] = field(default_factory=list)


def match_header(header: Sequence[str], contract: Contract, line: int) -> Matching:
    """Recognise columns by their name or French label; accents, case, spaces and apostrophes do not matter.

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
        remarks.append(
            Remark(line, "", "", "ENTETE-LIBELLE", "NOTE", f"Colonnes reconnues par leur libellé français : {names}.")
        )
    return Matching(positions, remarks)


def _known_headers(contract: Contract) -> dict[str, str]:
    return {normal(text): column.name for column in contract.columns for text in (column.title, column.name)}


def _missing(positions: Mapping[str, int], contract: Contract) -> list[Column]:
    missing = [column for column in contract.columns if column.required and column.name not in positions]
    people = [column for column in contract.columns if "person" in column.checks]
    names = {column.name for column in people} - set(positions)
    if people and "courriel" in names and len(names) > 1:
        missing += [column for column in people if column.name in names]
    return missing


def _unnamed_columns(cells: pl.DataFrame, header: Sequence[str], line: int) -> list[Remark]:
    """Warnings for columns that hold something under no name."""
    unnamed = [index for index, cell in enumerate(header) if not cell.strip()]
    filled = [index for index in unnamed if (cells[f"c{index}"].str.strip_chars() != "").any()]
    return [_unknown_column(f"n° {index + 1}, sans nom,", "", line) for index in filled]


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


# ---------------------------------------------------------------------------------------------------- workbooks


def _read_workbook(path: Path, extension: str, contract: Contract) -> Table:
    import polars as pl
    from python_calamine import CalamineWorkbook, SheetVisibleEnum

    data = path.read_bytes()
    if extension != "xls":
        _check_archive(data)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        metadata = {sheet.name: sheet for sheet in workbook.sheets_metadata}
        visible = [name for name in workbook.sheet_names if metadata[name].visible == SheetVisibleEnum.Visible]
        hidden = [name for name in workbook.sheet_names if name not in visible]
        best: tuple[int, str, list[list[Any]], int] | None = None
        for name in visible:
            rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
            matched, index = _find_header_row(rows, contract)
            if best is None or matched > best[0]:
                best = (matched, name, rows, index)
            if matched == len(contract.columns):
                break
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # calamine raises one class per format, and panics are no Exception: for a partner they are all one
        raise _unreadable(
            "Le classeur ne s'ouvre pas : il est abîmé ou protégé par un mot de passe.",
            "Ouvrez-le, enregistrez-le de nouveau sans mot de passe (ou en CSV) et déposez-le.",
        ) from error
    if best is None or not any(any(_written(cell) for cell in row) for row in best[2]):
        raise _empty("Le classeur ne contient aucune cellule remplie.")
    _, sheet, rows, index = best
    if len(rows) > WORKBOOK_ROWS:
        raise _unreadable("La feuille compte plus de lignes qu'un classeur n'en peut porter.", "Envoyez un CSV.")
    header = [_written(cell) for cell in rows[index]]
    matching = match_header(header, contract, index + 1)
    names = [f"c{position}" for position in range(len(header))]
    body = rows[index + 1 :]
    columns = [list(map(_written, column)) for column in zip(*body, strict=True)] if body else []
    cells = pl.DataFrame(columns or [[] for _ in names], schema=dict.fromkeys(names, pl.String), orient="col")
    cells = cells.with_columns(pl.int_range(index + 2, index + 2 + cells.height, dtype=pl.Int32).alias(ROW))
    cells, notes = _set_aside(cells, header)
    notes += _unnamed_columns(cells, header, index + 1)
    remarks = [*matching.remarks, *_preamble_notes(index, _written(rows[0][0]) if rows[0] else ""), *notes]
    if hidden:
        names_text = ", ".join(f"« {name} »" for name in hidden)
        remarks.append(Remark(0, "", "", "FEUILLE-MASQUEE", "NOTE", f"Feuilles masquées, non lues : {names_text}."))
    if len(visible) > 1:
        remarks.append(Remark(0, "", "", "FEUILLE-LUE", "NOTE", f"Feuille lue : « {sheet} »."))
    return Table(cells, tuple(header), matching.positions, _truncated_frame([]), tuple(remarks))


def _find_header_row(rows: list[list[Any]], contract: Contract) -> tuple[int, int]:
    """How many columns the best header of a sheet names, and its index (the first filled row if none does)."""
    known = _known_headers(contract)
    best, first = (0, 0), None
    for index, row in enumerate(rows[:HEADER_SEARCH]):
        if first is None and any(_written(cell) for cell in row):
            first = index
        matched = len({known.get(normal(cell)) for cell in row if isinstance(cell, str)} - {None})
        if matched > best[0]:
            best = (matched, index)
    return best if best[0] else (0, first or 0)


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


def _check_archive(data: bytes) -> None:
    """Refuse an archive that would not fit in memory once inflated, counting while inflating: a directory may lie."""
    refused = _unreadable(
        "Le classeur, une fois décompressé, est démesuré.", "Enregistrez-le de nouveau, ou envoyez un fichier CSV."
    )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            declared = sum(entry.file_size for entry in entries)
            if len(entries) > MAX_ZIP_ENTRIES or declared > _allowed(len(data)):
                raise refused
            counted = 0
            for entry in entries:
                with archive.open(entry) as member:
                    while chunk := member.read(1 << 20):
                        counted += len(chunk)
                        if counted > _allowed(len(data)):
                            raise refused
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        EOFError,
        OSError,
        RuntimeError,
        NotImplementedError,
        ValueError,
    ) as error:
        raise _unreadable(
            "Le fichier n'est pas un classeur lisible : il est abîmé, incomplet ou protégé.",
            "Ouvrez-le dans votre tableur, enregistrez-le de nouveau et déposez-le.",
        ) from error


def _allowed(compressed: int) -> int:
    return min(MAX_ZIP_BYTES, max(HARMLESS_ZIP_BYTES, compressed * MAX_ZIP_RATIO))


def _empty(what: str) -> BlockedFile:
    return BlockedFile(
        "FICHIER-VIDE",
        what,
        "S'il n'y a rien à déclarer, déposez le modèle avec sa seule ligne d'en-tête ; sinon, vérifiez-le.",
    )


def _unreadable(what: str, remedy: str) -> BlockedFile:
    return BlockedFile("FICHIER-ILLISIBLE", what, remedy)
