"""What the bytes of a sheet say and its reader does not: errors, formulas without a value, what is hidden or merged.

The bytes are searched, never parsed: a whole parse would cost more than reading the sheet.
"""

from __future__ import annotations

import abc
import html
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from ingestion.records import NO_VALUE, WORKBOOK_ROWS

# the reader holds every cell of the rectangle that a sheet fills
MAX_CELLS = 16_000_000
# bytes of XML that one row may have
MAX_ROW_BYTES = 32 << 20
ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}


@dataclass(slots=True)
class Facts:
    """What is known of one sheet.

    Args:
        texts: text of cells by row and column (both from 0): errors, `NO_VALUE` for formulas without a value, nothing
            for cells that others cover.
        hidden_rows: numbers of hidden rows, from 1.
        merged_rows: numbers of rows where merged cells begin, where the reader does not tell.
        has_hidden_columns: whether columns are hidden.
        rows, columns: last row and column that hold something, at most.
    """

    texts: dict[int, dict[int, str]] = field(default_factory=dict)
    hidden_rows: list[int] = field(default_factory=list)
    merged_rows: list[int] = field(default_factory=list)
    has_hidden_columns: bool = False
    rows: int = 0
    columns: int = 1

    @property
    def fits(self) -> bool:
        """Whether a reader can hold the sheet."""
        return self.rows <= WORKBOOK_ROWS and self.rows * self.columns <= MAX_CELLS

    def put(self, row: int, column: int, text: str) -> None:
        """Set the text of a cell."""
        self.texts.setdefault(row, {})[column] = text


class SheetScan(abc.ABC):
    """Looks at the XML of sheets as it is inflated, in pieces that end with a row.

    Args:
        row_end: what ends a row.
    """

    def __init__(self, row_end: bytes) -> None:
        self.facts: dict[str, Facts] = {}
        self._row_end = row_end
        self._rest: list[bytes] = []
        self._held = 0

    def take(self, chunk: bytes) -> bool:
        """Some more bytes; False where no reader should be given them."""
        end = chunk.rfind(self._row_end)
        if end < 0:
            self._rest.append(chunk)
            self._held += len(chunk)
            return self._held <= MAX_ROW_BYTES
        end += len(self._row_end)
        self.look(b"".join((*self._rest, chunk[:end])))
        self._rest, self._held = [chunk[end:]], len(chunk) - end
        return all(facts.fits for facts in self.facts.values())

    def done(self) -> bool:
        """The bytes are all there; False where no reader should be given them."""
        self.look(b"".join(self._rest))
        self._rest = []
        return all(facts.fits for facts in self.facts.values())

    @abc.abstractmethod
    def look(self, piece: bytes) -> None:
        """Note what whole rows hold."""


def scan_of(name: str, start: bytes) -> SheetScan | None:
    """What looks at a file of an archive, from its name and its first bytes; None where it is no sheet."""
    if name == "content.xml":
        return _OdsScan()
    root = re.search(rb"<(\w+:)?worksheet[\s>]", start[:4096])
    return _XlsxScan(root[1] or b"") if root else None


# --------------------------------------------------------------------------------------------------------- XLSX


def hidden_of(chunks: Iterator[bytes]) -> Facts:
    """What is hidden in a sheet of an XLSX that holds nothing else to tell."""
    scan: SheetScan | None = None
    kept = list(chunks)
    if not any(b"hidden=" in chunk for chunk in kept):
        return Facts()
    for chunk in kept:
        scan = scan or scan_of("", chunk)
        if scan is not None:
            scan.take(chunk)
    if scan is None:
        return Facts()
    scan.done()
    return scan.facts.get("", Facts())


