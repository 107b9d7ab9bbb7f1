"""Secrets of a platform: made once, on a new platform only; never silently made again."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Iterable

from infra.local.layout import Platform, write_atomically
from ingestion.demo.replay.serving import SYSTEMS, connection_path, new_credentials
from ingestion.errors import ConfigurationError


def _password() -> str:
    return secrets.token_urlsafe(24)


def _account_password() -> str:
    return secrets.token_urlsafe(12)


def _landing_key() -> str:
    import pyrage

    return str(pyrage.x25519.Identity.generate())


def _host_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return key.decode()


# what they lock up is lost, or locked out, without them: a person must put them back
KEPT: dict[str, Callable[[], str]] = {
    "postgres": _password,
    "lakou_admin": _password,
    "lakou_loader": _password,
    "lakou_dbt": _password,
    "lakou_publisher": _password,
    "lakou_reader": _password,
    "airflow_metadata": _password,
    "superset_metadata": _password,
    "hmac.key": lambda: secrets.token_hex(32),
    "landing.key": _landing_key,
    "airflow_fernet": lambda: base64.urlsafe_b64encode(os.urandom(32)).decode(),
    "superset_secret_key": lambda: secrets.token_urlsafe(48),
    "sftp_host_key": _host_key,
}
# nothing is lost with them: made again when missing
RENEWABLE: dict[str, Callable[[], str]] = {
    "airflow_admin": _account_password,
    "airflow_api": lambda: secrets.token_urlsafe(48),
    "airflow_jwt": lambda: secrets.token_urlsafe(48),
    "superset_admin": _account_password,
    "superset_comite": _account_password,
    "superset_ingenieur": _account_password,
}


def ensure_secrets(platform: Platform) -> str | None:
    """Make the secrets of a new platform; check those of an existing one.

    Returns:
        What was made, in words; None when nothing was.

    Raises:
        ConfigurationError: a secret of an existing platform is missing or readable by others.
    """
    folder = platform.secrets
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    missing = [name for name in KEPT if not _present(platform, name)]
    if missing and platform.exists:
        raise ConfigurationError(
            f"{'this secret is' if len(missing) == 1 else 'these secrets are'} missing from {folder}:"
            f" {', '.join(missing)}; the data made with {'it' if len(missing) == 1 else 'them'} would be lost",
            "put the file back from its custodian's copy (`make reset` gives up the data and begins again)",
        )
    made = [name for name in (*KEPT, *RENEWABLE) if not _present(platform, name)]
    for name in made:
        write_atomically(folder / name, (KEPT | RENEWABLE)[name]().rstrip("\n") + "\n")
    for path in folder.iterdir():
        if path.is_file() and path.stat().st_mode & 0o077:
            path.chmod(0o600)
    return f"{len(made)} made" if made else None


def ensure_connections(platform: Platform) -> None:
    """Give each replayed system an account, if it has none, where the sources' credentials are."""
    for system in SYSTEMS:
        path = connection_path(platform.secrets, system)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            write_atomically(path, new_credentials(system) + "\n")


def ensure_partner_passwords(platform: Platform, codes: Iterable[str]) -> None:
    """Give each partner a password for its dashboard, if it has none."""
    for code in codes:
        name = f"superset_partenaire_{code}"
        if not _present(platform, name):
            write_atomically(platform.secrets / name, _account_password() + "\n")


def _present(platform: Platform, name: str) -> bool:
    path = platform.secrets / name
    return path.is_file() and path.stat().st_size > 0
