"""A pretix that answers as the recorded one did, and whose orders come, change and are cancelled."""

from __future__ import annotations

import copy
import datetime as dt
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ingestion.demo.replay.exchanges import Reply, Request, recorded

SYSTEM = "pretix"
EVENT = "/api/v1/organizers/cci/events/atelier1/"
_ZONE = ZoneInfo("America/Martinique")


class Pretix:
    """One server with the recorded event.

    Args:
        token: that of its only team.
        clock: the server's time, UTC.
        domain: what the server believes to be its address; its links name it.
        rows: orders as the API gives them; by default the first ten recorded ones.
    """

    def __init__(
        self,
        token: str,
        clock: Callable[[], dt.datetime],
        *,
        domain: str = "https://pretix.example.org",
        rows: list[dict[str, Any]] | None = None,
    ) -> None:
        self._token = token
        self._clock = clock
        self._domain = domain
        self._exchanges = recorded(SYSTEM)
        seeded = [row for number in ("12", "13") for row in json.loads(self._recorded(number).body)["results"]]
        self._blank = seeded[0]
        self.rows: dict[str, dict[str, Any]] = {row["code"]: row for row in (seeded if rows is None else rows)}
        self._last = max((place["id"] for row in self.rows.values() for place in row["positions"]), default=0)

    def order(self, people: list[tuple[str, str]]) -> str:
        """Somebody registers people, given by first and last name; the order's code."""
        code = secrets.token_hex(3).upper()
        made = copy.deepcopy(self._blank) | {"code": code, "datetime": self._now(), "last_modified": self._now()}
        made["positions"] = [self._position(code, place, *names) for place, names in enumerate(people, start=1)]
        self.rows[code] = made
        return code

    def edit(self, code: str, values: Mapping[str, Any]) -> None:
        """Somebody corrects an order."""
        self.rows[code] = self.rows[code] | {**values, "last_modified": self._now()}

    def cancel(self, code: str) -> None:
        """An order is cancelled: it stays."""
        self.edit(code, {"status": "c", "cancellation_date": self._now()})

    def drop_position(self, code: str) -> None:
        """The last position of an order is cancelled: it leaves the order."""
        self.edit(code, {"positions": self.rows[code]["positions"][:-1]})

    def respond(self, request: Request) -> Reply:
        """What the server answers."""
        return self._answer(request).at(self._clock())

    def _answer(self, request: Request) -> Reply:
        said = request.headers.get("authorization")
        if said != f"Token {self._token}":
            return self._recorded("02" if said else "01")
        event = json.loads(self._recorded("03").body)
        questions = self._recorded("19")
        answers: dict[str, Callable[[], Reply]] = {
            # organizers were not recorded: only the name matters
            "/api/v1/organizers/": lambda: questions.saying(_listed([{"slug": "cci", "name": "CCI"}])),
            EVENT.removesuffix("atelier1/"): lambda: questions.saying(_listed([event])),
            EVENT: lambda: questions.saying(event),
            f"{EVENT}questions/": lambda: questions,
            f"{EVENT}orders/": lambda: self._orders(request.query),
        }
        if found := answers.get(request.path):
            return found()
        code = request.path.removeprefix(f"{EVENT}orders/").removesuffix("/")
        if code in self.rows:
            return self._recorded("12").saying(self.rows[code])
        return self._recorded("17" if request.path.startswith(EVENT) else "18")

    def _orders(self, query: Mapping[str, str]) -> Reply:
        rows = list(self.rows.values())
        if since := query.get("modified_since"):
            rows = [row for row in rows if _when(row["last_modified"]) >= _when(since)]
        rows.sort(key=lambda row: (_when(row[query.get("ordering", "datetime")]), row["code"]))
        size, page = int(query.get("page_size", 50)), int(query.get("page", 1))
        found = rows[(page - 1) * size : page * size]
        if not found and page > 1:
            return self._recorded("16")
        link = f"{self._domain}{EVENT}orders/?" + urlencode({**query, "page": page + 1})
        said = _listed(found) | {"count": len(rows), "next": link if page * size < len(rows) else None}
        return self._recorded("12").saying(said, X_Page_Generated=self._now())

    def _position(self, code: str, place: int, first: str, last: str) -> dict[str, Any]:
        self._last += 1
        made: dict[str, Any] = copy.deepcopy(self._blank["positions"][0])
        parts = {"_scheme": "given_family", "given_name": first, "family_name": last}
        named: dict[str, Any] = {"attendee_name": f"{first} {last}", "attendee_name_parts": parts}
        named["attendee_email"] = f"p{self._last}@exemple.fr"
        return made | {"id": self._last, "order": code, "positionid": place, **named}

    def _recorded(self, number: str) -> Reply:
        return self._exchanges[number].reply

    def _now(self) -> str:
        return self._clock().astimezone(_ZONE).isoformat(timespec="microseconds")


def _listed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"count": len(rows), "next": None, "previous": None, "results": rows}


def _when(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
