"""A year in six offices: the warehouse equals each system's state at the end of every day, whatever the network did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingestion.connectors.mapping import Source
from ingestion.connectors.pulling import PullSummary, pull
from ingestion.connectors.session import Limits
from ingestion.demo.replay.server import Faults, Replay
from ingestion.errors import LakouError
from ingestion.pseudonyms import Pseudonymiser
from ingestion.receive import load_pseudonymiser, receive
from ingestion.settings import Settings
from tests.integration.connector_days import Clock
from tests.integration.connector_offices import OFFICES, Office, office_of, opened
from tests.integration.drop_box import DropBox

BEGINS = dt.datetime(2026, 1, 5, 11, tzinfo=dt.UTC)
DAYS = 361
SATURDAY = 5
LATE = dt.timedelta(minutes=5)
# how far the `Date` of a server's answers is from the time that it writes into its records
SKEWS = dict(zip((kind.system for kind in OFFICES), (-50, 50, -7, 50, -50, 7), strict=True))
QUICK = Limits(
    read_seconds=0.25, attempts=6, first_wait_seconds=0.001, longest_wait_seconds=0.01, requests_per_second=100_000
)
IMPATIENT = Limits(read_seconds=5, attempts=1, requests_per_second=100_000)
PATIENT = Limits(read_seconds=30, attempts=1, requests_per_second=100_000)


@dataclass
class Desk:
    """One office, its server, its source and its account."""

    office: Office
    server: Replay
    source: Source
    box: DropBox
    pseudonymiser: Pseudonymiser
    # since it was pulled
    is_changed: bool = False

    def pull(self, limits: Limits = PATIENT, *, is_full: bool = False) -> PullSummary:
        return pull(
            self.box.settings,
            self.source,
            self.office.credentials,
            limits=limits,
            sleep=lambda _: None,
            is_full=is_full,
        )

    def compare(self, when: str) -> None:
        loaded, held = self.office.loaded(self.box), self.office.held(self.pseudonymiser)
        assert loaded == held, f"{self.office.system}, {when}"


@pytest.fixture
def open_desk(clean: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """What opens an office: its server, its account with what its rows refer to, and its source."""
    monkeypatch.setenv("LAKOU_TODAY", "2026-02-01")
    monkeypatch.setenv("LAKOU_SOURCES_DIR", str(tmp_path))
    pseudonymiser = load_pseudonymiser(clean)
    with ExitStack() as stack:

        def made(kind: type[Office]) -> Desk:
            office = office_of(kind, Clock(BEGINS), dt.timedelta(minutes=SKEWS[kind.system]), "2026")
            server = stack.enter_context(Replay(office))
            box = opened(DropBox(clean), office)
            assert take(clean, BEGINS) == 2
            return Desk(office, server, office.write_mapping(tmp_path, server), box, pseudonymiser)

        yield made


def take(settings: Settings, now: dt.datetime) -> int:
    """Receive what lies in the drop; how many files that was."""
    summary = receive(settings, lambda _: now, quiet_seconds=0)
    assert summary.failures == ()
    assert summary.refused == 0
    return summary.files


def test_every_working_day_of_a_year_ends_with_what_each_source_holds(
    open_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each working day is compared, and pulled and received where anything happened; one quiet day in five is pulled, too.

    On some days a first pull is cut short while people go on working, and a transaction that began before the pull ends
    after it.
    """
    versions, disturbed = 0, 0
    desks = [open_desk(kind) for kind in OFFICES]
    for day in range(DAYS):
        morning = BEGINS + dt.timedelta(days=day)
        monkeypatch.setenv("LAKOU_TODAY", morning.date().isoformat())
        if morning.weekday() >= SATURDAY:
            continue
        for place, desk in enumerate(desks):
            office, chance = desk.office, desk.office.chance
            office.clock.now = morning
            deeds = chance.choices([0, 1, 2], [5, 4, 1])[0]
            is_disturbed = (day + place) % 25 == 0
            if not (deeds or desk.is_changed or is_disturbed or day % 5 == 0):
                continue
            for _ in range(deeds):
                office.clock.now += dt.timedelta(seconds=chance.randrange(10_000))
                office.happen()
            if is_disturbed:
                office.busy, desk.server.faults = 0.3, Faults(0.4, kinds=("cut", "502"))
                with suppress(LakouError):
                    desk.pull(IMPATIENT)
                office.busy, desk.server.faults = 0.0, None
                disturbed += 1
            desk.pull()
            desk.is_changed = False
        versions += take(desks[0].box.settings, morning)
        for desk in desks:
            desk.compare(f"{morning:%Y-%m-%d}")
            if desk.office.chance.random() < 0.3:
                desk.office.clock.now -= LATE
                desk.office.happen()
                desk.is_changed = True
    assert versions > DAYS
    assert disturbed > DAYS / 10
    assert all(len(desk.office.held(desk.pseudonymiser)) > 15 for desk in desks)


@pytest.mark.parametrize("kind", OFFICES, ids=lambda kind: kind.system)
def test_a_third_of_the_answers_spoilt_change_nothing_of_the_warehouse(
    open_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, kind: type[Office]
) -> None:
    """Answers cut at random bytes, 502, 429 and silences: each record is loaded once, as by an undisturbed pull."""
    desk = open_desk(kind)
    monkeypatch.setenv("LAKOU_TODAY", "2026-06-30")
    office = desk.office
    office.clock.now = dt.datetime(2026, 6, 20, 12, tzinfo=dt.UTC)
    for _ in range(60):
        office.clock.now += dt.timedelta(minutes=office.chance.randrange(90))
        office.happen()
    spoilt, attempts = 0, 0
    for seed in range(3):
        desk.server.faults = Faults(0.3, seed=seed, silence_seconds=0.4)
        is_whole = False
        while not is_whole:
            attempts += 1
            # a login is sent once: where it is spoilt, the next pull goes on
            with suppress(LakouError):
                desk.pull(QUICK)
                is_whole = True
            assert attempts < 60
        desk.server.faults = None
        take(desk.box.settings, office.clock.now)
        desk.compare(f"round {seed}")
        spoilt = desk.server.spoilt
        for _ in range(6):
            office.clock.now += dt.timedelta(hours=3)
            office.happen()
    assert spoilt > 3
    desk.pull()
    take(desk.box.settings, office.clock.now)
    # what an undisturbed pull of everything takes is what is known, and makes no file
    undisturbed = desk.pull(is_full=True)
    assert (undisturbed.changed, undisturbed.deleted, undisturbed.files) == (0, 0, ())
    desk.compare("at the end")


@pytest.mark.parametrize("kind", OFFICES, ids=lambda kind: kind.system)
def test_a_tool_that_is_emptied_empties_the_warehouse_and_may_fill_again(
    open_desk: Callable[..., Desk], kind: type[Office]
) -> None:
    """Nothing at first, then some, then nothing again, which is neither a fault of the server nor a field that is gone."""
    desk = open_desk(kind)
    office = desk.office
    for step in ("at first", "filled", "emptied", "filled again"):
        office.clock.now += dt.timedelta(days=1)
        if step.startswith("filled"):
            for _ in range(3):
                office.add("essai")
        for record_id in office.ids() if step == "emptied" else ():
            office.take_away(record_id)
        summary = desk.pull()
        assert summary.drift == (), step
        take(desk.box.settings, office.clock.now)
        desk.compare(step)
        assert bool(office.held(desk.pseudonymiser)) == step.startswith("filled")
