"""ODK Central, by its OData: contract recorded from a real server (development head of August 2026).

An edit keeps `__id` and `submissionDate` and sets `updatedAt`; `meta/instanceID` changes with it. Deletions are told by
the listing of identifiers and not by the feed of `deletedAt`, which forgets what was purged and never says what was
restored. The listing carries an ETag: while nothing changes it costs no byte.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ingestion.connectors import xform
from ingestion.connectors.answers import Shape
from ingestion.connectors.asking import page_size, path, reading
from ingestion.connectors.clocks import Clock, moment
from ingestion.connectors.interface import Complete, Connector, Description, Field, Page, Record, Table, Watermark
from ingestion.connectors.session import Answer, Session
from ingestion.errors import ConfigurationError, SourceError

PAGE = 250
# identifiers asked for in one request: its address stays below what servers accept
FETCHED = 40
_SHAPE = Shape(child_key="__id")
_SYSTEM = (
    Field("__id", {}, "text"),
    *(Field(f"__system/{name}", {}, "datetime") for name in ("submissionDate", "updatedAt", "deletedAt")),
    *(Field(f"__system/{name}", {}, "text") for name in ("submitterId", "submitterName", "deviceId", "formVersion")),
    *(Field(f"__system/{name}", {}, "text") for name in ("status", "reviewState")),
    *(Field(f"__system/{name}", {}, "integer") for name in ("attachmentsPresent", "attachmentsExpected", "edits")),
)


def connect(session: Session, credentials: Mapping[str, str], options: Mapping[str, str]) -> Connector:
    """Connect by e-mail address and password (`user`, `password`); options: `project` limits it to one, `page` is rows a page.

    Raises:
        ConfigurationError: the address or the password is missing.
    """
    if not credentials.get("user") or not credentials.get("password"):
        raise ConfigurationError(
            "the connection to ODK Central has no user or no password",
            "give the e-mail address of a user that may read the project's submissions, and its password",
        )
    return _Central(session, credentials["user"], credentials["password"], options)


class _Central:
    def __init__(self, session: Session, email: str, password: str, options: Mapping[str, str]) -> None:
        self._session = session
        self._login = {"email": email, "password": password}
        self._project = options.get("project", "")
        self._page = page_size(options, PAGE)
        self._token = ""

    def entities(self) -> Sequence[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for project in [self._project] if self._project else self._projects():
            with reading(self._get(path("v1", "projects", project, "forms"))) as said:
                found += [(f"{project}/{form['xmlFormId']}", form["name"] or form["xmlFormId"]) for form in said]
        return found

    def describe(self, entity: str) -> Description:
        form = xform.parse(self._get(f"{_form(entity)}.xml").body)
        own, *repeats = form.tables
        tables = [Table(entity, own.fields + _SYSTEM)]
        tables += [Table(f"{entity}.{repeat.name}", (*repeat.fields, _SYSTEM[0])) for repeat in repeats]
        return Description(entity, form.title, form.version, tuple(tables))

    def pull(self, entity: str, since: Watermark) -> Iterator[Page | Complete]:
        clock = Clock.of(since)
        asked = clock.asked()
        changed = asked and " or ".join(
            f"__system/{name} gt {_zulu(asked)}" for name in ("submissionDate", "updatedAt")
        )
        token = str(since.get("position", ""))
        keep = {"etag": since["etag"]} if "etag" in since else {}
        has_begun_again = False
        while True:
            answer = self._rows(entity, changed or "", token)
            if answer.status == 400:
                # the submission that the token names was purged
                if has_begun_again:
                    raise SourceError(f"{answer.path}: the server does not know its own pages any more", "pull again")
                token, has_begun_again = "", True
                continue
            records, token = _read(entity, answer), _next(answer)
            clock = clock.answered(answer.server_time, records)
            yield Page(
                answer.body,
                answer.media_type,
                answer.path,
                records,
                watermark=keep | clock.stopped(token) if token else None,
            )
            if not token:
                break
        if "position" in since:
            # that was the end of the pull which was stopped: now what changed since it began
            yield from self.pull(entity, keep | clock.done())
        else:
            yield self._complete(entity, clock, str(since.get("etag", "")))

    def fetch(self, entity: str, record_ids: Sequence[str]) -> Iterator[Page]:
        for start in range(0, len(record_ids), FETCHED):
            some = record_ids[start : start + FETCHED]
            wanted = " or ".join("__id eq '" + record_id.replace("'", "''") + "'" for record_id in some)
            answer = self._rows(entity, wanted, "")
            yield Page(answer.body, answer.media_type, answer.path, _read(entity, answer))

    def close(self) -> None:
        if self._token:
            with suppress(SourceError):
                self._session.set_header("Authorization", f"Bearer {self._token}")
                self._session.delete(path("v1", "sessions", self._token))

    def _projects(self) -> list[str]:
        with reading(self._get("/v1/projects")) as said:
            return [str(project["id"]) for project in said]

    def _complete(self, entity: str, clock: Clock, etag: str) -> Complete:
        """Every identifier, unless the server says that they are still those of the last pull."""
        # after the records: what is submitted in between is then unknown and fetched, and never taken for deleted
        listing: set[str] = set()
        pages: list[Page] = []
        token, found = "", ""
        while token or not pages:
            # without $top, since the ETag of a page is of that page only; a server that cuts all the same is followed
            answer = self._get(
                f"{_form(entity)}.svc/Submissions",
                {"$select": "__id"} | ({"$skiptoken": token} if token else {}),
                {"If-None-Match": etag} if etag and not token else {},
                expect=(200, 304),
            )
            if answer.status == 304:
                return Complete(clock.done() | {"etag": etag})
            token = _next(answer)
            found = "" if token or pages else answer.headers.get("ETag", "")
            with reading(answer) as said:
                listing |= {row["__id"] for row in said["value"]}
            pages.append(Page(answer.body, answer.media_type, answer.path, ()))
        return Complete(clock.done() | ({"etag": found} if found else {}), frozenset(listing), tuple(pages))

    def _rows(self, entity: str, condition: str, token: str) -> Answer:
        params: dict[str, str | int] = {"$top": self._page, "$expand": "*", "$wkt": "true"}
        params |= {"$filter": condition} if condition else {}
        params |= {"$skiptoken": token} if token else {}
        return self._get(f"{_form(entity)}.svc/Submissions", params, expect=(200, 400) if token else (200,))

    def _get(
        self,
        where: str,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: tuple[int, ...] = (200,),
    ) -> Answer:
        if self._token:
            answer = self._session.get(where, params=params, headers=self._with_token(headers), expect=(*expect, 401))
            if answer.status != 401:
                return answer
        # a token lives for 24 hours and an administrator may end it: one new one, whose refusal is final
        self._open()
        return self._session.get(where, params=params, headers=self._with_token(headers), expect=expect)

    def _with_token(self, headers: Mapping[str, str] | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}", **(headers or {})}

    def _open(self) -> None:
        # basic authentication is refused over plain http, and would check the password at each request
        with reading(self._session.post("/v1/sessions", json=self._login, is_login=True)) as said:
            self._token = str(said["token"])
        self._session.add_secret(self._token)


def _form(entity: str) -> str:
    project, separator, form = entity.partition("/")
    if not separator:
        raise ConfigurationError(f"{entity!r} is no form of ODK Central", "write <project number>/<form identifier>")
    return path("v1", "projects", project, "forms", form)


def _zulu(when: dt.datetime) -> str:
    return when.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read(entity: str, answer: Answer) -> tuple[Record, ...]:
    """Records of a page."""
    with reading(answer) as said:
        return tuple(record for row in said["value"] for record in _records(entity, row))


def _records(entity: str, row: Mapping[str, Any]) -> Iterator[Record]:
    dates = row["__system"]
    return _SHAPE.records(row, entity, row["__id"], moment(dates["updatedAt"] or dates["submissionDate"]))


def _next(answer: Answer) -> str:
    """What to ask for to have the next page; empty at the end."""
    # the link names the server's configured domain, which may not be the one that we call
    with reading(answer) as said:
        link = urlsplit(str(said.get("@odata.nextLink", "")))
    return parse_qs(link.query).get("$skiptoken", [""])[0]
