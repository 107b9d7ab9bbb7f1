"""What connectors share in asking: sizes of pages, paths made of names that partners chose, records one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from ingestion.connectors.interface import Page, Record
from ingestion.connectors.session import Answer, Session
from ingestion.errors import ConfigurationError, SourceError, SourceMissing


def page_size(options: Mapping[str, str], most: int) -> int:
    """Rows to ask for in one page: option `page`, at most (and by default) what the system gives.

    Raises:
        ConfigurationError: it is no number, or is out of bounds.
    """
    page = options.get("page", str(most))
    if not page.isdecimal() or not 1 <= int(page) <= most:
        raise ConfigurationError(f"`options: page:` is {page!r}", f"write a number from 1 to {most}")
    return int(page)


def path(*names: str) -> str:
    """`/a/b/c`, whatever the names hold."""
    return "".join(f"/{quote(name, safe='')}" for name in names)


@contextmanager
def reading(answer: Answer) -> Iterator[Any]:
    """The JSON of an answer, read within the block.

    Raises:
        SourceError: it is none, or is not shaped as the system's answers are.
    """
    said = answer.json()
    try:
        yield said
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise SourceError(
            f"the answer to {answer.path} is not shaped as this system's answers are",
            "see whether the address is that of the system, and whether its version changed",
        ) from error


def one_by_one(session: Session, paths: Iterable[str], record_of: Callable[[Any], Record]) -> Iterator[Page]:
    """A page for each record that is still there, by the path of its own."""
    for where in paths:
        try:
            answer = session.get(where)
        except SourceMissing:
            continue
        with reading(answer) as said:
            record = record_of(said)
        yield Page(answer.body, answer.media_type, answer.path, (record,))
