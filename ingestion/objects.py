"""What rows refer to: sessions, journeys, agreements… of other files; rows wait for those that have not come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from ingestion.codes import PAIR
from ingestion.contracts import Column, Contract
from ingestion.faults import AWAITING, faults
from ingestion.records import ROW
from ingestion.whole_file import DECLARED, PLACES

if TYPE_CHECKING:
    from ingestion.judging import Context


HASH = "_row_hash"
OBJECT_PARTNER = "_object_partner_code"
AWAITED = ("awaited_feed", "awaited_id")
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


def split_awaiting(rows: pl.DataFrame, contract: Contract) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows to load (what they refer to is known, or they refer to nothing), and those that wait; raw columns only."""
    columns = [*(pl.col(name).cast(pl.String) for name in contract.raw_columns), pl.col(ROW), pl.col(HASH)]
    references = [column for column in referring_columns(contract) if _may_be_unknown(rows, column)]
    unknown = [_is_unknown(column) for column in references]
    nothing = [pl.lit(None, pl.String).alias(name) for name in AWAITED]
    waits = rows.select(pl.any_horizontal(unknown).fill_null(value=False)).to_series() if unknown else None
    if waits is None or not waits.any():
        return rows.select(columns), rows.clear().select(*columns, *nothing)
    missing = list(zip(unknown, references, strict=True))
    feed = pl.coalesce(pl.when(is_unknown).then(feed_of(column)) for is_unknown, column in missing)
    identifier = pl.coalesce(pl.when(is_unknown).then(pl.col(column.name)) for is_unknown, column in missing)
    awaited = [feed.alias(AWAITED[0]), identifier.alias(AWAITED[1])]
    return rows.filter(~waits).select(columns), rows.filter(waits).select(*columns, *awaited)


def _may_be_unknown(rows: pl.DataFrame, column: Column) -> bool:
    return rows[f"_known:{column.name}"].null_count() > rows[column.name].null_count()


def _is_unknown(column: Column) -> pl.Expr:
    return pl.col(column.name).is_not_null() & feed_of(column).is_not_null() & pl.col(f"_known:{column.name}").is_null()


def awaiting_faults(rows: pl.DataFrame, contract: Contract) -> list[pl.DataFrame]:
    """What rows wait for: each reference that is not known yet."""
    found = []
    for column in referring_columns(contract):
        if not _may_be_unknown(rows, column):
            continue
        missing = rows.filter(_is_unknown(column))
        if missing.height:
            feed = missing.select(feed_of(column).alias("feed")).to_series()
            feed = feed if feed.len() == missing.height else feed.new_from_index(0, missing.height)
            identifier = missing[column.name]
            found.append(
                faults(
                    missing[ROW], column.name, "REFERENCE-ATTENDUE", severity=AWAITING, value=identifier, detail=feed
                )
            )
    return found
