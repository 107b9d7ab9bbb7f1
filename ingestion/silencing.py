"""What is worked out from figures says nothing of a cell that a publication hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

MARGIN = (
    "programme_code",
    "indicator_code",
    "measure",
    "territory_level",
    "territory_code",
    "partner_code",
    "axis",
    "member",
)

# a sum since a first day gives back a quarter that is hidden within it; a change gives one wave from the other
STATEMENTS = (
    "update {progress} as p set actual = null, progress = null, ratio = null, rag = 'GRIS',"
    " value_state = 'SUPPRIME_SECONDAIRE',"
    " state = case p.state when 'CIBLE_NON_FIXEE' then p.state else 'SUPPRIME_SECONDAIRE' end,"
    " reason = case p.state when 'CIBLE_NON_FIXEE' then p.reason else 'secret statistique' end"
    " where p.value_state not like 'SUPPRIME%' and exists (select from {values} as v where {same}"
    " and v.state like 'SUPPRIME%' and (v.period_grain = p.period_grain and v.period_start = p.period_start"
    " or v.state = 'SUPPRIME_SECONDAIRE' and v.period_grain = 'quarter'"
    " and v.period_start between date_trunc('quarter', p.counted_from) and pub.period_end(p.period_grain, p.period_start)))",
    "update {forecasts} as p set median = null, low = null, high = null, probability = null,"
    " state = 'SUPPRIME_SECONDAIRE', reading = 'secret statistique' where p.state = 'PREVU' and exists (select from"
    " {values} as v where v.programme_code = p.programme_code and v.indicator_code = p.indicator_code"
    " and v.state = 'SUPPRIME_SECONDAIRE' and v.period_grain = 'quarter' and v.measure = 'counted'"
    " and v.territory_level = 'region' and v.partner_code = 'TOTAL' and v.axis = 'TOTAL')",
    "delete from {survey_changes} as p where exists (select from {values} as v where {same}"
    " and v.state like 'SUPPRIME%' and v.period_grain = p.period_grain"
    " and v.period_start in (p.period_start, p.previous_period_start))",
)


def silence(connection: psycopg.Connection, publication_id: int) -> int:
    """Empty, in the candidate tables of a publication, what its hidden cells could be worked out from.

    Args:
        connection: of the publisher, before the publication is shown to anybody.
        publication_id: whose cells are hidden already.

    Returns:
        Number of rows that were emptied or left out.
    """
    names = {
        name: sql.Identifier("published", f"{table}_p{publication_id}")
        for name, table in (
            ("values", "indicator_values"),
            ("progress", "progress"),
            ("forecasts", "forecasts"),
            ("survey_changes", "survey_changes"),
        )
    }
    same = sql.SQL(" and ").join(sql.SQL("v.{0} = p.{0}").format(sql.Identifier(column)) for column in MARGIN)
    with connection.transaction():
        # a candidate's statistics do not tell how its columns go together: nested loops would take minutes
        connection.execute("set local enable_nestloop = off")
        return sum(
            connection.execute(sql.SQL(statement).format(same=same, **names)).rowcount for statement in STATEMENTS
        )
