"""Workbooks of the demonstration: XLSX with what people put in them, ODS as LibreOffice writes it, filled templates."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import zipfile
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ingestion.contracts import Column, load_contract
from ingestion.demo.files import ISO_DATE, ISO_MOMENT, Row, Sheet, Style, layout, shown
from ingestion.workbook_templates import sheet_name

# xlsxwriter would write the hour of the run
FIXED_DATE = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - a workbook's dates have no zone
NUMBERS_IN_SHEETS = frozenset({"siren_employeur", "siren", "siren_fournisseur", "siret_etab", "siret_fournisseur"})
COUNTED = frozenset({"duree_prevue_h", "duree_suivie_h", "places", "montant"})
NOTICE = ("Comment remplir", "Une ligne par enregistrement.", "Ne changez pas les titres des colonnes.")


def write_workbook(sheets: Sequence[Sheet], style: Style) -> bytes:
    """Bytes of an XLSX workbook of one sheet a table; sets the row of each record."""
    import xlsxwriter

    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as book:
        book.set_properties({"created": FIXED_DATE, "title": ", ".join(sheet.feed for sheet in sheets)})
        formats = _formats(book)
        if style.notice:
            book.add_worksheet("Notice").write_column(0, 0, NOTICE)
        for sheet in sheets:
            place = book.add_worksheet("Données" if len(sheets) == 1 else sheet.feed)
            header, kept = layout(sheet, style)
            first = len(style.titles)
            for at, title in enumerate(style.titles):
                if title and at == 0 and len(header) > 1:
                    place.merge_range(at, 0, at, len(header) - 1, title)
                else:
                    place.write_string(at, 0, title)
            place.write_row(first, 0, header)
            if style.hides:
                place.set_column(1, 1, None, None, {"hidden": True})
                drafts = book.add_worksheet("Brouillon")
                drafts.write_row(0, 0, header)
                drafts.hide()
            for at, row in enumerate(sheet.rows):
                row.line = first + at + 2
                if style.hides and at % 5 == 4:
                    place.set_row(row.line - 1, None, None, {"hidden": True})
                for index, column in enumerate(kept):
                    _write_cell(place, (row.line - 1, index), row, column, style=style, formats=formats)
            if style.merges:
                _merge(place, sheet, kept, first + 1)
            if style.totals and sheet.rows:
                place.write_row(first + len(sheet.rows) + 1, 0, ["TOTAL", len(sheet.rows)])
    return data.getvalue()


def write_template(sheets: Sequence[Sheet], partner: str, period: str, version: int) -> bytes:
    """Bytes of a template filled in: the sheet « Envoi » says whose it is and of when; sets the row of each record."""
    import xlsxwriter

    style = Style(extension="xlsx", labels=True)
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as book:
        book.set_properties({"created": FIXED_DATE, "title": f"{partner} {period}"})
        formats = _formats(book)
        sending = book.add_worksheet("Envoi")
        for at, pair in enumerate((("Partenaire", partner), ("Période", period), ("Version", str(version)))):
            sending.write_row(at, 0, pair)
        for sheet in sheets:
            contract = load_contract(sheet.feed)
            place = book.add_worksheet(sheet_name(contract))
            place.write_string(0, 0, f"lakou:{sheet.feed}:{contract.version}")
            place.set_row(0, None, None, {"hidden": True})
            header, kept = layout(sheet, style)
            place.write_row(1, 0, header)
            for at, row in enumerate(sheet.rows):
                row.line = at + 3
                for index, column in enumerate(kept):
                    _write_cell(place, (row.line - 1, index), row, column, style=style, formats=formats)
    return data.getvalue()


def _merge(place: Any, sheet: Sheet, kept: Sequence[Column], first: int) -> None:
    """Merge each text with the empty cell below it, which says nothing all the same."""
    for index, column in enumerate(kept):
        values = [row.written.get(column.name, row.cells.get(column.name, "")) for row in sheet.rows]
        if column.type != "string" or column.name in NUMBERS_IN_SHEETS:
            continue
        for at, (value, below) in enumerate(itertools.pairwise(values)):
            if value and not below:
                place.merge_range(first + at, index, first + at + 1, index, value)


def _formats(book: Any) -> dict[str, Any]:
    return {
        "date": book.add_format({"num_format": "dd/mm/yyyy"}),
        "datetime": book.add_format({"num_format": "dd/mm/yyyy hh:mm"}),
    }


def _write_cell(
    place: Any, where: tuple[int, int], row: Row, column: Column, *, style: Style, formats: dict[str, Any]
) -> None:
    name = column.name
    value = row.written.get(name, row.cells.get(name, ""))
    if not value:
        return
    if name in row.written:
        if value.startswith("="):
            # a formula that nothing has computed: there is no value to take
            place.write_formula(*where, value, None, "")
        else:
            place.write_string(*where, value)
    elif column.type == "date" and ISO_DATE.fullmatch(value):
        place.write_datetime(*where, dt.datetime.fromisoformat(value), formats["date"])
    elif column.type == "datetime" and ISO_MOMENT.fullmatch(value):
        place.write_datetime(*where, dt.datetime.fromisoformat(value), formats["datetime"])
    elif column.type == "boolean":
        place.write_boolean(*where, value == "true")
    elif column.type in {"integer", "number"} and style.formulas and name in COUNTED:
        place.write_formula(*where, f"={value}*1", None, float(value))
    elif column.type in {"integer", "number"} or (name in NUMBERS_IN_SHEETS and value.isdigit()):
        place.write_number(*where, float(value))
    else:
        place.write_string(*where, value)


# ----------------------------------------------------------------------------------------------------------------- ODS

_NAMES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
)
_MANIFEST = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">'
    '<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
)
_ODS = "application/vnd.oasis.opendocument.spreadsheet"


def write_ods(sheet: Sheet, style: Style) -> bytes:
    """Bytes of an ODS sheet; sets the row of each record."""
    header, kept = layout(sheet, style)
    lines = [[_text_cell(title)] for title in style.titles]
    lines.append([_text_cell(title) for title in header])
    for at, row in enumerate(sheet.rows):
        row.line = len(style.titles) + at + 2
        lines.append([_ods_cell(row, column, style) for column in kept])
    body = "".join(f"<table:table-row>{''.join(cells)}</table:table-row>" for cells in lines)
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_NAMES} office:version="1.2"><office:body>'
        f'<office:spreadsheet><table:table table:name="Feuille1">{body}</table:table></office:spreadsheet>'
        "</office:body></office:document-content>"
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in (
            ("mimetype", _ODS),
            ("META-INF/manifest.xml", _MANIFEST.format(kind=_ODS)),
            ("content.xml", content),
        ):
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
    return data.getvalue()


def _text_cell(text: str) -> str:
    if not text:
        return "<table:table-cell/>"
    return f'<table:table-cell office:value-type="string"><text:p>{escape(text)}</text:p></table:table-cell>'


def _ods_cell(row: Row, column: Column, style: Style) -> str:
    value = row.cells.get(column.name, "")
    if not value or column.name in row.written:
        return _text_cell(shown(row, column, style))
    if column.type == "date" and ISO_DATE.fullmatch(value):
        day = f"{value[8:]}/{value[5:7]}/{value[:4]}"
        kind = f'office:value-type="date" office:date-value={quoteattr(value)}'
        return f"<table:table-cell {kind}><text:p>{day}</text:p></table:table-cell>"
    if column.type in {"integer", "number"}:
        kind = f'office:value-type="float" office:value={quoteattr(value)}'
        return f"<table:table-cell {kind}><text:p>{value.replace('.', ',')}</text:p></table:table-cell>"
    return _text_cell(shown(row, column, style))
