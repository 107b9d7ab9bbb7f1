"""Rows to mend: corrected in a spreadsheet and dropped as they are, under any name, they are added and nothing else."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from ingestion.settings import Settings
from tests.integration.drop_box import SURNAMES, TODAY, DropBox

F02 = "F02_participations__KABIA__2026-09__v1.csv"
REJECTS = "F02_participations__KABIA__2026-09__v1.rejets1.xlsx"


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> DropBox:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    opened = DropBox(clean).open_account()
    opened.put_sessions("S1")
    opened.put_people(("S1", SURNAMES[0]), ("S1", f"{SURNAMES[1]},Q"), ("S1", f"{SURNAMES[2]},=1+1"))
    assert opened.receive().failures == ()
    return opened


def mend(box: DropBox, into: Path, corrections: dict[int, str]) -> None:
    """Correct « sexe » in the lines of the sheet given, and save under another name."""
    book = openpyxl.load_workbook(box.receipts / REJECTS)
    sheet = book.active
    assert sheet is not None
    (column,) = [cell.column for cell in sheet[2] if cell.value == "sexe"]
    for line, value in corrections.items():
        sheet.cell(line, column).value = value
    book.save(into)


@pytest.mark.parametrize("name", [REJECTS, "corrigé (2).xlsx", "lignes de Marie.xlsx"])
def test_mended_rows_are_added_whatever_the_file_is_called(box: DropBox, name: str) -> None:
    mend(box, box.depot / name, {3: "F", 4: "M"})
    summary = box.receive()
    assert summary.failures == ()
    assert box.states()[name] == "ACCEPTÉ", box.receipt_lines(name)
    assert box.one("select count(*) from raw.f02_participations") == 3
    assert box.one("select count(*) from ops.supersessions") == 0
    assert box.one("select period, version, part from ops.deliveries where part > 0") == ("2026-09", 1, 1)
    assert "colonne" not in box.receipt(name).split("Ce que nous avons compris")[-1].split("Vos chiffres")[0].lower(), (
        "the column of reasons is nothing to speak of"
    )


def test_what_is_still_wrong_comes_back_once_more(box: DropBox) -> None:
    mend(box, box.depot / "encore.xlsx", {3: "F"})
    box.receive()
    assert box.states()["encore.xlsx"] == "ACCEPTÉ AVEC RÉSERVES"
    assert (box.receipts / REJECTS.replace("rejets1", "rejets2")).exists()
    book = openpyxl.load_workbook(box.receipts / REJECTS.replace("rejets1", "rejets2"))
    sheet = book.active
    assert sheet is not None
    assert str(sheet["A1"].value).endswith(":KABIA:2026-09:v1:rejets2")
    headers = [cell.value for cell in sheet[2]]
    assert sum(str(header).startswith("Motif") for header in headers) == 1, "one column of reasons, the new one"
    assert "=1+1" in {cell.value for cell in sheet[3]}, "what was written is what comes back"


def test_a_whole_version_stands_for_the_rows_to_mend_as_well(box: DropBox) -> None:
    box.put_people(("S1", SURNAMES[0]), ("S1", SURNAMES[1]), suffix="v2")
    box.receive()
    assert "0 fichier à corriger" in " ".join(
        (box.receipts / "index.html").read_text(encoding="utf-8").replace("</b> <span>", " ").split()
    )
