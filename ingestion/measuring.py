"""A partner's own figures: what a delivery says, beside what the version before it said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from psycopg import sql

from ingestion.contracts import ANY, PERSON
from ingestion.loading import RECEIVED, REFUSED, Delivery, source_of
from ingestion.objects import meets
from ingestion.whole_file import in_order

if TYPE_CHECKING:
    import psycopg

    from ingestion.contracts import Contract, Measure
    from ingestion.whole_file import Hashes

# a change is judged against a version of so many rows or more, and is too large past this share
COMPARED_ROWS = 20
LARGEST_CHANGE = 0.3
# while more rows of either version wait, their figures are not comparable
WAITING_SHARE = 0.1
NARROW_SPACE = "\u202f"


@dataclass(frozen=True, slots=True)
class MeasureValue:
    """One figure: French `title`, `unit` in the plural, `value`."""

    title: str
    unit: str
    value: float


class Meter:
    """Measures the rows of one delivery while they are loaded, in flat memory (8 bytes a row and distinct measure)."""

    def __init__(self, contract: Contract) -> None:
        self._measures = contract.measures
        self._totals = [0.0] * len(self._measures)
        self._seen: list[list[Hashes]] = [[] for _ in self._measures]

    def add(self, accepted: pl.DataFrame) -> None:
        """Measure one batch, shaped as `Judgement.accepted`."""
        if accepted.is_empty():
            return
        for index, measure in enumerate(self._measures):
            # only what is measured is filtered: the other columns are many
            is_met = meets(measure.when) if measure.when else pl.lit(value=True)
            if measure.kind == "count":
                self._totals[index] += accepted.select(is_met.sum()).item() if measure.when else accepted.height
            elif measure.kind == "sum":
                number = pl.col(measure.column or "").cast(pl.Float64)
                self._totals[index] += float(accepted.select(number.filter(is_met).sum()).item())
            else:
                values = accepted.select(_value(measure).filter(is_met)).to_series().drop_nulls()
                self._seen[index].append(values.hash().unique().to_numpy())

    def values(self) -> tuple[MeasureValue, ...]:
        """The figures of all the rows added."""
        return tuple(
            MeasureValue(measure.title, measure.unit, float(_different(seen)) if seen else total)
            for measure, total, seen in zip(self._measures, self._totals, self._seen, strict=True)
        )


def _different(parts: Sequence[Hashes]) -> int:
    return sum(int(np.count_nonzero(some[1:] != some[:-1])) + bool(len(some)) for some in in_order(parts))


def save(connection: psycopg.Connection[Any], delivery: Delivery, values: Sequence[MeasureValue]) -> None:
    """Keep the figures of a delivery as it was loaded; the caller commits."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.delivery_measures (delivery_id, title, unit, value, rows_accepted)"
            " values (%s, %s, %s, %s, %s) on conflict do nothing",
            [(delivery.delivery_id, item.title, item.unit, item.value, delivery.rows_accepted) for item in values],
        )


def measures(
    connection: psycopg.Connection[Any], contract: Contract, delivery_ids: Sequence[str]
) -> tuple[MeasureValue, ...]:
    """Figures of the rows of some deliveries of one feed and period, together.

    Returns:
        One value a measure of the contract, in its order.
    """
    if not contract.measures:
        return ()
    if len(delivery_ids) == 1:
        kept = _kept(connection, contract, delivery_ids[0])
        if kept is not None:
            return kept
    columns = sql.SQL(", ").join(map(_aggregate, contract.measures))
    statement = sql.SQL(
        "select {} from {} where _load_id = any(array(select load_id from ops.loads where delivery_id = any(%s)))"
    ).format(columns, sql.Identifier("raw", contract.raw_table))
    row = connection.execute(statement, [list(delivery_ids)]).fetchone()
    assert row is not None
    return tuple(
        MeasureValue(measure.title, measure.unit, float(value))
        for measure, value in zip(contract.measures, row, strict=True)
    )


def in_force(connection: psycopg.Connection[Any], delivery: Delivery) -> tuple[str, ...]:
    """Deliveries of the version that was in force for the same partner, feed and period before this one.

    A version that a person has still to release was in force for nobody.
    """
    rows = connection.execute(
        "select version, delivery_id from ops.deliveries as d where partner_code = %s and feed = %s and period = %s"
        " and version < %s and not is_blocked and state <> all(%s)"
        " and not exists (select 1 from ops.holds as h where h.delivery_id = d.delivery_id and h.released_at is null)"
        " order by version desc, part",
        [delivery.partner_code, delivery.feed, delivery.period, delivery.version, [RECEIVED, REFUSED]],
    ).fetchall()
    return tuple(delivery_id for version, delivery_id in rows if version == rows[0][0])


