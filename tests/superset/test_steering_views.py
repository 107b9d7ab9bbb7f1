"""What the dashboards read: French labels, states that look different, the right quarter, the right comparison."""

import base64
import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

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
        for table in (
            "indicator_values", "indicators", "axis_members", "commitments", "deliveries", "progress", "decisions",
            "milestones", "partners", "forecasts",
        ):  # fmt: skip
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
    row = {"publication_id": 990001} | row
    row |= {"programme_code": "MQ", "definition_hash": "h", "value": value, "state": state}
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


# -- what the synthesis, the quality and the provenance show


def closed(connection: psycopg.Connection, *starts: str) -> None:
    """Quarters that the platform has figures of."""
    for start in starts:
        add(connection, start, 1, "MESURE", indicator_code="T-01", unit="ratio")


def promise(connection: psycopg.Connection, programme: str = "MQ", indicators: str | None = "A1-01") -> None:
    connection.execute(
        "insert into published.commitments values (990001, %s, %s, %s, 'A1', 'k', 'promesse', 'l', null, null, null,"
        " null, null, null, 'e', %s, 'MESURE', null, 'd', 'p', null)",
        [f"{programme}-1", programme, f"Programme {programme}", indicators],
    )


def settle_indicator(connection: psycopg.Connection, feeds: str = "F02", first_grain: str = "month") -> None:
    connection.execute(
        "update published.indicators set base_code = indicator_code, timing = 'flow', first_grain = %s, feeds = %s",
        [first_grain, feeds],
    )


@pytest.mark.parametrize(
    ("figures", "states", "text"),
    [
        ([10, 20, 40, 80], ["MESURE"] * 4, "▂▃▅█"),
        ([0, None, None, 5], ["ZERO_MESURE", "NON_REMIS", "SUPPRIME_K", "MESURE"], "0·×█"),
        ([-5, 5], ["MESURE", "MESURE"], "▁█"),
        ([None, None], ["NON_REMIS", "SUPPRIME_SECONDAIRE"], "·×"),
    ],
)
def test_a_trend_tells_zero_missing_and_secret_apart(
    publication: psycopg.Connection, figures: list[float | None], states: list[str], text: str
) -> None:
    query = "select pub.trend_text(%s::numeric[], %s::text[])"
    assert publication.execute(query, [figures, states]).fetchall() == [(text,)]


def test_a_colour_is_a_shape_a_word_and_a_reason(publication: psycopg.Connection) -> None:
    words = [
        one(publication, f"select pub.rag_text('{rag}', 'raison', {provisional})")[0]
        for rag, provisional in (("VERT", False), ("ORANGE", False), ("ROUGE", True), ("GRIS", False))
    ]
    assert words == ["● vert : raison", "▲ orange : raison", "■ rouge : raison (provisoire)", "○ gris : raison"]


def test_the_state_of_an_indicator_follows_the_quarter_that_is_chosen(publication: psycopg.Connection) -> None:
    settle_indicator(publication)
    promise(publication)
    closed(publication, "2026-01-01", "2026-04-01", "2026-07-01")
    for start, value in (("2026-01-01", 100), ("2026-04-01", 200), ("2026-07-01", 150), ("2026-10-01", 9)):
        add(publication, start, value, "MESURE")
    columns = "quarter_label, is_latest_quarter, value_text, change_text, trend_text, target_text, rag_text, is_key"
    rows = publication.execute(f"select {columns} from pub.steering_state order by quarter_start").fetchall()
    assert rows == [
        ("T1 2026", False, "100", "première période", "█", "cible non fixée", "○ gris : cible non fixée", True),
        ("T2 2026", False, "200", f"↗ +100{HARD}%", "▅█", "cible non fixée", "○ gris : cible non fixée", True),
        ("T3 2026", True, "150", f"↘ {MINUS}25{HARD}%", "▅█▆", "cible non fixée", "○ gris : cible non fixée", True),
    ]


