"""Ports: those asked for, the last ones, or the next free ones; said aloud and recorded."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable

from infra.local.layout import DEFAULT_PORTS, Platform, write_atomically
from ingestion.demo.replay.serving import SYSTEMS
from ingestion.errors import ConfigurationError

ATTEMPTS = 50
NAMES = {"pg": "PostgreSQL", "sftp": "SFTP", "airflow": "Airflow", "superset": "Superset"} | {
    f"replay_{system}": replayed.title for system, replayed in SYSTEMS.items()
}


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of 127.0.0.1 (nor on all addresses)."""
    with socket.socket() as probe:
        # as servers do: a port that only lingers after a stop is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    with socket.socket() as caller:
        caller.settimeout(0.5)
        return caller.connect_ex(("127.0.0.1", port)) != 0


def wanted(service: str, recorded: int | None) -> int:
    """Port asked for in the environment, else the one of the last start, else the default.

    Raises:
        ConfigurationError: it is not a port.
    """
    name = f"LAKOU_{service.upper()}_PORT"
    text = os.environ.get(name) or str(recorded or DEFAULT_PORTS[service])
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ConfigurationError(f"{name} is not a port: {text!r}", f"set it to a number, for example {recorded}")
    return int(text)


def choose_ports(platform: Platform, say: Callable[[str], None], free: Callable[[int], bool] = is_free) -> None:
    """Choose a port for each service that is about to start and record them in `run/`.

    Raises:
        ConfigurationError: no port is free near one that is wanted.
    """
    recorded = platform.ports
    chosen: dict[str, int] = {}
    for service in DEFAULT_PORTS:
        first = wanted(service, recorded.get(service))
        if service == "pg" and platform.pg_external.exists():
            chosen[service] = recorded["pg"]
            continue
        for port in range(first, min(first + ATTEMPTS, 65536)):
            if port not in chosen.values() and free(port):
                break
        else:
            raise ConfigurationError(
                f"ports {first} to {first + ATTEMPTS - 1} are all in use ({NAMES[service]})",
                f"choose another: make up LAKOU_{service.upper()}_PORT=…",
            )
        if port != first:
            say(f"!          port {first} is in use by another program: {NAMES[service]} takes {port}")
        chosen[service] = port
    record_ports(platform, chosen)


def record_ports(platform: Platform, ports: dict[str, int]) -> None:
    """Write the ports where the services and the `lakou` command read them."""
    write_atomically(platform.run / "ports.json", json.dumps(ports) + "\n")
    write_atomically(platform.run / "pg_port", f"{ports['pg']}\n")
