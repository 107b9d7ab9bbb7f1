"""Reading: every record is found on the line that an editor shows, altered by nothing, or reported."""

from __future__ import annotations

import datetime as dt
import io
import time
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.contracts import load_contract
from ingestion.errors import BlockedFile
from ingestion.reading import ROW, Table, read_table

F01 = load_contract("F01")
F02 = load_contract("F02")
HEADER = ("session_id", "action_code", "intitule", "modalite", "date_debut", "date_fin", "duree_prevue_h")
ROW_OF_S1 = ("S1", "MQ-A1", "Titre", "WEBINAIRE", "2026-03-04", "2026-03-04", "2")


def read(path: Path, data: bytes | str, extension: str = "csv") -> Table:
    file = path / "file"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_table(file, extension, F01)


def lines(*records: tuple[str, ...], separator: str = ";") -> str:
    return "".join(separator.join(record) + "\n" for record in (HEADER, *records))


def titles(table: Table) -> list[str]:
    return table.cells[f"c{table.positions['intitule']}"].to_list()


def rules(table: Table) -> list[str]:
    return [remark.rule_id for remark in table.remarks]


def titled(title: str) -> tuple[str, ...]:
    return (*ROW_OF_S1[:2], title, *ROW_OF_S1[3:])


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_separator_and_line_end(tmp_path: Path, separator: str, ending: str) -> None:
    text = lines(ROW_OF_S1, ROW_OF_S1, separator=separator).replace("\n", ending)
    table = read(tmp_path, text)
    assert titles(table) == ["Titre", "Titre"]
    assert table.cells[ROW].to_list() == [2, 3]


@pytest.mark.parametrize(
    ("encoding", "noted"),
    [("utf-8", False), ("utf-8-sig", False), ("cp1252", True), ("utf-16", True)],
)
def test_any_encoding_reads_the_same(tmp_path: Path, encoding: str, noted: bool) -> None:
    table = read(tmp_path, lines(titled("Découvrir l’IA, œuvre à 5 €")).encode(encoding))
    assert titles(table) == ["Découvrir l’IA, œuvre à 5 €"]
    assert ("ENCODAGE" in rules(table)) is noted


def test_a_record_with_impossible_bytes_is_set_apart(tmp_path: Path) -> None:
    good, bad = titled("été"), titled("@@")
    table = read(tmp_path, lines(good, bad).encode("cp1252").replace(b"@@", b"\x81"))
    assert titles(table) == ["été"]
    assert table.truncated[ROW].to_list() == [3]


def test_line_numbers_are_those_of_the_first_line_of_a_record(tmp_path: Path) -> None:
    text = lines(titled('"deux\nlignes ; et ""guillemets"""'), ROW_OF_S1) + "\n;;;;;;\n" + lines(ROW_OF_S1)[:-1]
    table = read(tmp_path, text)
    assert titles(table) == ['deux\nlignes ; et "guillemets"', "Titre", "Titre"]
    assert table.cells[ROW].to_list() == [2, 4, 8]
    assert "ENTETE-REPETE" in rules(table)


def test_irregular_quotes_alter_nothing(tmp_path: Path) -> None:
    written = ['12" de plus', '"bad"quote', 'un "mot" cité', "l'IA"]
    table = read(tmp_path, lines(*(titled(title) for title in written)))
    assert titles(table) == written
    assert table.cells[ROW].to_list() == [2, 3, 4, 5]


def test_an_unclosed_quote_costs_one_record(tmp_path: Path) -> None:
    table = read(tmp_path, lines(ROW_OF_S1, titled('"jamais fermé'), ROW_OF_S1, titled('"bien; fermé"')))
    assert titles(table) == ["Titre", "Titre", "bien; fermé"]
    assert table.cells[ROW].to_list() == [2, 4, 5]
    assert table.truncated[ROW].to_list() == [3]
    assert "jamais fermé" in table.truncated["text"][0]


def test_a_record_of_another_width_is_reported_with_its_text(tmp_path: Path) -> None:
    long = (*ROW_OF_S1, "en trop")
    table = read(tmp_path, lines(ROW_OF_S1, ROW_OF_S1[:3], long, (*ROW_OF_S1, "", "")))
    assert table.cells[ROW].to_list() == [2, 5]
    assert table.truncated.select(ROW, "text", "reason").rows() == [
        (3, "S1;MQ-A1;Titre", "3 cellules au lieu de 7"),
        (4, ";".join(long), "8 cellules au lieu de 7"),
    ]
    assert table.rows_received == 4


