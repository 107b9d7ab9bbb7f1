"""Exports of partners' tools dropped as they are: read by the mapping of the tool's source, or refused with the reason."""

from __future__ import annotations

import csv
import datetime as dt
import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from openpyxl import Workbook

from ingestion.settings import Settings
from tests.integration.drop_box import DropBox, dump, mend

FILES = Path(__file__).parents[1] / "fixtures" / "exports"
SURVEY = """\
system: {system}
partner: KABIA
zone: America/Martinique
feeds:
  - entity: {entity}
    feed: F04
    {when}
    columns:
      enquete_id: {{constant: SATISFACTION-2026-1}}
      reponse_id: {{field: "{id}", prefix: R-}}
      type: {{constant: CHAUD}}
      session_id: {{constant: S1}}
      date_reponse: "{date}"
      note_satisfaction: "{note}"
      utilise_ia_travail: {{field: "{ia}", codes: {{Y: OUI, N: NON, Oui: OUI, Non: NON}}}}
"""
LIMESURVEY = SURVEY.format(
    system="limesurvey",
    entity=185393,
    when='when: {submitdate: "*"}',
    id="id",
    date="submitdate",
    note="satis",
    ia="certif",
)
STRUCTURES = """\
system: {system}
partner: KABIA
zone: America/Martinique
feeds:
  - entity: {entity}
    feed: F14
    period: {date}
    columns:
      siren: {siren}
      denomination: name
      role: {{constant: STARTUP}}
      code_commune: {{constant: "97209"}}
      date_debut: {date}
"""
DOLIBARR = STRUCTURES.format(system="dolibarr", entity="thirdparties", siren="idprof1", date="date_creation")
ESPOCRM = STRUCTURES.format(system="espocrm", entity="Account", siren="sicCode", date="createdAt")
ODK = """\
system: odk
partner: KABIA
zone: UTC
personal: [nom]
processing: {country: France, contract: DPA-2026-04}
feeds:
  - entity: 1/seance_ia
    feed: F04
    columns:
      enquete_id: {constant: SATISFACTION-2026-1}
      reponse_id: __id
      type: {constant: AVANT}
      session_id: {constant: S1}
      date_reponse: {field: date_session, clock: wall}
      note_satisfaction: note
  - entity: 1/seance_ia
    table: 1/seance_ia.participants
    feed: F02
    period: ../date_session
    columns:
      objet_id: {constant: S1}
      courriel: {constant: ""}
      nom_naissance: nom
      prenom: nom
      annee_naissance: {constant: "1990"}
      sexe: {constant: NR}
      statut_pro: {constant: NR}
      niveau_diplome: {constant: NR}
      canal_orientation: {constant: DIRECT}
      statut: {constant: INSCRIT}
"""
IN_FORCE = """
    select r.{columns} from raw.{table} as r where not exists (
        select 1 from ops.supersessions as s where s.superseded_delivery_id = r._delivery_id
    ) order by 1
"""
TECHNICAL_PEOPLE = "zyzomyst@courrier.invalid"


@dataclass
class Bench:
    """One partner and the folder of its sources."""

    box: DropBox
    folder: Path

    def declare(self, text: str, name: str = "outil") -> None:
        (self.folder / f"{name}.yml").write_text(text, encoding="utf-8")

    def drop(self, name: str, contents: bytes | None = None, recorded: str = "") -> list[tuple[str, ...]]:
        """Receive one file; the feed, period, version and state of each delivery that it made."""
        self.box.put(name, contents if contents is not None else (FILES / recorded).read_bytes())
        assert self.box.receive().failures == ()
        return self.box.all(
            "select feed, period, version::text, state from ops.deliveries where file_name = %s order by feed, period",
            name,
        )

    def rows(self, table: str, columns: str) -> list[tuple[str, ...]]:
        return self.box.all(IN_FORCE.format(table=table, columns=columns))

    def receipt(self, name: str) -> str:
        """Text of a receipt, with plain spaces."""
        return re.sub("[\u00a0\u202f]", " ", html.unescape(self.box.receipt(name)))

    def refusal(self, name: str) -> tuple[str, str]:
        """Rule of the whole file's refusal, and its receipt."""
        rule = self.box.one(
            "select r.rule_id from quarantine.rejected_rows as r join ops.deliveries as d using (delivery_id)"
            " where d.file_name = %s and r.row_number = 0 and d.is_blocked",
            name,
        )
        return rule, self.receipt(name)


