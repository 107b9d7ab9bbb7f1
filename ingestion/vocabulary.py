"""Columns that repeat few values: work on the different ones, and give every row its own."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

# below as many values, telling the different ones costs more than it saves
FEW = 1_000


def is_repetitive(values: pl.Series) -> bool:
    """Whether the different values are few enough for work on them to pay."""
    return values.head(1_000).n_unique() <= 700 and values.n_unique() * 4 <= values.len()


def different(values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Index of each row's value among the different values, and these; a column of text without nulls."""
    # categories of their own, so that what one column holds is not kept for the next
    coded = values.cast(pl.Categorical(pl.Categories.random()))
    codes = coded.to_physical()
    last = codes.max()
    count = int(last) + 1 if isinstance(last, int) else 0
    every = pl.int_range(0, count, dtype=pl.UInt32, eager=True)
    return codes, every.cat.to(coded.dtype).cast(pl.String)


def by_different(values: pl.Series, work: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """What `work` makes of a column of text, done once for each different value where that pays."""
    if values.len() < FEW or not is_repetitive(values):
        return work(values)
    codes, once = different(values.fill_null(_NOTHING) if values.null_count() else values)
    made = work(once.to_frame("v").select(pl.when(pl.col("v") != _NOTHING).then("v")).to_series())
    return made.gather(codes).alias(values.name)


# stands for null, which has no code; no text of a cell is this
_NOTHING = "\x00\x00"
