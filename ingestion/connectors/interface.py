"""What a connector is: it describes a form, survey or entity of a server, and pulls its records page by page.

A connector knows its system's protocol and nothing of feeds, periods or PostgreSQL. It lives for one pull, is used by
one thread, keeps nothing between pulls but the watermark, and never retries: `Session` does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

FieldType = Literal["text", "integer", "number", "boolean", "date", "datetime", "choice", "choices", "file"]
# prefix under which a record of a repeat carries the fields of the record that it belongs to
PARENT = "../"
# JSON, made by a connector for its own next pull; empty before the first one
Watermark = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer that a field may have.

    Args:
        code: as records carry it.
        labels: its text by language (`fr`, `en`; `""` where the system names none).
    """

    code: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """A question of a form, or a field of an entity.

    Args:
        name: as `Record.fields` names it.
        labels: its text by language, without markup.
        type: what its values are; `choices` where several may be given.
        choices: what they may be; empty where anything may be.
    """

    name: str
    labels: Mapping[str, str]
    type: FieldType
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Records of one shape.

    Args:
        name: as `Record.table` names it: the entity, or the entity and its repeat.
        fields: all that a record may carry, the system's own (such as `submitdate`) included; none where the server
            tells them by its records only, and has none.
    """

    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """What the server says of one form, survey or entity.

    Args:
        entity: identifier that `pull` takes.
        title: for people.
        version: of the questionnaire or form; empty where the system has none.
        tables: the first one is the entity's own; a repeat is another.
    """

    entity: str
    title: str
    version: str
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One record, flat, all values as text exactly as the server wrote them (numbers and booleans as JSON writes them).

    Args:
        record_id: stable at the source, unique in its table; never a number that an edit changes.
        table: see `Table.name`.
        fields: value by field name; None where the server says null. A repeat's record carries its parent's fields
            too, each under `../name`.
        updated_at: last change, with its zone, where the source says so.
        parent_id: for a record of a repeat, the record that it belongs to. A page holds all repeats of its records:
            those known so far that are not in it are gone.
    """

    record_id: str
    table: str
    fields: Mapping[str, str | None]
    updated_at: dt.datetime | None = None
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the server, and what it says.

    Args:
        body: exact bytes of the answer; they are kept as they are.
        media_type: as the server says.
        path: path and query that were asked for, without secrets.
        records: in the order of the answer; a page may have none.
        deleted: identifiers of records of the entity's own table that the source says were deleted.
        span: first and last identifier (whole numbers, inclusive; no last one: all beyond) between which this page
            holds every record of the entity's own table, so that those known there and absent here were deleted.
        watermark: where a pull that is stopped after this page may go on; None: where it began.
    """

    body: bytes
    media_type: str
    path: str
    records: tuple[Record, ...]
    deleted: tuple[str, ...] = ()
    span: tuple[int, int | None] | None = None
    watermark: Watermark | None = None


@dataclass(frozen=True, slots=True)
class Complete:
    """The end of a pull, always the last that `pull` gives.

    Args:
        watermark: what the next pull begins with (an overlap is the connector's to take).
        listing: every identifier of the entity's own table that the source holds now: known ones that are absent were
            deleted, unknown ones are asked for by `fetch`. None where `deleted` and `span` tell the deletions.
        pages: answers that only list identifiers, to be kept as well.
    """

    watermark: Watermark
    listing: frozenset[str] | None = None
    pages: tuple[Page, ...] = field(default=())


class Connector(Protocol):
    """One system; a module of this package offers `connect(session, credentials, options) -> Connector`."""

    def entities(self) -> Sequence[tuple[str, str]]:
        """Identifiers and titles of the forms, surveys or entities that this account may read.

        Raises:
            SourceError: see `ingestion.errors`; all methods raise it.
        """
        ...

    def describe(self, entity: str) -> Description:
        """What the server says of one entity: its tables, fields, labels and choices."""
        ...

    def pull(self, entity: str, since: Watermark) -> Iterator[Page | Complete]:
        """Give what is new or changed since a watermark, page by page as they arrive, then `Complete`.

        A record may come twice, in one pull or in the next: the last one counts. Nothing is held in memory but a page.
        """
        ...

    def fetch(self, entity: str, record_ids: Sequence[str]) -> Iterator[Page]:
        """Give these records, whenever they were changed; those that are not there any more are left out."""
        ...

    def close(self) -> None:
        """Give the server's session back, where there is one; a failure of it is no failure of the pull."""
        ...
