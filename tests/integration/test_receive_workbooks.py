"""Workbooks that say what they are: templates of several feeds, and rows to mend under any name."""

from __future__ import annotations

import pytest

from ingestion.contracts import load_contract
from ingestion.receive import preview, replay
from ingestion.settings import Settings
from tests.integration.drop_box import SURNAMES, TODAY, DropBox, mend, participations, sessions, workbook

COVER = {"Partenaire": "KABIA", "Période": "2026-09", "Version": "1"}
BOOKS = "select feed, period, version, part, sheet, state, rows_accepted from ops.deliveries order by feed, part"


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> DropBox:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    return DropBox(clean).open_account()


def mark(feed: str) -> str:
    return f"lakou:{feed}:{load_contract(feed).version}"


def training(people: str | None = None, second: tuple[str, str] | None = None) -> dict[str, tuple[str, str]]:
    sheets = {
        "Sessions": (mark("F01"), sessions(["S1", "S2"])),
        "Participations": (mark("F02"), people or participations([("S1", SURNAMES[0]), ("S2", SURNAMES[1])])),
    }
    return sheets | ({"Certifications": second} if second else {})


def test_a_template_carries_several_feeds_whatever_its_name(box: DropBox) -> None:
    name = "Envoi de septembre (définitif).xlsx"
    workbook(box.depot / name, training(second=(mark("F03"), "courriel;certification_code\n")), COVER)
    summary = box.receive()
    assert (summary.files, summary.accepted, summary.rows_accepted, summary.rows_awaiting) == (1, 2, 4, 0)
    assert box.all(BOOKS) == [
        ("F01", "2026-09", 1, 0, "Sessions", "ACCEPTÉ", 2),
        ("F02", "2026-09", 1, 0, "Participations", "ACCEPTÉ", 2),
    ], "the sheet left empty says nothing"
    assert box.one("select count(distinct path), count(*) from ops.landing_files") == (1, 2), "the bytes are shared"
    for feed in ("F01", "F02"):
        assert (box.receipts / f"{name}.{feed}.accuse.html").exists()
        assert (box.receipts / f"{name}.{feed}.accuse.csv").exists()
    assert not list(box.depot.iterdir())
    workbook(box.depot / name, training(second=(mark("F03"), "courriel;certification_code\n")), COVER)
    (box.settings.drop / "KABIA" / "traites" / name).replace(box.depot / name)
    assert box.receive().repeated == 2
    assert len(list(box.settings.home.glob("landing/**/*.age"))) == 1


def test_one_bad_sheet_costs_that_sheet(box: DropBox) -> None:
    workbook(box.depot / "envoi.xlsx", training("colonne;autre\n1;2\n"), COVER)
    summary = box.receive()
    assert (summary.accepted, summary.refused) == (1, 1)
    assert box.one("select feed, is_blocked from ops.deliveries where state = 'REFUSÉ'") == ("F02", True)
    delivery = box.one("select delivery_id from ops.deliveries where feed = 'F02'")
    assert replay(box.settings, delivery).state == "REFUSÉ"


def test_the_name_counts_more_than_the_cover_where_both_can_be_true(box: DropBox) -> None:
    name = "F01_sessions_formation__KABIA__2026-09__v2.xlsx"
    workbook(box.depot / name, training(), COVER)
    box.receive()
    assert [row[1:3] for row in box.all(BOOKS)] == [("2026-09", 2), ("2026-09", 2)]


def test_a_single_filled_sheet_is_answered_under_the_plain_name(box: DropBox) -> None:
    sheets = training(participations([]))
    name = "septembre.xlsx"
    workbook(box.depot / name, sheets, COVER | {"Période": "septembre 2026"})
    box.receive()
    assert box.all(BOOKS) == [("F01", "2026-09", 1, 0, None, "ACCEPTÉ", 2)]
    assert (box.receipts / f"{name}.accuse.html").exists()


@pytest.mark.parametrize(
    ("name", "cover", "rule"),
    [
        ("envoi.xlsx", COVER | {"Partenaire": "LAB-SUD"}, "PARTENAIRE-DIFFERENT"),
        ("envoi.xlsx", COVER | {"Période": ""}, "NOM-INCONNU"),
        ("envoi.xlsx", COVER | {"Période": "l'été"}, "NOM-INCONNU"),
        ("F01__KABIA__2026-08__v1.xlsx", COVER, "PERIODE-CONTRADICTOIRE"),
        ("F01__LAB-SUD__2026-09__v1.xlsx", COVER, "PARTENAIRE-DIFFERENT"),
    ],
)
def test_what_contradicts_itself_is_asked_about(box: DropBox, name: str, cover: dict[str, str], rule: str) -> None:
    workbook(box.depot / name, {"Sessions": training()["Sessions"]}, cover)
    summary = box.receive()
    assert (summary.refused, summary.failures) == (1, ())
    assert box.one("select rule_id from quarantine.rejected_rows") == rule
    assert box.one("select count(*) from raw.f01_sessions_formation") == 0
    assert rule in (box.receipts / f"{name}.accuse.csv").read_text("utf-8-sig")


