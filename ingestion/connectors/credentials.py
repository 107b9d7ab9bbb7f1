"""The credentials of a source, read when it is pulled and kept nowhere: an Airflow connection, or a secret file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from ingestion.errors import ConfigurationError
from ingestion.settings import Settings

NAMES = {"login": "user", "user": "user", "password": "password", "token": "token"}


def read_credentials(settings: Settings, connection: str) -> Mapping[str, str]:
    """What `$AIRFLOW_CONN_<ID>` holds (a URI, or JSON), else the JSON file `connections/<id>.json` of the secrets.

    Returns:
        Those of `user`, `password` and `token` that are given.

    Raises:
        ConfigurationError: there is none, or it cannot be read; it is not shown.
    """
    name = f"AIRFLOW_CONN_{connection.upper().replace('-', '_')}"
    text = os.environ.get(name, "").strip()
    where = name if text else str(settings.secrets / "connections" / f"{connection}.json")
    text = text or settings.secret(f"connections/{connection}.json")
    try:
        found = _of_uri(text) if "://" in text and not text.startswith("{") else _of_json(text)
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"the credentials in {where} cannot be read", 'write {"user": "…", "password": "…", "token": "…"}'
        ) from error
    if not found:
        raise ConfigurationError(f"{where} holds neither user, password nor token", "write what the server needs")
    return found


def _of_json(text: str) -> dict[str, str]:
    given = json.loads(text)
    extra = given.get("extra") or {}
    if isinstance(extra, str):
        extra = json.loads(extra)
    return {NAMES[name]: str(value) for name, value in {**extra, **given}.items() if name in NAMES and value}


def _of_uri(text: str) -> dict[str, str]:
    url = urlsplit(text)
    given = {"user": unquote(url.username or ""), "password": unquote(url.password or ""), **dict(parse_qsl(url.query))}
    return {name: value for name, value in given.items() if name in NAMES.values() and value}
