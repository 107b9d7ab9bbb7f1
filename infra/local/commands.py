"""`make up`, `make down`, `make status`, `make reset`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from infra.airflow.environment import airflow_environment, write_passwords
from infra.local.access import host_public_key, partners, summary, write_access
from infra.local.bootstrap import fingerprint, install, installed
from infra.local.dashboards import check_dashboards
from infra.local.layout import CHECKOUT, FOLDERS, Platform, write_atomically
from infra.local.ports import choose_ports
from infra.local.postgres import ensure_databases, prepare_data, wait_until_ready
from infra.local.secret_files import ensure_connections, ensure_partner_passwords, ensure_secrets
from infra.local.services import SERVICES, SUPERSET, base_environment, superset_environment
from infra.local.steps import Board
from infra.local.supervision import (
    is_coming,
    processes,
    start_service,
    start_supervisor,
    states,
    stop_everything,
    wait_until_well,
    wanted_fingerprint,
)
from ingestion.demo.replay.serving import SYSTEMS, source_file, source_name
from ingestion.errors import LakouError

# what belongs to one platform; the environments stay at a reset
STATE = (
    "access.json",
    "airflow",
    "backups",
    "data_docs",
    "dbt",
    "demo",
    "drop",
    "landing",
    "logs",
    "pg",
    "run",
    "secrets",
    "sftp",
    "sources",
    "superset",
)
PARTNERS_SECONDS = 25
# what `lakou demo` does changed with it: an older platform has it done once more, which takes in what is new
DEMONSTRATION = "with replayed sources"


class Start:
    """One `make up`: what was found, and the steps that it takes from there."""

    def __init__(self, platform: Platform, board: Board) -> None:
        self.platform = platform
        self.board = board
        self.demonstration_ended = False

    # -- stamps: what need not be done again

    def _stamp(self, name: str) -> Path:
        return self.platform.run / name

    def _is_done(self, name: str, value: str) -> bool:
        path = self._stamp(name)
        return path.exists() and path.read_text() == value

    def _done(self, name: str, value: str) -> None:
        write_atomically(self._stamp(name), value)

    # -- the steps

    def secrets(self) -> str | None:
        """Secrets of a new platform, or the check of an old one's."""
        answer = ensure_secrets(self.platform)
        write_passwords(self.platform)
        return answer

    def database(self) -> str:
        """PostgreSQL, its databases, and the warehouse's migrations."""
        platform = self.platform
        made = prepare_data(platform)
        start_supervisor(platform)
        if not platform.pg_external.exists():
            start_service(platform, "postgres")
        self.postgres_ready()
        ensure_databases(platform)
        return made or f"on port {platform.ports['pg']}"

    def postgres_ready(self) -> None:
        """Wait for PostgreSQL, which after a crash first replays its journal."""
        platform = self.platform
        wait_until_ready(platform, lambda: platform.pg_external.exists() or is_coming(platform, "postgres"))

    def migrate(self) -> None:
        """Numbered migrations of the warehouse."""
        self._run_lakou("migrate")
        self._done("migrated", _digest(CHECKOUT / "infra" / "postgres"))

    def demonstration(self) -> str | None:
        """Main job on the demonstration's data; nothing when it was done before."""
        try:
            if self._is_done("demo_done", DEMONSTRATION):
                return "already loaded"
            self._run_lakou("demo", show=True)
            self._done("demo_done", DEMONSTRATION)
            return None
        finally:
            self.demonstration_ended = True

    def sources(self) -> str:
        """Servers that answer as real tools were recorded to, and a source for each."""
        platform = self.platform
        ensure_connections(platform)
        for system in SYSTEMS:
            path = platform.home / "sources" / f"{source_name(system)}.yml"
            text = source_file(system, platform.url(f"replay_{system}"))
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                write_atomically(path, text)
        names = [f"replay-{system}" for system in SYSTEMS]
        self.service(*names)()
        return ", ".join(SYSTEMS[system].title for system in SYSTEMS)

    def airflow_database(self) -> str | None:
        """Airflow's own tables, at the first start and when its version changes."""
        version = fingerprint("pipeline")
        if self._is_done("airflow_migrated", version):
            return "up to date"
        platform = self.platform
        environment = base_environment(platform) | airflow_environment(platform)
        airflow = str(platform.venv("pipeline") / "bin" / "airflow")
        self.board.command([airflow, "db", "migrate"], platform.logs / "airflow-migrate.log", environment)
        self._done("airflow_migrated", version)
        return None

    def superset_assets(self) -> str | None:
        """Superset's tables, roles, accounts and dashboards, when any of them changed."""
        self._wait_for_partners()
        return self.synchronise_superset()

    def synchronise_superset(self) -> str | None:
        """Run Superset's bootstrap if what it depends on changed since."""
        platform = self.platform
        known = partners(platform)
        ensure_partner_passwords(platform, known)
        listed = [{"code": code, "name": name} for code, name in known.items()]
        write_atomically(platform.run / "partners.json", json.dumps(listed, ensure_ascii=False) + "\n")
        passwords = [path.read_text() for path in sorted(platform.secrets.glob("superset_*"))]
        reader = platform.dsn("lakou_reader", "lakou_reader")
        wanted = hashlib.sha256(
            "\0".join([_digest(SUPERSET), fingerprint("superset"), json.dumps(listed), *passwords, reader]).encode()
        ).hexdigest()
        if self._is_done("superset_synchronised", wanted):
            return "up to date"
        environment = base_environment(platform) | superset_environment(platform)
        python = str(platform.venv("superset") / "bin" / "python")
        log = platform.logs / "superset-bootstrap.log"
        self.board.command([python, str(SUPERSET / "bootstrap.py")], log, environment)
        self._done("superset_synchronised", wanted)
        return f"{len(listed)} partners"

    def _wait_for_partners(self) -> None:
        """Give the demonstration the time to open its accounts: Superset then makes their roles in one go."""
        if self._stamp("demo_done").exists():
            return
        deadline = time.monotonic() + PARTNERS_SECONDS
        seen, since = 0, time.monotonic()
        while time.monotonic() < deadline and not self.demonstration_ended:
            count = len(partners(self.platform))
            if count != seen:
                seen, since = count, time.monotonic()
            if seen and time.monotonic() - since > 2:
                return
            time.sleep(0.5)

    def service(self, *names: str) -> Callable[[], str | None]:
        """Step that starts services and waits until they are well."""

        def start() -> str | None:
            for name in names:
                start_service(self.platform, name)
            wait_until_well(self.platform, names)
            return None

        return start

    def door(self) -> str | None:
        """A demonstration partner enters the drop with its key and lists its folders."""
        import asyncio

        import asyncssh

        keys = sorted((self.platform.home / "sftp" / "keys").glob("*"))
        if not keys:
            return "no partner has a demonstration key"
        host = asyncssh.import_known_hosts(f"* {host_public_key(self.platform)}\n")

        async def look() -> list[str]:
            async with (
                asyncssh.connect(
                    "127.0.0.1",
                    self.platform.ports["sftp"],
                    username=keys[0].name,
                    client_keys=[str(keys[0])],
                    known_hosts=host,
                    config=None,
                    agent_path=None,
                    connect_timeout=10,
                ) as connection,
                connection.start_sftp_client() as sftp,
            ):
                return [str(name) for name in await sftp.listdir("/")]

        try:
            found = asyncio.run(look())
        except (OSError, asyncssh.Error) as error:
            raise LakouError(
                f"{keys[0].name} cannot enter the drop: {error}", f"see {self.platform.logs}/sftp.log"
            ) from error
        if "depot" not in found:
            raise LakouError(f"the drop of {keys[0].name} has no folder depot", f"see {self.platform.logs}/sftp.log")
        return f"{keys[0].name} enters with its key"

    def _run_lakou(self, command: str, *, show: bool = False) -> None:
        lakou = str(self.platform.venv("pipeline") / "bin" / "lakou")
        log = self.platform.logs / f"{command}.log"

        def follow(line: str) -> None:
            # what libraries log begins with a date; the log has it
            if line and not line[0].isdigit():
                self.board.say(f"  ·        {line}")

        self.board.command([lakou, command], log, base_environment(self.platform), follow if show else None)

    # -- the two ways

    def from_stopped(self) -> None:
        """Everything, from whatever a stop or a kill left."""
        platform, board = self.platform, self.board
        killed = processes(platform)
        if killed:
            board.step(
                "processes that an earlier stop left",
                lambda: f"{len(killed)} ended, {stop_everything(platform)} of them by force",
            )
        choose_ports(platform, board.say)
        board.step("secrets", self.secrets)
        board.run_all(
            {
                "database": ("PostgreSQL", self.database, ()),
                "superset-venv": ("environment superset", lambda: install(platform, "superset", board), ()),
                "migrate": ("warehouse: migrations", self.migrate, ("database",)),
                "sftp": ("SFTP drop", self.service("sftp"), ("database",)),
                "sources": ("tools to pull, replayed", self.sources, ("database",)),
                "demo": ("demonstration: files received, built, published", self.demonstration, ("migrate", "sources")),
                "airflow-db": ("Airflow: its database", self.airflow_database, ("database",)),
                "airflow": (
                    "Airflow: API, DAG processor, triggerer",
                    self.service("airflow-api", "airflow-dags", "airflow-triggerer"),
                    ("airflow-db",),
                ),
                "assets": ("Superset: tables, roles, dashboards", self.superset_assets, ("migrate", "superset-venv")),
                "superset": ("Superset: pages", self.service("superset"), ("assets",)),
                # the scheduler would take in the files that the demonstration is dating back
                "scheduler": ("Airflow: scheduler", self.service("airflow-scheduler"), ("airflow-db", "demo")),
                "partners": ("Superset: partners' accounts", self.synchronise_superset, ("assets", "demo")),
            }
        )

    def from_running(self, found: dict[str, str]) -> None:
        """What is not running, and what changed since the last time; nothing else."""
        board = self.board
        dead = [name for name, state in found.items() if state not in {"RUNNING", "STARTING"}]
        board.step("secrets", self.secrets)
        if dead:
            board.step(f"services that were down: {', '.join(dead)}", self.service(*dead))
        board.step("PostgreSQL", self.postgres_ready)
        if not self._is_done("migrated", _digest(CHECKOUT / "infra" / "postgres")):
            board.step("warehouse: migrations", self.migrate)
        if not self._is_done("demo_done", DEMONSTRATION):
            board.step("demonstration: files received, built, published", self.demonstration)
        board.step("Superset: dashboards and accounts", self.synchronise_superset)

    def finish(self) -> None:
        """Check everything as a visitor would, then say where it is."""
        platform, board = self.platform, self.board
        names = [name for name in SERVICES if name != "postgres" or not platform.pg_external.exists()]
        board.run_all(
            {
                "services": ("every service answers", lambda: wait_until_well(platform, names), ()),
                "door": ("the drop lets a partner in", self.door, ("services",)),
                "dashboards": ("the dashboards answer with data", lambda: check_dashboards(platform), ("services",)),
            }
        )
        access = write_access(platform)
        board.say(summary(access))