@pytest.mark.parametrize(
    ("grain", "starts", "shown"),
    [
        ("semester", ("2025-07-01", "2026-01-01", "2026-07-01"), "S1 2026"),
        ("year", ("2024-01-01", "2025-01-01", "2026-01-01"), "2025"),
    ],
)
def test_a_slower_indicator_shows_its_last_closed_period(
    publication: psycopg.Connection, grain: str, starts: tuple[str, ...], shown: str
) -> None:
    settle_indicator(publication, first_grain=grain)
    closed(publication, "2026-07-01")
    for start in starts:
        add(publication, start, 50, "MESURE", period_grain=grain)
    assert one(publication, "select measured_period_label from pub.steering_state") == (shown,)


def test_a_programme_without_closing_decision_or_delay_says_so(publication: psycopg.Connection) -> None:
    promise(publication, "OCC")
    assert one(publication, "select closing_label, indicator from pub.steering_changes") == (
        "aucune clôture", "Aucune période n’est encore close : rien à comparer",
    )  # fmt: skip
    assert one(publication, "select subject, late_items from pub.steering_late") == (
        "Rien n’est en retard à la date d’arrêté", 0,
    )  # fmt: skip
    assert one(publication, "select label, state_text from pub.steering_decisions") == (
        "Aucune décision reçue pour ce programme (flux G04)", "○ sans décision",
    )  # fmt: skip


def test_a_decision_is_open_late_or_executed(publication: psycopg.Connection) -> None:
    promise(publication)
    # a decision as it was once known is no decision of today
    for name, status, due, done, until in (
        ("D1", "OUVERTE", "2026-11-14", None, None), ("D2", "OUVERTE", "2026-12-01", None, None),
        ("D3", "EXECUTEE", "2026-09-01", "2026-08-01", None), ("D4", "EXECUTEE", "2026-09-01", "2026-09-03", None),
        ("D5", "OUVERTE", "2026-01-01", None, 3),
    ):  # fmt: skip
        publication.execute(
            "insert into published.decisions values (990001, 'MQ', %s, 'Décider', 'Cluster', %s, null, '2026-06-01', %s, %s, %s)",
            [name, status, due, done, until],
        )
    rows = publication.execute("select decision_id, state_text from pub.steering_decisions order by 1").fetchall()
    assert rows == [
        ("D1", f"■ ouverte, en retard de 1{HARD}jour"), ("D2", "△ ouverte, dans les temps"), ("D3", "● exécutée à temps"),
        ("D4", f"▲ exécutée avec 2{HARD}jours de retard"),
    ]  # fmt: skip
    assert one(publication, "select partner_label, days_text from pub.steering_late") == ("Cluster", f"1{HARD}jour")


def test_what_a_figure_comes_from_is_counted_by_tens(publication: psycopg.Connection) -> None:
    settle_indicator(publication)
    closed(publication, "2026-07-01")
    for partner, period, rows in (("KABIA", "2026-07", 6), ("LAB-SUD", "2026-07", 30), ("LAB-SUD", "2026-08", 9)):
        publication.execute(
            "insert into published.deliveries values (990001, 'MQ', %s, 'F02', %s, %s, %s, '2026-10-10', 'x',"
            " '2026-10-01', true, true, true, false, false, 'ACCEPTÉ', %s, %s, 0, 0)",
            [partner, period, f"{period}-01", f"{period}-28", rows, rows],
        )
    columns = "partner_label, deliveries_text, periods_label, rows_text"
    rows = publication.execute(f"select {columns} from pub.steering_provenance order by 1").fetchall()
    assert rows == [
        ("KABIA", f"1{HARD}remise", "2026-07", "moins de 11 lignes"),
        ("LAB-SUD", f"2{HARD}remises", "2026-07 à 2026-08", "au moins 30 lignes"),
    ]


