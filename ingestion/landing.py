"""Bytes first: what was received is stored and encrypted, one key a file, before anything reads it.

The key of a file is an age identity; it is kept in `ops.landing_files`, wrapped by the platform's landing key.
Destroying that key destroys the bytes, wherever copies of them may be.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ingestion.errors import ConfigurationError, LakouError
from ingestion.file_stores import failing_as_files_do, open_store, to_disk
from ingestion.pipelining import ahead
from ingestion.settings import Settings

if TYPE_CHECKING:
    import psycopg

CHUNK = 1 << 20
ARRIVING = "arriving"
# below this the clear bytes are held in memory only
IN_MEMORY = 4 << 20


@dataclass(frozen=True, slots=True)
class Landed:
    """A file in the landing; several deliveries may share it.

    Args:
        path: path under the landing URL.
        sha256: of the bytes as received, hexadecimal.
        size: bytes as received.
        wrapped_key: the file's key, encrypted for the landing key.
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


def stage(settings: Settings, source_path: Path, clear: BinaryIO) -> Landed:
    """Read a file once: hashed, encrypted into the landing's `arriving/`, and copied as it is into `clear`.

    What it returns is under a name that `keep` makes final and `discard` throws away.

    Args:
        clear: takes the bytes as they are, to be read once they are kept.

    Raises:
        ConfigurationError: the landing key is missing, unreadable or no key.
        LakouError: the landing cannot be written (full, no permission).
        OSError: the source cannot be read.
    """
    import pyrage

    landing_key = _landing_key(settings)
    filesystem, root = open_store(settings.landing_url)
    identity = pyrage.x25519.Identity.generate()
    path = f"{ARRIVING}/{secrets.token_hex(8)}.age"
    with open_regular(source_path) as source:
        reader = _HashingReader(source, clear)
        with _writing(settings):
            filesystem.makedirs(f"{root}/{ARRIVING}", exist_ok=True)
            with filesystem.open(f"{root}/{path}", "wb") as target:
                pyrage.encrypt_io(reader, target, [identity.to_public()])
                to_disk(target)
            clear.flush()
    wrapped = pyrage.encrypt(str(identity).encode(), [landing_key.to_public()])
    return Landed(path, reader.digest.hexdigest(), reader.size, wrapped)


def store(settings: Settings, folder: str, data: bytes) -> Landed:
    """Encrypt bytes into a folder of the landing, under a name of their own.

    The caller holds `loading.arrivals` until it has written down the path: a file that no book names is swept away.

    Raises:
        ConfigurationError: the landing key is missing, unreadable or no key.
        LakouError: the landing cannot be written (full, no permission).
    """
    import pyrage

    landing_key = _landing_key(settings)
    filesystem, root = open_store(settings.landing_url)
    identity = pyrage.x25519.Identity.generate()
    path = f"{folder}/{secrets.token_hex(16)}.age"
    with _writing(settings):
        filesystem.makedirs(f"{root}/{folder}", exist_ok=True)
        with filesystem.open(f"{root}/{path}", "wb") as target:
            target.write(pyrage.encrypt(data, [identity.to_public()]))
            to_disk(target)
    wrapped = pyrage.encrypt(str(identity).encode(), [landing_key.to_public()])
    return Landed(path, hashlib.sha256(data).hexdigest(), len(data), wrapped)


def keep(settings: Settings, staged: Landed, partner_code: str, copies: int = 0) -> Landed:
    """Give what was staged the name under which it stays: by its partner and its contents.

    Args:
        copies: landed files of the same contents whose key was destroyed.

    Raises:
        LakouError: the landing cannot be written.
    """
    filesystem, root = open_store(settings.landing_url)
    again = f"-{copies + 1}" if copies else ""
    path = f"{partner_code}/{staged.sha256[:2]}/{staged.sha256}{again}.age"
    with _writing(settings):
        filesystem.makedirs(f"{root}/{path}".rpartition("/")[0], exist_ok=True)
        filesystem.mv(f"{root}/{staged.path}", f"{root}/{path}")
    return replace(staged, path=path)


def discard(settings: Settings, path: str) -> None:
    """Delete a landed file that no delivery refers to.

    Raises:
        LakouError: it cannot be deleted.
    """
    filesystem, root = open_store(settings.landing_url)
    with _writing(settings), suppress(FileNotFoundError):
        filesystem.rm(f"{root}/{path}")


def sweep_arriving(settings: Settings) -> int:
    """Delete what receivers killed while they were storing left behind; the caller is the only one that stores.

    Returns:
        How many files were deleted.
    """
    return _sweep(settings, ARRIVING, frozenset())


