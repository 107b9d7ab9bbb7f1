"""Rows that refer to what another feed brings: sessions, journeys, envelopes… in any order, from any partner."""

from __future__ import annotations

import itertools

import pytest

from ingestion.contracts import load_contracts
from ingestion.database import connect
from ingestion.referring import KnownRows
from ingestion.settings import Settings
from tests.integration.drop_box import SURNAMES, TODAY, DropBox

EVERYTHING = tuple(load_contracts())
WAITING = (
    "select row_number, awaited_feed, awaited_id, awaited_column, outcome from quarantine.awaiting_rows order by 1"
)


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> DropBox:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    return DropBox(clean).open_account(feeds=EVERYTHING)


@pytest.mark.parametrize(
    ("feed", "column", "brings", "identifier", "period"),
    [
        ("F04", "session_id", "F01", "session_id", "2026-09"),
        ("F06", "parcours_id", "F05", "parcours_id", "2026-09"),
        ("G02", "decision_id", "G04", "decision_id", "2026-09"),
        ("G01", "preuve_id", "G03", "repere_id", "2026-09"),
    ],
)
def test_a_row_of_any_feed_waits_for_what_it_refers_to(
    box: DropBox, feed: str, column: str, brings: str, identifier: str, period: str
) -> None:
    box.put_examples(feed, {column: "INCONNU-1"}, period=period)
    summary = box.receive()
    assert (summary.rows_accepted, summary.rows_awaiting, summary.rows_rejected) == (0, 1, 0), summary
    assert box.all(WAITING) == [(2, brings, "INCONNU-1", column, None)]
    (line,) = [line for line in box.receipt_lines(file_name(box, feed, period)) if line[4] == "ATTENTE"]
    assert line[:4] == ["2", column, "INCONNU-1", "REFERENCE-ATTENDUE"]

    box.put_examples(brings, {identifier: "INCONNU-1"}, period=period)
    summary = box.receive()
    assert summary.settled == 1, summary
    assert box.one(f"select count(*) from raw.{load_contracts()[feed].raw_table}") == 1
    assert box.one("select rows_awaiting from ops.deliveries where feed = %s", feed) == 0


def test_a_row_with_two_references_waits_for_one_after_the_other(box: DropBox) -> None:
    box.put_examples("F13", {"enveloppe_id": "ENV-9", "cas_usage_id": "CU-9"})
    box.receive()
    assert box.all(WAITING) == [(2, "G05", "ENV-9", "enveloppe_id", None)]
    box.put_examples("G05", {"enveloppe_id": "ENV-9", "parent_id": ""}, period="2026")
    summary = box.receive()
    assert summary.settled == 0
    assert box.all(WAITING) == [(2, "F05b", "CU-9", "cas_usage_id", None)]
    assert box.receive().loads == 0
    box.put_examples("F05b", {"cas_usage_id": "CU-9"})
    assert box.receive().settled == 1
    assert box.one("select enveloppe_id, cas_usage_id from raw.f13_financements") == ("ENV-9", "CU-9")


def test_in_one_run_nothing_waits_for_what_lies_beside_it(box: DropBox) -> None:
    box.put_examples("F13", {"enveloppe_id": "ENV-9", "cas_usage_id": "CU-9"})
    box.put_examples("F06", {"parcours_id": "P-9"})
    box.put_examples("F05b", {"cas_usage_id": "CU-9"})
    box.put_examples("F05", {"parcours_id": "P-9"})
    box.put_examples("G05", {"enveloppe_id": "ENV-9", "parent_id": ""}, period="2026")
    summary = box.receive()
    assert (summary.rows_awaiting, summary.settled, summary.failures) == (0, 0, ())
    assert summary.rows_accepted == 5


