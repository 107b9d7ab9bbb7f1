"""How each partner of the demonstration writes its files: columns, labels, encodings, dates, line numbers."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingestion.contracts import load_contracts

ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
DATES = frozenset(
    {"date_debut", "date_fin", "date_proposition", "date_fin_suivi", "date_presentation", "date_obtention"}
)
DECIMALS = frozenset({"duree_prevue_h", "duree_suivie_h"})
WHOLE = frozenset({"places", "annee_naissance"})
# xlsxwriter would write the hour of the run
FIXED_DATE = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - a workbook's dates have no zone


@dataclass(slots=True)
class Row:
    """One record of a file.

    Args:
        cells: canonical values by column, as they count once read (empty: left out).
        written: what the file says instead, by column, where it differs.
        person: number of the person, -1 for a session.
        rules: rules that the record breaks, as (column, rule id).
        state: `accepted`, `refused` or `awaiting`.
        keeps: how many cells of the record the file has; None for all.
        line: line or row of the sheet, known once the file is written.
        session_end: last day of the session that it is about.
        mended: the record as it should have been.
    """

    cells: dict[str, str]
    person: int = -1
    written: dict[str, str] = field(default_factory=dict)
    rules: tuple[tuple[str, str], ...] = ()
    state: str = "accepted"
    keeps: int | None = None
    line: int = 0
    session_end: str = ""
    mended: Row | None = None

    def copy(self) -> Row:
        """The same record again."""
        return Row(
            dict(self.cells), self.person, dict(self.written), self.rules, self.state, self.keeps, 0, self.session_end
        )


@dataclass(frozen=True, slots=True)
class Style:
    """How one partner writes.

    Args:
        extension: `csv` or `xlsx`.
        encoding, delimiter, line_end: of its text files.
        french: dates as 31/12/2026 and decimal commas.
        labels: headers are the French labels, not the names of the columns.
        leaves_out: optional columns that its files do not have.
    """

    extension: str = "csv"
    encoding: str = "utf-8"
    delimiter: str = ";"
    line_end: str = "\r\n"
    french: bool = False
    labels: bool = False
    leaves_out: frozenset[str] = frozenset()


STYLES = {
    "FORMACARIB": Style(extension="xlsx"),
    "MADININUM": Style(encoding="cp1252", french=True),
    "KABIA": Style(encoding="utf-8-sig"),
    "LAB-SUD": Style(
        delimiter=",", line_end="\n", leaves_out=frozenset({"module_id", "partenaires_co", "date_proposition", "role"})
    ),
    "CLUSTER972": Style(encoding="cp1252", french=True, labels=True),
    "EPCI-CENTRE": Style(extension="xlsx", labels=True),
}


def columns(feed: str, style: Style) -> list[str]:
    """Columns that a partner's files of one feed have, in order."""
    return [name for name, _ in _titles(feed) if name not in style.leaves_out]


def write(feed: str, style: Style, rows: Sequence[Row], without: str = "") -> bytes:
    """Bytes of a file; sets the line of each row.

    Args:
        without: an obligatory column that this file lacks.
    """
    names = [name for name in columns(feed, style) if name != without]
    titles = dict(_titles(feed))
    header = [titles[name] if style.labels else name for name in names]
    for at, row in enumerate(rows):
        row.line = at + 2
    if style.extension == "xlsx":
        return _workbook(feed, header, names, rows)
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=style.delimiter, lineterminator=style.line_end)
    writer.writerow(header)
    writer.writerows([_text(row, name, style) for name in names][: row.keeps] for row in rows)
    return text.getvalue().encode(style.encoding)


def _titles(feed: str) -> list[tuple[str, str]]:
    return [(column.name, column.title) for column in load_contracts()[feed].columns]


def _text(row: Row, name: str, style: Style) -> str:
    if name in row.written:
        return row.written[name]
    value = row.cells.get(name, "")
    if style.french and value:
        if name in DATES and ISO_DATE.fullmatch(value):
            return f"{value[8:]}/{value[5:7]}/{value[:4]}"
        if name in DECIMALS:
            return value.replace(".", ",")
    return value


def _workbook(feed: str, header: Sequence[str], names: Sequence[str], rows: Sequence[Row]) -> bytes:
    import xlsxwriter

    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as book:
        book.set_properties({"created": FIXED_DATE, "title": feed})
        date_format = book.add_format({"num_format": "dd/mm/yyyy"})
        sheet = book.add_worksheet("Données")
        sheet.write_row(0, 0, header)
        for row in rows:
            for at, name in enumerate(names):
                value = row.written.get(name, row.cells.get(name, ""))
                if not value:
                    continue
                if name in row.written:
                    sheet.write_string(row.line - 1, at, value)
                elif name in DATES:
                    sheet.write_datetime(row.line - 1, at, dt.datetime.fromisoformat(value), date_format)
                elif name in DECIMALS or name in WHOLE:
                    sheet.write_number(row.line - 1, at, float(value))
                else:
                    sheet.write_string(row.line - 1, at, value)
    return data.getvalue()
