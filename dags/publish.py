"""Audit what the marts hold at the published boundary, then let everybody read it at once.

Started by the asset `lakou://marts`. A failed critical check leaves the last good figures of what it concerns,
shows it on the dashboards, and marks this run failed with the reason. Updates `lakou://pub`.
"""

from __future__ import annotations

import datetime as dt

from airflow.sdk import Asset, dag, task

MARTS = Asset("lakou://marts")
PUB = Asset("lakou://pub")


@dag(
    dag_id="publish",
    schedule=[MARTS],
    start_date=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "lakou", "queue": "transformation", "retries": 2, "retry_delay": dt.timedelta(seconds=30)},
    tags=["publication"],
    doc_md=__doc__,
)
def publish() -> None:
    """One task; a worker that died is made up for, a held publication waits for a person, not for time."""

    @task(outlets=[PUB])
    def publish_marts() -> None:
        """Run `lakou publish`."""
        import logging

        from airflow.sdk.exceptions import AirflowFailException

        from expectations.runner import audit_publication
        from ingestion import publishing
        from ingestion.errors import PublicationHeld
        from ingestion.settings import load_settings

        log = logging.getLogger("airflow.task")
        try:
            log.info("%s", publishing.publish(load_settings(), audit_publication, progress=log.info))
        except PublicationHeld as error:
            raise AirflowFailException(str(error)) from error

    publish_marts()


publish()