def sweep(settings: Settings, connection: psycopg.Connection[Any]) -> int:
    """Delete landed files that no book names, since a receiver was killed between storing and recording.

    The caller is the only one that stores. The file is still in the drop, or its owner has withdrawn it.

    Returns:
        How many files were deleted.
    """
    known = {
        path
        for (path,) in connection.execute(
            "select path from ops.landing_files union select path from ops.source_pages where key_destroyed_at is null"
            " union select path from ops.source_blocks"
        )
    }
    return _sweep(settings, "", known)


def _sweep(settings: Settings, folder: str, known: Set[str]) -> int:
    filesystem, root = open_store(settings.landing_url)
    base = f"{root}/{folder}".rstrip("/")
    with _writing(settings):
        found = [str(path) for path in filesystem.find(base)] if filesystem.exists(base) else []
    names = [name.removeprefix(f"{root}/") for name in found]
    orphans = [path for path in names if path.endswith(".age") and path not in known]
    for path in orphans:
        discard(settings, path)
    return len(orphans)


def nameless(size: int) -> BinaryIO:
    """A file for clear bytes, in memory where `size` is small; it has no name, so that even kill -9 leaves nothing."""
    if size <= IN_MEMORY:
        return os.fdopen(os.memfd_create("clear", os.MFD_CLOEXEC), "w+b")
    return cast("BinaryIO", tempfile.TemporaryFile())


def path_of(clear: BinaryIO) -> Path:
    """A path that opens a nameless file from its beginning, in this process only."""
    clear.seek(0)
    return Path(f"/proc/self/fd/{clear.fileno()}")


@contextmanager
def open_landed(settings: Settings, path: str, wrapped_key: bytes | None, size: int = IN_MEMORY + 1) -> Iterator[Path]:
    """Give the bytes of one delivery in the clear, as a file that only this process can open and that never stays.

    Args:
        size: about how many bytes they are.

    Raises:
        ConfigurationError: the landing key is missing or is not the one that wrapped this delivery.
        LakouError: the key was destroyed, or the landing cannot be read.
    """
    import pyrage

    if wrapped_key is None:
        raise LakouError(f"the key of the landed file {path} was destroyed", "ask the partner for the file again")
    landing_key = _landing_key(settings)
    filesystem, root = open_store(settings.landing_url)
    try:
        identity = pyrage.x25519.Identity.from_str(pyrage.decrypt(wrapped_key, [landing_key]).decode())
    except pyrage.DecryptError as error:
        raise ConfigurationError(
            f"the landing key does not open {path}: it is not the key that was in use when the file was received",
            f"put the former key back in {settings.secrets / 'landing.key'}",
        ) from error
    with nameless(size) as clear:
        try:
            with failing_as_files_do(), filesystem.open(f"{root}/{path}", "rb") as encrypted:
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
        yield path_of(clear)


def destroy_key(connection: psycopg.Connection[Any], path: str) -> None:
    """Make one landed file unreadable for ever, whatever deliveries share it; the caller commits."""
    connection.execute(
        "update ops.landing_files set wrapped_key = null, key_destroyed_at = clock_timestamp()"
        " where path = %s and key_destroyed_at is null",
        [path],
    )


def check(settings: Settings) -> None:
    """See that the landing key is there and that the landing can be written.

    Raises:
        LakouError: one of them is not.
    """
    _landing_key(settings)
    filesystem, root = open_store(settings.landing_url)
    probe = f"{root}/.probe-{os.getpid()}"
    with _writing(settings):
        filesystem.makedirs(root, exist_ok=True)
        with filesystem.open(probe, "wb") as target:
            target.write(b"x")
        filesystem.rm(probe)


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
    """Hash and copy what passes by; a large file is hashed while what came before is encrypted."""

    def __init__(self, source: BufferedReader, copy: BinaryIO) -> None:
        self._source = source
        self._copy = copy
        self.digest = hashlib.sha256()
        self.size = 0
        self._chunks = self._read()
        if os.fstat(source.fileno()).st_size > IN_MEMORY:
            self._chunks = ahead(self._chunks)
        self._chunk = memoryview(b"")

    def read(self, size: int) -> bytes:
        if not self._chunk:
            self._chunk = memoryview(next(self._chunks, b""))
        data, self._chunk = self._chunk[:size], self._chunk[size:]
        return bytes(data)

    def _read(self) -> Iterator[bytes]:
        while data := self._source.read(CHUNK):
            self.digest.update(data)
            self._copy.write(data)
            self.size += len(data)
            yield data


def _landing_key(settings: Settings) -> Any:
    import pyrage

    try:
        return pyrage.x25519.Identity.from_str(settings.secret("landing.key"))
    except pyrage.IdentityError as error:
        raise ConfigurationError(
            f"{settings.secrets / 'landing.key'} is not an age identity (AGE-SECRET-KEY-1…)",
            "put it back from its custodian's copy",
        ) from error


@contextmanager
def _writing(settings: Settings) -> Iterator[None]:
    try:
        with failing_as_files_do():
            yield
    except OSError as error:
        raise unwritable(f"the landing {settings.landing_url}", error) from error
