"""Number what was loaded, judge it at the raw boundary, link people and bring the star up to date.

Started by the asset `lakou://raw`, never by the clock. Updates `lakou://marts`, which starts `publish`.
One `dbt build` in one task: its per-model results are in the log and in `ops.model_runs`.
"""

from __future__ import annotations

import datetime as dt

from airflow.sdk import Asset, dag, task

RAW = Asset("lakou://raw")
MARTS = Asset("lakou://marts")


@dag(
    dag_id="build_warehouse",
    schedule=[RAW],
    start_date=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "lakou", "queue": "transformation", "retries": 1, "retry_delay": dt.timedelta(seconds=30)},
    tags=["transformation"],
    doc_md=__doc__,
)
def build_warehouse() -> None:
    """One task: the build lock and the build number make it safe to run again."""

    @task(outlets=[MARTS])
    def build_marts() -> None:
        """Run `lakou build`; skipped when nothing is new."""
        import logging

        from airflow.sdk.exceptions import AirflowSkipException

        from expectations.runner import inspect_loads
        from ingestion.building import build
        from ingestion.settings import load_settings

        log = logging.getLogger("airflow.task")
        summary = build(load_settings(), inspect_loads, progress=log.info)
        log.info("%s", summary)
        if not summary.is_new:
            raise AirflowSkipException("no load is new")

    build_marts()


build_warehouse()
