"""Where backups are kept (any fsspec URL): streams sealed with age as they are written, and the manifest that comes last.

<url>/<backup>/manifest.json      a backup is one from the moment that this is there
<url>/<backup>/*.age              dumps and folders, encrypted for the backup key
<url>/<backup>/landing.jsonl.gz   the landed files that it needs: path, bytes, sha256
<url>/landing/…                   landed files, as they are (encrypted since they came), shared by all backups
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import hmac
import json
import logging
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol

from ingestion.errors import ConfigurationError, LakouError
from ingestion.file_stores import failing_as_files_do, open_store
from ingestion.settings import Settings

log = logging.getLogger(__name__)
MANIFEST = "manifest.json"
CATALOGUE = "landing.jsonl.gz"
OBJECTS = "landing"
CHUNK = 1 << 20
FORMAT = 1
BACKUP_ID = re.compile(r"\d{8}T\d{6}Z")


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int = ..., /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


class Writable(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> Any:
        """Take all of the bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """One file of the store.

    Args:
        name: its path in the backup, or under the landing.
        size: bytes.
        sha256: of the bytes as they are stored, hexadecimal.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one backup holds, and of which platform.

    Args:
        backup_id: instant at which it began, UTC (`20261122T031500Z`).
        began_at, snapshot_at, finished_at: ISO instants; the figures are those of `snapshot_at`.
        lakou, postgres: versions.
        migrations: names of those applied.
        recipient: public part of the backup key that it is encrypted for.
        keys: by secret file, what tells that a key is the same.
        archives: by part (`warehouse`, `airflow`, `superset`, `depots`, `drop`, `landing`): the file.
        tables: by table of the warehouse: rows, and a digest of them.
        landing: `files` and `bytes` that it needs; `missing`, paths that the landing had lost already.
        last: numbers of the last build, of the publication that everybody reads, and the closings.
        left_out: parts that are not in it, and why.
        seal: keyed hash of all the rest: only a platform with this HMAC key can have written it.
    """

    backup_id: str
    began_at: str
    snapshot_at: str
    finished_at: str
    lakou: str
    postgres: str
    migrations: tuple[str, ...]
    recipient: str
    keys: dict[str, str]
    archives: dict[str, Stored]
    tables: dict[str, tuple[int, str]]
    landing: dict[str, Any]
    last: dict[str, Any]
    left_out: dict[str, str]
    seal: str = ""
    format: int = field(default=FORMAT)

    def sealed_by(self, key: str) -> str:
        """The seal that this manifest has under an HMAC key (the text of its secret file)."""
        content = {name: value for name, value in asdict(self).items() if name != "seal"}
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=list)
        return hmac.new(key.encode(), b"lakou backup manifest\0" + text.encode(), hashlib.sha256).hexdigest()


