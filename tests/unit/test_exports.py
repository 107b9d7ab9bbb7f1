"""Exported files of partners' tools: recognised by their header alone, and what was lost before they came is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingestion.contracts import load_contract
from ingestion.errors import BlockedFile
from ingestion.exports.opening import _iso
from ingestion.exports.tables import looks_exported, open_export, positions_of
from ingestion.exports.tools import recognise, tools
from ingestion.reading import open_reading
from ingestion.records import Cut

FILES = Path(__file__).parents[1] / "fixtures" / "exports"
RECORDED = [
    ("limesurvey-codes.csv", "limesurvey", "", 51),
    ("limesurvey-textes.xls", "limesurvey", "", 51),
    ("dolibarr-tiers-utf8.csv", "dolibarr", "thirdparties", 51),
    ("dolibarr-tiers.xlsx", "dolibarr", "thirdparties", 51),
    ("dolibarr-contacts.csv", "dolibarr", "contacts", 50),
    ("dolibarr-projets.csv", "dolibarr", "projects", 6),
    ("espocrm-account.csv", "espocrm", "", 49),
    ("espocrm-opportunity.xlsx", "espocrm", "", 20),
    ("odk-seance_ia.csv", "odk", "", 49),
    ("odk-seance_ia.zip", "odk", "", 49),
]
LINES = "session_id;action_code;intitule;modalite;date_debut;date_fin;duree_prevue_h;code_commune\n"
ROW = "S1;MQ-A1;{};ATELIER;2026-09-03;2026-09-04;7;97209\n"


@pytest.mark.parametrize(("name", "system", "entity", "count"), RECORDED)
def test_every_recorded_export_is_recognised_and_read_whole(name: str, system: str, entity: str, count: int) -> None:
    path, extension = FILES / name, name.rpartition(".")[2]
    found = looks_exported(path, extension)
    assert found is not None
    assert (found.tool.system, found.signature.entity, found.index) == (system, entity, 0)
    export = open_export(path, extension)
    assert export is not None
    records = list(export.tables[0].records())
    assert len(records) == count
    assert not any(isinstance(item, Cut) for item in records)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("shift", ["", "a"])
def test_a_long_file_is_recognised_by_its_beginning_whatever_its_encoding(
    tmp_path: Path, encoding: str, shift: str
) -> None:
    header = '"Identifiant contact","Identifiant société","Raison sociale","État"\n'
    (tmp_path / "f.csv").write_text(header + f'1,2,"{shift + "é" * 30}",3\n' * 3000, encoding)
    found = looks_exported(tmp_path / "f.csv", "csv")
    assert found is not None
    assert found.signature.entity == "contacts"


def test_fields_have_the_names_of_the_connector() -> None:
    export = open_export(FILES / "dolibarr-tiers.xlsx", "xlsx")
    assert export is not None
    _, second = [item for item in export.tables[0].records() if not isinstance(item, Cut)][1]
    assert (second["idprof1"], second["idprof2"], second["town"], second["zip"]) == (
        "064935968", "06493596800012", "Sainte-Marie", "97228",
    )  # fmt: skip
    assert second["Ville"] == "Sainte-Marie"


def test_records_of_a_repeat_carry_those_that_they_belong_to() -> None:
    export = open_export(FILES / "odk-seance_ia.zip", "zip")
    assert export is not None
    main, people = export.tables
    parents = {fields["__id"]: fields for _, fields in (item for item in main.records() if not isinstance(item, Cut))}
    rows = [fields for _, fields in (item for item in people.records() if not isinstance(item, Cut))]
    assert people.name == "participants"
    assert len(rows) > len(parents)
    for fields in rows:
        assert fields["../date_session"] == parents[fields["PARENT_KEY"]]["date_session"]
    assert {"meta/instanceID", "__system/submissionDate"} <= main.fields


@pytest.mark.parametrize(
    ("header", "kind", "system"),
    [
        (["ID", "Heure de début", "Heure de fin", "Adresse de messagerie", "Nom", "Votre commune"], "xlsx", "microsoft_forms"),
        (["Horodateur", "Votre commune"], "csv", "google_forms"),
        (["Serial", "SID", "Submitted Time", "IP Address", "UID", "Username", "Commune"], "csv", "framaforms"),
        (["ID de fiche d'informations", "Prénom", "Nom", "E-mail"], "csv", "hubspot"),
        (["Record ID", "First Name", "Last Name", "Email"], "csv", "hubspot"),
        (["CONTACT ID", "EMAIL", "NOM", "ADDED_TIME", "MODIFIED_TIME"], "csv", "brevo"),
    ],
)  # fmt: skip
def test_tools_that_were_not_recorded_are_recognised_by_their_documented_header(
    header: list[str], kind: str, system: str
) -> None:
    found = recognise([["Titre du formulaire"], header], kind)
    assert found is not None
    assert (found.tool.system, found.index) == (system, 1)


@pytest.mark.parametrize("kind", ["csv", "xlsx", "zip"])
def test_no_contract_looks_like_an_export(kind: str) -> None:
    from ingestion.contracts import load_contracts

    for contract in load_contracts().values():
        for header in ([item.name for item in contract.columns], [item.title for item in contract.columns]):
            assert recognise([header], kind) is None
    assert recognise([["Votre commune", "Horodateur"]], kind) is None


def test_every_tool_says_how_to_export_and_how_to_keep_letters() -> None:
    for tool in tools().values():
        assert tool.advice.startswith("Dans ")
        assert tool.lossless.startswith("Dans ")
        assert all(signature.columns for signature in tool.signatures)


def test_a_name_that_comes_twice_and_a_choice_of_a_group_can_be_told_apart() -> None:
    header = ["Serial", "SID", "Submitted Time", "UID", "IA", "Données", "Email", "Email"]
    found = recognise([header], "csv")
    assert found is not None
    positions = positions_of(header, ["", "", "", "", "Thèmes suivis", "", "", ""], found)
    assert (positions["Thèmes suivis [IA]"], positions["Thèmes suivis [Données]"], positions["IA"]) == (4, 5, 4)
    assert (positions["Email"], positions["Email (2)"]) == (6, 7)


@pytest.mark.parametrize(
    ("text", "order", "iso"),
    [
        ("07/03/2026 09:05:12", "day first", "2026-03-07 09:05:12"),
        ("3/7/2026 9:05:12", "month first", "2026-03-07 09:05:12"),
        ("3/7/2026 12:05 AM", "month first", "2026-03-07 00:05:00"),
        ("07-03-2026", "day first", "2026-03-07"),
        ("2026-03-07", "day first", "2026-03-07"),
        ("hier", "day first", "hier"),
    ],
)
def test_dates_of_figures_are_read_in_the_order_of_their_tool(text: str, order: str, iso: str) -> None:
    assert _iso(text, order) == iso  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------- what was lost


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("titles", [("Sch?lcher",), ("Cr?tinoir", "Rosemain m?a dit")])
def test_a_lossy_file_is_refused_with_the_option_of_excel(
    tmp_path: Path, titles: tuple[str, ...], encoding: str
) -> None:
    accent = "é" if encoding == "latin-1" else ""
    (tmp_path / "f.csv").write_text(LINES + "".join(ROW.format(title + " " + accent) for title in titles), encoding)
    with pytest.raises(BlockedFile, match=re.escape(titles[0].split()[0])) as caught:
        open_reading(tmp_path / "f.csv", "csv", load_contract("F01"))
    assert caught.value.rule_id == "EXPORT-APPAUVRI"
    assert "CSV UTF-8" in caught.value.remedy


@pytest.mark.parametrize(
    ("title", "encoding"),
    [
        ("Sch?lcher l\u2019atelier", "cp1252"),
        ("Sch?lcher Thérèse", "utf-8"),
        ("https://a.fr/x?y=z et https://a.fr/page?id", "ascii"),
        ("On y va ? Oui ! Pourquoi ?", "latin-1"),
    ],
)
def test_a_file_that_could_write_its_letters_is_not_taken_for_a_lossy_one(
    tmp_path: Path, title: str, encoding: str
) -> None:
    (tmp_path / "f.csv").write_text(LINES + ROW.format(title) * 2, encoding)
    open_reading(tmp_path / "f.csv", "csv", load_contract("F01"))


def test_a_lossy_export_is_refused_with_the_option_of_its_tool() -> None:
    with pytest.raises(BlockedFile, match="L'export a remplacé des lettres") as caught:
        open_export(FILES / "dolibarr-tiers-iso.csv", "csv")
    assert caught.value.rule_id == "EXPORT-APPAUVRI"
    assert "CSV (UTF-8)" in caught.value.remedy
    assert "Dolibarr" in caught.value.remedy


# --------------------------------------------------------------------------------- forms made with the feed's columns


def test_technical_columns_of_the_tool_are_left_out_in_one_note(tmp_path: Path) -> None:
    header = ["id", "submitdate", "lastpage", "startlanguage", "seed", *LINES.strip().split(";"), "remarque"]
    row = ["1", "2026-09-05 10:00:00", "1", "fr", "12", *ROW.format("Atelier").strip().split(";"), "x"]
    (tmp_path / "f.csv").write_text(";".join(header) + "\n" + ";".join(row) + "\n", "utf-8-sig")
    reading = open_reading(tmp_path / "f.csv", "csv", load_contract("F01"))
    told = {remark.rule_id: remark.message for remark in reading.remarks}
    assert told["COLONNES-TECHNIQUES"] == (
        "Colonnes techniques de LimeSurvey ignorées : id, submitdate, lastpage, startlanguage, seed."
    )
    assert [remark.column for remark in reading.remarks if remark.rule_id == "COLONNE-INCONNUE"] == ["remarque"]


def test_an_export_without_a_mapping_is_explained_and_not_taken_column_by_column() -> None:
    with pytest.raises(BlockedFile) as caught:
        open_reading(FILES / "espocrm-account.csv", "csv", load_contract("F14"))
    assert caught.value.rule_id == "EXPORT-SANS-CORRESPONDANCE"
    assert "export d'EspoCRM" in caught.value.what
    assert "modeles" in caught.value.remedy
