"""The connector that the README shows: short, and good from the draft of a source to the warehouse."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import ingestion.connectors
from expectations.cli import main
from ingestion.connectors import systems
from ingestion.demo.replay.exchanges import Reply, Request
from ingestion.demo.replay.server import Replay
from ingestion.settings import CHECKOUT, Settings
from tests.integration.drop_box import DropBox

MOST_LINES = 80
JSON = {"Content-Type": "application/json; charset=utf-8"}
COLUMNS = {"nom": "Text", "type": "Choice", "debut": "Date", "fin": "Date", "heures": "Int", "commune": "Text"}
NAMED = {"session_id": "id", "intitule": "nom", "modalite": "type", "date_debut": "debut", "date_fin": "fin",
         "duree_prevue_h": "heures", "code_commune": "commune", "action_code": "{constant: MQ-A1}"}  # fmt: skip


class Grist:
    """One table of one document."""

    def __init__(self) -> None:
        row = {"nom": "Atelier", "type": "ATELIER", "debut": "2026-09-03", "fin": "2026-09-04", "heures": 7,
               "commune": "97209"}  # fmt: skip
        self.rows: dict[int, dict[str, Any]] = {1: dict(row), 2: dict(row), 3: dict(row)}

    def respond(self, request: Request) -> Reply:
        if request.headers.get("authorization") != "Bearer clef-du-document":
            return Reply(401, JSON, b'{"error": "invalid API key"}')
        if request.path == "/api/docs/d1/tables":
            return _json({"tables": [{"id": "Sessions", "fields": {}}]})
        if request.path == "/api/docs/d1/tables/Sessions/columns":
            columns = [{"id": name, "fields": {"label": name, "type": kind}} for name, kind in COLUMNS.items()]
            return _json({"columns": columns})
        return _json({"records": [{"id": number, "fields": row} for number, row in self.rows.items()]})


def _json(value: Any) -> Reply:
    return Reply(200, JSON, json.dumps(value).encode())


def test_the_connector_of_the_readme_is_short_and_pulls(
    clean: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (text,) = re.findall(r"```python\n(.*?)```", (CHECKOUT / "ingestion" / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(text.splitlines()) <= MOST_LINES
    (tmp_path / "grist.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(ingestion.connectors, "__path__", [*ingestion.connectors.__path__, str(tmp_path)])
    assert "grist" in systems()
    monkeypatch.setenv("LAKOU_TODAY", "2026-10-05")
    monkeypatch.setenv("LAKOU_SOURCES_DIR", str(tmp_path / "sources"))
    monkeypatch.setenv("AIRFLOW_CONN_GRIST", "http://:@h/?token=clef-du-document")
    box = DropBox(clean).open_account(feeds=("F01",))
    with Replay(Grist()) as server:
        (tmp_path / "sources").mkdir()
        path = tmp_path / "sources" / "ateliers.yml"
        columns = "".join(f"      {name}: {field}\n" for name, field in NAMED.items())
        path.write_text(
            f"system: grist\naddress: {server.address}\nconnection: grist\npartner: KABIA\nzone: UTC\n"
            f"options: {{document: d1}}\nfeeds:\n  - entity: Sessions\n    feed: F01\n    period: fin\n    columns:\n{columns}"
        )
        _run("source", "test", "ateliers")
        _run("pull", "ateliers")
        assert box.receive().rows_accepted == 3
        del server.behaviour.rows[2]
        server.behaviour.rows[3]["heures"] = 14
        _run("pull", "ateliers")
        box.receive()
    assert box.all(
        "select session_id, duree_prevue_h from raw.f01_sessions_formation as r where not exists"
        " (select 1 from ops.supersessions as s where s.superseded_delivery_id = r._delivery_id) order by 1"
    ) == [("1", "7"), ("3", "14")]


def _run(*arguments: str) -> None:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 0, done.output
