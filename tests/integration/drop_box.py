"""A partner's folders on a throw-away warehouse: what the tests of receiving put in and look at."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from ingestion.contracts import load_contract
from ingestion.database import connect
from ingestion.partners import Partner, add, expect
from ingestion.receive import ReceiveSummary, receive
from ingestion.settings import Settings

FEEDS = ("F01", "F02", "F03")
RECEIVED_AT = dt.datetime(2026, 10, 5, 14, 0, tzinfo=dt.UTC)
TODAY = "2026-10-05"
SURNAMES = ("Zyzomyst", "Quibrolle", "Wexandre", "Ymbertole")
FORENAME = "Philogène"


@dataclass(frozen=True)
class DropBox:
    """One partner of a clean warehouse."""

    settings: Settings
    code: str = "KABIA"

    @property
    def depot(self) -> Path:
        return self.settings.drop / self.code / "depot"

    @property
    def receipts(self) -> Path:
        return self.settings.drop / self.code / "accuses"

    def open_account(self, **changes: Any) -> DropBox:
        convention = {
            "notice_version": "2026-1",
            "legal_basis": "INTERET_PUBLIC",
            "processing_contract": "C-12",
            "processing_country": "FR",
        }
        values = {"feeds": FEEDS, "is_synthetic": True} | convention | changes
        programme = values.pop("programme_code", "MQ")
        partner = Partner(self.code, f"{self.code} (démonstration)", "STARTUP", programme, **values)
        with connect(self.settings) as connection:
            add(self.settings, connection, partner)
            expect(connection, self.code, partner.feeds, dt.date(2026, 9, 1), dt.date(2026, 10, 1))
        return self

    def put(self, name: str, contents: str | bytes) -> Path:
        path = self.depot / name
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode("utf-8-sig"))
        return path

    def put_sessions(self, *session_ids: str, period: str = "2026-09", suffix: str = "v1", **cells: str) -> Path:
        return self.put(f"F01_sessions_formation__{self.code}__{period}__{suffix}.csv", sessions(session_ids, **cells))

    def put_people(self, *rows: tuple[str, str], period: str = "2026-09", suffix: str = "v1") -> Path:
        """Participations: (session, surname or a value of `sexe` after a comma)."""
        return self.put(f"F02_participations__{self.code}__{period}__{suffix}.csv", participations(rows))

    def put_examples(self, feed: str, *rows: dict[str, str], period: str = "2026-09", suffix: str = "v1") -> Path:
        """Rows of a feed: the examples of its contract, but for the cells given."""
        contract = load_contract(feed)
        return self.put(f"{feed}_{contract.name}__{self.code}__{period}__{suffix}.csv", examples(feed, *rows))

    def receive(self) -> ReceiveSummary:
        return receive(self.settings, lambda _: RECEIVED_AT, quiet_seconds=0)

    def all(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with connect(self.settings, "lakou_admin") as connection:
            return connection.execute(query, parameters).fetchall()

    def one(self, query: str, *parameters: Any) -> Any:
        (row,) = self.all(query, *parameters)
        return row[0] if len(row) == 1 else row

    def states(self) -> dict[str, str]:
        """File name to state."""
        return dict(self.all("select file_name, state from ops.deliveries"))

    def receipt(self, name: str) -> str:
        return (self.receipts / f"{name}.accuse.html").read_text(encoding="utf-8")

    def rows_given_back(self, path: Path) -> list[dict[str, str]]:
        """Rows of a file of rows to mend, without the reasons: header to cell."""
        (mark, header, *rows) = sheet_rows(path)
        assert mark[0].startswith("lakou:")
        return [dict(zip(header[1:], row[1:], strict=True)) for row in rows]

    def receipt_lines(self, name: str) -> list[list[str]]:
        text = (self.receipts / f"{name}.accuse.csv").read_text(encoding="utf-8-sig")
        return [line.split(";") for line in text.splitlines()[1:]]


def sessions(session_ids: Sequence[str], **cells: str) -> str:
    values = {
        "session_id": "",
        "action_code": "MQ-A1",
        "intitule": "Atelier",
        "modalite": "ATELIER",
        "date_debut": "2026-09-03",
        "date_fin": "2026-09-04",
        "duree_prevue_h": "7",
        "code_commune": "97209",
    } | cells
    lines = [";".join({**values, "session_id": session_id}.values()) for session_id in session_ids]
    return "\n".join([";".join(values), *lines, ""])


def examples(feed: str, *rows: dict[str, str]) -> str:
    """A CSV of the examples of a contract, but for the cells given."""
    values = {column.name: column.example for column in load_contract(feed).columns}
    text = io.StringIO()
    writer = csv.DictWriter(text, values, delimiter=";", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**values, **row} for row in rows)
    return text.getvalue()


def sheet_rows(path: Path) -> list[list[str]]:
    """Cells of the first sheet of a workbook, as text."""
    import openpyxl

    sheet = openpyxl.load_workbook(path).worksheets[0]
    return [["" if cell is None else str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]


def mend(source: Path, target: Path, column: str, value: str) -> Path:
    """Write a value into a column of every row to mend, as its partner would, and drop the workbook."""
    import openpyxl

    book = openpyxl.load_workbook(source)
    sheet = book.worksheets[0]
    position = 1 + [cell.value for cell in sheet[2]].index(column)
    for line in range(3, sheet.max_row + 1):
        sheet.cell(line, position).value = value
    book.save(target)
    return target


def workbook(path: Path, sheets: dict[str, tuple[str, str]], cover: dict[str, str] | None = None) -> Path:
    """A filled template: sheet name to its mark and its CSV (`;`), and what the sheet « Envoi » says."""
    import xlsxwriter

    with xlsxwriter.Workbook(path) as book:
        if cover is not None:
            sheet = book.add_worksheet("Envoi")
            for line, (label, value) in enumerate(cover.items()):
                sheet.write_row(line, 0, [label, value])
        for name, (mark, text) in sheets.items():
            sheet = book.add_worksheet(name)
            sheet.set_row(0, None, None, {"hidden": True})
            sheet.write_string(0, 0, mark)
            for line, row in enumerate(text.splitlines(), start=1):
                for column, cell in enumerate(row.split(";")):
                    sheet.write_string(line, column, cell)
    return path


def people_cells(rows: Sequence[tuple[str, str]]) -> tuple[list[str], ...]:
    """Header and cells of participations."""
    return tuple(line.split(";") for line in participations(rows).splitlines())


def participations(rows: Sequence[tuple[str, str]]) -> str:
    header = (
        "objet_id;courriel;nom_naissance;prenom;annee_naissance;sexe;statut_pro;niveau_diplome;canal_orientation;"
        "statut;duree_suivie_h"
    )
    lines = []
    for session_id, person in rows:
        surname, _, sex = person.partition(",")
        lines.append(
            f"{session_id};{surname.lower()}@courrier.invalid;{surname};{FORENAME};1988;{sex or 'F'};SALARIE;5;DIRECT;"
            "TERMINE;6"
        )
    return "\n".join([header, *lines, ""])


def dump(settings: Settings) -> str:
    """Every cell of raw, quarantine and ops, as text."""
    with connect(settings, "lakou_admin") as connection:
        tables = connection.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables"
            " where schemaname in ('raw', 'quarantine', 'ops')"
        ).fetchall()
        return "\n".join(_rows(connection, name) for (name,) in tables)


def _rows(connection: psycopg.Connection[Any], table: str) -> str:
    return "\n".join(text for (text,) in connection.execute(f"select t::text from {table} as t"))
