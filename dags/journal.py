"""Store the journal of PostgreSQL every ten minutes, so that one can go back to any moment since the last base copies.

Skipped until `lakou backup base` was run once by hand: it makes the first base copy and has the server keep its journal.
At most ten minutes are lost with the machine.
"""

from __future__ import annotations

import datetime as dt

from airflow.sdk import Asset, dag, task

JOURNAL = Asset("lakou://journal")


@dag(
    dag_id="journal",
    schedule="*/10 * * * *",
    start_date=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=dt.timedelta(hours=1),
    default_args={"owner": "lakou", "queue": "ingestion", "retries": 0},
    tags=["exploitation"],
    doc_md=__doc__,
)
def journal() -> None:
    """One task: each run is the retry of the one before."""

    @task(outlets=[JOURNAL])
    def store_journal() -> None:
        """Run `lakou backup wal`."""
        import logging

        from airflow.sdk.exceptions import AirflowSkipException

        from ingestion.backups import journal as keeping
        from ingestion.settings import load_settings

        settings = load_settings()
        if not keeping.is_kept(settings):
            raise AirflowSkipException("no journal is kept: `lakou backup base` begins it")
        keeping.fetch(settings, settings.backup_url, logging.getLogger("airflow.task").info)

    store_journal()


journal()
