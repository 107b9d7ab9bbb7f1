"""`lakou backup`: one consistent copy of the platform, made while it works, encrypted as it is written.

The order is what makes it consistent. Bytes land before the warehouse names them, so the warehouse is dumped first, at one
snapshot, and every landed file that this snapshot names is there to be copied. Only pulls and erasures take landed files
away; if one goes before it is copied the backup begins again. What lies in the depots is copied before the snapshot:
a file taken in between is in both and is known when it is received again; the other way round it would be in neither.
"""

from __future__ import annotations

import datetime as dt
import logging
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from ingestion.backups import contents, keys
from ingestion.backups.folders import packed
from ingestion.backups.programs import Database, databases, environment, running
from ingestion.backups.retaining import Kept, prune
from ingestion.backups.store import (
    CHUNK,
    OBJECTS,
    Manifest,
    Readable,
    Store,
    Stored,
    Writable,
    read_catalogue,
    seal,
    sealed,
    write_catalogue,
    write_manifest,
)
from ingestion.database import BACKUP_LOCK, BUILD_LOCK, PUBLISH_LOCK, connect
from ingestion.errors import ConfigurationError, LakouError
from ingestion.file_stores import open_store
from ingestion.settings import CHECKOUT, Settings

log = logging.getLogger(__name__)
MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class BackupSummary:
    """What one run did.

    Args:
        archive_bytes: of dumps and folders, encrypted.
        copied_files, copied_bytes: landed files that the store lacked.
        missing: landed files that the warehouse names and the landing has lost.
        left_out: parts that are not in it, and why.
        deleted: older backups that are kept no longer.
    """

    backup_id: str
    url: str
    archive_bytes: int
    landed_files: int
    copied_files: int
    copied_bytes: int
    missing: tuple[str, ...]
    left_out: dict[str, str]
    deleted: int
    seconds: float


class _WentAway(Exception):  # noqa: N818 - an answer: begin again
    """A landed file that the snapshot names was taken away before it was copied."""


def has_something(settings: Settings) -> bool:
    """Whether somebody has an account or something was received: a backup of less would bury the one to restore from."""
    with connect(settings, "lakou_admin") as connection:
        return not contents.is_empty(connection)


def back_up(settings: Settings, url: str, rule: Kept, progress: Callable[[str], None]) -> BackupSummary:
    """Make one backup, then delete those that are kept no longer. Killed at any instant, the next run sweeps what it left.

    Raises:
        LakouError: a key is missing, the database or the store cannot be reached, or another backup is being made.
    """
    began = dt.datetime.now(dt.UTC)
    store = Store(url)
    with _alone(settings):
        store.check()
        whole = store.manifests()
        public = keys.recipient(settings, may_make=not store.backups())
        backup_id = _free_name(store, began)
        known = _known(store, whole)
        for attempt in range(1, MOST_ATTEMPTS + 1):
            try:
                manifest, copied = _attempt(
                    settings, store, public, backup_id=backup_id, known=known, began=began, progress=progress
                )
                break
            except _WentAway as gone:
                progress(f"{gone} was taken away meanwhile: the backup begins again")
                if attempt == MOST_ATTEMPTS:
                    raise LakouError(
                        f"landed files were taken away during {MOST_ATTEMPTS} attempts at a backup",
                        "let the pull or the erasure that is running end, and run it again",
                    ) from gone
        manifest = sealed(manifest, settings)
        write_manifest(store, manifest)
        deleted, _ = prune(store, rule)
    return BackupSummary(
        backup_id=backup_id,
        url=url,
        archive_bytes=sum(item.size for item in manifest.archives.values()),
        landed_files=manifest.landing["files"],
        copied_files=len(copied),
        copied_bytes=sum(item.size for item in copied),
        missing=tuple(manifest.landing["missing"]),
        left_out=manifest.left_out,
        deleted=deleted,
        seconds=(dt.datetime.now(dt.UTC) - began).total_seconds(),
    )


def _free_name(store: Store, began: dt.datetime) -> str:
    """The instant at which it began, to the second; the next one that no backup has."""
    taken, at = set(store.backups()), began
    while f"{at:%Y%m%dT%H%M%SZ}" in taken:
        at += dt.timedelta(seconds=1)
    return f"{at:%Y%m%dT%H%M%SZ}"


def _known(store: Store, whole: list[Manifest]) -> dict[str, Stored]:
    """Landed files that the last backup needed, by path; where its catalogue is spoilt, all are copied again."""
    try:
        return {item.name: item for manifest in whole[-1:] for item in read_catalogue(store, manifest)}
    except LakouError as error:
        log.warning("every landed file is copied again: %s", error.what)
        return {}


