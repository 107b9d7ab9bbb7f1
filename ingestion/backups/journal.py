"""Point in time: a base copy of the whole PostgreSQL server, and its journal (WAL) fetched every few minutes.

    <url>/base/<instant>.tar.gz.age, .json     a copy of the server's files, and its sealed note
    <url>/wal/<segment>.gz.age, .json          a piece of the journal, and its sealed note

A replication slot keeps on the server what has not been fetched, so that nothing is missing between two runs. What was fetched and
not yet stored waits in `$LAKOU_HOME/pg/journal`.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import hmac
import json
import os
import re
import shutil
import tarfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import psycopg

from ingestion.backups import keys
from ingestion.backups.programs import Database, environment, running
from ingestion.backups.store import CHUNK, Store, Stored, seal, unseal
from ingestion.database import BACKUP_LOCK, connect
from ingestion.errors import DatabaseError, LakouError
from ingestion.settings import Settings

SLOT = "lakou_backup"
BASE, WAL = "base", "wal"
SEGMENT = re.compile(r"[0-9A-F]{24}|[0-9A-F]{8}\.history")
BASES_KEPT = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A base copy or a piece of the journal.

    Args:
        server: identifier of the PostgreSQL server that it is of.
        at: ISO instant; of a base copy, when it was whole: from then on one can go back to any moment; of a piece, the moment up to
            which its run fetched, by the clock of the server.
        since: of a base copy, the first piece of the journal that it needs.
        recipient: public part of the backup key.
        seal: keyed hash of all the rest.
    """

    name: str
    server: str
    at: str
    recipient: str
    size: int
    sha256: str
    since: str = ""
    seal: str = ""

    def sealed_by(self, key: str) -> str:
        """The seal that it has under an HMAC key."""
        content = {name: value for name, value in asdict(self).items() if name != "seal"}
        text = b"lakou journal\0" + json.dumps(content, sort_keys=True).encode()
        return hmac.new(key.encode(), text, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Prepared:
    """Files of a server as it was at one moment, to be started.

    Args:
        data: its data folder.
        base: the base copy that it begins with.
        segments: pieces of the journal that it goes through.
    """

    data: Path
    base: str
    segments: int
    as_of: str


def copy_base(settings: Settings, url: str, progress: Callable[[str], None]) -> Piece:
    """Copy the whole server while it works, and begin to keep its journal; older base copies and their journal go.

    Raises:
        LakouError: the server's administrator cannot copy it, or the store cannot be written.
    """
    store = Store(url)
    store.check()
    public = keys.recipient(settings, may_make=not store.manifests() and not store.sizes(BASE))
    server = _server(settings)
    began = dt.datetime.now(dt.UTC)
    with _administrator(settings) as connection:
        _alone(connection)
        row = connection.execute("select system_identifier::text from pg_control_system()").fetchone()
        assert row is not None
        if not connection.execute("select 1 from pg_replication_slots where slot_name = %s", [SLOT]).fetchone():
            connection.execute("select pg_create_physical_replication_slot(%s, true)", [SLOT])
        since = connection.execute(
            "select pg_walfile_name(restart_lsn) from pg_replication_slots where slot_name = %s", [SLOT]
        ).fetchone()
        assert since is not None
        name = f"{BASE}/{began:%Y%m%dT%H%M%SZ}.tar.gz.age"
        arguments = ["pg_basebackup", "--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast",
                     "--compress=gzip:1", "--no-password", "--no-manifest"]  # fmt: skip
        with running(arguments, environment(settings, server), stdout=-1) as process:
            assert process.stdout is not None
            stored = seal(store, name, process.stdout, public)
        piece = Piece(
            name, row[0], dt.datetime.now(dt.UTC).isoformat(), public, stored.size, stored.sha256, str(since[0])
        )
        piece = _write_note(settings, store, piece)
        progress(f"base copy: {stored.size:,} bytes")
        _prune(settings, store)
    fetch(settings, url, progress)
    return piece


def fetch(settings: Settings, url: str, progress: Callable[[str], None]) -> int:
    """Fetch and store the journal up to now. Killed at any instant, the next run goes on.

    Returns:
        Pieces stored.

    Raises:
        LakouError: no base copy was made, the journal was lost, or the store cannot be written.
    """
    store = Store(url)
    spool = settings.home / "pg" / "journal"
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _administrator(settings) as connection:
        _alone(connection)
        slot = connection.execute("select wal_status from pg_replication_slots where slot_name = %s", [SLOT]).fetchone()
        if slot is None or slot[0] == "lost":
            raise LakouError(
                "the server does not keep its journal for point-in-time recovery"
                if slot is None
                else "the server has given up journal that was not fetched yet",
                "run `lakou backup base`: it begins again from a new base copy",
            )
        public = keys.recipient(settings, may_make=False)
        # the piece in use is closed, so that it can be fetched whole
        row = connection.execute(
            "with said as materialized (select pg_logical_emit_message(true, 'lakou', 'journal'))"
            " select (select system_identifier::text from pg_control_system()), clock_timestamp() from said"
        ).fetchone()
        # one byte before the end of that piece: it is left whole, and waits for no other
        end = connection.execute(
            "select ('0/0'::pg_lsn + (floor((pg_switch_wal() - '0/0'::pg_lsn - 1) / s.bytes) + 1) * s.bytes - 1)::text"
            " from (select pg_size_bytes(current_setting('wal_segment_size')) as bytes) as s"
        ).fetchone()
        assert row is not None
        assert end is not None
        arguments = ["pg_receivewal", f"--slot={SLOT}", f"--directory={spool}", f"--endpos={end[0]}", "--no-loop",
                     "--no-password"]  # fmt: skip
        with running(arguments, environment(settings, _server(settings)), stdin=-3, stdout=-3):
            pass
        count = 0
        for path in sorted(path for path in spool.iterdir() if SEGMENT.fullmatch(path.name)):
            stored = _store_segment(store, path, public)
            at = row[1].astimezone(dt.UTC).isoformat()
            _write_note(settings, store, Piece(stored.name, row[0], at, public, stored.size, stored.sha256))
            path.unlink()
            count += 1
    progress(f"journal: {count} pieces stored")
    return count


def is_kept(settings: Settings) -> bool:
    """Whether the server keeps its journal to be fetched: `lakou backup base` was run once."""
    with connect(settings, "lakou_admin") as connection:
        return bool(connection.execute("select 1 from pg_replication_slots where slot_name = %s", [SLOT]).fetchone())


def prepare(
    settings: Settings, url: str, as_of: dt.datetime, folder: Path, progress: Callable[[str], None]
) -> Prepared:
    """Put together the files of a server as it was at one moment; the running one is not touched.

    Args:
        as_of: with its zone.
        folder: new or empty; `data` in it is then a data folder for PostgreSQL of the same major version.

    Raises:
        LakouError: the moment is before the first base copy or after the last piece of the journal, a piece is missing or
            spoilt, or the folder is not empty. The folder is then left empty.
    """
    store = Store(url)
    bases = [piece for piece in _notes(settings, store, BASE) if dt.datetime.fromisoformat(piece.at) <= as_of]
    if not bases:
        raise LakouError(f"no base copy in {url} is older than {as_of.isoformat()}", "choose a later moment")
    base = bases[-1]
    pieces = [piece for piece in _notes(settings, store, WAL) if piece.server == base.server]
    wanted = [piece for piece in pieces if _segment(piece) >= base.since or piece.name.endswith(".history.gz.age")]
    # the pieces of one run have one instant: with the first run after the moment, all of it is there
    after = [piece.at for piece in wanted if dt.datetime.fromisoformat(piece.at) >= as_of]
    if not after:
        last = max((piece.at for piece in wanted), default=base.at)
        raise LakouError(
            f"the journal is stored up to {last}, {as_of.isoformat()} is later",
            "`lakou backup wal` stores the rest, if the server still answers; else choose an earlier moment",
        )
    until = min(map(dt.datetime.fromisoformat, after))
    chosen = [piece for piece in wanted if dt.datetime.fromisoformat(piece.at) <= until]
    identity = keys.identity(settings, base.recipient)
    data = folder / "data"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise LakouError(f"{folder} is not empty", "give a new folder with --into")
        data.mkdir(mode=0o700)
    except OSError as error:
        raise LakouError(f"{folder} cannot be made ({error.strerror})", "give another folder with --into") from error
    try:
        _unpack(store, base, identity, data)
        progress(f"base copy of {base.at} unpacked")
        journal = data / "lakou_journal"
        journal.mkdir(mode=0o700)
        for piece in chosen:
            _restore_segment(store, piece, identity, journal / _segment(piece))
        progress(f"journal: {len(chosen)} pieces")
        _write_target(data, as_of)
    except BaseException:
        shutil.rmtree(data, ignore_errors=True)
        raise
    return Prepared(data, base.name, len(chosen), as_of.isoformat())


def _server(settings: Settings) -> Database:
    # in the production stack a role that may copy the server and nothing else; its password has its name
    if role := os.environ.get("LAKOU_PG_JOURNAL_ROLE"):
        return Database("server", settings.pg_host, settings.pg_port, "postgres", role, role)
    user = os.environ.get("LAKOU_PG_SUPERUSER", "postgres")
    return Database("server", settings.pg_host, settings.pg_port, "postgres", user, "postgres")


def _administrator(settings: Settings) -> psycopg.Connection[Any]:
    server = _server(settings)
    try:
        return psycopg.connect(
            host=server.host, port=server.port, dbname=server.name, user=server.role,
            password=settings.secret(server.secret), connect_timeout=10, autocommit=True,
        )  # fmt: skip
    except psycopg.OperationalError as error:
        raise DatabaseError(
            f"PostgreSQL at {server.host}:{server.port} does not let {server.role} in ({str(error).strip()})",
            f"point-in-time recovery needs a role that may replicate: its password is the secret file `{server.secret}`",
        ) from error


def _alone(connection: psycopg.Connection[Any]) -> None:
    if connection.execute("select pg_try_advisory_lock(%s)", [BACKUP_LOCK]).fetchone() != (True,):
        raise LakouError("another run copies the server or its journal", "wait for it")


def _write_note(settings: Settings, store: Store, piece: Piece) -> Piece:
    from dataclasses import replace

    sealed = replace(piece, seal=piece.sealed_by(settings.secret("hmac.key")))
    store.write_bytes(f"{piece.name}.json", json.dumps(asdict(sealed)).encode())
    return sealed


def _notes(settings: Settings, store: Store, folder: str) -> list[Piece]:
    """Pieces whose notes are sealed by this platform, in the order of their names."""
    key = settings.secret("hmac.key")
    found = []
    for name in sorted(store.sizes(folder)):
        if not name.endswith(".json"):
            continue
        try:
            piece = Piece(**json.loads(store.read_bytes(f"{folder}/{name}")))
        except (ValueError, TypeError) as error:
            raise LakouError(f"{folder}/{name} in {store.url} is spoilt ({error})", "take another copy") from error
        if piece.seal != piece.sealed_by(key) or f"{piece.name}.json" != f"{folder}/{name}":
            raise LakouError(
                f"{folder}/{name} in {store.url} was not written with this platform's hmac.key, or changed since",
                "put that key back (`lakou backup put-back FILE`), or take another copy",
            )
        found.append(piece)
    return found


def _segment(piece: Piece) -> str:
    return piece.name.removeprefix(f"{WAL}/").removesuffix(".gz.age")


def _store_segment(store: Store, path: Path, public: str) -> Stored:
    """Compress and encrypt one piece of the journal."""
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def pack() -> None:
        try:
            with (
                path.open("rb") as source,
                os.fdopen(writing, "wb") as target,
                gzip.GzipFile("", "wb", 1, target, 0) as packed,
            ):
                shutil.copyfileobj(source, packed, CHUNK)
        except BaseException as error:
            failures.append(error)

    packer = threading.Thread(target=pack, daemon=True)
    packer.start()
    with os.fdopen(reading, "rb") as source:
        stored = seal(store, f"{WAL}/{path.name}.gz.age", source, public)
    packer.join()
    if failures:
        raise failures[0]
    return stored


def _open(store: Store, piece: Piece, identity: str, use: Callable[[BinaryIO], None]) -> None:
    """Let `use` read what a piece holds, decrypted and compared."""
    reading, writing = os.pipe()
    failures: list[BaseException] = []
    folder, _, name = piece.name.rpartition("/")

    def feed() -> None:
        with os.fdopen(writing, "wb") as target:
            try:
                unseal(store, folder, Stored(name, piece.size, piece.sha256), identity, target)
            except BaseException as error:
                failures.append(error)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        with os.fdopen(reading, "rb") as source:
            use(source)
            while source.read(CHUNK):
                pass
    except (OSError, EOFError, tarfile.TarError) as error:
        feeder.join()
        raise failures[0] if failures else error from None
    feeder.join()
    if failures:
        raise failures[0]


def _ours(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
    """A file of a data folder, owned by whoever unpacks it: the account of another machine is nobody here."""
    found = tarfile.tar_filter(member, folder)
    return found.replace(uid=os.geteuid(), gid=os.getegid(), uname="", gname="", deep=False)


def _unpack(store: Store, base: Piece, identity: str, data: Path) -> None:
    def use(source: BinaryIO) -> None:
        with tarfile.open(fileobj=source, mode="r|gz", bufsize=CHUNK) as archive:
            for member in archive:
                archive.extract(member, data, filter=_ours)

    _open(store, base, identity, use)


def _restore_segment(store: Store, piece: Piece, identity: str, target: Path) -> None:
    def use(source: BinaryIO) -> None:
        with gzip.open(source, "rb") as unpacked, target.open("wb") as file:
            shutil.copyfileobj(unpacked, file, CHUNK)

    _open(store, piece, identity, use)


def _write_target(data: Path, as_of: dt.datetime) -> None:
    """Tell the server how far to go: it then opens for work by itself."""
    settings = (
        "restore_command = 'cp lakou_journal/%f %p'",
        f"recovery_target_time = '{as_of.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S.%f+00}'",
        "recovery_target_action = 'promote'",
        "recovery_target_timeline = 'current'",
        # archives of the new server do not mix with those of the old one
        "primary_slot_name = ''",
    )
    with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.write("\n# written by `lakou restore --as-of`\n" + "".join(f"{line}\n" for line in settings))
    (data / "recovery.signal").touch()


def _prune(settings: Settings, store: Store) -> None:
    """Keep the last base copies and the journal since the first of them."""
    bases = _notes(settings, store, BASE)
    for piece in bases[:-BASES_KEPT]:
        store.delete(f"{piece.name}.json")
        store.delete(piece.name)
    first = bases[-BASES_KEPT:][0]
    for piece in _notes(settings, store, WAL):
        if piece.server != first.server or _segment(piece) < first.since:
            store.delete(f"{piece.name}.json")
            store.delete(piece.name)
