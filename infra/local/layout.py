"""Where one platform lives: its folders, its ports, its environments. Standard library only."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
LOCKS = CHECKOUT / "infra" / "requirements"
DEFAULT_PORTS = {
    **{"pg": 55432, "sftp": 2222, "airflow": 8080, "superset": 8088},
    **{"replay_odk": 8181, "replay_limesurvey": 8182, "replay_espocrm": 8183},
}
FOLDERS = (
    *("run", "logs", "drop", "landing", "demo", "sources", "sftp", "sftp/authorized_keys", "sftp/keys", "airflow"),
    "superset",
)


@dataclass(frozen=True)
class Platform:
    """One platform.

    Args:
        home: folder of its state (`$LAKOU_HOME`, by default `.lakou` in the checkout).
        secrets: folder of its secret files (`$LAKOU_SECRETS_DIR`, by default `home/secrets`).
    """

    home: Path
    secrets: Path

    @property
    def run(self) -> Path:
        """What only lives as long as the services: sockets, ports, stamps of what was done."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """All logs."""
        return self.home / "logs"

    @property
    def pg_data(self) -> Path:
        """Data folder of the embedded PostgreSQL."""
        return self.home / "pg" / "data"

    @property
    def pg_external(self) -> Path:
        """Written when PostgreSQL is not ours (`$LAKOU_PG_DSN`): its host."""
        return self.home / "pg" / "external"

    @property
    def exists(self) -> bool:
        """Whether a database was already made here, so that its secrets may not be made again."""
        return (self.pg_data / "PG_VERSION").exists() or self.pg_external.exists()

    @cached_property
    def pg_host(self) -> str:
        """Host of PostgreSQL."""
        return self.pg_external.read_text().strip() if self.pg_external.exists() else "127.0.0.1"

    @property
    def ports(self) -> dict[str, int]:
        """Ports in use, as the last start chose them."""
        recorded = self.run / "ports.json"
        if not recorded.exists():
            return dict(DEFAULT_PORTS)
        return DEFAULT_PORTS | {name: int(port) for name, port in json.loads(recorded.read_text()).items()}

    def venv(self, name: str) -> Path:
        """Environment `pipeline`, `superset` or `dev`."""
        return self.home / "venvs" / name

    def secret(self, name: str) -> str:
        """Text of one secret file."""
        return (self.secrets / name).read_text(encoding="utf-8").strip()

    def dsn(self, role: str, secret: str, database: str = "lakou", driver: str = "postgresql") -> str:
        """Connection URL of a role whose password is in the secret file `secret`."""
        from urllib.parse import quote

        password = quote(self.secret(secret), safe="")
        return f"{driver}://{role}:{password}@{self.pg_host}:{self.ports['pg']}/{database}"

    def url(self, service: str) -> str:
        """Address of Airflow or Superset."""
        return f"http://127.0.0.1:{self.ports[service]}"


def load_platform() -> Platform:
    """The platform that the environment names."""
    home = Path(os.environ.get("LAKOU_HOME") or CHECKOUT / ".lakou").absolute()
    return Platform(home=home, secrets=Path(os.environ.get("LAKOU_SECRETS_DIR") or home / "secrets").absolute())


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a small file at once: a stop in the middle leaves the old one."""
    temporary = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(mode)
    temporary.replace(path)