class Store:
    """One place of backups."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self._filesystem, self._root = open_store(url)
        except (ValueError, ImportError) as error:
            raise ConfigurationError(
                f"the place of backups {url} is no URL that can be opened ({error})",
                "set LAKOU_BACKUP_URL to file:///…, s3://… or sftp://…",
            ) from error

    def check(self) -> None:
        """See that it can be written.

        Raises:
            LakouError: it cannot.
        """
        self.write_bytes(".probe", b"x")
        self.delete(".probe")

    def backups(self) -> list[str]:
        """Ids of what is in it, whole or not, the oldest first."""
        with self._told("read"):
            if not self._filesystem.isdir(self._root):
                return []
            names = [str(path).rstrip("/").rpartition("/")[2] for path in self._filesystem.ls(self._root, detail=False)]
        return sorted(name for name in names if BACKUP_ID.fullmatch(name))

    def manifests(self) -> list[Manifest]:
        """Manifests of the whole backups, the oldest first; what is not whole is passed over, what is spoilt is logged."""
        found = []
        for name in self.backups():
            if self.exists(f"{name}/{MANIFEST}"):
                try:
                    found.append(self.manifest(name))
                except LakouError as error:
                    log.warning("%s", error.what)
        return found

    def youngest(self) -> Manifest | None:
        """Manifest of the last whole backup; None where there is none."""
        whole = (name for name in reversed(self.backups()) if self.exists(f"{name}/{MANIFEST}"))
        name = next(whole, None)
        return self.manifest(name) if name else None

    def manifest(self, backup_id: str) -> Manifest:
        """Manifest of one backup.

        Raises:
            LakouError: there is no such backup, it was never finished, or its manifest cannot be read.
        """
        if not BACKUP_ID.fullmatch(backup_id) or backup_id not in self.backups():
            raise LakouError(f"there is no backup {backup_id!r} in {self.url}", "see `lakou backup list`")
        try:
            contents = json.loads(self.read_bytes(f"{backup_id}/{MANIFEST}"))
        except FileNotFoundError as error:
            raise LakouError(
                f"the backup {backup_id} has no manifest: it was interrupted, and is none",
                "choose another one (`lakou backup list`)",
            ) from error
        except ValueError as error:
            raise _spoilt(backup_id, MANIFEST, str(error)) from error
        try:
            if contents["format"] != FORMAT:
                raise LakouError(
                    f"the backup {backup_id} has the form {contents['format']}, this Lakou reads {FORMAT}",
                    f"restore it with the Lakou that made it ({contents['lakou']})",
                )
            known = {item.name for item in fields(Manifest)}
            contents["migrations"] = tuple(contents["migrations"])
            contents["archives"] = {name: Stored(**item) for name, item in contents["archives"].items()}
            contents["tables"] = {name: (rows, digest) for name, (rows, digest) in contents["tables"].items()}
            return Manifest(**{name: value for name, value in contents.items() if name in known})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _spoilt(backup_id, MANIFEST, repr(error)) from error

    def exists(self, name: str) -> bool:
        """Whether a file is there."""
        with self._told("read"):
            return bool(self._filesystem.exists(self._path(name)))

    def sizes(self, folder: str) -> dict[str, int]:
        """Files under a folder: path in it to bytes."""
        with self._told("read"):
            base = self._path(folder)
            if not self._filesystem.isdir(base):
                return {}
            found = self._filesystem.find(base, detail=True)
        return {str(path).removeprefix(f"{base}/"): int(facts["size"]) for path, facts in found.items()}

    def read_bytes(self, name: str) -> bytes:
        """A small file, whole.

        Raises:
            FileNotFoundError: it is not there.
            LakouError: the store cannot be read.
        """
        with self._told("read"):
            return bytes(self._filesystem.cat_file(self._path(name)))

    @contextmanager
    def open(self, name: str) -> Iterator[Any]:
        """A file, to be read.

        Raises:
            FileNotFoundError: it is not there.
            LakouError: the store cannot be read.
        """
        with self._told("read"):
            opened = self._filesystem.open(self._path(name), "rb")
        with opened:
            yield opened

    def write_bytes(self, name: str, data: bytes) -> Stored:
        """Write a small file: under another name first, so that half of it is never taken for it."""
        temporary = f"{name}.part"
        with self._told("written"):
            self._filesystem.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
            self._filesystem.pipe_file(self._path(temporary), data)
            self._filesystem.mv(self._path(temporary), self._path(name))
        return Stored(name, len(data), hashlib.sha256(data).hexdigest())

    def write(self, name: str, fill: Callable[[Writable], None]) -> Stored:
        """Write a file from a stream, counted and hashed as it passes.

        Args:
            fill: writes everything to what it is given.

        Raises:
            LakouError: the store cannot be written, or `fill` fails.
        """
        with self._told("written"):
            self._filesystem.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
            with self._filesystem.open(self._path(name), "wb") as target:
                counted = _Counted(target)
                fill(counted)
                # age says nothing of a failure of its last bytes
                counted.see()
        return Stored(name, counted.size, counted.digest.hexdigest())

    def delete(self, name: str) -> None:
        """Delete a file or a folder; no harm if it is gone already."""
        with self._told("written"):
            try:
                self._filesystem.rm(self._path(name), recursive=True)
            except FileNotFoundError:
                return

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Say of a failure of the store that it is one."""
        try:
            with failing_as_files_do():
                yield
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise LakouError(
                    f"no space is left in {self.url}",
                    "free some, or keep fewer backups; then run it again: it goes on from there",
                ) from error
            raise LakouError(
                f"the place of backups {self.url} cannot be {what} ({error.strerror or error})",
                "check LAKOU_BACKUP_URL and the rights of the account that runs lakou; nothing was changed",
            ) from error


def seal(store: Store, name: str, source: Readable, recipient: str) -> Stored:
    """Encrypt a stream into the store; memory does not grow with it.

    Args:
        recipient: public age key (`age1…`).

    Raises:
        LakouError: the store cannot be written.
        OSError: the source cannot be read.
    """
    import pyrage

    reader = _Remembering(source)

    def fill(target: Writable) -> None:
        try:
            pyrage.encrypt_io(reader, target, [pyrage.x25519.Recipient.from_str(recipient)])
        except pyrage.EncryptError:
            if reader.error is not None:
                raise reader.error from None
            raise

    return store.write(name, fill)


