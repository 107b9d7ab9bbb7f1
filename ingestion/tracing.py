"""`lakou trace`: the rows of the files behind one figure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from ingestion.errors import LakouError
from ingestion.naming import parse_period


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the published margins, as `pub.indicator_values` names it."""

    programme_code: str
    indicator_code: str
    period: str
    territory_code: str
    partner_code: str
    axis: str
    member: str
    measure: str


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What one row of a file adds to the figure; a delivery that counts as a whole; or what no file holds.

    Args:
        file_name, delivery_id: None where no file holds it: a delivery that has not come, a definition that has no proof.
        row_number: line of the file, 0 for all of it.
        sha256: of the row, or of the file where all of it counts.
    """

    file_name: str | None
    row_number: int | None
    delivery_id: str | None
    sha256: str | None
    contribution: Decimal

    @property
    def place(self) -> str:
        """Where it lies, for people: `inscrits.csv:12  166769d49a41`."""
        if self.file_name is None or self.sha256 is None:
            return "in no file: something expected or defined that no delivery brought"
        line = f":{self.row_number}" if self.row_number else ", all of it"
        return f"{self.file_name}{line}  {self.sha256[:12]}"


@dataclass(frozen=True, slots=True)
class Trace:
    """A figure and the rows whose contributions sum to it."""

    value: Decimal | None
    state: str
    rows: tuple[SourceRow, ...]


def trace(connection: psycopg.Connection, cell: Cell) -> Trace:
    """Rows that make up one cell of the marts.

    Raises:
        LakouError: no figure is computed for that cell.
    """
    period = parse_period(cell.period)
    where: dict[str, Any] = {
        "programme_code": cell.programme_code,
        "indicator_code": cell.indicator_code,
        "period_grain": _grain(cell.period),
        "period_start": period.start,
        "territory_code": cell.territory_code,
        "partner_code": cell.partner_code,
        "axis": cell.axis,
        "member": cell.member,
        "measure": cell.measure,
    }
    margin = " and ".join(f"v.{name} = %({name})s" for name in where)
    figure = connection.execute(
        f"select v.value, v.state from marts.fct_indicator_values as v where {margin}", where
    ).fetchone()
    if figure is None:
        raise LakouError(
            f"no figure of {cell.indicator_code} for {cell.period}, {cell.territory_code}, {cell.partner_code},"
            f" {cell.axis} {cell.member} ({cell.measure})",
            "give one territory, or one partner, or one member of an axis; see `pub.indicator_values` for what exists",
        )
    # a view over views has no statistics: nested loops would take minutes
    connection.execute("set local enable_nestloop = off")
    rows = connection.execute(
        "select d.file_name, v.row_number, v.delivery_id, coalesce(v.row_hash, d.sha256), v.contribution"
        " from marts.bridge_value_rows as v left join ops.deliveries as d using (delivery_id)"
        f" where {margin} order by d.file_name, v.row_number",
        where,
    ).fetchall()
    return Trace(figure[0], figure[1], tuple(SourceRow(*row) for row in rows))


def _grain(period: str) -> str:
    for letter, grain in (("T", "quarter"), ("S", "semester"), ("-", "month")):
        if letter in period.upper():
            return grain
    return "year"
