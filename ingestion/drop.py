"""The partners' folders: what lies in `depot/`, ready to be taken, and where it goes once it is."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import stat
import time
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingestion.landing import unwritable
from ingestion.settings import Settings

log = logging.getLogger(__name__)
QUIET_SECONDS = 5.0
FOLDERS = ("depot", "accuses", "modeles", "traites")
# what SFTP clients and office suites write beside the file meant
UNFINISHED = (".part", ".tmp", ".filepart")
# what `write_atomically` leaves where it is stopped, and the age from which nobody writes to it any more
TEMPORARY = re.compile(r"[.][0-9a-f]{24}[.]tmp")
UNFINISHED_SECONDS = 60.0
LONGEST_NAME = 200
# what was taken stays in `traites/` for so many days
KEPT_DAYS = 30
# categories of characters that show nothing: controls, formats (they turn the writing around), line ends, unassigned
UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Co", "Cn", "Cs"})


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file of a partner that nobody writes to any more.

    Args:
        partner_code: owner of the folder.
        path: where it lies.
        file_name: its name as text (what cannot be shown is written as `[U+202E]`).
        size: in bytes.
        arrived_at: seconds since the epoch of the last change to it.
    """

    partner_code: str
    path: Path
    file_name: str
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
        except OSError as error:
            log.info("%s is gone (%s)", path, error.strerror)
            continue
        dropped.append(Dropped(code, path, shown_name(path), after.st_size, _changed(after)))
    return dropped


def is_unchanged(dropped: Dropped) -> bool:
    """Whether a file found earlier still lies there, the same."""
    try:
        state = dropped.path.lstat()
    except OSError:
        return False
    return (state.st_size, _changed(state)) == (dropped.size, dropped.arrived_at)


def shown_name(path: Path) -> str:
    """The name of a file as text that a database, a page and a terminal can show, never too long for a receipt's name.

    Control characters, those that turn the writing around or show nothing, and bytes that are no UTF-8 are spelt out,
    so that no name looks like another one.
    """
    name = "".join(map(_shown, os.fsencode(path.name).decode("utf-8", "surrogateescape")))
    if len(name.encode()) <= LONGEST_NAME:
        return name
    suffix = f"~{hashlib.sha256(name.encode()).hexdigest()[:8]}{Path(name).suffix[:10]}"
    return name.encode()[: LONGEST_NAME - len(suffix.encode())].decode("utf-8", "ignore") + suffix


def _shown(character: str) -> str:
    if unicodedata.category(character) in UNSEEN:
        return f"[U+{ord(character):04X}]"
    return character


def purge(settings: Settings, partner_codes: Iterable[str], now: float) -> int:
    """Delete what was taken more than `KEPT_DAYS` ago from `traites/`; the landing keeps its bytes.

    Args:
        now: seconds since the epoch.

    Returns:
        How many files were deleted.
    """
    deleted = 0
    for code in partner_codes:
        for path, state in _files(settings.drop / code / "traites"):
            # the date of the inode is that of the move; a client may have set the other one
            if now - state.st_ctime > KEPT_DAYS * 86_400:
                with suppress(OSError):
                    path.unlink()
                    deleted += 1
    return deleted


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
    # a name of its own for each writer, whatever process or thread it is in
    temporary = path.with_name(f".{secrets.token_hex(12)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.chmod(0o640)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise unwritable(str(path.parent), error) from error


def sweep_unfinished(settings: Settings, partner_codes: Iterable[str], now: float) -> int:
    """Delete what a writer that was stopped left beside the receipts, templates and files made of sources.

    Args:
        now: seconds since the epoch.

    Returns:
        How many files were deleted.
    """
    deleted = 0
    for code in partner_codes:
        for folder in (settings.drop / code / name for name in ("accuses", "depot", "modeles")):
            with suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    if not TEMPORARY.fullmatch(entry.name):
                        continue
                    # another receiver may be writing: that takes it less than a second
                    if now - _changed(entry.stat(follow_symlinks=False)) > UNFINISHED_SECONDS:
                        Path(entry.path).unlink(missing_ok=True)
                        deleted += 1
    return deleted


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
