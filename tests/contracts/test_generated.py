"""What is made from the contracts: raw tables and their migrations, the dbt source, workbooks and the dictionary."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import polars as pl
import psycopg
import pytest
import yaml
from click.testing import CliRunner

from ingestion import generate, raw_tables
from ingestion.contracts import FEEDS, Column, Contract, load_contract, load_contracts, read_contract
from ingestion.database import connect
from ingestion.errors import ConfigurationError
from ingestion.judging import Context, judge_file, references_of
from ingestion.naming import parse_period
from ingestion.pseudonyms import Pseudonymiser
from ingestion.raw_tables import LOADER_COLUMNS, MIGRATIONS, RECORD, follow, next_migration, read_record
from ingestion.settings import CHECKOUT, Settings
from ingestion.territory import load_countries, load_indicator_codes
from ingestion.workbook_templates import choices, dictionary_html, sheet_name, write_template


def test_generated_files_are_fresh() -> None:
    for path, text in generate.generated_files(load_contracts(), CHECKOUT).items():
        assert (CHECKOUT / path).exists(), f"{path} is missing: run `make contracts`"
        assert (CHECKOUT / path).read_text(encoding="utf-8") == text, f"{path}: run `make contracts`"


def test_a_stale_file_is_told_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "CHECKOUT", tmp_path)
    runner = CliRunner()
    assert runner.invoke(generate.main, ["--check"]).exit_code == 1
    assert not list(tmp_path.iterdir())
    assert runner.invoke(generate.main, []).exit_code == 0
    assert [path.name for path in (tmp_path / MIGRATIONS).iterdir()] == ["0001_raw.sql"]
    assert runner.invoke(generate.main, ["--check"]).exit_code == 0
    for path in (RECORD, generate.SOURCES):
        text = (tmp_path / path).read_text(encoding="utf-8")
        (tmp_path / path).write_text(text + "# changed by hand\n", encoding="utf-8")
        stale = runner.invoke(generate.main, ["--check"])
        assert stale.exit_code == 1
        assert str(path) in stale.output
        assert runner.invoke(generate.main, []).exit_code == 0
    assert [path.name for path in (tmp_path / MIGRATIONS).iterdir()] == ["0001_raw.sql"]


def test_the_next_migration_has_the_next_number() -> None:
    assert next_migration([]) == "0001_raw.sql"
    assert next_migration(["0001_schemas.sql", "0012_drop.sql", "README.md", "0004_raw.sql"]) == "0013_raw.sql"


def test_a_record_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "raw_tables.yml"
    path.write_text("- nothing\n")
    with pytest.raises(ConfigurationError, match=r"raw_tables\.yml"):
        read_record(path)


def columns_of(connection: psycopg.Connection, table: str) -> set[str]:
    rows = connection.execute(
        "select column_name from information_schema.columns where table_schema = 'raw' and table_name = %s", [table]
    )
    return {name for (name,) in rows}


def test_the_migrations_made_what_the_record_says(settings: Settings) -> None:
    record = read_record()
    assert {table.feed for table in record.values()} == set(load_contracts())
    with connect(settings, "lakou_admin") as connection:
        for name, table in record.items():
            assert columns_of(connection, name) == {*table.columns, *table.retired, *LOADER_COLUMNS}
            indexes = connection.execute("select indexdef from pg_indexes where schemaname = 'raw'").fetchall()
            for column in table.indexed:
                assert any(f"raw.{name} USING brin ({column} text_bloom_ops)" in text for (text,) in indexes)


# ------------------------------------------------------------------------------------------------- a contract changes


@pytest.fixture
def scratch(settings: Settings) -> Iterator[psycopg.Connection]:
    """The migrated warehouse in a transaction that is rolled back."""
    with psycopg.connect(settings.dsn("lakou_admin")) as connection:
        yield connection
        connection.rollback()


def changed(folder: Path, *changes: tuple[str, str]) -> dict[str, Contract]:
    """Every contract, F15 changed in its YAML."""
    path = folder / "f15_modules_labels.yml"
    text = path.read_text(encoding="utf-8") if path.exists() else (FEEDS / path.name).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return {**load_contracts(), "F15": read_contract(path)}


NEW_COLUMN = """\
  - name: duree_h
    title: Durée (heures)
    description: Durée du module, en heures.
    type: number
    example: "7"
