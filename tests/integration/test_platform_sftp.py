"""The drop, entered with the stock `sftp` client: what a partner can do, and what nobody can."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from infra.sftp.server import Limits, listen

SLOW = b"x" * 4_000_000


@dataclass(frozen=True, slots=True)
class Drop:
    """A server alone on its folder, with two partners, KABIA and LAB-SUD."""

    home: Path
    port: int

    def command(self, partner: str, *options: str, key: str | None = None) -> list[str]:
        return [
            "sftp",
            "-q",
            "-F",
            "none",
            *(part for option in options for part in ("-o", option)),
            *("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={self.home / 'known_hosts'}"),
            *("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", str(self.home / "keys" / (key or partner))),
            *("-P", str(self.port), "-b", "-", f"{partner}@127.0.0.1"),
        ]

    def sftp(self, partner: str, *lines: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
        command = self.command(partner, key=key)
        script = "\n".join(lines) + "\n"
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=60, check=False)
        # in batch mode the client repeats each command
        shown = [line for line in done.stdout.splitlines() if not line.startswith("sftp> ")]
        return subprocess.CompletedProcess(command, done.returncode, "\n".join(shown), done.stderr)

    def depot(self, partner: str = "KABIA") -> Path:
        return self.home / "drop" / partner / "depot"


@pytest.fixture
def drop(tmp_path: Path) -> Iterator[Drop]:
    for folder in ("secrets", "sftp/authorized_keys", "keys"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("KABIA", "LAB-SUD", "host"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        private = tmp_path / ("secrets/sftp_host_key" if name == "host" else f"keys/{name}")
        private.write_bytes(key.export_private_key())
        private.chmod(0o600)
        public = key.export_public_key().decode()
        if name != "host":
            (tmp_path / "sftp" / "authorized_keys" / name).write_text(public)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    left = tmp_path / "drop" / "KABIA" / "depot" / ".envoi-0123456789abcdef"
    left.parent.mkdir(parents=True)
    left.write_text("cut by a power failure")
    environment = os.environ | {"LAKOU_HOME": str(tmp_path), "LAKOU_SFTP_PORT": str(port)}
    environment.pop("LAKOU_SECRETS_DIR", None)
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-m", "infra.sftp.server"], env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "server.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield Drop(tmp_path, port)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)


def test_put_get_list_and_rename(drop: Drop, tmp_path: Path) -> None:
    sent = tmp_path / "Été 2026.csv"
    sent.write_bytes(b"a;b\r\n1;2\r\n")
    back = tmp_path / "back.csv"
    done = drop.sftp(
        "KABIA",
        "cd depot",
        f'put -p "{sent}"',
        'rename "Été 2026.csv" F02_participations__KABIA__2026-03__v1.csv',
        f"get F02_participations__KABIA__2026-03__v1.csv {back}",
        "ls -l /",
        "ls -1",
    )
    assert done.returncode == 0, done.stderr
    assert back.read_bytes() == sent.read_bytes()
    assert {"depot", "accuses", "modeles", "traites"} <= set(done.stdout.split())
    assert " root " not in done.stdout
    assert done.stdout.split()[-1] == "F02_participations__KABIA__2026-03__v1.csv"
    assert [path.name for path in drop.depot().iterdir()] == ["F02_participations__KABIA__2026-03__v1.csv"]


def test_what_a_dead_server_left_is_deleted(drop: Drop) -> None:
    assert list(drop.depot().iterdir()) == []


def test_upload_is_hidden_until_it_is_closed_and_dropped_when_cut(drop: Drop, tmp_path: Path) -> None:
    sent = tmp_path / "big.csv"
    sent.write_bytes(SLOW)
    command = [*drop.command("KABIA")[:1], "-l", "4000", *drop.command("KABIA")[1:]]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert client.stdin
    client.stdin.write(f"put {sent} depot/big.csv\n".encode())
    client.stdin.flush()
    deadline = time.monotonic() + 30
    while not list(drop.depot().glob(".envoi-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not (drop.depot() / "big.csv").exists()
    # nobody else sees it either
    assert drop.sftp("KABIA", "ls -1 depot").stdout.split() == []
    client.kill()
    client.wait(timeout=20)
    deadline = time.monotonic() + 30
    while list(drop.depot().iterdir()):
        assert time.monotonic() < deadline, list(drop.depot().iterdir())
        time.sleep(0.05)


def test_a_file_sent_again_replaces_the_first_at_once(drop: Drop, tmp_path: Path) -> None:
    for text in ("first, the longer one", "second"):
        (tmp_path / "x.csv").write_text(text)
        assert drop.sftp("KABIA", f"put {tmp_path}/x.csv depot/x.csv").returncode == 0
    assert (drop.depot() / "x.csv").read_text() == "second"
    assert drop.sftp("KABIA", "rm depot/x.csv").returncode == 0
    assert list(drop.depot().iterdir()) == []


def test_an_interrupted_upload_can_be_resumed(drop: Drop, tmp_path: Path) -> None:
    (drop.depot() / "x.csv").write_text("12345")
    (tmp_path / "x.csv").write_text("1234567890")
    done = drop.sftp("KABIA", f"reput {tmp_path}/x.csv depot/x.csv")
    assert done.returncode == 0, done.stderr
    assert (drop.depot() / "x.csv").read_text() == "1234567890"


@pytest.mark.parametrize(
    "line",
    [
        "put {file} accuses/x.csv",
        "put {file} x.csv",
        "put {file} depot/.hidden.csv",
        "put {file} depot/../accuses/x.csv",
        "put {file} ../LAB-SUD/depot/x.csv",
        "mkdir depot/folder",
        "rmdir accuses",
        "rm accuses/receipt.html",
        "rename accuses/receipt.html depot/receipt.html",
        "rename depot/mine.csv traites/mine.csv",
        "symlink /etc/passwd depot/passwd",
        "symlink ../../LAB-SUD/depot depot/other",
        "ln depot/mine.csv depot/again.csv",
        "get depot/link",
        "ls depot/outside/",
        "get /etc/passwd {file}",
        "get ../../secrets/sftp_host_key {file}",
        "cd ../LAB-SUD",
    ],
)
def test_refused(drop: Drop, tmp_path: Path, line: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text("x")
    drop.sftp("KABIA", "ls")
    drop.sftp("LAB-SUD", "ls")
    (drop.home / "drop" / "KABIA" / "accuses" / "receipt.html").write_text("receipt")
    (drop.depot() / "mine.csv").write_text("mine")
    # links that somebody made on the machine itself
    (drop.depot() / "link").symlink_to(drop.home / "secrets" / "sftp_host_key")
    (drop.depot() / "outside").symlink_to(drop.home)
    before = sorted(str(path) for path in (drop.home / "drop").rglob("*"))
    done = drop.sftp("KABIA", line.format(file=file))
    assert done.returncode != 0, done.stdout
    assert file.read_text() == "x"
    assert sorted(str(path) for path in (drop.home / "drop").rglob("*")) == before


def test_links_are_not_listed(drop: Drop) -> None:
    (drop.depot() / "link").symlink_to("/etc/passwd")
    assert drop.sftp("KABIA", "ls -1 depot").stdout.split() == []


def test_only_the_account_s_own_key_opens_it(drop: Drop) -> None:
    assert drop.sftp("KABIA", "ls", key="LAB-SUD").returncode != 0
    assert drop.sftp("NOBODY", "ls", key="KABIA").returncode != 0
    assert drop.sftp("kabia", "ls", key="KABIA").returncode != 0
    assert drop.sftp("../KABIA", "ls", key="KABIA").returncode != 0


def test_a_new_partner_enters_and_a_removed_key_does_not_without_a_restart(drop: Drop) -> None:
    keys = drop.home / "sftp" / "authorized_keys"
    shutil.copy(keys / "KABIA", keys / "NOUVEAU")
    assert drop.sftp("NOUVEAU", "ls", key="KABIA").returncode == 0
    (keys / "NOUVEAU").write_text("")
    assert drop.sftp("NOUVEAU", "ls", key="KABIA").returncode != 0


@pytest.mark.parametrize("what", [["id"], []])
def test_no_shell_no_command(drop: Drop, what: list[str]) -> None:
    options = drop.command("KABIA")[4:-6]
    command = ["ssh", "-F", "none", *options, "-i", str(drop.home / "keys" / "KABIA"), "-p", str(drop.port)]
    done = subprocess.run(
        [*command, "KABIA@127.0.0.1", *what],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode != 0
    assert "uid=" not in done.stdout


def test_no_forwarding(drop: Drop) -> None:
    options = drop.command("KABIA")[4:-6]
    command = ["ssh", "-F", "none", *options, "-i", str(drop.home / "keys" / "KABIA"), "-p", str(drop.port)]
    command += ["-W", f"127.0.0.1:{drop.port}", "KABIA@127.0.0.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode != 0
    assert "SSH-2.0" not in done.stdout


async def attempt(drop: Drop, limits: Limits, send: Callable[[asyncssh.SFTPClient], Awaitable[None]]) -> None:
    """Do something with a server of other limits."""
    server = await listen(drop.home, 0, drop.home / "secrets" / "sftp_host_key", limits)
    async with (
        asyncssh.connect(
            "127.0.0.1",
            server.get_port(),
            username="KABIA",
            client_keys=[str(drop.home / "keys" / "KABIA")],
            known_hosts=None,
            config=None,
        ) as connection,
        connection.start_sftp_client() as sftp,
    ):
        await send(sftp)
        server.close()


async def put(sftp: asyncssh.SFTPClient, name: str, size: int) -> None:
    async with sftp.open(f"depot/{name}", "wb") as file:
        await file.write(b"x" * size)


def test_a_file_too_large_is_refused_whole(drop: Drop) -> None:
    async def send(sftp: asyncssh.SFTPClient) -> None:
        with pytest.raises(asyncssh.SFTPError, match="volumineux"):
            await put(sftp, "x.csv", 1001)

    asyncio.run(attempt(drop, Limits(file_bytes=1000), send))
    assert list(drop.depot().iterdir()) == []


def test_a_full_depot_takes_no_more_bytes_until_some_are_taken_away(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.sftp.server.FULL_SECONDS", 0.0)

    async def send(sftp: asyncssh.SFTPClient) -> None:
        await put(sftp, "a.csv", 600)
        with pytest.raises(asyncssh.SFTPError, match=r"Votre dépôt est plein : 1000 octets au plus"):
            await put(sftp, "b.csv", 401)
        await put(sftp, "c.csv", 400)
        # the receiver takes one in
        (drop.depot() / "a.csv").unlink()
        await put(sftp, "b.csv", 401)

    asyncio.run(attempt(drop, Limits(depot_bytes=1000), send))
    assert {path.name: path.stat().st_size for path in drop.depot().iterdir()} == {"b.csv": 401, "c.csv": 400}


def test_a_depot_holds_so_many_files(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.sftp.server.FULL_SECONDS", 0.0)

    async def send(sftp: asyncssh.SFTPClient) -> None:
        await put(sftp, "a.csv", 1)
        await put(sftp, "b.csv", 1)
        with pytest.raises(asyncssh.SFTPError, match="2 fichiers y attendent"):
            await put(sftp, "c.csv", 1)
        await sftp.remove("depot/a.csv")
        await put(sftp, "c.csv", 1)

    asyncio.run(attempt(drop, Limits(depot_files=2), send))
    assert sorted(path.name for path in drop.depot().iterdir()) == ["b.csv", "c.csv"]


def test_two_uploads_at_once_share_one_quota(drop: Drop) -> None:
    async def send(sftp: asyncssh.SFTPClient) -> None:
        async with sftp.open("depot/a.csv", "wb") as first:
            await first.write(b"x" * 700)
            with pytest.raises(asyncssh.SFTPError, match="plein"):
                await put(sftp, "b.csv", 301)

    asyncio.run(attempt(drop, Limits(depot_bytes=1000), send))
    assert [path.name for path in drop.depot().iterdir()] == ["a.csv"]


def test_no_upload_goes_on_where_the_disk_is_nearly_full(drop: Drop) -> None:
    async def send(sftp: asyncssh.SFTPClient) -> None:
        with pytest.raises(asyncssh.SFTPError, match="Espace disque insuffisant"):
            await put(sftp, "a.csv", 1)

    asyncio.run(attempt(drop, Limits(free_bytes=1 << 60), send))
    assert list(drop.depot().iterdir()) == []


@pytest.mark.parametrize("name", ["a\x07b.csv", "a\x7fb.csv", "a\nb.csv", ".cache.csv", "x" * 201])
def test_a_name_that_cannot_be_kept_is_refused(drop: Drop, name: str) -> None:
    async def send(sftp: asyncssh.SFTPClient) -> None:
        with pytest.raises(asyncssh.SFTPError, match="Nom de fichier refusé"):
            await put(sftp, name, 1)
        for place in ("../LAB-SUD/depot/x.csv", "../../secrets/x", "accuses/x.html", "depot/../accuses/x.html"):
            with pytest.raises(asyncssh.SFTPError, match="depot"):
                async with sftp.open(f"depot/../{place}", "wb") as file:
                    await file.write(b"x")

    asyncio.run(attempt(drop, Limits(), send))
    assert list(drop.depot().iterdir()) == []
