"""Close a period of a programme: freeze its figures as the committee saw them.

Started by a person, with a programme (`MQ`) and a period (`2026-T1`), and where there is one the committee's decision,
the publication that it saw and the reason for closing the period again. Updates `lakou://closings`, then writes the
closing's book, keeps it (`lakou://books`) and mails it to the committee (`LAKOU_COMMITTEE_EMAIL`) where it is new.
"""

from __future__ import annotations

import datetime as dt

from airflow.sdk import Asset, Param, dag, get_current_context, task

CLOSINGS = Asset("lakou://closings")
BOOKS = Asset("lakou://books")
MAILS = Asset("lakou://mails")


@dag(
    dag_id="close_period",
    schedule=None,
    start_date=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "lakou", "queue": "transformation", "retries": 0},
    params={
        "programme": Param("MQ", type="string", title="Programme", minLength=2),
        "period": Param(
            "2026-T1",
            type="string",
            title="Période",
            description="2026-03, 2026-T1, 2026-S1 ou 2026",
            pattern=r"^20[0-9]{2}(-(0[1-9]|1[0-2]|T[1-4]|S[12]))?$",
        ),
        "decision": Param(None, type=["null", "string"], title="Décision du comité (G04)"),
        "publication": Param(None, type=["null", "integer"], title="Publication vue par le comité", minimum=1),
        "reason": Param("", type="string", title="Motif, pour clore de nouveau"),
    },
    tags=["publication"],
    doc_md=__doc__,
)
def close_period() -> None:
    """What cannot be closed waits for a person, without a retry; closing twice changes nothing and sends nothing."""

    @task(outlets=[CLOSINGS])
    def freeze_values() -> None:
        """Run `lakou close`."""
        import logging

        from ingestion import closing
        from ingestion.settings import load_settings

        log = logging.getLogger("airflow.task")
        params = get_current_context()["params"]
        summary = closing.close_period(
            load_settings(),
            params["programme"],
            params["period"],
            decision_id=params["decision"],
            publication_id=params["publication"],
            reason=params["reason"],
            progress=log.info,
        )
        log.info("%s", summary)

    @task(outlets=[BOOKS])
    def keep_book() -> bool:
        """Run `lakou book`."""
        import logging

        from ingestion.book.making import write_book
        from ingestion.settings import load_settings

        log = logging.getLogger("airflow.task")
        params = get_current_context()["params"]
        book = write_book(load_settings(), params["programme"], params["period"], progress=log.info)
        log.info("%s", book)
        return any(file.is_new for file in book.files)

    @task(outlets=[MAILS], retries=5, retry_delay=dt.timedelta(minutes=5), retry_exponential_backoff=2.0)
    def send_book(*, is_new: bool) -> None:
        """Run `lakou book --send` where a mail server and the committee's addresses are known."""
        from airflow.sdk.exceptions import AirflowSkipException

        from ingestion.book import sending
        from ingestion.book.making import write_book
        from ingestion.settings import load_settings

        params = get_current_context()["params"]
        if not is_new:
            raise AirflowSkipException("this closing has its book already")
        if not sending.send_book(write_book(load_settings(), params["programme"], params["period"])):
            raise AirflowSkipException("no mail server or no committee is configured")

    is_new = keep_book()
    freeze_values() >> is_new
    send_book(is_new=is_new)


close_period()
