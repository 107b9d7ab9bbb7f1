"""Sheets of an XLSX that hold values only, by vectors: ten times the speed of reading them cell by cell.

Whatever is not plain (formulas, merged cells, rich text, unusual dates or tags) is left to the general reader: a sheet
is read here only where every byte of it is accounted for.
"""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ingestion.records import ROW, WORKBOOK_ROWS

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Codes = np.ndarray[Any, np.dtype[np.uint8]]
    Integers = np.ndarray[Any, np.dtype[np.int64]]

PIECE = 2 << 20
# what ends the rows of a sheet
SHEET_END = b"</sheetData></worksheet>"
# a number that reads the same as text and as a double shown with 15 digits
_EXACT = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?$"
_EXACT_LENGTH = 15
_FIRST_DAY, _LAST_DAY = 61, 2_958_465
# days from the day 0 of Excel to that of Unix
_FIRST_SERIAL = (dt.date(1899, 12, 30) - dt.date(1970, 1, 1)).days
# formats of dates without time: built in, and what French and ISO settings write
_DATE_FORMATS = (14, 15, 16, 17)
_OTHER_TIME_FORMATS = (18, 19, 20, 21, 22, *range(27, 37), 45, 46, 47, *range(50, 59))
_DATE = re.compile(r"(?:\[\$-[0-9A-Fa-f]+\])?[dmy]{1,4}(?:\\?[-/. ][dmy]{1,4}){1,3}(?:;@)?")
_TIME_LETTERS = re.compile(r"[dmyhsDMYHSeEbB]")

NUMBER, DAY, UNSURE = 0, 1, 2


class NotPlain(Exception):  # noqa: N818 - an answer, not a failure
    """The general reader must read the sheet."""


def shared_strings(xml: bytes) -> pl.Series:
    """The texts that the cells of a workbook refer to.

    Raises:
        NotPlain: some are rich.
    """
    import polars as pl

    start, end = xml.find(b"<si>"), xml.rfind(b"</si>")
    if start < 0:
        if b"<si" in xml:
            raise NotPlain
        return pl.Series([], dtype=pl.String)
    body = xml[start + 4 : end].replace(b'<t xml:space="preserve">', b"<t>")
    if not body.startswith(b"<t>") or not body.endswith(b"</t>") or b"\r" in body:
        raise NotPlain
    texts = body[3:-4].decode().split("</t></si><si><t>")
    if body.count(b"<") != 4 * len(texts) - 2:
        raise NotPlain
    if b"&" in body:
        texts = [html.unescape(text) if "&" in text else text for text in texts]
    return pl.Series(texts, dtype=pl.String)


def style_kinds(xml: bytes) -> list[int]:
    """What the numbers of each style are: `NUMBER`, `DAY`, or `UNSURE`."""
    text = xml.decode(errors="replace")
    custom = {
        int(found[1]): html.unescape(found[2])
        for found in re.finditer(r"<numFmt numFmtId=\"(\d+)\" formatCode=\"([^\"]*)\"", text)
    }
    if text.count("<numFmt ") != len(custom):
        raise NotPlain
    formats = re.search(r"<cellXfs\b.*?</cellXfs>", text, re.DOTALL)
    identifiers = re.findall(r"<xf\b([^>]*)>", formats[0]) if formats else []
    return [_kind(re.search(r"numFmtId=\"(\d+)\"", attributes), custom) for attributes in identifiers]


def _kind(found: re.Match[str] | None, custom: dict[int, str]) -> int:
    identifier = int(found[1]) if found else 0
    if identifier in custom:
        form = custom[identifier]
        if _DATE.fullmatch(form.lower()):
            return DAY
        return UNSURE if _TIME_LETTERS.search(re.sub(r"\"[^\"]*\"|\\.|0?\.?0+[eE]\+0+", "", form)) else NUMBER
    if identifier in _DATE_FORMATS:
        return DAY
    return UNSURE if identifier in _OTHER_TIME_FORMATS else NUMBER


