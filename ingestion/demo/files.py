"""How the demonstration's partners write their files: columns, labels, encodings, dates, titles, totals, line numbers."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingestion.contracts import Column, load_contract

ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
ISO_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}")
AMOUNTS = frozenset({"montant", "cout_eligible", "montant_vote", "montant_engage", "montant_mandate"})
SHARES = frozenset({"quote_part"})


@dataclass(slots=True)
class Row:
    """One record of a file.

    Args:
        cells: canonical values by column, as they count once read (empty: left out).
        written: what the file says instead, by column, where it differs.
        person: number of the person, -1 where the record is about nobody.
        rules: rules that the record breaks, as (column, rule id).
        state: `accepted`, `refused` or `awaiting`.
        keeps: how many cells of the record the file has; None for all.
        line: line or row of the sheet, known once the file is written.
        session_end: last day of the session that it is about.
        mended: the record as it should have been.
        is_copy: the record should not be there at all: mended, it is left out.
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
    is_copy: bool = False

    def copy(self) -> Row:
        """The same record again."""
        return Row(
            dict(self.cells), self.person, dict(self.written), self.rules, self.state, self.keeps, 0, self.session_end
        )


@dataclass(frozen=True, slots=True)
class Style:
    """How one partner writes.

    Args:
        extension: `csv`, `xlsx` or `ods`.
        encoding, delimiter, line_end: of its text files.
        french: dates as 31/12/2026 and decimal commas.
        spoken: words of a list in lower case, `Oui` and `Non`; amounts with spaces between thousands, shares in %.
        labels: headers are the French labels, not the names of the columns.
        leaves_out: optional columns that its files do not have.
        reorders: the columns come in another order.
        titles: lines above the header.
        totals: a last line that counts the others.
        repeats: the header comes again after so many records; 0 for never.
        blanks: how many columns without a name follow the others.
        says_separator: the first line is `sep=`, as Excel writes it.
        quotes: every cell is between quotes.
        absent: what stands in an empty optional cell of `siren_employeur`, `places` and the like.
        hides: every fifth row and the second column of the sheet are hidden, and a whole sheet of drafts.
        splits: the header takes two rows, its last word on the second one.
        adds: a column that nobody asked for.
        decomposed: accents are letters of their own, as some systems write them.
        notice: a sheet of explanations comes before the data.
        formulas: hours, places and amounts are formulas with their stored value.
        merges: cells of a column without a value are merged with the one above them.
    """

    extension: str = "csv"
    encoding: str = "utf-8"
    delimiter: str = ";"
    line_end: str = "\r\n"
    french: bool = False
    spoken: bool = False
    labels: bool = False
    leaves_out: frozenset[str] = frozenset()
    reorders: bool = False
    titles: tuple[str, ...] = ()
    totals: bool = False
    repeats: int = 0
    blanks: int = 0
    says_separator: bool = False
    quotes: bool = False
    absent: str = ""
    hides: bool = False
    splits: bool = False
    adds: str = ""
    decomposed: bool = False
    notice: bool = False
    formulas: bool = False
    merges: bool = False


# optional cells where some partners write that there is nothing
ABSENT = frozenset({"siren_employeur", "places", "partenaires_co", "siret_etab", "siret_fournisseur", "soutiens"})


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table to write: the feed, its rows, an obligatory column that it lacks, and one that it has twice."""

    feed: str
    rows: Sequence[Row]
    without: str = ""
    twice: str = ""


def columns(feed: str, style: Style) -> list[Column]:
    """Columns that a partner's files of one feed have, in order."""
    kept = [column for column in load_contract(feed).columns if column.name not in style.leaves_out]
    return kept[2:] + kept[:2][::-1] if style.reorders else kept


def layout(sheet: Sheet, style: Style) -> tuple[list[str], list[Column]]:
    """Header of a table as written, and its columns."""
    kept = [column for column in columns(sheet.feed, style) if column.name != sheet.without]
    kept += [column for column in kept if column.name == sheet.twice]
    header = [column.title if style.labels else column.name for column in kept]
    return header + [style.adds] * bool(style.adds) + [""] * style.blanks, kept


def write_text(sheet: Sheet, style: Style) -> bytes:
    """Bytes of a text file; sets the line of each row."""
    header, kept = layout(sheet, style)
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=style.delimiter,
        lineterminator=style.line_end,
        quoting=csv.QUOTE_ALL if style.quotes else csv.QUOTE_MINIMAL,
    )
    line = 1
    if style.says_separator:
        text.write(f"sep={style.delimiter}{style.line_end}")
        line += 1
    for title in style.titles:
        writer.writerow([title] + [""] * (len(header) - 1) if title else [""] * len(header))
        line += 1
    for titles in header_rows(header, style):
        writer.writerow(titles)
        line += 1
    for at, row in enumerate(sheet.rows):
        if style.repeats and at and at % style.repeats == 0:
            writer.writerow(header)
            line += 1
        row.line = line
        cells = [shown(row, column, style) for column in kept] + [""] * (len(header) - len(kept))
        writer.writerow(cells[: row.keeps])
        line += 1 + sum(cell.count("\n") for cell in cells[: row.keeps])
    if style.totals and sheet.rows:
        writer.writerow(["TOTAL", str(len(sheet.rows))] + [""] * (len(header) - 2))
    written = unicodedata.normalize("NFD", text.getvalue()) if style.decomposed else text.getvalue()
    return written.encode(style.encoding)


def header_rows(header: Sequence[str], style: Style) -> list[list[str]]:
    """The header as it is written, on one row or two."""
    if not style.splits:
        return [list(header)]
    parts = [title.rpartition(" ") for title in header]
    return [[first or last for first, _, last in parts], [last if first else "" for first, _, last in parts]]


def shown(row: Row, column: Column, style: Style) -> str:
    """What a file says of one column of a record."""
    name = column.name
    if name in row.written:
        return row.written[name]
    value = row.cells.get(name, "")
    if not value:
        return style.absent if name in ABSENT else ""
    if column.type in {"date", "datetime"}:
        return _dated(value, style)
    return _spoken(column, value) if style.spoken else _plainly(column, value, style)


def _dated(value: str, style: Style) -> str:
    if not (ISO_DATE.fullmatch(value) or ISO_MOMENT.fullmatch(value)):
        return value
    day, moment = value[:10], value[11:]
    if style.french:
        day, moment = f"{day[8:]}/{day[5:7]}/{day[:4]}", moment[:5]
    return f"{day} {moment}".strip()


def _plainly(column: Column, value: str, style: Style) -> str:
    return value.replace(".", ",") if style.french and column.type == "number" else value


def _spoken(column: Column, value: str) -> str:
    if column.type == "boolean":
        return {"true": "Oui", "false": "Non"}[value]
    if column.type == "number":
        return _spoken_number(column.name, value)
    is_word = bool(column.enum) and value.isalpha() and len(value) > 3
    return value.capitalize() if is_word else value


def _spoken_number(name: str, value: str) -> str:
    if name in SHARES:
        return f"{float(value) * 100:.1f}".replace(".", ",") + "\u00a0%"
    if name in AMOUNTS:
        return f"{float(value):,.2f}".replace(",", "\u00a0").replace(".", ",")
    return value.replace(".", ",")
