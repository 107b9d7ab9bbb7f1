"""`lakou restore`: a backup put back into an empty platform, compared with what was saved, and nothing touched before all
of it was verified.

The warehouse comes back in one transaction, with a note of which backup it is of: killed at any instant, the next run either
finds it as it was or goes on with the landing and the drop. The note goes once everything was compared.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from ingestion.backups import contents, keys
from ingestion.backups.folders import unpack
from ingestion.backups.programs import Database, databases, environment, running
from ingestion.backups.store import (
    CHUNK,
    OBJECTS,
    Manifest,
    Store,
    Stored,
    digest_of,
    read_catalogue,
    unseal,
)
from ingestion.database import (
    BACKUP_LOCK,
    BUILD_LOCK,
    INTAKE_LOCK,
    POSTGRES_FILES,
    PUBLISH_LOCK,
    WATCH_LOCK,
    connect,
    ensure_roles,
    migrate,
)
from ingestion.errors import ConfigurationError, LakouError
from ingestion.file_stores import open_store
from ingestion.settings import Settings

RESTORING = "public.restoring"
WAREHOUSE = "warehouse"


@dataclass(frozen=True, slots=True)
class Verified:
    """What one verification read.

    Args:
        archives: dumps and folders that open, and whose bytes are those that were written.
        landed_files: landed files whose bytes are those that were written.
    """

    backup_id: str
    archives: int
    landed_files: int
    read_bytes: int


@dataclass(frozen=True, slots=True)
class RestoreSummary:
    """What one restoration put back.

    Args:
        tables, rows: compared with the backup, one by one, and the same.
        migrated: migrations that were applied after the comparison.
        parts: what was put back.
        left: parts of the backup that were not, and why.
        last: last build, publication and closings, as the manifest has them.
    """

    backup_id: str
    snapshot_at: str
    tables: int
    rows: int
    landed_files: int
    drop_files: int
    parts: tuple[str, ...]
    left: dict[str, str]
    migrated: tuple[str, ...]
    last: dict[str, Any]


def read_manifest(settings: Settings, url: str, backup_id: str) -> Manifest:
    """Manifest of a backup that was written by a platform with this one's keys; `last` names the youngest.

    Raises:
        LakouError: there is none, a key is missing or another one, it was changed, or a younger Lakou made it.
    """
    store = Store(url)
    if backup_id == "last":
        found = store.youngest()
        if found is None:
            raise LakouError(f"there is no backup in {url}", "give another place with --from")
        backup_id = found.backup_id
    manifest = store.manifest(backup_id)
    troubles = keys.missing(settings, manifest.keys)
    if not (settings.secrets / keys.BACKUP_KEY).exists():
        troubles.append(
            f"{keys.BACKUP_KEY} is missing: put the custodian's copy into {settings.secrets / keys.BACKUP_KEY}"
        )
    if troubles:
        raise ConfigurationError(
            "; ".join(troubles),
            "`lakou backup put-back FILE` puts a custodian's file of keys back; nothing was changed",
        )
    keys.identity(settings, manifest.recipient)
    if manifest.seal != manifest.sealed_by(settings.secret("hmac.key")):
        raise LakouError(
            f"the manifest of {backup_id} was changed after it had been written",
            "take another backup (`lakou backup list`); nothing was changed",
        )
    unknown = sorted(set(manifest.migrations) - {path.name for path in (POSTGRES_FILES / "migrations").glob("*.sql")})
    if unknown:
        raise LakouError(
            f"the backup was made by a younger Lakou ({manifest.lakou}): this one does not know {', '.join(unknown)}",
            "restore it with that version; nothing was changed",
        )
    return manifest


def verify(settings: Settings, url: str, manifest: Manifest, progress: Callable[[str], None]) -> Verified:
    """Read all of a backup: decrypt, compare sums, and have PostgreSQL read the dumps' tables of contents.

    Raises:
        LakouError: something of it is missing, was changed or does not open.
    """
    store = Store(url)
    identity = keys.identity(settings, manifest.recipient)
    size = 0
    for part, archive in manifest.archives.items():
        if part == "landing":
            continue
        if part in _DUMPS:
            _list_dump(store, manifest.backup_id, archive, identity)
        else:
            unseal(store, manifest.backup_id, archive, identity, _Nowhere())
        size += archive.size
        progress(f"{part}: opens, {archive.size:,} bytes as written")
    files = 0
    for item in read_catalogue(store, manifest):
        try:
            with store.open(f"{OBJECTS}/{item.name}") as source:
                found = digest_of(source)
        except FileNotFoundError:
            found = (0, "")
        if found != (item.size, item.sha256):
            raise LakouError(
                f"the landed file {item.name} of the backup {manifest.backup_id} is spoilt or gone",
                "take another copy of the backups; nothing was changed",
            )
        files, size = files + 1, size + item.size
    progress(f"landing: {files} files as written")
    return Verified(manifest.backup_id, len(manifest.archives), files, size)


def refuse_unless_empty(settings: Settings, manifest: Manifest) -> bool:
    """See that nothing would be lost: the warehouse is empty, or an earlier run of the same restoration filled it.

    Returns:
        Whether the warehouse is restored already, by a run that was stopped after it.

    Raises:
        LakouError: the warehouse holds something.
    """
    with connect(settings, "lakou_admin") as connection:
        noted = _noted(connection)
        if noted == manifest.backup_id:
            return True
        if noted is None and not contents.is_empty(connection):
            row = connection.execute(
                "select (select count(*) from ops.partners), (select count(*) from ops.deliveries)"
            ).fetchone()
            assert row is not None
            raise LakouError(
                f"the warehouse {settings.pg_database} at {settings.pg_host}:{settings.pg_port} is not empty:"
                f" {row[0]} partners, {row[1]} deliveries",
                "restore into an empty platform; --replace takes away what is there, and asks first",
            )
    return False


def restore(
    settings: Settings,
    url: str,
    manifest: Manifest,
    *,
    replace: bool,
    with_metadata: bool,
    migrates: bool,
    progress: Callable[[str], None],
) -> RestoreSummary:
    """Verify, then put back: roles, warehouse with its rights, landing, drop; then compare with the manifest.

    Args:
        replace: take away what the warehouse holds; the caller has asked a person.
        with_metadata: also the databases of Airflow and Superset, whose services are stopped.
        migrates: bring the warehouse to this version afterwards; not where the version that saved it is to go on with it.

    Raises:
        LakouError: the warehouse is not empty, something of the backup is spoilt (nothing was changed then), or what was
            put back is not what was saved.
    """
    store = Store(url)
    identity = keys.identity(settings, manifest.recipient)
    is_done = not replace and refuse_unless_empty(settings, manifest)
    verify(settings, url, manifest, progress)
    warehouse, *others = databases(settings)
    parts, left = [WAREHOUSE], {}
    with _nobody_else(settings):
        if is_done:
            progress("warehouse: restored by the run before")
        else:
            with connect(settings, "lakou_admin") as connection:
                ensure_roles(settings, connection)
            _restore_dump(
                settings, warehouse, store, manifest, identity=identity,
                before=_forget_warehouse(settings), after=_note(manifest),
            )  # fmt: skip
            progress("warehouse: restored")
        landed = _restore_landing(settings, store, manifest, progress)
        files = 0
        for part in ("depots", "drop"):
            if part in manifest.archives:
                files += _restore_folders(settings, store, manifest, identity, part)
                parts.append(part)
        progress(f"drop: {files} files")
        for database in others:
            if database.part not in manifest.archives:
                left[database.part] = manifest.left_out.get(database.part, "it is not in the backup")
            elif not with_metadata:
                left[database.part] = "not asked for"
            else:
                _restore_dump(settings, database, store, manifest, identity=identity, before=_FORGET_PUBLIC)
                parts.append(database.part)
                progress(f"{database.part}: restored")
        rows = _compare(settings, manifest)
        with connect(settings, "lakou_admin") as connection:
            connection.execute(f"drop table {RESTORING}".encode())
    migrated = migrate(settings) if migrates else []
    return RestoreSummary(
        backup_id=manifest.backup_id,
        snapshot_at=manifest.snapshot_at,
        tables=len(manifest.tables),
        rows=rows,
        landed_files=landed,
        drop_files=files,
        parts=tuple(parts),
        left=left,
        migrated=tuple(migrated),
        last=manifest.last,
    )


_DUMPS = {WAREHOUSE, "airflow", "superset"}
# everything that the role owns in `public`, where Airflow and Superset keep their tables
_FORGET_PUBLIC = """
set local lock_timeout = '10s';
set local client_min_messages = warning;
do $forget$
declare
    statement text;