def test_a_refusal_and_a_delivery_fall_in_the_quarter_of_their_period(publication: psycopg.Connection) -> None:
    publication.execute(
        "create table published.rejections_990001 partition of published.rejections for values in (990001)"
    )
    for period in ("2026-09", "2026-T3", "2026-S1", "2025"):
        publication.execute(
            "insert into published.rejections values (990001, 'MQ', 'KABIA', 'F02', %s, 'LISTE', 1)", [period]
        )
    rows = publication.execute("select period_code, quarter_label from pub.steering_rejections order by 1").fetchall()
    assert rows == [("2025", "T4 2025"), ("2026-09", "T3 2026"), ("2026-S1", "T2 2026"), ("2026-T3", "T3 2026")]


def test_a_partner_stands_beside_its_programme(publication: psycopg.Connection) -> None:
    settle_indicator(publication)
    for code in ("KABIA", "LAB-SUD"):
        publication.execute(
            "insert into published.partners (publication_id, partner_code, label, kind, programme_code, is_synthetic)"
            " values (990001, %s, %s, 'formation', 'MQ', true)",
            [code, code.title()],
        )
    closed(publication, "2026-07-01")
    add(publication, "2026-07-01", 200, "MESURE")
    add(publication, "2026-07-01", 60, "MESURE", partner_code="KABIA", measure="contributed")
    add(publication, "2026-07-01", 50, "MESURE", partner_code="KABIA", measure="attributed")
    add(publication, "2026-07-01", None, "SUPPRIME_K", partner_code="LAB-SUD", measure="contributed")
    columns = "partner_code, contributed_text, attributed_text, programme_text, share_text"
    query = f"select {columns} from pub.steering_partners where indicator_code = 'A1-01' order by 1"
    assert publication.execute(query).fetchall() == [
        ("KABIA", "60", "50", "200", f"25,0{HARD}%"),
        ("LAB-SUD", "secret statistique", "sans objet", "200", "sans objet"),
    ]


def test_no_row_is_shown_behind_a_secret_nor_of_another_build(publication: psycopg.Connection) -> None:
    settle_indicator(publication)
    publication.execute(
        "insert into published.partners (publication_id, partner_code, label, kind, programme_code, is_synthetic)"
        " values (990001, 'KABIA', 'Kabia', 'formation', 'MQ', true)"
    )
    closed(publication, "2026-04-01", "2026-07-01")
    add(publication, "2026-04-01", None, "SUPPRIME_K", partner_code="KABIA", measure="contributed")
    add(publication, "2026-07-01", 60, "MESURE", partner_code="KABIA", measure="contributed")
    columns = "quarter_label, contributed_text, file_name, line_label, contribution_text"
    query = f"select {columns} from pub.steering_rows where indicator_code = 'A1-01' and quarter_label = %s"
    for quarter, value, said in (
        ("T2 2026", "secret statistique", "aucune ligne montrée : secret statistique"),
        ("T3 2026", "60", "un nouveau calcul attend sa publication : les lignes reviennent avec elle"),
    ):
        assert publication.execute(query, [quarter]).fetchall() == [(quarter, value, said, "", "")]


def test_a_series_is_marked_where_it_goes_at_its_own_pace(publication: psycopg.Connection) -> None:
    settle_indicator(publication)
    closed(publication, "2026-07-01")
    add(publication, "2026-07-01", 200, "MESURE")
    add(publication, "2026-07-01", 40, "MESURE", territory_level="commune", territory_code="97209")
    add(publication, "2026-07-01", 60, "MESURE", partner_code="KABIA", measure="contributed")
    series = "select indicator_code, value_text, is_own_pace from pub.steering_series where indicator_code = 'A1-01'"
    assert publication.execute(series).fetchall() == [("A1-01", "200", True)]


def test_the_essentials_of_a_quarter_say_what_is_missing(publication: psycopg.Connection) -> None:
    settle_indicator(publication)
    promise(publication)
    closed(publication, "2026-07-01")
    add(publication, "2026-07-01", 200, "MESURE")
    columns = "trained_text, late_indicators_text, late_items_text, completeness_text, decisions_text"
    essentials = (
        f"select {columns} from pub.steering_essentials where programme_code = 'MQ' and quarter_label = 'T3 2026'"
    )
    # nothing expected is not nothing late
    assert publication.execute(essentials).fetchall() == [
        ("200", "aucune cible", "rien d’attendu", "non publié", "aucune reçue")
    ]
    publication.execute(
        "insert into published.decisions values"
        " (990001, 'MQ', 'D1', 'Décider', 'Cluster', 'OUVERTE', null, '2026-06-01', '2026-07-01', null, null)"
    )
    assert publication.execute(essentials).fetchall() == [
        ("200", "aucune cible", "1", "non publié", f"1{HARD}ouverte, 0{HARD}exécutée")
    ]


