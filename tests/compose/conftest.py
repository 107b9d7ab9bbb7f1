"""The production stack, built and started by Docker Compose under a project name of its own."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import free_ports

CHECKOUT = Path(__file__).resolve().parents[2]
PYTHON = "/opt/venvs/production/bin/python"
DISK_BYTES = 3 * 1024**3
# they end when they have done their work
ONCE = {"secrets", "setup", "superset-setup"}


@dataclass(frozen=True)
class Stack:
    """One project of Docker Compose.

    Args:
        project: its name.
        environment: with the ports that it publishes.
        folder: where the tests keep keys and files.
        checkout: the version of Lakou that it is built from.
    """

    project: str
    environment: dict[str, str]
    folder: Path
    checkout: Path = CHECKOUT

    def compose(
        self, *arguments: str, check: bool = True, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`docker compose …`; what it said is shown when it fails."""
        files = ("--file", "docker-compose.yml", "--file", "tests/compose/disk.yml")
        return self._run(["docker", "compose", "--project-name", self.project, *files, *arguments], check, given)

    def destroy(self) -> None:
        """Everything of the stack, data included."""
        self.compose("down", "--volumes", "--remove-orphans")
        empty_disk(self.environment["LAKOU_TEST_DEVICE"], self.folder)

    def docker(self, *arguments: str, check: bool = True) -> str:
        """`docker …`; its output."""
        return self._run(["docker", *arguments], check, None).stdout.strip()

    def _run(self, command: list[str], check: bool, given: str | None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.checkout,
            env=self.environment,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def lakou(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """One command of `lakou`, as an operator runs it."""
        return self.compose("run", "--rm", "--no-TTY", "lakou", *arguments, check=check)

    def python(self, code: str) -> str:
        """Run Python with Lakou's modules, in the container of the `lakou` command."""
        run = ("run", "--rm", "--no-TTY", "--entrypoint", PYTHON, "lakou")
        return self.compose(*run, "-m", "infra.production", "run", "python", "-c", code).stdout

    def query(self, statement: str, database: str = "lakou") -> list[list[str]]:
        """Rows of a query, as text, asked by the server's administrator inside its container."""
        psql = (
            f"PGPASSWORD=$(cat /run/lakou/secrets/postgres) psql -XAt -F '\t' -U postgres -h 127.0.0.1 {database} -f -"
        )
        shown = self.compose("exec", "-T", "postgres", "sh", "-c", psql, given=statement).stdout
        return [line.split("\t") for line in shown.splitlines()]

    def containers(self) -> dict[str, dict[str, Any]]:
        """State of each container, by its service."""
        shown = self.compose("ps", "--all", "--format", "json").stdout
        return {row["Service"]: row for row in map(json.loads, shown.splitlines())}

    def kill(self, service: str) -> None:
        """Kill -9 a container's first process from outside: Docker takes it for a crash and starts it again."""
        name = self.containers()[service]["Name"]
        pid = self.docker("inspect", "--format", "{{.State.Pid}}", name)
        subprocess.run(["kill", "-9", pid], check=True)

    def is_well(self) -> bool:
        """Whether everything that should run is healthy."""
        found = self.containers()
        return all(row["Health"] == "healthy" for name, row in found.items() if name not in ONCE)

    def wait(self, until: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, f"after {seconds:.0f} s not yet: {what}"
            time.sleep(2)

    def sftp(self, partner: str, *commands: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The stock `sftp` client as one partner."""
        options = (
            "IdentitiesOnly=yes",
            f"UserKnownHostsFile={self.folder / 'known_hosts'}",
            "StrictHostKeyChecking=accept-new",
        )
        port = self.environment["LAKOU_SFTP_PORT"]
        command = ["sftp", "-q", "-b", "-", "-i", str(self.key(partner)), "-P", port]
        command += [part for option in options for part in ("-o", option)]
        return self._run([*command, f"{partner}@127.0.0.1"], check, "\n".join(commands) + "\n")

    def key(self, partner: str) -> Path:
        """A demonstration partner's private key."""
        path = self.folder / "keys" / partner
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(self.python(f"print(open('/var/lib/lakou/sftp/keys/{partner}').read())"))
        return path


def published_ports(is_running: bool) -> dict[str, str]:
    """The environment, with ports that are free unless a running stack has them."""
    defaults = {"LAKOU_HTTPS_PORT": "8443", "LAKOU_HTTP_PORT": "8081", "LAKOU_SFTP_PORT": "2222"}
    found = {} if is_running else dict(zip(defaults, map(str, free_ports(len(defaults))), strict=True))
    return defaults | dict(os.environ) | found


def empty_disk(device: str, folder: Path) -> None:
    """An empty file system that PostgreSQL takes for its own; a folder in it would be in the way."""
    place = folder / "disk"
    place.mkdir(exist_ok=True)
    run = functools.partial(subprocess.run, check=True, capture_output=True)
    run(["mkfs.ext4", "-q", "-F", "-E", "root_owner=999:999", device])
    run(["mount", device, str(place)])
    (place / "lost+found").rmdir()
    run(["umount", str(place)])


@pytest.fixture(scope="session")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A block device of three gigabytes (needs root, as Docker does)."""
    if running := os.environ.get("LAKOU_TEST_DEVICE"):
        yield running
        return
    image = tmp_path_factory.mktemp("disk") / "warehouse.img"
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    shown = subprocess.run(["losetup", "--find", "--show", str(image)], check=True, capture_output=True, text=True)
    yield shown.stdout.strip()
    subprocess.run(["losetup", "--detach", shown.stdout.strip()], check=True)


@pytest.fixture(scope="module")
def stack(device: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`docker compose up` from nothing; `LAKOU_COMPOSE_PROJECT` names a running one to use instead while developing."""
    running = os.environ.get("LAKOU_COMPOSE_PROJECT")
    found = Stack(
        running or "lakou-tests",
        published_ports(bool(running)) | {"LAKOU_TEST_DEVICE": device},
        tmp_path_factory.mktemp("compose"),
    )
    if not running:
        found.destroy()
        found.compose("up", "--detach", "--build", "--wait")
    yield found
    if not running:
        found.compose("down", "--volumes", "--remove-orphans")
