"""Connectors: one module a system (`limesurvey`, `odk`…), each with a function `connect`; what they share is shared here.

`interface.py` is what a connector is, `session.py` how it speaks HTTP, `mapping.py` what a source's file says.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingestion.connectors.interface import Connector
    from ingestion.connectors.session import Session


def systems() -> tuple[str, ...]:
    """Names of the systems that there is a connector for: modules of this package that have a `connect`."""
    files = (file for place in __path__ for file in Path(place).glob("*.py"))
    return tuple(
        sorted(
            file.stem for file in files if "\ndef connect(" in file.read_text(encoding="utf-8") and file.stem[0] != "_"
        )
    )


def connect(system: str, session: Session, credentials: Mapping[str, str], options: Mapping[str, str]) -> Connector:
    """Make the connector of a system; nothing is asked of its server yet.

    Args:
        system: name of a module of this package.
        credentials: as the connection gives them: `user`, `password`, `token`.
        options: what `options:` of the source's file says, as text; `zone` is the server's time zone.

    Raises:
        ConfigurationError: there is no connector for this system, or credentials that it needs are missing.
    """
    name = f"{__name__}.{system}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ConfigurationError(
            f"there is no connector for the system {system!r}", f"write one of {', '.join(systems())}"
        ) from error
    made: Connector = module.connect(session, credentials, options)
    return made
