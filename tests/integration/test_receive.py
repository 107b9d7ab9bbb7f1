"""From a file in a partner's folder to rows, books and a receipt, on a real PostgreSQL."""

from __future__ import annotations

import datetime as dt
import os
import re
import time
from pathlib import Path

import pytest

from ingestion.database import connect
from ingestion.errors import ConfigurationError, LakouError
from ingestion.receive import preview, receive, replay
from ingestion.settings import Settings
from tests.integration.drop_box import (
    FORENAME,
    SURNAMES,
    TODAY,
    DropBox,
    dump,
    mend,
    participations,
    people_cells,
    sessions,
)

F01 = "F01_sessions_formation__KABIA__2026-09__v1.csv"
F02 = "F02_participations__KABIA__2026-09__v1.csv"
COUNTS = "select rows_accepted, rows_awaiting, state from ops.deliveries where feed = 'F02'"
IN_FORCE = """
    select r.session_id from raw.f01_sessions_formation as r where not exists (
        select 1 from ops.supersessions as s where s.superseded_delivery_id = r._delivery_id
    ) order by 1
"""


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> DropBox:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    return DropBox(clean).open_account()


def test_a_good_file_is_loaded_answered_and_put_aside(box: DropBox) -> None:
    box.put_sessions("S1", "S2")
    summary = box.receive()
    assert (summary.files, summary.accepted, summary.rows_accepted, summary.loads) == (1, 1, 2, 1)
    assert box.one("select state, rows_received, rows_accepted, rows_awaiting, rows_rejected from ops.deliveries") == (
        "ACCEPTÉ", 2, 2, 0, 0,
    )  # fmt: skip
    assert box.all("select session_id, duree_prevue_h, _row_number from raw.f01_sessions_formation order by 1") == [
        ("S1", "7", 2),
        ("S2", "7", 3),
    ]
    assert not list(box.depot.iterdir())
    assert (box.settings.drop / "KABIA" / "traites" / F01).exists()
    page = box.receipt(F01)
    assert "ACCEPTÉ" in page
    assert "10 octobre 2026" in page, "the next deadline"
    assert box.one("select sha256 from ops.deliveries") in page
    assert box.receipt_lines(F01) == []
    index = (box.receipts / "index.html").read_text(encoding="utf-8")
    assert F01 in index


def test_feeds_are_taken_in_the_order_of_their_references(box: DropBox) -> None:
    box.put_people(("S1", SURNAMES[0]))
    box.put_sessions("S1")
    summary = box.receive()
    assert (summary.rows_accepted, summary.rows_awaiting) == (2, 0)


def test_a_bad_row_costs_that_row_only_and_comes_back_to_be_mended(box: DropBox) -> None:
    box.put_sessions("S1")
    box.put_people(("S1", SURNAMES[0]), ("S1", f"{SURNAMES[1]},Q"))
    box.receive()
    assert box.states()[F02] == "ACCEPTÉ AVEC RÉSERVES"
    assert box.all("select row_number, column_name, rule_id, severity from quarantine.rejected_rows") == [
        (3, "sexe", "LISTE", "REFUSE")
    ]
    (line,) = box.receipt_lines(F02)
    assert line[:5] == ["3", "sexe", "Q", "LISTE", "REFUSE"]
    rejects = box.receipts / "F02_participations__KABIA__2026-09__v1.rejets1.xlsx"
    given = box.rows_given_back(rejects)
    assert given == [dict(zip(*people_cells([("S1", f"{SURNAMES[1]},Q")]), strict=True))]

    mend(rejects, box.depot / rejects.name, "sexe", "M")
    box.receive()
    assert box.states()[rejects.name] == "ACCEPTÉ"
    assert box.one("select count(*) from raw.f02_participations") == 2
    assert box.one("select count(*) from ops.supersessions") == 0, "a complement adds to its version"
    box.put_people(("S1", SURNAMES[0]), ("S1", f"{SURNAMES[1]},Q"))
    box.receive()
    assert "Vous avez déjà renvoyé la ligne refusée" in box.receipt(F02)


