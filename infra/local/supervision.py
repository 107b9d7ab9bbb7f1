"""The supervisor: its configuration, and what to ask of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from infra.local.bootstrap import fingerprint
from infra.local.layout import Platform, write_atomically
from infra.local.postgres import server_pids
from infra.local.services import MARKER, SERVICES, SUPERSET, base_environment
from infra.local.steps import last_lines
from ingestion.errors import LakouError

SOCKET_PATH_BYTES = 100
ALREADY_STARTED = 60
RUNNING_STATES = {"RUNNING", "STARTING", "BACKOFF"}


def socket_path(platform: Platform) -> Path:
    """Socket of the supervisor; beside the state, or in the temporary folder when that path is too long for one."""
    path = platform.run / "supervisor.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(platform.home)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"lakou-{os.geteuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise LakouError(f"{folder} belongs to another user", "give LAKOU_HOME a shorter path")
    return folder / "supervisor.sock"


def configuration(platform: Platform) -> str:
    """The supervisor's configuration: no secret in it, services read theirs when they start."""

    def quoted(path: Path | str) -> str:
        return str(path).replace("%", "%%")

    user = "user=root\n" if os.geteuid() == 0 else ""
    text = (
        f"[unix_http_server]\nfile={quoted(socket_path(platform))}\nchmod=0600\n\n"
        f"[supervisord]\nlogfile={quoted(platform.logs / 'supervisor.log')}\nlogfile_maxbytes=5MB\nlogfile_backups=2\n"
        f"pidfile={quoted(platform.run / 'supervisord.pid')}\nchildlogdir={quoted(platform.logs)}\n"
        f"directory={quoted(platform.run)}\numask=077\nminfds=1024\nidentifier=lakou\n{user}\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
    )
    python = platform.venv("pipeline") / "bin" / "python"
    for service in _ours(platform):
        options = {
            "command": f'"{quoted(python)}" -m infra.local exec {service.name}',
            "autostart": "false",
            "autorestart": "true",
            "startsecs": "2",
            "startretries": "5",
            "stopwaitsecs": "20",
            "stopasgroup": "true",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": quoted(platform.logs / f"{service.name}.log"),
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": "3",
        }
        options |= dict(option.split("=", 1) for option in service.options)
        text += f"\n[program:{service.name}]\n" + "".join(f"{name}={value}\n" for name, value in options.items())
    return text


def _ours(platform: Platform) -> list[Any]:
    return [service for service in SERVICES.values() if service.name != "postgres" or not platform.pg_external.exists()]


def wanted_fingerprint(platform: Platform) -> str:
    """Changes with whatever running services would have to be restarted for."""
    own = Path(__file__).parents[1]
    parts = [configuration(platform), fingerprint("pipeline"), fingerprint("superset"), str(platform.ports)]
    code = [*own.glob("sftp/*.py"), own / "airflow" / "environment.py", Path(__file__).with_name("services.py")]
    parts += [path.read_text() for path in [*sorted(code), SUPERSET / "superset_config.py"]]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def supervisor(platform: Platform) -> Any:
    """The supervisor's remote procedures."""
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport(None, None, f"unix://{socket_path(platform)}")
    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor


def states(platform: Platform) -> dict[str, str] | None:
    """State of each service in the supervisor's words; None when the supervisor does not run."""
    try:
        return {info["name"]: info["statename"] for info in supervisor(platform).getAllProcessInfo()}
    except (OSError, xmlrpc.client.Error):
        return None


def start_supervisor(platform: Platform) -> None:
    """Start the supervisor; its services wait to be asked.

    Raises:
        LakouError: it does not start.
    """
    path = platform.run / "supervisord.conf"
    write_atomically(path, configuration(platform))
    write_atomically(platform.run / "fingerprint", wanted_fingerprint(platform))
    program = platform.venv("pipeline") / "bin" / "supervisord"
    command = [str(platform.venv("pipeline") / "bin" / "python"), str(program), "-c", str(path)]
    done = subprocess.run(command, env=base_environment(platform), capture_output=True, text=True, check=False)
    deadline = time.monotonic() + 20
    while states(platform) is None:
        if done.returncode or time.monotonic() > deadline:
            log = platform.logs / "supervisor.log"
            raise LakouError(f"the supervisor does not start: {done.stderr.strip()}\n{last_lines(log)}", f"see {log}")
        time.sleep(0.05)


