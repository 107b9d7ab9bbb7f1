"""Accounts of the partners: who may deliver what, with which key, by when; and what their folders tell them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import dict_row

from ingestion.contracts import load_contract, load_contracts
from ingestion.drop import FOLDERS, write_atomically
from ingestion.errors import LakouError
from ingestion.landing import unwritable
from ingestion.naming import Period, parse_period
from ingestion.pages import example_name, render
from ingestion.settings import Settings

if TYPE_CHECKING:
    import psycopg

    from ingestion.contracts import Contract

CODE = re.compile(r"[A-Z0-9-]{2,16}")
EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+")
# months of one period of each grain; `any` is never expected
_MONTHS = {"month": 1, "quarter": 3, "semester": 6, "year": 12}
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
        email: where receipts and reminders are sent, where mail is configured.
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
    email: str | None = None

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
    if partner.email is not None and not EMAIL.fullmatch(partner.email):
        raise LakouError(f"{partner.email!r} is no e-mail address", "give one address, such as donnees@example.org")
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
    """Write the templates, the dictionary and the page on how to connect into `modeles/`; former templates go.

    Raises:
        LakouError: the folder cannot be written.
    """
    import tempfile
    from pathlib import Path

    from ingestion.workbook_templates import dictionary_html, write_template

    contracts = [load_contract(feed) for feed in partner.feeds]
    folder = settings.drop / partner.partner_code / "modeles"
    made = {template_name(group): group for group in workbooks(contracts)}
    with tempfile.TemporaryDirectory() as temporary:
        for name, group in made.items():
            path = Path(temporary) / name
            write_template(group, path, partner=partner.partner_code, programme=partner.programme_code)
            write_atomically(folder / name, path.read_bytes())
    for path in folder.glob("*__modele.xlsx"):
        if path.name not in made:
            path.unlink(missing_ok=True)
    write_atomically(folder / "DICTIONNAIRE.html", dictionary_html(contracts).encode())
    write_atomically(folder / "LISEZ-MOI.html", _connection_page(settings, partner, list(made.items())))


def workbooks(contracts: Iterable[Contract]) -> list[list[Contract]]:
    """Feeds that share one template, group by group, in the order of their first feed."""
    groups: dict[str, list[Contract]] = {}
    for contract in contracts:
        groups.setdefault(contract.workbook or contract.feed, []).append(contract)
    return list(groups.values())


def template_name(contracts: Sequence[Contract]) -> str:
    """`F14_structures__modele.xlsx`, or `formation__modele.xlsx` where it carries several feeds."""
    first = contracts[0]
    return f"{first.workbook if len(contracts) > 1 else f'{first.feed}_{first.name}'}__modele.xlsx"


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
    """Expect what each feed's contract says: its periods that end within these months; the caller commits.

    Args:
        first_month, last_month: any day of the first and of the last month.

    Returns:
        How many were not expected before.
    """
    rows = [
        (partner_code, feed, period.text, period.start, period.end, period.end + dt.timedelta(days=contract.due_days))
        for feed in feeds
        if (contract := load_contract(feed)).due_days is not None
        for period in periods(contract.grain, first_month, last_month)
    ]
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.expected_deliveries (partner_code, feed, period, period_start, period_end, due_on)"
            " values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
            rows,
        )
        return max(cursor.rowcount, 0)


def periods(grain: str, first_month: dt.date, last_month: dt.date) -> list[Period]:
    """Months, quarters, half-years or years that end within these months; none of the grain `any`."""
    length = _MONTHS.get(grain)
    if length is None:
        return []
    found = []
    for index in range(first_month.year * 12 + first_month.month, last_month.year * 12 + last_month.month + 1):
        year, month = divmod(index - 1, 12)
        if (month + 1) % length == 0:
            at = (month + 1) // length
            texts = {1: f"{year}-{at:02d}", 3: f"{year}-T{at}", 6: f"{year}-S{at}", 12: f"{year}"}
            found.append(parse_period(texts[length]))
    return found


def _connection_page(
    settings: Settings, partner: Partner, templates: Sequence[tuple[str, Sequence[Contract]]]
) -> bytes:
    import os

    return render(
        "connexion.html.j2",
        partner=partner,
        templates=templates,
        names={feed: example_name(load_contract(feed), partner.partner_code) for feed in partner.feeds},
        host=os.environ.get("LAKOU_SFTP_HOST", "127.0.0.1"),
        port=os.environ.get("LAKOU_SFTP_PORT", "2222"),
        fingerprint=_fingerprint(settings),
    )


def _fingerprint(settings: Settings) -> str | None:
    """Fingerprint of the server's key, as clients show it at the first connection; none where another host serves it."""
    import base64
    import hashlib

    from cryptography.hazmat.primitives import serialization

    public = settings.secrets / "sftp_host_key.pub"
    if public.exists():
        line = public.read_bytes()
    elif (settings.secrets / "sftp_host_key").exists():
        private = serialization.load_ssh_private_key(settings.secret("sftp_host_key").encode() + b"\n", None)
        line = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    else:
        return None
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
