"""What rows refer to: sessions, journeys, agreements… of other files; rows wait for what has not come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from ingestion.codes import PAIR
from ingestion.contracts import ANY, Column, Condition, Contract
from ingestion.faults import AWAITING, REFUSED, faults
from ingestion.records import ROW
from ingestion.whole_file import DECLARED, PLACES

if TYPE_CHECKING:
    from ingestion.judging import Context


HASH = "_row_hash"
OBJECT_PARTNER = "_object_partner_code"
AWAITED = ("awaited_feed", "awaited_id", "awaited_column")
# what rows are judged against of the object that they refer to
PLANNED, MODALITY = "object:duree_prevue_h", "object:modalite"
_ATTRIBUTES = (PLANNED, MODALITY, PLACES, DECLARED)
# identifier of an object, beside the value that tells its feed where one does
_KEY = "_object_key"


def referring_columns(contract: Contract) -> list[Column]:
    """Columns whose values must be known in another feed."""
    return [column for column in contract.columns if column.references is not None]


def feed_of(column: Column) -> pl.Expr:
    """Feed in which the value of a column must be known; null where the row names none."""
    assert column.references is not None
    if column.references.by is None:
        return pl.lit(column.references.feeds[0][1])
    by = pl.col(column.references.by)
    return by.replace_strict(dict(column.references.feeds), default=None, return_dtype=pl.String)


def with_objects(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Look up what rows refer to, at their own partner first.

    Adds `_known:<column>`, the partner of the object of each reference (null where it is not known), and for the first
    one `_object_partner_code` and `object:<name>` of what rules need of the object.
    """
    for column in referring_columns(context.contract):
        assert column.references is not None
        by = column.references.by
        is_first = column is context.contract.reference
        known = []
        for value, feed in column.references.feeds:
            named = rows[column.name] if by is None else rows.filter(pl.col(by) == value)[column.name]
            identifiers = [text for text in named.unique(maintain_order=True) if text is not None]
            if identifiers:
                found = context.references.lookup(feed, identifiers)
                known.append(_attributes(found, context, value, column, is_first=is_first))
        objects = pl.concat(known) if known else _attributes(_nobody(), context, "", column, is_first=is_first)
        names = [name for name in objects.columns if name != _KEY]
        if objects.is_empty():
            rows = rows.with_columns(pl.lit(None, pl.String).alias(name) for name in names)
        else:
            key = pl.col(column.name) if by is None else pl.concat_str(pl.col(by), pl.col(column.name), separator=PAIR)
            rows = rows.join(objects, left_on=key, right_on=_KEY, how="left", maintain_order="left")
        if is_first:
            rows = rows.with_columns(pl.col(f"_known:{column.name}").alias(OBJECT_PARTNER))
    return rows


def _nobody() -> pl.DataFrame:
    return pl.DataFrame(schema={"identifier": pl.String, "partner_code": pl.String})


def _attributes(found: pl.DataFrame, context: Context, value: str, column: Column, *, is_first: bool) -> pl.DataFrame:
    """Objects of one feed: identifier, partner and, for the reference that rules judge by, what these need."""
    wanted: list[str] = []
    if is_first:
        wanted = list(dict.fromkeys((*_ATTRIBUTES, *(f"object:{rule.of}" for rule in context.contract.object_dates))))
    attributes = ((item, item.removeprefix("object:")) for item in wanted)
    assert column.references is not None
    key = pl.col("identifier") if column.references.by is None else pl.lit(value + PAIR) + pl.col("identifier")
    return (
        found.sort(pl.col("partner_code") != context.partner_code, "partner_code", maintain_order=True)
        .select(
            key.alias(_KEY),
            pl.col("partner_code").alias(f"_known:{column.name}"),
            *(
                (pl.col(own) if own in found.columns else pl.lit(None, pl.String)).alias(item)
                for item, own in attributes
            ),
        )
        .unique(_KEY, keep="first", maintain_order=True)
    )


@dataclass(frozen=True, slots=True)
class _Wait:
    """Rows that wait: `condition`, for the object of which `reference`, and the `column` that cannot be judged yet."""

    condition: pl.Expr
    reference: Column
    column: str


def _waits(rows: pl.DataFrame, contract: Contract) -> Iterator[_Wait]:
    """What some of these rows wait for: an object that is not known, or its date that theirs is judged against."""
    for column in referring_columns(contract):
        known = f"_known:{column.name}"
        if rows[known].null_count() > rows[column.name].null_count():
            named = pl.col(column.name).is_not_null() & feed_of(column).is_not_null()
            yield _Wait(named & pl.col(known).is_null(), column, column.name)
    first = contract.reference
    for rule in contract.object_dates:
        assert first is not None
        date = f"object:{rule.of}"
        if rule.severity == REFUSED and rows[date].null_count() > rows[first.name].null_count():
            told = pl.col(f"_known:{first.name}").is_not_null() & pl.col(rule.column).is_not_null()
            yield _Wait(told & pl.col(date).is_null() & meets(rule.when), first, rule.column)


def meets(condition: Condition) -> pl.Expr:
    """Which rows have, in each of these columns, one of these values; all where there is none."""
    return pl.all_horizontal(
        pl.lit(value=True),
        *(pl.col(name).is_not_null() if ANY in values else pl.col(name).is_in(values) for name, values in condition),
    )


def split_awaiting(rows: pl.DataFrame, contract: Contract) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows to load (what they refer to is known, or they refer to nothing), and those that wait; raw columns only."""
    columns = [*(pl.col(name).cast(pl.String) for name in contract.raw_columns), pl.col(ROW), pl.col(HASH)]
    found = list(_waits(rows, contract))
    nothing = [pl.lit(None, pl.String).alias(name) for name in AWAITED]
    waits = rows.select(pl.any_horizontal(wait.condition for wait in found)).to_series() if found else None
    waits = None if waits is None else waits.fill_null(value=False)
    if waits is None or not waits.any():
        return rows.select(columns), rows.clear().select(*columns, *nothing)
    told = [
        (feed_of(wait.reference), pl.col(wait.reference.name), pl.lit(wait.column), wait.condition) for wait in found
    ]
    awaited = [
        pl.coalesce(pl.when(item[-1]).then(item[place]) for item in told).alias(name)
        for place, name in enumerate(AWAITED)
    ]
    return rows.filter(~waits).select(columns), rows.filter(waits).select(*columns, *awaited)


def awaiting_faults(rows: pl.DataFrame, contract: Contract) -> list[pl.DataFrame]:
    """What rows wait for: each object that is not known yet, each date that it has not yet."""
    found = []
    for wait in _waits(rows, contract):
        missing = rows.filter(wait.condition)
        if missing.height:
            feed = missing.select(feed_of(wait.reference).alias("feed")).to_series()
            feed = feed if feed.len() == missing.height else feed.new_from_index(0, missing.height)
            identifier = missing[wait.reference.name]
            found.append(
                faults(
                    missing[ROW], wait.column, "REFERENCE-ATTENDUE", severity=AWAITING, value=identifier, detail=feed
                )
            )
    return found
