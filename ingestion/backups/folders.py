"""The partners' folders and their public keys as one stream, and back."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ingestion.backups.store import CHUNK
from ingestion.errors import LakouError
from ingestion.landing import open_regular
from ingestion.settings import Settings

DEPOT = "depot"
# an upload that has not its name yet
ARRIVING = ".envoi-"
IN_MEMORY = 4 << 20


@contextmanager
def packed(settings: Settings, part: str) -> Iterator[BinaryIO]:
    """A tar of one part, made while it is read.

    Args:
        part: `depots`, what partners have put and nobody has taken yet; `drop`, all the rest and their public keys.

    Raises:
        OSError: a folder cannot be read.
    """
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def pack() -> None:
        try:
            with os.fdopen(writing, "wb") as target, tarfile.open(fileobj=target, mode="w|", bufsize=CHUNK) as archive:
                for path in _wanted(settings, part):
                    _add(archive, path, settings.home)
        except BrokenPipeError:
            # who read it has failed, and says why
            return
        except BaseException as error:
            failures.append(error)

    packer = threading.Thread(target=pack, daemon=True)
    packer.start()
    with os.fdopen(reading, "rb") as source:
        yield source
    packer.join()
    if failures:
        raise failures[0]


def unpack(settings: Settings, source: BinaryIO) -> int:
    """Put the files of a tar back under the platform's home, each whole or not at all.

    Returns:
        How many files.

    Raises:
        LakouError: a name in it leads elsewhere.
        OSError: they cannot be written.
    """
    count = 0
    folders: list[tuple[Path, tarfile.TarInfo]] = []
    with tarfile.open(fileobj=source, mode="r|", bufsize=CHUNK) as archive:
        for member in archive:
            parts = Path(member.name).parts
            if ".." in parts or member.name.startswith("/") or parts[0] not in {"drop", "sftp"}:
                raise LakouError(f"the folders hold the path {member.name!r}", "this backup was not made by Lakou")
            target = settings.home / member.name
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
                folders.append((target, member))
            elif member.isfile():
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary = target.with_name(f".restauration-{target.name}"[:250])
                contents = archive.extractfile(member)
                assert contents is not None
                with temporary.open("wb") as file:
                    shutil.copyfileobj(contents, file, CHUNK)
                _dress(temporary, member)
                temporary.replace(target)
                count += 1
    # a folder that may not be written gets its rights once it is filled
    for target, member in reversed(folders):
        _dress(target, member)
    return count


def _dress(path: Path, member: tarfile.TarInfo) -> None:
    if os.geteuid() == 0:
        os.chown(path, member.uid, member.gid)
    path.chmod(member.mode & 0o7777)
    os.utime(path, (member.mtime, member.mtime))


def _wanted(settings: Settings, part: str) -> Iterator[Path]:
    for root, folders, files in os.walk(settings.drop):
        here = Path(root)
        depth = len(here.relative_to(settings.drop).parts)
        if depth == 1:
            folders[:] = [name for name in sorted(folders) if (name == DEPOT) == (part == "depots")]
        if part == "drop" or depth >= 2:
            yield here
            yield from (here / name for name in sorted(files) if not name.startswith(ARRIVING))
    keys = settings.home / "sftp" / "authorized_keys"
    if part == "drop" and keys.is_dir():
        yield keys
        yield from sorted(path for path in keys.iterdir() if path.is_file())


def _add(archive: tarfile.TarFile, path: Path, home: Path) -> None:
    """Add one folder or regular file; what went away meanwhile, links and pipes are passed over."""
    name = str(path.relative_to(home))
    try:
        if path.is_dir() and not path.is_symlink():
            archive.addfile(archive.gettarinfo(str(path), name))
            return
        source = open_regular(path)
    except OSError:
        if path.is_file() and not path.is_symlink():
            raise
        return
    # a copy first: its length is then known whoever writes to the file
    with source, tempfile.SpooledTemporaryFile(IN_MEMORY) as copy:
        shutil.copyfileobj(source, copy, CHUNK)
        member = archive.gettarinfo(arcname=name, fileobj=source)
        member.type, member.linkname = tarfile.REGTYPE, ""
        member.size = copy.tell()
        copy.seek(0)
        archive.addfile(member, copy)
