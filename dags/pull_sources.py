"""Pull the systems that partners keep using: one DAG a source, made of its file in `ingestion/sources/`.

`ingest_<source>` runs on the schedule of its file. It pulls what is new or changed, puts a new version of each period
that changed into its owner's drop and receives it, which updates `lakou://raw`. The parameter `full` forgets the
watermark: everything is pulled again and compared. A refusal (key, right) is never tried again before a person has
mended the connection. A source that was not pulled to its end for longer than its file says is told to its owner.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from airflow.sdk import DAG, Asset, Param, dag, get_current_context, task

from ingestion.connectors.mapping import pulled_files, schedule_of

if TYPE_CHECKING:
    from ingestion.settings import Settings

RAW = Asset("lakou://raw")
SOURCES = Asset("lakou://sources")


def make_dag(name: str, schedule: str) -> DAG:
    """The DAG of one source; its file is read again by each run."""

    @dag(
        dag_id=f"ingest_{name}",
        schedule=schedule,
        start_date=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=dt.timedelta(hours=6),
        default_args={"owner": "lakou", "queue": "ingestion", "retries": 0},
        params={"full": Param(False, type="boolean", title="Tout relire, et comparer")},
        tags=["ingestion", "source"],
        doc_md=__doc__,
    )
    def ingest_source() -> None:
        """Pull, receive, and, whatever became of that, see whether the source has gone quiet."""

        @task(outlets=[SOURCES], retries=3, retry_delay=dt.timedelta(minutes=5), retry_exponential_backoff=2.0)
        def pull_source() -> None:
            """Run `lakou pull`: what was pulled before a failure is kept, and the next attempt goes on."""
            import logging

            from airflow.sdk.exceptions import AirflowFailException

            from ingestion.connectors.mapping import load_source
            from ingestion.connectors.pulling import pull
            from ingestion.errors import ConfigurationError, SourceRefusal
            from ingestion.settings import load_settings

            log = logging.getLogger("airflow.task")
            settings = load_settings()
            full = bool(get_current_context()["params"]["full"])
            try:
                source = load_source(name)
                credentials = _credentials(settings, source.connection)
                summary = pull(settings, source, credentials, is_full=full, progress=log.info)
            except (SourceRefusal, ConfigurationError) as error:
                raise AirflowFailException(str(error)) from error
            log.info("%s", summary)

        @task(outlets=[RAW])
        def receive_files() -> None:
            """Run `lakou receive` on the files made of the source; nothing new is skipped, so that nothing is rebuilt."""
            import logging

            from airflow.sdk.exceptions import AirflowSkipException

            from ingestion.building import has_waiting_loads
            from ingestion.receive import receive
            from ingestion.settings import load_settings

            settings = load_settings()
            summary = receive(settings, progress=logging.getLogger("airflow.task").info)
            if not (summary.loads or has_waiting_loads(settings)):
                raise AirflowSkipException("nothing new")

        @task(outlets=[SOURCES], trigger_rule="all_done")
        def tell_silence() -> None:
            """Fail, and mail the owner once a day, where the source was not pulled to its end for too long."""
            from ingestion.connectors.mapping import load_source
            from ingestion.connectors.owners_page import tell_silence as tell
            from ingestion.database import connect
            from ingestion.settings import load_settings

            with connect(load_settings()) as connection:
                said = tell(connection, load_source(name), dt.datetime.now(dt.UTC))
            if said:
                raise RuntimeError(said)

        pulled = pull_source()
        pulled >> [receive_files(), tell_silence()]

    made: DAG = ingest_source()
    return made


def _credentials(settings: Settings, connection: str) -> dict[str, str]:
    """Those of the Airflow connection, else of the environment or the secret file that the command line reads."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    from ingestion.connectors.credentials import read_credentials

    try:
        found = Connection.get(connection)
    except AirflowNotFoundException:
        return dict(read_credentials(settings, connection))
    token = found.extra_dejson.get("token")
    given = {"user": found.login, "password": found.password, "token": token or found.password}
    return {key: str(value) for key, value in given.items() if value}


for _file in pulled_files():
    # of a file with a fault, the runs fail and say which line is wrong; the other sources go on
    globals()[f"ingest_{_file.stem}"] = make_dag(_file.stem, schedule_of(_file))
