"""EspoCRM, by its REST API: contract recorded from a real server (9.1.7).

Pages hold 200 records at most. They follow the date of change and begin again at the last one seen: an offset would
jump over a record whenever one is deleted, or changed and thus moved to the end, between two pages. Deletions are
invisible: they are told by listing the identifiers. A relation that is added does not move `modifiedAt`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingestion.connectors.answers import text_of
from ingestion.connectors.asking import one_by_one, page_size, path, reading
from ingestion.connectors.clocks import Clock, moment
from ingestion.connectors.interface import (
    Choice,
    Complete,
    Connector,
    Description,
    Field,
    FieldType,
    Page,
    Record,
    Table,
    Watermark,
)
from ingestion.connectors.session import Answer, Session
from ingestion.errors import ConfigurationError, SourceMissing, SourceRefusal

# the server refuses more
PAGE = 200
_ROOT = "/api/v1"
_SECOND = dt.timedelta(seconds=1)
_TYPES: Mapping[str, FieldType] = {
    **dict.fromkeys(("int", "autoincrement"), "integer"),
    **dict.fromkeys(("float", "currency", "currencyConverted", "decimal"), "number"),
    "bool": "boolean",
    "date": "date",
    **dict.fromkeys(("datetime", "datetimeOptional"), "datetime"),
    "enum": "choice",
    **dict.fromkeys(("multiEnum", "checklist", "array"), "choices"),
}
# a link is two values in a record; what is several fields, or comes with one record only, is none in a list
_LINKS = frozenset({"link", "linkOne", "linkParent", "file", "image"})
_ABSENT = frozenset({"address", "personName", "linkMultiple", "attachmentMultiple", "map", "foreign"})


def connect(session: Session, credentials: Mapping[str, str], options: Mapping[str, str]) -> Connector:
    """Connect by the key of an API user (`token`), which needs a role that reads what is pulled.

    Options: `page`, rows a page; `language` of the user, for labels.

    Raises:
        ConfigurationError: the key is missing.
    """
    if not credentials.get("token"):
        raise ConfigurationError(
            "the connection to EspoCRM has no token", "give the key of an API user with a reading role"
        )
    session.set_header("X-Api-Key", credentials["token"])
    return _Espo(session, options)


class _Espo:
    def __init__(self, session: Session, options: Mapping[str, str]) -> None:
        self._session = session
        self._language = options.get("language", "fr")
        self._page = page_size(options, PAGE)

    def entities(self) -> Sequence[tuple[str, str]]:
        names = self._texts().get("Global", {}).get("scopeNamesPlural", {})
        with reading(self._session.get(f"{_ROOT}/Metadata", params={"key": "scopes"})) as scopes:
            return [
                (scope, str(names.get(scope, scope)))
                for scope, told in sorted(scopes.items())
                if told.get("entity") and told.get("object") and not told.get("disabled")
            ]

    def describe(self, entity: str) -> Description:
        answer = self._session.get(f"{_ROOT}/Metadata", params={"key": f"entityDefs.{entity}.fields"})
        texts = self._texts()
        with reading(answer) as told:
            if not told:
                raise SourceMissing(
                    f"EspoCRM has no entity {entity!r}", "write its name as the address bar shows it: Account"
                )
            fields = [Field("id", {}, "text")]
            for name, definition in told.items():
                fields += self._fields(entity, name, definition, texts)
        title = str(texts.get("Global", {}).get("scopeNamesPlural", {}).get(entity, entity))
        return Description(entity, title, "", (Table(entity, tuple(fields)),))

    def pull(self, entity: str, since: Watermark) -> Iterator[Page | Complete]:
        clock = Clock.of(since)
        for answer, rows in self._slide(entity, "modifiedAt", clock.asked()):
            with reading(answer):
                records = tuple(_record(entity, row) for row in rows)
            clock = clock.answered(answer.server_time, records)
            yield Page(answer.body, answer.media_type, answer.path, records, watermark=clock.done() or None)
        listing: set[str] = set()
        pages: list[Page] = []
        for answer, rows in self._slide(entity, "createdAt", None, "createdAt"):
            with reading(answer):
                listing |= {row["id"] for row in rows}
            pages.append(Page(answer.body, answer.media_type, answer.path, ()))
        yield Complete(clock.done(), frozenset(listing), tuple(pages))

    def fetch(self, entity: str, record_ids: Sequence[str]) -> Iterator[Page]:
        paths = (_ROOT + path(entity, record_id) for record_id in record_ids)
        return one_by_one(self._session, paths, lambda said: _record(entity, said))

    def close(self) -> None:
        """Nothing to give back: the key stays."""

    def _slide(
        self, entity: str, dated: str, start: dt.datetime | None, select: str = ""
    ) -> Iterator[tuple[Answer, list[dict[str, Any]]]]:
        """Records in the order of a date, each page from the date of the last record of the page before."""
        offset = 0
        while True:
            params: dict[str, str | int] = {"maxSize": self._page, "offset": offset, "orderBy": dated, "order": "asc"}
            params |= {"select": select} if select else {}
            if start:
                # "after" leaves out the second that it names
                params["where[0][type]"] = "after"
                params["where[0][attribute]"] = dated
                params["where[0][value]"] = f"{start - _SECOND:%Y-%m-%d %H:%M:%S}"
            answer = self._session.get(_ROOT + path(entity), params=params, headers={"X-No-Total": "true"})
            with reading(answer) as said:
                rows = list(said["list"])
                last = moment(rows[-1][dated]) if rows else None
            yield answer, rows
            if len(rows) < self._page:
                return
            if last and (start is None or last > start):
                start, offset = last, 0
            else:
                # more in one second than a page holds (an import): half pages, so that a deletion hides none
                offset += max(self._page // 2, 1)

    def _fields(
        self, entity: str, name: str, definition: Mapping[str, Any], texts: Mapping[str, Any]
    ) -> Iterator[Field]:
        kind = definition.get("type", "varchar")
        if kind in _ABSENT or definition.get("notStorable"):
            return
        own, shared = texts.get(entity, {}), texts.get("Global", {})
        label = own.get("fields", {}).get(name) or shared.get("fields", {}).get(name)
        labels = {self._language: str(label)} if label else {}
        if kind in _LINKS:
            yield Field(f"{name}Id", labels, "text")
            yield Field(f"{name}Name", labels, "text")
            return
        translated = own.get("options", {}).get(name) or shared.get("options", {}).get(name) or {}
        choices = tuple(
            Choice(str(code), {self._language: str(translated[code])} if code in translated else {})
            for code in definition.get("options") or ()
            if code != ""
        )
        yield Field(name, labels, _TYPES.get(str(kind), "text"), choices)
        if kind == "currency":
            yield Field(f"{name}Currency", labels, "text")

    def _texts(self) -> Mapping[str, Any]:
        """Texts of the user's language; a server that keeps them to itself leaves technical names."""
        try:
            said = self._session.get(f"{_ROOT}/I18n").json()
        except (SourceRefusal, SourceMissing):
            return {}
        return said if isinstance(said, dict) else {}


def _record(entity: str, row: Mapping[str, Any]) -> Record:
    fields = {name: text_of(value) for name, value in row.items()}
    return Record(row["id"], entity, fields, moment(row.get("modifiedAt") or row.get("createdAt")))