"""


def test_a_contract_changes_and_its_table_follows(
    scratch: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column more, one less, one renamed, over two versions: each time one more migration, and old rows stay."""
    checkout = tmp_path / "checkout"
    for path in (RECORD, generate.SOURCES):
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / path, checkout / path)
    shutil.copytree(CHECKOUT / MIGRATIONS, checkout / MIGRATIONS)
    before = {path.name: path.read_text(encoding="utf-8") for path in (checkout / MIGRATIONS).iterdir()}
    scratch.execute(
        "insert into raw.f15_modules_labels (module_id, intitule, siren_concepteur, label_qualite, _load_id,"
        " _delivery_id, _row_number, _row_hash) values ('M-1', 'Bases', '732829320', 'true', 1, 'd1', 2, 'h')"
    )

    def make(contracts: dict[str, Contract]) -> str:
        monkeypatch.setattr(generate, "CHECKOUT", checkout)
        monkeypatch.setattr(generate, "load_contracts", lambda: contracts)
        there = set((checkout / MIGRATIONS).iterdir())
        assert CliRunner().invoke(generate.main, ["--check"]).exit_code == 1
        assert set((checkout / MIGRATIONS).iterdir()) == there
        done = CliRunner().invoke(generate.main, [], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert CliRunner().invoke(generate.main, ["--check"]).exit_code == 0
        (migration,) = set((checkout / MIGRATIONS).iterdir()) - there
        return migration.read_text(encoding="utf-8")

    # the same version with other columns is refused
    with pytest.raises(ConfigurationError, match=r"f15_modules_labels\.yml: its columns are not those of version 1\.0"):
        follow(read_record(checkout / RECORD), changed(tmp_path, ("fields:\n", "fields:\n" + NEW_COLUMN)))

    # version 1.1: one column more
    first = make(changed(tmp_path, ('version: "1.0"', 'version: "1.1"')))
    assert "alter table raw.f15_modules_labels add column duree_h text;" in first
    assert first.count("alter table") == 1
    scratch.execute(first.encode())
    assert scratch.execute("select intitule, duree_h from raw.f15_modules_labels").fetchall() == [("Bases", None)]

    # version 2.0: one column less, one renamed
    second = make(
        changed(
            tmp_path,
            ('version: "1.1"', 'version: "2.0"'),
            ("name: intitule", "name: titre"),
            ("checks: [free_text]", "checks: [free_text], aliases: [intitule]"),
            ("primaryKey: [module_id]\n", ""),
            ("    lakou: {not_before: date_label}\n", ""),
            ("name: date_retrait", "name: date_fin"),
            ("title: Date de retrait", "title: Date de fin"),
        )
    )
    scratch.execute(second.encode())
    rows = scratch.execute("select titre, date_retrait, date_fin from raw.f15_modules_labels").fetchall()
    assert rows == [("Bases", None, None)]
    record = read_record(checkout / RECORD)["f15_modules_labels"]
    assert record.version == "2.0"
    assert record.retired == ("date_retrait",)
    assert columns_of(scratch, "f15_modules_labels") == {*record.columns, *record.retired, *LOADER_COLUMNS}
    sources = yaml.safe_load((checkout / generate.SOURCES).read_text(encoding="utf-8"))
    (table,) = [item for item in sources["sources"][0]["tables"] if item["name"] == "f15_modules_labels"]
    assert {"date_retrait", "titre", "duree_h"} <= {column["name"] for column in table["columns"]}
    # a delivery of version 1.0 is read still: its former header, its missing column
    old = tmp_path / "F15_modules_labels__KABIA__2026-T1__v1.csv"
    old.write_text("module_id;intitule;siren_concepteur;label_qualite;date_retrait\nM-2;Suite;732829320;NON;\n")
    context = Context(
        contract=changed(tmp_path)["F15"],
        partner_code="KABIA",
        programme_code="MQ",
        period=parse_period("2026-T1"),
        pseudonymiser=Pseudonymiser(b"0" * 64),
        references=references_of("MQ", lambda feed, identifiers: pl.DataFrame()),
        has_convention=True,
    )
    accepted = judge_file(old, "csv", context).accepted
    assert accepted.select("module_id", "titre", "duree_h").rows() == [("M-2", "Suite", None)]
    # a retired column that comes back is in the table already: nothing to migrate
    back = changed(tmp_path, ('version: "2.0"', 'version: "2.1"'), ("name: date_fin", "name: date_retrait"))
    assert "add column" not in (follow(read_record(checkout / RECORD), back)[1] or "")
    # what was written before is as it was
    for name, text in before.items():
        assert (checkout / MIGRATIONS / name).read_text(encoding="utf-8") == text


def test_a_new_feed_gets_a_table_and_an_index(scratch: psycopg.Connection) -> None:
    record = {name: table for name, table in read_record().items() if name != "f08_evenements"}
    after, migration = follow(record, load_contracts())
    assert after["f08_evenements"] == read_record()["f08_evenements"]
    assert migration is not None
    assert migration.count("create table") == 1
    # with the views that a build made on it, if another test left some
    scratch.execute("drop table raw.f08_evenements cascade")
    scratch.execute(migration.encode())
    assert columns_of(scratch, "f08_evenements") == {*load_contract("F08").raw_columns, *LOADER_COLUMNS}
    assert follow(after, load_contracts()) == (after, None)


def test_loaders_write_and_dbt_reads_every_table(settings: Settings) -> None:
    with connect(settings, "lakou_admin") as connection:
        for name in read_record():
            for role, right in (("lakou_loader", "insert"), ("lakou_dbt", "select")):
                row = connection.execute("select has_table_privilege(%s, %s, %s)", [role, f"raw.{name}", right])
                assert row.fetchone() == (True,), (role, name)
            denied = connection.execute("select has_table_privilege('lakou_reader', %s, 'select')", [f"raw.{name}"])
            assert denied.fetchone() == (False,)


# ----------------------------------------------------------------------------------------------------------- workbooks


def workbooks() -> dict[str, list[Contract]]:
    groups: dict[str, list[Contract]] = {}
    for contract in load_contracts().values():
        groups.setdefault(contract.workbook, []).append(contract)
    return groups


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("modeles")
    for name, contracts in workbooks().items():
        write_template(contracts, folder / f"{name}.xlsx", "KABIA", "MQ")
    return {path.stem: path for path in folder.iterdir()}


@pytest.mark.parametrize("name", list(workbooks()))
def test_a_workbook_has_its_sheets_marks_and_lists(templates: dict[str, Path], name: str) -> None:
    contracts = workbooks()[name]
    workbook = openpyxl.load_workbook(templates[name])
    sheets = [sheet_name(contract) for contract in contracts]
    notices = [f"Notice {contract.feed}" for contract in contracts]
    assert workbook.sheetnames[: 1 + 2 * len(contracts)] == ["Envoi", *sheets, *notices]
    sending = workbook["Envoi"]
    assert [(sending.cell(row, 1).value, sending.cell(row, 2).value) for row in (3, 4, 5)] == [
        ("Partenaire", "KABIA"),
        ("Période", None),
        ("Version", "1"),
    ]
    # a period such as 2026-03 must not become a date
    assert {sending.cell(row, 2).number_format for row in (3, 4, 5)} == {"@"}
    for contract in contracts:
        sheet = workbook[sheet_name(contract)]
        assert sheet["A1"].value == f"lakou:{contract.feed}:{contract.version}"
        assert sheet.row_dimensions[1].hidden
        assert sheet.freeze_panes == "A3"
        assert sheet.max_row == 2
        lists = {
            str(rule.sqref).split(":", maxsplit=1)[0]: rule.formula1
            for rule in sheet.data_validations.dataValidation
            if rule.type == "list"
        }
        for index, column in enumerate(contract.columns, start=1):
            title = sheet.cell(2, index)
            assert title.value.removesuffix(" (*)").removesuffix(" *") == column.title
            assert title.value.endswith(" *") is column.required
            assert column.example in title.comment.text
            assert listed(workbook, lists.get(f"{title.column_letter}3")) == list(choices(column, "MQ"))
            assert sheet.column_dimensions[letter(sheet, index)].width >= 14
        text = [column for column in contract.columns if column.type == "string"]
        assert {form(sheet, contract, column) for column in text} == {"@"}
        dates = [column for column in contract.columns if column.type == "date"]
        assert {form(sheet, contract, column) for column in dates} <= {"dd/mm/yyyy"}
        shown = [str(cell.value) for row in workbook[f"Notice {contract.feed}"] for cell in row if cell.value]
        assert {column.name for column in contract.columns} <= set(shown)
        assert "Exemple d'une ligne" in shown


def listed(workbook: openpyxl.Workbook, formula: str | None) -> list[str]:
    if formula is None:
        return []
    if formula.startswith('"'):
        assert len(formula) <= 257
        return formula.strip('"').split(",")
    sheet, cells = re.fullmatch(r"=?(\w+)!(.+)", formula).groups()  # type: ignore[union-attr]
    assert workbook[sheet].sheet_state == "hidden"
    return [row[0].value for row in workbook[sheet][cells.replace("$", "")]]


def letter(sheet: openpyxl.worksheet.worksheet.Worksheet, index: int) -> str:
    """Letter that a run of columns of one width and form is kept under."""
    for name, run in sheet.column_dimensions.items():
        if run.min <= index <= run.max:
            return str(name)
    raise AssertionError(index)


def form(sheet: openpyxl.worksheet.worksheet.Worksheet, contract: Contract, column: Column) -> str:
    index = contract.columns.index(column) + 1
    return str(sheet.column_dimensions[letter(sheet, index)].number_format)


def test_codes_to_choose_from_are_those_of_the_programme() -> None:
    scheme, action = load_contract("F13").column("dispositif"), load_contract("F13").column("action_code")
    assert choices(scheme, "IDF") == ("IDF-CHALLENGES-SANTE", "IDF-DIVERS", "IDF-INNOVUP", "IDF-PACK-IA")
    assert choices(scheme, "MQ") == ("MQ-DIVERS",)
    assert len(choices(scheme)) == 10
    assert choices(action, "MQ") == tuple(f"MQ-A{number}" for number in range(1, 6))
    assert choices(load_contract("G02").column("indicateur")) == tuple(load_indicator_codes())
    assert choices(load_contract("F10").column("pays")) == tuple(sorted(load_countries()))
    assert choices(load_contract("F10").column("fiable")) == ("OUI", "NON")
    assert choices(load_contract("F12").column("code_epci"), "MQ") == ("200041788", "249720053", "249720061")
    assert choices(load_contract("F12").column("code_epci")) == ()


def test_the_same_template_is_the_same_bytes(templates: dict[str, Path], tmp_path: Path) -> None:
    again = tmp_path / "again.xlsx"
    write_template(workbooks()["formation"], again, "KABIA", "MQ")
    assert again.read_bytes() == templates["formation"].read_bytes()


# ---------------------------------------------------------------------------------------------------------- dictionary


class Page(HTMLParser):
    """Texts, headings, headers of tables and links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.headings: list[str] = []
        self.scopes: list[str | None] = []
        self.ids: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)
        if tag == "th":
            self.scopes.append(values.get("scope"))
        if values.get("id"):
            self.ids.add(str(values["id"]))
        if tag == "a":
            self.links.append(str(values["href"]))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_dictionary_names_every_column_and_can_be_heard() -> None:
    text = dictionary_html(load_contracts().values())
    page = Page()
    page.feed(text)
    for contract in load_contracts().values():
        assert {column.name for column in contract.columns} <= set(page.texts)
    assert '<html lang="fr">' in text
    # whole in itself: nothing is fetched
    assert '="http' not in text
    assert page.headings == ["h1", "h2", *["h2"] * 21]
    assert set(page.scopes) == {"col", "row"}
    assert {link.removeprefix("#") for link in page.links} == set(load_contracts())
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    assert text.count("<caption>") == 21
    assert "@media print" in text


def test_the_dictionary_escapes_what_it_shows() -> None:
    marked = dataclasses.replace(load_contract("F01"), title="<b>&")
    assert "&lt;b&gt;&amp;" in dictionary_html([marked])
    assert "<b>" not in dictionary_html([marked])


def test_examples_are_shown_as_a_french_spreadsheet_does() -> None:
    page = dictionary_html([load_contract("F04")])
    assert "05/03/2026 17:30" in page
    assert "72,5" in page
    assert raw_tables.descriptions(load_contract("F04"))["jeton_participant"].endswith(
        "Seule son empreinte à clé est gardée."
    )
    assert dt.date.fromisoformat(load_contract("F01").column("date_debut").example)
