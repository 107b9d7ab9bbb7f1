"""First minute of every `make` target: from a bare Python to the locked environments. Standard library only.

`python -m infra.local.bootstrap up|down|status|reset` hands over to `infra.local` in the `pipeline` environment;
`… tools` prepares the `dev` environment of `make check`, `make test` and `make bench`; `… environments NAME…` installs those
and starts nothing (the container images).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from infra.local.layout import CHECKOUT, LOCKS, Platform, load_platform, write_atomically
from infra.local.steps import Board, last_lines
from ingestion.errors import ConfigurationError, LakouError

FRESH_BYTES = 3 * 1024**3
RUNNING_BYTES = 300 * 1024**2
STAMP = ".lock-installed"


def check_machine(platform: Platform) -> None:
    """Refuse what cannot work, before anything is written.

    Raises:
        ConfigurationError: with its remedy.
    """
    if not sys.platform.startswith("linux"):
        raise ConfigurationError(
            f"the embedded platform runs on Linux, this is {sys.platform}", "see docker-compose.yml"
        )
    home = platform.home
    parent = next(path for path in (home, *home.parents) if path.exists())
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"the platform's state cannot be written in {home} ({error.strerror})",
            "give LAKOU_HOME a folder of yours, for example: make up LAKOU_HOME=$HOME/lakou",
        ) from error
    if home.stat().st_uid != os.geteuid():
        raise ConfigurationError(
            f"{home} belongs to another user (uid {home.stat().st_uid})",
            "run as that user, or give LAKOU_HOME another folder",
        )
    needed = RUNNING_BYTES if platform.exists else FRESH_BYTES
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise ConfigurationError(
            f"{free / 1024**3:.1f} GB are free under {home}, {needed / 1024**3:.1f} GB are needed",
            "free some space, or give LAKOU_HOME a folder on another disk",
        )


def lock(platform: Platform) -> int:
    """Take the platform's lock, so that two commands never race; returns its descriptor, to keep open.

    Raises:
        ConfigurationError: another command holds it.
    """
    platform.run.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(platform.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 100, 0).decode().strip()
        raise ConfigurationError(
            f"another command is at work on {platform.home} ({holder})", "wait for it, or end it"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"process {os.getpid()}, make {' '.join(sys.argv[1:2])}".encode(), 0)
    return descriptor


def fingerprint(name: str) -> str:
    """What an installed environment must carry to be up to date."""
    return hashlib.sha256((LOCKS / f"{name}.txt").read_bytes()).hexdigest()


def installed(platform: Platform, name: str) -> bool:
    """Whether an environment is there and as its lock says."""
    stamp = platform.venv(name) / STAMP
    python = platform.venv(name) / "bin" / "python"
    return python.exists() and stamp.exists() and stamp.read_text() == fingerprint(name)


def install(platform: Platform, name: str, board: Board) -> str | None:
    """Bring one environment (`pipeline`, `superset`, `dev`, `live`) to its lock, and make the checkout importable in it."""
    if installed(platform, name):
        _point_at_checkout(platform, name)
        return "already there"
    venv = platform.venv(name)
    log = platform.logs / f"install-{name}.log"
    environment = os.environ | {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    environment.pop("VIRTUAL_ENV", None)
    uv = str(_uv(platform, board, log))
    if not (venv / "bin" / "python").exists():
        base = getattr(sys, "_base_executable", sys.executable)
        board.command([uv, "venv", "--clear", "--python", base, str(venv)], log, environment)
    (venv / STAMP).unlink(missing_ok=True)
    python = str(venv / "bin" / "python")
    sync = [uv, "pip", "sync", "--require-hashes", "--python", python]
    board.command([*sync, str(LOCKS / f"{name}.txt")], log, environment)
    _point_at_checkout(platform, name)
    write_atomically(venv / STAMP, fingerprint(name), 0o644)
    return None


def _uv(platform: Platform, board: Board, log: Path) -> Path:
    """The locked uv, installed by the pip of a small environment of its own."""
    venv = platform.venv("bootstrap")
    uv = venv / "bin" / "uv"
    if installed(platform, "bootstrap") and uv.exists():
        return uv
    base = getattr(sys, "_base_executable", sys.executable)
    board.command([base, "-m", "venv", "--clear", str(venv)], log)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    board.command([*pip, "--require-hashes", "-r", str(LOCKS / "bootstrap.txt")], log)
    write_atomically(venv / STAMP, fingerprint("bootstrap"), 0o644)
    return uv


def _point_at_checkout(platform: Platform, name: str) -> None:
    """Make the checkout importable in an environment, and give it the `lakou` command."""
    if name in {"superset", "live"}:
        return
    venv = platform.venv(name)
    for packages in venv.glob("lib/python3.*/site-packages"):
        _write_if_changed(packages / "lakou.pth", f"{CHECKOUT}\n", 0o644)
    # a shebang has a length limit, and does not like spaces
    script = f"""#!/bin/sh
