"""An EspoCRM that answers as the recorded one did, and whose accounts come, change and go."""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from ingestion.demo.replay.exchanges import Reply, Request, recorded

SYSTEM = "espocrm"
MOST = 200
_WHERE = re.compile(r"where\[(\d+)\]\[(type|attribute|value)\]")


class Espo:
    """One server with the entity Account; Opportunity and Contact are empty, any other is refused or unknown.

    Args:
        key: that of its only API user.
        clock: the server's time, UTC.
        rows: accounts as the API lists them; by default the 49 recorded ones.
    """

    def __init__(self, key: str, clock: Callable[[], dt.datetime], *, rows: list[dict[str, Any]] | None = None) -> None:
        self._key = key
        self._clock = clock
        self._exchanges = recorded(SYSTEM)
        seeded = json.loads(self._recorded("11").body)["list"]
        self._blank = dict.fromkeys(seeded[0], None) | {"deleted": False}
        self.rows: dict[str, dict[str, Any]] = {row["id"]: row for row in (seeded if rows is None else rows)}

    def create(self, values: Mapping[str, Any]) -> str:
        """Somebody adds an account; its identifier."""
        made = f"{int(self._clock().timestamp()):x}{secrets.token_hex(5)}"[:17]
        self.rows[made] = {**self._blank, **values, "id": made, "createdAt": self._now(), "modifiedAt": self._now()}
        return made

    def edit(self, record_id: str, values: Mapping[str, Any]) -> None:
        """Somebody corrects an account."""
        self.rows[record_id] |= {**values, "modifiedAt": self._now()}

    def delete(self, record_id: str) -> None:
        """An account goes; no API user ever sees it again unless it is restored."""
        self.rows[record_id]["deleted"] = True

    def restore(self, record_id: str) -> None:
        """A deleted account comes back, which moves its date."""
        self.rows[record_id] |= {"deleted": False, "modifiedAt": self._now()}

    def respond(self, request: Request) -> Reply:
        """What the server answers."""
        return self._answer(request).at(self._clock())

    def _answer(self, request: Request) -> Reply:
        key = request.headers.get("x-api-key")
        if key != self._key:
            return self._recorded("22" if key else "21")
        entity, _, record_id = request.path.removeprefix("/api/v1/").partition("/")
        if entity == "Metadata":
            return self._metadata(request.query.get("key", ""))
        if entity == "Lead":
            return self._recorded("20")
        if entity not in {"Account", "Opportunity", "Contact"}:
            return self._refused("19", f"Controller '{entity}' does not exist.")
        rows = [row for row in self.rows.values() if entity == "Account" and not row["deleted"]]
        if record_id:
            found = next((row for row in rows if row["id"] == record_id), None)
            missing = self._refused("18", f"Record {record_id} does not exist.")
            return self._recorded("08").saying(found) if found else missing
        return self._list(rows, request)

    def _list(self, rows: list[dict[str, Any]], request: Request) -> Reply:
        size, offset = int(request.query.get("maxSize", 20)), int(request.query.get("offset", 0))
        if size > MOST:
            return self._recorded("10")
        for condition in _conditions(request.query):
            rows = [row for row in rows if _meets(row, condition)]
        order = request.query.get("orderBy", "createdAt")
        is_descending = request.query.get("order", "desc") == "desc"
        # equal dates in an order of their own
        rows = sorted(sorted(rows, key=lambda row: row["id"]), key=lambda row: row[order] or "", reverse=is_descending)
        page = rows[offset : offset + size]
        if names := request.query.get("select"):
            always = {"id", "createdAt", "createdById", "assignedUserId", "isStarred", *names.split(",")}
            page = [{name: value for name, value in row.items() if name in always} for row in page]
        total = -1 if request.headers.get("x-no-total") == "true" else len(rows)
        return self._recorded("08").saying({"total": total, "list": page})

    def _metadata(self, key: str) -> Reply:
        if key == "scopes":
            # the shape is that of the documentation; only fields were recorded
            known = {name: {"entity": True, "object": True} for name in ("Account", "Contact", "Opportunity")}
            return self._recorded("29").saying(known | {"Import": {"entity": True}})
        return self._recorded("29") if key == "entityDefs.Account.fields" else self._recorded("29").saying(None)

    def _refused(self, number: str, reason: str) -> Reply:
        return self._recorded(number).headed(X_Status_Reason=reason)

    def _recorded(self, number: str) -> Reply:
        return self._exchanges[number].reply

    def _now(self) -> str:
        return f"{self._clock().astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"


def _conditions(query: Mapping[str, str]) -> list[dict[str, str]]:
    """`where[0][type]=…&where[0][attribute]=…` as one mapping a condition."""
    found: dict[str, dict[str, str]] = {}
    for name, value in query.items():
        if part := _WHERE.fullmatch(name):
            found.setdefault(part[1], {})[part[2]] = value
    return list(found.values())


def _meets(row: Mapping[str, Any], condition: Mapping[str, str]) -> bool:
    said = str(row[condition["attribute"]] or "")
    return said > condition["value"] if condition["type"] == "after" else said == condition["value"]
