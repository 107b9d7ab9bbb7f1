"""Take in what partners have dropped by SFTP: land, judge, load and answer.

Runs every minute, all feeds in the order of their references. When a load waits for its build (also one
taken by hand, or left by a crash) it updates the asset `lakou://raw`, which starts `build_warehouse`; otherwise it is skipped.
"""

from __future__ import annotations

import datetime as dt

from airflow.sdk import Asset, dag, task

RAW = Asset("lakou://raw")


@dag(
    dag_id="ingest_drop",
    schedule="* * * * *",
    start_date=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=dt.timedelta(minutes=30),
    default_args={"owner": "lakou", "queue": "ingestion", "retries": 0},
    tags=["ingestion"],
    doc_md=__doc__,
)
def ingest_drop() -> None:
    """One task: each minute is its own retry."""

    @task(outlets=[RAW])
    def receive_drop() -> None:
        """Receive every settled file of every partner, once."""
        import logging

        from airflow.sdk.exceptions import AirflowSkipException

        from ingestion.building import has_waiting_loads
        from ingestion.receive import receive
        from ingestion.settings import load_settings

        settings = load_settings()
        summary = receive(settings, progress=logging.getLogger("airflow.task").info)
        logging.getLogger("airflow.task").info("%s", summary)
        if summary.loads or has_waiting_loads(settings):
            return
        # a file that could not be taken stays in the drop: the next minute, which loads nothing, fails and says so
        if summary.failures:
            raise RuntimeError("; ".join(summary.failures))
        raise AirflowSkipException("nothing new in the drop")

    receive_drop()


ingest_drop()
