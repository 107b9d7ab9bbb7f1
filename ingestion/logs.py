"""What Lakou does, one line an event: for a person to read, or as JSON with the numbers that tie events together."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.stdlib import ProcessorFormatter, add_log_level, add_logger_name

READABLE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def about(**numbers: str | int) -> AbstractContextManager[object]:
    """Name what is being worked on: each event inside has it (`delivery_id`, `build_id`, `publication_id`, `pull_id`).

    Airflow writes the same numbers into the logs of its tasks.
    """
    return bound_contextvars(**numbers)


def configure(*, verbose: bool, as_json: bool) -> None:
    """Send events to stderr: warnings and worse, or all that is done."""
    handler = logging.StreamHandler()
    handler.setFormatter(_json() if as_json else logging.Formatter(READABLE))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])


def _json() -> ProcessorFormatter:
    time = structlog.processors.TimeStamper(fmt="iso", utc=True, key="at")
    return ProcessorFormatter(
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        foreign_pre_chain=[merge_contextvars, add_log_level, add_logger_name, time],
    )
