"""Open data: valid against the national schema and against ours, one publication, and nothing that secrecy hides."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from frictionless import Package, Resource, Schema

from ingestion.cli import main
from ingestion.database import connect
from ingestion.errors import LakouError
from ingestion.exporting import RESOURCES, SCHEMAS, ExportSummary, export
from ingestion.quoting import quote
from ingestion.settings import Settings
from tests.integration.closed_shelf import Shelf

NATIONAL = SCHEMAS / "impact-service-public-numerique-0.5.0.json"
FIGURES = ("valeur", "numerateur", "denominateur", "n", "borne_basse", "borne_haute")


@pytest.fixture(scope="module")
def exported(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> ExportSummary:
    """The second publication of the shelf, as open data."""
    return export(shelf.settings, folder=tmp_path_factory.mktemp("open-data"), administration="Comité d'essai")


def read(summary: ExportSummary, name: str) -> list[dict[str, str]]:
    with (summary.folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_the_package_and_its_tables_are_valid(exported: ExportSummary) -> None:
    report = Package(str(exported.folder / "datapackage.json")).validate()
    assert report.valid, report.flatten(["taskName", "rowNumber", "fieldName", "note"])[:5]
    assert {task.name: task.stats["rows"] for task in report.tasks} == {
        resource.name: len(read(exported, resource.file_name)) for resource in RESOURCES
    }
    assert all(task.stats["rows"] for task in report.tasks)


def test_the_impact_file_is_valid_against_the_national_schema(exported: ExportSummary) -> None:
    path = exported.folder / "statistiques_impact_lakou.csv"
    descriptor = json.loads(NATIONAL.read_text(encoding="utf-8"))
    assert (descriptor["name"], descriptor["version"]) == ("impact-service-public-numerique", "v0.5.0")
    report = Resource(path=path.name, basepath=str(path.parent), schema=Schema.from_descriptor(descriptor)).validate()
    assert report.valid, report.flatten(["rowNumber", "fieldName", "note"])[:5]
    rows = read(exported, path.name)
    assert {row["administration_rattachement"] for row in rows} == {"Comité d'essai"}
    assert {row["denom_insee"] for row in rows} == {"REG", "COM"}
    # what is measured over a period says from when
    assert all(bool(row["date_debut"]) == (row["est_periode"] == "true") for row in rows)
    assert all(row["date"] < "2026-08-15" for row in rows if row["est_cible"] == "false")


def test_a_wrong_file_would_not_be_valid(exported: ExportSummary, tmp_path: Path) -> None:
    lines = (exported.folder / "statistiques_impact_lakou.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "wrong.csv").write_text("\n".join([lines[0], lines[1].replace(",false,", ",peut-être,", 1)]))
    schema = Schema.from_descriptor(json.loads(NATIONAL.read_text(encoding="utf-8")))
    assert not Resource(path="wrong.csv", basepath=str(tmp_path), schema=schema).validate().valid


def test_nothing_suppressed_leaks(shelf: Shelf, exported: ExportSummary) -> None:
    values = {row["reference"]: row for row in read(exported, "valeurs.csv")}
    reference = (
        "pub.value_reference(v.programme_code, v.period_grain, v.period_start, v.indicator_code, v.measure,"
        " v.territory_level, v.territory_code, v.partner_code, v.axis, v.member, v.publication_id)"
    )
    with connect(shelf.settings, "lakou_publisher") as publisher:
        hidden = publisher.execute(
            f"select {reference}, m.value from pub.indicator_values as v left join marts.fct_indicator_values as m"
            " using (programme_code, indicator_code, measure, period_grain, period_start, territory_level,"
            " territory_code, partner_code, axis, member) where v.state like 'SUPPRIME%' and v.measure = 'counted'"
            " and v.partner_code = 'TOTAL' and pub.period_end(v.period_grain, v.period_start) < '2026-08-15'".encode()
        ).fetchall()
        secondary = publisher.execute(
            "select count(*) from pub.indicator_values where state = 'SUPPRIME_SECONDAIRE'"
        ).fetchone()
    assert secondary is not None
    assert secondary[0] > 0
    assert len(hidden) > 20
    assert any(value is not None for _, value in hidden), "the marts know what is hidden"
    for name, _ in hidden:
        row = values[name]
        assert row["etat"].startswith("SUPPRIME")
        assert [row[column] for column in FIGURES] == [""] * len(FIGURES)
    national = read(exported, "statistiques_impact_lakou.csv")
    cited = {
        row["commentaires"].split("Référence : ")[1].split(". ")[0] for row in national if row["est_cible"] == "false"
    }
    assert len(cited) > 20
    assert not cited & {name for name, _ in hidden}


def test_what_is_a_partners_own_is_not_exported(shelf: Shelf, exported: ExportSummary) -> None:
    contents = "".join((exported.folder / file.path.name).read_text(encoding="utf-8") for file in exported.files)
    with connect(shelf.settings, "lakou_reader") as reader:
        own = reader.execute("select count(*) from pub.indicator_values where partner_code = 'OTHER'").fetchone()
    assert own is not None
    assert own[0] > 0
    assert "OTHER" not in contents
    assert not {".contributed.", ".attributed."} & set(contents.split(","))
    assert {row["reference"].split(".")[3] for row in read(exported, "valeurs.csv")} <= {"counted", "p2"}


def test_the_figures_are_those_of_pub_and_their_references_lead_back(shelf: Shelf, exported: ExportSummary) -> None:
    rows = read(exported, "valeurs.csv")
    with connect(shelf.settings, "lakou_reader") as reader:
        counted = reader.execute(
            "select count(*), sum(value) from pub.indicator_values where measure = 'counted' and partner_code = 'TOTAL'"
            " and pub.period_end(period_grain, period_start) < '2026-08-15'"
        ).fetchone()
        assert counted is not None
        assert len(rows) == counted[0]
        assert sum(float(row["valeur"] or 0) for row in rows) == pytest.approx(float(counted[1]))
        for row in [row for row in rows if row["valeur"]][::97]:
            found = quote(reader, row["reference"])
            assert float(found.value or 0) == pytest.approx(float(row["valeur"]))
            assert found.definition_hash == row["empreinte_definition"]
    formulas = {row["indicateur"]: row for row in read(exported, "indicateurs.csv")}
    for code, row in formulas.items():
        assert {v["empreinte_definition"] for v in rows if v["indicateur"] == code} <= {row["empreinte_definition"]}


def test_a_ratio_is_a_percentage_in_the_national_form(shelf: Shelf, exported: ExportSummary) -> None:
    rows = read(exported, "statistiques_impact_lakou.csv")
    (found,) = [
        row
        for row in rows
        if row["commentaires"].startswith("Indicateur T-01. ")
        and row["date"] == "2026-03-31"
        and row["denom_insee"] == "REG"
    ]
    with connect(shelf.settings, "lakou_reader") as reader:
        value = quote(reader, "MQ.2026-03.T-01.p2").value
    assert value is not None
    assert float(found["valeur"]) == pytest.approx(100 * float(value))
    assert (found["unite_mesure"], found["frequence_monitoring"]) == ("%", "mensuelle")


def test_the_same_publication_gives_the_same_bytes(shelf: Shelf, exported: ExportSummary, tmp_path: Path) -> None:
    with shelf.environment():
        done = CliRunner().invoke(main, ["export", "-o", str(tmp_path), "--administration", "Comité d'essai", "--json"])
    assert done.exit_code == 0, done.output
    said: dict[str, Any] = json.loads(done.stdout)
    assert [file["sha256"] for file in said["files"]] == [file.sha256 for file in exported.files]
    for file in said["files"]:
        assert hashlib.sha256(Path(file["path"]).read_bytes()).hexdigest() == file["sha256"]


def test_nothing_published_is_a_sentence(clean: Settings) -> None:
    with pytest.raises(LakouError, match="nothing is published"):
        export(clean)
