"""Where the stack's containers find each other. Standard library only."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ingestion.errors import ConfigurationError

HOME = Path("/var/lib/lakou")
SECRETS = Path("/run/lakou/secrets")


@dataclass(frozen=True)
class Stack:
    """The stack as one of its containers sees it.

    Args:
        home: folder of the container's state (`$LAKOU_HOME`).
        secrets: folder of the secret files that this container may read (`$LAKOU_SECRETS_DIR`).
        domain: name of the host that people write (`$LAKOU_DOMAIN`).
        https_port: port of the proxy as people write it (`$LAKOU_HTTPS_PORT`).
        pg_host, pg_port: address of PostgreSQL.
        redis_host: host of Redis.
    """

    home: Path
    secrets: Path
    domain: str
    https_port: int
    pg_host: str
    pg_port: int
    redis_host: str

    @property
    def logs(self) -> Path:
        """Logs of Airflow's tasks."""
        return self.home / "logs"

    @property
    def ports(self) -> dict[str, int]:
        """Ports inside the stack."""
        return {"pg": self.pg_port, "sftp": 2222, "airflow": 8080, "superset": 8088}

    def secret(self, name: str) -> str:
        """Text of one secret file.

        Raises:
            ConfigurationError: it is missing, unreadable or empty.
        """
        path = self.secrets / name
        try:
            text = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigurationError(
                f"the secret {name} cannot be read ({error.strerror})",
                "put it back from its custodian's copy: infra/runbook/secrets.md",
            ) from error
        if not text:
            raise ConfigurationError(f"the secret {name} is empty", "put it back: infra/runbook/secrets.md")
        return text

    def dsn(self, role: str, secret: str, database: str = "lakou", driver: str = "postgresql") -> str:
        """Connection URL of a role whose password is in the secret file `secret`."""
        return f"{driver}://{role}:{quote(self.secret(secret), safe='')}@{self.pg_host}:{self.pg_port}/{database}"

    def redis(self, database: int) -> str:
        """URL of one of Redis' databases."""
        return f"redis://:{quote(self.secret('redis'), safe='')}@{self.redis_host}:6379/{database}"

    def url(self, service: str) -> str:
        """Address of Airflow or Superset as people write it."""
        port = "" if self.https_port == 443 else f":{self.https_port}"
        prefix = "airflow." if service == "airflow" else ""
        return f"https://{prefix}{self.domain}{port}"


def load_stack() -> Stack:
    """The stack that the container's environment names.

    Raises:
        ConfigurationError: a port is not a number.
    """
    ports = {
        name: os.environ.get(name, default)
        for name, default in (("LAKOU_HTTPS_PORT", "443"), ("LAKOU_PG_PORT", "5432"))
    }
    for name, text in ports.items():
        if not text.isdigit():
            raise ConfigurationError(f"{name} is not a port: {text!r}", "write it as a number in .env")
    return Stack(
        home=Path(os.environ.get("LAKOU_HOME", HOME)),
        secrets=Path(os.environ.get("LAKOU_SECRETS_DIR", SECRETS)),
        domain=os.environ.get("LAKOU_DOMAIN", "localhost"),
        https_port=int(ports["LAKOU_HTTPS_PORT"]),
        pg_host=os.environ.get("LAKOU_PG_HOST", "postgres"),
        pg_port=int(ports["LAKOU_PG_PORT"]),
        redis_host=os.environ.get("LAKOU_REDIS_HOST", "redis"),
    )
