"""Rows that refer to what another feed brings: sessions, journeys, envelopes… in any order, from any partner."""

from __future__ import annotations

import itertools

import pytest

from ingestion.contracts import load_contracts
from ingestion.database import connect
from ingestion.naming import parse_period
from ingestion.referring import KnownRows
from ingestion.settings import Settings
from tests.integration.drop_box import SURNAMES, TODAY, DropBox, participations, sessions

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
        known = KnownRows(connection, "LAB-SUD", parse_period("2026-09"), others_at_once=True)
        found = known("F01", ["S1", "S2", "S3", "S4", "S1"])
        assert found.select("identifier", "partner_code", "intitule").rows() == [
            ("S1", "LAB-SUD", "Atelier"),
            ("S3", "LAB-SUD", "Atelier"),
        ]
        known = KnownRows(connection, "LAB-SUD", parse_period("2026-09"), others_at_once=True)
        box.put_sessions("S5", period="2026-07", date_debut="2026-07-03", date_fin="2026-07-04")
        box.put_sessions("S5", period="2026-08", suffix="v2", intitule="août encore")
        box.receive()
        found = known("F01", ["S1", "S2", "S4", "S5"])
        assert found.select("identifier", "partner_code", "intitule").rows() == [
            ("S1", "LAB-SUD", "Atelier"),
            ("S5", "KABIA", "août encore"),
        ], "the newest of the partner that has it"
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
        known = KnownRows(connection, "KABIA", parse_period("2026-09"))
        assert known("F01", ["S1", "S9"]).height == 1
        assert known("F01", ["S9", "S1", "S2"]).height == 2
        assert known("F01", ["S1", "S9"]).height == 1
        assert asked == [["S1", "S9"], ["S2"]]
        monkeypatch.setattr("ingestion.referring.KEPT_ROWS", 1)
        assert known("F01", ["S1", "S2", "S3"]).height == 3
        assert known("F01", ["S1", "S3"]).height == 2
        assert known("F01", ["S2"]).height == 1, "what is forgotten is asked again"


@pytest.mark.parametrize(
    ("brings", "cells", "people", "rule"),
    [
        ("F08", {"evenement_id": "N-1", "effectif_declare": "2"}, {"objet_type": "EVENEMENT"}, "EFFECTIF-DECLARE"),
        ("F01", {"session_id": "N-1", "places": "2"}, {"objet_type": "SESSION"}, "EFFECTIF-PLACES"),
    ],
)
def test_that_people_are_too_many_is_told_once_their_object_comes(
    box: DropBox, brings: str, cells: dict[str, str], people: dict[str, str], rule: str
) -> None:
    one = {
        "objet_id": "N-1",
        "statut": "TERMINE",
        "role": "PARTICIPANT",
        "courriel": "",
        "date_fin_suivi": "2026-09-04",
    }
    came = [one | people | {"nom_naissance": name} for name in SURNAMES]
    box.put_examples("F02", *came)
    assert box.receive().rows_awaiting == len(came)
    box.put_examples(brings, cells)
    assert box.receive().settled == len(came)
    name = file_name(box, "F02", "2026-09")
    assert [(line[2], line[3], line[4]) for line in box.receipt_lines(name)] == [("N-1", rule, "AVERTISSEMENT")]
    assert box.states()[name] == "ACCEPTÉ AVEC RÉSERVES"
    assert "1 avertissement" in box.receipt(name)


