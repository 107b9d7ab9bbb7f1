"""Each system from `lakou source add` to the warehouse, and what its users change from there to the warehouse again."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from expectations.cli import main
from ingestion.demo.replay.server import Replay
from ingestion.settings import Settings
from tests.integration.connector_days import Clock, DolibarrLife, EspoLife, KoboLife, Life, OdkLife, PretixLife
from tests.integration.drop_box import DropBox

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
SURNAMES = ("Larcher", "Zobel", "Maïtrot")
SIRENS = ("732829320", "552100554", "542051180")


@dataclass(frozen=True)
class Case:
    """A system, the feed that it fills, and the columns that a person names in its draft."""

    life: type[Life]
    feed: str
    raw: str
    shown: str
    columns: Mapping[str, Any]
    table: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


SURVEY = {
    "enquete_id": {"constant": "SATISFACTION-2026-1"},
    "type": {"constant": "CHAUD"},
    "session_id": {"constant": "S1"},
    "note_satisfaction": "note",
    "score_connaissance": "gain",
}
STRUCTURE = {"role": {"constant": "STARTUP"}, "code_commune": {"constant": "97209"}}
PERSON = {
    "objet_type": {"constant": "EVENEMENT"},
    "objet_id": {"constant": "E1"},
    "courriel": "attendee_email",
    "nom_naissance": "attendee_name_parts/family_name",
    "prenom": "attendee_name_parts/given_name",
    "annee_naissance": {"constant": "1990"},
    "sexe": {"constant": "NR"},
    "statut_pro": {"constant": "NR"},
    "niveau_diplome": {"constant": "NR"},
    "canal_orientation": {"constant": "DIRECT"},
    "statut": {"field": "../status", "codes": {"p": "INSCRIT", "c": "ABANDON", "n": "INSCRIT", "e": "ABANDON"}},
}
CASES = (
    Case(OdkLife, "F04", "f04_enquetes_formation", "reponse_id, score_connaissance",
         SURVEY | {"reponse_id": "__id", "date_reponse": {"field": "date_session", "clock": "device"}}),
    Case(KoboLife, "F04", "f04_enquetes_formation", "reponse_id, score_connaissance",
         SURVEY | {"reponse_id": "_id", "date_reponse": {"field": "date_session", "clock": "device"}}),
    Case(DolibarrLife, "F14", "f14_structures", "siren, denomination",
         STRUCTURE | {"siren": "idprof1", "denomination": "name", "date_debut": "date_creation"}, None,
         {"period": "date_creation"}),
    Case(EspoLife, "F14", "f14_structures", "siren, denomination",
         STRUCTURE | {"siren": "sicCode", "denomination": "name", "date_debut": "createdAt"}, None,
         {"period": "createdAt"}),
    Case(PretixLife, "F02", "f02_participations", "objet_id, statut", PERSON, "cci/atelier1.positions",
         {"personal": ["attendee_email", "attendee_name_parts/family_name", "attendee_name_parts/given_name"],
          "processing": {"country": "France", "contract": "DPA-2026-04"}, "period": "../datetime"}),
)  # fmt: skip


class Shop:
    """What users do in each system, by the same three words."""

    def __init__(self, case: Case) -> None:
        self.source = case.life(Clock(NOW), dt.timedelta(0), random.Random(1))
        self.server: Any = self.source.behaviour  # type: ignore[attr-defined]
        self.server.rows.clear()

    def add(self, number: int) -> None:
        text, siren = f"Essai {number}", SIRENS[number]
        answer = {"date_session": "2026-10-02", "note": 4, "gain": number, "commentaire": text, "participants": []}
        if isinstance(self.source, OdkLife):
            self.server.submit(answer)
        elif isinstance(self.source, KoboLife):
            self.source.last += 1
            self.server.rows[self.source.last] = {"_id": self.source.last, **answer}
        elif isinstance(self.source, DolibarrLife):
            self.server.create({"name": text, "idprof1": siren})
        elif isinstance(self.source, EspoLife):
            self.server.create({"name": text, "sicCode": siren})
        else:
            self.server.order([("Zoé", SURNAMES[number])])

    def edit(self, record_id: str) -> None:
        if isinstance(self.source, OdkLife):
            self.server.edit(record_id, {"gain": 42})
        elif isinstance(self.source, KoboLife):
            self.server.rows[int(record_id)]["gain"] = 42
        elif isinstance(self.source, PretixLife):
            self.server.cancel(record_id)
        else:
            self.server.edit(record_id, {"name": "Corrigé"})

    def go(self, record_id: str) -> None:
        if isinstance(self.source, PretixLife):
            self.server.drop_position(record_id)
        else:
            self.server.delete(record_id) if not isinstance(self.source, KoboLife) else self.source.leave(record_id)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.life.system)
def test_a_system_is_drafted_tried_pulled_and_followed(
    case: Case, clean: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    life, shop = case.life, Shop(case)
    secrets = dict(life.credentials)
    user, password = secrets.get("user", "").replace("@", "%40"), secrets.get("password", "")
    monkeypatch.setenv("LAKOU_TODAY", "2026-11-22")
    monkeypatch.setenv("LAKOU_SOURCES_DIR", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONN_OUTIL", f"http://{user}:{password}@h/?token={secrets.get('token', '')}")
    box = DropBox(clean).open_account(feeds=("F01", "F02", "F04", "F08", "F14"))
    box.put_sessions("S1")
    box.put_examples("F08", {"evenement_id": "E1"})
    assert box.receive().failures == ()
    for number in range(3):
        shop.add(number)
    with Replay(shop.source) as server:
        run("source", "add", "outil", "--system", life.system, "--address", server.address, "--connection", "outil",
            "--partner", "KABIA", "--feed", case.feed, "--entity", life.entity,
            *(("--table", case.table) if case.table else ()))  # fmt: skip
        name_columns(tmp_path / "outil.yml", case)
        assert "3" in run("source", "test", "outil")
        before = rows(box, case)
        assert len(before) == 3
        edited, gone, _ = shop.source.ids()
        shop.edit(edited)
        shop.go(gone)
        after = rows(box, case)
    assert len(after) == 2
    assert len(set(after) - set(before)) == 1


def name_columns(path: Path, case: Case) -> None:
    """What a person does with a draft."""
    drafted = yaml.safe_load(path.read_text("utf-8"))
    assert drafted["feeds"][0]["entity"] == case.life.entity
    more = dict(case.more)
    feed = {
        **drafted["feeds"][0],
        "columns": case.columns,
        **({"period": more.pop("period")} if "period" in more else {}),
    }
    path.write_text(yaml.safe_dump({**drafted, **more, "feeds": [feed]}, allow_unicode=True), "utf-8")


def rows(box: DropBox, case: Case) -> list[tuple[Any, ...]]:
    """The feed's rows in force after a pull."""
    run("pull", "outil")
    assert box.receive().failures == ()
    return box.all(
        f"select {case.shown} from raw.{case.raw} as r where not exists"
        " (select 1 from ops.supersessions as s where s.superseded_delivery_id = r._delivery_id)"
    )


def run(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output
