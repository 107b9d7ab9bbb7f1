"""The demonstration's sources: systems that `make up` replays, pulled for an account of another programme.

The account is of a programme that expects nothing of anybody, so that none of its rows is in a figure: the truth of the
twin stays whole, while rows, receipts and pages of the sources are there to be seen.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ingestion.connectors.credentials import read_credentials
from ingestion.connectors.mapping import load_source, source_files
from ingestion.connectors.pulling import pull
from ingestion.database import connect
from ingestion.demo.replay.serving import SYSTEMS, source_name
from ingestion.drop import write_atomically
from ingestion.errors import LakouError
from ingestion.partners import Partner, add
from ingestion.receive import receive
from ingestion.settings import Settings

if TYPE_CHECKING:
    from psycopg import Connection

log = logging.getLogger(__name__)
ACCOUNT = Partner(
    partner_code="OUTILS-AMP",
    name="Outils raccordés (démonstration)",
    kind="CLUSTER",
    programme_code="AMP",
    feeds=("F01", "F04", "F11", "F14"),
    notice_version="demonstration-1",
    legal_basis="INTERET_PUBLIC",
    processing_contract="DEMO-OUTILS-AMP",
    processing_country="France",
    is_synthetic=True,
)
# the session that the survey's answers are about: its partner sends it by hand, as partners do what no tool of theirs has
SESSIONS = "F01_sessions_formation__OUTILS-AMP__2026-01__v1.csv"
SESSION = {
    "session_id": "AMP-DEMO-1",
    "action_code": "AMP-X1",
    "intitule": "Découvrir l'IA (démonstration)",
    "modalite": "ATELIER",
    "date_debut": "2026-01-02",
    "date_fin": "2026-01-02",
    "duree_prevue_h": "7",
    "code_commune": "13055",
}


def open_account(settings: Settings, connection: Connection[Any]) -> bool:
    """Open the account of the replayed systems, where there are any; the caller commits.

    Returns:
        Whether there are.
    """
    if not _names():
        return False
    add(settings, connection, ACCOUNT)
    return True


def pull_replayed(settings: Settings, progress: Callable[[str], None] = log.info) -> int:
    """Pull the demonstration's sources that this machine has, and receive what came of them.

    Again, it pulls what is new, which is nothing.

    Returns:
        Number of sources; none where no system is replayed, and then nothing was changed.

    Raises:
        LakouError: a source cannot be pulled, or its file cannot be taken.
    """
    names = _names()
    with connect(settings) as connection:
        if not open_account(settings, connection):
            return 0
        _drop_sessions(settings, connection)
    for name in names:
        source = load_source(name)
        pull(settings, source, read_credentials(settings, source.connection), progress=log.info)
    summary = receive(settings, lambda _: dt.datetime.now(dt.UTC), progress=log.info, quiet_seconds=0)
    if summary.failures:
        raise LakouError(
            f"{len(summary.failures)} files of the replayed sources were not taken: {summary.failures[0]}",
            "mend what it says and run `lakou demo` again",
        )
    progress(f"demonstration: {len(names)} replayed sources pulled, {summary.rows_accepted} rows accepted")
    return len(names)


def _names() -> list[str]:
    """Sources of the replayed systems that this machine has."""
    there = {path.stem for path in source_files()}
    return [source_name(system) for system in SYSTEMS if source_name(system) in there]


def _drop_sessions(settings: Settings, connection: Connection[Any]) -> None:
    is_known = connection.execute(
        "select 1 from ops.deliveries where partner_code = %s and file_name = %s", [ACCOUNT.partner_code, SESSIONS]
    ).fetchone()
    if is_known is None:
        text = io.StringIO()
        writer = csv.DictWriter(text, SESSION, delimiter=";", lineterminator="\r\n")
        writer.writeheader()
        writer.writerow(SESSION)
        place = settings.drop / ACCOUNT.partner_code / "depot" / SESSIONS
        write_atomically(place, text.getvalue().encode("utf-8-sig"))