def test_a_row_waits_for_its_session_and_is_counted_once_that_comes(box: DropBox) -> None:
    box.put_people(("S1", SURNAMES[0]), ("S9", SURNAMES[1]))
    box.put_sessions("S1")
    box.receive()
    assert box.one(COUNTS) == (
        1, 1, "ACCEPTÉ AVEC RÉSERVES",
    )  # fmt: skip
    assert box.one("select deadline_on from quarantine.awaiting_rows") == dt.date(2026, 10, 25), (
        "20 days after reception"
    )
    assert "25/10/2026" in box.receipt(F02)

    box.put_sessions("S9", suffix="v1.rejets1")
    summary = box.receive()
    assert summary.settled == 1
    delivery = box.one("select delivery_id from ops.deliveries where feed = 'F02'")
    assert box.one(COUNTS) == (
        2,
        0,
        "ACCEPTÉ",
    )
    assert box.all("select kind, rows_accepted from ops.loads where delivery_id = %s order by load_id", delivery) == [
        ("LIVRAISON", 1),
        ("ATTENTE_RESOLUE", 1),
    ]
    assert box.one("select _delivery_id, _object_partner_code from raw.f02_participations where objet_id = 'S9'") == (
        delivery, "KABIA",
    )  # fmt: skip
    assert box.one("select outcome from quarantine.awaiting_rows") == "ACCEPTEE"
    assert box.all("select revision, state from ops.receipts where delivery_id = %s order by 1", delivery) == [
        (1, "ACCEPTÉ AVEC RÉSERVES"),
        (2, "ACCEPTÉ"),
    ]
    assert "REFERENCE-ATTENDUE" not in box.receipt(F02)


def test_the_session_of_another_partner_settles_the_row_too(box: DropBox) -> None:
    other = DropBox(box.settings, "LAB-SUD").open_account()
    box.put_sessions("S1")
    box.put_people(("S9", SURNAMES[0]))
    box.receive()
    other.put_sessions("S9")
    box.receive()
    assert box.one("select objet_id, _object_partner_code from raw.f02_participations") == ("S9", "LAB-SUD")