'''exec' "{venv}/bin/python" "$0" "$@"
'''
import os
import sys

os.environ.setdefault("LAKOU_HOME", {str(platform.home)!r})
external = os.path.join(os.environ["LAKOU_HOME"], "pg", "external")
if os.path.exists(external):
    os.environ.setdefault("LAKOU_PG_HOST", open(external).read().strip())

from expectations.cli import main

sys.exit(main())
"""
    _write_if_changed(venv / "bin" / "lakou", script, 0o755)


def _write_if_changed(path: Path, text: str, mode: int) -> None:
    if not path.exists() or path.read_text() != text:
        write_atomically(path, text, mode)


def _browser(board: Board) -> None:
    """The tests look at the dashboards in Debian's Chromium and send files with the stock `sftp`."""
    missing = [
        package
        for program, package in (("chromium", "chromium"), ("sftp", "openssh-client"))
        if not shutil.which(program)
    ]
    if not missing:
        return
    line = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(missing)}"
    if os.geteuid() or not shutil.which("apt-get"):
        raise ConfigurationError(f"the tests need {' and '.join(missing)}", f"as root: {line}")
    log = load_platform().logs / "install-apt.log"
    apt = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    board.step(f"installing {', '.join(missing)}", lambda: board.command(["sh", "-c", line], log, apt))


def main(arguments: list[str]) -> int:
    """Run one command; returns its exit code, or never when it hands over."""
    command = arguments[0] if arguments else "up"
    platform = load_platform()
    os.environ["LAKOU_HOME"] = str(platform.home)
    board = Board()
    if command in {"down", "status", "reset"} and not (platform.venv("pipeline") / "bin" / "python").exists():
        board.say(f"Nothing is installed in {platform.home}: `make up` does it.")
        return 1 if command == "status" else 0
    check_machine(platform)
    if command == "status":
        return _hand_over(platform, arguments)
    descriptor = lock(platform)
    platform.logs.mkdir(mode=0o700, exist_ok=True)
    if command == "tools":
        board.step("environment dev (the tools of check and test)", lambda: install(platform, "dev", board))
        if "browser" in arguments:
            _browser(board)
        return 0
    if command == "environments":
        for name in arguments[1:]:
            board.step(f"environment {name}", partial(install, platform, name, board))
        return 0
    if command == "up":
        if installed(platform, "pipeline"):
            install(platform, "pipeline", board)
        else:
            board.step(
                "environment pipeline (Airflow, dbt, Great Expectations)", lambda: install(platform, "pipeline", board)
            )
    os.set_inheritable(descriptor, True)
    os.environ["LAKOU_LOCK_DESCRIPTOR"] = str(descriptor)
    return _hand_over(platform, arguments)


def _hand_over(platform: Platform, arguments: list[str]) -> int:
    python = str(platform.venv("pipeline") / "bin" / "python")
    sys.stdout.flush()
    os.execv(python, [python, "-m", "infra.local", *arguments])  # noqa: S606 - nothing goes through a shell
    return 1


def report(error: LakouError) -> int:
    """Print a failure on stderr."""
    sys.stderr.write(f"\nFailed: {error}\n")
    return 1


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except LakouError as failure:
        raise SystemExit(report(failure)) from None
    except subprocess.SubprocessError as failure:
        raise SystemExit(report(LakouError(str(failure), last_lines(load_platform().logs / "install.log")))) from None
