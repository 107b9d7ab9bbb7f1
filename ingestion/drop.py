"""The partners' folders: what lies in `depot/`, ready to be taken, and where it goes once it is."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingestion.landing import fingerprint, unwritable
from ingestion.settings import Settings

log = logging.getLogger(__name__)
QUIET_SECONDS = 5.0
FOLDERS = ("depot", "accuses", "modeles", "traites")
# what SFTP clients and office suites write beside the file meant
UNFINISHED = (".part", ".tmp", ".filepart")
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file of a partner that nobody writes to any more.

    Args:
        partner_code: owner of the folder.
        path: where it lies.
        file_name: its name as text (bytes that are no UTF-8 are shown as replacement characters).
        sha256: of its contents, hexadecimal.
        size: in bytes.
        arrived_at: seconds since the epoch of the last change to it.
    """

    partner_code: str
    path: Path
    file_name: str
    sha256: str
    size: int
    arrived_at: float


def scan(settings: Settings, partner_codes: Iterable[str], quiet_seconds: float = QUIET_SECONDS) -> list[Dropped]:
    """What can be taken now; waits once, `quiet_seconds` at most, for files that have only just been written."""
    found = [(code, path, state) for code in partner_codes for path, state in _files(settings.drop / code / "depot")]
    age = min((_age(state) for _, _, state in found), default=quiet_seconds)
    if age < quiet_seconds:
        time.sleep(quiet_seconds - max(age, 0.0))
    dropped = []
    for code, path, before in found:
        try:
            after = path.lstat()
            # a clock set wrong dates a file in the future: that it did not change meanwhile is enough then
            if _identity(after) != _identity(before) or 0 <= _age(after) < quiet_seconds:
                log.info("%s is still being written: left for the next run", path)
                continue
            sha256, size = fingerprint(path)
        except OSError as error:
            log.warning("%s cannot be read (%s): left where it is", path, error.strerror)
            continue
        dropped.append(Dropped(code, path, shown_name(path), sha256, size, _changed(after)))
    return dropped


def shown_name(path: Path) -> str:
    """The name of a file as text that a database and a page can hold, never longer than a receipt's name may be."""
    name = os.fsencode(path.name).decode("utf-8", "replace")
    if len(name.encode()) <= LONGEST_NAME:
        return name
    suffix = f"~{hashlib.sha256(name.encode()).hexdigest()[:8]}{Path(name).suffix[:10]}"
    return name.encode()[: LONGEST_NAME - len(suffix.encode())].decode("utf-8", "ignore") + suffix


def set_aside(dropped: Dropped) -> None:
    """Move what was taken to `traites/`, under its name or, where that is taken, with a number.

    A file that took its place meanwhile stays for the next run.

    Raises:
        LakouError: the folder cannot be written.
    """
    folder = dropped.path.parent.parent / "traites"
    try:
        folder.mkdir(exist_ok=True)
        if _changed(dropped.path.lstat()) != dropped.arrived_at:
            log.info("%s is another file by now: left for the next run", dropped.path)
            return
        dropped.path.rename(_free_name(folder / dropped.path.name))
    except FileNotFoundError:
        log.info("%s was taken away meanwhile", dropped.path)
    except OSError as error:
        raise unwritable(str(folder), error) from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that a partner sees whole or not at all.

    Raises:
        LakouError: the folder cannot be written.
    """
    temporary = path.with_name(f".{hashlib.sha256(path.name.encode()).hexdigest()[:16]}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.chmod(0o640)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise unwritable(str(path.parent), error) from error


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Regular files of a folder, in the order of their names; links, pipes, folders and unfinished ones stay."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        log.warning("%s cannot be read (%s)", folder, error.strerror)
        return
    for path in entries:
        if path.name.startswith((".", "~$")) or path.name.lower().endswith(UNFINISHED):
            continue
        try:
            state = path.lstat()
        except OSError:
            continue
        if stat.S_ISREG(state.st_mode):
            yield path, state


def _free_name(path: Path) -> Path:
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.stem}~{number}{path.suffix}")
    return candidate


def _identity(state: os.stat_result) -> tuple[int, int, int]:
    return state.st_ino, state.st_size, state.st_mtime_ns


def _changed(state: os.stat_result) -> float:
    # clients set the file's own date back after the upload; the inode's change time cannot be set
    return max(state.st_mtime, state.st_ctime)


def _age(state: os.stat_result) -> float:
    return time.time() - _changed(state)
