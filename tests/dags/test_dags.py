"""The DAG files: exactly these, cheap to parse, described, and chained by assets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.exceptions import ParamValidationError

DAGS = Path(__file__).parents[2] / "dags"
EXPECTED = {
    "ingest_drop": "* * * * *",
    "build_warehouse": {"lakou://raw"},
    "publish": {"lakou://marts"},
    "retention": "20 6 * * *",
    "backup": "15 7 * * *",
    "journal": "*/10 * * * *",
    "watch": "*/15 * * * *",
    # a person starts it
    "close_period": None,
}


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The DAGs as Airflow's own parser reads them, with a metadata database that does not exist."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        patch.setenv("LAKOU_SOURCES_DIR", str(tmp_path_factory.mktemp("sources")))
        patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        from airflow.dag_processing.dagbag import DagBag

        parsed = DagBag(dag_folder=str(DAGS), collect_dags=True)
    assert parsed.import_errors == {}
    return dict(parsed.dags)


def test_the_dags_are_exactly_these(bag: dict[str, Any]) -> None:
    assert set(bag) == set(EXPECTED)
    # one DAG a source's file: see test_pull_sources.py
    assert {path.stem for path in DAGS.glob("[!_]*.py")} - {"pull_sources"} == set(EXPECTED)


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_a_dag_says_who_owns_it_and_what_it_does(bag: dict[str, Any], dag_id: str) -> None:
    dag = bag[dag_id]
    assert len(dag.doc_md) > 100
    assert dag.tags
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    for task in dag.tasks:
        assert task.owner == "lakou"
        assert task.doc_md or task.python_callable.__doc__
        assert task.outlets, "each moment says what it changed"


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_the_clock_starts_ingestion_and_assets_the_rest(bag: dict[str, Any], dag_id: str) -> None:
    expected, timetable = EXPECTED[dag_id], bag[dag_id].timetable
    if expected is None:
        assert timetable.can_be_scheduled is False
    elif isinstance(expected, str):
        assert timetable.expression == expected
    else:
        assert {asset.name for asset in timetable.asset_condition.objects} == expected


def test_closing_asks_for_the_programme_and_the_period(bag: dict[str, Any]) -> None:
    params = bag["close_period"].params
    assert {"programme", "period"} <= set(params)
    with pytest.raises(ParamValidationError):
        params["period"] = "2026-T5"


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_parsing_imports_nothing_heavy(dag_id: str) -> None:
    heavy = "great_expectations", "dbt", "pandas", "polars", "psycopg", "pyarrow", "requests"
    code = (
        "import sys, airflow.sdk; before = set(sys.modules); "
        f"import runpy; runpy.run_path({str(DAGS / f'{dag_id}.py')!r}); "
        f"print([m for m in {heavy!r} if m in sys.modules and m not in before])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
