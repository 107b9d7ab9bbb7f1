"""An ODK Central that answers as the recorded one did, and whose submissions come, change and go."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import json
import re
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

from ingestion.demo.replay.exchanges import Reply, Request, recorded

SYSTEM = "odk-central"
FORM = "/v1/projects/1/forms/seance_ia"
TOKEN_LIFE = dt.timedelta(hours=24)
_CONDITION = re.compile(r"(__system/(?:submissionDate|updatedAt|deletedAt)) gt (\S+)|(__id) eq '((?:[^']|'')*)'")
_FIELD = re.compile(r"\s*(\w[\w/]*)\s+(?:gt|ge|lt|le|eq|ne)\s")


class Central:
    """One server with the recorded form.

    Args:
        user, password: the only account.
        clock: the server's time, UTC.
        domain: what the server believes to be its address; its links name it.
        rows: submissions as OData gives them, expanded; by default the 49 recorded ones.
    """

    def __init__(
        self,
        user: str,
        password: str,
        clock: Callable[[], dt.datetime],
        *,
        domain: str = "https://odk.example.org",
        rows: list[dict[str, Any]] | None = None,
    ) -> None:
        self._account = {"email": user, "password": password}
        self._clock = clock
        self._domain = domain
        self._exchanges = recorded(SYSTEM)
        seeded = json.loads(self._exchanges["14"].reply.body)["value"] if rows is None else rows
        self.rows: dict[str, dict[str, Any]] = {row["__id"]: row for row in seeded}
        self.sessions: dict[str, dt.datetime] = {}

    def submit(self, answers: Mapping[str, Any]) -> str:
        """A telephone sends a submission; its identifier."""
        made = f"uuid:{uuid.uuid4()}"
        system = dict.fromkeys(self._any_system(), None) | {"submissionDate": self._now(), "edits": 0}
        self.rows[made] = {**answers, "meta": {"instanceID": made}, "__id": made, "__system": system}
        return made

    def edit(self, record_id: str, answers: Mapping[str, Any]) -> None:
        """Somebody corrects a submission: its root keeps its identifier and date of submission."""
        row = self.rows[record_id]
        row |= {**answers, "meta": {"instanceID": f"uuid:{uuid.uuid4()}"}}
        system = row["__system"]
        row["__system"] = system | {
            "updatedAt": self._now(),
            "edits": (system["edits"] or 0) + 1,
            "reviewState": "edited",
        }

    def delete(self, record_id: str) -> None:
        """Somebody deletes a submission; for thirty days it may be restored."""
        self.rows[record_id]["__system"] = self.rows[record_id]["__system"] | {"deletedAt": self._now()}

    def restore(self, record_id: str) -> None:
        """A deleted submission comes back: no date says so."""
        self.rows[record_id]["__system"] = self.rows[record_id]["__system"] | {"deletedAt": None}

    def purge(self, record_id: str) -> None:
        """A submission goes for good: no feed says so."""
        del self.rows[record_id]

    def respond(self, request: Request) -> Reply:
        """What the server answers."""
        return self._answer(request).at(self._clock())

    def _answer(self, request: Request) -> Reply:
        if request.path == "/v1/sessions":
            return self._login(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.sessions.get(token, dt.datetime.min.replace(tzinfo=dt.UTC)) <= self._clock():
            return self._recorded("42" if token else "41")
        if request.method == "DELETE":
            self.sessions.pop(unquote(request.path.removeprefix("/v1/sessions/")), None)
            return self._recorded("48")
        answers: dict[str, Callable[[Request], Reply]] = {
            "/v1/projects": lambda _: self._recorded("40").saying([json.loads(self._recorded("03").body)]),
            "/v1/projects/1/forms": lambda _: self._recorded("40"),
            f"{FORM}.xml": lambda _: self._recorded("38"),
            f"{FORM}.svc/Submissions": self._submissions,
        }
        answer = answers.get(request.path)
        return answer(request) if answer else self._recorded("44")

    def _login(self, request: Request) -> Reply:
        if json.loads(request.body) != self._account:
            return self._recorded("01")
        token = secrets.token_urlsafe(48)
        self.sessions[token] = self._clock() + TOKEN_LIFE
        said = {"token": token, "csrf": secrets.token_urlsafe(48), "expiresAt": _iso(self.sessions[token])}
        return self._recorded("02").saying(said | {"createdAt": self._now()})

    def _submissions(self, request: Request) -> Reply:
        try:
            rows = self._filtered(request.query.get("$filter", ""))
        except _NotSupported as error:
            return self._recorded(error.recorded)
        top = int(request.query.get("$top", len(rows)))
        start = 0
        if token := request.query.get("$skiptoken"):
            found = self._place(rows, token)
            if found is None:
                return self._recorded("65")
            start = found
        page = rows[start : start + top]
        etag = _etag(page)
        if request.headers.get("if-none-match") == etag:
            return self._recorded("61").headed(ETag=etag)
        said: dict[str, Any] = {"value": [_shown(row, request.query) for row in page]}
        said["@odata.context"] = f"{self._domain}{FORM}.svc/$metadata#Submissions"
        if start + top < len(rows):
            last = json.dumps({"instanceId": page[-1]["__id"]}, separators=(",", ":")).encode()
            query = {name: value for name, value in request.query.items() if name != "$skiptoken"}
            query["$skiptoken"] = f"01{base64.b64encode(last).decode()}"
            asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
            said["@odata.nextLink"] = f"{self._domain}{FORM}.svc/Submissions?{asked}"
        if request.query.get("$count") == "true":
            said["@odata.count"] = len(rows)
        return self._recorded("14").saying(said, ETag=etag)

    def _filtered(self, condition: str) -> list[dict[str, Any]]:
        """Rows that meet a condition, newest first; deleted ones only where it asks for them."""
        tests = list(_conditions(condition))
        is_of_deleted = any(name == "deletedAt" for name, _ in tests)
        rows = [row for row in self.rows.values() if bool(row["__system"]["deletedAt"]) == is_of_deleted]
        if tests:
            rows = [row for row in rows if any(_meets(row, name, value) for name, value in tests)]
        return sorted(rows, key=_newest_last, reverse=True)

    def _place(self, rows: list[dict[str, Any]], token: str) -> int | None:
        """Where the page after a token begins; None where it is no token, or of a submission that is not there."""
        try:
            known = self.rows[json.loads(base64.b64decode(token.removeprefix("01"), validate=True))["instanceId"]]
        except (binascii.Error, ValueError, KeyError):
            return None
        return sum(_newest_last(row) >= _newest_last(known) for row in rows)

    def _any_system(self) -> Mapping[str, Any]:
        row: Mapping[str, Any] = json.loads(self._exchanges["14"].reply.body)["value"][0]["__system"]
        return row

    def _recorded(self, number: str) -> Reply:
        return self._exchanges[number].reply

    def _now(self) -> str:
        return _iso(self._clock())


class _NotSupported(Exception):  # noqa: N818 - an answer of the server
    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.recorded = number


def _conditions(text: str) -> Iterator[tuple[str, str]]:
    """`__system/updatedAt gt T or …` as names and values; a field of the form cannot be filtered."""
    for part in text.split(" or ") if text else ():
        found = _CONDITION.fullmatch(part)
        if not found:
            raise _NotSupported("21" if _FIELD.match(part) else "22")
        name = (found[1] or found[3]).removeprefix("__system/")
        yield name, found[2] or found[4].replace("''", "'")


def _meets(row: Mapping[str, Any], name: str, value: str) -> bool:
    if name == "__id":
        return bool(row["__id"] == value)
    said = row["__system"][name]
    return bool(said) and dt.datetime.fromisoformat(said) > dt.datetime.fromisoformat(value)


def _newest_last(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["__system"]["submissionDate"], row["__id"]


def _etag(rows: list[dict[str, Any]]) -> str:
    """Changes with what happened to the rows, as the recorded one does; of no row it is zero."""
    events = [(row["__id"], row["__system"]["updatedAt"], row["__system"]["edits"]) for row in rows]
    digest = hashlib.md5(repr(events).encode(), usedforsecurity=False).hexdigest() if rows else "0" * 32
    return f'W/"eventhash:{digest}"'


def _shown(row: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    if names := query.get("$select"):
        return {name: row[name] for name in names.split(",") if name in row}
    if query.get("$expand") == "*":
        return dict(row)
    return {name: value for name, value in row.items() if not isinstance(value, list)}


def _iso(when: dt.datetime) -> str:
    return when.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
