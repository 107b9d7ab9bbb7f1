"""How a platform starts: ports, secrets, environments, the machine's faults, what a kill leaves behind."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.local import bootstrap, commands, ports, postgres, steps, supervision
from infra.local.layout import CHECKOUT, DEFAULT_PORTS, Platform
from infra.local.secret_files import KEPT, RENEWABLE, ensure_partner_passwords, ensure_secrets
from ingestion.errors import ConfigurationError, LakouError


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A folder where nothing was started yet."""
    for service in DEFAULT_PORTS:
        monkeypatch.delenv(f"LAKOU_{service.upper()}_PORT", raising=False)
    home = tmp_path / "lakou"
    for folder in ("run", "logs"):
        (home / folder).mkdir(parents=True)
    return Platform(home, home / "secrets")


@contextmanager
def listening() -> Iterator[int]:
    """A port that another program holds."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_default_ports_when_they_are_free(platform: Platform) -> None:
    said: list[str] = []
    ports.choose_ports(platform, said.append, free=lambda _: True)
    assert platform.ports == DEFAULT_PORTS
    assert (platform.run / "pg_port").read_text().strip() == "55432"
    assert said == []


def test_a_port_in_use_gives_the_next_free_one_said_aloud(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as taken:
        assert not ports.is_free(taken)
        monkeypatch.setenv("LAKOU_SUPERSET_PORT", str(taken))
        said: list[str] = []
        ports.choose_ports(platform, said.append)
        chosen = platform.ports["superset"]
        assert chosen > taken
        assert any(str(taken) in line and "Superset" in line and str(chosen) in line for line in said)
    # a restart keeps the address that people were given
    monkeypatch.delenv("LAKOU_SUPERSET_PORT")
    ports.choose_ports(platform, said.append)
    assert platform.ports["superset"] == chosen


def test_two_services_never_get_the_same_port(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    for service in DEFAULT_PORTS:
        monkeypatch.setenv(f"LAKOU_{service.upper()}_PORT", "45000")
    ports.choose_ports(platform, lambda _: None, free=lambda _: True)
    assert sorted(platform.ports.values()) == list(range(45000, 45000 + len(DEFAULT_PORTS)))


@pytest.mark.parametrize("text", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused_by_its_name(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("LAKOU_SFTP_PORT", text)
    with pytest.raises(ConfigurationError, match="LAKOU_SFTP_PORT"):
        ports.choose_ports(platform, lambda _: None, free=lambda _: True)


def test_no_free_port_names_the_variable(platform: Platform) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        ports.choose_ports(platform, lambda _: None, free=lambda _: False)
    assert "LAKOU_PG_PORT" in refusal.value.remedy


def test_secrets_are_made_once_and_for_their_owner_only(platform: Platform) -> None:
    assert ensure_secrets(platform)
    made = {path.name: path.read_text() for path in platform.secrets.iterdir()}
    assert set(made) == set(KEPT) | set(RENEWABLE)
    assert len(set(made.values())) == len(made)
    assert stat.S_IMODE(platform.secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in platform.secrets.iterdir()} == {0o600}
    assert len(bytes.fromhex(made["hmac.key"])) == 32
    assert made["landing.key"].startswith("AGE-SECRET-KEY-1")
    assert ensure_secrets(platform) is None
    assert {path.name: path.read_text() for path in platform.secrets.iterdir()} == made


@pytest.mark.parametrize("name", sorted(KEPT))
@pytest.mark.parametrize("damage", ["missing", "empty"])
def test_a_secret_that_an_existing_platform_lost_is_never_made_again(
    platform: Platform, name: str, damage: str
) -> None:
    ensure_secrets(platform)
    platform.pg_data.mkdir(parents=True)
    (platform.pg_data / "PG_VERSION").write_text("18")
    path = platform.secrets / name
    path.unlink() if damage == "missing" else path.write_text("")
    with pytest.raises(ConfigurationError, match=name) as refusal:
        ensure_secrets(platform)
    assert "custodian" in refusal.value.remedy
    assert not path.exists() or path.read_text() == ""


def test_passwords_of_accounts_are_renewed(platform: Platform) -> None:
    ensure_secrets(platform)
    platform.pg_data.mkdir(parents=True)
    (platform.pg_data / "PG_VERSION").write_text("18")
    (platform.secrets / "superset_comite").unlink()
    ensure_partner_passwords(platform, ["KABIA"])
    kept = platform.secret("superset_partenaire_KABIA")
    assert ensure_secrets(platform) == "1 made"
    ensure_partner_passwords(platform, ["KABIA", "LAB-SUD"])
    assert platform.secret("superset_partenaire_KABIA") == kept != platform.secret("superset_partenaire_LAB-SUD")


def test_a_killed_server_s_pid_file_does_not_keep_it_from_starting(platform: Platform) -> None:
    data = platform.pg_data
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text(_major())
    # a number that another living process has by now
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")
    assert postgres.prepare_data(platform) is None
    assert not (data / "postmaster.pid").exists()


def test_data_of_another_version_are_left_alone(platform: Platform) -> None:
    platform.pg_data.mkdir(parents=True)
    (platform.pg_data / "PG_VERSION").write_text("9")
    with pytest.raises(LakouError, match="PostgreSQL 9"):
        postgres.prepare_data(platform)


def _major() -> str:
    version = [str(postgres.binaries() / "postgres"), "--version"]
    return subprocess.run(version, capture_output=True, text=True, check=True).stdout.split()[2].partition(".")[0]


def test_a_full_disk_is_said_before_anything_is_written(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10 * 1024**2))
    with pytest.raises(ConfigurationError, match="GB are free"):
        bootstrap.check_machine(platform)


def test_a_folder_that_cannot_be_written_is_said_with_its_remedy(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(ConfigurationError, match="cannot be written") as refusal:
        bootstrap.check_machine(Platform(blocked / "lakou", blocked / "secrets"))
    assert "LAKOU_HOME" in refusal.value.remedy


def test_two_commands_never_race(platform: Platform) -> None:
    held = bootstrap.lock(platform)
    code = (
        "from pathlib import Path; from infra.local import bootstrap; from infra.local.layout import Platform;"
        f"bootstrap.lock(Platform(Path({str(platform.home)!r}), Path('.')))"
    )
    second = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert second.returncode
    assert f"process {os.getpid()}" in second.stderr
    os.close(held)
    os.close(bootstrap.lock(platform))


def test_no_secret_in_the_supervisor_s_configuration(platform: Platform) -> None:
    ensure_secrets(platform)
    text = supervision.configuration(platform)
    for path in platform.secrets.iterdir():
        assert path.read_text().strip() not in text
    assert "[program:airflow-scheduler]" in text


def test_a_long_home_still_gets_a_socket(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 120)
    (home / "run").mkdir(parents=True)
    path = supervision.socket_path(Platform(home, home / "secrets"))
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    finally:
        shutil.rmtree(path.parent)


def test_steps_run_side_by_side_and_a_failure_stops_what_comes_after(capsys: pytest.CaptureFixture[str]) -> None:
    board = steps.Board()
    ran: list[str] = []

    def fail() -> None:
        raise LakouError("the disk is full", "free some space")

    with pytest.raises(LakouError, match="second: the disk is full"):
        board.run_all(
            {
                "a": ("first", lambda: ran.append("first"), ()),
                "b": ("second", fail, ("a",)),
                "c": ("third", lambda: ran.append("third"), ("b",)),
            }
        )
    assert ran == ["first"]
    shown = capsys.readouterr().out
    assert "✓" in shown.splitlines()[0]
    assert "✗" in shown.splitlines()[1]


def test_a_program_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    command = ["sh", "-c", "seq 100; echo the reason >&2; exit 3"]
    with pytest.raises(LakouError, match="the reason") as failure:
        steps.Board().command(command, tmp_path / "x.log")
    assert "code 3" in failure.value.what
    assert "| 99" in failure.value.what
    assert "| 10\n" not in failure.value.what


@pytest.mark.parametrize("answer", ["", "no\n", "y\n"])
def test_reset_deletes_nothing_unless_yes_is_typed(platform: Platform, answer: str) -> None:
    ensure_secrets(platform)
    (platform.home / "venvs").mkdir()
    command = [sys.executable, "-m", "infra.local", "reset"]
    environment = {name: value for name, value in os.environ.items() if name != "CONFIRM"} | {
        "LAKOU_HOME": str(platform.home)
    }
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, input=answer, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert (platform.secrets / "hmac.key").exists()
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, input="yes\n", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in platform.home.iterdir()] == ["venvs"]


def test_status_of_nothing_is_not_well(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    ensure_secrets(platform)
    ports.record_ports(platform, {"pg": 1, "sftp": 1, "airflow": 1, "superset": 1})
    assert commands.status(platform) == 1
    assert "✓" not in capsys.readouterr().out


@pytest.mark.parametrize("asked", ["/nowhere/python3", "sh"])
def test_an_unsupported_python_is_named(asked: str) -> None:
    done = subprocess.run([str(CHECKOUT / "infra/local/python.sh"), asked], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "3.11" in done.stderr


def test_a_python_without_venv_names_the_line_that_installs_it(tmp_path: Path) -> None:
    fake = tmp_path / "python3.11"
    fake.write_text('#!/bin/sh\ncase "$2" in *version_info*) echo 3.11;; *) exit 1;; esac\n')
    fake.chmod(0o755)
    done = subprocess.run(
        [str(CHECKOUT / "infra/local/python.sh"), str(fake)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "apt-get install -y python3.11-venv" in done.stderr
