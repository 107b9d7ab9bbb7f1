"""Weeks of insertions, edits and deletions at each source, pulled daily: the mirror shows what the source holds."""

from __future__ import annotations

import datetime as dt
import random
from contextlib import suppress

import pytest

from ingestion.connectors import connect
from ingestion.connectors.session import Limits, Session
from ingestion.demo.replay.server import Replay
from ingestion.errors import SourceError
from tests.integration.connector_days import LIVES, Clock, Life, Mirror

DAYS = 60
# summer time begins in Paris on March 28th
BEGINS = dt.datetime(2027, 2, 10, 6, tzinfo=dt.UTC)
LATE = dt.timedelta(minutes=5)
FAST = Limits(requests_per_second=100_000, attempts=1)


@pytest.mark.parametrize("minutes", [-50, 50], ids=["server_date_late", "server_date_early"])
@pytest.mark.parametrize("life", LIVES)
def test_every_quiet_day_ends_with_what_the_source_holds(life: type[Life], minutes: int):
    chance = random.Random(f"{life.__name__} {minutes}")
    clock, mirror = Clock(BEGINS), Mirror()
    source = life(clock, dt.timedelta(minutes=minutes), chance)
    stopped = 0
    with Replay(source) as server:
        for day in range(DAYS):
            clock.now = BEGINS + dt.timedelta(days=day)
            for _ in range(chance.randrange(8)):
                clock.now += dt.timedelta(seconds=chance.randrange(6_000))
                source.happen()
            # every second day people go on working while their records are read, and the pull may be killed
            source.busy = 0.4 if day % 2 else 0.0
            stops_after = chance.choice([None, 1, 2]) if day % 2 else None
            connector = connect(life.system, Session(server.address, limits=FAST), life.credentials, life.options)
            with suppress(SourceError if day % 2 else ()):
                stopped += not mirror.pull(connector, life.entity, stops_after)
            source.busy = 0.0
            connector.close()
            if day % 2 == 0:
                assert mirror.state(life.shown) == source.state(), f"day {day}"
            # a transaction that began before the pull and ends after it
            clock.now -= LATE
            source.happen()
            clock.now += LATE
    assert stopped > DAYS / 10
    assert sum(map(len, mirror.tables.values())) > 20


@pytest.mark.parametrize("life", LIVES)
def test_what_goes_while_it_is_read_hides_nothing_else(life: type[Life], monkeypatch: pytest.MonkeyPatch):
    clock, mirror = Clock(BEGINS), Mirror()
    source = life(clock, dt.timedelta(0), random.Random(f"{life.__name__}"))
    for number in range(60):
        source.add(f"essai n° {number}")
    with Replay(source) as server:
        connector = connect(life.system, Session(server.address, limits=FAST), life.credentials, life.options)
        assert mirror.pull(connector, life.entity)
        for number, record_id in enumerate(source.ids()):
            clock.now += dt.timedelta(hours=1)
            source.edit(record_id, f"corrigé n° {number}")
        # what comes first in the pages leaves them, or is moved to their end, at most requests
        monkeypatch.setattr(source, "happen", lambda: source.leave(source.oldest()))
        source.busy = 0.8
        with suppress(SourceError):
            mirror.pull(connector, life.entity)
        source.busy = 0.0
        clock.now += dt.timedelta(days=1)
        source.leave(source.ids()[-1])
        assert mirror.pull(connector, life.entity)
    assert mirror.state(life.shown) == source.state()
    assert len(source.ids()) > 30