def map_of(connection: psycopg.Connection, indicator_code: str = "A1-01") -> tuple[str, str]:
    """Text alternative and drawing of the map of the third quarter."""
    (html,) = one(
        connection,
        f"select map_html from pub.steering_maps where indicator_code = '{indicator_code}' and quarter_label = 'T3 2026'",
    )
    found = re.fullmatch(
        r'<img width="620" height="745" alt="([^"<>]*)" src="data:image/svg\+xml;base64,([^"]*)">', html
    )
    assert found, html[:300]
    return found[1], base64.b64decode(found[2]).decode()


def test_a_map_tells_zero_missing_secret_and_no_target_apart(publication: psycopg.Connection) -> None:
    settle_indicator(publication)
    promise(publication)
    closed(publication, "2026-07-01")
    publication.execute(
        "create table published.territories_990001 partition of published.territories for values in (990001)"
    )
    publication.execute(
        "insert into published.territories (publication_id, territory_level, territory_code, label)"
        " values (990001, 'commune', '97209', 'Fort & France')"
    )
    cells = {
        "97209": (40, "MESURE"), "97213": (9, "INCOMPLET"), "97210": (0, "ZERO_MESURE"), "97222": (None, "NON_REMIS"),
        "97228": (None, "SUPPRIME_K"), "97230": (None, "NON_APPLICABLE"), "NR": (7, "MESURE"),
    }  # fmt: skip
    for code, (value, state) in cells.items():
        add(publication, "2026-07-01", value, state, territory_level="commune", territory_code=code)
    words, drawing = map_of(publication)
    # 34 communes: what nobody told of is not told, and the one without a commune is on no map
    assert (
        "34\u00a0communes : 2 avec une valeur, 1 à zéro, 29 sans remise, 1 sous secret statistique, 1 sans objet"
        in words
    )
    tree = ElementTree.fromstring(drawing)
    mark = "{http://www.w3.org/2000/svg}"
    paths = [path.get("fill") for path in tree.findall(f"{mark}path")]
    assert Counter(paths) == {
        "#3c9fab": 1, "#dff1f2": 1, "#fff": 1, "url(#m)": 29, "url(#s)": 1, "#e4e4e4": 1,
    }  # fmt: skip
    labels = {"".join(t.itertext()) for t in tree.findall(f"{mark}g[@class='n']/{mark}text")}
    assert {"Fort & France40", "972139*", "972100", "97222·", "97228×", "97230s.o."} <= labels
    said = " ".join(tree.itertext())
    assert "zéro mesuré" in said
    assert "secret statistique" in said
    assert "○ cible non fixée par commune" in said
    publication.execute("update published.indicator_values set target = 10 where territory_code in ('97209', '97213')")
    assert f"cible atteinte : 1 sur 2{HARD}communes" in map_of(publication)[1]


def test_no_map_says_why(publication: psycopg.Connection) -> None:
    settle_indicator(publication)
    promise(publication)
    closed(publication, "2026-07-01")
    add(publication, "2026-07-01", 200, "MESURE")
    assert one(publication, "select map_html from pub.steering_maps where indicator_code = 'A1-01'")[0].startswith(
        "Pas de carte"
    )


