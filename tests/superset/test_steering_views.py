"""What the dashboards read: French labels, states that look different, the right quarter, the right comparison."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from ingestion.database import connect
from ingestion.settings import Settings

THIN, HARD, MINUS = "\u202f", "\u00a0", "\u2212"


@pytest.fixture
def publication(settings: Settings) -> Iterator[psycopg.Connection]:
    """A publication of its own, in a transaction that never commits."""
    with connect(settings, "lakou_publisher") as connection, connection.transaction(force_rollback=True):
        connection.execute("delete from published.pointer")
        connection.execute("insert into published.pointer (publication_id) values (990001)")
        connection.execute(
            "insert into published.publications"
            " values (990001, 3, '2026-11-15 02:30Z', '2026-11-15', 'PUBLIEE', '', true)"
        )
        for table in ("indicator_values", "indicators", "axis_members", "commitments", "deliveries"):
            connection.execute(
                f"create table published.{table}_990001 partition of published.{table} for values in (990001)"
            )
        connection.execute(
            "insert into published.indicators values (990001, 'A1-01', 'Personnes formées', 'f', 'h', 'personnes', '↑',"
            " 'distinct', 'd', 't', 'o', 'n≥11', 1)"
        )
        labels = [("F", "Femmes", 1), ("M", "Hommes", 2), ("X", "Autre", 3)]
        connection.cursor().executemany(
            "insert into published.axis_members values (990001, 'SEXE', 'Sexe', %s, %s, %s)", labels
        )
        yield connection


def add(connection: psycopg.Connection, start: str, value: float | None, state: str, **other: Any) -> None:
    row = {
        "indicator_code": "A1-01", "measure": "counted", "period_grain": "quarter", "territory_level": "region",
        "territory_code": "02", "partner_code": "TOTAL", "axis": "TOTAL", "member": "TOTAL", "unit": "personnes",
        "completeness": 1, "origin_publication_id": 990001,
    } | other  # fmt: skip
    row |= {"publication_id": 990001, "programme_code": "MQ", "definition_hash": "h", "value": value, "state": state}
    row["period_start"] = dt.date.fromisoformat(start)
    names = ", ".join(row)
    marks = ", ".join(f"%({name})s" for name in row)
    connection.execute(f"insert into published.indicator_values ({names}) values ({marks})", row)


def one(connection: psycopg.Connection, query: str) -> tuple[Any, ...]:
    (row,) = connection.execute(query).fetchall()
    return tuple(row)


@pytest.mark.parametrize(
    ("value", "unit", "state", "text"),
    [
        (1234, "personnes", "MESURE", f"1{THIN}234"),
        (0, "personnes", "ZERO_MESURE", "0"),
        (0.875, "ratio", "MESURE", f"87,5{HARD}%"),
        (1478.5, "heures", "MESURE", f"1{THIN}478,5{HARD}h"),
        (12, "personnes", "INCOMPLET", "12 (incomplet)"),
        (None, "ratio", "INCOMPLET", "incomplet"),
        (None, "personnes", "SUPPRIME_K", "secret statistique"),
        (None, "personnes", "NON_REMIS", "non remis"),
        (None, "ratio", "NON_APPLICABLE", "non applicable"),
    ],
)
def test_a_value_is_read_in_french(
    publication: psycopg.Connection, value: float | None, unit: str, state: str, text: str
) -> None:
    add(publication, "2026-07-01", value, state, unit=unit)
    assert one(publication, "select value_text from pub.steering_values") == (text,)


def test_zero_missing_and_suppressed_look_different(publication: psycopg.Connection) -> None:
    for member, value, state in (("F", 0, "ZERO_MESURE"), ("M", None, "NON_REMIS"), ("X", None, "SUPPRIME_K")):
        add(publication, "2026-07-01", value, state, axis="SEXE", member=member)
    shown = publication.execute("select member_display, display_value from pub.steering_values order by 1").fetchall()
    assert shown == [("Autre : secret statistique", None), ("Femmes", Decimal(0)), ("Hommes : non remis", None)]


@pytest.mark.parametrize(
    ("grain", "start", "code", "label", "end"),
    [
        ("month", "2026-10-01", "2026-10", "octobre 2026", dt.date(2026, 10, 31)),
        ("quarter", "2026-07-01", "2026-T3", "T3 2026", dt.date(2026, 9, 30)),
        ("semester", "2026-01-01", "2026-S1", "S1 2026", dt.date(2026, 6, 30)),
        ("year", "2024-01-01", "2024", "2024", dt.date(2024, 12, 31)),
    ],
)
def test_a_period_is_named_in_french(
    publication: psycopg.Connection, grain: str, start: str, code: str, label: str, end: dt.date
) -> None:
    add(publication, start, 20, "MESURE", period_grain=grain)
    query = "select period_code, period_label, period_end from pub.steering_values"
    assert one(publication, query) == (code, label, end)


@pytest.mark.parametrize(
    ("business_date", "latest"),
    [("2026-09-30", "T2 2026"), ("2026-10-01", "T3 2026"), ("2026-12-31", "T3 2026"), ("2027-01-01", "T4 2026")],
)
def test_a_quarter_is_closed_from_the_day_after_its_last(
    publication: psycopg.Connection, business_date: str, latest: str
) -> None:
    publication.execute("update published.publications set business_date = %s", [business_date])
    for start in ("2026-01-01", "2026-04-01", "2026-07-01", "2026-10-01"):
        add(publication, start, 20, "MESURE")
    query = "select period_label from pub.steering_values where is_latest_closed_quarter"
    assert one(publication, query) == (latest,)


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        ((200, "MESURE"), (225, "MESURE"), f"+{HARD}12,5{HARD}%"),
        ((225, "MESURE"), (200, "INCOMPLET"), f"{MINUS}{HARD}11,1{HARD}% (provisoire)"),
        ((0, "ZERO_MESURE"), (20, "MESURE"), f"+{HARD}20"),
        ((20, "MESURE"), (20, "MESURE"), "stable"),
        ((None, "NON_REMIS"), (20, "MESURE"), "non comparable"),
        ((20, "MESURE"), (None, "SUPPRIME_K"), "non comparable"),
    ],
)
def test_a_quarter_is_compared_with_the_one_before(
    publication: psycopg.Connection, before: tuple[float | None, str], now: tuple[float | None, str], text: str
) -> None:
    add(publication, "2026-04-01", *before)
    add(publication, "2026-07-01", *now)
    query = "select change_text, previous_period_label, target_text from pub.indicator_overview"
    assert one(publication, query) == (text, "T2 2026", "cible non fixée")


def test_ratios_are_compared_in_points(publication: psycopg.Connection) -> None:
    add(publication, "2026-04-01", 0.75, "MESURE", unit="ratio")
    add(publication, "2026-07-01", 0.875, "MESURE", unit="ratio")
    assert one(publication, "select change_text from pub.indicator_overview") == (f"+{HARD}12,5 points",)


def test_partners_are_compared_with_themselves_and_not_in_the_overview(publication: psycopg.Connection) -> None:
    add(publication, "2026-07-01", 40, "MESURE")
    add(publication, "2026-07-01", 25, "MESURE", partner_code="KABIA", measure="contributed")
    assert one(publication, "select partner_code, value from pub.indicator_overview") == ("TOTAL", Decimal(40))
    assert one(publication, "select partner_code, value from pub.partner_overview") == ("KABIA", Decimal(25))


def test_the_publication_says_what_is_withheld_and_that_data_are_synthetic(publication: psycopg.Connection) -> None:
    complete = one(publication, "select state_label, banner, data_label, published_label from pub.publication_status")
    assert complete == (
        "complète", "Aucun chiffre retenu", "Chiffres de démonstration (synthétiques) ; engagements publiés réels",
        f"le 14 novembre 2026 à 22{HARD}h{HARD}30, heure de la Martinique",
    )  # fmt: skip
    publication.execute("insert into published.withheld values (990001, 'MQ', 'A1-01', 990000, 'écart de 40 %')")
    add(publication, "2026-07-01", 40, "MESURE", origin_publication_id=990000)
    state, banner = one(publication, "select state_label, banner from pub.publication_status")
    assert state.startswith("partielle")
    assert banner == f"A1-01 (MQ) : chiffres de la publication n°{HARD}990000 gardés, écart de 40 %"
    assert one(publication, "select origin_label from pub.steering_values") == (
        f"retenu : chiffre de la publication n°{HARD}990000",
    )


def test_a_commitment_cites_its_source(publication: psycopg.Connection) -> None:
    publication.execute(
        "insert into published.commitments values (990001, 'OCC-1', 'OCC', 'Plan IA Occitanie', 'budget', 'cible',"
        " 'promesse', 'Enveloppe', 60000000, '€', '=', '2024', '2028', null, 'un extrait', 'A2-01;A2-02',"
        " 'FLUX_ABSENT', null, 'Plan IA', 'Région Occitanie', null)"
    )
    columns = "value_text, period_label, nature_label, state_label, citation, indicator_codes"
    query = f"select {columns} from pub.steering_commitments"
    assert one(publication, query) == (
        f"60{THIN}000{THIN}000{HARD}€", "2024 à 2028", "Promesse", "pas encore mesurable (flux absent)",
        "Plan IA, Région Occitanie, sans date", "A2-01, A2-02",
    )  # fmt: skip


def test_a_delivery_that_never_came_is_not_one_to_come(publication: psycopg.Connection) -> None:
    for period, due, is_due in (("2026-09", "2026-10-10", True), ("2026-11", "2026-12-10", False)):
        publication.execute(
            "insert into published.deliveries values (990001, 'MQ', 'KABIA', 'F02', %s, %s, %s, %s, null, null, %s,"
            " false, false, %s, false, 'NON REMIS', 0, 0, 0, 0)",
            [period, f"{period}-01", f"{period}-28", due, is_due, is_due],
        )
    query = "select period_label, state_label, timeliness_label from pub.steering_deliveries order by due_on"
    assert publication.execute(query).fetchall() == [
        ("septembre 2026", "non remise", "en retard"),
        ("novembre 2026", "à venir", "sans objet"),
    ]
