"""Dolibarr, by its REST API: contract recorded from a real server (22.0.4).

An empty list is a 404, told from a wrong address by its JSON. Filters take the server's local time, which its API does
not tell: they are widened by what time zones can differ, and the epochs in the answers decide. Pages follow the row
number and no offset: a deletion between two pages would hide a record. Deletions leave nothing: they are told by
listing the identifiers. Dates are epochs, in seconds; custom fields are `array_options/options_<name>`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingestion.connectors.answers import text_of
from ingestion.connectors.asking import one_by_one, page_size, path, reading
from ingestion.connectors.clocks import Clock
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
from ingestion.errors import ConfigurationError, SourceError, SourceMissing

PAGE = 100
# identifiers alone are a hundred times shorter than records
LISTED = 5000
# zones go from -12 to +14 hours
ZONES = dt.timedelta(hours=26)
_OPTIONS = "array_options"
_ROOT = "/api/index.php"
# lists that the API offers, their titles, and how the description of custom fields names them
_ENTITIES: Mapping[str, tuple[str, str]] = {
    "thirdparties": ("Tiers", "societe"),
    "contacts": ("Contacts", "socpeople"),
    "projects": ("Projets", "projet"),
}
_LABELS: Mapping[str, str] = {
    "id": "Id",
    "name": "Nom",
    "name_alias": "Nom alternatif",
    "lastname": "Nom",
    "firstname": "Prénom",
    "address": "Adresse",
    "zip": "Code postal",
    "town": "Ville",
    "country_code": "Code pays",
    "phone": "Téléphone",
    "phone_mobile": "Tél portable",
    "email": "Email",
    "url": "Url",
    "code_client": "Code client",
    "idprof1": "SIREN",
    "idprof2": "SIRET",
    "idprof3": "NAF",
    "tva_intra": "Numéro TVA",
    "title": "Libellé",
    "description": "Description",
    "date_creation": "Date création",
    "date_modification": "Date de dernière modification",
}
_TYPES: Mapping[str, FieldType] = {
    **dict.fromkeys(("int", "link", "sellist"), "text"),
    **dict.fromkeys(("double", "price", "pricecy", "duration"), "number"),
    "boolean": "boolean",
    "date": "date",
    **dict.fromkeys(("datetime", "datetimegmt"), "datetime"),
    **dict.fromkeys(("select", "radio"), "choice"),
    **dict.fromkeys(("checkbox", "chkbxlst"), "choices"),
}


def connect(session: Session, credentials: Mapping[str, str], options: Mapping[str, str]) -> Connector:
    """Connect by the API key of a user (`token`), sent as a header: in an address it would land in logs.

    Option: `page`, rows a page.

    Raises:
        ConfigurationError: the key is missing.
    """
    if not credentials.get("token"):
        raise ConfigurationError(
            "the connection to Dolibarr has no token", "give the API key of a user that may read the lists to pull"
        )
    session.set_header("DOLAPIKEY", credentials["token"])
    return _Dolibarr(session, page_size(options, PAGE))


class _Dolibarr:
    def __init__(self, session: Session, page: int) -> None:
        self._session = session
        self._page = page

    def entities(self) -> Sequence[tuple[str, str]]:
        return [(entity, title) for entity, (title, _) in _ENTITIES.items() if self._may_read(entity)]

    def describe(self, entity: str) -> Description:
        answer, rows = self._list(entity, 0, self._page)
        with reading(answer):
            names = dict.fromkeys(name for row in rows for name in _flat(row))
        # its rows alone tell the fields of a list: an empty one tells none, custom ones included
        custom = self._custom(entity) if names else {}
        fields = [Field(name, _label(name), _type(name)) for name in names if name not in custom]
        title, _ = _ENTITIES.get(entity, (entity, ""))
        return Description(entity, title, "", (Table(entity, (*fields, *custom.values())),))

    def pull(self, entity: str, since: Watermark) -> Iterator[Page | Complete]:
        clock = Clock.of(since)
        asked = clock.asked()
        after = int(str(since.get("position", 0)))
        while True:
            answer, rows = self._list(entity, after, self._page, asked)
            with reading(answer):
                every = tuple(_record(entity, row) for row in rows)
                after = max((int(row["id"]) for row in rows), default=after)
            records = tuple(
                record for record in every if not (asked and record.updated_at and record.updated_at < asked)
            )
            clock = clock.answered(answer.server_time, records)
            yield Page(answer.body, answer.media_type, answer.path, records, watermark=clock.stopped(after))
            if not rows:
                break
        if "position" in since:
            # that was the end of the pull which was stopped: now what changed since it began
            yield from self.pull(entity, clock.done())
        else:
            yield self._complete(entity, clock)

    def fetch(self, entity: str, record_ids: Sequence[str]) -> Iterator[Page]:
        paths = (_ROOT + path(entity, record_id) for record_id in record_ids)
        return one_by_one(self._session, paths, lambda said: _record(entity, said))

    def close(self) -> None:
        """Nothing to give back: the key stays."""

    def _complete(self, entity: str, clock: Clock) -> Complete:
        listing: set[str] = set()
        pages: list[Page] = []
        after = 0
        while True:
            answer, rows = self._list(entity, after, LISTED, names="id")
            pages.append(Page(answer.body, answer.media_type, answer.path, ()))
            if not rows:
                return Complete(clock.done(), frozenset(listing), tuple(pages))
            with reading(answer):
                listing |= {str(row["id"]) for row in rows}
                after = max(int(row["id"]) for row in rows)

    def _list(
        self, entity: str, after: int, limit: int, changed: dt.datetime | None = None, names: str = ""
    ) -> tuple[Answer, list[dict[str, Any]]]:
        """The next rows after a row number; none at the end."""
        conditions = [f"(t.rowid:>:{after})"]
        if changed:
            conditions.append(f"(t.tms:>=:'{changed - ZONES:%Y-%m-%d %H:%M:%S}')")
        params: dict[str, str | int] = {"limit": limit, "page": 0, "sortfield": "t.rowid", "sortorder": "ASC"}
        params |= {"sqlfilters": " and ".join(conditions)}
        params |= {"properties": names} if names else {}
        answer = self._session.get(_ROOT + path(entity), params=params, expect=(200, 404))
        said = answer.json()
        if answer.status == 404:
            # a missing route, or another program at this address, must not pass for an empty list: all would be deleted
            if not (isinstance(said, dict) and str(said.get("error", {}).get("message")).startswith("Not Found: No ")):
                raise SourceMissing(f"{answer.path} is not there", "check the address and the name of the list")
            return answer, []
        if not isinstance(said, list):
            raise SourceError(f"the answer to {answer.path} is no list", "see what the server's owner changed")
        return answer, said

    def _may_read(self, entity: str) -> bool:
        """Whether the module is on and its reading allowed."""
        return self._session.get(f"{_ROOT}/{entity}", params={"limit": 1}, expect=(200, 403, 404, 501)).status in {
            200,
            404,
        }

    def _custom(self, entity: str) -> dict[str, Field]:
        """Custom fields by name, as the server describes them to administrators only: else as records show them."""
        _, element = _ENTITIES.get(entity, ("", ""))
        answer = self._session.get(
            f"{_ROOT}/setup/extrafields", params={"elementtype": element}, expect=(200, 401, 403, 404, 501)
        )
        if answer.status != 200:
            return {}
        with reading(answer) as said:
            # of an entity without custom fields, an empty list
            found = dict(said).get(element) or {}
            fields = [
                Field(
                    f"{_OPTIONS}/options_{name}",
                    {"fr": str(told.get("label") or name)},
                    _TYPES.get(str(told.get("type")), "text"),
                    _choices(told.get("param")),
                )
                for name, told in found.items()
            ]
        return {field.name: field for field in fields}


def _choices(param: object) -> tuple[Choice, ...]:
    options = param.get("options") if isinstance(param, dict) else None
    return (
        tuple(Choice(str(code), {"fr": str(text)}) for code, text in options.items())
        if isinstance(options, dict)
        else ()
    )


def _label(name: str) -> dict[str, str]:
    return {"fr": _LABELS[name]} if name in _LABELS else {}


def _type(name: str) -> FieldType:
    return "datetime" if name.startswith("date_") or name == "tms" else "text"


def _flat(row: Mapping[str, Any]) -> dict[str, str | None]:
    """A row's values by name; no custom field is an empty list, some are an object."""
    fields = {name: text_of(value) for name, value in row.items() if name != _OPTIONS}
    custom = row.get(_OPTIONS)
    if isinstance(custom, dict):
        fields |= {f"{_OPTIONS}/{name}": text_of(value) for name, value in custom.items()}
    return fields


def _record(entity: str, row: Mapping[str, Any]) -> Record:
    # projects call it date_m
    changed = row.get("date_modification") or row.get("date_m") or row.get("date_creation") or row.get("date_c")
    when = dt.datetime.fromtimestamp(int(changed), dt.UTC) if changed else None
    return Record(str(row["id"]), entity, _flat(row), when)
