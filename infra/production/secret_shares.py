"""The stack's secrets: made once, handed to each container in a volume of its own with what it needs and no more."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from infra.local.secret_files import KEPT, RENEWABLE
from ingestion.errors import ConfigurationError

ROLES = ("lakou_admin", "lakou_loader", "lakou_dbt", "lakou_publisher", "lakou_reader")
AIRFLOW = ("airflow_metadata", "airflow_fernet", "airflow_api", "airflow_jwt")
# who may read what; `platform` is Airflow's containers and the `lakou` command
SHARES: Mapping[str, tuple[str, ...]] = {
    "postgres": ("postgres",),
    "redis": ("redis", "redis.conf"),
    "drop": ("sftp_host_key",),
    "superset": (
        *("superset_secret_key", "superset_metadata", "superset_admin", "superset_comite", "superset_ingenieur"),
        *("lakou_reader", "redis"),
    ),
    "platform": (
        *(*ROLES, "hmac.key", "landing.key", "backup.key", *AIRFLOW, "airflow_admin", "redis", "sftp_host_key.pub"),
        # a backup holds Superset's own database too, and the journal is a role's that may copy the server
        *("superset_metadata", "lakou_journal"),
    ),
    # what only the first start needs: databases, their owners, the first accounts
    "setup": ("postgres", "lakou_journal", *ROLES, *AIRFLOW, "airflow_admin", "superset_metadata", "redis"),
}
# made from another one
DERIVED = ("redis.conf", "sftp_host_key.pub")
MADE = {
    **KEPT,
    **RENEWABLE,
    "redis": lambda: secrets.token_urlsafe(32),
    "lakou_journal": lambda: secrets.token_urlsafe(32),
    "backup.key": KEPT["landing.key"],
}
SHORTEST = 16
PLACEHOLDERS = ("changeme", "change-me", "password", "motdepasse", "secret", "lakou", "admin", "example", "xxxx")
# PostgreSQL and Redis run as users of their own, in the group of Lakou's images
GROUP_READS = ("postgres", "redis")


def ensure_shares(root: Path) -> str:
    """Make the secrets of a new stack; check and complete those of an existing one.

    Args:
        root: folder that holds a folder (a volume) for each name of `SHARES`.

    Returns:
        What was made, in words.

    Raises:
        ConfigurationError: a secret that data depend on is missing, one differs between two folders, or one is weak.
    """
    known = _read(root)
    names = {name for share in SHARES.values() for name in share if name not in DERIVED}
    missing = sorted(names - set(known))
    lost = [name for name in missing if name in KEPT]
    if lost and known:
        raise ConfigurationError(
            f"these secrets of the stack are missing: {', '.join(lost)}; the data made with them would be lost",
            "put them back from their custodian's copy: infra/runbook/secrets.md",
        )
    weak = sorted(name for name, text in known.items() if is_weak(text))
    if weak:
        raise ConfigurationError(
            f"these secrets can be guessed (too short or a known word): {', '.join(weak)}",
            "replace them: infra/runbook/secrets.md says how for each",
        )
    contents = known | {name: MADE[name]().strip() for name in missing}
    contents |= _derived(contents)
    for share, wanted in SHARES.items():
        for name in wanted:
            _write(root / share / name, contents[name], 0o640 if share in GROUP_READS else 0o600)
    return f"{len(missing)} secrets made" if missing else "the secrets are there"


def is_weak(text: str) -> bool:
    """Whether a secret is too short, repeats itself or is a word that everybody tries."""
    bare = text.strip().lower()
    word = bare.strip("0123456789-_!.")
    return len(bare) < SHORTEST or len(set(bare)) < 6 or word in PLACEHOLDERS


def _read(root: Path) -> dict[str, str]:
    """Every secret that any share holds."""
    known: dict[str, str] = {}
    for share, names in SHARES.items():
        for name in names:
            path = root / share / name
            if name in DERIVED or not path.exists():
                continue
            text = path.read_text(encoding="utf-8").strip()
            if text and known.setdefault(name, text) != text:
                raise ConfigurationError(
                    f"the secret {name} is not the same in {share} as elsewhere",
                    "put the right one in each of its places: infra/runbook/secrets.md",
                )
    return known


def _derived(contents: Mapping[str, str]) -> dict[str, str]:
    from cryptography.hazmat.primitives import serialization

    private = serialization.load_ssh_private_key(contents["sftp_host_key"].encode() + b"\n", None)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return {"redis.conf": f"requirepass {contents['redis']}", "sftp_host_key.pub": public.decode()}


def _write(path: Path, text: str, mode: int) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == text + "\n":
        path.chmod(mode)
        return
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(mode)
    temporary.replace(path)
