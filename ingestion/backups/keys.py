"""The keys without which a backup says nothing: kept apart from it, by somebody else."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.database import connect
from ingestion.errors import ConfigurationError, LakouError
from ingestion.settings import Settings

BACKUP_KEY = "backup.key"
RECIPIENT = "LAKOU_BACKUP_RECIPIENT"
# without these nothing can be read again; the others spare work
NEEDED = ("hmac.key", "landing.key", BACKUP_KEY)
SPARING = ("airflow_fernet", "superset_secret_key", "sftp_host_key")
LEAST_PASSPHRASE = 16
HANDED_OVER = "KEYS_HANDED_OVER"
# credentials of sources
CONNECTION = re.compile(r"connections/[A-Za-z0-9_-]+\.json")


@dataclass(frozen=True, slots=True)
class Package:
    """A file of keys for a custodian.

    Args:
        names: secret files that it holds.
    """

    path: Path
    names: tuple[str, ...]
    fingerprint: str


def recipient(settings: Settings, *, may_make: bool) -> str:
    """Public key that backups are encrypted for: `$LAKOU_BACKUP_RECIPIENT`, else that of the secret file `backup.key`.

    Args:
        may_make: make the key where there is none: nothing was ever encrypted for it.

    Raises:
        ConfigurationError: there is none, or it is no age key.
    """
    import pyrage

    given = os.environ.get(RECIPIENT, "").strip()
    if given:
        try:
            pyrage.x25519.Recipient.from_str(given)
        except pyrage.RecipientError as error:
            raise ConfigurationError(f"{RECIPIENT} is no public age key", "write it as age1…") from error
        return given
    path = settings.secrets / BACKUP_KEY
    if not path.exists() and may_make:
        try:
            _put(path, str(pyrage.x25519.Identity.generate()))
        except OSError as error:
            raise ConfigurationError(
                f"there is no backup key, and {path} cannot be written ({error.strerror})",
                f"put the text of a new age identity there, or give {RECIPIENT} a public one",
            ) from error
    return str(_identity(settings, BACKUP_KEY).to_public())


def identity(settings: Settings, wanted: str) -> str:
    """The backup key, which must be the one of `wanted`, its public part.

    Raises:
        ConfigurationError: it is missing, no key or another one.
    """
    found = _identity(settings, BACKUP_KEY)
    if str(found.to_public()) != wanted:
        raise ConfigurationError(
            f"{settings.secrets / BACKUP_KEY} is not the key of this backup, which is for {wanted}",
            f"put that key back from its custodian's copy: `lakou backup put-back FILE`, or into {settings.secrets / BACKUP_KEY}",
        )
    return str(found)


def marks(settings: Settings) -> dict[str, str]:
    """What tells that a key is the same: the id of the HMAC key, the public part of the landing key.

    Raises:
        ConfigurationError: one of them is missing or no key.
    """
    from ingestion.receive import load_pseudonymiser

    return {
        "hmac.key": load_pseudonymiser(settings).key_id,
        "landing.key": str(_identity(settings, "landing.key").to_public()),
    }


def missing(settings: Settings, wanted: dict[str, str]) -> list[str]:
    """What is wrong with the keys of this platform for a backup: one sentence each, with the file and its place."""
    troubles = []
    for name in wanted:
        path = settings.secrets / name
        if not path.exists():
            troubles.append(f"{name} is missing: put the custodian's copy into {path} (mode 0600)")
    if troubles:
        return troubles
    for name, mark in marks(settings).items():
        if mark != wanted[name]:
            troubles.append(
                f"{name} is another key ({mark}), the backup needs {wanted[name]}: replace {settings.secrets / name}"
            )
    return troubles


def fingerprint(settings: Settings) -> str:
    """A short name for the keys in use, to tell which ones a custodian has."""
    text = json.dumps(marks(settings) | {BACKUP_KEY: recipient(settings, may_make=False)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hand_over(
    settings: Settings, folder: Path, *, custodian: str, passphrase: str | None = None, public_key: str | None = None
) -> Package:
    """Write the keys, encrypted for a custodian, and note that it was done.

    Args:
        passphrase, public_key: one of them; the public key is the custodian's own (`age1…`).

    Raises:
        LakouError: the passphrase is short, the public key none, a key is missing, or the folder cannot be written.
    """
    import pyrage

    recipient(settings, may_make=False)
    names = [*NEEDED, *(name for name in SPARING if (settings.secrets / name).exists())]
    names += sorted(
        str(path.relative_to(settings.secrets)) for path in (settings.secrets / "connections").glob("*.json")
    )
    text = json.dumps({name: settings.secret(name) for name in names}).encode()
    if passphrase is not None:
        if len(passphrase) < LEAST_PASSPHRASE:
            raise LakouError(
                f"the passphrase has fewer than {LEAST_PASSPHRASE} characters", "take six words drawn at random"
            )
        data = pyrage.passphrase.encrypt(text, passphrase)
    else:
        try:
            data = pyrage.encrypt(text, [pyrage.x25519.Recipient.from_str(public_key or "")])
        except pyrage.RecipientError as error:
            raise LakouError("the custodian's key is no public age key", "write it as age1…") from error
    mark = fingerprint(settings)
    path = folder / f"lakou-keys-{dt.datetime.now(dt.UTC):%Y%m%d}-{mark}.age"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        _put_bytes(path, data)
    except OSError as error:
        raise LakouError(f"{path} cannot be written ({error.strerror})", "choose another folder with --to") from error
    with connect(settings) as connection:
        connection.execute(
            "insert into ops.audit_log (actor, action, subject, details) values (%s, %s, %s, %s)",
            [custodian, HANDED_OVER, mark, json.dumps({"keys": names})],
        )
    return Package(path, tuple(names), mark)


def custody(settings: Settings) -> tuple[str, dt.datetime] | None:
    """Who was last given the keys in use, and when."""
    with connect(settings) as connection:
        row = connection.execute(
            "select actor, happened_at from ops.audit_log where action = %s and subject = %s"
            " order by audit_id desc limit 1",
            [HANDED_OVER, fingerprint(settings)],
        ).fetchone()
    return (row[0], row[1]) if row else None


def put_back(settings: Settings, path: Path, *, passphrase: str | None = None, private_key: str | None = None,
             replace: bool = False) -> list[str]:  # fmt: skip
    """Put the keys of a custodian's file back into the secrets.

    Args:
        replace: replace other keys: those of a platform that has just been made and holds nothing yet.

    Returns:
        Names of the files written; a key that is there already is not.

    Raises:
        LakouError: the file does not open, or another key is there and `replace` is not asked for; then none is written.
    """
    import pyrage

    try:
        data = path.read_bytes()
        if passphrase is not None:
            text = pyrage.passphrase.decrypt(data, passphrase)
        else:
            text = pyrage.decrypt(data, [pyrage.x25519.Identity.from_str((private_key or "").strip())])
        found: dict[str, str] = json.loads(text)
    except (OSError, ValueError, pyrage.DecryptError, pyrage.IdentityError) as error:
        raise LakouError(
            f"{path} does not open ({error})", "check the passphrase, or the custodian's key, and the file"
        ) from error
    strange = [name for name in found if name not in {*NEEDED, *SPARING} and not CONNECTION.fullmatch(name)]
    if strange:
        raise LakouError(f"{path} holds {strange[0]!r}, which is no key of Lakou", "ask its custodian where it is from")
    there = {name: _text(settings.secrets / name) for name in found}
    others = [name for name, kept in there.items() if kept is not None and kept != found[name].strip()]
    if others and not replace:
        raise LakouError(
            f"other keys are in {settings.secrets}: {', '.join(others)}",
            "on a platform that holds nothing yet, run it again with --replace; elsewhere its data would be lost",
        )
    written = [name for name, kept in there.items() if kept is None or name in others]
    for name in written:
        (settings.secrets / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (settings.secrets / name).unlink(missing_ok=True)
        _put(settings.secrets / name, found[name])
    return written


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def _identity(settings: Settings, name: str) -> Any:
    import pyrage

    try:
        return pyrage.x25519.Identity.from_str(settings.secret(name))
    except pyrage.IdentityError as error:
        raise ConfigurationError(
            f"{settings.secrets / name} is not an age identity (AGE-SECRET-KEY-1…)",
            "put it back from its custodian's copy",
        ) from error


def _put(path: Path, text: str) -> None:
    _put_bytes(path, f"{text}\n".encode())


def _put_bytes(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
