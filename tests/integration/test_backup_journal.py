"""Point in time: the server comes back as it was between two deliveries."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from expectations.cli import main
from ingestion.database import connect
from ingestion.settings import Settings
from tests.conftest import cluster, free_port, new_platform
from tests.integration.drop_box import TODAY, DropBox


def lakou(settings: Settings, *arguments: str | Path) -> Result:
    where = {
        "LAKOU_HOME": str(settings.home),
        "LAKOU_PG_PORT": str(settings.pg_port),
        "LAKOU_PG_DATABASE": settings.pg_database,
        "LAKOU_BACKUP_URL": f"file://{settings.home / 'backups'}",
    }
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=where)


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Path]]:
    """A platform on a server of its own, and the folder of PostgreSQL's programs."""
    for binaries, port, password in cluster(tmp_path_factory, {"fsync": "off", "max_wal_size": "64MB"}):
        home = tmp_path_factory.mktemp("journal") / "home"
        settings = new_platform(home, port, password, "lakou")
        (settings.secrets / "postgres").write_text(f"{password}\n")
        yield settings, binaries


@contextmanager
def started(binaries: Path, data: Path, port: int) -> Iterator[None]:
    """The server of a data folder, until the block ends."""
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []
    options = f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    command = [*prefix, str(binaries / "pg_ctl"), "-D", str(data)]
    log = data.parent / "log"
    up = subprocess.run([*command, "-l", str(log), "-o", options, "-w", "start"], capture_output=True, check=False)
    assert up.returncode == 0, log.read_text()
    try:
        yield
    finally:
        subprocess.run([*command, "-m", "immediate", "stop"], check=True, capture_output=True)


def test_the_server_comes_back_as_it_was_between_two_deliveries(
    server: tuple[Settings, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, binaries = server
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    box = DropBox(settings).open_account()
    early = dt.datetime.now(dt.UTC)
    assert "the server does not keep its journal" in lakou(settings, "backup", "wal").output
    copied = done(lakou(settings, "backup", "base"))
    assert "any moment after" in copied
    assert "journal: 0 pieces" not in copied, "from its start on, the base copy is covered"
    box.put_sessions("S1")
    box.receive()
    time.sleep(0.1)
    between = dt.datetime.now(dt.UTC)
    time.sleep(0.1)
    box.put_sessions("S2", period="2026-10")
    box.receive()
    refused = lakou(settings, "restore", "--as-of", between.isoformat(), "--into", tmp_path / "too-soon")
    assert (refused.exit_code, "`lakou backup wal` stores the rest" in refused.output) == (1, True), refused.output
    assert "pieces of the journal stored" in done(lakou(settings, "backup", "wal"))
    refused = lakou(settings, "restore", "--as-of", early.isoformat(), "--into", tmp_path / "too-early")
    assert (refused.exit_code, "no base copy" in refused.output) == (1, True)
    done(lakou(settings, "restore", "--as-of", between.isoformat(), "--into", tmp_path / "then"))
    port = free_port()
    with started(binaries, tmp_path / "then" / "data", port):
        then = DropBox(replace(settings, pg_port=port))
        deadline = time.monotonic() + 20
        while then.one("select pg_is_in_recovery()"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert then.all("select period from ops.deliveries") == [("2026-09",)]
        # it works on: roles, rights and the landing are there
        with connect(then.settings) as connection:
            connection.execute("insert into ops.settings (name, value) values ('went', 'on')")
    assert box.one("select count(*) from ops.deliveries") == 2

    spoilt = tmp_path / "spoilt"
    shutil.copytree(settings.home / "backups", spoilt)
    piece = max((spoilt / "wal").glob("*.age"))
    data = bytearray(piece.read_bytes())
    data[len(data) // 2] ^= 1
    piece.write_bytes(data)
    at = ("restore", "--from", f"file://{spoilt}", "--as-of", between.isoformat(), "--into", tmp_path / "never")
    refused = lakou(settings, *at)
    assert (refused.exit_code, "is spoilt" in refused.output) == (1, True), refused.output
    assert list((tmp_path / "never").iterdir()) == []
    (settings.secrets / "hmac.key").write_text("ab" * 32)
    refused = lakou(settings, *at)
    assert (refused.exit_code, "was not written with this platform's hmac.key" in refused.output) == (1, True)
