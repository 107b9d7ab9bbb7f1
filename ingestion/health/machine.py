"""What the machine gives: secrets, landing, drop, disk, clock."""

from __future__ import annotations

import datetime as dt
import math
import os
import re
import shutil
import stat
from collections import Counter
from pathlib import Path

from ingestion.errors import LakouError
from ingestion.health.findings import ToSee
from ingestion.settings import ROLES, Settings

GIB = 1 << 30
LOW_DISK, SCARCE_DISK = GIB, 5 * GIB
FEWEST_INODES, FEW_INODES = 0.01, 0.05
DRIFT_SECONDS, MOST_CLOCK_SECONDS = 2, 60
# deliveries that are opened are no longer than this
PROBED_BYTES = 10_000_000
SHORTEST_SECRET = 12
LEAST_BITS = 45
PLACEHOLDER = re.compile(r"change.?me|changez|password|mot.?de.?passe|secret|example|exemple|placeholder|azerty|qwerty|1234|lakou|admin|postgres", re.I)  # fmt: skip
# what is not drawn at random has a form of its own
STRUCTURED = {".json", ".conf", ".pem", ".pub", ".crt"}


def check_secrets(settings: Settings) -> str:
    """Secret files: there, for their owner only, and drawn at random."""
    names = (*ROLES, "hmac.key", "landing.key")
    for name in names:
        settings.secret(name)
    files = sorted(path for path in settings.secrets.rglob("*") if path.is_file())
    for path in files:
        facts = path.stat()
        # where another account owns them, its group may read: that is how containers share them
        closed = 0o077 if facts.st_uid == os.geteuid() else 0o037
        if facts.st_mode & closed:
            raise LakouError(f"{path} can be read by others than its owner", f"chmod 600 {path}")
    for path in files:
        why = weakness(path)
        if why:
            raise LakouError(
                f"the secret {path} is weak: {why}",
                f"before it is used: python -c 'import secrets; print(secrets.token_urlsafe(24))' > {path};"
                " a role's password is then set by `lakou migrate`",
            )
    return f"{len(files)} files under {settings.secrets}, for their owner only, none of them weak"


def weakness(path: Path) -> str | None:
    """Why a secret can be guessed; None where it cannot. The secret itself is never told."""
    if path.suffix in STRUCTURED or path.name == "sftp_host_key":
        return None
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    if len(text) < SHORTEST_SECRET:
        return f"it has fewer than {SHORTEST_SECRET} characters"
    counts = Counter(text)
    bits = -sum(count * math.log2(count / len(text)) for count in counts.values())
    found = PLACEHOLDER.search(text)
    if found and len(text) - len(found.group()) < SHORTEST_SECRET:
        return "it is made of a word that is tried first"
    if bits < LEAST_BITS or len(counts) < 6:
        return "it repeats a few characters"
    return None


def check_landing(settings: Settings) -> str:
    """The landing can be written, and what is in it be opened."""
    from ingestion import landing
    from ingestion.database import connect

    landing.check(settings)
    with connect(settings) as connection:
        # the first and the last deliveries: another key, a landing moved or emptied shows there
        rows = connection.execute(
            "with small as (select l.path, l.wrapped_key, l.stored_at from ops.landing_files as l"
            " inner join ops.deliveries as d on d.delivery_id = l.delivery_id"
            " where l.key_destroyed_at is null and d.size_bytes <= %s)"
            " (select path, wrapped_key from small order by stored_at limit 1)"
            " union (select path, wrapped_key from small order by stored_at desc limit 2)",
            [PROBED_BYTES],
        ).fetchall()
    for path, key in rows:
        with landing.open_landed(settings, path, key):
            pass
    return f"{settings.landing_url} can be written, and {len(rows)} deliveries in it be opened"


