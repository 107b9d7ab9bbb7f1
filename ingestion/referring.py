"""What rows refer to: sessions, events, journeys… of other deliveries, as the last one in force tells them.

Partners may number alike. An object of another partner is therefore known to a row only once its own partner cannot
have one of that identifier: in whatever order files come, rows are about the same objects.
"""

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
    from ingestion.naming import Period

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
        self, connection: psycopg.Connection[Any], partner_code: str, period: Period, *, others_at_once: bool = False
    ) -> None:
        """See what a file of a partner may refer to.

        Args:
            connection: it may not be in the middle of a COPY when rows are asked for.
            partner_code: the partner whose rows refer; what other partners of its programme declare is known as well.
            period: of the file.
            others_at_once: its own files were waited for long enough.
        """
        self._connection = connection
        self._own = partner_code
        self._period = period
        self._others_at_once = others_at_once
        self._asked: dict[str, pl.Series] = {}
        self._found: dict[str, pl.DataFrame] = {}

    def __call__(self, feed: str, identifiers: Sequence[str]) -> pl.DataFrame:
        """Rows in force of a feed that bear these identifiers: the partner's own ones, then others' of what it has not.

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
        """Rows of the own partner, then those of others, of what it has not: most files need no more than the first."""
        own = sql.SQL("d.partner_code = %(partner)s and {}").format(is_in_force("d"))
        found = self._rows(contract, identifiers, sql.SQL(""), sql.SQL(""), own)
        left = identifiers.filter(~identifiers.is_in(found["identifier"].implode()))
        if left.is_empty():
            return found
        file = sql.SQL(
            "select %(partner)s::text as partner_code, %(start)s::date as period_start, %(end)s::date as period_end,"
            " %(at_once)s as others_at_once"
        )
        begin = sql.SQL("with own as materialized ({}) ").format(referring(contract, file))
        return pl.concat([found, self._rows(contract, left, begin, sql.SQL("cross join own"), is_known(contract))])

    def _rows(
        self,
        contract: Contract,
        identifiers: pl.Series,
        begin: sql.Composable,
        joined: sql.Composable,
        known: sql.Composable,
    ) -> pl.DataFrame:
        assert contract.identifier is not None
        row = sql.SQL("r.{}")
        identifier = row.format(sql.Identifier(contract.identifier))
        query = sql.SQL(
            "copy ({begin} select distinct on ({identifier}, d.partner_code) {identifier}, d.partner_code, {columns}"
            " from {objects} where {compared} = any(%(identifiers)s) and {known}"
            # the newest key wins
            " order by {identifier}, d.partner_code, d.period_end desc, d.version desc, d.part desc, r._load_id desc,"
            " r._row_number desc) to stdout (format csv)"
        ).format(
            begin=begin,
            identifier=identifier,
            objects=objects(contract, joined),
            compared=identifier if identifiers.len() <= FOUND_BY_INDEX else sql.SQL("{} || ''").format(identifier),
            columns=sql.SQL(", ").join(row.format(sql.Identifier(name)) for name in contract.raw_columns),
            known=known,
        )
        values = {
            "identifiers": identifiers.to_list(),
            "partner": self._own,
            "start": self._period.start,
            "end": self._period.end,
            "at_once": self._others_at_once,
        }
        answer = io.BytesIO()
        with self._connection.cursor() as cursor, cursor.copy(query, values) as copy:
            for block in copy:
                answer.write(block)
        nothing = _nothing(contract)
        if not answer.tell():
            return nothing
        answer.seek(0)
        return pl.read_csv(answer, has_header=False, new_columns=nothing.columns, schema_overrides=nothing.schema)


def referring(contract: Contract, files: sql.Composable) -> sql.Composable:
    """Query: files that refer to a feed, and what has come of it from their own partners.

    Args:
        contract: of the feed that is referred to.
        files: query of `partner_code`, `period_start`, `period_end` and `others_at_once` of the files.

    Returns:
        The columns of `files`; `programme_code`; `sends`, whether the partner's account has the feed; and the days
        that its files of the feed cover: `came`, and `missing` of those that are expected.
    """
    return sql.SQL(
        "select f.*, p.programme_code, {feed} = any(p.feeds) as sends, came.days as came, due.days - came.days as missing"
        " from ({files}) as f inner join ops.partners as p on p.partner_code = f.partner_code"
        " cross join lateral (select coalesce(range_agg(daterange(e.period_start, e.period_end, '[]')), '{{}}') as days"
        " from ops.expected_deliveries as e where e.partner_code = f.partner_code and e.feed = {feed}) as due"
        # of a file refused whole nothing is known
        " cross join lateral (select coalesce(range_agg(daterange(c.period_start, c.period_end, '[]')), '{{}}') as days"
        " from ops.deliveries as c where c.partner_code = f.partner_code and c.feed = {feed}"
        " and c.state in ('ACCEPTÉ', 'ACCEPTÉ AVEC RÉSERVES')) as came"
    ).format(feed=contract.feed, files=files)


def objects(contract: Contract, own: sql.Composable) -> sql.Composable:
    """Rows of a feed `r` beside their delivery `d`, its partner `a`, and what `own` joins: a file of `referring`."""
    return sql.SQL(
        "{table} as r inner join ops.deliveries as d on d.delivery_id = r._delivery_id"
        " inner join ops.partners as a on a.partner_code = d.partner_code {own}"
    ).format(table=sql.Identifier("raw", contract.raw_table), own=own)


def is_known(contract: Contract) -> sql.Composable:
    """Condition on `objects`: the row `r` is in force, and rows of the file `own` (of the query `own`) may refer to it.

    Another partner's may where the own account does not send the feed, where the own files of the file's period and of
    the object's came without it, or where they were waited for long enough. Never where the own partner declared the
    same identifier in a row that was refused: that one is to be mended.
    """
    assert contract.identifier is not None
    programme = sql.SQL("r.programme_code" if "programme_code" in contract.raw_columns else "null")
    return sql.SQL(
        "{d_in_force} and (d.partner_code = own.partner_code or own.programme_code in (a.programme_code, {programme})"
        " and (own.others_at_once or not own.sends"
        " or own.came @> daterange(own.period_start, own.period_end, '[]')"
        " and not own.missing && daterange(d.period_start, d.period_end, '[]'))"
        " and (own.partner_code, r.{identifier}) not in (select c.partner_code, q.row_values ->> {name}"
        " from quarantine.rejected_rows as q inner join ops.deliveries as c on c.delivery_id = q.delivery_id"
        " where c.partner_code in (select o.partner_code from own as o) and c.feed = {feed}"
        " and q.row_values ->> {name} is not null and {c_in_force}))"
    ).format(
        programme=programme,
        feed=contract.feed,
        name=contract.identifier,
        identifier=sql.Identifier(contract.identifier),
        d_in_force=is_in_force("d"),
        c_in_force=is_in_force("c"),
    )


def is_in_force(alias: str) -> sql.Composable:
    """Condition on a row of `ops.deliveries`: nobody has to release it, and none that is released stands for it."""
    return sql.SQL("not {held} and not {replaced}").format(
        held=_is_held(sql.Identifier(alias)), replaced=is_replaced(alias)
    )


def is_replaced(alias: str) -> sql.Composable:
    """Condition on a row with a `delivery_id`: another delivery that nobody has to release stands for that one."""
    return sql.SQL(
        "exists (select 1 from ops.supersessions as s inner join ops.loads as l on l.load_id = s.superseding_load_id"
        " where s.superseded_delivery_id = {}.delivery_id and not {})"
    ).format(sql.Identifier(alias), _is_held(sql.Identifier("l")))


def _is_held(alias: sql.Composable) -> sql.Composable:
    return sql.SQL(
        "exists (select 1 from ops.holds as h where h.delivery_id = {}.delivery_id and h.released_at is null)"
    ).format(alias)


def _nothing(contract: Contract) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(("identifier", "partner_code", *contract.raw_columns), pl.String))


def _slices(values: pl.Series) -> list[pl.Series]:
    return [values.slice(start, ASKED_AT_ONCE) for start in range(0, values.len(), ASKED_AT_ONCE)]
