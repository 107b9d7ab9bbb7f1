"""The systems that `make up` replays, as services of their own: pulled with this machine's credentials, answered, idle after."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests
from click.testing import CliRunner

from expectations.cli import main
from infra.local.layout import Platform
from infra.local.secret_files import ensure_connections
from ingestion.connectors.mapping import load_source
from ingestion.connectors.pulling import pull
from ingestion.database import connect
from ingestion.demo.install import set_business_date
from ingestion.demo.making import BUSINESS_DATE, PROGRAMME
from ingestion.demo.replay.serving import SYSTEMS, connection_path, source_file, source_name
from ingestion.demo.sources import ACCOUNT, pull_replayed
from ingestion.errors import SourceRefusal
from ingestion.settings import CHECKOUT, Settings
from tests.conftest import free_port

LOADED = (
    "select source, feed, sum(rows_received), sum(rows_accepted), sum(rows_rejected) from ops.deliveries"
    " group by 1, 2 order by 1, 2"
)


@pytest.fixture
def home(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A machine on which the three systems run, each a process, as the supervisor starts them."""
    monkeypatch.delenv("LAKOU_SOURCES_DIR", raising=False)
    ensure_connections(Platform(clean.home, clean.secrets))
    set_business_date(clean, BUSINESS_DATE)
    folder = clean.home / "sources"
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        for system in SYSTEMS:
            address = f"http://127.0.0.1:{(port := free_port())}"
            command = [sys.executable, "-m", "ingestion.demo.replay", system, str(port), str(clean.secrets)]
            process = stack.enter_context(subprocess.Popen(command, cwd=CHECKOUT))
            stack.callback(process.terminate)
            (folder / f"{source_name(system)}.yml").write_text(source_file(system, address), encoding="utf-8")
            _wait_for(address)
        yield clean
    for path in folder.iterdir():
        path.unlink()


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            requests.get(address, timeout=1)
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def test_what_is_replayed_is_pulled_answered_and_pulled_again_for_nothing(home: Settings) -> None:
    assert pull_replayed(home) == 3
    loaded = [
        ("DEPOT", "F01", 1, 1, 0),
        ("demo_espocrm", "F14", 49, 49, 0),
        # the answer without a note is the one that its owner has to mend
        ("demo_limesurvey", "F04", 46, 45, 1),
        ("demo_odk", "F11", 49, 49, 0),
    ]
    with connect(home) as connection:
        assert connection.execute(LOADED).fetchall() == loaded
        programmes = connection.execute("select distinct programme_code from raw.f14_structures").fetchall()
        assert programmes == [(ACCOUNT.programme_code,)] != [(PROGRAMME,)]
        # nothing is expected of anybody: no figure is made of these rows
        assert connection.execute("select count(*) from ops.expected_deliveries").fetchone() == (0,)
        before = connection.execute("select count(*), max(load_id) from ops.loads").fetchone()
    receipts = home.drop / ACCOUNT.partner_code / "accuses"
    assert (receipts / "F14_structures__OUTILS-AMP__2026-T4__v1.csv.accuse.html").exists()
    assert {path.stem for path in receipts.glob("source_*.html")} == {f"source_demo_{system}" for system in SYSTEMS}
    listed = CliRunner().invoke(main, ["source", "list"])
    assert listed.exit_code == 0, listed.output
    assert all(source_name(system) in listed.output for system in SYSTEMS)
    assert pull_replayed(home) == 3
    with connect(home) as connection:
        assert connection.execute(LOADED).fetchall() == loaded
        assert connection.execute("select count(*), max(load_id) from ops.loads").fetchone() == before


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_replayed_system_knows_this_machines_account_only(home: Settings, system: str) -> None:
    path = connection_path(home.secrets, system)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    own = json.loads(path.read_text())
    assert pull_replayed(home) == 3
    wrong = {name: text if name == "user" else "another" for name, text in own.items()}
    with pytest.raises(SourceRefusal):
        pull(home, load_source(source_name(system)), wrong)


def test_nothing_is_opened_where_nothing_is_replayed(clean: Settings) -> None:
    assert pull_replayed(clean) == 0
    with connect(clean) as connection:
        assert connection.execute("select count(*) from ops.partners").fetchone() == (0,)