class _XlsxScan(SheetScan):
    """One sheet of an XLSX, whose tags begin with `prefix`."""

    def __init__(self, prefix: bytes) -> None:
        super().__init__(b"</" + prefix + b"row>")
        self.facts[""] = Facts()
        cell, formula, value = (prefix + name for name in (b"c", b"f", b"v"))
        self._row = re.compile(rb"<" + prefix + rb"row\b([^>]*)>")
        self._column = re.compile(rb"<" + prefix + rb"col\b[^>]*\bhidden=[\"'](?:1|true)")
        self._far = re.compile(rb"<" + cell + rb" r=\"([A-Z]{2,3})\d{1,7}\"[^>]*[^/]>")
        content = rb"<" + formula + rb"\b[^>]*?(?:/>|>[^<]*</" + formula + rb">)"
        self._error = re.compile(
            rb"<" + cell + rb"\b([^>]*\bt=[\"']e[\"'][^>]*)>\s*(?:" + content + rb")?\s*<" + value + rb">([^<]*)<"
        )
        self._formula = re.compile(
            rb"<" + cell + rb"\b([^>]*[^/]|)>\s*" + content + rb"\s*(?:<" + value + rb"\s*/>|<" + value + rb">\s*</"
            + value + rb">)?\s*</" + cell + rb">"
        )  # fmt: skip
        self._row_start = b"<" + prefix + b"row"
        self._formula_start = b"<" + formula

    def look(self, piece: bytes) -> None:
        """Note what whole rows hold."""
        facts = self.facts[""]
        counted = facts.rows + piece.count(self._row_start)
        last = self._row.search(piece, max(0, piece.rfind(self._row_start)))
        facts.rows = max(counted, _number(last[1]) if last else 0)
        far = {_column_index(name) + 1 for name in set(self._far.findall(piece))}
        facts.columns = max(facts.columns, 26, *far)
        if b"hidden=" in piece:
            facts.has_hidden_columns |= self._column.search(piece) is not None
            for found in self._row.finditer(piece):
                if re.search(rb"\bhidden=[\"'](?:1|true)", found[1]) and (number := _number(found[1])):
                    facts.hidden_rows.append(number)
        if b't="e"' in piece or b"t='e'" in piece:
            for found in self._error.finditer(piece):
                self._put(found[1], html.unescape(found[2].decode(errors="replace")))
        if self._formula_start in piece:
            for found in self._formula.finditer(piece):
                # an empty text is a value
                if b't="str"' not in found[1]:
                    self._put(found[1], NO_VALUE)

    def _put(self, attributes: bytes, text: str) -> None:
        if found := re.search(rb"\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']", attributes):
            self.facts[""].put(int(found[2]) - 1, _column_index(found[1]), text)


def _number(attributes: bytes) -> int:
    found = re.search(rb"\br=[\"'](\d{1,9})[\"']", attributes)
    return int(found[1]) if found else 0


