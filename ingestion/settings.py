"""Where the platform keeps its state, its secrets and its database: read from the environment, once."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ingestion.errors import ConfigurationError

CHECKOUT = Path(__file__).resolve().parent.parent
ROLES = ("lakou_admin", "lakou_loader", "lakou_dbt", "lakou_publisher", "lakou_reader")


@dataclass(frozen=True)
class Settings:
    """Paths and addresses of one platform.

    Args:
        home: directory of its state (`$LAKOU_HOME`, by default `.lakou` in the checkout).
        secrets: directory of its secret files (`$LAKOU_SECRETS_DIR`, by default `home/secrets`).
        pg_host, pg_port, pg_database: address of the warehouse.
    """

    home: Path
    secrets: Path
    pg_host: str
    pg_port: int
    pg_database: str

    @property
    def drop(self) -> Path:
        """Partners' folders: `drop/<CODE>/{depot,accuses,modeles,traites}`."""
        return self.home / "drop"

    @property
    def landing_url(self) -> str:
        """Where received bytes are kept, encrypted (any fsspec URL)."""
        return os.environ.get("LAKOU_LANDING_URL", (self.home / "landing").as_uri())

    @property
    def backup_url(self) -> str:
        """Where backups are kept (any fsspec URL)."""
        return os.environ.get("LAKOU_BACKUP_URL") or f"file://{self.home / 'backups'}"

    @cached_property
    def logs(self) -> Path:
        """All logs, in one place."""
        return self.home / "logs"

    def secret(self, name: str) -> str:
        """Text of one secret file, without its last line end.

        Raises:
            ConfigurationError: the file is missing, unreadable or empty.
        """
        path = self.secrets / name
        try:
            text = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigurationError(
                f"the secret file {path} cannot be read ({error.strerror})",
                "put it back from its custodian's copy; `make up` makes it on a new platform only",
            ) from error
        if not text:
            raise ConfigurationError(f"the secret file {path} is empty", "put it back from its custodian's copy")
        return text

    def dsn(self, role: str) -> str:
        """Connection URL of one role of `ROLES`."""
        from urllib.parse import quote

        return (
            f"postgresql://{role}:{quote(self.secret(role), safe='')}@{self.pg_host}:{self.pg_port}/{self.pg_database}"
        )


def load_settings() -> Settings:
    """Settings of the platform that the environment names."""
    home = Path(os.environ.get("LAKOU_HOME", CHECKOUT / ".lakou")).absolute()
    return Settings(
        home=home,
        secrets=Path(os.environ.get("LAKOU_SECRETS_DIR", home / "secrets")),
        pg_host=os.environ.get("LAKOU_PG_HOST", "127.0.0.1"),
        pg_port=_port(home),
        pg_database=os.environ.get("LAKOU_PG_DATABASE", "lakou"),
    )


def _port(home: Path) -> int:
    """Port of PostgreSQL: what the running platform chose, else the environment's, else 55432."""
    chosen = home / "run" / "pg_port"
    text = chosen.read_text().strip() if chosen.exists() else os.environ.get("LAKOU_PG_PORT", "55432")
    if not text.isdigit():
        raise ConfigurationError(f"the port of PostgreSQL is not a number: {text!r}", "set LAKOU_PG_PORT to a number")
    return int(text)


def today(stored: str | None, now: dt.datetime) -> dt.date:
    """Business date: `$LAKOU_TODAY`, else the stored one (demonstration), else the clock's in the programme's zone.

    Raises:
        ConfigurationError: the fixed date is not an ISO date.
    """
    from zoneinfo import ZoneInfo

    text = os.environ.get("LAKOU_TODAY") or stored
    if not text:
        return now.astimezone(ZoneInfo("America/Martinique")).date()
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"the business date is not a date: {text!r}", "write it as 2026-11-15") from error
