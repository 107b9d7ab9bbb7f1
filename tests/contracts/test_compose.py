"""docker-compose.yml and its Dockerfile: closed to the outside, no more rights than needed, nothing secret, nothing pinned to a registry."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.layout import CHECKOUT, DEFAULT_PORTS

DOCKER = CHECKOUT / "infra" / "docker"
BASE_IMAGES = {"python:3.12-slim-bookworm", "python:3.11-slim-bookworm", "debian:bookworm-slim"}
TEXT = (CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
FILES = [CHECKOUT / "docker-compose.yml", CHECKOUT / ".dockerignore", *sorted(DOCKER.iterdir())]
SECRET = re.compile(r"password|passwd|secret|token|private|credential|_key$|dsn|fernet|jwt", re.IGNORECASE)

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def environment(service: dict[str, Any]) -> dict[str, str]:
    """Variables of a service, whichever way they are written."""
    written = service.get("environment") or {}
    if isinstance(written, list):
        written = dict(item.partition("=")[::2] for item in written)
    return {name: str(value) for name, value in written.items()}


@every_service
def test_nothing_listens_for_the_outside(service: dict[str, Any]) -> None:
    for port in service.get("ports", []):
        address = port.get("host_ip", "") if isinstance(port, dict) else str(port).rpartition(":")[0].rpartition(":")[0]
        assert address in {"127.0.0.1", "[::1]", "::1"}, port


@every_service
def test_no_more_rights_than_needed(service: dict[str, Any]) -> None:
    assert not service.get("privileged")
    assert service["cap_drop"] == ["ALL"]
    assert not service.get("cap_add")
    assert "no-new-privileges:true" in service["security_opt"]
    assert service.get("pid") != "host"
    assert service.get("user") not in {"root", "0", 0}
    assert not [mount for mount in service.get("volumes", []) if "docker.sock" in str(mount)]


@every_service
def test_a_service_is_watched_and_comes_back(service: dict[str, Any]) -> None:
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert not service["healthcheck"].get("disable")
    assert service["restart"] == "unless-stopped"
    assert {"max-size", "max-file"} <= service["logging"]["options"].keys()


@every_service
def test_no_secret_value_is_written_down(service: dict[str, Any]) -> None:
    for name, value in environment(service).items():
        assert not SECRET.search(name) or re.fullmatch(r"\$\{\w+(:?\?[^}]*)?\}|/run/secrets/\S+", value), name
        assert not re.search(r"://[^/\s:]+:[^@\s]+@", value), name
    build = service.get("build")
    assert not [name for name in (build.get("args", {}) if isinstance(build, dict) else {}) if SECRET.search(str(name))]


def test_the_ports_are_those_of_make_up() -> None:
    wanted = {
        f"LAKOU_{name.upper()}_PORT": f"${{LAKOU_{name.upper()}_PORT:-{port}}}" for name, port in DEFAULT_PORTS.items()
    }
    assert environment(SERVICES["lakou"]) == wanted


def test_the_image_is_a_debian_python_and_not_root() -> None:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^FROM\s+(?:--\S+\s+)*(\S+)", text, re.MULTILINE | re.IGNORECASE)
    assert bases
    assert set(bases) <= BASE_IMAGES
    assert re.findall(r"^USER\s+(\S+)", text, re.MULTILINE)[-1:] == ["lakou"]
    assert not re.search(r"^#\s*syntax\s*=", text, re.MULTILINE | re.IGNORECASE)


def test_the_entrypoint_can_be_run() -> None:
    assert (DOCKER / "entrypoint.sh").stat().st_mode & 0o111


def test_state_and_history_stay_out_of_the_image() -> None:
    rules = [line for line in (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line]
    assert "*" in rules
    assert not {"!.lakou", "!.git", "!."} & set(rules)


@every_file
def test_no_digest_and_no_address_of_a_registry(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "@sha256:" not in text
    assert not re.search(
        r"\b(index[-_]url|find[-_]links|pypi\.org|docker\.io|ghcr\.io|quay\.io)\b", text, re.IGNORECASE
    )