def _column_index(letters: bytes) -> int:
    """Index of a column from 0, from its letters."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


# ---------------------------------------------------------------------------------------------------------- ODS


class _OdsScan(SheetScan):
    """All sheets of an ODS."""

    _part = re.compile(
        rb"<table:table\b[^>]*?table:name=\"([^\"]*)\"|<(table:table-column)\b[^>]*visibility=\"(?:collapse|filter)\""
        rb"|<table:table-row\b([^>]*?)(?:/>|>(.*?)</table:table-row>)",
        re.DOTALL,
    )
    _cell = re.compile(
        rb"<table:(?:covered-)?table-cell\b([^>]*?)(?:/>|>(.*?)</table:(?:covered-)?table-cell>)", re.DOTALL
    )
    _repeats = re.compile(rb"number-(?:rows|columns)-repeated=\"(\d{1,9})\"")

    def __init__(self) -> None:
        super().__init__(b"</table:table-row>")
        self._facts = Facts()
        self._row = 0

    def look(self, piece: bytes) -> None:
        """Note what whole rows hold."""
        for found in self._part.finditer(piece):
            if found[1] is not None:
                self._facts = self.facts.setdefault(html.unescape(found[1].decode(errors="replace")), Facts())
                self._row = 0
            elif found[2] is not None:
                self._facts.has_hidden_columns = True
            else:
                self._look_at_row(found[3], found[4] or b"")

    def _look_at_row(self, attributes: bytes, cells: bytes) -> None:
        facts, count = self._facts, self._times(attributes)
        number = self._row + 1
        self._row += count
        if b"value-type=" not in cells and b"table:formula=" not in cells:
            return
        facts.rows = self._row
        if re.search(rb"visibility=\"(?:collapse|filter)\"", attributes):
            facts.hidden_rows.append(number)
        if b"-spanned=" in cells and re.search(rb"-spanned=\"(?!1\")", cells):
            facts.merged_rows.append(number)
        if any(word in cells for word in (b'value-type="error"', b"table:formula=", b"columns-repeated=", b"covered-")):
            self._look_at_cells(number - 1, count, cells)
        else:
            facts.columns = max(facts.columns, cells.count(b"table-cell "))

    def _look_at_cells(self, row: int, count: int, cells: bytes) -> None:
        column = 0
        for found in self._cell.finditer(cells):
            attributes, times = found[1], self._times(found[1])
            text = None
            if found[0].startswith(b"<table:covered"):
                text = ""
            elif b'value-type="error"' in attributes:
                text = html.unescape(re.sub(rb"<[^>]*>", b"", found[2] or b"").decode(errors="replace"))
            elif b"table:formula=" in attributes and b"office:value-type=" not in attributes:
                text = NO_VALUE
            if text is not None:
                for place in range(row, row + min(count, 1000)):
                    for index in range(column, column + min(times, 1000)):
                        self._facts.put(place, index, text)
            column += times
            if b"value-type=" in attributes or text:
                self._facts.columns = max(self._facts.columns, column)

    def _times(self, attributes: bytes) -> int:
        found = self._repeats.search(attributes)
        return int(found[1]) if found else 1


# ---------------------------------------------------------------------------------------------------------- XLS

_FREE = 0xFFFFFFFA
_BOF, _EOF, _SHEET, _ROW, _COLUMNS, _BOOLEAN_OR_ERROR = 0x0809, 0x000A, 0x85, 0x0208, 0x7D, 0x0205
_FORMULA = 0x0006


def xls_facts(data: bytes) -> dict[str, Facts]:
    """What the records of an XLS say of its sheets; nothing where they cannot be followed."""
    try:
        return _xls_facts(_workbook_stream(data))
    except (struct.error, IndexError, UnicodeDecodeError):
        return {}


def _workbook_stream(data: bytes) -> bytes:
    """The stream `Workbook` of a compound file, empty where there is none."""
    size = 1 << struct.unpack_from("<H", data, 30)[0]
    if size not in {512, 4096}:
        return b""

    def sector(index: int) -> bytes:
        return data[(index + 1) * size : (index + 2) * size]

    def chain(index: int, table: list[int]) -> bytes:
        parts, seen = [], set()
        while index < _FREE and index not in seen:
            seen.add(index)
            parts.append(sector(index))
            index = table[index]
        return b"".join(parts)

    places = list(struct.unpack_from("<109I", data, 76))
    following, _ = struct.unpack_from("<2I", data, 68)
    for _ in range(len(data) // size):
        if following >= _FREE:
            break
        *more, following = struct.unpack(f"<{size // 4}I", sector(following))
        places += more
    fat = [entry for place in places if place < _FREE for entry in struct.unpack(f"<{size // 4}I", sector(place))]
    directory = chain(struct.unpack_from("<I", data, 48)[0], fat)
    for start in range(0, len(directory) - 127, 128):
        length = struct.unpack_from("<H", directory, start + 64)[0]
        name = directory[start : start + max(0, length - 2)].decode("utf-16-le", "replace")
        if name in {"Workbook", "Book"}:
            first, stream_size = struct.unpack_from("<2I", directory, start + 116)
            # a smaller stream is kept elsewhere, and no spreadsheet program writes one
            return chain(first, fat)[:stream_size] if stream_size >= 4096 else b""
    return b""


def _xls_facts(stream: bytes) -> dict[str, Facts]:
    names = {}
    for kind, start in _records(stream, 0):
        if kind == _SHEET:
            place, _, length, flags = struct.unpack_from("<IHBB", stream, start)
            wide = flags & 1
            text = stream[start + 8 : start + 8 + length * (1 + wide)]
            names[place] = text.decode("utf-16-le" if wide else "latin-1")
    return {name: _xls_sheet(stream, place) for place, name in names.items()}


def _xls_sheet(stream: bytes, place: int) -> Facts:
    facts = Facts()
    for kind, start in _records(stream, place):
        if kind == _ROW:
            row, flags = struct.unpack_from("<H10xH", stream, start)
            if flags & 0x20:
                facts.hidden_rows.append(row + 1)
        elif kind == _COLUMNS:
            facts.has_hidden_columns |= bool(struct.unpack_from("<8xH", stream, start)[0] & 1)
        elif kind == _BOOLEAN_OR_ERROR:
            row, column, value, is_error = struct.unpack_from("<HH2xBB", stream, start)
            if is_error:
                facts.put(row, column, ERRORS.get(value, "#ERREUR"))
        elif kind == _FORMULA:
            row, column, result, value, marker = struct.unpack_from("<HH2xBxB3xH", stream, start)
            if marker == 0xFFFF and result == 2:
                facts.put(row, column, ERRORS.get(value, "#ERREUR"))
    return facts


def _records(stream: bytes, place: int) -> Iterator[tuple[int, int]]:
    """Kind and first byte of the records of a part of a stream."""
    depth = 0
    while place + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, place)
        yield kind, place + 4
        depth += (kind == _BOF) - (kind == _EOF)
        if kind == _EOF and depth <= 0:
            return
        place += 4 + length
