"""Benchmarks run on a PostgreSQL with the platform's own settings: what is written is on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.postgres import SETTINGS
from tests.conftest import cluster

QUOTED = {"listen_addresses", "unix_socket_directories"}


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, str]]:
    """A real PostgreSQL cluster: its binaries, its port and the superuser's password."""
    yield from cluster(tmp_path_factory, {name: value for name, value in SETTINGS.items() if name not in QUOTED})