def test_a_gain_waits_for_the_day_of_deployment(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    def journey(period: str, **days: str) -> None:
        undated = dict.fromkeys(("date_deploiement", "date_mesure_gain", "date_arret"), "")
        box.put_examples("F05", {"parcours_id": "P-9", **undated, **days}, period=period)

    journey("2026-07")
    box.put_examples("F06", {"parcours_id": "P-9", "date_mesure": "2026-09-10"})
    assert box.receive().rows_awaiting == 1
    assert box.all(WAITING) == [(2, "F05", "P-9", "date_mesure", None)]
    (line,) = box.receipt_lines(file_name(box, "F06", "2026-09"))
    assert line[5] == "« P-9 » n'a pas encore de « Date de déploiement » : la ligne attend, sans être comptée."
    assert box.receive().loads == 0, "nothing is looked at in vain"
    journey("2026-08", date_deploiement="2026-04-01")
    assert box.receive().settled == 1
    assert box.all("select parcours_id from raw.f06_mesures_gain") == [("P-9",)]

    # a later gain of another one that is never deployed
    box.put_examples("F05", {"parcours_id": "P-8", "date_deploiement": "", "date_mesure_gain": ""}, period="2026-06")
    box.put_examples("F06", {"parcours_id": "P-8", "date_mesure": "2026-08-10"}, period="2026-08")
    assert box.receive().rows_awaiting == 1
    monkeypatch.setenv("LAKOU_TODAY", "2026-10-26")
    assert box.receive().expired == 1
    assert box.one("select rule_id, column_name from quarantine.rejected_rows") == ("DATE-OBJET", "date_mesure")
    (line,) = box.receipt_lines(file_name(box, "F06", "2026-08"))
    assert "« Date de déploiement » (flux F05), qui n'a pas été donnée dans le délai" in line[5]


@pytest.fixture
def other(box: DropBox) -> DropBox:
    """LAB-SUD holds a session of two hours under the number of KABIA's session of seven."""
    other = DropBox(box.settings, "LAB-SUD").open_account(feeds=EVERYTHING)
    other.put_sessions("S1", duree_prevue_h="2")
    other.receive()
    return other


@pytest.mark.usefixtures("other")
def test_a_row_waits_for_its_own_partners_object_though_another_has_one_of_that_number(box: DropBox) -> None:
    box.put_people(("S1", SURNAMES[0]))
    summary = box.receive()
    assert (summary.rows_accepted, summary.rows_awaiting, summary.rows_rejected) == (0, 1, 0)
    assert box.receive().loads == 0, "nothing is looked at in vain"
    box.put_sessions("S1")
    assert box.receive().settled == 1
    assert objects_of(box) == [("S1", "KABIA")]


@pytest.mark.usefixtures("other")
def test_once_the_own_partner_sent_that_month_without_it_the_others_is_taken(box: DropBox) -> None:
    box.put("F02_participations__KABIA__2026-09__v1.csv", short_stays("S1", "S2"))
    assert box.receive().rows_awaiting == 2
    box.put_sessions("S7")
    assert box.receive().settled == 1
    assert objects_of(box) == [("S1", "LAB-SUD")]
    assert box.all("select awaited_id from quarantine.awaiting_rows where outcome is null") == [("S2",)]


@pytest.mark.usefixtures("other")
def test_a_file_of_no_row_says_that_there_is_none_of_its_own(box: DropBox) -> None:
    box.put("F02_participations__KABIA__2026-09__v1.csv", short_stays("S1"))
    box.put_sessions()
    box.receive()
    assert objects_of(box) == [("S1", "LAB-SUD")]


@pytest.mark.usefixtures("other")
def test_files_of_another_month_do_not_say_that_there_is_none_of_its_own(box: DropBox) -> None:
    august = {"period": "2026-08", "date_debut": "2026-08-03", "date_fin": "2026-08-04"}
    box.put_sessions("S7", **august)
    box.put_people(("S1", SURNAMES[0]))
    assert box.receive().rows_awaiting == 1
    # the month of these rows came, that of the session has not: it may be of their own partner
    box.put_people(("S1", SURNAMES[1]), period="2026-08")
    assert box.receive().rows_awaiting == 1
    box.put_sessions("S1")
    assert box.receive().settled == 2
    assert objects_of(box) == [("S1", "KABIA")] * 2


@pytest.mark.usefixtures("other")
def test_a_file_refused_whole_says_nothing(box: DropBox) -> None:
    box.put_sessions("S7", modalite="À CHEVAL")
    box.put_people(("S1", SURNAMES[0]))
    assert box.receive().rows_awaiting == 1
    box.put_sessions("S1", suffix="v2")
    assert box.receive().settled == 1
    assert objects_of(box) == [("S1", "KABIA")]


@pytest.mark.usefixtures("other")
def test_what_was_refused_at_its_own_partner_is_waited_for_and_never_taken_from_another(
    box: DropBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = sessions(["S1", "S7", "S8"]).replace("S1;MQ-A1", "S1;MQ-Z9").replace("S8;MQ-A1", "S8;MQ-Z9")
    DropBox(box.settings, "LAB-SUD").put_sessions("S8", suffix="v1.rejets1")
    box.put("F01_sessions_formation__KABIA__2026-09__v1.csv", wrong)
    box.put_people(("S1", SURNAMES[0]), ("S8", SURNAMES[1]))
    assert box.receive().rows_awaiting == 2
    assert box.receive().loads == 0
    box.put_sessions("S1", suffix="v1.rejets1")
    assert box.receive().settled == 1
    monkeypatch.setenv("LAKOU_TODAY", "2026-10-26")
    assert box.receive().expired == 1
    assert objects_of(box) == [("S1", "KABIA")]
    assert box.one("select rule_id, value from quarantine.rejected_rows where feed = 'F02'") == (
        "REFERENCE-INCONNUE", "S8",
    )  # fmt: skip


def test_after_its_last_day_a_row_takes_the_others_object_for_good(
    box: DropBox, other: DropBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.put_sessions("S3", suffix="v1.rejets1")
    box.put_people(("S1", SURNAMES[0]), ("S3", SURNAMES[1]), ("S9", SURNAMES[2]))
    assert box.receive().rows_awaiting == 3
    monkeypatch.setenv("LAKOU_TODAY", "2026-10-25")
    assert box.receive().expired == 0
    monkeypatch.setenv("LAKOU_TODAY", "2026-10-26")
    assert box.receive().expired == 3
    refused = "select row_number, rule_id from quarantine.rejected_rows order by 1"
    # six hours followed of two that were planned
    assert box.all(refused) == [(2, "DUREE-EXCESSIVE"), (4, "REFERENCE-INCONNUE")]
    assert objects_of(box) == [("S3", "LAB-SUD")]
    counts = "select rows_accepted, rows_awaiting, rows_rejected from ops.deliveries where feed = 'F02'"
    assert box.one(counts) == (1, 0, 2)
    rules = [line[3] for line in box.receipt_lines(file_name(box, "F02", "2026-09"))]
    assert rules == ["DUREE-EXCESSIVE", "REFERENCE-INCONNUE"]
    box.put_sessions("S1", "S3", "S9")
    summary = box.receive()
    assert (summary.settled, summary.expired) == (0, 0)
    assert objects_of(box) == [("S3", "LAB-SUD")]


@pytest.mark.usefixtures("other")
def test_who_sends_no_sessions_waits_for_none(box: DropBox) -> None:
    third = DropBox(box.settings, "EPCI").open_account(feeds=("F02",))
    third.put("F02_participations__EPCI__2026-09__v1.csv", short_stays("S1"))
    assert third.receive().rows_accepted == 1
    assert objects_of(third) == [("S1", "LAB-SUD")]


@pytest.mark.parametrize(
    ("feed", "column", "brings", "identifier", "cells"),
    [
        ("F02", "objet_id", "F08", "evenement_id", {"objet_type": "EVENEMENT"}),
        ("F02", "objet_id", "F11", "action_id", {"objet_type": "ACTION"}),
        ("F03", "session_id", "F01", "session_id", {}),
        ("F04", "session_id", "F01", "session_id", {}),
        ("F06", "parcours_id", "F05", "parcours_id", {}),
        ("F13", "enveloppe_id", "G05", "enveloppe_id", {"cas_usage_id": ""}),
        ("G01", "preuve_id", "G03", "repere_id", {}),
        ("G02", "decision_id", "G04", "decision_id", {}),
    ],
)
@pytest.mark.parametrize(("own", "owner"), [("N-1", "KABIA"), ("N-2", "LAB-SUD")])
def test_of_every_feed_the_own_object_comes_first(
    box: DropBox, feed: str, column: str, brings: str, identifier: str, cells: dict[str, str], own: str, owner: str
) -> None:
    other = DropBox(box.settings, "LAB-SUD").open_account(feeds=EVERYTHING)
    alone = {"parent_id": ""} if brings == "G05" else {}
    other.put_examples(brings, {identifier: "N-1", **alone})
    box.put_examples(feed, {column: "N-1", **cells})
    summary = box.receive()
    assert (summary.rows_accepted, summary.rows_awaiting) == (1, 1), summary
    box.put_examples(brings, {identifier: own, **alone})
    assert box.receive().settled == 1
    table = f"raw.{load_contracts()[feed].raw_table}"
    assert box.all(f"select {column}, _object_partner_code from {table}") == [("N-1", owner)]


def objects_of(box: DropBox) -> list[tuple[str, str]]:
    return box.all("select objet_id, _object_partner_code from raw.f02_participations order by 1, 2")


def short_stays(*session_ids: str) -> str:
    """Participations of two hours."""
    people = participations(list(zip(session_ids, SURNAMES, strict=False)))
    return people.replace("TERMINE;6", "TERMINE;2")


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
