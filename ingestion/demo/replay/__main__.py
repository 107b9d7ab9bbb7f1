"""`python -m ingestion.demo.replay SYSTEM PORT SECRETS`: one system of the demonstration, until it is stopped."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from ingestion.demo.replay.server import Replay
from ingestion.demo.replay.serving import SYSTEMS, connection_path


def main(system: str, port: int, secret_files: Path) -> None:
    """Serve one system on a port of 127.0.0.1, for the account whose credentials are in the secret files."""
    credentials = json.loads(connection_path(secret_files, system).read_text(encoding="utf-8"))
    # nobody looks at what was asked of a server that runs for months
    with Replay(SYSTEMS[system].made(credentials), port=port, keeps_requests=False):
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
