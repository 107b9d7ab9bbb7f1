"""Watch the platform: every 15 minutes, the checks of `lakou doctor`.

What begins to be wrong and what ceases to be is written to `ops.alerts` and mailed to the operators
(`LAKOU_OPERATOR_EMAIL`), once each. Where `LAKOU_STATSD_HOST` is set, the numbers of `lakou metrics` go there.
Each alert has its page in `infra/runbook/`.
"""

from __future__ import annotations

import datetime as dt

from airflow.sdk import Asset, dag, task

HEALTH = Asset("lakou://health")


@dag(
    dag_id="watch",
    schedule="*/15 * * * *",
    start_date=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=dt.timedelta(minutes=10),
    default_args={"owner": "lakou", "queue": "ingestion", "retries": 0},
    tags=["exploitation"],
    doc_md=__doc__,
)
def watch() -> None:
    """One task: each run is the retry of the one before."""

    @task(outlets=[HEALTH])
    def look_and_tell() -> None:
        """Run `lakou watch`, and send the numbers of `lakou metrics`."""
        import logging
        import os

        from ingestion.health import measures, watching
        from ingestion.settings import load_settings

        log = logging.getLogger("airflow.task")
        settings = load_settings()
        summary = watching.watch(settings, progress=log.info)
        log.info("%s", summary)
        host = os.environ.get("LAKOU_STATSD_HOST")
        if host:
            measures.push(measures.measures(settings), host, int(os.environ.get("LAKOU_STATSD_PORT", "8125")))

    look_and_tell()


watch()
