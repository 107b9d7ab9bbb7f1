"""Accounts of the partners: who may deliver what, with which key, by when; and what their folders tell them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import dict_row

from ingestion.drop import FOLDERS, write_atomically
from ingestion.errors import LakouError
from ingestion.landing import unwritable
from ingestion.settings import Settings

if TYPE_CHECKING:
    import psycopg

    from ingestion.contracts import Contract

CODE = re.compile(r"[A-Z0-9-]{2,16}")
# options in front of a key could open a shell or a tunnel: only the bare key is taken
PUBLIC_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-\S+) [A-Za-z0-9+/=]+( .*)?")


@dataclass(frozen=True, slots=True)
class Partner:
    """One account.

    Args:
        partner_code: 2 to 16 of A-Z, 0-9 and the hyphen.
        name: as shown to the committee.
        kind: what it is, in capitals (`ORGANISME_FORMATION`, `STARTUP`, `CLUSTER`, `EPCI`, `CABINET`).
        programme_code: programme of its rows that name none.
        feeds: feeds that it may send.
        siren: its SIREN, if it has one.
        notice_version, legal_basis, processing_contract, processing_country: without all four, its personal columns
            are refused; the legal basis is `INTERET_PUBLIC` or `INTERET_LEGITIME`.
        is_synthetic: true for a partner of the demonstration.
    """

    partner_code: str
    name: str
    kind: str
    programme_code: str
    feeds: tuple[str, ...]
    siren: str | None = None
    notice_version: str | None = None
    legal_basis: str | None = None
    processing_contract: str | None = None
    processing_country: str | None = None
    is_synthetic: bool = False

    @property
    def has_convention(self) -> bool:
        """Whether everything is there that personal columns need."""
        return all((self.notice_version, self.legal_basis, self.processing_contract, self.processing_country))


def list_partners(connection: psycopg.Connection[Any]) -> list[Partner]:
    """All accounts, in the order of their codes."""
    columns = sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(Partner))
    statement = sql.SQL("select {} from ops.partners order by partner_code").format(columns)
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement).fetchall()
    return [Partner(**{**row, "feeds": tuple(row["feeds"])}) for row in rows]


def add(settings: Settings, connection: psycopg.Connection[Any], partner: Partner) -> None:
    """Open an account, or bring one up to date: its row, its folders, its templates; the caller commits.

    Raises:
        LakouError: the code or a feed is not one, or a folder cannot be made.
    """
    from ingestion.contracts import load_contracts

    if not CODE.fullmatch(partner.partner_code):
        raise LakouError(
            f"{partner.partner_code!r} is no partner code",
            "use 2 to 16 capitals, digits or hyphens",
        )
    contracts = load_contracts()
    unknown = [feed for feed in partner.feeds if feed not in contracts]
    if unknown or not partner.feeds:
        raise LakouError(
            f"no feed is called {', '.join(unknown) or '(none given)'}", f"choose among {', '.join(sorted(contracts))}"
        )
    names = [field.name for field in fields(Partner)]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    statement = sql.SQL(
        "insert into ops.partners ({}) values ({}) on conflict (partner_code) do update set ({}) = row({})"
    ).format(
        columns,
        sql.SQL(", ").join(map(sql.Placeholder, names)),
        columns,
        sql.SQL(", ").join(sql.Identifier("excluded", name) for name in names),
    )
    connection.execute(statement, asdict(partner) | {"feeds": list(partner.feeds)})
    make_folders(settings, partner.partner_code)
    write_guides(settings, partner)


def make_folders(settings: Settings, partner_code: str) -> None:
    """Make the folders of a partner's drop: theirs to write in `depot/`, theirs to read elsewhere.

    Raises:
        LakouError: they cannot be made.
    """
    root = settings.drop / partner_code
    try:
        for folder in (root, *(root / name for name in FOLDERS)):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o770 if folder.name == "depot" else 0o750)
    except OSError as error:
        raise unwritable(str(root), error) from error


def write_guides(settings: Settings, partner: Partner) -> None:
    """Write the templates, the dictionary and the page on how to connect into `modeles/`."""
    import tempfile
    from pathlib import Path

    from ingestion.contracts import load_contracts
    from ingestion.generate import dictionary_html, write_template

    known = load_contracts()
    contracts = [known[feed] for feed in partner.feeds]
    folder = settings.drop / partner.partner_code / "modeles"
    with tempfile.TemporaryDirectory() as temporary:
        for contract in contracts:
            made = Path(temporary) / f"{contract.feed}_{contract.name}__modele.xlsx"
            write_template([contract], made)
            write_atomically(folder / made.name, made.read_bytes())
    write_atomically(folder / "DICTIONNAIRE.html", dictionary_html(contracts).encode())
    write_atomically(folder / "LISEZ-MOI.html", _connection_page(settings, partner, contracts))


def add_key(settings: Settings, partner_code: str, public_key: str) -> bool:
    """Let a partner in with one more public key (one OpenSSH line).

    Returns:
        False when that key was there already.

    Raises:
        LakouError: the text is no public key, or the file cannot be written.
    """
    key = public_key.strip()
    if not PUBLIC_KEY.fullmatch(key):
        raise LakouError(
            "this is not one OpenSSH public key (a private key, options or several lines were given)",
            "give the line of the partner's .pub file: ssh-ed25519 AAAA… comment",
        )
    path = settings.home / "sftp" / "authorized_keys" / partner_code
    known = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if key.split()[1] in {line.split()[1] for line in known if len(line.split()) > 1}:
        return False
    write_atomically(path, "".join(f"{line}\n" for line in [*known, key]).encode())
    return True


def expect(
    connection: psycopg.Connection[Any],
    partner_code: str,
    feeds: Sequence[str],
    first_month: dt.date,
    last_month: dt.date,
) -> int:
    """Expect one delivery a month of each feed, due on the day that its contract says; the caller commits.

    Args:
        first_month, last_month: any day of the first and of the last month expected.

    Returns:
        How many were not expected before.
    """
    from ingestion.contracts import load_contract

    due_days = {feed: load_contract(feed).due_day for feed in feeds}
    rows = []
    month = first_month.replace(day=1)
    while month <= last_month:
        following = (month + dt.timedelta(days=32)).replace(day=1)
        end = following - dt.timedelta(days=1)
        rows += [
            (partner_code, feed, f"{month:%Y-%m}", month, end, following.replace(day=due))
            for feed, due in due_days.items()
        ]
        month = following
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.expected_deliveries (partner_code, feed, period, period_start, period_end, due_on)"
            " values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
            rows,
        )
        return max(cursor.rowcount, 0)


def _connection_page(settings: Settings, partner: Partner, contracts: Sequence[Contract]) -> bytes:
    import os

    from ingestion.receipts import render

    return render(
        "connexion.html.j2",
        partner=partner,
        contracts=contracts,
        host=os.environ.get("LAKOU_SFTP_HOST", "127.0.0.1"),
        port=os.environ.get("LAKOU_SFTP_PORT", "2222"),
        fingerprint=_fingerprint(settings),
    )


def _fingerprint(settings: Settings) -> str | None:
    """Fingerprint of the server's key, as clients show it at the first connection; none where another host serves it."""
    import base64
    import hashlib

    from cryptography.hazmat.primitives import serialization

    if not (settings.secrets / "sftp_host_key").exists():
        return None
    private = serialization.load_ssh_private_key(settings.secret("sftp_host_key").encode() + b"\n", None)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
