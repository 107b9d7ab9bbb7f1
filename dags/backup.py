"""Save the platform: every night the warehouse, the landing, the drop and the databases of Airflow and Superset.

On Sundays the whole PostgreSQL server is copied too, where point-in-time recovery was set up by hand once
(`lakou backup base`). What is kept, for how long and how it is put back: `infra/runbook/backup.md`.
"""

from __future__ import annotations

import datetime as dt

from airflow.sdk import Asset, dag, task

BACKUPS = Asset("lakou://backups")
BASES = Asset("lakou://base-copies")


@dag(
    dag_id="backup",
    schedule="15 7 * * *",
    start_date=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=dt.timedelta(hours=6),
    default_args={"owner": "lakou", "queue": "transformation", "retries": 2, "retry_delay": dt.timedelta(minutes=10)},
    tags=["exploitation"],
    doc_md=__doc__,
)
def backup() -> None:
    """Two tasks: what an interrupted one leaves is swept by the next."""

    @task(outlets=[BACKUPS])
    def save_platform() -> None:
        """Run `lakou backup`."""
        import logging

        from airflow.sdk.exceptions import AirflowSkipException

        from ingestion.backups.making import back_up, has_something
        from ingestion.backups.retaining import Kept
        from ingestion.settings import load_settings

        log = logging.getLogger("airflow.task")
        settings = load_settings()
        if not has_something(settings):
            raise AirflowSkipException("nothing was received yet, and nobody has an account")
        summary = back_up(settings, settings.backup_url, Kept(), log.info)
        log.info("%s", summary)
        if summary.missing:
            raise RuntimeError(f"the landing has lost files that the warehouse names: {summary.missing[:10]}")

    @task(outlets=[BASES])
    def copy_server() -> None:
        """Run `lakou backup base`, once a week."""
        import logging

        from airflow.sdk.exceptions import AirflowSkipException

        from ingestion.backups import journal
        from ingestion.settings import load_settings

        settings = load_settings()
        if dt.datetime.now(dt.UTC).isoweekday() != 7 or not journal.is_kept(settings):
            raise AirflowSkipException("not Sunday, or no journal is kept")
        log = logging.getLogger("airflow.task")
        log.info("%s", journal.copy_base(settings, settings.backup_url, log.info))

    save_platform() >> copy_server()  # type: ignore[operator]


backup()
