"""Bytes first: what was received is stored and encrypted, one key a delivery, before anything reads it.

The key of a delivery is an age identity; it is kept in `ops.landing_files`, wrapped by the platform's landing key.
Destroying the row's key destroys the bytes, wherever copies of them may be.
"""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.errors import ConfigurationError, LakouError
from ingestion.settings import Settings

if TYPE_CHECKING:
    import psycopg

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Landed:
    """What the landing holds for one delivery.

    Args:
        path: path under the landing URL.
        sha256: of the bytes as received, hexadecimal.
        size: bytes as received.
        wrapped_key: the delivery's key, encrypted for the landing key.
    """

    path: str
    sha256: str
    size: int
    wrapped_key: bytes


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file without following a link and without waiting on a pipe.

    Raises:
        OSError: it is gone, a link, unreadable, or no regular file.
    """
    import stat

    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def fingerprint(path: Path) -> tuple[str, int]:
    """The sha256 (hexadecimal) and the size in bytes of a file.

    Raises:
        OSError: the file cannot be read.
    """
    with open_regular(path) as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
        return digest, source.tell()


def store(settings: Settings, delivery_id: str, source_path: Path) -> Landed:
    """Keep the bytes of one delivery: hashed while they are encrypted, visible only once whole.

    Raises:
        ConfigurationError: the landing key is missing, unreadable or no key.
        LakouError: the landing cannot be written (full, no permission).
        OSError: the source cannot be read.
    """
    import pyrage

    landing_key = _landing_key(settings)
    filesystem, root = _filesystem(settings)
    identity = pyrage.x25519.Identity.generate()
    with open_regular(source_path) as source:
        reader = _HashingReader(source)
        path = f"{dt.datetime.now(dt.UTC):%Y}/{delivery_id}.age"
        final = f"{root}/{path}"
        try:
            filesystem.makedirs(final.rsplit("/", 1)[0], exist_ok=True)
            with filesystem.open(f"{final}.part", "wb") as target:
                pyrage.encrypt_io(reader, target, [identity.to_public()])
                target.flush()
                # an object store has no descriptor: it keeps an object whole or not at all
                if hasattr(target, "fileno"):
                    os.fsync(target.fileno())
            filesystem.mv(f"{final}.part", final)
        except OSError as error:
            raise _unwritable(settings, error) from error
    wrapped = pyrage.encrypt(str(identity).encode(), [landing_key.to_public()])
    return Landed(path, reader.digest.hexdigest(), reader.size, wrapped)


@contextmanager
def open_landed(settings: Settings, path: str, wrapped_key: bytes | None) -> Iterator[Path]:
    """Give the bytes of one delivery in the clear, as a file that only this process can open and that never stays.

    Raises:
        ConfigurationError: the landing key is missing or is not the one that wrapped this delivery.
        LakouError: the key was destroyed, or the landing cannot be read.
    """
    import pyrage

    if wrapped_key is None:
        raise LakouError(f"the key of the landed file {path} was destroyed", "ask the partner for the file again")
    landing_key = _landing_key(settings)
    filesystem, root = _filesystem(settings)
    try:
        identity = pyrage.x25519.Identity.from_str(pyrage.decrypt(wrapped_key, [landing_key]).decode())
    except pyrage.DecryptError as error:
        raise ConfigurationError(
            f"the landing key does not open {path}: it is not the key that was in use when the file was received",
            f"put the former key back in {settings.secrets / 'landing.key'}",
        ) from error
    # the file has no name any more when the clear text is written, so that even kill -9 leaves nothing to read
    with tempfile.TemporaryFile() as clear:
        try:
            with filesystem.open(f"{root}/{path}", "rb") as encrypted:
                pyrage.decrypt_io(encrypted, clear, [identity])
            clear.flush()
        except FileNotFoundError as error:
            raise LakouError(
                f"the landed file {path} is not under {settings.landing_url}",
                "check LAKOU_LANDING_URL, or restore the landing from its backup",
            ) from error
        except (OSError, pyrage.DecryptError) as error:
            raise LakouError(
                f"the landed file {path} cannot be read ({error})", "check the disk, or restore the landing"
            ) from error
        clear.seek(0)
        yield Path(f"/proc/self/fd/{clear.fileno()}")


def destroy_key(connection: psycopg.Connection[Any], delivery_id: str) -> None:
    """Make the landed bytes of one delivery unreadable for ever; the caller commits."""
    connection.execute(
        "update ops.landing_files set wrapped_key = null, key_destroyed_at = clock_timestamp()"
        " where delivery_id = %s and key_destroyed_at is null",
        [delivery_id],
    )


def check(settings: Settings) -> None:
    """See that the landing key is there and that the landing can be written.

    Raises:
        LakouError: one of them is not.
    """
    _landing_key(settings)
    filesystem, root = _filesystem(settings)
    probe = f"{root}/.probe-{os.getpid()}"
    try:
        filesystem.makedirs(root, exist_ok=True)
        with filesystem.open(probe, "wb") as target:
            target.write(b"x")
        filesystem.rm(probe)
    except OSError as error:
        raise _unwritable(settings, error) from error


def unwritable(folder: str, error: OSError) -> LakouError:
    """The operator's sentence for a folder that cannot be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return LakouError(
            f"no space is left on the disk of {folder}", "free some; nothing was lost and the next run takes it up"
        )
    return LakouError(
        f"{folder} cannot be written ({error.strerror or error})",
        "give it back to the account that runs lakou; nothing was lost and the next run takes it up",
    )


class _HashingReader:
    """Hash what passes by."""

    def __init__(self, source: BufferedReader) -> None:
        self._source = source
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size if size > 0 else CHUNK)
        self.digest.update(data)
        self.size += len(data)
        return data


def _landing_key(settings: Settings) -> Any:
    import pyrage

    try:
        return pyrage.x25519.Identity.from_str(settings.secret("landing.key"))
    except pyrage.IdentityError as error:
        raise ConfigurationError(
            f"{settings.secrets / 'landing.key'} is not an age identity (AGE-SECRET-KEY-1…)",
            "put it back from its custodian's copy",
        ) from error


def _filesystem(settings: Settings) -> tuple[Any, str]:
    import fsspec

    filesystem, root = fsspec.core.url_to_fs(settings.landing_url)
    return filesystem, str(root).rstrip("/")


def _unwritable(settings: Settings, error: OSError) -> LakouError:
    return unwritable(f"the landing {settings.landing_url}", error)
