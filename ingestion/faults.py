"""What rows do wrong, as a table: `_row_number`, `column`, `rule_id`, `severity`, `value` as written, and `detail`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from ingestion.cells import Cells
from ingestion.records import ROW

REFUSED, AWAITING, WARNING, NOTE = "REFUSE", "ATTENTE", "AVERTISSEMENT", "NOTE"
TEXTS = ("column", "rule_id", "severity", "value", "detail")
FAULTS = {ROW: pl.Int32, **dict.fromkeys(TEXTS, pl.String)}


@dataclass(frozen=True, slots=True)
class Check:
    """One rule on one column, as expressions over the canonical rows: `mask` tells who breaks it."""

    column: str
    rule_id: str
    mask: pl.Expr
    detail: pl.Expr | None = None
    severity: str = REFUSED


def run(rows: pl.DataFrame, cells: Mapping[str, Cells], checks: Sequence[Check]) -> list[pl.DataFrame]:
    """What the rows break; a check that no row breaks costs its mask."""
    if rows.is_empty() or not checks:
        return []
    masks = rows.select(check.mask.fill_null(value=False).alias(str(index)) for index, check in enumerate(checks))
    found = []
    for mask, check in zip(masks.iter_columns(), checks, strict=True):
        if mask.any():
            which = mask.arg_true()
            broken = rows[which]
            detail = None
            if check.detail is not None:
                detail = broken.select(check.detail.cast(pl.String).alias("detail")).to_series()
                if detail.len() < which.len():
                    detail = detail.new_from_index(0, which.len())
            value = cells[check.column].at("trim", which) if check.column in cells else None
            found.append(
                faults(broken[ROW], check.column, check.rule_id, severity=check.severity, value=value, detail=detail)
            )
    return found


def faults(
    numbers: pl.Series,
    column: str,
    rule_id: str | pl.Series,
    *,
    severity: str | pl.Series,
    value: str | pl.Series | None = None,
    detail: str | pl.Series | None = None,
) -> pl.DataFrame:
    """Faults of some rows (their lines); a text stands for all of them."""
    given = zip(TEXTS, (column, rule_id, severity, value, detail), strict=True)
    columns = [
        item.alias(name)
        if isinstance(item, pl.Series)
        else pl.repeat(item, numbers.len(), dtype=pl.String, eager=True).alias(name)
        for name, item in given
    ]
    return pl.DataFrame([numbers.alias(ROW), *columns])


@lru_cache(maxsize=1)
def no_faults() -> pl.DataFrame:
    """An empty table of faults."""
    return pl.DataFrame(schema=FAULTS)


def refused(rows: pl.DataFrame, found: pl.DataFrame) -> pl.Series | None:
    """Which rows are refused, a boolean each; none where no row is."""
    lines = found.filter(pl.col("severity") == REFUSED)[ROW]
    return rows[ROW].is_in(lines.unique().implode()) if lines.len() else None
