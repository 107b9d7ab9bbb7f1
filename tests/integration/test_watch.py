"""`lakou watch` tells once what begins and once what ends; `lakou metrics` says the platform in numbers."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from expectations.cli import main
from ingestion import mail
from ingestion.errors import LakouError
from ingestion.health.findings import Check, ToSee
from ingestion.health.measures import Measure, measures, prometheus, push
from ingestion.health.watching import watch
from ingestion.settings import CHECKOUT, Settings
from tests.integration.drop_box import SURNAMES, TODAY, DropBox


class Outbox:
    """A mail server that keeps what it is given, or is away."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []
        self.is_away = False

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send_message(self, message: mail.EmailMessage) -> None:
        if self.is_away:
            raise OSError(111, "Connection refused")
        assert message["To"] == "ops@lakou.invalid"
        self.mails.append((message["Subject"], message.get_content()))


@pytest.fixture
def outbox(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    found = Outbox()
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    monkeypatch.setenv("LAKOU_SMTP_URL", "smtp://127.0.0.1:1?from=lakou@lakou.invalid")
    monkeypatch.setenv("LAKOU_OPERATOR_EMAIL", "ops@lakou.invalid")
    monkeypatch.setattr(mail, "_session", lambda _: found)
    return found


class Thing:
    """Something that a check looks at."""

    def __init__(self) -> None:
        self.error: LakouError | None = None

    def look(self, _settings: Settings) -> str:
        if self.error:
            raise self.error
        return "well"


def test_each_alert_is_told_once_when_it_begins_and_once_when_it_ends(clean: Settings, outbox: Outbox) -> None:
    disk, backup = Thing(), Thing()
    checks = (Check("disk", disk.look, "disk", is_alert=True), Check("backup", backup.look, "backup"))
    assert not watch(clean, checks).is_mailed
    disk.error = ToSee("3 GiB are left", "make room")
    backup.error = ToSee("nobody has the keys", "hand them over")
    summary = watch(clean, checks)
    assert (summary.opened, summary.wrong, summary.is_mailed) == (("disk",), ("disk",), True)
    for left in (3, 2, 1):
        disk.error = ToSee(f"{left} GiB are left", "make room")
        assert not watch(clean, checks).is_mailed, "once, however long it lasts"
    disk.error = LakouError("0.5 GiB are left", "make room")
    assert watch(clean, checks).is_mailed, "what gets worse is told again"
    disk.error = None
    backup.error = LakouError("the last backup is 50 hours old", "run it")
    summary = watch(clean, checks)
    assert (summary.opened, summary.ended) == (("backup",), ("disk",))
    assert not watch(clean, checks).is_mailed
    assert [subject for subject, _ in outbox.mails] == ["Lakou: disk", "Lakou: disk", "Lakou: backup, disk (over)"]
    assert "To mend it: make room\n  infra/runbook/disk.md" in outbox.mails[0][1]
    assert "over: disk" in outbox.mails[2][1]
    assert "It was: 0.5 GiB are left" in outbox.mails[2][1]
    alerts = DropBox(clean).all(
        "select check_name, state, ended_at is null, told_at is null, end_told_at is null from ops.alerts order by 1"
    )
    assert alerts == [("backup", "en panne", True, False, True), ("disk", "en panne", False, False, False)]


def test_what_could_not_be_mailed_is_by_a_later_run(clean: Settings, outbox: Outbox) -> None:
    thing = Thing()
    checks = (Check("sources", thing.look, "source-quiet"),)
    outbox.is_away, thing.error = True, LakouError("a source is quiet", "see why")
    for _ in range(2):
        with pytest.raises(LakouError, match="does not take the mail of LAKOU_OPERATOR_EMAIL"):
            watch(clean, checks)
    outbox.is_away = False
    assert watch(clean, checks).is_mailed
    assert [subject for subject, _ in outbox.mails] == ["Lakou: sources"]
    # what comes and goes while the server is away is in no mail
    other = (Check("backup", thing.look, "backup"),)
    outbox.is_away = True
    with pytest.raises(LakouError):
        watch(clean, other)
    thing.error, outbox.is_away = None, False
    watch(clean, other)
    assert [subject for subject, _ in outbox.mails] == ["Lakou: sources", "Lakou: sources (over)"]


def test_without_a_mail_server_alerts_are_written_down_all_the_same(
    clean: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    monkeypatch.delenv("LAKOU_SMTP_URL", raising=False)
    DropBox(clean).open_account()
    DropBox(clean).all("update ops.expected_deliveries set due_on = '2026-10-01' returning 1")
    done = CliRunner().invoke(main, ["watch"])
    assert done.exit_code == 0, done.output
    assert "deadlines" in done.stdout
    assert (CHECKOUT / DropBox(clean).one("select page from ops.alerts where check_name = 'deadlines'")).exists()


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[DropBox]:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    monkeypatch.delenv("LAKOU_SMTP_URL", raising=False)
    found = DropBox(clean).open_account()
    found.put_sessions("S1")
    found.put_people(("S1", SURNAMES[0]), ("S1", f"{SURNAMES[1]},Q"))
    found.receive()
    return found


def test_the_numbers_are_those_of_the_warehouse(box: DropBox, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["metrics"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    for line in (
        'lakou_deliveries{state="ACCEPTÉ"} 1',
        'lakou_deliveries{state="ACCEPTÉ AVEC RÉSERVES"} 1',
        'lakou_rows{outcome="accepted"} 2',
        'lakou_rows{outcome="rejected"} 1',
        "lakou_loads_waiting 2",
        "lakou_deadlines_passed 0",
    ):
        assert line in lines, done.stdout
    # the text format: a help and a type before the first sample of a name, samples of a name together
    seen: list[str] = []
    for line in lines:
        if line.startswith("# TYPE"):
            seen.append(line.split()[2])
        elif not line.startswith("#"):
            assert re.fullmatch(r'lakou_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+-]+', line), line
            assert re.split(r"[{ ]", line)[0] == seen[-1]
    assert len(seen) == len(set(seen))


def test_a_label_cannot_break_the_format() -> None:
    text = prometheus([Measure("x", "Says.", 1, (("name", 'a"b\\c\nd'),))])
    assert text.splitlines()[-1] == r'lakou_x{name="a\"b\\c\nd"} 1'


def test_statsd_gets_every_number_in_small_datagrams(box: DropBox) -> None:
    found = measures(box.settings)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        sent = push([*found] * 5, "127.0.0.1", server.getsockname()[1])
        packets = [server.recv(65536) for _ in range(sent)]
    assert sent > 1
    assert max(map(len, packets)) <= 1400
    lines = b"\n".join(packets).decode().splitlines()
    assert len(lines) == 5 * len(found)
    assert all(re.fullmatch(r"lakou\.[A-Za-z0-9_.-]+:-?[0-9.e+-]+\|g", line) for line in lines), lines
