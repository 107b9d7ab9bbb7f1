"""`lakou watch`: what is newly wrong and what is mended, written down, and told to the operators once each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from ingestion import mail
from ingestion.database import WATCH_LOCK, connect
from ingestion.health.checks import CHECKS
from ingestion.health.findings import BROKEN, Check, Finding, examine
from ingestion.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatchSummary:
    """What one run found.

    Args:
        opened, ended: checks that began and ceased to be wrong.
        wrong: checks that are.
        is_mailed: whether the operators were told something.
    """

    opened: tuple[str, ...]
    ended: tuple[str, ...]
    wrong: tuple[str, ...]
    is_mailed: bool


def watch(
    settings: Settings, checks: Iterable[Check] = CHECKS, progress: Callable[[str], None] = log.info
) -> WatchSummary:
    """Look at everything, note what began and what ended, and tell the operators each of it once.

    What gets worse (`à voir`, then `en panne`) is told again; what could not be mailed is by the next run.

    Raises:
        LakouError: the warehouse does not answer, or the mail server does not take the mail.
    """
    found = examine(settings, checks)
    for finding in found:
        if finding.remedy:
            progress(f"{finding.state}: {finding.check}: {finding.what} ({finding.remedy}; {finding.page})")
    with connect(settings) as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [WATCH_LOCK])
        opened, ended = _note(connection, found)
    with connect(settings) as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [WATCH_LOCK])
        is_mailed = _tell(connection)
    wrong = tuple(finding.check for finding in found if finding.is_worth_a_mail)
    return WatchSummary(tuple(opened), tuple(ended), wrong, is_mailed)


def _note(connection: psycopg.Connection[Any], found: Iterable[Finding]) -> tuple[list[str], list[str]]:
    """Write down what is wrong; the caller commits.

    Returns:
        Checks that began to be wrong, and those that ceased.
    """
    known = dict(
        connection.execute("select check_name, state from ops.alerts where ended_at is null for update").fetchall()
    )
    opened = []
    wrong = {finding.check: finding for finding in found if finding.is_worth_a_mail}
    for check, finding in wrong.items():
        values = [finding.state, finding.what, finding.remedy, finding.page, check]
        if check not in known:
            connection.execute(
                "insert into ops.alerts (state, what, remedy, page, check_name) values (%s, %s, %s, %s, %s)", values
            )
            opened.append(check)
            continue
        is_worse = finding.state == BROKEN and known[check] != BROKEN
        connection.execute(
            "update ops.alerts set state = %s, what = %s, remedy = %s, page = %s, seen_at = clock_timestamp(),"
            " told_at = case when %s then null else told_at end where check_name = %s and ended_at is null",
            [*values[:4], is_worse, check],
        )
    ended = [check for check in known if check not in wrong]
    connection.execute(
        "update ops.alerts set ended_at = clock_timestamp() where ended_at is null and check_name = any(%s)", [ended]
    )
    return opened, ended


def _tell(connection: psycopg.Connection[Any]) -> bool:
    """Mail what was not told yet; the caller commits.

    Raises:
        LakouError: the mail server does not take it; nothing is then noted as told.
    """
    # what ended before anybody was told of it
    connection.execute(
        "update ops.alerts set end_told_at = ended_at where ended_at is not null and told_at is null"
        " and end_told_at is null"
    )
    new = connection.execute(
        "select alert_id, check_name, state, what, remedy, page from ops.alerts"
        " where told_at is null and ended_at is null order by state desc, alert_id"
    ).fetchall()
    over = connection.execute(
        "select alert_id, check_name, what, opened_at, ended_at from ops.alerts"
        " where told_at is not null and ended_at is not null and end_told_at is null order by alert_id"
    ).fetchall()
    if not new and not over:
        return False
    lines = [
        f"{state}: {check}\n  {what}\n  To mend it: {remedy}\n  {page}\n" for _, check, state, what, remedy, page in new
    ]
    lines += [
        f"over: {check} ({opened:%Y-%m-%d %H:%M} to {ended:%H:%M} UTC)\n  It was: {what}\n"
        for _, check, what, opened, ended in over
    ]
    names = ", ".join([row[1] for row in new] + [f"{row[1]} (over)" for row in over])
    body = (
        "\n".join(lines)
        + "\n`lakou doctor` says how it is now. Each of these is told once when it begins and once when it ends.\n"
    )
    key = "alert-" + "-".join(str(row[0]) for row in (*new, *over))
    if not mail.send_to_operators(f"Lakou: {names}", body, key):
        return False
    connection.execute(
        "update ops.alerts set told_at = clock_timestamp() where alert_id = any(%s)", [[row[0] for row in new]]
    )
    connection.execute(
        "update ops.alerts set end_told_at = clock_timestamp() where alert_id = any(%s)", [[row[0] for row in over]]
    )
    return True