@pytest.fixture
def bench(clean: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    monkeypatch.setenv("LAKOU_TODAY", "2026-12-22")
    monkeypatch.setenv("LAKOU_SOURCES_DIR", str(tmp_path))
    box = DropBox(clean).open_account(feeds=("F01", "F02", "F04", "F14"))
    box.put_sessions("S1", period="2026-01", date_debut="2026-01-02", date_fin="2026-01-02")
    assert box.receive().failures == ()
    return Bench(box, tmp_path)


def survey_rows() -> list[dict[str, str]]:
    with (FILES / "limesurvey-codes.csv").open(encoding="utf-8-sig", newline="") as file:
        return [row for row in csv.DictReader(file, delimiter=";") if row["submitdate"]]


def test_answers_exported_by_hand_are_the_rows_that_a_pull_would_give(bench: Bench) -> None:
    bench.declare(LIMESURVEY)
    made = bench.drop("results-survey185393.csv", recorded="limesurvey-codes.csv")
    answers = survey_rows()
    months = sorted({row["submitdate"][:7] for row in answers})
    assert [(feed, period, version) for feed, period, version, _ in made] == [("F04", month, "1") for month in months]
    # an answer at once without a note is refused by the contract, as in any file
    expected = sorted(
        (f"R-{row['id']}", row["satis"], {"Y": "true", "N": "false", "": None}[row["certif"]])
        for row in answers
        if row["satis"]
    )
    assert bench.rows("f04_enquetes_formation", "reponse_id, r.note_satisfaction, r.utilise_ia_travail") == expected
    # each period has a receipt of its own, which says what was understood
    receipt = bench.receipt(f"results-survey185393.csv.F04.{months[0]}")
    assert "Export de LimeSurvey lu avec la correspondance « outil »" in receipt
    assert "de côté par la correspondance" in receipt
    # the lines told are those of the export
    with (FILES / "limesurvey-codes.csv").open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=";")
        lines = {}
        begins = 1
        for record in reader:
            if record:
                lines[f"R-{record[0]}"] = begins
            begins = reader.line_num + 1
    told = dict(bench.box.all("select reponse_id, _row_number from raw.f04_enquetes_formation"))
    assert told == {name: lines[name] for name in told}


def test_rows_of_an_export_that_are_refused_come_back_to_be_mended(bench: Bench) -> None:
    bench.declare(LIMESURVEY)
    bench.drop("a.csv", recorded="limesurvey-codes.csv")
    without = [row for row in survey_rows() if not row["satis"]]
    assert without
    for number, given in enumerate(sorted(bench.box.receipts.glob("*rejets1.xlsx"))):
        mend(given, bench.box.depot / f"corrigé{number}.xlsx", "note_satisfaction", "3")
    assert bench.box.receive().failures == ()
    assert bench.rows("f04_enquetes_formation", "reponse_id") == sorted((f"R-{row['id']}",) for row in survey_rows())


def test_the_same_export_is_known_and_a_later_one_is_the_next_version(bench: Bench) -> None:
    bench.declare(LIMESURVEY)
    text = (FILES / "limesurvey-codes.csv").read_bytes()
    first = bench.drop("a.csv", text)
    assert bench.drop("b.csv", text) == []
    edited = text.replace(b'"5";"31.8"', b'"1";"31.8"').replace(b'"3";"11.1"', b'"4";"11.1"')
    assert edited != text
    second = bench.drop("c.csv", edited)
    assert [(feed, period, version) for feed, period, version, _ in second] == [
        (feed, period, "2") for feed, period, _, _ in first
    ]
    assert ("R-2", "4") in bench.rows("f04_enquetes_formation", "reponse_id, r.note_satisfaction")
    assert len(bench.rows("f04_enquetes_formation", "reponse_id")) == len(
        [row for row in survey_rows() if row["satis"]]
    )