def unseal(store: Store, backup_id: str, archive: Stored, identity: str, target: Writable) -> None:
    """Decrypt a file of a backup into `target`, and see that its bytes are those that were written.

    Raises:
        LakouError: it is not there, was changed, or is not for this key; `target` has then got part of it.
    """
    import pyrage

    writer = _Counted(target)
    try:
        with store.open(f"{backup_id}/{archive.name}") as source:
            reader = _Hashing(source)
            pyrage.decrypt_io(reader, writer, [pyrage.x25519.Identity.from_str(identity)])
            writer.see()
            # what follows the last block of age
            while reader.read(CHUNK):
                pass
    except FileNotFoundError as error:
        raise _spoilt(backup_id, archive.name, "it is not there") from error
    except pyrage.DecryptError as error:
        raise ConfigurationError(
            f"the backup key does not open {archive.name} of {backup_id} ({error})",
            "put back the backup.key of that time from its custodian's copy",
        ) from error
    except OSError as error:
        writer.see()
        raise _spoilt(backup_id, archive.name, str(error)) from error
    if reader.digest.hexdigest() != archive.sha256:
        raise _spoilt(backup_id, archive.name, "its sha256 is not the one of the manifest")


def write_catalogue(store: Store, backup_id: str, files: Mapping[str, Stored]) -> Stored:
    """Write which landed files a backup needs."""

    def fill(target: Writable) -> None:
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)
        for _, item in sorted(files.items()):
            target.write(packer.compress((json.dumps([item.name, item.size, item.sha256]) + "\n").encode()))
        target.write(packer.flush())

    return _named(store.write(f"{backup_id}/{CATALOGUE}", fill), CATALOGUE)


def read_catalogue(store: Store, manifest: Manifest) -> Iterator[Stored]:
    """The landed files that a backup needs.

    Raises:
        LakouError: the catalogue is not there or was changed.
    """
    archive = manifest.archives["landing"]
    try:
        with store.open(f"{manifest.backup_id}/{archive.name}") as source:
            reader = _Hashing(source)
            with gzip.open(reader, "rt", encoding="utf-8") as lines:  # type: ignore[call-overload]
                for line in lines:
                    yield Stored(*json.loads(line))
            while reader.read(CHUNK):
                pass
    except (OSError, EOFError, ValueError, TypeError, zlib.error) as error:
        raise _spoilt(manifest.backup_id, archive.name, str(error)) from error
    if reader.digest.hexdigest() != archive.sha256:
        raise _spoilt(manifest.backup_id, archive.name, "its sha256 is not the one of the manifest")


def digest_of(source: Readable) -> tuple[int, str]:
    """Bytes and sha256 of a stream."""
    digest, size = hashlib.sha256(), 0
    while data := source.read(CHUNK):
        digest.update(data)
        size += len(data)
    return size, digest.hexdigest()


def sealed(manifest: Manifest, settings: Settings) -> Manifest:
    """The manifest under the platform's seal."""
    from dataclasses import replace

    return replace(manifest, seal=manifest.sealed_by(settings.secret("hmac.key")))


def write_manifest(store: Store, manifest: Manifest) -> None:
    """Make a backup one: the last thing that is written of it."""
    text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1, sort_keys=True)
    store.write_bytes(f"{manifest.backup_id}/{MANIFEST}", text.encode() + b"\n")


def _named(stored: Stored, name: str) -> Stored:
    return Stored(name, stored.size, stored.sha256)


def _spoilt(backup_id: str, name: str, why: str) -> LakouError:
    return LakouError(
        f"{name} of the backup {backup_id} is spoilt ({why})",
        "take another backup (`lakou backup list`), or another copy of this one; nothing was changed",
    )


class _Counted:
    """Count and hash what is written; a failure is kept, since age does not pass all of them on."""

    def __init__(self, target: Writable) -> None:
        self._target = target
        self._error: BaseException | None = None
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes, /) -> int:
        try:
            self._target.write(data)
        except BaseException as error:
            self._error = error
            raise
        self.digest.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def see(self) -> None:
        """Raise what writing raised."""
        if self._error is not None:
            raise self._error


class _Remembering:
    """Keep what reading raised: age makes a text of it."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self.error: BaseException | None = None

    def read(self, size: int = CHUNK, /) -> bytes:
        try:
            return self._source.read(size)
        except BaseException as error:
            self.error = error
            raise


class _Hashing:
    """Hash what is read."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = CHUNK, /) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        return data
