"""Install the demonstration: open its partners' accounts, drop its files on their days, take them in."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.database import connect
from ingestion.demo import sources
from ingestion.demo.making import BUSINESS_DATE, PARTNERS, PROGRAMME, DemoPartner, File
from ingestion.demo.truth import write_truth
from ingestion.demo.twin import Twin, generate, stored_name
from ingestion.drop import write_atomically
from ingestion.errors import LakouError
from ingestion.landing import fingerprint
from ingestion.partners import Partner, add, add_key, expect
from ingestion.receive import receive
from ingestion.settings import Settings

if TYPE_CHECKING:
    from psycopg import Connection

log = logging.getLogger(__name__)


def install(settings: Settings, progress: Callable[[str], None] = log.info, scale: int = 1) -> None:
    """Open the twelve accounts, generate the twin and its truth into `$LAKOU_HOME/demo`, and receive every file.

    Files are received on the days of the demonstration's calendar, which its business date follows until its end.
    Again, it changes nothing; stopped in the middle, it goes on with what was not received.

    Args:
        scale: how many times the people, sessions, companies and the like.

    Raises:
        LakouError: another scale is installed, or a file of the demonstration could not be taken.
    """
    _keep_scale(settings.home / "demo" / "scale", scale)
    open_accounts(settings)
    twin = generate(settings.home / "demo", scale)
    write_truth(twin)
    with connect(settings) as connection:
        known = {
            tuple(row)
            for row in connection.execute(
                "select partner_code, file_name, sha256 from ops.deliveries where state <> 'RECU'"
            )
        }
    drops = [file for file, *_ in twin.drops() if (file.partner, file.name, _sha256(twin, file)) not in known]
    progress(f"demonstration: {len(PARTNERS)} partners, {len(twin.drops())} files, {len(drops)} to receive")
    for day, batch in itertools.groupby(drops, key=lambda file: file.received_on):
        set_business_date(settings, day)
        drop_and_take(settings, twin, batch, lambda file: file.received_at)
    set_business_date(settings, BUSINESS_DATE)
    if drops:
        # what has waited too long by now is refused
        _take(settings, {})
    progress(f"demonstration: {len(drops)} files received; the business date is {BUSINESS_DATE:%d/%m/%Y}")


def open_accounts(settings: Settings) -> None:
    """Open the partners' accounts, say what is expected of each, and give each its key."""
    with connect(settings) as connection:
        for partner in PARTNERS:
            _open_account(settings, connection, partner)
        # with the others, so that whoever waits for the accounts sees them all at once
        is_replayed = sources.open_account(settings, connection)
    for partner in PARTNERS:
        _make_key(settings, partner.code)
    if is_replayed:
        _make_key(settings, sources.ACCOUNT.partner_code)


def _keep_scale(path: Path, scale: int) -> None:
    known = path.read_text(encoding="utf-8").strip() if path.exists() else str(scale)
    if known != str(scale):
        raise LakouError(
            f"the demonstration is installed at scale {known}, and its files have the same names at scale {scale}",
            f"run `lakou demo --scale {known}`, or begin on an empty platform",
        )
    write_atomically(path, f"{scale}\n".encode())


def _open_account(settings: Settings, connection: Connection[Any], partner: DemoPartner) -> None:
    account = Partner(
        partner_code=partner.code,
        name=partner.name,
        kind=partner.kind,
        programme_code=PROGRAMME,
        feeds=partner.feeds,
        siren=partner.siren or None,
        notice_version="demonstration-1" if partner.has_convention else None,
        legal_basis="INTERET_PUBLIC" if partner.has_convention else None,
        processing_contract=f"DEMO-{partner.code}" if partner.has_convention else None,
        processing_country="France" if partner.has_convention else None,
        is_synthetic=True,
    )
    add(settings, connection, account)
    for feed, since in partner.since.items():
        expect(connection, partner.code, [feed], dt.date.fromisoformat(f"{since}-01"), BUSINESS_DATE)


def _make_key(settings: Settings, code: str) -> None:
    """Give a demonstration partner its key pair; the public one lets it in."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_ssh_private_key,
    )

    path = settings.home / "sftp" / "keys" / code
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        write_atomically(path, made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        path.chmod(0o600)
    public = load_ssh_private_key(path.read_bytes(), None).public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    add_key(settings, code, f"{line} {code}")


def _sha256(twin: Twin, file: File) -> str:
    return fingerprint(twin.directory / "files" / file.partner / stored_name(file))[0]


def drop_and_take(
    settings: Settings, twin: Twin, files: Iterable[File], received_at: Callable[[File], dt.datetime]
) -> None:
    """Put files of the twin where their partners do, and receive them.

    Raises:
        LakouError: one could not be taken.
    """
    moments: dict[Path, dt.datetime] = {}
    for file in files:
        place = settings.drop / file.partner / "depot" / file.name
        shutil.copyfile(twin.directory / "files" / file.partner / stored_name(file), place)
        moments[place] = received_at(file)
        os.utime(place, (moments[place].timestamp(),) * 2)
    _take(settings, moments)


def _take(settings: Settings, received_at: dict[Path, dt.datetime]) -> None:
    now = dt.datetime.now(dt.UTC)
    summary = receive(settings, received_at=lambda path: received_at.get(path, now), progress=log.info, quiet_seconds=0)
    if summary.failures:
        raise LakouError(
            f"{len(summary.failures)} files of the demonstration were not taken: {summary.failures[0]}",
            "mend what it says and run `lakou demo` again: it goes on where it stopped",
        )


def set_business_date(settings: Settings, day: dt.date) -> None:
    """Make it that day for the platform."""
    with connect(settings) as connection:
        connection.execute(
            "insert into ops.settings (name, value) values ('business_date', %s)"
            " on conflict (name) do update set value = excluded.value",
            [day.isoformat()],
        )