def test_a_named_export_gives_its_period_only_and_one_without_it_replaces_nothing(bench: Bench) -> None:
    bench.declare(LIMESURVEY)
    name = "F04_enquetes_formation__KABIA__2026-04__v1.csv"
    assert [made[:3] for made in bench.drop(name, recorded="limesurvey-codes.csv")] == [("F04", "2026-04", "1")]
    april = sorted((f"R-{row['id']}",) for row in survey_rows() if row["submitdate"][:7] == "2026-04" and row["satis"])
    assert april
    assert bench.rows("f04_enquetes_formation", "reponse_id") == april
    assert "d'après le nom du fichier" in bench.receipt(name)
    lines = (FILES / "limesurvey-codes.csv").read_text("utf-8-sig").splitlines(keepends=True)
    march = lines[0] + "".join(line for line in lines[1:] if ';"2026-04' not in line and line.startswith('"'))
    wrong = name.replace("v1", "v2")
    bench.drop(wrong, march.encode("utf-8-sig"))
    assert bench.refusal(wrong)[0] == "EXPORT-HORS-PERIODE"
    assert bench.rows("f04_enquetes_formation", "reponse_id") == april


def test_texts_of_questions_where_the_mapping_has_codes_are_refused_with_the_option(bench: Bench) -> None:
    bench.declare(LIMESURVEY)
    assert bench.drop("resultats.xls", recorded="limesurvey-textes.xls") == [(None, None, None, "REFUSÉ")]
    rule, receipt = bench.refusal("resultats.xls")
    assert rule == "EXPORT-SANS-CORRESPONDANCE"
    assert "« certif », « satis »" in receipt
    assert "Code de la question" in receipt
    # and read by a mapping that names the questions' texts
    texts = SURVEY.format(
        system="limesurvey", entity=185393, when='when: {submitdate: "*"}', id="id", date="submitdate",
        note="Satisfaction globale", ia="Avez-vous été certifié·e ?",
    )  # fmt: skip
    bench.declare(texts)
    bench.drop("resultats.xls", recorded="limesurvey-textes.xls")
    assert len(bench.rows("f04_enquetes_formation", "reponse_id")) == len(
        [row for row in survey_rows() if row["satis"]]
    )


@pytest.mark.parametrize("name", ["dolibarr-tiers-utf8.csv", "dolibarr-tiers.xlsx"])
def test_companies_of_dolibarr_are_read_from_a_csv_and_a_workbook(bench: Bench, name: str) -> None:
    bench.declare(DOLIBARR)
    made = bench.drop(f"export_societe_1.{name.rpartition('.')[2]}", recorded=name)
    assert [row[:3] for row in made] == [("F14", "2026-T4", "1")]
    with (FILES / "dolibarr-tiers-utf8.csv").open(encoding="utf-8", newline="") as file:
        companies = {row["Identifiant professionnel 1"]: row["Nom"] for row in csv.DictReader(file)}
    loaded = dict(bench.rows("f14_structures", "siren, r.denomination"))
    refused = bench.box.one("select rows_rejected from ops.deliveries where feed = 'F14'")
    assert loaded
    assert loaded.items() <= companies.items()
    assert len(loaded) + refused == 51


def test_companies_of_espocrm_are_read_and_a_lossy_dolibarr_is_refused(bench: Bench) -> None:
    bench.declare(ESPOCRM)
    assert [row[:3] for row in bench.drop("Export_Account.csv", recorded="espocrm-account.csv")] == [
        ("F14", "2026-T4", "1")
    ]
    with (FILES / "espocrm-account.csv").open(encoding="utf-8", newline="") as file:
        companies = {row["sicCode"]: row["name"] for row in csv.DictReader(file)}
    loaded = dict(bench.rows("f14_structures", "siren, r.denomination"))
    assert loaded
    assert loaded.items() <= companies.items()
    assert any("Schœlcher" in name for name in companies.values())
    assert bench.drop("export_societe_1.csv", recorded="dolibarr-tiers-iso.csv")[0][3] == "REFUSÉ"
    rule, receipt = bench.refusal("export_societe_1.csv")
    assert rule == "EXPORT-APPAUVRI"
    assert "CSV (UTF-8)" in receipt
    assert "COLONNE-INCONNUE" not in receipt