def test_a_forecast_goes_from_the_last_figure_to_its_horizon(publication: psycopg.Connection) -> None:
    settle_indicator(publication)
    promise(publication)
    closed(publication, "2026-01-01", "2026-04-01", "2026-07-01")
    for start, value in (
        ("2025-10-01", 90),
        ("2026-01-01", 10),
        ("2026-04-01", 20),
        ("2026-07-01", 30),
        ("2026-10-01", 5),
    ):
        add(publication, start, value, "MESURE")
    shown = (
        "select period_display, display_value::float, display_low::float, display_median::float, display_high::float"
        " from pub.steering_forecast_series where indicator_code = 'A1-01' order by period_start"
    )
    assert publication.execute(shown).fetchall() == [
        ("sans prévision : cet indicateur ne s’additionne pas", None, None, None, None)
    ]
    publication.execute(
        "insert into published.forecasts (publication_id, programme_code, indicator_code, target_key, horizon_on, unit,"
        " quarters, state, reading, median, low, high) values (990001, 'MQ', 'A1-01', 'SANS_CIBLE', '2027-03-31',"
        " 'personnes', 8, 'PREVU', 'prévision', 100, 80, 140)"
    )
    # counted since January, and drawn straight to the horizon; a quarter that runs is not counted
    assert publication.execute(shown).fetchall() == [
        ("T4 2025", 90, None, None, None), ("T1 2026", 10, None, None, None), ("T2 2026", 30, None, None, None),
        ("T3 2026", 60, 60, 60, 60), ("T4 2026", None, pytest.approx(70, abs=0.2), pytest.approx(80, abs=0.3), pytest.approx(100, abs=0.5)),
        ("T1 2027", None, 80, 100, 140),
    ]  # fmt: skip
    # a secret quarter hides what is counted from it on
    publication.execute(
        "update published.indicator_values set value = null, state = 'SUPPRIME_K' where period_start = '2026-04-01'"
    )
    assert [row[1] for row in publication.execute(shown).fetchall()][:4] == [90, 10, None, None]


def test_a_quoted_figure_stays_after_the_next_publication(publication: psycopg.Connection) -> None:
    settle_indicator(publication)
    promise(publication)
    closed(publication, "2026-07-01")
    add(publication, "2026-07-01", 200, "MESURE")
    add(publication, "2026-07-01", 40, "MESURE", territory_level="commune", territory_code="97209")
    reference, link = one(
        publication, "select reference, quotation_html from pub.steering_state where indicator_code = 'A1-01'"
    )
    assert reference == "MQ.2026-T3.A1-01.p990001"
    assert f"(col:reference,op:IN,val:!('{reference}'))" in link
    assert link.startswith('<a href="/superset/dashboard/chiffre/?native_filters=')
    assert link.endswith(f'">{reference}</a>')
    for table in ("indicator_values", "indicators", "commitments"):
        publication.execute(
            f"create table published.{table}_990002 partition of published.{table} for values in (990002)"
        )
    publication.execute(
        "insert into published.publications values (990002, 4, '2026-12-15 02:30Z', '2026-12-15', 'PUBLIEE', '', true)"
    )
    publication.execute("update published.pointer set publication_id = 990002")
    add(publication, "2026-07-01", 212, "MESURE", publication_id=990002)
    quoted = (
        "select quoted_margin, quoted_text, known_text, quoted_publication, kept_text, quoted_reference"
        " from pub.steering_quotations where reference = %s order by quoted_order"
    )
    assert publication.execute(quoted, [reference]).fetchall() == [
        (
            "tout le programme", "200", "212", f"n°{HARD}990001, arrêtée au 15/11/2026",
            "un temps limité ; toujours, si une clôture la retient", reference,
        ),
        (
            "97209", "40", "n’est plus publié", f"n°{HARD}990001, arrêtée au 15/11/2026",
            "un temps limité ; toujours, si une clôture la retient",
            "MQ.2026-T3.A1-01.counted.commune-97209.TOTAL.TOTAL.TOTAL.p990001",
        ),
    ]  # fmt: skip
    # its reference alone finds it, however many values there are
    publication.execute("set local enable_seqscan = off")
    plan = "\n".join(row[0] for row in publication.execute(f"explain {quoted.replace('%s', repr(reference))}"))
    assert "value_reference" in plan.split("Index Cond: (pub.")[1][:40]
