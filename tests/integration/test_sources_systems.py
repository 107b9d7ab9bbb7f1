"""Every system, from the draft that its server's description gives to the files in its owner's drop, day after day."""

from __future__ import annotations

import csv
import datetime as dt
import random
import re
from pathlib import Path

import pytest

from ingestion.connectors import connect
from ingestion.connectors.drafting import draft
from ingestion.connectors.mapping import Source, load_source
from ingestion.connectors.pulling import pull
from ingestion.connectors.session import Limits, Session
from ingestion.contracts import load_contract
from ingestion.demo.replay.server import Replay
from ingestion.settings import Settings
from tests.integration.connector_days import LIVES, Clock, Life
from tests.integration.drop_box import DropBox

BEGINS = dt.datetime(2026, 9, 1, 8, tzinfo=dt.UTC)
DAYS = 6
FAST = Limits(requests_per_second=100_000, attempts=1)
NAMED = {"type": "GUIDE", "theme": "USAGES", "statut": "TENU", "date": "2026-09-05", "public": "TOUT_PUBLIC"}
ONE_OF_A_SYSTEM = list({life.system: life for life in reversed(LIVES)}.values())


def drafted(server: Replay, life: type[Life], folder: Path) -> Source:
    """The draft of a source, with its columns named and nothing else changed."""
    session = Session(server.address, limits=FAST)
    connector = connect(life.system, session, life.credentials, life.options)
    assert life.entity in dict(connector.entities())
    description = connector.describe(life.entity)
    connector.close()
    session.close()
    header = {"system": life.system, "address": server.address, "connection": "x", "partner": "KABIA", "zone": "UTC"}
    text = draft(header, description, load_contract("F11"))
    shown = life.shown[life.entity][0]
    text = re.sub(r"      # action_id: <champ>", f'      action_id: "{shown}"', text)
    for column, value in NAMED.items():
        text = re.sub(rf"      (# )?{column}: .*", f"      {column}: {{constant: {value}}}", text)
    options = ", ".join(f'{name}: "{value}"' for name, value in life.options.items())
    (folder / "outil.yml").write_text(text.replace("feeds:", f"options: {{{options}}}\nfeeds:", 1), encoding="utf-8")
    return load_source("outil")


@pytest.mark.parametrize("life", ONE_OF_A_SYSTEM, ids=lambda life: life.system)
def test_the_files_of_a_source_are_what_it_holds(
    clean: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, life: type[Life]
) -> None:
    monkeypatch.setenv("LAKOU_TODAY", "2026-11-22")
    monkeypatch.setenv("LAKOU_SOURCES_DIR", str(tmp_path))
    box = DropBox(clean).open_account(feeds=("F11",))
    chance, clock = random.Random(life.system), Clock(BEGINS)
    tool = life(clock, dt.timedelta(0), chance)
    versions = 0
    with Replay(tool) as server:
        for number in range(12):
            tool.add(f"premier n° {number}")
        source = drafted(server, life, tmp_path)
        for day in range(DAYS):
            clock.now = BEGINS + dt.timedelta(days=day)
            happened = chance.randrange(1, 7) if day % 3 else 0
            for _ in range(happened):
                clock.now += dt.timedelta(seconds=chance.randrange(1, 6_000))
                tool.happen()
            clock.now += dt.timedelta(hours=3)
            summary = pull(clean, source, life.credentials, limits=FAST)
            assert day == 0 or happened or summary.files == (), "nothing new makes no file"
            versions += len(summary.files)
            written = sorted(row["action_id"] for row in _newest(box, versions))
            held = sorted((values[0] or "").strip() for values in tool.state()[life.entity].values())
            assert written == held, f"day {day}"
    assert versions >= 2


def _newest(box: DropBox, version: int) -> list[dict[str, str]]:
    path = box.depot / f"F11_sensibilisation_livrables__KABIA__2026-09__v{version}.csv"
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines, delimiter=";"))
