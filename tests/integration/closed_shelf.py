"""A small warehouse closed twice: what the book and the open data are made from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingestion import building, publishing
from ingestion.book.making import BookSummary, write_book
from ingestion.closing import ClosingSummary, close_period
from ingestion.database import connect
from ingestion.settings import Settings
from tests.conftest import new_platform
from tests.integration import test_closing as story

TODAY = story.TODAY


@dataclass(frozen=True)
class Shelf:
    """Closed after each of two publications: T1 on the first, T2 on the second, which restates what was closed before."""

    settings: Settings
    first: ClosingSummary
    # written while the publication that it is of was the current one
    first_book: BookSummary
    second: ClosingSummary

    @contextmanager
    def environment(self) -> Iterator[None]:
        """What a command of `lakou` on this warehouse reads."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LAKOU_TODAY", TODAY)
            patch.setenv("LAKOU_HOME", str(self.settings.home))
            patch.setenv("LAKOU_PG_PORT", str(self.settings.pg_port))
            patch.setenv("LAKOU_PG_DATABASE", self.settings.pg_database)
            patch.delenv("LAKOU_SECRETS_DIR", raising=False)
            yield


def make_shelf(home: Path, port: int, password: str) -> Shelf:
    """Build, publish and close, as in the story of the closings; secrecy works as it does for everybody."""
    settings = new_platform(home, port, password, "lakou_shelf")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKOU_TODAY", TODAY)
        # the models' own tests run elsewhere
        patch.setattr("dbt.cli.main.dbtRunner", story._Models)
        with connect(settings, "lakou_admin") as admin:
            story._first(admin)
        _publish(settings, full=True)
        close_period(settings, "MQ", "2026-S1", decision_id="D-7")
        first = close_period(settings, "MQ", "2026-T1")
        first_book = write_book(settings, "MQ", "2026-T1")
        with connect(settings, "lakou_admin") as admin:
            story._later(admin)
            overdue = {
                "seance": "2026-03-01",
                "decision_id": "D-3",
                "libelle": "Relancer « OTHER »",
                "responsable": "Cluster",
                "echeance": "2026-05-01",
                "statut": "OUVERTE",
            }
            story._deliver(admin, "ORG", "G04", "2026-03", [overdue])
        _publish(settings, full=False)
        second = close_period(settings, "MQ", "2026-T2")
    return Shelf(settings, first, first_book, second)


def _publish(settings: Settings, *, full: bool) -> None:
    building.build(settings, story._accept, full=full)
    publishing.publish(settings, lambda *_: [])
