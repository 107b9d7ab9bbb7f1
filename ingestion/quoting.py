"""`lakou quote`: the value that a reference names, as it was published, whatever was published since."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal

import psycopg
from psycopg.rows import class_row

from ingestion.closing import GRAINS, read_period
from ingestion.errors import LakouError

# PROGRAMME.PERIOD.INDICATOR[.MEASURE.LEVEL-TERRITORY.PARTNER.AXIS.MEMBER].pPUBLICATION, as pub.value_reference writes it
_REFERENCE = re.compile(
    r"(?P<programme>[A-Za-z]+)\.(?P<period>[0-9]{4}(?:-[0-9A-Za-z]{2})?)\.(?P<indicator>[A-Za-z0-9-]+)"
    r"(?:\.(?P<measure>counted|contributed|attributed)\.(?P<level>commune|epci|region)-(?P<territory>[A-Za-z0-9]+)"
    r"\.(?P<partner>[A-Za-z0-9-]+)\.(?P<axis>[A-Z_]+)\.(?P<member>[^.\s]+))?\.p(?P<publication>[0-9]{1,9})"
)


@dataclass(frozen=True, slots=True)
class Quoted:
    """One value as one publication showed it. `value` is None where the state says why there is none."""

    reference: str
    indicator_code: str
    indicator_label: str
    value: Decimal | None
    value_text: str
    unit: str
    state: str
    publication_id: int
    business_date: dt.date
    definition_hash: str
    formula: str


def quote(connection: psycopg.Connection, reference: str) -> Quoted:
    """Find the value that a reference names.

    Args:
        connection: of `lakou_reader`: what secrecy hid in that publication stays hidden.
        reference: such as `MQ.2026-T3.A1-01.p12`, or with the margin
            `MQ.2026-T3.A1-01.counted.epci-249720061.TOTAL.SEXE.F.p12`.

    Raises:
        LakouError: the text is no reference, or no publication has that value.
    """
    match = _REFERENCE.fullmatch(reference.strip().lstrip("#"))
    if match is None:
        raise LakouError(
            f"{reference!r} is not the reference of a value",
            "write it as the book does: MQ.2026-T3.A1-01.p12 (programme, period, indicator, publication)",
        )
    period = read_period(match["period"])
    margin = (
        "v.measure = %(measure)s and v.territory_level = %(level)s and v.territory_code = %(territory)s"
        " and v.partner_code = %(partner)s and v.axis = %(axis)s and v.member = %(member)s"
        if match["measure"]
        else "v.measure = 'counted' and v.territory_level = 'region' and v.territory_code not in ('NR', 'HORS', 'DIST')"
        " and v.partner_code = 'TOTAL' and v.axis = 'TOTAL' and v.member = 'TOTAL'"
    )
    with connection.cursor(row_factory=class_row(Quoted)) as cursor:
        found = cursor.execute(
            "select pub.value_reference(v.programme_code, v.period_grain, v.period_start, v.indicator_code, v.measure,"
            " v.territory_level, v.territory_code, v.partner_code, v.axis, v.member, v.publication_id) as reference,"
            " v.indicator_code, coalesce(v.indicator_label, v.indicator_code) as indicator_label, v.value, v.value_text,"
            " v.unit, v.state, v.publication_id, v.business_date, v.definition_hash, coalesce(v.formula, '') as formula"
            " from pub.quotable_values as v where v.publication_id = %(publication)s and v.programme_code = %(programme)s"
            " and v.indicator_code = %(indicator)s and v.period_grain = %(grain)s and v.period_start = %(start)s"
            f" and {margin}".encode(),
            match.groupdict()
            | {
                "programme": match["programme"].upper(),
                "publication": int(match["publication"]),
                "grain": GRAINS[period.end.month - period.start.month + 1],
                "start": period.start,
            },
        ).fetchall()
    if len(found) != 1:
        raise LakouError(
            f"publication {match['publication']} has no value {reference!r}",
            "check the programme, period, indicator and margin; of old publications, those that a closing pins are kept",
        )
    return found[0]
