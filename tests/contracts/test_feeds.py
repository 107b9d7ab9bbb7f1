"""The contracts: valid Table Schemas, with every column asked for, and what is made from them up to date."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser
from pathlib import Path

import frictionless
import polars as pl
import pytest
import yaml
from click.testing import CliRunner
from python_calamine import CalamineWorkbook

from ingestion import generate
from ingestion.contracts import FEEDS, load_contract, load_contracts, read_contract
from ingestion.errors import ConfigurationError
from ingestion.judging import Context, judge_file, references_of
from ingestion.naming import parse_period
from ingestion.pseudonyms import Pseudonymiser
from ingestion.sentences import sentence
from ingestion.settings import CHECKOUT
from ingestion.territory import load_cog, load_communes, load_programmes

PEOPLE = ["courriel", "nom_naissance", "prenom", "annee_naissance"]
COLUMNS = {
    "F01": [
        "programme_code",
        "session_id",
        "action_code",
        "intitule",
        "modalite",
        "module_id",
        "date_debut",
        "date_fin",
        "duree_prevue_h",
        "code_commune",
        "nom_commune",
        "places",
        "partenaires_co",
        "public_cible",
        "secteur_cible",
        "date_proposition",
    ],
    "F02": [
        "programme_code",
        "objet_type",
        "objet_id",
        *PEOPLE,
        "sexe",
        "statut_pro",
        "niveau_diplome",
        "code_commune_residence",
        "siren_employeur",
        "canal_orientation",
        "statut",
        "duree_suivie_h",
        "date_fin_suivi",
        "role",
    ],
    "F03": [
        "programme_code",
        *PEOPLE,
        "certification_code",
        "date_presentation",
        "resultat",
        "date_obtention",
        "session_id",
    ],
}
OBLIGATORY = {
    "F01": {"session_id", "action_code", "intitule", "modalite", "date_debut", "date_fin", "duree_prevue_h"},
    "F02": {"objet_id", "sexe", "statut_pro", "niveau_diplome", "canal_orientation", "statut"},
    "F03": {"certification_code", "date_presentation", "resultat"},
}
SESSIONS = pl.DataFrame(
    schema={
        "partner_code": pl.String,
        "session_id": pl.String,
        "duree_prevue_h": pl.Float64,
        "places": pl.Int64,
        "programme_code": pl.String,
    }
)


def context(feed: str) -> Context:
    return Context(
        contract=load_contract(feed),
        partner_code="KABIA",
        programme_code="MQ",
        period=parse_period("2026-03"),
        pseudonymiser=Pseudonymiser(bytes(32)),
        references=references_of("MQ", SESSIONS),
        has_convention=True,
    )


def test_the_feeds_are_those_expected() -> None:
    assert list(load_contracts()) == ["F01", "F02", "F03"]
    assert [contract.raw_table for contract in load_contracts().values()] == [
        "f01_sessions_formation",
        "f02_participations",
        "f03_certifications",
    ]


@pytest.mark.parametrize("feed", COLUMNS)
def test_every_column_is_there(feed: str) -> None:
    contract = load_contract(feed)
    assert [column.name for column in contract.columns] == COLUMNS[feed]
    assert {column.name for column in contract.columns if column.required} == OBLIGATORY[feed]
    assert contract.due_day == 10


@pytest.mark.parametrize("path", sorted(FEEDS.glob("*.yml")), ids=lambda path: path.stem)
def test_a_contract_is_a_valid_table_schema(path: Path) -> None:
    descriptor = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert frictionless.Schema.validate_descriptor(descriptor).valid
    schema = frictionless.Schema.from_descriptor(descriptor)
    assert schema.field_names == [column.name for column in read_contract(path).columns]
    row = {field["name"]: field["example"] for field in descriptor["fields"]}
    resource = frictionless.Resource(data=[list(row), list(row.values())], schema=schema)
    assert frictionless.validate(resource).valid


@pytest.mark.parametrize("feed", COLUMNS)
def test_a_row_of_examples_is_accepted_or_waits(tmp_path: Path, feed: str) -> None:
    contract = load_contract(feed)
    file = tmp_path / "file.csv"
    cells = [f'"{column.example}"' for column in contract.columns]
    file.write_text(";".join(column.title for column in contract.columns) + "\n" + ";".join(cells) + "\n")
    judgement = judge_file(file, "csv", context(feed))
    assert judgement.accepted.height + judgement.awaiting.height == 1
    assert set(judgement.findings["severity"]) <= {"NOTE", "ATTENTE"}


@pytest.mark.parametrize("feed", COLUMNS)
def test_no_personal_column_is_in_a_raw_table(feed: str) -> None:
    contract = load_contract(feed)
    personal = {column.name for column in contract.columns if column.is_personal}
    assert personal == (set(PEOPLE) if feed != "F01" else set())
    assert not personal & set(contract.raw_columns)
    assert ("person_key_2" in contract.raw_columns) is bool(personal)


def test_every_sentence_is_whole_for_every_column() -> None:
    rules = ("OBLIGATOIRE", "TYPE-DATE", "TYPE-ENTIER", "TYPE-DECIMAL", "BORNES", "LONGUEUR", "LISTE", "MOTIF", "SIREN")
    for contract in load_contracts().values():
        for column in contract.columns:
            for rule_id in rules:
                message, remedy = sentence(contract, column.name, rule_id)
                assert message.endswith(".")
                assert remedy.endswith(".")
                assert "{" not in message.replace("{valeur}", "").replace("{detail}", "") + remedy


BAD = [
    (lambda text: "- nothing", "`fields`"),
    (lambda text: "fields: [", "cannot be read"),
    (lambda text: text.replace("  feed: F02\n", ""), "`feed`"),
    (lambda text: text.replace("  due_day: 10", "  due_day: 40"), "due_day"),
    (lambda text: text.replace("    title: Sexe\n", ""), "'sexe'"),
    (lambda text: text.replace("type: date\n", "type: datum\n"), "'date_fin_suivi'"),
    (lambda text: text.replace("treatment: coarsen", "treatment: keep-it"), "'annee_naissance'"),
    (lambda text: text.replace("checks: [siren]", "checks: [sirene]"), "'siren_employeur'"),
    (lambda text: text.replace("required_when: {statut: ", "required_when: {status: "), "'duree_suivie_h'"),
    (lambda text: text.replace("statut: [TERMINE]", "statut: [FINI]"), "'duree_suivie_h'"),
    (lambda text: text.replace("name: role", "name: statut"), "twice"),
    (lambda text: text.replace("key: [objet_type, objet_id", "key: [objet_type, objet"), "'objet'"),
    (lambda text: text.replace('"0", "1"', '0, "1"'), "'niveau_diplome'"),
    (lambda text: text.replace("maxLength: 9", "maxLen: 9"), "'siren_employeur'"),
    (lambda text: text.replace('"[^@]+"', '"[^@"'), "'objet_id'"),
    (lambda text: text.replace("feed: F02", "feed: F04"), "F04"),
]


@pytest.mark.parametrize(("spoil", "named"), BAD)
def test_a_wrong_contract_names_its_file_and_field(tmp_path: Path, spoil, named: str) -> None:  # type: ignore[no-untyped-def]
    good = (FEEDS / "f02_participations.yml").read_text(encoding="utf-8")
    path = tmp_path / "f02_participations.yml"
    path.write_text(good, encoding="utf-8")
    assert read_contract(path) == load_contract("F02")
    path.write_text(spoil(good), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_contract(path)
    assert "f02_participations.yml" in caught.value.what
    assert named in caught.value.what


def test_generated_files_are_fresh() -> None:
    for path, text in generate.generated_files(load_contracts()).items():
        assert (CHECKOUT / path).read_text(encoding="utf-8") == text, f"{path}: run `make contracts`"


def test_a_stale_file_is_told_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "CHECKOUT", tmp_path)
    runner = CliRunner()
    assert runner.invoke(generate.main, ["--check"]).exit_code == 1
    assert not list(tmp_path.iterdir())
    assert runner.invoke(generate.main, []).exit_code == 0
    assert runner.invoke(generate.main, ["--check"]).exit_code == 0
    (tmp_path / generate.MIGRATION).write_text("changed")
    stale = runner.invoke(generate.main, ["--check"])
    assert stale.exit_code == 1
    assert "0004_raw.sql" in stale.output


@pytest.mark.parametrize("feed", COLUMNS)
def test_a_template_is_a_nil_report_that_tells_its_feed(tmp_path: Path, feed: str) -> None:
    path = tmp_path / "modele.xlsx"
    generate.write_template(load_contracts().values(), path)
    judgement = judge_file(path, "xlsx", context(feed))
    assert judgement.rows_received == 0
    assert set(judgement.findings["severity"]) <= {"NOTE"}
    contract = load_contract(feed)
    workbook = CalamineWorkbook.from_path(path)
    sheet = workbook.get_sheet_by_name(f"{feed} {contract.name}"[:31]).to_python(skip_empty_area=False)
    assert sheet[0][0] == f"lakou:{feed}:{contract.version}"
    assert sheet[1] == [column.title for column in contract.columns]
    assert f"Notice {feed}" in workbook.sheet_names


def test_the_dictionary_names_every_column() -> None:
    page = generate.dictionary_html(load_contracts().values())
    cells: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            cells.append(data)

    Reader().feed(page)
    for contract in load_contracts().values():
        assert {column.name for column in contract.columns} <= set(cells)
    assert "http" not in page
    assert '<html lang="fr">' in page
    marked = dataclasses.replace(load_contract("F01"), title="<b>&")
    assert "&lt;b&gt;&amp;" in generate.dictionary_html([marked])


def test_the_territory_is_whole() -> None:
    programmes = load_programmes()
    assert set(programmes) == {"MQ", "AMP", "MGP", "OCC", "IDF"}
    assert len(programmes["MQ"].perimeter) == 34
    assert len(programmes["MGP"].perimeter) == 130
    assert programmes["MQ"].action_codes == {f"MQ-A{number}" for number in range(1, 6)}
    assert sum(len(programme.action_codes) for programme in programmes.values()) == 31
    for programme in programmes.values():
        assert programme.perimeter <= load_cog()
    assert len(load_cog()) > 34_000
    assert load_communes()["97209"].postcodes == ("97200", "97234")
