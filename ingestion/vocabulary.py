"""Columns that repeat few values: work on the different ones, and give every row its own."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

# below as many values, telling the different ones costs more than it saves
FEW = 1_000


# how many values are looked at, and how many of them may be different
_LOOKED_AT, _DIFFERENT = 1_000, 700


def may_repeat(values: pl.Series) -> bool:
    """Whether the first values are alike enough for work on the different ones to pay."""
    return values.head(_LOOKED_AT).n_unique() <= _DIFFERENT


class Vocabulary:
    """Numbers the different values of a column of text, from 0 in the order in which they come, batch after batch."""

    def __init__(self) -> None:
        # categories of their own, so that what one column holds is not kept for the next
        self._type = pl.Categorical(pl.Categories.random())
        # they are forgotten once no series is of them
        self._held = pl.Series([], dtype=self._type)
        self._known = 0

    def __len__(self) -> int:
        return self._known

    def codes(self, values: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Number of each row's value, and the values that no batch had before; nulls have no number."""
        codes = values.cast(self._type).to_physical()
        first, last = self._known, codes.max()
        if not isinstance(last, int) or last < first:
            return codes, values.clear()
        self._known = last + 1
        new = pl.int_range(first, self._known, dtype=pl.UInt32, eager=True)
        return codes, new.cat.to(self._type).cast(pl.String)


def by_different(values: pl.Series, work: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """What `work` makes of a column of text, done once for each different value where that pays."""
    if values.len() < FEW or not may_repeat(values):
        return work(values)
    codes, once = Vocabulary().codes(values)
    return work(once).gather(codes).alias(values.name)
