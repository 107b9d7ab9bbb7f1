"""Answers to a form, nested as ODK Central and KoboToolbox send them, as flat records."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingestion.connectors.interface import PARENT, Record

if TYPE_CHECKING:
    Row = Mapping[str, Any]


def text_of(value: object) -> str | None:
    """A JSON value as a record carries it: text as it is, the rest as JSON writes it, None for null."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a server nests its answers.

    Args:
        child_key: name under which a record of a repeat carries its own identifier; empty: its place makes one.
        is_prefixed: whether fields of a repeat are named by their path in the form and not in the repeat.
        plain: lists that are no repeat of the form.
    """

    child_key: str = ""
    is_prefixed: bool = False
    plain: Collection[str] = ()

    def records(
        self,
        row: Row,
        table: str,
        record_id: str,
        updated_at: dt.datetime | None,
        *,
        parent: Record | None = None,
        path: str = "",
    ) -> Iterator[Record]:
        """The record of an answer, then those of its repeats.

        Args:
            table: name of the answer's table; a repeat's is this one, a dot and its path.
            parent, path: for a record of a repeat, the one that it belongs to, and the repeat's path in the form.
        """
        fields: dict[str, str | None] = {}
        repeats: dict[str, list[Row]] = {}
        self._split(row, path if self.is_prefixed else "", "", fields, repeats)
        inherited = parent.fields if parent else {}
        fields |= {f"{PARENT}{name}": value for name, value in inherited.items()}
        record = Record(record_id, table, fields, updated_at, parent.record_id if parent else None)
        yield record
        for name, rows in repeats.items():
            for place, inner in enumerate(rows, start=1):
                child_id = str(inner.get(self.child_key) or f"{record_id}/{name}[{place}]")
                inner_table = f"{table}.{name.replace('/', '.')}"
                yield from self.records(inner, inner_table, child_id, updated_at, parent=record, path=f"{path}{name}/")

    def _split(
        self, row: Row, strip: str, prefix: str, fields: dict[str, str | None], repeats: dict[str, list[Row]]
    ) -> None:
        """Put a group's values under their paths; what begins with a path of OData's own is about the answer."""
        for key, value in row.items():
            name = prefix + key.removeprefix(strip)
            if "@odata." in key:
                continue
            if isinstance(value, dict) and key not in self.plain:
                self._split(value, strip, f"{name}/", fields, repeats)
            elif isinstance(value, list) and key not in self.plain and all(isinstance(item, dict) for item in value):
                repeats[name] = value
            else:
                fields[name] = text_of(value)