def plain_sheet(pieces: Iterator[bytes], strings: pl.Series, kinds: list[int], cells: int) -> pl.DataFrame:
    """The rows of a sheet, as a table of text columns `c0`, `c1`… and `_row_number`.

    Args:
        pieces: its XML.
        strings: see `shared_strings`.
        kinds: see `style_kinds`.
        cells: how many cells its rectangle may have.

    Raises:
        NotPlain: something is not plain.
    """
    import polars as pl

    parsed: list[_Piece] = []
    width = height = 0
    for xml in _whole_rows(pieces):
        parsed.append(_Piece(xml, kinds))
        width, height = max(width, parsed[-1].width), height + len(parsed[-1].numbers)
        if width * height > cells:
            raise NotPlain
    last = 0
    for piece in parsed:
        if piece.numbers[0] <= last or (piece.numbers[1:] <= piece.numbers[:-1]).any():
            raise NotPlain
        last = int(piece.numbers[-1])
    if last > WORKBOOK_ROWS:
        raise NotPlain
    frames = []
    while parsed:
        frames.append(parsed.pop(0).frame(strings, width))
    return pl.concat(frames) if frames else pl.DataFrame(schema={ROW: pl.Int32})


def _whole_rows(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The rows of a sheet, some at a time, without what stands before and after them."""
    held = b""
    begin = -1
    for chunk in chunks:
        held += chunk
        if begin < 0:
            begin = held.find(b"<sheetData>")
            if begin < 0:
                if len(held) > PIECE:
                    raise NotPlain
                continue
            held = held[begin + len(b"<sheetData>") :]
        if len(held) < PIECE:
            continue
        end = held.rfind(b"</row>") + len(b"</row>")
        if end < len(b"</row>"):
            raise NotPlain
        yield held[:end]
        held = held[end:]
    end = held.find(b"</sheetData>")
    if begin < 0 or end < 0 or b"<mergeCell" in held[end:]:
        raise NotPlain
    if rows := held[:end].strip():
        yield rows


class _Piece:
    """Rows of a sheet, taken apart."""

    def __init__(self, xml: bytes, kinds: list[int]) -> None:
        import numpy as np

        codes = np.frombuffer(xml, np.uint8)
        tags = np.flatnonzero(codes == ord("<"))
        first, second = codes[tags + 1], codes[tags + 2]
        is_row = (first == ord("r")) & (second == ord("o"))
        is_cell = (first == ord("c")) & (second == ord(" "))
        is_value = (first == ord("v")) & (second == ord(">"))
        is_end = (first == ord("/")) & ((second == ord("r")) | (second == ord("c")) | (second == ord("v")))
        if not (is_row | is_cell | is_value | is_end).all() or not is_row.any() or not is_row[0]:
            raise NotPlain
        values = np.flatnonzero(is_value)
        if not is_cell[values - 1].all() or (values[-1:] + 1 >= len(tags)).any() or not is_end[values + 1].all():
            raise NotPlain
        self.numbers = _integers(codes, tags[is_row] + 8, b'<row r="')
        cells, starts, ends = tags[values - 1], tags[values] + 3, tags[values + 1]
        self._rows = np.cumsum(is_row)[values] - 1
        self._columns = _columns(codes, cells)
        self.width = int(self._columns.max(initial=-1)) + 1
        before = starts - 4
        is_typed = (codes[before - 4] == ord("=")) & (codes[before - 5] == ord("t")) & (codes[before - 3] == ord('"'))
        if (codes[before] != ord(">")).any() or (codes[before - 1] != ord('"')).any():
            raise NotPlain
        types = np.where(is_typed, codes[before - 2], ord("n"))
        if xml.count(b' t="') != int(is_typed.sum()) or not np.isin(types, list(b"snbe")).all():
            raise NotPlain
        is_shared = types == ord("s")
        self._strings = _integers(codes, starts[is_shared], b"")
        self._is_shared = is_shared
        others = ~is_shared
        self._texts = _texts(codes, starts[others], ends[others])
        styles = _styles(codes, cells[others], np.where(is_typed, before - 7, before - 1)[others])
        self._convert(types[others], styles, kinds)

    def _convert(self, types: Codes, styles: Integers, kinds: list[int]) -> None:
        """Write the values that are no shared texts as a person would."""
        import numpy as np
        import polars as pl

        texts = self._texts
        table = np.array([*kinds, NUMBER], np.int64)
        if styles.max(initial=-1) >= len(kinds):
            raise NotPlain
        kind = np.where(types == ord("n"), table[styles], NUMBER)
        if (kind == UNSURE).any():
            raise NotPlain
        is_day = pl.Series(kind == DAY)
        if is_day.any():
            days = texts.filter(is_day)
            whole = days.cast(pl.Int64, strict=False)
            if whole.null_count() or not whole.is_between(_FIRST_DAY, _LAST_DAY).all():
                raise NotPlain
            written = (whole + _FIRST_SERIAL).cast(pl.Int32).cast(pl.Date)
            texts = texts.scatter(is_day.arg_true(), written.cast(pl.String))
        if (types == ord("b")).any():
            is_true = pl.Series(types == ord("b")) & (texts == "1")
            is_false = pl.Series(types == ord("b")) & (texts == "0")
            texts = texts.scatter(is_true.arg_true(), "VRAI").scatter(is_false.arg_true(), "FAUX")
        odd = pl.Series((types == ord("n")) & (kind == NUMBER)) & ~(
            texts.str.contains(_EXACT) & (texts.str.len_bytes() <= _EXACT_LENGTH)
        )
        if odd.any():
            places = odd.arg_true()
            texts = texts.scatter(places, [_shown(text) for text in texts.gather(places)])
        self._texts = texts

    def frame(self, strings: pl.Series, width: int) -> pl.DataFrame:
        """The rows as text."""
        import numpy as np
        import polars as pl

        count = len(strings)
        if len(self._strings) and self._strings.max() >= count:
            raise NotPlain
        pool = pl.concat([strings, self._texts, pl.Series([""])])
        places = np.empty(len(self._rows), np.int64)
        places[self._is_shared] = self._strings
        places[~self._is_shared] = np.arange(count, count + len(self._texts))
        matrix = np.full((width, len(self.numbers)), len(pool) - 1, np.int64)
        matrix[self._columns, self._rows] = places
        columns = {f"c{index}": pool.gather(matrix[index]) for index in range(width)}
        return pl.DataFrame({**columns, ROW: pl.Series(self.numbers, dtype=pl.Int32)})


def _shown(text: str) -> str:
    try:
        value = float(text)
    except ValueError as error:
        raise NotPlain from error
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(value, ".15g")


def _integers(codes: Codes, starts: Integers, prefix: bytes) -> Integers:
    """Whole numbers written from some places on, each behind a prefix, of nine digits at most."""
    import numpy as np

    for index, letter in enumerate(prefix):
        if (codes[starts - len(prefix) + index] != letter).any():
            raise NotPlain
    numbers = np.zeros(len(starts), np.int64)
    is_digit = np.ones(len(starts), bool)
    for place in range(10):
        letters = codes[np.minimum(starts + place, len(codes) - 1)]
        is_digit &= (letters >= ord("0")) & (letters <= ord("9"))
        if not is_digit.any():
            break
        if place == 9 or (not place and not is_digit.all()):
            raise NotPlain
        numbers = np.where(is_digit, numbers * 10 + letters - ord("0"), numbers)
    return numbers


def _columns(codes: Codes, cells: Integers) -> Integers:
    """Index of the column of each cell, from the letters of its place."""
    import numpy as np

    for index, letter in enumerate(b'<c r="'):
        if (codes[cells + index] != letter).any():
            raise NotPlain
    first, second, third = (codes[cells + place].astype(np.int64) for place in (6, 7, 8))
    has_two = second >= ord("A")
    if (first < ord("A")).any() or (has_two & (third >= ord("A"))).any():
        raise NotPlain
    return np.where(has_two, (first - 64) * 26 + second - 64, first - 64) - 1


def _styles(codes: Codes, cells: Integers, quotes: Integers) -> Integers:
    """Style of each cell, from the closing quote of its attribute `s`; -1 where it has none."""
    import numpy as np

    digits, count = np.zeros(len(cells), np.int64), np.ones(len(cells), np.int64)
    is_digit = np.ones(len(cells), bool)
    place = quotes.copy()
    for _ in range(6):
        place -= 1
        letters = codes[place]
        is_digit &= (letters >= ord("0")) & (letters <= ord("9"))
        if not is_digit.any():
            break
        digits = np.where(is_digit, digits + (letters - ord("0")) * count, digits)
        count = np.where(is_digit, count * 10, count)
    width = np.round(np.log10(count)).astype(np.int64)
    opening = quotes - width - 1
    is_style = (codes[opening] == ord('"')) & (codes[opening - 1] == ord("=")) & (codes[opening - 2] == ord("s"))
    return np.where(is_style & (codes[opening - 3] == ord(" ")), digits, -1)


def _texts(codes: Codes, starts: Integers, ends: Integers) -> pl.Series:
    """The texts that stand between some places."""
    import numpy as np
    import polars as pl
    import pyarrow as pa

    lengths = ends - starts
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    places = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
    data = codes[places]
    array = pa.Array.from_buffers(
        pa.large_string(), len(starts), [None, pa.py_buffer(offsets), pa.py_buffer(data.tobytes())]
    )
    # raises a ValueError where these are no characters
    array.validate(full=True)
    return pl.Series(array, dtype=pl.String)