def version() -> str:
    """Version of Lakou."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    with connect(settings) as connection:
        connection.autocommit = True
        if connection.execute("select pg_try_advisory_lock(%s)", [BACKUP_LOCK]).fetchone() != (True,):
            raise LakouError("another backup is being made", "wait for it")
        yield


@contextmanager
def _at_rest(settings: Settings) -> Iterator[None]:
    """Wait for the build, the publication or the closing that is at work; the next ones wait for the dump. Files are received."""
    with connect(settings) as connection:
        connection.autocommit = True
        for number in (PUBLISH_LOCK, BUILD_LOCK):
            connection.execute("select pg_advisory_lock_shared(%s)", [number])
        yield


def _attempt(
    settings: Settings,
    store: Store,
    public: str,
    *,
    backup_id: str,
    known: dict[str, Stored],
    began: dt.datetime,
    progress: Callable[[str], None],
) -> tuple[Manifest, list[Stored]]:
    marks = keys.marks(settings)
    archives: dict[str, Stored] = {}

    def keep(part: str, name: str, source: Readable) -> None:
        archives[part] = _in_backup(seal(store, f"{backup_id}/{name}", source, public), name)
        progress(f"{part}: {archives[part].size:,} bytes")

    left_out: dict[str, str] = {}
    has_drop = settings.drop.is_dir()
    if has_drop:
        with packed(settings, "depots") as stream:
            keep("depots", "depots.tar.age", stream)
    else:
        left_out["drop"] = f"{settings.drop} is not there"
    warehouse, *others = databases(settings)
    with _at_rest(settings), connect(settings, "lakou_admin") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        row = connection.execute("select pg_export_snapshot(), clock_timestamp(), version()").fetchone()
        assert row is not None
        snapshot, at, server = row
        with _dump(settings, warehouse, f"--snapshot={snapshot}") as stream:
            keep("warehouse", "warehouse.dump.age", stream)
        tables, last = contents.tables(connection), contents.last(connection)
        paths = contents.landed_paths(connection)
        migrations = tuple(
            name for (name,) in connection.execute("select name from public.migrations order by name").fetchall()
        )
    files, copied, missing = _copy_landing(settings, store, paths, known, progress)
    if has_drop:
        with packed(settings, "drop") as stream:
            keep("drop", "drop.tar.age", stream)
    for database in others:
        why = _unreachable(settings, database)
        if why:
            left_out[database.part] = why
            continue
        with _dump(settings, database) as stream:
            keep(database.part, f"{database.part}.dump.age", stream)
    archives["landing"] = write_catalogue(store, backup_id, files)
    manifest = Manifest(
        backup_id=backup_id,
        began_at=began.isoformat(),
        snapshot_at=at.astimezone(dt.UTC).isoformat(),
        finished_at=dt.datetime.now(dt.UTC).isoformat(),
        lakou=version(),
        postgres=server.split()[1],
        migrations=migrations,
        recipient=public,
        keys=marks,
        archives=archives,
        tables=tables,
        landing={"files": len(files), "bytes": sum(item.size for item in files.values()), "missing": missing},
        last=last,
        left_out=left_out,
    )
    return manifest, copied


@contextmanager
def _dump(settings: Settings, database: Database, *options: str) -> Iterator[Any]:
    # the level that is compressed most quickly: encrypted bytes cannot be compressed later
    arguments = [
        "pg_dump",
        "--format=custom",
        "--compress=gzip:1",
        "--no-password",
        "--lock-wait-timeout=60s",
        *options,
    ]
    with running(arguments, environment(settings, database), stdout=-1) as process:
        yield process.stdout


def _unreachable(settings: Settings, database: Database) -> str | None:
    """Why one of the other databases cannot be dumped; None where it can."""
    try:
        password = settings.secret(database.secret)
    except ConfigurationError as error:
        return error.what
    try:
        with psycopg.connect(
            host=database.host, port=database.port, dbname=database.name, user=database.role, password=password,
            connect_timeout=10,
        ):  # fmt: skip
            return None
    except psycopg.OperationalError as error:
        return str(error).strip().splitlines()[-1]


def _copy_landing(
    settings: Settings,
    store: Store,
    paths: set[str],
    known: dict[str, Stored],
    progress: Callable[[str], None],
) -> tuple[dict[str, Stored], list[Stored], list[str]]:
    """Copy the landed files that the store lacks: a landed file never changes under its name.

    Returns:
        All that are needed, by path; those copied; those that the landing has lost.
    """
    filesystem, root = open_store(settings.landing_url)
    there = store.sizes(OBJECTS)
    files: dict[str, Stored] = {}
    copied: list[Stored] = []
    lost: list[str] = []
    for path in sorted(paths):
        before = known.get(path)
        if before is not None and there.get(path) == before.size:
            files[path] = before
            continue
        try:
            with filesystem.open(f"{root}/{path}", "rb") as source:
                stored = store.write(f"{OBJECTS}/{path}", lambda target, source=source: _pour(source, target))  # type: ignore[misc]
        except FileNotFoundError:
            lost.append(path)
            continue
        files[path] = _in_backup(stored, path)
        copied.append(files[path])
        if len(copied) % 1000 == 0:
            progress(f"landing: {len(copied)} files copied")
    if lost:
        with connect(settings, "lakou_admin") as connection:
            still = contents.landed_paths(connection)
        for path in lost:
            if path not in still:
                raise _WentAway(path)
    progress(f"landing: {len(files)} files, {len(copied)} copied")
    return files, copied, lost


def _pour(source: Readable, target: Writable) -> None:
    while data := source.read(CHUNK):
        target.write(data)


def _in_backup(stored: Stored, name: str) -> Stored:
    return Stored(name, stored.size, stored.sha256)
