"""What several of these tests share and that costs seconds to make."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.closed_shelf import Shelf, make_shelf


@pytest.fixture(scope="session")
def shelf(postgres: tuple[Path, int, str], tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """A warehouse with two publications and three closings."""
    _, port, password = postgres
    return make_shelf(tmp_path_factory.mktemp("shelf") / "home", port, password)