def too_large_a_change(
    connection: psycopg.Connection[Any], contract: Contract, judged: Delivery, values: Sequence[MeasureValue]
) -> str | None:
    """Why a delivery has to wait for a person, in French; none where it has not.

    Args:
        judged: a delivery with its counters, not yet held.
        values: its figures.
    """
    # a file of rows that were refused completes its version: it has no version before it
    if judged.part or judged.version == 1 or judged.state == REFUSED:
        return None
    before_ids = in_force(connection, judged)
    if not before_ids:
        return None
    # rows that wait are told as well: whether what they refer to has come says nothing of a change
    rows_before, waited_before = connection.execute(
        "select coalesce(sum(rows_accepted + rows_awaiting), 0), coalesce(sum(rows_awaiting), 0)"
        " from ops.deliveries where delivery_id = any(%s)",
        [list(before_ids)],
    ).fetchone() or (0, 0)
    if rows_before < COMPARED_ROWS:
        return None
    told = judged.rows_accepted + judged.rows_awaiting
    pairs = [(MeasureValue("nombre de lignes acceptées ou en attente", "lignes", float(told)), float(rows_before))]
    if waited_before <= WAITING_SHARE * rows_before and judged.rows_awaiting <= WAITING_SHARE * told:
        before = {item.title: item.value for item in measures(connection, contract, before_ids)}
        pairs += [(item, before[item.title]) for item in values if item.title in before]
    if source_of(connection, judged) is not None:
        # answers come in day after day: only what is lost is no ordinary day of a tool
        pairs = [(item, value) for item, value in pairs if item.value < value]
    changes = [_told(item, value) for item, value in pairs if _is_too_large(value, item.value)]
    return " ; ".join(changes) or None


def _is_too_large(before: float, after: float) -> bool:
    return bool(before) and abs(after - before) / abs(before) > LARGEST_CHANGE


def _told(after: MeasureValue, before: float) -> str:
    share = f"{100 * (after.value - before) / abs(before):+.0f}".replace("-", "−")
    title = after.title[:1].lower() + after.title[1:]
    return (
        f"{title} : {_number(before)} dans la version en vigueur, {_number(after.value)} dans celle-ci"
        f" ({share}{NARROW_SPACE}%), pour un écart admis de 30{NARROW_SPACE}%"
    )


def _number(value: float) -> str:
    text = f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
    return text.replace(",", NARROW_SPACE).replace(".", ",")


def _kept(connection: psycopg.Connection[Any], contract: Contract, delivery_id: str) -> tuple[MeasureValue, ...] | None:
    """The figures kept when a delivery was loaded, unless it has other rows or the contract other measures by now."""
    rows = connection.execute(
        "select m.title, m.value from ops.delivery_measures as m inner join ops.deliveries as d"
        " on d.delivery_id = m.delivery_id and d.rows_accepted = m.rows_accepted where m.delivery_id = %s",
        [delivery_id],
    ).fetchall()
    values = dict(rows)
    if set(values) != {measure.title for measure in contract.measures}:
        return None
    return tuple(MeasureValue(measure.title, measure.unit, values[measure.title]) for measure in contract.measures)


def _value(measure: Measure) -> pl.Expr:
    if measure.column == PERSON:
        return pl.coalesce("person_key_2", "person_key_1")
    return pl.col(measure.column or "")


def _aggregate(measure: Measure) -> sql.Composable:
    condition: sql.Composable = sql.SQL("true")
    if measure.when:
        condition = sql.SQL(" and ").join(
            sql.SQL("{} is not null").format(sql.Identifier(name))
            if ANY in values
            else sql.SQL("{} = any({})").format(sql.Identifier(name), list(values))
            for name, values in measure.when
        )
    column: sql.Composable = sql.Identifier(measure.column or "")
    if measure.column == PERSON:
        column = sql.SQL("coalesce(person_key_2, person_key_1)")
    form = {
        "count": "count(*) filter (where {condition})",
        "sum": "coalesce(sum({column}::numeric) filter (where {condition}), 0)",
        "distinct": "count(distinct {column}) filter (where {condition})",
    }[measure.kind]
    return sql.SQL(form).format(column=column, condition=condition)
