"""What rows refer to: sessions, events, journeys… of other deliveries, as the last one in force tells them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl
from psycopg import sql

from ingestion.contracts import load_contract

if TYPE_CHECKING:
    import psycopg

    from ingestion.contracts import Contract

# identifiers asked at once, and rows kept for the next batches of the same file
ASKED_AT_ONCE = 100_000
# more are found faster by one pass over the table than by its index
FOUND_BY_INDEX = 100
KEPT_ROWS = 100_000


class KnownRows:
    """Rows that others may refer to, asked of the raw tables by their identifiers: only those that a file names.

    What was found is kept for the next batches of the same file, up to a limit; a delivery begins with a new one.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], programme_code: str, partner_codes: Sequence[str], own: str
    ) -> None:
        """See what a partner of a programme may refer to.

        Args:
            connection: it may not be in the middle of a COPY when rows are asked for.
            programme_code: programme of the rows that refer.
            partner_codes: partners of that programme: what they declare for another one is known as well.
            own: the partner whose rows refer; its own objects come first.
        """
        self._connection = connection
        self._programme_code = programme_code
        self._partner_codes = list(partner_codes)
        self._own = own
        self._asked: dict[str, pl.Series] = {}
        self._found: dict[str, pl.DataFrame] = {}

    def __call__(self, feed: str, identifiers: Sequence[str]) -> pl.DataFrame:
        """Rows in force of a feed that bear these identifiers, the partner's own ones first.

        Returns:
            Text columns `identifier`, `partner_code` and the raw columns of the feed; one row an identifier and partner.
        """
        contract = load_contract(feed)
        wanted = pl.Series("identifier", identifiers, pl.String).drop_nulls().unique()
        known = self._found.get(feed, _nothing(contract))
        asked = self._asked.get(feed, wanted.clear())
        unknown = wanted.filter(~wanted.is_in(asked.implode()))
        if unknown.len() and contract.identifier is not None:
            known = pl.concat([known, *(self._ask(contract, part) for part in _slices(unknown))])
            asked = pl.concat([asked, unknown])
        found = known.filter(pl.col("identifier").is_in(wanted.implode()))
        if known.height > KEPT_ROWS or asked.len() > KEPT_ROWS:
            known, asked = found, wanted
        self._found[feed], self._asked[feed] = known, asked
        return found.sort(pl.col("partner_code") != self._own, "partner_code", "identifier")

    def _ask(self, contract: Contract, identifiers: pl.Series) -> pl.DataFrame:
        assert contract.identifier is not None
        row = sql.SQL("r.{}")
        identifier = row.format(sql.Identifier(contract.identifier))
        has_programme = "programme_code" in contract.raw_columns
        query = sql.SQL(
            "copy (select distinct on ({identifier}, d.partner_code) {identifier}, d.partner_code, {columns} from {table}"
            " as r inner join ops.deliveries as d on d.delivery_id = r._delivery_id where {compared} = any(%s)"
            " and ({programme} = %s or d.partner_code = any(%s)) and not exists"
            " (select 1 from ops.supersessions as s where s.superseded_delivery_id = r._delivery_id)"
            # the newest key wins
            " order by {identifier}, d.partner_code, d.period_end desc, d.version desc, d.part desc, r._load_id desc,"
            " r._row_number desc) to stdout (format csv)"
        ).format(
            identifier=identifier,
            compared=identifier if identifiers.len() <= FOUND_BY_INDEX else sql.SQL("{} || ''").format(identifier),
            columns=sql.SQL(", ").join(row.format(sql.Identifier(name)) for name in contract.raw_columns),
            table=sql.Identifier("raw", contract.raw_table),
            programme=sql.SQL("r.programme_code") if has_programme else sql.SQL("null"),
        )
        answer = io.BytesIO()
        with self._connection.cursor() as cursor:
            values = [identifiers.to_list(), self._programme_code, self._partner_codes]
            with cursor.copy(query, values) as copy:
                for block in copy:
                    answer.write(block)
        nothing = _nothing(contract)
        if not answer.tell():
            return nothing
        answer.seek(0)
        return pl.read_csv(answer, has_header=False, new_columns=nothing.columns, schema_overrides=nothing.schema)


def _nothing(contract: Contract) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(("identifier", "partner_code", *contract.raw_columns), pl.String))


def _slices(values: pl.Series) -> list[pl.Series]:
    return [values.slice(start, ASKED_AT_ONCE) for start in range(0, values.len(), ASKED_AT_ONCE)]
