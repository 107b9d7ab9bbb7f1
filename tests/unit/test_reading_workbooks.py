"""Reading workbooks: what a person sees in the sheet is what is read, and what cannot be read is told."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import random
import string
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
import xlwt
from hypothesis import given, settings
from hypothesis import strategies as st
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import CoveredTableCell, TableCell, TableColumn, TableRow
from odf.table import Table as Sheet
from odf.text import P

from ingestion import workbooks
from ingestion.errors import BlockedFile
from ingestion.plain_sheets import NotPlain
from ingestion.reading import NO_VALUE, ROW, Mark, open_reading, read_marks
from tests.unit.reading_tables import F01, read, read_table
from tests.unit.reading_tables import HEADER as NAMES
from tests.unit.reading_tables import ROW_OF_S1 as CELLS

Rows = list[list[Any]]
HEADER, ROW_OF_S1 = list(NAMES), list(CELLS)


def xlsx(rows: Rows, change: Callable[[Any, Any], None] | None = None, name: str = "Données") -> bytes:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"default_date_format": "dd/mm/yyyy"}) as book:
        sheet = book.add_worksheet(name)
        for index, row in enumerate(rows):
            for column, cell in enumerate(row):
                if cell != "":
                    sheet.write(index, column, cell)
        if change is not None:
            change(book, sheet)
    return data.getvalue()


def xls(rows: Rows, change: Callable[[Any, Any], None] | None = None) -> bytes:
    data = io.BytesIO()
    book = xlwt.Workbook()
    sheet = book.add_sheet("Données", cell_overwrite_ok=True)
    for index, row in enumerate(rows):
        for column, cell in enumerate(row):
            if cell != "":
                style = "DD/MM/YYYY" if isinstance(cell, dt.date) else "General"
                sheet.write(index, column, cell, xlwt.easyxf(num_format_str=style))
    if change is not None:
        change(book, sheet)
    book.save(data)
    return data.getvalue()


def ods_cell(value: object) -> TableCell:
    if value == "":
        return TableCell()
    if isinstance(value, bool):
        return TableCell(valuetype="boolean", booleanvalue="true" if value else "false")
    if isinstance(value, int | float):
        return TableCell(valuetype="float", value=value)
    if isinstance(value, dt.date):
        return TableCell(valuetype="date", datevalue=value.isoformat())
    cell = TableCell(valuetype="string")
    for line in str(value).split("\n"):
        cell.addElement(P(text=line))
    return cell


def ods(rows: Rows, change: Callable[[Any, Any], None] | None = None) -> bytes:
    book = OpenDocumentSpreadsheet()
    sheet = Sheet(name="Données")
    for row in rows:
        line = TableRow()
        for cell in row:
            line.addElement(ods_cell(cell))
        sheet.addElement(line)
    if change is not None:
        change(book, sheet)
    book.spreadsheet.addElement(sheet)
    data = io.BytesIO()
    book.write(data)
    return data.getvalue()


WRITERS = {"xlsx": xlsx, "xls": xls, "ods": ods}


def titled(title: object) -> list[Any]:
    return [*ROW_OF_S1[:2], title, *ROW_OF_S1[3:]]


def blocked(path: Path, data: bytes, extension: str = "xlsx") -> BlockedFile:
    started = time.monotonic()
    with pytest.raises(BlockedFile) as caught:
        read(path, data, extension)
    assert time.monotonic() - started < 5
    return caught.value


# -------------------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize("extension", WRITERS)
def test_values_are_read_as_a_person_sees_them(tmp_path: Path, extension: str) -> None:
    values = [
        (55210055400013, "55210055400013"),
        (4.2e13, "42000000000000"),
        (999_999_999_999_999, "999999999999999"),
        (2.0, "2"),
        (7.5, "7.5"),
        (0.125, "0.125"),
        (-3, "-3"),
        (dt.date(2026, 3, 4), "2026-03-04"),
        (True, "VRAI"),
        ("  écrit ", "  écrit "),
        ("deux\nlignes", "deux\nlignes"),
    ]
    table = read(tmp_path, WRITERS[extension]([HEADER, *(titled(value) for value, _ in values)]), extension)
    assert table.column() == [text for _, text in values]
    assert table.cells[ROW].to_list() == list(range(2, 2 + len(values)))


def test_formats_do_not_change_values(tmp_path: Path) -> None:
    def change(book: Any, sheet: Any) -> None:
        for index, (value, form) in enumerate(
            [(0.125, "0.0 %"), (46085.5, "dd/mm/yyyy hh:mm"), (55210055400013, "0.00E+00"), (97209, "00000")]
        ):
            for place, text in enumerate(ROW_OF_S1):
                sheet.write(index + 1, place, text)
            sheet.write_number(index + 1, 2, value, book.add_format({"num_format": form}))

    assert read(tmp_path, xlsx([HEADER], change), "xlsx").column() == [
        "0.125",
        "2026-03-04 12:00:00",
        "55210055400013",
        "97209",
    ]


def test_dates_of_1904_are_dates(tmp_path: Path) -> None:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"date_1904": True, "default_date_format": "dd/mm/yyyy"}) as book:
        sheet = book.add_worksheet()
        for index, row in enumerate([HEADER, titled(dt.date(2026, 3, 4))]):
            sheet.write_row(index, 0, row)
    assert read(tmp_path, data.getvalue(), "xlsx").column() == ["2026-03-04"]


def test_errors_and_formulas_without_a_value_are_not_blank(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in [HEADER, titled("=1+1"), titled("#N/A"), titled('="été"&1'), titled("fin")]:
        sheet.append(row)
    data = io.BytesIO()
    book.save(data)
    assert read(tmp_path, data.getvalue(), "xlsx").column() == [NO_VALUE, "#N/A", NO_VALUE, "fin"]

    def change(_: Any, sheet: Any) -> None:
        sheet.write_formula(1, 2, "=1/0", None, "#DIV/0!")
        sheet.write_formula(2, 2, "=A1", None, "calculé")
        sheet.write_formula(3, 2, '=IF(TRUE,"")', None, "")

    # as Excel writes a formula whose result is an empty text
    data = replaced(
        xlsx([HEADER, *[titled("x")] * 3], change), SHEET, lambda sheet: sheet.replace(b'r="C4"', b'r="C4" t="str"')
    )
    table = read(tmp_path, data, "xlsx")
    assert table.column() == ["#DIV/0!", "calculé", ""]


def test_errors_in_an_xls_are_not_blank(tmp_path: Path) -> None:
    def change(_: Any, sheet: Any) -> None:
        sheet.row(1).set_cell_error(2, 0x2A)

    assert read(tmp_path, xls([HEADER, *[titled("x")] * 2], change), "xls").column() == ["#N/A", "x"]


def test_errors_and_formulas_without_a_value_in_an_ods(tmp_path: Path) -> None:
    def change(_: Any, sheet: Any) -> None:
        formula, error = TableCell(formula="of:=1+1"), TableCell(valuetype="string", formula="of:=NA()", stringvalue="")
        error.addElement(P(text="#N/A"))
        for cell in (formula, error):
            row = TableRow()
            for other in [*map(ods_cell, ROW_OF_S1[:2]), cell, *map(ods_cell, ROW_OF_S1[3:])]:
                row.addElement(other)
            sheet.addElement(row)

    data = ods([HEADER], change)
    marked = io.BytesIO()
    # what LibreOffice adds to an error, and odfpy cannot write
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(marked, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "content.xml":
                content = content.replace(
                    b'office:string-value=""', b'office:string-value="" calcext:value-type="error"'
                )
                content = content.replace(b"<office:document-content ", b'<office:document-content xmlns:calcext="x" ')
            target.writestr(name, content)
    assert read(tmp_path, marked.getvalue(), "ods").column() == [NO_VALUE, "#N/A"]


# -------------------------------------------------------------------------------------------------------- sheets


def test_the_sheet_with_the_header_is_read_and_hidden_sheets_are_not(tmp_path: Path) -> None:
    def change(book: Any, _: Any) -> None:
        hidden = book.add_worksheet("Brouillon")
        hidden.write_row(0, 0, HEADER)
        hidden.write_row(1, 0, titled("caché"))
        hidden.hide()
        book.add_worksheet("Vide")
        visible = book.add_worksheet("Bonne")
        visible.write_row(4, 0, HEADER)
        visible.write_row(5, 0, titled("lu"))

    table = read(tmp_path, xlsx([["Notice"], ["Lisez-moi"]], change, "Notice"), "xlsx")
    assert table.column() == ["lu"]
    assert table.cells[ROW].to_list() == [6]
    assert {"FEUILLE-MASQUEE", "FEUILLE-LUE"} <= set(table.rules)
    told = " ".join(remark.message for remark in table.remarks)
    assert "« Brouillon »" in told
    assert "« Bonne »" in told


def test_a_sheet_may_be_asked_for(tmp_path: Path) -> None:
    def change(book: Any, _: Any) -> None:
        other = book.add_worksheet("Autre")
        other.write_row(0, 0, HEADER)
        other.write_row(1, 0, titled("autre"))

    data = xlsx([HEADER, titled("première")], change, "Première")
    assert read(tmp_path, data, "xlsx", "Autre").column() == ["autre"]
    assert read(tmp_path, data, "xlsx").column() == ["première"]


def test_a_header_stands_on_any_of_the_first_rows_and_columns(tmp_path: Path) -> None:
    for skipped in (1, 12, 29):
        rows = [["Titre"], *[[]] * (skipped - 1), ["", "", *HEADER], [], ["", "", *ROW_OF_S1]]
        for extension, writer in WRITERS.items():
            table = read(tmp_path, writer(rows), extension)
            assert table.column() == ["Titre"]
            assert table.cells[ROW].to_list() == [skipped + 3]


@pytest.mark.parametrize("extension", WRITERS)
def test_hidden_rows_and_merged_cells_are_read_with_a_note(tmp_path: Path, extension: str) -> None:
    def change_xlsx(_: Any, sheet: Any) -> None:
        sheet.set_row(2, None, None, {"hidden": True})
        sheet.merge_range(3, 0, 3, 1, "S3")

    def change_xls(_: Any, sheet: Any) -> None:
        sheet.row(2).hidden = True
        sheet.write_merge(3, 3, 0, 1, "S3")

    def change_ods(_: Any, sheet: Any) -> None:
        sheet.childNodes[2].setAttribute("visibility", "collapse")
        row = sheet.childNodes[3]
        row.childNodes[0].setAttribute("numbercolumnsspanned", 2)
        covered = CoveredTableCell()
        row.insertBefore(covered, row.childNodes[1])
        row.removeChild(row.childNodes[2])

    change = {"xlsx": change_xlsx, "xls": change_xls, "ods": change_ods}[extension]
    data = WRITERS[extension]([HEADER, ROW_OF_S1, titled("masquée"), titled("fusionnée")], change)
    table = read(tmp_path, data, extension)
    assert table.column() == ["Titre", "masquée", "fusionnée"]
    assert table.column("action_code")[2] == ""
    messages = {remark.rule_id: remark.message for remark in table.remarks}
    assert "ligne 3 " in messages["LIGNES-MASQUEES"].lower()
    assert "ligne 4" in messages["CELLULES-FUSIONNEES"]


@pytest.mark.parametrize("extension", WRITERS)
def test_hidden_columns_are_read_with_a_note(tmp_path: Path, extension: str) -> None:
    def change_xlsx(_: Any, sheet: Any) -> None:
        sheet.set_column(2, 2, 10, None, {"hidden": True})

    def change_xls(_: Any, sheet: Any) -> None:
        sheet.col(2).hidden = True

    def change_ods(_: Any, sheet: Any) -> None:
        sheet.insertBefore(TableColumn(visibility="collapse"), sheet.childNodes[0])

    change = {"xlsx": change_xlsx, "xls": change_xls, "ods": change_ods}[extension]
    table = read(tmp_path, WRITERS[extension]([HEADER, ROW_OF_S1], change), extension)
    assert table.column() == ["Titre"]
    assert table.rules == ["COLONNES-MASQUEES"]


def test_titles_that_are_merged_are_no_matter(tmp_path: Path) -> None:
    def change(_: Any, sheet: Any) -> None:
        sheet.merge_range(0, 0, 0, 6, "Sessions de mars")

    table = read(tmp_path, xlsx([[], HEADER, ROW_OF_S1], change), "xlsx")
    assert "CELLULES-FUSIONNEES" not in table.rules


def test_the_format_is_that_of_the_content(tmp_path: Path) -> None:
    for extension, writer in WRITERS.items():
        for other in WRITERS:
            assert read(tmp_path, writer([HEADER, ROW_OF_S1]), other).column() == ["Titre"], (extension, other)


# --------------------------------------------------------------------------------------------------------- safety


def archive(*entries: tuple[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries:
            target.writestr(name, content)
    return data.getvalue()


def replaced(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        return archive(
            *((item, change(source.read(item)) if item == name else source.read(item)) for item in source.namelist())
        )


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize("place", ["ZZZ999999", "XFD1048576", "B99999999"])
def test_a_cell_far_away_is_refused_before_it_takes_the_memory(tmp_path: Path, place: str) -> None:
    row = place.lstrip(string.ascii_uppercase)
    far = f'<row r="{row}"><c r="{place}"><v>1</v></c></row></sheetData>'.encode()
    data = replaced(xlsx([HEADER]), SHEET, lambda sheet: sheet.replace(b"</sheetData>", far))
    assert "démesuré" in blocked(tmp_path, data).what


def test_cells_repeated_without_end_are_refused(tmp_path: Path) -> None:
    def change(_: Any, sheet: Any) -> None:
        row = TableRow(numberrowsrepeated=1_000_000)
        row.addElement(TableCell(valuetype="float", value=1, numbercolumnsrepeated=1000))
        sheet.addElement(row)

    assert "démesuré" in blocked(tmp_path, ods([HEADER], change), "ods").what


def test_the_blank_rows_at_the_end_of_every_ods_are_no_matter(tmp_path: Path) -> None:
    def change(_: Any, sheet: Any) -> None:
        row = TableRow(numberrowsrepeated=1_048_000)
        row.addElement(TableCell(numbercolumnsrepeated=16_384))
        sheet.addElement(row)

    assert read(tmp_path, ods([HEADER, ROW_OF_S1], change), "ods").column() == ["Titre"]


def test_xml_entities_are_refused(tmp_path: Path) -> None:
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    data = replaced(
        xlsx([HEADER]), SHEET, lambda sheet: sheet.replace(b"<worksheet", laughs.encode() + b"<worksheet", 1)
    )
    assert blocked(tmp_path, data).rule_id == "FICHIER-ILLISIBLE"


def test_a_password_is_told(tmp_path: Path) -> None:
    # the beginning of what Excel writes for an encrypted workbook
    encrypted = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(900)
    assert "mot de passe" in blocked(tmp_path, encrypted).what
    manifest = b"<manifest><encryption-data/></manifest>"
    locked = archive(("mimetype", b""), ("META-INF/manifest.xml", manifest), ("content.xml", b"\0\1"))
    assert "mot de passe" in blocked(tmp_path, locked, "ods").what


def test_a_bomb_takes_neither_time_nor_memory(tmp_path: Path) -> None:
    rows = b'<row><c t="inlineStr"><is><t>x</t></is></c></row>' * 1_100_000
    # something that does not compress keeps the ratio of the archive harmless: the rows are what is refused
    with zipfile.ZipFile(io.BytesIO(xlsx([HEADER]))) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    parts[SHEET] = parts[SHEET].replace(b"</sheetData>", rows + b"</sheetData>")
    bomb = tmp_path / "bomb.xlsx"
    bomb.write_bytes(archive(*parts.items(), ("media/image.bin", random.Random(1).randbytes(1 << 20))))
    code = (
        "import sys, re, time; from pathlib import Path; from ingestion.contracts import load_contract\n"
        "from ingestion.reading import open_reading; from ingestion.errors import BlockedFile\n"
        "contract = load_contract('F01'); start = time.process_time()\n"
        "try: open_reading(Path(sys.argv[1]), 'xlsx', contract)\n"
        "except BlockedFile as error: print(error.what)\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1])\n"
        "print(time.process_time() - start)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(bomb)], capture_output=True, text=True, check=True)
    what, peak, seconds = done.stdout.split("\n")[:3]
    assert "démesuré" in what
    assert int(peak) < 300 << 10
    assert float(seconds) < 5


@pytest.mark.parametrize("extension", WRITERS)
def test_a_mutated_workbook_is_read_or_refused(tmp_path: Path, extension: str) -> None:
    data = WRITERS[extension]([HEADER, *[titled(value) for value in ("été", 3.5, dt.date(2026, 3, 4), True)] * 20])
    chance = random.Random(7)
    for turn in range(24):
        mutated = bytearray(data)
        for _ in range(1 + turn * 2):
            mutated[chance.randrange(len(data) // 50, len(data))] = chance.randrange(256)
        kept = chance.randrange(len(data)) if turn % 6 == 0 else len(data)
        with contextlib.suppress(BlockedFile):
            read(tmp_path, bytes(mutated[:kept]), extension)
        read_marks(tmp_path / "file", extension)


@pytest.mark.parametrize("extension", ["xlsx", "ods"])
def test_a_workbook_with_mutated_contents_is_read_or_refused(tmp_path: Path, extension: str) -> None:
    data = WRITERS[extension]([HEADER, *[titled(value) for value in ("été", 3.5, dt.date(2026, 3, 4), True)] * 20])
    chance = random.Random(11)
    for _ in range(40):
        with zipfile.ZipFile(io.BytesIO(data)) as source:
            parts = {name: bytearray(source.read(name)) for name in source.namelist()}
        for content in parts.values():
            for _ in range(chance.randrange(4) if content else 0):
                content[chance.randrange(len(content))] = chance.randrange(256)
        with contextlib.suppress(BlockedFile):
            read(tmp_path, archive(*((name, bytes(content)) for name, content in parts.items())), extension)


# ------------------------------------------------------------------------------------------------------- marks


def test_a_template_is_known_by_its_marks(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with xlsxwriter.Workbook(file) as book:
        cover = book.add_worksheet("Envoi")
        for index, (label, value) in enumerate([("Partenaire", "ORG-1"), ("Période", "2026-03"), ("Version", "2")]):
            cover.write_row(index, 0, [label, value])
        for feed, rows in (("F01", [ROW_OF_S1]), ("F02", [])):
            sheet = book.add_worksheet(feed)
            sheet.write(0, 0, f"lakou:{feed}:1.0")
            sheet.set_row(0, None, None, {"hidden": True})
            for index, row in enumerate([HEADER, *rows]):
                sheet.write_row(index + 1, 0, row)
        book.add_worksheet("Notice F01")
    assert read_marks(file, "xlsx") == (
        Mark("F01", "F01", "1.0", "ORG-1", "2026-03", 2, None, True),
        Mark("F02", "F02", "1.0", "ORG-1", "2026-03", 2, None, False),
    )
    table = read_table(file, "xlsx", F01, "F01")
    assert table.cells[ROW].to_list() == [3]
    assert table.rules == []


def test_rows_to_mend_say_whose_they_are_and_their_reasons_are_not_read(tmp_path: Path) -> None:
    mark = "lakou:F01:1.0:ORG-1:2026-03:v2:rejets3"
    rows = [[mark], ["À corriger", *HEADER, "Motif du refus (ne pas remplir)"], ["voir", *ROW_OF_S1, "durée"]]
    file = tmp_path / "file"
    for extension, data in (
        ("xlsx", xlsx(rows)),
        ("ods", ods(rows)),
        ("csv", "\n".join(";".join(row) for row in rows).encode()),
    ):
        file.write_bytes(data)
        (found,) = read_marks(file, extension)
        assert (found.feed, found.partner_code, found.period, found.version, found.part) == (
            "F01",
            "ORG-1",
            "2026-03",
            2,
            3,
        )
        assert found.has_rows
        table = read_table(file, extension, F01)
        assert table.header == tuple(HEADER)
        assert table.column() == ["Titre"]
        assert table.rules == []


def test_a_file_without_marks_or_that_is_no_file_has_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for data, extension in (
        (b"", "csv"),
        (b"a;b", "csv"),
        (b"\0\1", "csv"),
        (b"nonsense", "xlsx"),
        (b"x", "pdf"),
        (xlsx([HEADER]), "xlsx"),
    ):
        file.write_bytes(data)
        assert read_marks(file, extension) == ()
    assert read_marks(tmp_path / "absent", "csv") == ()


# ---------------------------------------------------------------------------------------------------- properties

CELL = st.text(st.sampled_from("aéœ1\"'; \n,=€<&"), max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELL, min_size=7, max_size=7), max_size=5), st.sampled_from(sorted(WRITERS)))
def test_every_table_comes_back_with_its_lines(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], extension: str
) -> None:
    # a formula is no text, and an ODS keeps neither spaces at the ends of lines nor several in a row
    rows = [[" ".join(cell.replace("=", "a").replace("\n", " \n ").split(" ")).strip() for cell in row] for row in rows]
    if extension == "ods":
        rows = [
            ["\n".join(" ".join(line.split()) for line in cell.split("\n")).strip() for cell in row] for row in rows
        ]
    table = read(tmp_path_factory.getbasetemp(), WRITERS[extension]([HEADER, *rows]), extension)
    kept = [(number, *row) for number, row in enumerate(rows, start=2) if any(cell.strip() for cell in row)]
    assert table.cells.select(ROW, *(f"c{index}" for index in range(7))).rows() == kept


def test_a_large_sheet_comes_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "SLICE", 10)
    file = tmp_path / "file"
    file.write_bytes(xlsx([["Titre"], [], HEADER, *[titled(f"n° {index}") for index in range(35)]]))
    reading = open_reading(file, "xlsx", F01)
    for _ in range(2):
        batches = list(reading.batches())
        assert [batch.cells.height for batch in batches] == [10, 10, 10, 5]
        assert [number for batch in batches for number in batch.cells[ROW]] == list(range(4, 39))


VALUES = st.one_of(
    CELL,
    st.integers(-(10**16), 10**16),
    st.floats(allow_nan=False, allow_infinity=False, width=64),
    st.decimals(-1000, 1000, places=3, allow_nan=False).map(float),
    st.booleans(),
    st.dates(dt.date(1900, 3, 1), dt.date(2200, 1, 1)),
    st.datetimes(*(dt.datetime.combine(dt.date(year, 1, 1), dt.time()) for year in (1990, 2100))).map(
        lambda moment: moment.replace(microsecond=0)
    ),
    st.sampled_from(["", "", "#N/A", "#REF!"]),
)


def by_vectors_and_cell_by_cell(folder: Path, data: bytes) -> tuple[Any, Any]:
    fast = read(folder, data, "xlsx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbooks, "plain_sheet", not_plain)
        slow = read(folder, data, "xlsx")
    return fast, slow


def not_plain(*_: object) -> None:
    raise NotPlain


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(VALUES, min_size=7, max_size=30), min_size=1, max_size=6),
    st.integers(0, 40),
    st.booleans(),
    st.data(),
)
def test_reading_by_vectors_gives_what_reading_cell_by_cell_gives(
    tmp_path_factory: pytest.TempPathFactory, rows: Rows, left: int, is_openpyxl: bool, data: st.DataObject
) -> None:
    gaps = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    placed = [[""] * left + HEADER]
    for row, gap in zip(rows, gaps, strict=True):
        placed += [*[[]] * gap, [""] * left + row]
    if is_openpyxl:
        book = openpyxl.Workbook()
        for row in placed:
            book.active.append([None if cell == "" or str(cell).startswith("=") else cell for cell in row])
        written = io.BytesIO()
        book.save(written)
        content = written.getvalue()
    else:
        content = xlsx(placed)
    fast, slow = by_vectors_and_cell_by_cell(tmp_path_factory.getbasetemp(), content)
    width = len(fast.header)
    assert fast.header == slow.header[:width]
    assert fast.cells.rows() == [(*row[:width], row[-1]) for row in slow.cells.rows()]
    assert not any(cell for row in slow.cells.rows() for cell in row[width:-1])
    assert fast.remarks == slow.remarks


def test_plain_sheets_are_read_by_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unused(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(workbooks, "_Sheet", unused)
    rows: Rows = [
        titled(dt.date(2026, 3, 4)),
        titled(97209),
        titled("  à part ; « & » <b>"),
        titled(True),
        titled(1e-7),
    ]
    data = xlsx([["Titre"], [], HEADER, *rows], lambda _, sheet: sheet.set_row(4, None, None, {"hidden": True}))
    table = read(tmp_path, data, "xlsx")
    assert table.column() == ["2026-03-04", "97209", "  à part ; « & » <b>", "VRAI", "1e-07"]
    assert table.cells[ROW].to_list() == [4, 5, 6, 7, 8]
    assert table.rules == ["LIGNE-TITRE", "LIGNES-MASQUEES"]