def start_service(platform: Platform, name: str) -> None:
    """Ask for a service; no harm if it runs already."""
    try:
        supervisor(platform).startProcess(name, False)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != ALREADY_STARTED:
            raise LakouError(f"the supervisor refuses to start {name}: {fault.faultString}") from fault


def is_coming(platform: Platform, name: str) -> bool:
    """Whether a service runs or is being started again."""
    return (states(platform) or {}).get(name) in RUNNING_STATES


def wait_until_well(platform: Platform, names: Iterable[str], seconds: float = 180) -> None:
    """Wait until services answer that they are well.

    Raises:
        LakouError: one died for good or does not answer in time; with its log's last lines.
    """
    deadline = time.monotonic() + seconds
    for name in names:
        pause = 0.2
        while True:
            try:
                SERVICES[name].probe(platform)
                break
            except LakouError as error:
                log = platform.logs / f"{name}.log"
                if not is_coming(platform, name):
                    raise LakouError(f"{name} stopped; the end of {log}:\n{last_lines(log)}", f"see {log}") from error
                if time.monotonic() > deadline:
                    raise LakouError(
                        f"{name}: {error.what}; the end of {log}:\n{last_lines(log)}", f"see {log}"
                    ) from error
            time.sleep(pause)
            pause = min(pause * 1.5, 1)


def stop_everything(platform: Platform) -> int:
    """Stop every process of the platform: asked, then signalled, then killed; returns how many had to be killed."""
    _stop_services(platform)
    with contextlib.suppress(OSError, xmlrpc.client.Error):
        supervisor(platform).shutdown()
        # it answers at once, and ends once its services have
        _wait_until_gone(lambda: _supervisor_pids(platform), 90)
    for number, pids in ((signal.SIGINT, server_pids(platform)), (signal.SIGTERM, _marked(platform))):
        _signal(pids, number)
    _wait_until_gone(lambda: processes(platform), 15)
    left = processes(platform)
    _signal(left, signal.SIGKILL)
    _wait_until_gone(lambda: processes(platform), 5)
    socket_path(platform).unlink(missing_ok=True)
    return len(left)


def _stop_services(platform: Platform) -> None:
    """Stop all services but PostgreSQL at the same time; left to itself the supervisor stops them one by one."""
    for name, state in (states(platform) or {}).items():
        if name != "postgres" and state in RUNNING_STATES:
            with contextlib.suppress(OSError, xmlrpc.client.Error):
                supervisor(platform).stopProcess(name, False)
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        found = states(platform) or {}
        if not any(name != "postgres" and state in {*RUNNING_STATES, "STOPPING"} for name, state in found.items()):
            return
        time.sleep(0.2)


def processes(platform: Platform) -> list[int]:
    """Every process of the platform."""
    return sorted({*_marked(platform), *server_pids(platform)})


def _wait_until_gone(remaining: Callable[[], list[int]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while remaining() and time.monotonic() < deadline:
        time.sleep(0.1)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _supervisor_pids(platform: Platform) -> list[int]:
    path = platform.run / "supervisord.pid"
    text = path.read_text().strip() if path.exists() else ""
    return [int(text)] if text.isdigit() and int(text) in _marked(platform) else []


def _marked(platform: Platform) -> list[int]:
    """Processes that carry the platform's marker, less this one and its parents."""
    marker = f"{MARKER}={platform.home}".encode()
    spared = {os.getpid(), os.getppid()}
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in spared:
            with contextlib.suppress(OSError):
                if marker in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found