def test_what_never_comes_is_refused_whatever_the_feed(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    box.put_examples("F06", {"parcours_id": "P-9"})
    box.receive()
    monkeypatch.setenv("LAKOU_TODAY", "2026-10-26")
    assert box.receive().expired == 1
    assert box.one("select rule_id, column_name from quarantine.rejected_rows") == ("REFERENCE-INCONNUE", "parcours_id")
    given = box.rows_given_back(box.receipts / "F06_mesures_gain__KABIA__2026-09__v1.rejets1.xlsx")
    assert [row["parcours_id"] for row in given] == ["P-9"]


def test_rows_known_are_those_in_force_of_the_programme_its_own_partner_first(box: DropBox) -> None:
    other = DropBox(box.settings, "LAB-SUD").open_account()
    elsewhere = DropBox(box.settings, "PARIS").open_account(programme_code="MGP")
    box.put_sessions("S1", "S2", intitule="ancienne")
    other.put_sessions("S1", "S3")
    elsewhere.put_sessions("S4", action_code="MGP-PH1", code_commune="75056")
    box.receive()
    box.put_sessions("S1", suffix="v2", intitule="nouvelle")
    box.put_sessions("S3", period="2026-08", intitule="août")
    box.receive()
    with connect(box.settings) as connection:
        known = KnownRows(connection, "MQ", ["KABIA", "LAB-SUD"], "LAB-SUD")
        found = known("F01", ["S1", "S2", "S3", "S4", "S1"])
        assert found.select("identifier", "partner_code", "intitule").rows() == [
            ("S1", "LAB-SUD", "Atelier"),
            ("S3", "LAB-SUD", "Atelier"),
            ("S1", "KABIA", "nouvelle"),
            ("S3", "KABIA", "août"),
        ]
        assert known("F07", ["S1"]).is_empty(), "nothing refers to that feed"
        assert known("F01", []).is_empty()


def test_rows_known_are_asked_once_a_file(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    box.put_sessions("S1", "S2", "S3")
    box.receive()
    asked = []
    ask = KnownRows._ask

    def watched(self: KnownRows, contract: object, identifiers: object) -> object:
        asked.append(sorted(identifiers))
        return ask(self, contract, identifiers)

    monkeypatch.setattr(KnownRows, "_ask", watched)
    with connect(box.settings) as connection:
        known = KnownRows(connection, "MQ", ["KABIA"], "KABIA")
        assert known("F01", ["S1", "S9"]).height == 1
        assert known("F01", ["S9", "S1", "S2"]).height == 2
        assert known("F01", ["S1", "S9"]).height == 1
        assert asked == [["S1", "S9"], ["S2"]]
        monkeypatch.setattr("ingestion.referring.KEPT_ROWS", 1)
        assert known("F01", ["S1", "S2", "S3"]).height == 3
        assert known("F01", ["S1", "S3"]).height == 2
        assert known("F01", ["S2"]).height == 1, "what is forgotten is asked again"


def test_the_order_in_which_files_come_changes_nothing(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    rows_of = []
    for number, order in enumerate(itertools.permutations(range(4))):
        if number % 5:
            continue
        partner = DropBox(box.settings, f"ORDRE-{number}").open_account(feeds=EVERYTHING)
        drops = [
            lambda partner=partner: partner.put_sessions("S1", "S2"),
            lambda partner=partner: partner.put_sessions("S2", "S3", suffix="v2"),
            lambda partner=partner: partner.put_people(("S2", SURNAMES[0]), ("S3", SURNAMES[1]), ("S3", SURNAMES[2])),
            lambda partner=partner: partner.put_sessions(
                "S3", period="2026-08", date_debut="2026-08-03", date_fin="2026-08-04"
            ),
        ]
        for index in order:
            drops[index]()
            partner.receive()
        rows_of.append(in_force(partner))
    assert len(rows_of) == 5
    assert all(rows == rows_of[0] for rows in rows_of)


def in_force(box: DropBox) -> list[tuple[str, ...]]:
    query = """
        select {columns} from raw.{table} as r inner join ops.deliveries as d on d.delivery_id = r._delivery_id
        where d.partner_code = %s
            and not exists (select 1 from ops.supersessions as s where s.superseded_delivery_id = r._delivery_id)
        order by 1, 2, 3
    """
    sessions = query.format(columns="period, session_id, r._row_hash", table="f01_sessions_formation")
    people = query.format(columns="period, objet_id, r._row_hash", table="f02_participations")
    return [*box.all(sessions, box.code), *box.all(people, box.code)]


def file_name(box: DropBox, feed: str, period: str) -> str:
    return f"{feed}_{load_contracts()[feed].name}__{box.code}__{period}__v1.csv"
