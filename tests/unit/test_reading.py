"""Reading: the header is recognised however it is written, and what is no record of the table is left out and told."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
import xlsxwriter

from ingestion.contracts import load_contract, load_contracts
from ingestion.errors import BlockedFile
from ingestion.reading import ROW, normal, open_reading
from tests.unit.reading_tables import F01, HEADER, ROW_OF_S1, lines, read, read_table, titled

F02 = load_contract("F02")


def blocked(folder: Path, data: bytes | str, extension: str = "csv") -> BlockedFile:
    with pytest.raises(BlockedFile) as caught:
        read(folder, data, extension)
    assert caught.value.what
    assert caught.value.remedy
    return caught.value


def workbook(rows: list[tuple[str, ...]]) -> bytes:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        sheet = book.add_worksheet()
        for index, row in enumerate(rows):
            sheet.write_row(index, 0, row)
    return data.getvalue()


# ------------------------------------------------------------------------------------------------- what is no record


def test_titles_repeated_headers_and_totals_are_no_rows(tmp_path: Path) -> None:
    text = "Sessions de mars\n\n" + lines(ROW_OF_S1) + lines(ROW_OF_S1) + "Total;;;;;;2\n;;;;Sous-total :;;4\n"
    table = read(tmp_path, text)
    assert table.cells[ROW].to_list() == [4, 6]
    assert table.rules == ["LIGNE-TITRE", "ENTETE-REPETE", "LIGNE-TOTAL", "LIGNE-TOTAL"]
    assert [remark.row_number for remark in table.remarks[1:]] == [5, 7, 8]


def test_a_row_that_only_looks_like_a_total_is_a_row(tmp_path: Path) -> None:
    table = read(tmp_path, lines(("Totalement", *ROW_OF_S1[1:]), titled("Total"), ("Sous-sol", *ROW_OF_S1[1:])))
    assert table.cells.height == 3


def test_a_header_alone_is_a_nil_report(tmp_path: Path) -> None:
    assert read(tmp_path, lines()).rows_received == 0
    assert read(tmp_path, lines()[:-1]).rows_received == 0
    assert read(tmp_path, workbook([HEADER]), "xlsx").rows_received == 0


def test_every_note_about_rows_is_bounded(tmp_path: Path) -> None:
    table = read(tmp_path, lines() * 500)
    assert table.rows_received == 0
    assert table.rules.count("ENTETE-REPETE") == 100


# ------------------------------------------------------------------------------------------------------- headers


def test_a_header_by_labels_in_any_order(tmp_path: Path) -> None:
    labels = ["DUREE PREVUE (HEURES)", "Date de début", "date de fin", " Modalite*", "Intitulé", "code de l’action"]
    labels.append("identifiant de la session")
    table = read(tmp_path, ";".join(labels) + "\n" + ";".join(["2", "a", "b", "c", "Titre", "e", "f"]) + "\n")
    assert table.column() == ["Titre"]
    assert set(table.positions) == set(HEADER)
    assert table.rules == ["ENTETE-LIBELLE"]


@pytest.mark.parametrize("mark", ["lakou:F01:1.0", "lakou:F01:1.0:KABIA:2026-09:v1:rejets1"])
def test_the_labels_of_a_template_are_not_told(tmp_path: Path, mark: str) -> None:
    labels = [column.title for column in load_contracts()["F01"].columns]
    data = workbook([(mark,), tuple(labels), ("MQ", "S1")])
    assert read(tmp_path, data, "xlsx").rules == []
    assert read(tmp_path, workbook([tuple(labels), ("MQ", "S1")]), "xlsx").rules == ["ENTETE-LIBELLE"]


@pytest.mark.parametrize("feed", load_contracts())
def test_every_column_is_known_by_its_name_its_label_and_its_aliases(tmp_path: Path, feed: str) -> None:
    contract = load_contracts()[feed]
    file = tmp_path / "file"
    spellings = [
        [column.name for column in contract.columns],
        [column.title.upper().replace("'", "’") for column in reversed(contract.columns)],
        [f"  {(column.aliases or (column.title,))[-1]} " for column in contract.columns],
    ]
    for names in spellings:
        file.write_text(";".join(f'"{name}"' for name in names) + "\n")
        header = open_reading(file, "csv", contract).header
        assert set(header.positions) == {column.name for column in contract.columns}


def test_a_former_name_is_understood(tmp_path: Path) -> None:
    columns = tuple(
        dataclasses.replace(column, aliases=("Sujet de l'atelier",)) if column.name == "intitule" else column
        for column in F01.columns
    )
    file = tmp_path / "file"
    file.write_text(lines(ROW_OF_S1).replace("intitule", "sujet de l’ATELIER"))
    table = read_table(file, "csv", dataclasses.replace(F01, columns=columns))
    assert table.column() == ["Titre"]


def test_a_group_row_above_the_header_is_a_title(tmp_path: Path) -> None:
    table = read(tmp_path, "Session;;;;Dates;;Durée\n" + lines(ROW_OF_S1))
    assert table.column() == ["Titre"]
    assert table.cells[ROW].to_list() == [3]
    assert table.rules == ["LIGNE-TITRE"]


def test_a_header_of_two_rows_is_read_together(tmp_path: Path) -> None:
    above = ("session_id", "action_code", "intitule", "modalite", "Date de", "", "duree_prevue_h")
    below = ("", "", "", "", "début", "fin", "")
    for extension, data in (
        ("csv", "\n".join(map(";".join, (above, below, ROW_OF_S1)))),
        ("xlsx", workbook([above, below, ROW_OF_S1])),
    ):
        table = read(tmp_path, data, extension)
        assert set(table.positions) == set(HEADER)
        assert table.column("date_fin") == ["2026-03-04"]
        assert table.cells[ROW].to_list() == [3]
        assert "ENTETE-DEUX-LIGNES" in table.rules
        assert "LIGNE-TITRE" not in table.rules


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    error = blocked(tmp_path, "session_id;intitule;modalite\nS1;T;ATELIER\n")
    assert error.rule_id == "COLONNE-MANQUANTE"
    for name in ("action_code", "date_debut", "date_fin", "duree_prevue_h"):
        assert name in error.what


def test_a_file_without_a_header_is_told_so_and_shows_no_value(tmp_path: Path) -> None:
    error = blocked(tmp_path, ";".join(ROW_OF_S1) + "\n")
    assert error.rule_id == "COLONNE-MANQUANTE"
    assert "n'a pas d'en-tête" in error.what
    assert "S1" not in error.what


def test_a_file_of_people_needs_a_way_to_know_them(tmp_path: Path) -> None:
    file = tmp_path / "file"
    columns = [column.name for column in F02.columns if "person" not in column.checks]
    file.write_text(";".join(columns) + "\n")
    with pytest.raises(BlockedFile) as caught:
        read_table(file, "csv", F02)
    assert "courriel" in caught.value.what
    file.write_text(";".join([*columns, "courriel"]) + "\n")
    assert read_table(file, "csv", F02).rows_received == 0


def test_a_column_twice_is_refused_and_an_unknown_one_is_a_warning(tmp_path: Path) -> None:
    assert blocked(tmp_path, ";".join([*HEADER, "Intitulé"]) + "\n").rule_id == "COLONNE-DOUBLE"
    table = read(tmp_path, ";".join([*HEADER, "Remarques", ""]) + "\n")
    unknown = [remark for remark in table.remarks if remark.rule_id == "COLONNE-INCONNUE"]
    assert [(remark.column, remark.severity) for remark in unknown] == [("Remarques", "AVERTISSEMENT")]


def test_a_column_without_a_name_is_told_once_and_only_where_it_holds_something(tmp_path: Path) -> None:
    header = ";".join([*HEADER, "", ""])
    blank = read(tmp_path, f"{header}\n{';'.join([*ROW_OF_S1, '', ' '])}\n")
    assert blank.rules == []
    filled = read(tmp_path, f"{header}\n{';'.join([*ROW_OF_S1, '', 'perdu ?'])}\n")
    assert [remark.message for remark in filled.remarks] == [
        "La colonne n° 9, sans nom, n'est pas prévue : elle n'est pas lue."
    ]
    far_down = [*[ROW_OF_S1] * 100, (*ROW_OF_S1, "perdu ?")]
    assert read(tmp_path, workbook([HEADER, *far_down]), "xlsx").rules == ["COLONNE-INCONNUE"]


def test_headers_are_compared_by_their_words() -> None:
    assert normal(" Code de l’Action* ") == normal("CODE_DE_L'ACTION") == "code de l action"
    assert normal("Œuvre e\u0301te\u0301") == "oeuvre ete"


# -------------------------------------------------------------------------------------------- what cannot be read


@pytest.mark.parametrize(
    ("data", "extension", "rule_id"),
    [
        (b"", "csv", "FICHIER-VIDE"),
        (b"\n \n", "csv", "FICHIER-VIDE"),
        (b"\xef\xbb\xbf", "csv", "FICHIER-VIDE"),
        (b";;;\n;;\n", "csv", "FICHIER-VIDE"),
        (bytes(200), "csv", "FICHIER-ILLISIBLE"),
        (b"PK\x03\x04 a workbook", "csv", "FICHIER-ILLISIBLE"),
        (b"%PDF-1.7", "csv", "FICHIER-ILLISIBLE"),
        (b"\xff\xfea", "csv", "COLONNE-MANQUANTE"),
        (b"", "xlsx", "FICHIER-VIDE"),
        (workbook([]), "xlsx", "FICHIER-VIDE"),
        (workbook([HEADER, ROW_OF_S1])[:-10], "xlsx", "FICHIER-ILLISIBLE"),
        (workbook([HEADER, ROW_OF_S1])[:2000], "xlsx", "FICHIER-ILLISIBLE"),
        (b"PK\x03\x04 cut short", "xlsx", "FICHIER-ILLISIBLE"),
        (b"not a workbook", "ods", "FICHIER-ILLISIBLE"),
        (b"not a workbook", "xls", "FICHIER-ILLISIBLE"),
        (b"\xd0\xcf\x11\xe0 cut short", "xls", "FICHIER-ILLISIBLE"),
        (b"anything", "pdf", "FORMAT-NON-PRIS"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, data: bytes, extension: str, rule_id: str) -> None:
    assert blocked(tmp_path, data, extension).rule_id == rule_id