def test_a_row_that_waited_too_long_is_refused_and_given_back(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    box.put_sessions("S1")
    box.put_people(("S1", SURNAMES[0]), ("S9", SURNAMES[1]), ("S1", f"{SURNAMES[2]},Q"))
    box.receive()
    monkeypatch.setenv("LAKOU_TODAY", "2026-10-25")
    assert box.receive().expired == 0, "the last day is included"
    monkeypatch.setenv("LAKOU_TODAY", "2026-10-26")
    summary = box.receive()
    assert (summary.expired, summary.loads) == (1, 1)
    assert box.one(COUNTS) == (1, 0, "ACCEPTÉ AVEC RÉSERVES")
    assert {line[3] for line in box.receipt_lines(F02)} == {"LISTE", "REFERENCE-INCONNUE"}
    second = box.rows_given_back(box.receipts / "F02_participations__KABIA__2026-09__v1.rejets2.xlsx")
    assert second == [dict(zip(*people_cells([("S9", SURNAMES[1])]), strict=True))], "with the cells as written"
    assert box.receive().expired == 0


def test_a_higher_version_stands_for_the_whole_period(box: DropBox) -> None:
    box.put_sessions("S1", "S2")
    box.put_people(("S1", SURNAMES[0]), ("S9", SURNAMES[1]))
    box.receive()
    box.put_sessions("S2", "S3", suffix="v2")
    box.put_people(("S2", SURNAMES[0]), suffix="v2")
    box.receive()
    assert box.all(IN_FORCE) == [("S2",), ("S3",)]
    assert box.all(
        "select s.superseded_delivery_id, l.delivery_id, s.cause from ops.supersessions as s"
        " inner join ops.loads as l on l.load_id = s.superseding_load_id where l.delivery_id like 'F01%%'"
    ) == [
        (
            box.one("select delivery_id from ops.deliveries where feed = 'F01' and version = 1"),
            box.one("select delivery_id from ops.deliveries where feed = 'F01' and version = 2"),
            "VERSION",
        )
    ]
    assert box.one("select outcome from quarantine.awaiting_rows") == "REMPLACEE"
    box.put_sessions("S9", period="2026-08", date_debut="2026-08-03", date_fin="2026-08-04")
    box.receive()
    assert box.one("select count(*) from raw.f02_participations where objet_id = 'S9'") == 0


def test_a_version_refused_whole_replaces_nothing_and_may_come_again(box: DropBox) -> None:
    box.put_sessions("S1")
    box.receive()
    box.put_sessions("S2", suffix="v2", modalite="À CHEVAL")
    box.receive()
    assert box.states()["F01_sessions_formation__KABIA__2026-09__v2.csv"] == "REFUSÉ"
    assert box.all(IN_FORCE) == [("S1",)]
    box.put_sessions("S2", suffix="v2")
    box.receive()
    assert box.all(IN_FORCE) == [("S2",)]


def test_the_same_file_again_changes_nothing_and_is_answered_so(box: DropBox) -> None:
    box.put_sessions("S1")
    box.receive()
    before = dump(box.settings)
    box.put_sessions("S1")
    summary = box.receive()
    assert (summary.repeated, summary.loads, summary.accepted) == (1, 0, 0)
    assert dump(box.settings) == before
    page = box.receipt(F01)
    assert "déjà été reçu le 5 octobre 2026" in page
    assert "ACCEPTÉ" in page
    assert not list(box.depot.iterdir())
    assert len(list((box.settings.drop / "KABIA" / "traites").iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("F01_sessions_formation__KABIA__2026-09__v1.csv", "VERSION-ANCIENNE"),
        ("F01_sessions_formation__KABIA__2026-08__v1.csv", "VERSION-ANCIENNE"),
        ("F01_sessions_formation__KABIA__2026-09__v3.rejets1.csv", "VERSION-ANCIENNE"),
        ("F01_sessions_formation__KABIA__2026-T3__v1.csv", "PERIODE-CHEVAUCHE"),
        ("F01_sessions_formation__KABIA__2026__v1.csv", "PERIODE-CHEVAUCHE"),
        ("F01_sessions_formation__KABIA__2026-11__v1.csv", "PERIODE-FUTURE"),
        ("F01_sessions_formation__LAB-SUD__2026-09__v2.csv", "PARTENAIRE-DIFFERENT"),
        ("F99_autre_chose__KABIA__2026-09__v1.csv", "NOM-INCONNU"),
        ("F07_diagnostics__KABIA__2026-09__v1.csv", "FLUX-NON-PREVU"),
        ("photo de vacances.csv", "NOM-INCONNU"),
        ("F01_sessions_formation__KABIA__2026-09__v2.pdf", "FORMAT-NON-PRIS"),
    ],
)
def test_a_file_out_of_place_is_refused_with_its_rule(box: DropBox, name: str, rule: str) -> None:
    box.put_sessions("S1")
    box.put_sessions("S0", period="2026-08", suffix="v2", date_debut="2026-08-03", date_fin="2026-08-04")
    box.receive()
    box.put(name, sessions(["S7"]))
    summary = box.receive()
    assert (summary.refused, summary.failures) == (1, ())
    assert box.one("select rule_id from quarantine.rejected_rows where severity = 'BLOQUE'") == rule
    assert box.all(IN_FORCE) == [("S0",), ("S1",)]
    (line,) = box.receipt_lines(name)
    assert line[3:5] == [rule, "BLOQUE"]
    assert "REFUSÉ" in box.receipt(name)
    assert (box.settings.drop / "KABIA" / "traites" / name).exists()
    assert len(list(box.settings.home.glob("landing/**/*.age"))) == 3, "what was refused is kept all the same"
    before = dump(box.settings)
    box.put(name, sessions(["S7"]))
    assert box.receive().repeated == 1
    assert dump(box.settings) == before
    assert "déjà été reçu" in box.receipt(name)


def test_a_file_refused_for_its_name_is_taken_under_a_better_one(box: DropBox) -> None:
    wrong = F01.replace("KABIA", "LAB-SUD")
    box.put(wrong, sessions(["S1"]))
    box.receive()
    assert box.states() == {wrong: "REFUSÉ"}
    box.put(F01, sessions(["S1"]))
    box.receive()
    assert box.states() == {F01: "ACCEPTÉ"}
    assert box.all(IN_FORCE) == [("S1",)]
    box.put(F01, sessions(["S1"]))
    assert box.receive().repeated == 1
    assert box.receipt_lines(F01) == []


def test_the_next_version_is_named_to_who_sends_other_contents(box: DropBox) -> None:
    box.put_sessions("S1")
    box.receive()
    box.put_sessions("S1", "S2")
    box.receive()
    assert "2026-09__v2" in box.receipt(F01)


def test_a_feed_that_is_not_the_partners_is_refused(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    box = DropBox(clean).open_account(feeds=("F01",))
    box.put_people(("S1", SURNAMES[0]))
    box.receive()
    assert box.one("select rule_id from quarantine.rejected_rows") == "FLUX-NON-PREVU"


def test_personal_columns_without_a_convention_are_refused_until_there_is_one(
    clean: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    box = DropBox(clean).open_account(processing_contract=None)
    box.put_sessions("S1")
    box.put_people(("S1", SURNAMES[0]))
    box.receive()
    assert box.one("select rule_id from quarantine.rejected_rows") == "CLE-ABSENTE-CONVENTION"
    delivery = box.one("select delivery_id from ops.deliveries where feed = 'F02'")
    assert replay(box.settings, delivery).state == "REFUSÉ"
    box.open_account()
    assert replay(box.settings, delivery).state == "ACCEPTÉ"
    assert box.one("select count(*) from raw.f02_participations") == 1
    assert replay(box.settings, delivery).state == "ACCEPTÉ"
    assert box.one("select count(*) from raw.f02_participations") == 1


@pytest.mark.parametrize("contents", [b"", b"PK\x03\x04 not a workbook", b"\x00\x01\x02", b"colonne;autre\n1;2\n"])
def test_an_unreadable_file_stops_no_other(box: DropBox, contents: bytes) -> None:
    box.put("F01_sessions_formation__KABIA__2026-08__v1.csv", contents)
    box.put("F03_certifications__KABIA__2026-09__v1.xlsx", contents)
    box.put_sessions("S1")
    summary = box.receive()
    assert (summary.accepted, summary.refused, summary.failures) == (1, 2, ())


def test_what_is_no_finished_file_is_left_alone(box: DropBox, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text(sessions(["S1"]))
    (box.depot / F01).symlink_to(tmp_path / "secret.csv")
    os.mkfifo(box.depot / "F01_sessions_formation__KABIA__2026-08__v1.csv")
    (box.depot / "folder.csv").mkdir()
    for name in (".F01.csv", "F01.csv.part", "F01.tmp", "F01.csv.filepart"):
        (box.depot / name).write_text("x")
    assert box.receive().files == 0
    assert len(list(box.depot.iterdir())) == 7


def test_a_file_dated_in_the_future_is_taken_once_it_stays_the_same(box: DropBox) -> None:
    box.put_sessions("S1")
    future = time.time() + 3600
    os.utime(box.depot / F01, (future, future))
    assert receive(box.settings, quiet_seconds=0.2).files == 1, (
        "a date in the future is a clock set wrong, not a writer"
    )


def test_a_header_only_file_is_a_nil_report(box: DropBox) -> None:
    box.put_sessions()
    box.receive()
    assert box.states()[F01] == "ACCEPTÉ"
    assert box.one("select rows_accepted from ops.loads") == 0
    assert "rien à déclarer" in box.receipt(F01)


@pytest.mark.parametrize("key", ["hmac.key", "landing.key"])
def test_without_a_key_nothing_is_loaded_and_nothing_is_lost(box: DropBox, key: str) -> None:
    box.put_sessions("S1")
    secret = box.settings.secrets / key
    kept = secret.read_text()
    secret.unlink()
    try:
        with pytest.raises(ConfigurationError, match=re.escape(key)):
            box.receive()
    finally:
        secret.write_text(kept)
    assert box.all("select 1 from ops.deliveries") == []
    assert (box.depot / F01).exists()
    assert box.receive().accepted == 1


def test_a_full_disk_is_said_and_the_file_waits(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    import pyrage

    box.put_sessions("S1")
    encrypt = pyrage.encrypt_io

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pyrage, "encrypt_io", full)
    summary = box.receive()
    assert "no space is left on the disk" in summary.failures[0]
    assert (box.depot / F01).exists()
    monkeypatch.setattr(pyrage, "encrypt_io", encrypt)
    assert box.receive().accepted == 1


def test_a_receipt_that_cannot_be_written_holds_the_load_back(box: DropBox) -> None:
    box.put_sessions("S1")
    box.receipts.rename(box.receipts.with_name("away"))
    box.receipts.write_text("no folder")
    summary = box.receive()
    assert "accuses cannot be written" in summary.failures[0]
    assert box.one("select state from ops.deliveries") == "RECU"
    assert box.one("select count(*) from raw.f01_sessions_formation") == 0
    box.receipts.unlink()
    assert box.receive().accepted == 1
    assert "déjà" not in box.receipt(F01)


def test_no_personal_value_leaves_the_landing(box: DropBox) -> None:
    box.put_sessions("S1", intitule=f"Atelier avec {SURNAMES[3].lower()}@courrier.invalid")
    box.put_people(("S1", SURNAMES[0]), ("S9", SURNAMES[1]), ("S1", f"{SURNAMES[2]},Q"), ("S1", f"{SURNAMES[2]},Q"))
    box.receive()
    shown = "\n".join(path.read_text(encoding="utf-8-sig") for path in box.receipts.glob("*.accuse.*"))
    landed = b"".join(path.read_bytes() for path in box.settings.home.glob("landing/**/*.age"))
    for value in (*SURNAMES, FORENAME, "courrier.invalid"):
        for text in (dump(box.settings), shown):
            assert value.lower() not in text.lower()
        assert value.encode() not in landed
    given = box.rows_given_back(box.receipts / "F02_participations__KABIA__2026-09__v1.rejets1.xlsx")
    assert {row["nom_naissance"] for row in given} == {SURNAMES[2]}


def test_a_formula_in_a_cell_does_not_run_from_the_receipt(box: DropBox) -> None:
    box.put_sessions("S1", modalite="=1+1")
    box.receive()
    (line,) = box.receipt_lines(F01)
    assert line[2] == "'=1+1"


def test_check_judges_and_writes_nothing(box: DropBox, tmp_path: Path) -> None:
    path = tmp_path / F02
    path.write_text(participations([("S9", SURNAMES[0]), ("S9", f"{SURNAMES[1]},Q")]))
    before = dump(box.settings)
    (answer,) = preview(box.settings, path)
    judgement = answer.judgement
    assert judgement is not None
    assert (judgement.rows_received, judgement.awaiting.height, judgement.rejected.height) == (2, 1, 1)
    assert dump(box.settings) == before
    with pytest.raises(LakouError, match="no partner"):
        preview(box.settings, path, "PERSONNE")


def test_a_landed_file_is_read_back_and_its_key_destroyed(box: DropBox) -> None:
    from ingestion import landing

    contents = box.put_sessions("S1").read_bytes()
    box.receive()
    path, key = box.one("select path, wrapped_key from ops.landing_files")
    with landing.open_landed(box.settings, path, key) as clear:
        assert clear.read_bytes() == contents
    with connect(box.settings) as connection:
        landing.destroy_key(connection, path)
    assert box.one("select wrapped_key is null and key_destroyed_at is not null from ops.landing_files")
    with pytest.raises(LakouError, match="destroyed"), landing.open_landed(box.settings, path, None):
        pass