def check_hmac_key(settings: Settings) -> str:
    """The HMAC key is the one by which people were recognised until now."""
    from ingestion.contracts import load_contracts
    from ingestion.database import connect
    from ingestion.receive import load_pseudonymiser

    key_id = load_pseudonymiser(settings).key_id
    with connect(settings) as connection:
        for contract in load_contracts().values():
            if "_hmac_key_id" not in contract.raw_columns:
                continue
            row = connection.execute(
                f"select _hmac_key_id from raw.{contract.raw_table} order by _load_id desc limit 1"
            ).fetchone()
            if row is not None and row[0] != key_id:
                raise LakouError(
                    f"raw.{contract.raw_table} was last written with the key {row[0]}, and {key_id} is there now:"
                    " nobody would be recognised",
                    f"put the former key back in {settings.secrets / 'hmac.key'}",
                )
    return f"the key {key_id} is the one in use"


def check_disk(settings: Settings) -> str:
    """Bytes and inodes that are free where Lakou writes."""
    folders = [settings.home]
    folders += [Path(url.removeprefix("file://")) for url in (settings.landing_url, settings.backup_url)
                if url.startswith("file://")]  # fmt: skip
    there = {folder.stat().st_dev: folder for folder in reversed(folders) if folder.is_dir()}
    least = math.inf
    for folder in there.values():
        free = shutil.disk_usage(folder).free
        if free < LOW_DISK:
            raise LakouError(
                f"{free / GIB:.1f} GiB are left on the disk of {folder}",
                "free at least 1 GiB; what stopped goes on by itself",
            )
        usage = os.statvfs(folder)
        share = usage.f_favail / usage.f_files if usage.f_files else 1.0
        if share < FEWEST_INODES:
            raise LakouError(f"{share:.1%} of the inodes of {folder} are left", "delete what has very many small files")
        if free < SCARCE_DISK or share < FEW_INODES:
            raise ToSee(
                f"{free / GIB:.1f} GiB and {share:.0%} of the inodes are left on the disk of {folder}",
                "make room before it is full: old backups, logs; or a larger disk",
            )
        least = min(least, free)
    return f"{least / GIB:.0f} GiB free"


def check_drop(settings: Settings) -> str:
    """Partners' folders are there, can be written, and are closed to other accounts of the machine."""
    from ingestion.database import connect
    from ingestion.drop import FOLDERS
    from ingestion.partners import list_partners

    with connect(settings) as connection:
        codes = [account.partner_code for account in list_partners(connection)]
    for code in codes:
        for name in FOLDERS:
            folder = settings.drop / code / name
            if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise LakouError(
                    f"{folder} is missing or cannot be written", f"`lakou partner add {code}` makes it again"
                )
            if stat.S_IMODE(folder.stat().st_mode) & 0o007:
                raise LakouError(f"{folder} is open to every account of the machine", f"chmod o-rwx {folder}")
    return f"{len(codes)} partners' folders under {settings.drop}"


def check_clock(settings: Settings) -> str:
    """This clock, PostgreSQL's, and the time zone of the programme."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from ingestion.database import connect
    from ingestion.loading import PROGRAMME_ZONE

    try:
        ZoneInfo(PROGRAMME_ZONE)
    except ZoneInfoNotFoundError as error:
        raise LakouError(f"the time zone {PROGRAMME_ZONE} is not known here", "install tzdata") from error
    with connect(settings) as connection:
        row = connection.execute("select clock_timestamp(), (select max(issued_at) from ops.receipts)").fetchone()
    assert row is not None
    there, last = row
    apart = abs((dt.datetime.now(dt.UTC) - there).total_seconds())
    remedy = "set the clock by NTP (timedatectl set-ntp true) on both machines"
    if apart > MOST_CLOCK_SECONDS:
        raise LakouError(f"this clock and PostgreSQL's are {apart:.0f} s apart", remedy)
    if last is not None and (last - there).total_seconds() > MOST_CLOCK_SECONDS:
        raise LakouError(
            f"the last receipt was issued at {last:%Y-%m-%d %H:%M}, later than now: a clock went back", remedy
        )
    if apart > DRIFT_SECONDS:
        raise ToSee(f"this clock and PostgreSQL's are {apart:.1f} s apart", remedy)
    return f"{there:%Y-%m-%d %H:%M:%S %Z}, {apart:.1f} s from PostgreSQL's"
