"""A pull of a survey of 25 columns beside what its server does for it, and beside a whole export read by pandas (`make bench`).

`LAKOU_BENCH_ANSWERS` sets the answers of the largest survey (20,000 by default). The server runs in this process and the pull
in one of its own. No time is asserted: only that every answer is written.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas
import pytest
import requests
import sqlalchemy
import yaml

from ingestion.connectors.limesurvey import LARGEST_CHUNK
from ingestion.demo.replay.exchanges import Reply, Request
from ingestion.demo.replay.limesurvey import PASSWORD, SURVEY, USER, LimeSurvey, answers_of
from ingestion.demo.replay.server import Replay
from ingestion.settings import CHECKOUT, Settings
from tests.integration.connector_offices import SESSION
from tests.integration.drop_box import DropBox

ANSWERS = int(os.environ.get("LAKOU_BENCH_ANSWERS", "20000"))
SIZES = (ANSWERS // 10, ANSWERS // 2, ANSWERS)
PULL = """
import dataclasses, json, time
from ingestion.connectors.credentials import read_credentials
from ingestion.connectors.mapping import load_pulled
from ingestion.connectors.pulling import pull
from ingestion.settings import load_settings
settings, item = load_settings(), load_pulled("banc")
start = time.perf_counter()
summary = pull(settings, item, read_credentials(settings, item.connection), progress=lambda line: None)
wall = time.perf_counter() - start
peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
print(json.dumps({"wall": wall, "peak_mb": peak / 1024, "requests": summary.requests, "changed": summary.changed,
    "files": summary.files}))
"""


@dataclass
class Timed:
    """A server that tells how long it has worked.

    Args:
        seconds: spent on answers so far, without what carries them.
    """

    server: LimeSurvey
    seconds: float = field(default=0.0)

    def respond(self, request: Request) -> Reply:
        start = time.perf_counter()
        try:
            return self.server.respond(request)
        finally:
            self.seconds += time.perf_counter() - start


@pytest.fixture
def account(clean: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DropBox:
    monkeypatch.setenv("LAKOU_TODAY", "2026-11-15")
    monkeypatch.setenv("LAKOU_SOURCES_DIR", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONN_BANC", json.dumps({"login": USER, "password": PASSWORD}))
    return DropBox(clean, "BANC").open_account(feeds=("F04",))


@contextmanager
def served(count: int, folder: Path) -> Iterator[tuple[Replay, Timed]]:
    """A survey of so many answers, ten months of one year, and the file of its source."""
    survey = LimeSurvey()
    model = answers_of("17")[2]
    for number in range(count):
        day = f"2026-{1 + number % 10:02d}-{1 + number % 28:02d} 12:00:00"
        survey.add({**model, "submitdate": day, "satis": str(1 + number % 5)})
    timed = Timed(survey)
    with Replay(timed, keeps_requests=False) as server:
        columns = SESSION | {"reponse_id": "id", "date_reponse": "submitdate", "note_satisfaction": "satis"}
        document = {
            "system": "limesurvey", "address": server.address, "connection": "banc", "partner": "BANC",
            "zone": "America/Martinique",
            "feeds": [{"entity": str(SURVEY), "feed": "F04", "when": {"submitdate": "*"}, "columns": columns}],
        }  # fmt: skip
        (folder / "banc.yml").write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
        yield server, timed


@pytest.mark.parametrize("count", SIZES)
def test_a_survey_against_its_server(account: DropBox, tmp_path: Path, count: int) -> None:
    with served(count, tmp_path) as (server, timed):
        whole, own = pulled(timed)
        assert whole["changed"] == count
        again, own_again = pulled(timed)
        assert (again["changed"], again["files"]) == (0, [])
        bare, _ = timing(timed, lambda: fetched(server))
        peer, _ = timing(timed, lambda: pandas_peer(account.settings, server))
    written = sum(
        len(path.read_text("utf-8-sig").splitlines()) - 1 for path in account.depot.iterdir() if path.suffix == ".csv"
    )
    assert written == count
    print(
        f"\n{count} answers of {len(answers_of('17')[2])} columns, {LARGEST_CHUNK} a chunk; the server's own time {own:.2f} s"
    )
    show("fetched in the same chunks, and thrown away", count, bare)
    show("one whole export, pandas to_sql, no trace of a record", count, peer)
    note = f"{whole['wall'] / own:.1f} times the server's own time, {whole['requests']} requests, peak {whole['peak_mb']:.0f} MB"
    show("lakou source pull, to the files in the drop", count, whole["wall"], note)
    note = f"{again['wall'] / own_again:.1f} times the server's own time, {again['requests']} requests"
    show("the same with nothing new", count, again["wall"], note)


def show(label: str, count: int, wall: float, note: str = "") -> None:
    print(f"  {label:<58}{wall:8.2f} s {1e6 * wall / count:8.0f} µs an answer  {note}")


def pulled(timed: Timed) -> tuple[dict[str, Any], float]:
    """A pull in a process of its own, and the seconds that the server worked for it."""
    before = timed.seconds
    done = subprocess.run(
        [sys.executable, "-c", PULL], cwd=CHECKOUT, capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result, timed.seconds - before


def timing(timed: Timed, work: Any) -> tuple[float, float]:
    before, start = timed.seconds, time.perf_counter()
    work()
    return time.perf_counter() - start, timed.seconds - before


def call(session: requests.Session, server: Replay, method: str, *params: Any) -> Any:
    document = {"method": method, "params": params, "id": 1}
    answer = session.post(f"{server.address}/index.php/admin/remotecontrol", json=document, timeout=600)
    return answer.json()["result"]


def fetched(server: Replay) -> None:
    """The chunks that a pull asks for, by `requests` alone."""
    with requests.Session() as session:
        key = call(session, server, "get_session_key", USER, PASSWORD)
        for low in itertools.count(1, LARGEST_CHUNK):
            high = low + LARGEST_CHUNK - 1
            result = call(
                session, server, "export_responses", key, SURVEY, "json", None, "all", "code", "short", low, high
            )
            if not json.loads(base64.b64decode(result))["responses"]:
                return


def pandas_peer(settings: Settings, server: Replay) -> None:
    with requests.Session() as session:
        key = call(session, server, "get_session_key", USER, PASSWORD)
        result = call(session, server, "export_responses", key, SURVEY, "json", None, "all", "code", "short")
    frame = pandas.DataFrame(json.load(io.BytesIO(base64.b64decode(result)))["responses"])
    engine = sqlalchemy.create_engine(settings.dsn("lakou_admin").replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as connection:
        frame.to_sql("bench_pandas", connection, index=False, if_exists="replace")
        connection.execute(sqlalchemy.text("drop table bench_pandas"))
    engine.dispose()
