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
    parts: list[pl.Series] = []
    cells: list[pl.Expr] = []
    for index, (column, is_cell) in enumerate(columns):
        parts.append(column.alias(str(index)))
        cells.append(pl.col(str(index)) if is_cell else _cell(pl.col(str(index))))
    return pl.DataFrame(parts).select(pl.concat_str(cells, separator=_SEPARATOR).alias("line")).to_series()


def _cell(value: pl.Expr) -> pl.Expr:
    return value.cast(pl.String).str.replace_many(_ESCAPED).fill_null("")


def blocks(lines: pl.Series) -> Iterator[memoryview]:
    """The bytes of some lines, in blocks for COPY."""
    whole = lines.to_frame("line").select(pl.concat_str("line", pl.lit("\n"))).to_series()
    data = memoryview(whole.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()[2])
    size = int(whole.str.len_bytes().sum())
    for first in range(0, size, BLOCK):
        yield data[first : min(first + BLOCK, size)]
