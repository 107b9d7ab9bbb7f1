"""The three systems of the demonstration: what is in them, who may ask, and the files that make sources of them.

Each runs on 127.0.0.1 as a service of its own (`python -m ingestion.demo.replay SYSTEM`), so that the sources' DAGs have
something to pull on a machine without any such system. Standard library only: this is imported before anything else runs.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ingestion.demo.replay import limesurvey
from ingestion.demo.replay.espocrm import Espo
from ingestion.demo.replay.limesurvey import LimeSurvey, answers_of
from ingestion.demo.replay.odk import Central
from ingestion.demo.replay.server import Behaviour

SOURCES = Path(__file__).parent / "sources"
# the day after the last recorded exchange: no server's clock stands before its records
RECORDED_UNTIL = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
Credentials = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One system of the demonstration.

    Args:
        title: as `make status` shows it.
        user: of its only account; empty where a token is the account.
        made: the server of these credentials.
    """

    title: str
    user: str
    made: Callable[[Credentials], Behaviour]


SYSTEMS: Mapping[str, Replayed] = MappingProxyType(
    {
        "odk": Replayed(
            "ODK Central (replayed)",
            "lecture@exemple.fr",
            lambda given: Central(given["user"], given["password"], clock),
        ),
        "limesurvey": Replayed(
            "LimeSurvey (replayed)",
            limesurvey.USER,
            lambda given: LimeSurvey(answers=answers_of("17"), password=given["password"]),
        ),
        "espocrm": Replayed("EspoCRM (replayed)", "", lambda given: Espo(given["token"], clock)),
    }
)


def clock() -> dt.datetime:
    """The time of the servers."""
    return max(dt.datetime.now(dt.UTC), RECORDED_UNTIL)


def source_name(system: str) -> str:
    """Name of a system's source, and of its connection."""
    return f"demo_{system}"


def connection_path(secret_files: Path, system: str) -> Path:
    """The secret file of a system's connection."""
    return secret_files / "connections" / f"{source_name(system)}.json"


def new_credentials(system: str) -> str:
    """Credentials of a machine's own, as the secret file of a connection holds them."""
    user = SYSTEMS[system].user
    given = {"user": user, "password": secrets.token_urlsafe(24)} if user else {"token": secrets.token_urlsafe(24)}
    return json.dumps(given)


def source_file(system: str, address: str) -> str:
    """The file of a system's source."""
    return (SOURCES / f"{source_name(system)}.yml").read_text(encoding="utf-8").replace("{address}", address, 1)
