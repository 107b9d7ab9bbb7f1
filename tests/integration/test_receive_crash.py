"""A receiver killed with -9 at any step, or two at once: nothing lost, nothing twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psycopg
import pytest

from ingestion.errors import DatabaseError
from ingestion.settings import CHECKOUT, Settings
from tests.integration.drop_box import SURNAMES, TODAY, DropBox, sessions

F01 = "F01_sessions_formation__KABIA__2026-09__v1.csv"
# dies by SIGKILL when the function named is called for the second file, as a power cut would
KILLED = """
import importlib, os, signal, sys
from ingestion.receive import receive
from ingestion.settings import load_settings
module, name, calls = importlib.import_module(sys.argv[1]), sys.argv[2], int(sys.argv[3])
alive = getattr(module, name)
def deadly(*arguments, **named):
    global calls
    calls -= 1
    if calls == 0:
        if sys.argv[4] == "after":
            alive(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    return alive(*arguments, **named)
setattr(module, name, deadly)
receive(load_settings(), quiet_seconds=0)
"""
RECEIVE = (
    "from ingestion.receive import receive; from ingestion.settings import load_settings;"
    " receive(load_settings(), quiet_seconds=0)"
)
BOOKS = """
    select (select count(*) from ops.deliveries), (select count(*) from ops.deliveries where state = 'RECU'),
        (select count(*) from ops.landing_files), (select count(*) from ops.loads), (select count(*) from ops.receipts),
        (select count(*) from raw.f01_sessions_formation), (select count(*) from raw.f02_participations),
        (select count(*) from quarantine.rejected_rows), (select count(*) from quarantine.awaiting_rows)
"""


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> DropBox:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    box = DropBox(clean).open_account()
    box.put_sessions("S1", "S2")
    box.put_people(("S1", SURNAMES[0]), ("S9", SURNAMES[1]), ("S1", f"{SURNAMES[2]},Q"))
    return box


def die(module: str, name: str, calls: int, when: str) -> None:
    """Receive in another process, which is killed before or after the nth call of a function."""
    command = [sys.executable, "-c", KILLED, module, name, str(calls), when]
    killed = subprocess.run(command, check=False, cwd=CHECKOUT, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr


@pytest.mark.parametrize(
    ("module", "name", "calls", "when"),
    [
        ("ingestion.landing", "stage", 1, "before"),
        ("ingestion.landing", "stage", 2, "after"),
        ("ingestion.landing", "keep", 1, "before"),
        ("ingestion.landing", "keep", 2, "after"),
        ("ingestion.loading", "record", 2, "after"),
        ("ingestion.loading", "begin", 1, "before"),
        ("ingestion.loading", "_copy_rejected", 1, "after"),
        ("ingestion.loading", "_copy_awaiting", 1, "after"),
        ("ingestion.loading", "conclude", 1, "before"),
        ("ingestion.loading", "conclude", 2, "after"),
        ("ingestion.loading", "save", 2, "after"),
        ("ingestion.receipts", "issue", 1, "after"),
        ("ingestion.receipts", "issue", 2, "after"),
        ("ingestion.drop", "set_aside", 1, "before"),
        ("ingestion.drop", "set_aside", 2, "after"),
        ("ingestion.receipts", "write_index", 1, "before"),
    ],
)
def test_a_receiver_killed_at_any_step(box: DropBox, module: str, name: str, calls: int, when: str) -> None:
    die(module, name, calls, when)
    box.receive()
    assert box.one(BOOKS) == (2, 0, 2, 2, 2, 2, 1, 1, 1)
    assert not list(box.depot.iterdir())
    assert len(list((box.settings.drop / "KABIA" / "traites").iterdir())) == 2
    assert len(list(box.settings.home.glob("landing/**/*.age"))) == 2
    assert "déjà" not in box.receipt(F01), "it was sent once"
    assert box.receive().loads == 0


@pytest.mark.parametrize(("name", "when"), [("record", "after"), ("load_blocked", "before"), ("load_blocked", "after")])
def test_a_file_that_is_nobodys_to_judge_is_refused_whenever_its_receiver_dies(
    box: DropBox, name: str, when: str
) -> None:
    for path in box.depot.iterdir():
        path.unlink()
    box.put(F01.replace("KABIA", "LAB-SUD"), sessions(["S1"]))
    die("ingestion.loading", name, 1, when)
    assert box.receive().failures == ()
    assert box.one("select rule_id from quarantine.rejected_rows") == "PARTENAIRE-DIFFERENT"
    assert box.one("select count(*) from raw.f01_sessions_formation") == 0
    assert box.one("select count(*) from ops.receipts") == 1
    assert not list(box.depot.iterdir())


def test_a_receiver_killed_while_rows_settle(box: DropBox) -> None:
    box.receive()
    box.put_sessions("S9", suffix="v1.rejets1")
    die("ingestion.loading", "_recount", 1, "after")
    box.receive()
    assert box.one("select count(*), count(*) filter (where objet_id = 'S9') from raw.f02_participations") == (2, 1)
    assert box.one("select outcome from quarantine.awaiting_rows") == "ACCEPTEE"
    assert box.one("select rows_accepted, rows_awaiting, rows_rejected from ops.deliveries where feed = 'F02'") == (
        2,
        0,
        1,
    )


def test_a_database_that_goes_away_is_said_and_loses_nothing(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingestion import loading

    save = loading.save

    def cut_off(connection: psycopg.Connection, delivery: loading.Delivery) -> None:
        save(connection, delivery)
        box.all("select pg_terminate_backend(%s)", connection.info.backend_pid)

    monkeypatch.setattr(loading, "save", cut_off)
    with pytest.raises(DatabaseError, match="went away"):
        box.receive()
    monkeypatch.setattr(loading, "save", save)
    box.receive()
    assert box.one(BOOKS) == (2, 0, 2, 2, 2, 2, 1, 1, 1)


def test_a_delivery_landed_only_is_taken_up_from_the_landing(box: DropBox) -> None:
    die("ingestion.loading", "begin", 1, "before")
    assert not list(box.depot.iterdir()), "all bytes are landed before any is read"
    box.receive()
    assert box.states()[F01] == "ACCEPTÉ"
    assert box.one("select count(*) from raw.f01_sessions_formation") == 2


def test_two_receivers_at_once_take_each_file_once(box: DropBox) -> None:
    for month in range(1, 9):
        date = f"2026-{month:02d}-05"
        box.put_sessions(f"M{month}", period=f"2026-{month:02d}", date_debut=date, date_fin=date)
    runs = [
        subprocess.Popen([sys.executable, "-c", RECEIVE], cwd=CHECKOUT, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    started = time.monotonic()
    for run in runs:
        _, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors
    assert time.monotonic() - started < 120
    box.receive()
    assert box.one("select count(*), count(distinct delivery_id) from ops.loads") == (10, 10)
    assert box.one("select count(*) from raw.f01_sessions_formation") == 10
    assert not list(box.depot.iterdir())
    assert len(list((box.settings.drop / "KABIA" / "traites").iterdir())) == 10