def test_titles_and_totals_are_no_rows(tmp_path: Path) -> None:
    text = "Sessions de mars\n\n" + lines(ROW_OF_S1) + "Total;;;;;;2\n"
    table = read(tmp_path, text)
    assert table.cells[ROW].to_list() == [4]
    assert {"LIGNE-TITRE", "LIGNE-TOTAL"} <= set(rules(table))


def test_a_header_alone_is_a_nil_report(tmp_path: Path) -> None:
    assert read(tmp_path, lines()).rows_received == 0
    assert read(tmp_path, lines()[:-1]).rows_received == 0


def test_a_header_by_labels_in_any_order(tmp_path: Path) -> None:
    labels = ["DUREE PREVUE (HEURES)", "Date de début", "date de fin", " Modalite*", "Intitulé", "code de l’action"]
    labels.append("identifiant de la session")
    table = read(tmp_path, ";".join(labels) + "\n" + ";".join(["2", "a", "b", "c", "Titre", "e", "f"]) + "\n")
    assert titles(table) == ["Titre"]
    assert set(table.positions) == set(HEADER)
    assert "ENTETE-LIBELLE" in rules(table)


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(BlockedFile) as caught:
        read(tmp_path, "session_id;intitule;modalite\nS1;T;ATELIER\n")
    assert caught.value.rule_id == "COLONNE-MANQUANTE"
    for name in ("action_code", "date_debut", "date_fin", "duree_prevue_h"):
        assert name in caught.value.what


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
    with pytest.raises(BlockedFile) as caught:
        read(tmp_path, ";".join([*HEADER, "Intitulé"]) + "\n")
    assert caught.value.rule_id == "COLONNE-DOUBLE"
    table = read(tmp_path, ";".join([*HEADER, "Remarques", ""]) + "\n")
    unknown = [remark for remark in table.remarks if remark.rule_id == "COLONNE-INCONNUE"]
    assert [(remark.column, remark.severity) for remark in unknown] == [("Remarques", "AVERTISSEMENT")]


def test_a_column_without_a_name_is_told_only_where_it_holds_something(tmp_path: Path) -> None:
    header = ";".join([*HEADER, "", ""])
    blank = read(tmp_path, f"{header}\n{';'.join([*ROW_OF_S1, '', ' '])}\n")
    assert rules(blank) == []
    filled = read(tmp_path, f"{header}\n{';'.join([*ROW_OF_S1, '', 'perdu ?'])}\n")
    assert [remark.message for remark in filled.remarks] == [
        "La colonne n° 9, sans nom, n'est pas prévue : elle n'est pas lue."
    ]
    in_a_workbook = read(tmp_path, workbook([list(HEADER), [*ROW_OF_S1, "perdu ?"]]), "xlsx")
    assert rules(in_a_workbook) == ["COLONNE-INCONNUE"]


@pytest.mark.parametrize(
    ("data", "extension", "rule_id"),
    [
        (b"", "csv", "FICHIER-VIDE"),
        (b"\n \n", "csv", "FICHIER-VIDE"),
        (b"\xef\xbb\xbf", "csv", "FICHIER-VIDE"),
        (b"a\0b;c", "csv", "FICHIER-ILLISIBLE"),
        (b"PK\x03\x04 a workbook", "csv", "FICHIER-ILLISIBLE"),
        (b"\xff\xfea", "csv", "FICHIER-ILLISIBLE"),
        (b"PK\x03\x04 cut short", "xlsx", "FICHIER-ILLISIBLE"),
        (b"not a workbook", "ods", "FICHIER-ILLISIBLE"),
        (b"not a workbook", "xls", "FICHIER-ILLISIBLE"),
        (b"anything", "pdf", "FORMAT-NON-PRIS"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, data: bytes, extension: str, rule_id: str) -> None:
    with pytest.raises(BlockedFile) as caught:
        read(tmp_path, data, extension)
    assert caught.value.rule_id == rule_id
    assert caught.value.remedy


def workbook(rows: list[list[object]], *, before: int = 0) -> bytes:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"default_date_format": "dd/mm/yyyy"}) as book:
        for index in range(before):
            book.add_worksheet(f"Notice {index}").write_string(0, 0, "Lisez-moi")
        sheet = book.add_worksheet("Données")
        for index, row in enumerate(rows):
            for column, cell in enumerate(row):
                sheet.write(index, column, cell)
    return data.getvalue()