def up(platform: Platform) -> int:
    """Bring the whole platform to life; 0 only when every step succeeded."""
    begun = time.monotonic()
    board = Board()
    os.umask(0o077)
    for folder in FOLDERS:
        (platform.home / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    start = Start(platform, board)
    found = states(platform)
    if found is not None and not _is_current(platform):
        board.say("  the locks, the ports or a service's settings changed: everything is started again")
        board.step("stopping the services", lambda: _stopped(platform))
        found = None
    if found is None:
        start.from_stopped()
    else:
        board.say("  already running: nothing is loaded again")
        start.from_running(found)
    start.finish()
    board.say(f"\n  {time.monotonic() - begun:.0f} s in all.")
    return 0


def _is_current(platform: Platform) -> bool:
    stamp = platform.run / "fingerprint"
    same = stamp.exists() and stamp.read_text() == wanted_fingerprint(platform)
    return same and installed(platform, "superset")


def _stopped(platform: Platform) -> str | None:
    killed = stop_everything(platform)
    return f"{killed} had to be killed" if killed else None


def down(platform: Platform) -> int:
    """Stop every process; the data stay."""
    board = Board()
    if states(platform) is None and not processes(platform):
        board.say("Nothing runs.")
        return 0
    board.step("stopping the services", lambda: _stopped(platform))
    left = processes(platform)
    if left:
        raise LakouError(f"these processes do not end: {left}", "see `ps`; a disk that does not answer can hold them")
    return 0


def status(platform: Platform) -> int:
    """Say what runs, service by service, by asking each one; 1 when one is dead."""
    board = Board()
    found = states(platform)
    if found is None:
        board.say(
            "✗ supervisor: not running"
            + (" (some services are left: `make up` or `make down`)" if processes(platform) else "")
        )
    well = found is not None
    for name, service in SERVICES.items():
        if name == "postgres" and platform.pg_external.exists():
            state = "RUNNING"
        else:
            state = (found or {}).get(name, "not started")
        reason = "" if state == "RUNNING" else "runs, with nobody watching over it" if found is None else state.lower()
        if not reason or found is None:
            try:
                service.probe(platform)
            except (LakouError, OSError) as error:
                reason = error.what if isinstance(error, LakouError) else str(error)
        well = well and not reason
        board.say(f"{'✗' if reason else '✓'} {service.title:<24} {reason or _where(platform, name)}")
    board.say(
        "Everything runs."
        if well
        else f"Not everything runs: `make up` starts what is missing; logs in {platform.logs}"
    )
    return 0 if well else 1


def _where(platform: Platform, name: str) -> str:
    port = {"postgres": "pg", "sftp": "sftp", "airflow-api": "airflow", "superset": "superset"}.get(name)
    port = port or (name.replace("-", "_") if name.startswith("replay-") else None)
    return f"127.0.0.1:{platform.ports[port]}" if port else "well"


def reset(platform: Platform) -> int:
    """Delete the data and the secrets of the platform, after asking."""
    there = [platform.home / name for name in STATE if (platform.home / name).exists()]
    if not there:
        sys.stdout.write(f"Nothing to delete in {platform.home}.\n")
        return 0
    if os.environ.get("CONFIRM") != "yes":
        sys.stdout.write(
            f"This deletes the database, the received files and the secrets of {platform.home}, for good.\n"
        )
        sys.stdout.write("Type yes to go on: ")
        sys.stdout.flush()
        if sys.stdin.readline().strip() != "yes":
            sys.stdout.write("Nothing was deleted.\n")
            return 1
    stop_everything(platform)
    for path in there:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    sys.stdout.write(f"Deleted. The installed environments stay in {platform.home / 'venvs'}.\n")
    return 0


def _digest(folder: Path) -> str:
    """Digest of the files of a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
