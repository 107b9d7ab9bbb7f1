"""Expectations in SQL that ask their question once, together where they can."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.expectations import UnexpectedRowsExpectation

# Great Expectations fetches no more rows of a query
MOST_ROWS = 200


class ExpectNoRows(UnexpectedRowsExpectation):  # type: ignore[misc]  # Great Expectations is untyped
    """A query that finds no rows; the original runs it twice, for the rows and for their number.

    The query gives few rows (a delivery each), so that what it gives is also its count.

    Args:
        figure: only rows count in which this column is neither zero nor false. Expectations that share a query, each
            with a figure of its own, share its one run.
    """

    figure: str = ""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)

    def _validate(self, metrics: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        rows = metrics["unexpected_rows_query.table"]
        # a list cut short may lack the rows of this figure: all that it names are suspect
        if self.figure and len(rows) < MOST_ROWS:
            rows = [row for row in rows if row[self.figure]]
        told = {"unexpected_rows_query.table": rows, "unexpected_rows_query.row_count": len(rows)}
        return super()._validate({**metrics, **told}, *args, **kwargs)