def test_a_workbook_is_read_as_a_person_wrote_it(tmp_path: Path) -> None:
    at_half_past_nine = dt.datetime.combine(dt.date(2026, 3, 5), dt.time(9, 30))
    cells: list[object] = ["S1", "MQ-A1", "Titre", "ATELIER", dt.date(2026, 3, 4), at_half_past_nine, 7.5]
    rows = [["Mars"], [], [*HEADER, "code_commune"], [*cells, 97209], [], [*cells[:6], 2.0, "97213"]]
    table = read(tmp_path, workbook(rows, before=2), "xlsx")
    names = [f"c{index}" for index in range(8)]
    assert table.cells.select(names).rows() == [
        ("S1", "MQ-A1", "Titre", "ATELIER", "2026-03-04", "2026-03-05 09:30:00", "7.5", "97209"),
        ("S1", "MQ-A1", "Titre", "ATELIER", "2026-03-04", "2026-03-05 09:30:00", "2", "97213"),
    ]
    assert table.cells[ROW].to_list() == [4, 6]


def test_a_workbook_with_nothing_in_it_is_empty(tmp_path: Path) -> None:
    with pytest.raises(BlockedFile) as caught:
        read(tmp_path, workbook([]), "xlsx")
    assert caught.value.rule_id == "FICHIER-VIDE"
    assert read(tmp_path, workbook([list(HEADER)]), "xlsx").rows_received == 0


def test_a_truncated_workbook_is_unreadable(tmp_path: Path) -> None:
    data = workbook([list(HEADER), list(ROW_OF_S1)])
    for kept in (len(data) // 2, len(data) - 10):
        with pytest.raises(BlockedFile) as caught:
            read(tmp_path, data[:kept], "xlsx")
        assert caught.value.rule_id == "FICHIER-ILLISIBLE"


def test_an_opendocument_sheet_is_read(tmp_path: Path) -> None:
    def row(cells: tuple[str, ...]) -> str:
        texts = "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in cells
        )
        return f"<table:table-row>{texts}</table:table-row>"

    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces} office:version="1.2"><office:body>'
        f'<office:spreadsheet><table:table table:name="F">{row(HEADER)}{row(ROW_OF_S1)}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", content)
    table = read(tmp_path, data.getvalue(), "ods")
    assert titles(table) == ["Titre"]


def test_a_bomb_is_refused_before_it_inflates(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (40 << 20))
    started = time.monotonic()
    with pytest.raises(BlockedFile) as caught:
        read(tmp_path, data.getvalue(), "xlsx")
    assert caught.value.rule_id == "FICHIER-ILLISIBLE"
    assert "démesuré" in caught.value.what
    assert time.monotonic() - started < 5


def test_an_archive_of_too_many_entries_is_refused(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for index in range(2_100):
            archive.writestr(f"{index}", b"")
    with pytest.raises(BlockedFile) as caught:
        read(tmp_path, data.getvalue(), "xlsx")
    assert caught.value.rule_id == "FICHIER-ILLISIBLE"


CELLS = st.text(st.sampled_from("aé\"; \n,'"), max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=7, max_size=7), max_size=6), st.booleans())
def test_every_cell_that_is_properly_quoted_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], always: bool
) -> None:
    def quoted(cell: str) -> str:
        if always or set(cell) & set('";\n'):
            return '"' + cell.replace('"', '""') + '"'
        return cell

    text = ";".join(HEADER) + "\n" + "".join(";".join(map(quoted, row)) + "\n" for row in rows)
    folder = tmp_path_factory.getbasetemp()
    table = read(folder, text)
    kept = [tuple(row) for row in rows if any(cell.strip() for cell in row)]
    assert table.cells.drop(ROW).rows() == kept
    expected, line = [], 2
    for row in rows:
        if any(cell.strip() for cell in row):
            expected.append(line)
        line += 1 + sum(cell.count("\n") for cell in row)
    assert table.cells[ROW].to_list() == expected


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('ab"; \n'), max_size=60))
def test_whatever_follows_a_header_is_read_or_reported(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    table = read(tmp_path_factory.getbasetemp(), ";".join(HEADER) + "\n" + text)
    numbers = table.cells[ROW].to_list() + table.truncated[ROW].to_list()
    assert len(numbers) == len(set(numbers))
    # a letter is in no record only if it is nowhere
    found = "".join(value for row in table.cells.drop(ROW).rows() for value in row) + "".join(table.truncated["text"])
    assert sorted(letter for letter in found if letter in "ab") == sorted(letter for letter in text if letter in "ab")
