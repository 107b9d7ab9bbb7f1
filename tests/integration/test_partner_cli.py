"""`lakou partner`, `template`, `check`, `hold`, `status` and `doctor` as an operator types them."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner, Result

from ingestion.cli import main
from ingestion.contracts import load_contract, load_contracts
from ingestion.database import connect
from ingestion.partners import periods
from ingestion.settings import Settings
from tests.integration.drop_box import SURNAMES, TODAY, DropBox, participations, sessions
from tests.integration.receipt_books import read_page

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAtexFKL2zpJQfPpTgKvXzQ3Z0u6Vb0nW1yq3n4F7d8S"
OPEN = (
    "partner",
    "add",
    "kabia",
    "--name",
    "Kabia",
    "--kind",
    "STARTUP",
    "--programme",
    "MQ",
    "--feeds",
    "F01,f02,F05B,G05",
)


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> DropBox:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    monkeypatch.delenv("LAKOU_SMTP_URL", raising=False)
    return DropBox(clean)


def lakou(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)


def test_an_account_is_opened_in_one_command(box: DropBox, tmp_path: Path) -> None:
    key = tmp_path / "kabia.pub"
    key.write_text(f"{KEY} kabia\n")
    done = lakou(*OPEN, "--key", key, "--email", "donnees@kabia.invalid", "--expect-from", "2026-01")
    assert done.exit_code == 0, done.output
    assert "KABIA: opened" in done.output
    assert "1 keys added" in done.output
    assert "personal columns are refused" in done.output
    assert box.one("select email, feeds from ops.partners") == ("donnees@kabia.invalid", ["F01", "F02", "F05b", "G05"])
    guides = box.settings.drop / "KABIA" / "modeles"
    assert {path.name for path in guides.iterdir()} >= {"formation__modele.xlsx", "DICTIONNAIRE.html", "LISEZ-MOI.html"}
    sheet = openpyxl.load_workbook(guides / "formation__modele.xlsx")["Envoi"]
    assert "KABIA" in {cell.value for row in sheet.iter_rows() for cell in row}


def test_each_feed_is_expected_at_its_own_rhythm(box: DropBox) -> None:
    assert lakou(*OPEN, "--expect-from", "2026-01", "--expect-to", "2026-12").exit_code == 0
    counts = dict(box.all("select feed, count(*) from ops.expected_deliveries group by feed"))
    assert counts == {"F01": 12, "F02": 12, "F05b": 4, "G05": 1}
    due = dict(box.all("select feed, max(due_on) from ops.expected_deliveries group by feed"))
    assert due["F01"] == dt.date(2027, 1, 10)
    assert due["F05b"] == dt.date(2027, 1, 20)
    assert due["G05"] == dt.date(2027, 1, 30)
    again = lakou(*OPEN, "--expect-from", "2026-01", "--expect-to", "2027-01", "--json")
    assert json.loads(again.stdout)["expected"] == 2, "one month more of two monthly feeds"


@pytest.mark.parametrize(
    ("grain", "texts"),
    [
        ("month", ["2026-11", "2026-12", "2027-01"]),
        ("quarter", ["2026-T4"]),
        ("semester", ["2026-S2"]),
        ("year", ["2026"]),
        ("any", []),
    ],
)
def test_periods_are_expected_where_they_end(grain: str, texts: list[str]) -> None:
    found = periods(grain, dt.date(2026, 11, 5), dt.date(2027, 1, 31))
    assert [period.text for period in found] == texts


def test_every_contract_can_be_expected(box: DropBox) -> None:
    feeds = ",".join(load_contracts())
    assert lakou(*OPEN[:-1], feeds, "--expect-from", "2026-01").exit_code == 0
    expected = {feed for (feed,) in box.all("select distinct feed from ops.expected_deliveries")}
    assert expected == {feed for feed, contract in load_contracts().items() if contract.due_days is not None}
    guides = box.settings.drop / "KABIA" / "modeles"
    page = read_page((guides / "LISEZ-MOI.html").read_text(encoding="utf-8"), guides)
    assert page.faults == []
    for feed in load_contracts():
        assert f"{feed}_{load_contract(feed).name}__KABIA__2026" in page.words()


def test_bringing_an_account_up_to_date_keeps_what_is_not_given(box: DropBox) -> None:
    assert lakou(*OPEN, "--email", "a@kabia.invalid", "--notice-version", "2026-1").exit_code == 0
    old = box.settings.drop / "KABIA" / "modeles" / "F99_former__modele.xlsx"
    old.write_bytes(b"former")
    done = lakou("partner", "add", "KABIA", "--feeds", "F03", "--email", "")
    assert done.exit_code == 0, done.output
    assert "brought up to date" in done.output
    assert box.one("select name, feeds, email, notice_version from ops.partners") == ("Kabia", ["F03"], None, "2026-1")
    assert not old.exists()
    assert not (old.parent / "formation__modele.xlsx").exists()
    assert (old.parent / "F03_certifications__modele.xlsx").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["partner", "add", "KABIA"], 1, "--name, --kind, --programme, --feeds"),
        ([*OPEN, "--email", "not an address"], 1, "no e-mail address"),
        ([*OPEN[:-1], "F01,F99"], 1, "F99"),
        ([*OPEN, "--expect-to", "2026-01"], 2, "--expect-to needs --expect-from"),
        ([*OPEN, "--expect-from", "2026-05", "--expect-to", "2026-01"], 2, "before"),
        ([*OPEN, "--expect-from", "mars"], 2, "mars"),
        (["check", "no-such-file.csv"], 2, "no-such-file.csv"),
        (["template", "F01", "-o", "/nowhere/x.xlsx"], 1, "/nowhere/x.xlsx"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(box: DropBox, arguments: list[str], code: int, said: str) -> None:
    done = lakou(*arguments)
    assert (done.exit_code, said in done.stderr) == (code, True), done.output
    assert "Traceback" not in done.output


def test_every_command_has_its_help() -> None:
    def walk(command: object, path: list[str]) -> None:
        assert lakou(*path, "--help").exit_code == 0
        assert command.help, path  # type: ignore[attr-defined]
        for parameter in command.params:  # type: ignore[attr-defined]
            if parameter.param_type_name == "option" and parameter.name not in {"legal_basis"}:
                assert parameter.help, (path, parameter.name)
        for name, child in getattr(command, "commands", {}).items():
            walk(child, [*path, name])

    for name, command in main.commands.items():
        if command.callback is not None and command.callback.__module__ == "ingestion.cli":
            walk(command, [name])


def test_a_template_is_of_a_whole_workbook_or_of_one_feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert lakou("template", "f02", "--partner", "kabia").output == "formation__modele.xlsx\n"
    whole = openpyxl.load_workbook("formation__modele.xlsx")
    marks = {sheet["A1"].value for sheet in whole if str(sheet["A1"].value).startswith("lakou:")}
    assert {mark.split(":")[1] for mark in marks} >= {"F01", "F02", "F03"}
    assert lakou("template", "F02", "--alone").output == "F02_participations__modele.xlsx\n"


def test_check_answers_as_the_drop_would_and_leaves_nothing_behind(box: DropBox, tmp_path: Path) -> None:
    box.open_account().put_sessions("S1")
    box.receive()
    people = tmp_path / "F02_participations__KABIA__2026-09__v1.csv"
    people.write_text(participations([("S1", SURNAMES[0]), ("S1", f"{SURNAMES[1]},Q"), ("S9", SURNAMES[2])]))
    folder = tmp_path / "accuses"
    done = lakou("check", people, "--receipt", folder)
    assert done.exit_code == 0, done.output
    assert "F02 2026-09 v1: ACCEPTÉ AVEC RÉSERVES, 3 rows = 1 accepted + 1 awaiting + 1 refused" in done.output
    assert "line 3, sexe: REFUSE LISTE" in done.output
    (page,) = folder.glob("*.accuse.html")
    checked = read_page(page.read_text(encoding="utf-8"), folder)
    assert checked.faults == []
    assert "rien n'a été envoyé ni enregistré" in checked.words()
    assert len(list(folder.glob("*.rejets1.xlsx"))) == 1
    assert box.one("select count(*) from ops.deliveries") == 1
    assert box.one("select count(*) from ops.receipts") == 1


def test_a_long_check_says_that_it_goes_on(box: DropBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box.open_account()
    path = tmp_path / "F01_sessions_formation__KABIA__2026-09__v1.csv"
    path.write_text(sessions(["S1"]))
    monkeypatch.setattr("ingestion.cli.SECONDS_BETWEEN_LINES", 0.001)
    done = lakou("check", path, "--json")
    assert done.stderr.startswith(f"judging {path.name}: 0 s\n")
    assert json.loads(done.stdout)[0]["state"] == "ACCEPTÉ"


def test_check_refuses_what_the_drop_would_refuse(box: DropBox, tmp_path: Path) -> None:
    box.open_account()
    blocked = tmp_path / "n importe quoi.csv"
    blocked.write_text(sessions(["S1"]))
    done = lakou("check", blocked, "--partner", "kabia", "--receipt", tmp_path / "out", "--json")
    assert done.exit_code == 1
    (answer,) = json.loads(done.stdout)
    assert (answer["state"], answer["blocked"]) == ("REFUSÉ", "NOM-INCONNU")
    assert Path(answer["receipt"]).exists()


def test_check_of_a_workbook_answers_for_each_feed(box: DropBox, tmp_path: Path) -> None:
    box.open_account()
    path = tmp_path / "notre envoi.xlsx"
    assert lakou("template", "F01", "--partner", "KABIA", "-o", path).exit_code == 0
    book = openpyxl.load_workbook(path)
    for row in book["Envoi"].iter_rows():
        if row[0].value == "Période":
            row[1].value = "2026-09"
    for text in (sessions(["S1"]), participations([("S1", SURNAMES[0])])):
        header, row = (line.split(";") for line in text.splitlines())
        feed = "F01" if "session_id" in header else "F02"
        sheet = next(sheet for sheet in book if str(sheet["A1"].value).startswith(f"lakou:{feed}:"))
        columns = [column.name for column in load_contract(feed).columns]
        for name, cell in zip(header, row, strict=True):
            sheet.cell(3, columns.index(name) + 1, cell)
    book.save(path)
    done = lakou("check", path, "--json", "--receipt", tmp_path / "out")
    answers = {answer["feed"]: answer for answer in json.loads(done.stdout)}
    assert {"F01", "F02"} <= set(answers), done.output
    assert answers["F01"]["rows_accepted"] == 1, done.output
    assert answers["F02"]["rows_awaiting"] == 1, done.output
    assert len({answer["receipt"] for answer in answers.values()}) == len(answers)


def test_the_status_counts_what_is_late_held_and_waiting(box: DropBox) -> None:
    box.open_account().put_sessions("S1")
    box.receive()
    status = json.loads(lakou("status", "--json").stdout)
    assert (status["late"], status["held"], status["mails_waiting"]) == (0, 0, 0)
    box.all("update ops.expected_deliveries set due_on = '2026-10-01' returning 1")
    assert json.loads(lakou("status", "--json").stdout)["late"] == 5, "of six, one came"
    assert "late             5" in lakou("status").output


def doctor(box: DropBox) -> dict[str, dict[str, object]]:
    for path in box.settings.secrets.iterdir():
        path.chmod(0o600)
    return {item["check"]: item for item in json.loads(lakou("doctor", "--json").stdout)}


def test_the_doctor_finds_nothing_on_a_sound_platform(box: DropBox) -> None:
    box.open_account().put_sessions("S1")
    box.receive()
    found = doctor(box)
    assert [name for name, item in found.items() if not item["ok"]] == []
    assert "no mail is sent" in str(found["mail"]["what"])


def test_the_doctor_names_a_landing_that_cannot_be_read(box: DropBox) -> None:
    box.open_account().put_sessions("S1")
    box.receive()
    shutil.rmtree(box.settings.home / "landing")
    found = doctor(box)["landing"]
    assert not found["ok"]
    assert "is not under" in str(found["what"])


def test_the_doctor_names_a_clock_gone_back(box: DropBox) -> None:
    box.open_account().put_sessions("S1")
    box.receive()
    box.all("update ops.receipts set issued_at = clock_timestamp() + interval '1 hour' returning 1")
    assert "a clock went back" in str(doctor(box)["clock"]["what"])


def test_the_doctor_names_a_mail_server_that_is_away_and_mails_given_up(
    box: DropBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.open_account()
    monkeypatch.setenv("LAKOU_SMTP_URL", "smtp://127.0.0.1:1?from=a@b.invalid")
    assert "does not let us in" in str(doctor(box)["mail"]["what"])
    monkeypatch.delenv("LAKOU_SMTP_URL")
    with connect(box.settings) as connection:
        connection.execute(
            "insert into ops.mails (partner_code, kind, recipient, subject, body, last_error, given_up_at)"
            " values ('KABIA', 'RAPPEL', 'a@b.invalid', 's', 'b', 'recipient refused, 550', clock_timestamp())"
        )
    found = doctor(box)["mail"]
    assert (found["ok"], "recipient refused, 550" in str(found["what"])) == (False, True)


def test_the_doctor_names_a_full_disk(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    box.open_account()
    usage = shutil.disk_usage(box.settings.home)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1 << 20))
    assert not doctor(box)["disk"]["ok"]