def test_an_archive_of_odk_gives_sessions_answers_and_people_without_a_name_in_the_clear(bench: Bench) -> None:
    bench.declare(ODK)
    made = bench.drop("seance_ia.zip", recorded="odk-seance_ia.zip")
    assert {feed for feed, *_ in made} == {"F02", "F04"}
    with (FILES / "odk-seance_ia.csv").open(encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))
    assert {period for feed, period, *_ in made if feed == "F04"} == {row["date_session"][:7] for row in answers}
    assert bench.rows("f04_enquetes_formation", "reponse_id") == sorted((row["KEY"],) for row in answers)
    assert bench.box.one("select sum(rows_received) from ops.deliveries where feed = 'F02'") > len(answers)
    assert bench.rows("f02_participations", "objet_id")
    everything = dump(bench.box.settings)
    assert "Louis-Joseph" not in everything
    assert "admin@example.org" not in everything


@pytest.mark.parametrize(
    ("recorded", "name", "title"),
    [
        ("limesurvey-codes.csv", "results.csv", "LimeSurvey"),
        ("limesurvey-textes.xls", "results.xls", "LimeSurvey"),
        ("dolibarr-tiers-utf8.csv", "tiers.csv", "Dolibarr"),
        ("dolibarr-tiers.xlsx", "tiers.xlsx", "Dolibarr"),
        ("dolibarr-contacts.csv", "contacts.csv", "Dolibarr"),
        ("dolibarr-projets.csv", "projets.csv", "Dolibarr"),
        ("espocrm-account.csv", "Export_Account.csv", "EspoCRM"),
        ("espocrm-opportunity.xlsx", "Export_Opportunity.xlsx", "EspoCRM"),
        ("odk-seance_ia.zip", "seance_ia.zip", "ODK Central"),
        ("odk-seance_ia.csv", "F04_enquetes_formation__KABIA__2026-05__v1.csv", "ODK Central"),
    ],
)
def test_an_export_of_a_tool_that_is_not_declared_is_explained(
    bench: Bench, recorded: str, name: str, title: str
) -> None:
    bench.drop(name, recorded=recorded)
    rule, receipt = bench.refusal(name)
    assert rule == "EXPORT-SANS-CORRESPONDANCE"
    assert title in receipt
    assert "déclarer votre outil" in receipt
    assert "n'est pas prévue" not in receipt


def google() -> bytes:
    rows = [["Horodateur", "Adresse e-mail", "Note", "Numéro", "IA au travail"]]
    rows += [["07/03/2026 10:00:12", TECHNICAL_PEOPLE, "5", "1", "Oui"], ["12/03/2026 9:05:00", "", "4", "2", "Non"]]
    return table(rows, ",").encode()


def framaforms() -> bytes:
    rows = [["", "", "", "", "", "", ""], ["", "", "", "", "", "Avis", ""]]
    rows += [["Serial", "SID", "Submitted Time", "IP Address", "UID", "Note", "IA au travail"]]
    rows += [
        ["1", "1", "07/03/2026 - 10:00", "10.0.0.1", "0", "5", "Oui"],
        ["2", "2", "2026-03-12 09:05:00", "", "0", "4", "Non"],
    ]
    return table(rows, "\t").replace("07/03/2026 - 10:00", "07/03/2026 10:00").encode()


def microsoft() -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["ID", "Heure de début", "Heure de fin", "Adresse de messagerie", "Nom", "Note", "IA au travail"])
    sheet.append([1, moment(2026, 3, 7, 9, 58), moment(2026, 3, 7, 10, 0, 12), TECHNICAL_PEOPLE, "Zyzomyst", 5, "Oui"])
    sheet.append([2, moment(2026, 3, 12, 9), moment(2026, 3, 12, 9, 5), "anonymous", "", 4, "Non"])
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def moment(*parts: int) -> dt.datetime:
    # a workbook knows no time zone
    return dt.datetime(*parts)  # type: ignore[arg-type,misc]  # noqa: DTZ001


def hubspot() -> bytes:
    rows = [["Record ID", "First Name", "Email", "Create Date", "Note", "IA au travail"]]
    rows += [
        ["1", "Zyzomyst", TECHNICAL_PEOPLE, "2026-03-07 10:00", "5", "Oui"],
        ["2", "", "", "2026-03-12 09:05", "4", "Non"],
    ]
    return table(rows, ",").encode()


