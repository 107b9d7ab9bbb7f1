"""Two receivers on a drop of 200 files, killed twenty times at any moment: the warehouse is that of a quiet run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingestion.settings import CHECKOUT, Settings
from tests.conftest import new_platform
from tests.integration.drop_box import SURNAMES, TODAY, DropBox

FILES, KILLS, SEED = 200, 20, 20_261_005
PARTNERS = ("KABIA", "LAB-SUD")
MONTHS = [f"2025-{month:02d}" for month in range(1, 13)] + [f"2026-{month:02d}" for month in range(1, 10)]
# takes in again and again what is there, and says when it begins
RECEIVER = """
import sys
from ingestion.receive import receive
from ingestion.settings import load_settings
while True:
    print("again", flush=True)
    receive(load_settings(), quiet_seconds=0)
"""
SNAPSHOTS = (
    "select to_jsonb(r) - '{_load_id,_loaded_at}'::text[] from raw.f01_sessions_formation as r"
    " order by _delivery_id, _row_number",
    "select to_jsonb(r) - '{_load_id,_loaded_at}'::text[] from raw.f02_participations as r"
    " order by _delivery_id, _row_number",
    "select to_jsonb(r) - '{rejected_at}'::text[] from quarantine.rejected_rows as r order by 1",
    "select to_jsonb(r) - '{awaiting_since,settled_at,deadline_on}'::text[] from quarantine.awaiting_rows as r order by 1",
    "select to_jsonb(d) - '{received_at,judged_at}'::text[] from ops.deliveries as d order by 1",
    "select s.superseded_delivery_id, l.delivery_id from ops.supersessions as s inner join ops.loads as l"
    " on l.load_id = s.superseding_load_id order by 1, 2",
    "select delivery_id, kind, rows_accepted from ops.loads order by 1, 2",
    "select delivery_id, count(*), max(revision), min(state) from ops.receipts group by 1 order by 1",
    "select delivery_id, path from ops.landing_files order by 1",
    "select delivery_id, title, value from ops.delivery_measures order by 1, 2",
)


def put_files(settings: Settings) -> int:
    """Two hundred files: two feeds, versions, bad rows, rows that wait, names that say nothing."""
    put = 0
    for code in PARTNERS:
        box = DropBox(settings, code).open_account()
        for month in MONTHS:
            day = f"{month}-05"
            ids = [f"{code}-{month}-{number}" for number in range(3)]
            rows = [
                (ids[0], SURNAMES[0]),
                (ids[1], SURNAMES[1]),
                (ids[0], f"{SURNAMES[2]},Q"),
                ("NULLE-PART", SURNAMES[3]),
            ]
            box.put_sessions(*ids, period=month, date_debut=day, date_fin=day)
            box.put_people(*rows, period=month)
            box.put_sessions(*ids[:2], period=month, suffix="v2", date_debut=day, date_fin=day)
            box.put_people(*rows[:2], period=month, suffix="v2")
            put += 4
        while put % (FILES // len(PARTNERS)):
            box.put(f"export {put}.csv", f"colonne\n{put}\n")
            put += 1
    return put


@pytest.fixture
def quiet(clean: Settings, postgres: tuple[Path, int, str], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Another platform beside the shared one, with the same key of hashes."""
    _, port, password = postgres
    name = f"quiet{os.getpid()}"
    settings = new_platform(clean.home.parent / name, port, password, f"lakou_{name}")
    (settings.secrets / "hmac.key").write_text((clean.secrets / "hmac.key").read_text())
    return settings


def test_a_warehouse_after_twenty_kills_is_that_of_a_quiet_run(
    clean: Settings, quiet: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    assert put_files(clean) == put_files(quiet) == FILES
    pick = random.Random(SEED)
    runs = [start(), start()]
    kills = busy = 0
    try:
        while kills < KILLS:
            victim = pick.randrange(2)
            assert runs[victim].stdout is not None
            runs[victim].stdout.readline()
            time.sleep(pick.uniform(0.0, 1.2))
            busy += bool(waiting(clean))
            runs[victim].send_signal(signal.SIGKILL)
            runs[victim].wait()
            kills += 1
            runs[victim] = start()
    finally:
        for run in runs:
            run.kill()
            run.wait()
    assert busy >= KILLS // 4, "most kills came when nothing was left to do"
    box, calm = DropBox(clean), DropBox(quiet)
    assert box.receive().failures == ()
    assert calm.receive().failures == ()
    assert waiting(clean) == 0
    for query in SNAPSHOTS:
        assert box.all(query) == calm.all(query)
    assert box.one("select count(*) from raw.f02_participations") > 100
    assert box.one("select count(*), count(distinct delivery_id) from ops.receipts") == (FILES, FILES)
    for folder in ("depot", "accuses", "traites"):
        assert names(clean, folder) == names(quiet, folder)


def start() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", RECEIVER], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)


def waiting(settings: Settings) -> int:
    """Files still in the drop, and deliveries landed and not judged."""
    files = len(names(settings, "depot"))
    return files + int(DropBox(settings).one("select count(*) from ops.deliveries where state = 'RECU'"))


def names(settings: Settings, folder: str) -> list[str]:
    return sorted(f"{code}/{path.name}" for code in PARTNERS for path in (settings.drop / code / folder).iterdir())
