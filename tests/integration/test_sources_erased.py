"""A person who was erased and whom a source still names: their row is refused each time, and nothing of them comes back."""

from __future__ import annotations

import datetime as dt
import html
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingestion import building, landing
from ingestion.cli import main
from ingestion.connectors.pulling import pull
from ingestion.connectors.session import Limits
from ingestion.database import connect
from ingestion.demo.replay.server import Replay
from ingestion.people import Identifiers, keys_of
from ingestion.receive import load_pseudonymiser, receive
from ingestion.settings import Settings
from tests.integration.connector_days import Clock
from tests.integration.connector_offices import PretixOffice, office_of, opened
from tests.integration.drop_box import DropBox, dump

NOW = dt.datetime(2026, 6, 10, 15, tzinfo=dt.UTC)
NAMES = ("Larcher", "Zobel", "Maïtrot")
FAST = Limits(requests_per_second=100_000)


def _accept(_settings: Settings, _loads: Sequence[int]) -> dict[str, str]:
    return {}


def test_who_was_erased_does_not_come_back_with_the_next_pull(
    clean: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAKOU_TODAY", "2026-06-15")
    monkeypatch.setenv("LAKOU_SOURCES_DIR", str(tmp_path))
    monkeypatch.setattr(building, "run_dbt", lambda *_arguments, **_options: 0)
    office = office_of(PretixOffice, Clock(NOW), dt.timedelta(0), "effacement")
    box, tool = opened(DropBox(clean), office), office.behaviour
    orders = [tool.order([("Zoé", name)]) for name in NAMES]
    position = tool.rows[orders[0]]["positions"][0]
    who = {
        "courriel": position["attendee_email"],
        "nom_naissance": NAMES[0],
        "prenom": "Zoé",
        "annee_naissance": "1990",
    }
    keys = keys_of(load_pseudonymiser(clean), Identifiers(**who))
    receipts = [f"F02_participations__PRETIX__2026-06__v{version}.csv" for version in range(5)]

    with Replay(office) as server:
        source = office.write_mapping(tmp_path, server)

        def follow() -> list[tuple[str | None, ...]]:
            office.clock.now += dt.timedelta(hours=1)
            pull(clean, source, office.credentials, limits=FAST)
            assert receive(clean, lambda _: NOW, quiet_seconds=0).failures == ()
            building.build(clean, _accept)
            return office.loaded(box)

        assert len(follow()) == 3
        pages = box.one("select count(*) from ops.source_pages where key_destroyed_at is null")
        erased = CliRunner().invoke(
            main, ["person", "erase", "--by", "DPO", "--yes", "--from", "-"], input=json.dumps(who)
        )
        assert erased.exit_code == 0, erased.output
        # the exact answers that name them cannot be read any more
        assert pages > box.one("select count(*) from ops.source_pages where key_destroyed_at is null") == 0
        with connect(clean) as connection:
            assert landing.sweep(clean, connection) == pages
        # the person is still there, and nothing else has changed
        others = follow()
        assert len(others) == 2
        # a change of another one has the whole period sent again, with the person
        tool.cancel(orders[1])
        assert sorted(row[-1] or "" for row in follow()) == ["ABANDON", "INSCRIT"]
        assert box.states()[receipts[2]] == "ACCEPTÉ AVEC RÉSERVES"
        (line,) = [line for line in box.receipt_lines(receipts[2]) if line[3] == "PERSONNE-EFFACEE"]
        told = html.unescape(box.receipt(receipts[2]))
        assert "La personne a demandé l'effacement de ses données : sa ligne n'est pas reprise." in told.replace(
            "\u00a0", " "
        )
        assert "Supprimez-la de votre outil" in told
        assert NAMES[0] not in "".join(line)
        everything = dump(clean)
        assert keys.mail not in everything
        assert keys.name not in everything
        # pulled whole again, they are refused again; once the tool has them no more, nothing is
        pull(clean, source, office.credentials, limits=FAST, is_full=True)
        assert len(follow()) == 2
        tool.drop_position(orders[0])
        assert len(follow()) == 2
        assert box.states()[receipts[3]] == "ACCEPTÉ"
