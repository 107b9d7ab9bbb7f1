"""Watermarks: of the server's clock, careful with dates in the future, and good to go on from."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from ingestion.connectors.clocks import OVERLAP, Clock, moment
from ingestion.connectors.interface import Record

NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def changed(when: dt.datetime | None) -> list[Record]:
    return [Record("1", "t", {}, when)]


def test_a_first_pull_asks_for_everything_and_the_next_one_a_little_more_than_what_is_new():
    assert Clock.of({}).asked() is None
    done = Clock.of({}).answered(NOON, changed(NOON - HOUR)).done()
    assert done == {"at": (NOON - HOUR).isoformat()}
    assert Clock.of(done).asked() == NOON - HOUR - OVERLAP


@pytest.mark.parametrize(
    ("server_time", "newest", "at"),
    [
        # a record dated in the future would hide all that changes until then
        (NOON, NOON + 24 * HOUR, NOON),
        # and so would a server whose clock is ahead of the one that dates its records
        (NOON + HOUR, NOON, NOON),
        (None, NOON, NOON),
    ],
)
def test_the_earlier_clock_counts(server_time: dt.datetime | None, newest: dt.datetime, at: dt.datetime):
    assert Clock.of({}).answered(server_time, changed(newest)).done() == {"at": at.isoformat()}


def test_nothing_new_leaves_the_watermark_where_it_was():
    since = {"at": NOON.isoformat()}
    assert Clock.of(since).answered(NOON + HOUR, []).done() == since
    assert Clock.of({}).answered(NOON, changed(None)).done() == {}


def test_a_server_whose_clock_was_set_back_is_asked_from_there():
    assert Clock.of({"at": NOON.isoformat()}).answered(NOON - HOUR, []).done() == {"at": (NOON - HOUR).isoformat()}


def test_a_pull_that_was_stopped_keeps_the_moment_when_it_began():
    clock = Clock.of({"at": NOON.isoformat()}).answered(NOON + HOUR, changed(NOON + 3 * HOUR))
    stopped = json.loads(json.dumps(clock.stopped("page 2")))
    assert stopped["position"] == "page 2"
    again = Clock.of(stopped)
    assert again.asked() == NOON - OVERLAP
    # what changed after it began, on pages that it had read before it was stopped, is not behind its watermark
    assert again.answered(NOON + 5 * HOUR, changed(NOON + 4 * HOUR)).done() == {"at": (NOON + HOUR).isoformat()}


def test_a_pull_that_goes_on_with_a_stopped_one_reaches_no_further_than_that_one_saw():
    stopped = Clock.of({}).answered(NOON + HOUR, changed(NOON)).stopped(7)
    # the server's `Date` is an hour ahead of what it writes: it cannot say when the first pages were read
    assert Clock.of(stopped).answered(NOON + 25 * HOUR, changed(NOON + 24 * HOUR)).done() == {"at": NOON.isoformat()}


def test_a_moment_without_a_zone_is_utc():
    assert moment("2026-11-21 12:00:00") == moment("2026-11-21T08:00:00-04:00") == NOON
    assert moment(None) is moment("") is None
