"""Take away what is kept no longer: figures of old publications that no closing pins, keys of old landed files.

Runs every night; how long each is kept is a parameter of the catalogue.
"""

from __future__ import annotations

import datetime as dt

from airflow.sdk import Asset, dag, task

KEPT = Asset("lakou://kept")


@dag(
    dag_id="retention",
    schedule="20 6 * * *",
    start_date=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=dt.timedelta(hours=1),
    default_args={"owner": "lakou", "queue": "transformation", "retries": 2, "retry_delay": dt.timedelta(minutes=10)},
    tags=["exploitation"],
    doc_md=__doc__,
)
def retention() -> None:
    """One task: what a run leaves undone the next one does."""

    @task(outlets=[KEPT])
    def prune_publications_and_keys() -> None:
        """Run `lakou prune`."""
        import logging

        from ingestion import retention as keeping
        from ingestion.settings import load_settings

        log = logging.getLogger("airflow.task")
        log.info("%s", keeping.prune(load_settings(), progress=log.info))

    prune_publications_and_keys()


retention()
