"""pretix, by its REST API: contract recorded from a real server (2026.8.0).

An order that is cancelled stays, with its state; its positions that are cancelled leave it. `modified_since` takes in
the moment that it names, to the microsecond: each page begins again at the last change seen, since page numbers would
jump over an order whenever one is changed, and thus moved to the end, between two pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ingestion.connectors.answers import text_of
from ingestion.connectors.asking import page_size, path, reading
from ingestion.connectors.clocks import Clock, moment
from ingestion.connectors.interface import (
    PARENT,
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
from ingestion.connectors.session import Session
from ingestion.errors import ConfigurationError

PAGE = 50
_ROOT = "/api/v1/organizers"
_QUESTION: Mapping[str, FieldType] = {
    "N": "number",
    "B": "boolean",
    "C": "choice",
    "M": "choices",
    "F": "file",
    "D": "date",
    "W": "datetime",
}
_STATES = {"n": "en attente", "p": "payée", "e": "expirée", "c": "annulée"}
_DATES = ("datetime", "expires", "last_modified", "cancellation_date")
_ORDER = (
    "code",
    "event",
    "status",
    "testmode",
    "email",
    "phone",
    "locale",
    *_DATES,
    "total",
    "comment",
    "sales_channel",
)
_POSITION = (
    "id",
    "positionid",
    "item",
    "variation",
    "subevent",
    "price",
    "company",
    "street",
    "zipcode",
    "city",
    "country",
)
_NAMES = ("attendee_name", "attendee_email", "attendee_name_parts/given_name", "attendee_name_parts/family_name")
_LABELS = {
    "code": "Numéro de commande",
    "status": "État de la commande",
    "email": "Courriel",
    "phone": "Téléphone",
    "datetime": "Date de la commande",
    "attendee_name": "Nom du participant",
    "attendee_email": "Courriel du participant",
    "attendee_name_parts/given_name": "Prénom",
    "attendee_name_parts/family_name": "Nom",
    "company": "Entreprise",
    "zipcode": "Code postal",
    "city": "Ville",
}


def connect(session: Session, credentials: Mapping[str, str], options: Mapping[str, str]) -> Connector:
    """Connect by the token of a team that may see orders (`token`). Option: `page`, rows a page.

    Raises:
        ConfigurationError: the token is missing.
    """
    if not credentials.get("token"):
        raise ConfigurationError(
            "the connection to pretix has no token", "give the token of a team that may see the orders of its events"
        )
    session.set_header("Authorization", f"Token {credentials['token']}")
    return _Pretix(session, page_size(options, PAGE))


class _Pretix:
    def __init__(self, session: Session, page: int) -> None:
        self._session = session
        self._page = page

    def entities(self) -> Sequence[tuple[str, str]]:
        return [
            (f"{organizer['slug']}/{event['slug']}", _texts(event["name"]).get("fr", event["slug"]))
            for organizer in self._all(f"{_ROOT}/")
            for event in self._all(f"{_ROOT}{path(organizer['slug'], 'events')}/")
        ]

    def describe(self, entity: str) -> Description:
        answer = self._session.get(f"{_event(entity)}/")
        questions = list(self._all(f"{_event(entity)}/questions/"))
        with reading(answer) as event:
            title = _texts(event["name"]).get("fr", entity)
            positions = (*(_field(name) for name in (*_POSITION, *_NAMES)), *map(_question, questions))
        orders = Table(entity, tuple(_field(name) for name in _ORDER))
        return Description(entity, title, "", (orders, Table(f"{entity}.positions", positions)))

    def pull(self, entity: str, since: Watermark) -> Iterator[Page | Complete]:
        clock = Clock.of(since)
        start, number = clock.asked(), 1
        while True:
            params: dict[str, str | int] = {"page_size": self._page, "ordering": "last_modified", "page": number}
            params |= {"modified_since": start.isoformat()} if start else {}
            expect = (200,) if number == 1 else (200, 404)
            answer = self._session.get(f"{_event(entity)}/orders/", params=params, expect=expect)
            if answer.status == 404:
                # orders of the last page were changed meanwhile: they come with the next pull
                break
            with reading(answer) as said:
                records = tuple(record for row in said["results"] for record in _records(entity, row))
                last = moment(said["results"][-1]["last_modified"]) if said["next"] else None
            # more precise than `Date`, and of the clock that dates the orders
            began = moment(answer.headers.get("X-Page-Generated")) or answer.server_time
            clock = clock.answered(began, records)
            yield Page(answer.body, answer.media_type, answer.path, records, watermark=clock.done() or None)
            if last is None:
                break
            # a page of one and the same moment (changed at once): the next page of it
            start, number = (last, 1) if start is None or last > start else (start, number + 1)
        yield Complete(clock.done())

    def fetch(self, entity: str, record_ids: Sequence[str]) -> Iterator[Page]:
        for code in record_ids:
            answer = self._session.get(f"{_event(entity)}/orders{path(code)}/", expect=(200, 404))
            if answer.status == 200:
                with reading(answer) as said:
                    records = tuple(_records(entity, said))
                yield Page(answer.body, answer.media_type, answer.path, records)

    def close(self) -> None:
        """Nothing to give back: the token stays."""

    def _all(self, where: str) -> Iterator[dict[str, Any]]:
        """Every row of a short list."""
        number = "1"
        while number:
            with reading(self._session.get(where, params={"page": number})) as said:
                rows = list(said["results"])
                # the link names the server's configured domain, which may not be the one that we call
                number = parse_qs(urlsplit(said["next"] or "").query).get("page", [""])[0]
            yield from rows


def _event(entity: str) -> str:
    organizer, separator, event = entity.partition("/")
    if not separator:
        raise ConfigurationError(f"{entity!r} is no event of pretix", "write <organizer>/<event>, as in its address")
    return _ROOT + path(organizer, "events", event)


def _texts(translated: object) -> dict[str, str]:
    """Texts by language; what is not translated has none."""
    if isinstance(translated, dict):
        return {str(language): str(text) for language, text in translated.items()}
    return {"": str(translated)} if translated else {}


def _field(name: str) -> Field:
    labels = {"fr": _LABELS[name]} if name in _LABELS else {}
    if name == "status":
        return Field(name, labels, "choice", tuple(Choice(code, {"fr": text}) for code, text in _STATES.items()))
    return Field(name, labels, "boolean" if name == "testmode" else "datetime" if name in _DATES else "text")


def _question(told: Mapping[str, Any]) -> Field:
    choices = tuple(Choice(option["identifier"], _texts(option["answer"])) for option in told["options"])
    name = f"answers/{told['identifier']}"
    return Field(name, _texts(told["question"]), _QUESTION.get(told["type"], "text"), choices)


def _records(entity: str, row: Mapping[str, Any]) -> Iterator[Record]:
    """An order and its positions; one made in test mode is none."""
    if row["testmode"]:
        return
    fields = {
        name: text_of(value) for name, value in row.items() if name not in {"positions", "payments", "refunds", "fees"}
    }
    order = Record(row["code"], entity, fields, moment(row["last_modified"]))
    yield order
    inherited = {f"{PARENT}{name}": value for name, value in fields.items()}
    for position in row["positions"]:
        own = {
            name: text_of(value) for name, value in position.items() if name not in {"answers", "attendee_name_parts"}
        }
        own |= {f"attendee_name_parts/{name}": text_of(part) for name, part in position["attendee_name_parts"].items()}
        for answer in position["answers"]:
            # labels change with language and wording, identifiers do not
            given = " ".join(answer["option_identifiers"]) or answer["answer"]
            own[f"answers/{answer['question_identifier']}"] = text_of(given)
        yield replace(
            order,
            record_id=str(position["id"]),
            table=f"{entity}.positions",
            fields=own | inherited,
            parent_id=order.record_id,
        )
