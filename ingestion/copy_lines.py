"""Rows as lines of PostgreSQL's COPY (text format, an empty cell is null), whole columns at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

OPTIONS = "format text, null ''"
# what is handed to the connection at once, in bytes
BLOCK = 1 << 17
_SEPARATOR = "\t"
_ESCAPED = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def as_cells(values: pl.Series) -> pl.Series:
    """Values as cells of a line; null is the empty text."""
    return values.to_frame("value").select(_cell(pl.col("value"))).to_series()


def joined(columns: Iterable[tuple[pl.Series, bool]]) -> pl.Series:
    """Columns side by side.

    Args:
        columns: each with whether it is of cells already, or of what was joined before; the others are values.
    """
    return _joined(columns, "")


def _joined(columns: Iterable[tuple[pl.Series, bool]], end: str) -> pl.Series:
    parts: list[pl.Series] = []
    cells: list[pl.Expr] = []
    for index, (column, is_cell) in enumerate(columns):
        parts.append(column.alias(str(index)))
        cells.append(pl.col(str(index)) if is_cell else _cell(pl.col(str(index))))
    # the end of a line with its last cell: the whole line is put together once
    *before, last = cells
    line = pl.concat_str([*before, last.cast(pl.String) + pl.lit(end) if end else last], separator=_SEPARATOR)
    return pl.DataFrame(parts).select(line.alias("line")).to_series()


def _cell(value: pl.Expr) -> pl.Expr:
    return value.cast(pl.String).str.replace_many(_ESCAPED).fill_null("")


def blocks(columns: Iterable[tuple[pl.Series, bool]]) -> Iterator[memoryview]:
    """Columns side by side as the bytes of lines, in blocks for COPY.

    Args:
        columns: as for `joined`.
    """
    lines = _joined(columns, "\n")
    data = memoryview(lines.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()[2])
    size = int(lines.str.len_bytes().sum())
    for first in range(0, size, BLOCK):
        yield data[first : min(first + BLOCK, size)]
