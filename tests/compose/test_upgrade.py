"""From the first release to this version and back, with data, by the commands of the runbook (infra/runbook/upgrade.md)."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.conftest import CHECKOUT, Stack, published_ports
from tests.compose.test_stack import (
    BY_ARRIVAL,
    BY_CLOSING,
    compared,
    drop_again,
    drop_twin,
    figures,
    is_settled,
    left,
    page,
    rows,
)

# the first release, v0.1.0: by its commit, since a clone may come without tags
EARLIER = os.environ.get("LAKOU_UPGRADE_FROM", "748f59483393b8ee3a6b37773f39bddef582bc37")
CLOSED = "select * from pub.published_values order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13;"
# what a closing froze: without what is known of it now, of which the next publication hides other cells for the sake of others
FROZEN = (
    "select closing_id, publication_id, programme_code, indicator_code, definition_hash, measure, period_grain, period_start,"
    " territory_level, territory_code, partner_code, axis, member, value, numerator, denominator, n, low, high, n_effective,"
    " unit, target, completeness, state from pub.published_values order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13;"
)
MIGRATIONS = "select count(*) from public.migrations;"


@pytest.fixture(scope="module")
def earlier(device: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack of the first release, up and empty."""
    checkout = tmp_path_factory.mktemp("earlier") / "lakou"
    subprocess.run(["git", "worktree", "add", "--detach", str(checkout), EARLIER], cwd=CHECKOUT, check=True)
    environment = published_ports(is_running=False) | {"LAKOU_TEST_DEVICE": device}
    found = Stack("lakou-upgrade", environment, tmp_path_factory.mktemp("upgrade"), checkout)
    found.destroy()
    found.compose("up", "--detach", "--build", "--wait")
    yield found
    found.compose("down", "--volumes", "--remove-orphans")
    subprocess.run(["git", "worktree", "remove", "--force", str(checkout)], cwd=CHECKOUT, check=True)


def goes_on(stack: Stack, dropped: list[list[str]], version: int, before: list[list[str]]) -> None:
    """The next file is taken and published, the same figures with it, and the dashboards answer."""
    drop_again(stack, dropped, version)
    stack.wait(lambda: not left(stack), 600, "the next file is taken")
    stack.wait(lambda: is_settled(stack), 900, "it is published")
    assert compared(before, figures(stack), BY_ARRIVAL | BY_CLOSING)[1] == []
    assert page(stack, "localhost", "/login/") == 200


def test_an_upgrade_keeps_every_figure_and_so_does_the_way_back(earlier: Stack, tmp_path: Path) -> None:
    dropped = drop_twin(earlier, tmp_path)
    earlier.lakou("close", "MQ", "2026-T1")
    before = figures(earlier), earlier.query(CLOSED), rows(earlier)
    assert before[0]
    assert before[1]
    frozen = earlier.query(FROZEN)
    migrations = int(earlier.query(MIGRATIONS)[0][0])
    saved = json.loads(earlier.lakou("backup", "--json").stdout)["backup_id"]
    earlier.lakou("backup", "verify")

    current = dataclasses.replace(earlier, checkout=CHECKOUT)
    current.compose("build")
    current.compose("up", "--detach", "--wait")
    assert int(current.query(MIGRATIONS)[0][0]) > migrations
    assert (figures(current), current.query(CLOSED), rows(current)) == before
    current.lakou("build", "--full")
    current.lakou("publish")
    assert compared(before[0], figures(current), BY_ARRIVAL | BY_CLOSING)[1] == []
    assert current.query(FROZEN) == frozen
    goes_on(current, dropped, 30, before[0])

    current.compose("stop")
    current.compose("up", "--detach", "--wait", "postgres")
    restore = ("run", "--rm", "--no-TTY", "lakou", "restore", saved, "--replace", "--with-metadata", "--no-migrate")
    current.compose(*restore, given=f"{saved}\n")
    current.compose("stop")
    earlier.compose("build")
    earlier.compose("up", "--detach", "--wait")
    assert (figures(earlier), earlier.query(CLOSED), rows(earlier)) == before
    assert int(earlier.query(MIGRATIONS)[0][0]) == migrations
    goes_on(earlier, dropped, 31, before[0])
