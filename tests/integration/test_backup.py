"""Backups: what is restored is what was saved, to the last figure, and nothing half or spoilt is taken for one."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pyrage
import pytest
from click.testing import CliRunner, Result

from expectations.cli import main
from ingestion.backups import making, restoring, retaining, store
from ingestion.backups.keys import hand_over, put_back
from ingestion.backups.retaining import Kept, kept
from ingestion.database import connect
from ingestion.errors import LakouError
from ingestion.health.services import check_backup
from ingestion.health.warehouse import check_database
from ingestion.receive import _Receiver
from ingestion.settings import CHECKOUT, Settings
from ingestion.tracing import Cell, trace
from tests.conftest import new_platform
from tests.integration.closed_shelf import TODAY as SHELF_TODAY
from tests.integration.closed_shelf import Shelf
from tests.integration.drop_box import SURNAMES, TODAY, DropBox

KEYS = ("hmac.key", "landing.key", "backup.key")
PASSPHRASE = "six mots tirés vraiment au hasard"


def lakou(settings: Settings, *arguments: str | Path, stdin: str | None = None, **env: str) -> Result:
    """Run a command of `lakou` on a platform."""
    where = {
        "LAKOU_HOME": str(settings.home),
        "LAKOU_PG_PORT": str(settings.pg_port),
        "LAKOU_PG_DATABASE": settings.pg_database,
        "LAKOU_BACKUP_URL": f"file://{settings.home / 'backups'}",
    }
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin, env=where | env)


def done(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def empty_platform(settings: Settings, home: Path, postgres: tuple[Path, int, str], name: str) -> Settings:
    """A platform just made, with the keys of another one and nothing in it."""
    _, port, password = postgres
    fresh = new_platform(home, port, password, name)
    for key in KEYS:
        shutil.copy(settings.secrets / key, fresh.secrets / key)
    return fresh


def rows(settings: Settings, query: str, role: str = "lakou_admin") -> list[tuple[Any, ...]]:
    with connect(settings, role) as connection:
        return connection.execute(query.encode()).fetchall()


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[DropBox]:
    """Two deliveries taken, one of them half refused, one file that nobody has taken yet."""
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    monkeypatch.delenv("LAKOU_SMTP_URL", raising=False)
    shutil.rmtree(clean.home / "backups", ignore_errors=True)
    (clean.secrets / "backup.key").unlink(missing_ok=True)
    found = DropBox(clean).open_account()
    found.put_sessions("S1")
    found.put_people(("S1", SURNAMES[0]), ("S1", f"{SURNAMES[1]},Q"))
    found.receive()
    found.put_sessions("S2", period="2026-10")
    keys = clean.home / "sftp" / "authorized_keys"
    keys.mkdir(parents=True, exist_ok=True)
    (keys / "KABIA").write_text("ssh-ed25519 AAAA kabia\n")
    yield found
    (clean.secrets / "backup.key").unlink(missing_ok=True)


def test_every_figure_and_closing_comes_back(
    shelf: Shelf, postgres: tuple[Path, int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKOU_TODAY", SHELF_TODAY)
    url = f"file://{tmp_path / 'backups'}"
    done(lakou(shelf.settings, "backup", "--to", url, "--json"))
    fresh = empty_platform(shelf.settings, tmp_path / "home", postgres, "lakou_restored")
    restored = done(lakou(fresh, "restore", "last", "--from", url, "--json"))
    assert restored["last"]["closings"]
    assert restored["migrated"] == []
    for query in (
        "select t::text from pub.indicator_values as t order by 1",
        "select t::text from pub.published_values as t order by 1",
        "select t::text from pub.restatements as t order by 1",
        "select closing_id, sha256, content from pub.closing_books order by 1, 2",
    ):
        expected = rows(shelf.settings, query, "lakou_loader")
        assert expected
        assert rows(fresh, query, "lakou_loader") == expected
    assert raw_counts(fresh) == raw_counts(shelf.settings)
    cell = Cell(programme_code="MQ", indicator_code="A1-01", period="2026-T1", territory_code="02",
                partner_code="TOTAL", axis="TOTAL", member="TOTAL", measure="counted")  # fmt: skip
    with connect(fresh) as there, connect(shelf.settings) as here:
        found = trace(there, cell)
        assert found.rows
        assert asdict(found) == asdict(trace(here, cell))
    # rights came back too: the reader reads pub and nothing else
    for schema in ("raw.f01_sessions_formation", "published.indicator_values", "marts.dim_parameter"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(fresh, f"select 1 from {schema}", "lakou_reader")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), connect(fresh, "lakou_reader") as reader:
        reader.execute("create temporary table t (a int)")


def raw_counts(settings: Settings) -> dict[str, int]:
    names = rows(settings, "select tablename from pg_tables where schemaname = 'raw'")
    return {name: rows(settings, f"select count(*) from raw.{name}")[0][0] for (name,) in names}


def test_receiving_goes_on_where_it_was(box: DropBox, postgres: tuple[Path, int, str], tmp_path: Path) -> None:
    summary = done(lakou(box.settings, "backup", "--json"))
    assert (summary["landed_files"], summary["copied_files"], summary["missing"]) == (2, 2, [])
    assert set(summary["left_out"]) == {"airflow", "superset"}
    again = done(lakou(box.settings, "backup", "--json"))
    assert (again["landed_files"], again["copied_files"]) == (2, 0), "only what the store lacks is copied"
    fresh = empty_platform(box.settings, tmp_path / "home", postgres, "lakou_goes_on")
    url = f"file://{box.settings.home / 'backups'}"
    restored = done(lakou(fresh, "restore", summary["backup_id"], "--from", url, "--json"))
    assert restored["parts"] == ["warehouse", "depots", "drop"]
    assert (fresh.home / "sftp" / "authorized_keys" / "KABIA").read_text() == "ssh-ed25519 AAAA kabia\n"
    for path in (box.settings.drop / "KABIA").rglob("*"):
        twin = fresh.drop / path.relative_to(box.settings.drop)
        assert (twin.stat().st_mode, twin.is_dir() or twin.read_bytes()) == (
            path.stat().st_mode,
            path.is_dir() or path.read_bytes(),
        )
    there = DropBox(fresh)
    before = there.one("select count(*) from raw.f01_sessions_formation")
    there.put_sessions("S1")
    received = there.receive()
    assert received.failures == ()
    assert (received.files, received.repeated, received.accepted) == (2, 1, 1)
    # the file that waited is taken, the one that was known adds nothing
    assert there.one("select count(*) from raw.f01_sessions_formation") == before + 1
    assert there.one("select count(*) from ops.deliveries") == 3
    replayed = lakou(fresh, "doctor", "--json")
    assert {item["check"]: item["ok"] for item in json.loads(replayed.stdout)}["landing"], "landed files open"


def test_a_receiver_waits_until_what_is_restored_was_compared(
    box: DropBox, postgres: tuple[Path, int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unjudged = "select count(*) from ops.deliveries where judged_at is null"
    with monkeypatch.context() as stopped:
        stopped.setattr(_Receiver, "_judge_all", lambda _: None)
        box.receive()
    assert box.one(unjudged) == 1
    done(lakou(box.settings, "backup", "--json"))
    fresh = empty_platform(box.settings, tmp_path / "home", postgres, "lakou_busy")
    receiver = threading.Thread(target=DropBox(fresh).receive)
    compare = restoring._compare

    def compare_beside_a_receiver(settings: Settings, manifest: store.Manifest) -> int:
        receiver.start()
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        while rows(fresh, waiting) != [(1,)]:
            time.sleep(0.05)
        return compare(settings, manifest)

    monkeypatch.setattr(restoring, "_compare", compare_beside_a_receiver)
    done(lakou(fresh, "restore", "last", "--from", f"file://{box.settings.home / 'backups'}", "--json"))
    receiver.join()
    assert DropBox(fresh).one(unjudged) == 0


def test_what_is_stored_says_nothing_without_its_key(box: DropBox) -> None:
    done(lakou(box.settings, "backup", "--json"))
    stored = b"".join(path.read_bytes() for path in (box.settings.home / "backups").rglob("*") if path.is_file())
    for secret in (b"Zyzomyst", b"zyzomyst", b"Atelier", b"PGDMP", *secrets_of(box.settings)):
        assert secret not in stored


def secrets_of(settings: Settings) -> list[bytes]:
    return [path.read_bytes().strip() for path in settings.secrets.iterdir() if path.is_file()]


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@dataclass(frozen=True)
class Copies:
    """A platform that holds nothing, and a folder with one backup of another."""

    target: Settings
    folder: Path

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    @property
    def backup(self) -> Path:
        (found,) = [path for path in self.folder.iterdir() if path.name != "landing"]
        return found


@pytest.fixture(scope="module")
def original(postgres: tuple[Path, int, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path]:
    """A backup of a platform, and the home of an empty one with its keys: made once, since nothing may change them."""
    _, port, password = postgres
    homes = tmp_path_factory.mktemp("original")
    source = new_platform(homes / "source", port, password, "lakou_original")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKOU_TODAY", TODAY)
        box = DropBox(source).open_account()
        box.put_sessions("S1")
        box.receive()
        box.put_people(("S1", SURNAMES[0]))
        box.receive()
        done(lakou(source, "backup", "--json"))
    return empty_platform(source, homes / "target", postgres, "lakou_target"), source.home / "backups"


@pytest.fixture
def saved(original: tuple[Settings, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Copies]:
    """Copies of the keys and of the backup, to be spoilt; the warehouse is emptied afterwards."""
    target, backups = original
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    shutil.copytree(backups, tmp_path / "copies")
    shutil.copytree(target.home, tmp_path / "home")
    found = Copies(replace(target, home=tmp_path / "home", secrets=tmp_path / "home" / "secrets"), tmp_path / "copies")
    yield found
    with connect(target, "lakou_admin") as connection:
        names = connection.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('raw', 'quarantine', 'ops')"
        ).fetchall()
        connection.execute(f"truncate {', '.join(name for (name,) in names)} restart identity cascade".encode())
        connection.execute("drop table if exists public.restoring")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("dump", "warehouse.dump.age of the backup"),
        ("drop", "drop.tar.age of the backup"),
        ("landed", "is spoilt or gone"),
        ("landed gone", "is spoilt or gone"),
        ("manifest", "changed after it had been written"),
        ("no manifest", "it was interrupted, and is none"),
        ("no key", "backup.key is missing"),
        ("other backup key", "is not the key of this backup"),
        ("other hmac key", "hmac.key is another key"),
        ("no landing key", "landing.key is missing"),
    ],
)
def test_what_is_spoilt_is_refused_and_changes_nothing(saved: Copies, harm: str, said: str) -> None:
    fresh, one = saved.target, saved.backup
    landed = next(path for path in (saved.folder / "landing").rglob("*.age"))
    match harm:
        case "dump":
            spoil(one / "warehouse.dump.age")
        case "drop":
            spoil(one / "drop.tar.age")
        case "landed":
            spoil(landed)
        case "landed gone":
            landed.unlink()
        case "manifest":
            manifest = one / "manifest.json"
            manifest.write_text(manifest.read_text().replace('"deliveries": 2', '"deliveries": 3'))
        case "no manifest":
            (one / "manifest.json").unlink()
        case "no key":
            (fresh.secrets / "backup.key").unlink()
        case "other backup key":
            (fresh.secrets / "backup.key").write_text(str(pyrage.x25519.Identity.generate()))
        case "other hmac key":
            (fresh.secrets / "hmac.key").write_text("ab" * 32)
        case "no landing key":
            (fresh.secrets / "landing.key").unlink()
    refused = lakou(fresh, "restore", one.name, "--from", saved.url)
    assert refused.exit_code == 1
    assert said in refused.stderr, refused.stderr
    assert "to mend it:" in refused.stderr
    assert rows(fresh, "select (select count(*) from ops.partners), to_regclass('public.restoring')") == [(0, None)]
    assert not (fresh.home / "landing").exists()
    assert not fresh.drop.exists()


def test_a_platform_that_holds_something_is_replaced_by_a_typed_name_only(saved: Copies) -> None:
    fresh, url = saved.target, saved.url
    other = DropBox(fresh, "AUTRE").open_account()
    refused = lakou(fresh, "restore", "last", "--from", url)
    assert (refused.exit_code, "is not empty: 1 partners, 0 deliveries" in refused.stderr) == (1, True)
    refused = lakou(fresh, "restore", "last", "--from", url, "--replace", stdin="oui\n")
    assert (refused.exit_code, "the name typed is another one" in refused.stderr) == (1, True)
    assert other.all("select partner_code from ops.partners") == [("AUTRE",)]
    name = saved.backup.name
    replaced = lakou(fresh, "restore", "last", "--from", url, "--replace", stdin=f"{name}\n")
    assert replaced.exit_code == 0, replaced.output
    assert other.all("select partner_code from ops.partners") == [("KABIA",)]


def test_a_restoration_killed_half_way_is_run_again(saved: Copies) -> None:
    fresh = saved.target
    environment = os.environ | {
        "LAKOU_HOME": str(fresh.home),
        "LAKOU_PG_PORT": str(fresh.pg_port),
        "LAKOU_PG_DATABASE": fresh.pg_database,
    }
    # once when all is sent and nothing committed, once where the landing would begin
    for harm, is_back in (
        ("restoring._note = lambda _: type('Kill', (), {'__format__': kill})()", False),
        ("restoring._restore_landing = kill", True),
    ):
        code = (
            "import os, signal, sys\nfrom ingestion.backups import restoring\n"
            "def kill(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
            f"{harm}\nfrom ingestion.cli import main; main(sys.argv[1:])"
        )
        command = [sys.executable, "-c", code, "restore", "last", "--from", saved.url]
        killed = subprocess.run(command, env=environment, cwd=CHECKOUT, capture_output=True, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert rows(fresh, "select to_regclass('public.restoring') is not null") == [(is_back,)]
        assert rows(fresh, "select count(*) from ops.deliveries") == [(2 if is_back else 0,)]
    with pytest.raises(LakouError, match="stopped half-way"):
        check_database(fresh)
    assert done(lakou(fresh, "restore", "last", "--from", saved.url, "--json"))["landed_files"] == 2
    assert DropBox(fresh).one("select count(*) from ops.deliveries") == 2


def test_a_transaction_cut_in_its_middle_leaves_what_was_there(saved: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = saved.target
    monkeypatch.setattr(restoring, "_note", lambda _: "select 1 / 0;")
    cut = lakou(fresh, "restore", "last", "--from", saved.url)
    assert (cut.exit_code, "division by zero" in cut.stderr) == (1, True)
    assert rows(fresh, "select count(*) from ops.partners") == [(0,)]


def test_a_backup_interrupted_is_none_and_its_remains_are_swept(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(making, "write_manifest", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert lakou(box.settings, "backup").exit_code == 1
    folder = box.settings.home / "backups"
    (remains,) = [path for path in folder.iterdir() if path.name != "landing"]
    assert json.loads(lakou(box.settings, "backup", "list", "--json").stdout) == []
    assert "no backup" in lakou(box.settings, "restore", "last").stderr
    done(lakou(box.settings, "backup", "--json"))
    assert not remains.exists()
    assert len(json.loads(lakou(box.settings, "backup", "list", "--json").stdout)) == 1
    assert "all as written" in lakou(box.settings, "backup", "verify").output


def test_a_landed_file_taken_away_meanwhile_begins_the_backup_again(
    box: DropBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, times = making._copy_landing, []

    def copy(settings: Settings, *others: Any) -> Any:
        if not times:
            # an erasure between the dump and the copy
            path = box.one("select path from ops.landing_files limit 1")
            box.all("update ops.landing_files set wrapped_key = null where path = %s returning 1", path)
            (settings.home / "landing" / path).unlink()
        times.append(1)
        return real(settings, *others)

    monkeypatch.setattr(making, "_copy_landing", copy)
    summary = done(lakou(box.settings, "backup", "--json"))
    assert (len(times), summary["landed_files"], summary["missing"]) == (2, 1, [])


def test_a_landed_file_that_was_lost_is_told(box: DropBox) -> None:
    path = box.one("select path from ops.landing_files limit 1")
    (box.settings.home / "landing" / path).unlink()
    told = lakou(box.settings, "backup")
    assert (told.exit_code, f"has lost 1 files that the warehouse names, such as {path}" in told.stderr) == (1, True)
    assert "all as written" in lakou(box.settings, "backup", "verify").output


def test_a_full_or_closed_place_of_backups_is_told(box: DropBox, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    told = lakou(box.settings, "backup", "--to", f"file://{blocked}/in")
    assert (told.exit_code, "cannot be" in told.stderr) == (1, True)
    told = lakou(box.settings, "backup", "--to", "file:///dev/full/x")
    assert told.exit_code == 1
    told = lakou(box.settings, "backup", "--to", "nosuch://place")
    assert (told.exit_code, "is no URL that can be opened" in told.stderr) == (1, True)


def test_no_space_left_in_the_last_bytes_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, _data: bytes, /) -> int:
            raise OSError(28, "No space left on device")

    place = store.Store(f"file://{tmp_path}")
    public = str(pyrage.x25519.Identity.generate().to_public())
    real = store._Counted.__init__

    def init(self: Any, _target: Any) -> None:
        real(self, Full())

    monkeypatch.setattr(store._Counted, "__init__", init)
    with pytest.raises(LakouError, match="no space is left"):
        store.seal(place, "x", io.BytesIO(b"few"), public)


def test_the_database_of_superset_is_saved_and_put_back(
    box: DropBox, postgres: tuple[Path, int, str], tmp_path: Path
) -> None:
    _, port, password = postgres
    address = f"host=127.0.0.1 port={port} user=postgres password={password} dbname="
    with psycopg.connect(f"{address}postgres", autocommit=True) as admin:
        admin.execute("create role superset login password 'superset-secret'")
        admin.execute("create database superset owner superset")
    secret = box.settings.secrets / "superset_metadata"
    secret.write_text("superset-secret\n")
    owner = f"host=127.0.0.1 port={port} user=superset password=superset-secret dbname=superset"
    try:
        with psycopg.connect(owner) as superset:
            superset.execute("create type kind as enum ('a', 'b')")
            superset.execute("create table dashboards (id serial primary key, title text, kind kind)")
            superset.execute("insert into dashboards (title, kind) values ('pilotage', 'b')")
            superset.execute("create view titles as select title from dashboards")
            superset.execute("create function shout(text) returns text language sql as 'select upper($1)'")
        summary = done(lakou(box.settings, "backup", "--json"))
        assert set(summary["left_out"]) == {"airflow"}
        name = summary["backup_id"]
        with psycopg.connect(owner) as superset:
            superset.execute("insert into dashboards (title) values ('of the new platform')")
        fresh = empty_platform(box.settings, tmp_path / "home", postgres, "lakou_with_superset")
        shutil.copy(secret, fresh.secrets)
        url = f"file://{box.settings.home / 'backups'}"
        restored = done(lakou(fresh, "restore", "last", "--from", url, "--with-metadata", "--json"))
        assert "superset" in restored["parts"]
        with psycopg.connect(owner) as superset:
            assert superset.execute("select id, title, kind from dashboards").fetchall() == [(1, "pilotage", "b")]
            assert superset.execute("select shout(title) from titles").fetchall() == [("PILOTAGE",)]
        # where it fails, PostgreSQL's own reason is told
        with psycopg.connect(f"{address}superset") as admin:
            admin.execute("alter schema public owner to postgres")
        refused = lakou(fresh, "restore", "last", "--from", url, "--with-metadata", "--replace", stdin=f"{name}\n")
        assert refused.exit_code == 1
        assert "psql ended with code 3" in refused.stderr
        assert "permission denied for schema public" in refused.stderr
    finally:
        secret.unlink()
        with psycopg.connect(f"{address}postgres", autocommit=True) as admin:
            admin.execute("drop database superset")
            admin.execute("drop role superset")


def test_a_platform_that_waits_for_its_restore_saves_nothing_by_itself(
    box: DropBox, postgres: tuple[Path, int, str], tmp_path: Path
) -> None:
    _, port, password = postgres
    waiting = new_platform(tmp_path / "empty", port, password, "waiting")
    assert making.has_something(box.settings)
    assert not making.has_something(waiting)
    assert check_backup(waiting) == "nothing to save yet"


def test_the_keys_go_to_a_custodian_and_come_back(box: DropBox, tmp_path: Path) -> None:
    done(lakou(box.settings, "backup", "--json"))
    ada = pyrage.x25519.Identity.generate()
    mine, other = tmp_path / "ada.txt", tmp_path / "other.txt"
    mine.write_text(f"# public key: {ada.to_public()}\n{ada}\n")
    other.write_text(str(pyrage.x25519.Identity.generate()))
    give = ("backup", "keys", "--to", tmp_path / "usb", "--custodian", "Ada", "--recipient", str(ada.to_public()))
    given = lakou(box.settings, *give, "--json")
    package = Path(done(given)["path"])
    assert package.stat().st_mode & 0o777 == 0o600
    assert not any(secret in package.read_bytes() for secret in secrets_of(box.settings))
    assert box.one("select actor from ops.audit_log where action = 'KEYS_HANDED_OVER'") == "Ada"
    texts = {name: (box.settings.secrets / name).read_text().strip() for name in KEYS}
    (box.settings.secrets / "landing.key").unlink()
    try:
        wrong = lakou(box.settings, "backup", "put-back", package, "--identity", other)
        assert (wrong.exit_code, "does not open" in wrong.stderr) == (1, True)
        back = lakou(box.settings, "backup", "put-back", package, "--identity", mine)
        assert back.output.startswith("put back: landing.key"), back.output
        assert {name: (box.settings.secrets / name).read_text().strip() for name in KEYS} == texts
        (box.settings.secrets / "hmac.key").write_text("ab" * 32)
        refused = lakou(box.settings, "backup", "put-back", package, "--identity", mine)
        assert (refused.exit_code, "other keys are in" in refused.stderr) == (1, True)
        refused = lakou(box.settings, "backup", "put-back", package, "--identity", mine, "--replace")
        assert (refused.exit_code, "holds data made with its own keys" in refused.stderr) == (1, True)
    finally:
        for name, text in texts.items():
            (box.settings.secrets / name).write_text(text)


def test_a_file_of_keys_writes_nothing_but_keys(box: DropBox, tmp_path: Path) -> None:
    ada = pyrage.x25519.Identity.generate()
    hostile = tmp_path / "hostile.age"
    hostile.write_bytes(pyrage.encrypt(json.dumps({"../drop/x": "1"}).encode(), [ada.to_public()]))
    with pytest.raises(LakouError, match="which is no key of Lakou"):
        put_back(box.settings, hostile, private_key=str(ada), replace=True)
    assert not (box.settings.drop / "x").exists()


def test_a_passphrase_opens_the_keys_too(box: DropBox, tmp_path: Path) -> None:
    done(lakou(box.settings, "backup", "--json"))
    package = hand_over(box.settings, tmp_path, custodian="Ada", passphrase=PASSPHRASE)
    (box.settings.secrets / "backup.key").unlink()
    assert put_back(box.settings, package.path, passphrase=PASSPHRASE) == ["backup.key"]


@pytest.mark.parametrize(
    ("arguments", "passphrase", "said"),
    [
        (("--to", "{tmp}"), "short", "fewer than 16 characters"),
        (("--to", "{home}/backups/keys"), PASSPHRASE, "kept apart"),
        (("--to", "{tmp}", "--recipient", "age1nokey"), PASSPHRASE, "no public age key"),
    ],
)
def test_keys_are_not_handed_over_carelessly(
    box: DropBox, tmp_path: Path, arguments: tuple[str, ...], passphrase: str, said: str
) -> None:
    done(lakou(box.settings, "backup", "--json"))
    filled = [text.format(tmp=tmp_path / "usb", home=box.settings.home) for text in arguments]
    refused = lakou(box.settings, "backup", "keys", "--custodian", "Ada", *filled, LAKOU_KEYS_PASSPHRASE=passphrase)
    assert (refused.exit_code, said in refused.stderr) == (1, True), refused.stderr
    assert box.one("select count(*) from ops.audit_log") == 0


def test_the_public_key_is_enough_to_save(box: DropBox) -> None:
    mine = pyrage.x25519.Identity.generate()
    done(lakou(box.settings, "backup", "--json", LAKOU_BACKUP_RECIPIENT=str(mine.to_public())))
    assert not (box.settings.secrets / "backup.key").exists()
    assert "backup.key is missing" in lakou(box.settings, "backup", "verify").stderr
    (box.settings.secrets / "backup.key").write_text(str(mine))
    assert "all as written" in lakou(box.settings, "backup", "verify").output


def test_a_key_lost_is_not_made_again_while_backups_need_it(box: DropBox) -> None:
    done(lakou(box.settings, "backup", "--json"))
    (box.settings.secrets / "backup.key").unlink()
    refused = lakou(box.settings, "backup")
    assert (refused.exit_code, "backup.key cannot be read" in refused.stderr) == (1, True)
    assert not (box.settings.secrets / "backup.key").exists()


def test_which_backups_are_kept() -> None:
    days = [f"2026{month:02d}{day:02d}T031500Z" for month in range(1, 12) for day in range(1, 29)]
    rule = Kept(days=3, weeks=2, months=4, hours=0)
    assert sorted(kept(days, rule)) == [
        "20260828T031500Z",
        "20260928T031500Z",
        "20261028T031500Z",
        # the last Sunday, and the last three days
        "20261122T031500Z",
        "20261126T031500Z",
        "20261127T031500Z",
        "20261128T031500Z",
    ]
    twice = ["20261122T031500Z", "20261122T150000Z"]
    assert kept(twice, Kept(1, 0, 0)) == set(twice), "all of the last two days: before and after an upgrade"
    assert kept(twice, Kept(1, 0, 0, hours=1)) == {"20261122T150000Z"}
    assert kept(twice, Kept(0, 0, 0, hours=0)) == {"20261122T150000Z"}, "the last one always"
    assert kept([], rule) == set()


def test_older_backups_go_with_the_landed_files_that_only_they_need(box: DropBox) -> None:
    done(lakou(box.settings, "backup", "--json"))
    place = store.Store(box.settings.backup_url)
    assert len(place.sizes("landing")) == 2
    path = box.one("select path from ops.landing_files limit 1")
    box.all("update ops.landing_files set wrapped_key = null where path = %s returning 1", path)
    last = done(lakou(box.settings, "backup", "--json"))
    assert (last["landed_files"], len(place.sizes("landing"))) == (1, 2), "the older backup still needs it"
    retaining.prune(place, Kept(1, 0, 0, hours=0))
    assert (place.backups(), len(place.sizes("landing"))) == ([last["backup_id"]], 1)


def test_a_spoilt_backup_stops_no_other_and_keeps_what_it_may_need(box: DropBox) -> None:
    first = done(lakou(box.settings, "backup", "--json"))
    folder = box.settings.home / "backups" / first["backup_id"]
    path = box.one("select path from ops.landing_files limit 1")
    box.all("update ops.landing_files set wrapped_key = null where path = %s returning 1", path)
    spoil(folder / "landing.jsonl.gz")
    second = done(lakou(box.settings, "backup", "--keep-days", "1", "--json"))
    assert (second["landed_files"], second["copied_files"]) == (1, 1), "copied again: no sum of it can be trusted"
    (folder / "manifest.json").write_text("{")
    done(lakou(box.settings, "backup", "--json"))
    place = store.Store(box.settings.backup_url)
    assert folder.exists()
    assert len(place.sizes("landing")) == 2
    assert len(json.loads(lakou(box.settings, "backup", "list", "--json").stdout)) == 2
    assert "manifest.json of the backup" in lakou(box.settings, "restore", first["backup_id"], "--replace").stderr


def test_two_backups_at_once_are_one(box: DropBox) -> None:
    with making._alone(box.settings):
        refused = lakou(box.settings, "backup")
    assert (refused.exit_code, "another backup is being made" in refused.stderr) == (1, True)
