"""One DAG a source, made of its file: scheduled by it, refused accounts never tried again, heavy imports left to runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DAG_FILE = Path(__file__).parents[2] / "dags" / "pull_sources.py"
GOOD = """\
system: limesurvey
address: https://enquetes.example.org
connection: enquetes
partner: KABIA
zone: America/Martinique
schedule: "15 * * * *"
feeds:
  - {entity: 185393, feed: F04, columns: {date_reponse: submitdate}}
"""


@pytest.fixture
def bag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("LAKOU_SOURCES_DIR", str(tmp_path / "sources"))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "bonne.yml").write_text(GOOD)
    (tmp_path / "sources" / "fautive.yml").write_text("rien: du tout\n")
    # files exported by hand are dropped, and nothing is pulled
    by_hand = "system: google_forms\npartner: KABIA\nzone: UTC\nfeeds: []\n"
    (tmp_path / "sources" / "a_la_main.yml").write_text(by_hand)
    from airflow.dag_processing.dagbag import DagBag

    parsed = DagBag(dag_folder=str(DAG_FILE), collect_dags=True)
    assert parsed.import_errors == {}
    return dict(parsed.dags)


def test_each_file_is_a_dag_and_a_wrong_one_stops_no_other(bag: dict[str, Any]) -> None:
    assert {name: dag.timetable.expression for name, dag in bag.items()} == {
        "ingest_bonne": "15 * * * *",
        "ingest_fautive": "0 5 * * *",
    }


def test_a_dag_pulls_receives_and_tells_silence_whatever_became_of_the_pull(bag: dict[str, Any]) -> None:
    dag = bag["ingest_bonne"]
    assert len(dag.doc_md) > 100
    assert (dag.max_active_runs, dag.catchup, dag.params["full"]) == (1, False, False)
    assert {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks} == {
        "pull_source": [],
        "receive_files": ["pull_source"],
        "tell_silence": ["pull_source"],
    }
    assert dag.get_task("tell_silence").trigger_rule == "all_done"
    assert dag.get_task("pull_source").retries == 3


def test_parsing_reads_the_files_and_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "bonne.yml").write_text(GOOD)
    heavy = "great_expectations", "dbt", "pandas", "polars", "psycopg", "pyarrow", "requests"
    code = (
        f"import os, sys; os.environ['LAKOU_SOURCES_DIR'] = {str(tmp_path)!r}; import airflow.sdk;"
        f" before = set(sys.modules); import runpy; found = runpy.run_path({str(DAG_FILE)!r});"
        f" print('ingest_bonne' in found, [m for m in {heavy!r} if m in sys.modules and m not in before])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "True []"