begin
    foreach statement in array array(
        select format('drop %s if exists public.%I cascade', kinds.words, c.relname)
        from pg_class as c
        join (values ('v', 'view', 1), ('m', 'materialized view', 1), ('r', 'table', 2), ('p', 'table', 2), ('S', 'sequence', 3))
            as kinds (relkind, words, place) on kinds.relkind = c.relkind::text
        where c.relnamespace = 'public'::regnamespace
        order by kinds.place
    ) || array(
        select format('drop type if exists public.%I cascade', typname)
        from pg_type where typnamespace = 'public'::regnamespace and typtype in ('e', 'd')
    ) || array(
        select format('drop routine if exists public.%I(%s) cascade', proname, pg_get_function_identity_arguments(oid))
        from pg_proc where pronamespace = 'public'::regnamespace
    ) loop
        execute statement;
    end loop;
end
$forget$;
"""


def _forget_warehouse(settings: Settings) -> str:
    """Take away what the warehouse holds, in the transaction that puts the backup in its place."""
    with connect(settings, "lakou_admin") as connection:
        text = sql.SQL(" ").join(
            [
                sql.SQL("set local lock_timeout = '60s'; set local client_min_messages = warning;"),
                *(
                    sql.SQL("drop schema if exists {} cascade;").format(sql.Identifier(name))
                    for name in contents.SCHEMAS
                ),
                sql.SQL("drop table if exists public.migrations;"),
                sql.SQL(f"drop table if exists {RESTORING};"),
            ]
        )
        return text.as_string(connection)


def _note(manifest: Manifest) -> str:
    # the id was matched against its pattern when the manifest was read
    return (
        f"create table {RESTORING} (backup_id text not null);"
        f" insert into {RESTORING} (backup_id) values ('{manifest.backup_id}');"
    )


def _noted(connection: psycopg.Connection[Any]) -> str | None:
    """The backup that a restoration stopped half-way was of."""
    row = connection.execute("select to_regclass(%s) is not null", [RESTORING]).fetchone()
    if row != (True,):
        return None
    found = connection.execute(f"select backup_id from {RESTORING}".encode()).fetchone()
    return str(found[0]) if found else None


@contextmanager
def _nobody_else(settings: Settings) -> Iterator[None]:
    """Nothing is taken in, saved, published, built or watched meanwhile; what is at it ends first."""
    with connect(settings, "lakou_admin") as connection:
        connection.autocommit = True
        for number in (INTAKE_LOCK, BACKUP_LOCK, PUBLISH_LOCK, BUILD_LOCK, WATCH_LOCK):
            connection.execute("select pg_advisory_lock(%s)", [number])
        yield


def _list_dump(store: Store, backup_id: str, archive: Stored, identity: str) -> None:
    """Decrypt a dump whole, and have `pg_restore` read its table of contents."""
    with running(["pg_restore", "--list"], None, stdin=-1, stdout=-3) as process:
        unseal(store, backup_id, archive, identity, _Until(process.stdin))


def _restore_dump(
    settings: Settings,
    database: Database,
    store: Store,
    manifest: Manifest,
    *,
    identity: str,
    before: str,
    after: str = "",
) -> None:
    """Put one database back in one transaction; whatever fails or is killed, it is as it was.

    Args:
        before, after: SQL of the same transaction.
    """
    archive = manifest.archives[database.part]
    variables = environment(settings, database)
    psql = [
        "psql",
        "--no-psqlrc",
        "--quiet",
        "--no-password",
        "--set=ON_ERROR_STOP=1",
        "--output=/dev/null",
        "--file=-",
    ]
    failures: list[BaseException] = []
    with running(psql, variables, stdin=-1) as session:
        assert session.stdin is not None
        session.stdin.write(f"begin;\n{before}\n".encode())
        with running(["pg_restore", "--exit-on-error", "--file=-"], None, stdin=-1, stdout=-1) as restorer:
            sink, source = restorer.stdin, restorer.stdout
            assert sink is not None
            assert source is not None

            def feed() -> None:
                try:
                    with sink:
                        unseal(store, manifest.backup_id, archive, identity, sink)
                except BaseException as error:
                    failures.append(error)

            feeder = threading.Thread(target=feed, daemon=True)
            feeder.start()
            while data := source.read(CHUNK):
                session.stdin.write(data)
            feeder.join()
        # without its last word the server undoes it all
        if not failures:
            session.stdin.write(f"\n{after}\ncommit;\n".encode())
    if failures:
        raise failures[0]


def _restore_landing(settings: Settings, store: Store, manifest: Manifest, progress: Callable[[str], None]) -> int:
    """Put landed files back, those that are there already left alone."""
    filesystem, root = open_store(settings.landing_url)
    count = 0
    for item in read_catalogue(store, manifest):
        target = f"{root}/{item.name}"
        count += 1
        if filesystem.exists(target):
            with filesystem.open(target, "rb") as there:
                if digest_of(there) == (item.size, item.sha256):
                    continue
        filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
        temporary = f"{target}.part"
        with store.open(f"{OBJECTS}/{item.name}") as source, filesystem.open(temporary, "wb") as opened:
            while data := source.read(CHUNK):
                opened.write(data)
        filesystem.mv(temporary, target)
        if count % 1000 == 0:
            progress(f"landing: {count} files")
    progress(f"landing: {count} files")
    return count


def _restore_folders(settings: Settings, store: Store, manifest: Manifest, identity: str, part: str) -> int:
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def feed() -> None:
        with os.fdopen(writing, "wb") as target:
            try:
                unseal(store, manifest.backup_id, manifest.archives[part], identity, target)
            except BaseException as error:
                failures.append(error)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        with os.fdopen(reading, "rb") as source:
            count = unpack(settings, source)
            # what follows the end of the tar
            while source.read(CHUNK):
                pass
    finally:
        feeder.join()
    if failures:
        raise failures[0]
    return count


def _compare(settings: Settings, manifest: Manifest) -> int:
    """Compare each table with the backup, row by row in a digest.

    Returns:
        Rows compared.

    Raises:
        LakouError: a table is not as it was saved.
    """
    with connect(settings, "lakou_admin") as connection:
        found = contents.tables(connection)
        last = contents.last(connection)
    wrong = sorted(name for name in set(found) | set(manifest.tables) if found.get(name) != manifest.tables.get(name))
    if wrong:
        raise LakouError(
            f"what was restored is not what was saved: {', '.join(wrong)}",
            "was the platform at work meanwhile? stop its services and restore again with --replace",
        )
    if last != manifest.last:
        raise LakouError(
            f"the last numbers are {last}, the backup's are {manifest.last}", "restore again with --replace"
        )
    return sum(rows for rows, _ in found.values())


class _Nowhere:
    """Bytes that are only looked at."""

    def write(self, data: bytes, /) -> int:
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


class _Until:
    """Pass bytes on as long as somebody reads them: `pg_restore --list` stops after the table of contents."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def write(self, data: bytes, /) -> int:
        if self._target is not None:
            try:
                self._target.write(data)
                self._target.flush()
            except BrokenPipeError:
                self._target = None
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""