def test_a_workbook_of_no_known_period_is_answered_once(box: DropBox) -> None:
    workbook(box.depot / "envoi.xlsx", training(), COVER | {"Période": ""})
    summary = box.receive()
    assert (summary.refused, summary.failures) == (1, ())
    assert box.one("select count(*) from ops.receipts") == 1
    assert "NOM-INCONNU" in (box.receipts / "envoi.xlsx.accuse.csv").read_text("utf-8-sig")


def test_two_sheets_of_one_feed_are_asked_about(box: DropBox) -> None:
    sheets = {"Sessions": training()["Sessions"], "Sessions (2)": (mark("F01"), sessions(["S8"]))}
    workbook(box.depot / "envoi.xlsx", sheets, COVER)
    box.receive()
    assert box.one("select rule_id from quarantine.rejected_rows") == "FEUILLES-EN-DOUBLE"
    (line,) = box.receipt_lines("envoi.xlsx")
    assert "« Sessions » et « Sessions (2) »" in line[5].replace("\u00a0", " ")


def test_a_template_left_empty_is_asked_about_and_named_it_is_a_nil_report(box: DropBox) -> None:
    empty = {"Sessions": (mark("F01"), sessions([])), "Participations": (mark("F02"), participations([]))}
    workbook(box.depot / "envoi.xlsx", empty, COVER)
    box.receive()
    assert box.one("select rule_id from quarantine.rejected_rows") == "FICHIER-VIDE"
    workbook(box.depot / "F02_participations__KABIA__2026-09__v1.xlsx", empty, COVER)
    box.receive()
    assert box.one("select state, rows_received from ops.deliveries where feed = 'F02'") == ("ACCEPTÉ", 0)


@pytest.mark.parametrize(
    "name", ["corrigé par Marie.xlsx", "F02_participations__KABIA__2026-09__v1.xlsx", "F02__KABIA__2026-09__v3.xlsx"]
)
def test_mended_rows_are_added_under_any_name(box: DropBox, name: str) -> None:
    box.put_sessions("S1")
    box.put_people(("S1", SURNAMES[0]), ("S1", f"{SURNAMES[1]},Q"))
    box.receive()
    mend(box.receipts / "F02_participations__KABIA__2026-09__v1.rejets1.xlsx", box.depot / name, "sexe", "M")
    summary = box.receive()
    assert (summary.accepted, summary.rows_accepted) == (1, 1)
    assert box.all(BOOKS)[1:] == [
        ("F02", "2026-09", 1, 0, None, "ACCEPTÉ AVEC RÉSERVES", 1),
        ("F02", "2026-09", 1, 1, None, "ACCEPTÉ", 1),
    ]
    assert box.one("select count(*) from ops.supersessions") == 0


def test_the_same_part_mended_otherwise_is_taken_under_the_number_it_is_told(box: DropBox) -> None:
    box.put_sessions("S1")
    box.put_people(("S1", SURNAMES[0]), ("S1", f"{SURNAMES[1]},Q"), ("S1", f"{SURNAMES[2]},Q"))
    box.receive()
    rejects = box.receipts / "F02_participations__KABIA__2026-09__v1.rejets1.xlsx"
    mend(rejects, box.depot / "a.xlsx", "sexe", "M")
    box.receive()
    mend(rejects, box.depot / "b.xlsx", "sexe", "X")
    box.receive()
    assert box.one("select rule_id from quarantine.rejected_rows where severity = 'BLOQUE'") == "VERSION-ANCIENNE"
    told = "F02_participations__KABIA__2026-09__v1.rejets2.xlsx"
    assert ".rejets2" in box.receipt("b.xlsx")
    mend(rejects, box.depot / told, "sexe", "X")
    assert box.receive().accepted == 1


def test_the_mended_rows_of_another_partner_are_refused(box: DropBox) -> None:
    box.put_sessions("S1")
    box.put_people(("S1", f"{SURNAMES[1]},Q"), ("S1", SURNAMES[0]))
    box.receive()
    other = DropBox(box.settings, "LAB-SUD").open_account()
    rejects = box.receipts / "F02_participations__KABIA__2026-09__v1.rejets1.xlsx"
    mend(rejects, other.depot / "corrections.xlsx", "sexe", "M")
    other.receive()
    assert box.one("select rule_id from quarantine.rejected_rows where severity = 'BLOQUE'") == "PARTENAIRE-DIFFERENT"
    assert box.one("select count(*) from raw.f02_participations") == 1


def test_a_look_at_a_workbook_tells_of_each_feed(box: DropBox) -> None:
    path = workbook(box.settings.home / "regarder.xlsx", training(), COVER)
    before = box.one("select count(*) from ops.deliveries")
    found = preview(box.settings, path)
    assert [(item.delivery.feed, item.delivery.rows_accepted, item.delivery.rows_awaiting) for item in found] == [
        ("F01", 2, 0),
        ("F02", 0, 2),
    ]
    assert box.one("select count(*) from ops.deliveries") == before
