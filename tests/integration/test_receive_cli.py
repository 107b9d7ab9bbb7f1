"""`lakou` as an operator types it: exit codes, JSON, errors on stderr with their remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ingestion.cli import main
from ingestion.settings import Settings
from tests.integration.drop_box import SURNAMES, TODAY, DropBox, participations, sessions

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAtexFKL2zpJQfPpTgKvXzQ3Z0u6Vb0nW1yq3n4F7d8S"


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> DropBox:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    return DropBox(clean)


def lakou(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)


def test_an_account_is_opened_with_all_that_its_partner_needs(box: DropBox) -> None:
    command = [
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
        "F01,F02",
    ]
    done = lakou(*command, "--expect-from", "2026-01", "--expect-to", "2026-12")
    assert done.exit_code == 0, done.output
    assert "personal columns are refused" in done.output
    assert box.one("select count(*), max(due_on)::text from ops.expected_deliveries") == (24, "2027-01-10")
    guides = {path.name for path in (box.settings.drop / "KABIA" / "modeles").iterdir()}
    assert guides == {
        "formation__modele.xlsx",
        "DICTIONNAIRE.html",
        "LISEZ-MOI.html",
    }
    assert lakou("partner", "key", "KABIA", "-", stdin=f"{KEY} them\n").output == "KABIA: key added\n"
    assert "already" in lakou("partner", "key", "KABIA", "-", stdin=f"{KEY} again\n").output
    keys = box.settings.home / "sftp" / "authorized_keys" / "KABIA"
    assert keys.read_text() == f"{KEY} them\n"
    (listed,) = json.loads(lakou("partner", "list", "--json").stdout)
    assert listed["feeds"] == ["F01", "F02"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["partner", "add", "ka bia", "--name", "K", "--kind", "X", "--programme", "MQ", "--feeds", "F01"],
            "no partner code",
        ),
        (["partner", "add", "KABIA", "--name", "K", "--kind", "X", "--programme", "MQ", "--feeds", "F99"], "F99"),
        (["partner", "key", "NOBODY", "-"], "no partner 'NOBODY'"),
        (["template", "F99"], "F99"),
        (["replay", "F01-NOBODY"], "no delivery"),
        (["hold", "release", "F01-NOBODY", "--by", "me"], "nothing holds"),
        (["wait", "F01-NOBODY", "--timeout", "0"], "was not received"),
    ],
)
def test_a_failure_is_one_sentence_and_its_remedy(box: DropBox, arguments: list[str], said: str) -> None:
    done = lakou(*arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("lakou: ")
    assert said in done.stderr
    assert "to mend it:" in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("line", ['command="sh" ' + KEY, "-----BEGIN OPENSSH PRIVATE KEY-----", f"{KEY} a\n{KEY} b"])
def test_only_a_bare_public_key_lets_a_partner_in(box: DropBox, line: str) -> None:
    box.open_account()
    assert lakou("partner", "key", "KABIA", "-", stdin=line).exit_code == 1
    assert not (box.settings.home / "sftp").exists()


def test_receive_wait_status_and_check(box: DropBox, tmp_path: Path) -> None:
    box.open_account()
    name = box.put_sessions("S1").name
    taken = lakou("receive", "--json")
    assert taken.exit_code == 0, taken.output
    assert json.loads(taken.stdout)["rows_accepted"] == 1
    waited = json.loads(lakou("wait", name, "--json").stdout)
    assert waited["state"] == "ACCEPTÉ"
    assert lakou("wait", name, "--published", "--timeout", "0").exit_code == 1
    status = json.loads(lakou("status", "--json").stdout)
    assert (status["deliveries"], status["loads_not_built"]) == ({"ACCEPTÉ": 1}, 1)
    people = tmp_path / "F02_participations__KABIA__2026-09__v1.csv"
    people.write_text(participations([("S1", SURNAMES[0]), ("S1", f"{SURNAMES[1]},Q")]))
    checked = lakou("check", people, "--json")
    assert (checked.exit_code, json.loads(checked.stdout)[0]["rows_rejected"]) == (0, 1)
    blocked = tmp_path / "n importe quoi.csv"
    blocked.write_text(sessions(["S1"]))
    assert lakou("check", blocked, "--partner", "KABIA").exit_code == 1


def test_a_held_delivery_is_released_by_somebody(box: DropBox) -> None:
    box.open_account().put_sessions("S1")
    box.receive()
    delivery = box.one("select delivery_id from ops.deliveries")
    box.all("insert into ops.holds (delivery_id, reason) values (%s, 'ECART') returning 1", delivery)
    assert [item["delivery_id"] for item in json.loads(lakou("hold", "list", "--json").stdout)] == [delivery]
    assert lakou("hold", "release", delivery, "--by", "Ada").exit_code == 0
    assert json.loads(lakou("hold", "list", "--json").stdout) == []
    assert box.one("select actor, subject from ops.audit_log") == ("Ada", delivery)


def test_the_doctor_names_what_is_wrong(box: DropBox) -> None:
    box.open_account()
    for path in box.settings.secrets.iterdir():
        path.chmod(0o600)
    assert lakou("doctor").exit_code == 0, lakou("doctor").output
    secret = box.settings.secrets / "hmac.key"
    secret.chmod(0o644)
    done = lakou("doctor", "--json")
    secret.chmod(0o600)
    assert done.exit_code == 1
    assert [item["check"] for item in json.loads(done.stdout) if not item["ok"]] == ["secrets"]


def test_another_hmac_key_is_noticed(box: DropBox) -> None:
    box.open_account().put_sessions("S1")
    box.put_people(("S1", SURNAMES[0]))
    box.receive()
    secret = box.settings.secrets / "hmac.key"
    kept = secret.read_text()
    secret.write_text("ab" * 32)
    try:
        done = lakou("doctor")
    finally:
        secret.write_text(kept)
    assert done.exit_code == 1
    assert "nobody would be recognised" in done.output