def brevo() -> bytes:
    rows = [["CONTACT ID", "EMAIL", "NOTE", "IA", "ADDED_TIME", "MODIFIED_TIME"]]
    rows += [
        ["1", TECHNICAL_PEOPLE, "5", "Oui", "07-03-2026 10:00:12", ""],
        ["2", "x@courrier.invalid", "4", "Non", "12-03-2026 09:05:00", ""],
    ]
    return table(rows, ";").encode()


def table(rows: list[list[str]], separator: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize(
    ("system", "name", "contents", "fields"),
    [
        ("google_forms", "Réponses.csv", google, ("Numéro", "Horodateur", "Note", "IA au travail")),
        ("framaforms", "resultats.csv", framaforms, ("SID", "Submitted Time", "Avis [Note]", "IA au travail")),
        ("microsoft_forms", "Avis(1-2).xlsx", microsoft, ("ID", "Heure de fin", "Note", "IA au travail")),
        ("hubspot", "hubspot-crm-exports.csv", hubspot, ("Record ID", "Create Date", "Note", "IA au travail")),
        ("brevo", "contacts.csv", brevo, ("CONTACT ID", "ADDED_TIME", "NOTE", "IA")),
    ],
)
def test_tools_that_are_not_pulled_are_declared_without_a_server(
    bench: Bench, system: str, name: str, contents: Callable[[], bytes], fields: tuple[str, str, str, str]
) -> None:
    number, date, note, ia = fields
    bench.declare(SURVEY.format(system=system, entity="avis", when="when: {}", id=number, date=date, note=note, ia=ia))
    assert [row[:3] for row in bench.drop(name, contents())] == [("F04", "2026-03", "1")]
    assert bench.rows("f04_enquetes_formation", "reponse_id, r.note_satisfaction, r.utilise_ia_travail") == [
        ("R-1", "5", "true"), ("R-2", "4", "false"),
    ]  # fmt: skip
    days = bench.rows("f04_enquetes_formation", "reponse_id, left(r.date_reponse, 10)")
    assert days == [("R-1", "2026-03-07"), ("R-2", "2026-03-12")]
    everything = dump(bench.box.settings)
    assert TECHNICAL_PEOPLE not in everything
    assert "Zyzomyst" not in everything


def test_two_declared_forms_with_the_same_questions_are_told_apart_by_the_file_name(bench: Bench) -> None:
    second = LIMESURVEY.split("feeds:\n")[1].replace("185393", "999999")
    bench.declare(LIMESURVEY + second)
    bench.drop("resultats.csv", recorded="limesurvey-codes.csv")
    rule, receipt = bench.refusal("resultats.csv")
    assert rule == "EXPORT-AMBIGU"
    assert "185393" in receipt
    assert bench.drop("results-survey185393.csv", recorded="limesurvey-codes.csv")[0][0] == "F04"


def test_a_record_without_a_date_is_refused_and_not_lost(bench: Bench) -> None:
    bench.declare(
        SURVEY.format(
            system="google_forms",
            entity="avis",
            when="when: {}",
            id="Numéro",
            date="Horodateur",
            note="Note",
            ia="IA au travail",
        )
    )
    bench.drop("r.csv", google().replace(b"12/03/2026 9:05:00", b"hier"))
    assert bench.rows("f04_enquetes_formation", "reponse_id") == [("R-1",)]
    assert bench.box.all(
        "select rows_received, rows_accepted, rows_rejected from ops.deliveries where feed = 'F04'"
    ) == [(2, 1, 1)]
    assert "ne se lit pas" in bench.receipt("r.csv")


def test_a_source_that_has_no_server_is_not_pulled_and_says_so(bench: Bench) -> None:
    from click.testing import CliRunner

    from expectations.cli import main

    bench.declare(
        SURVEY.format(system="google_forms", entity="avis", when="when: {}", id="a", date="b", note="c", ia="d")
    )
    done = CliRunner().invoke(main, ["pull", "outil"])
    assert done.exit_code != 0
    assert "exported files" in done.output + str(done.exception)
    assert "exported by hand" in CliRunner().invoke(main, ["source", "list"]).output
