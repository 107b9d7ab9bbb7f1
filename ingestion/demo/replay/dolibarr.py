"""A Dolibarr that answers as the recorded one did, and whose third parties come, change and go."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.demo.replay.exchanges import Reply, Request, recorded

SYSTEM = "dolibarr"
_ROOT = "/api/index.php/"
_CONDITION = re.compile(r"\(t\.(rowid|tms):(>=|>):(?:'([^']*)'|(\d+))\)")


class Dolibarr:
    """One server with third parties, contacts and projects.

    Args:
        key: the API key of its only user, who is no administrator.
        clock: the server's time, UTC; zone: that of its filters.
        rows: third parties as the API gives them; by default the ten recorded ones.
    """

    def __init__(
        self,
        key: str,
        clock: Callable[[], dt.datetime],
        *,
        zone: str = "America/Martinique",
        rows: list[dict[str, Any]] | None = None,
    ) -> None:
        self._key = key
        self._clock = clock
        self._zone = ZoneInfo(zone)
        self._exchanges = recorded(SYSTEM)
        seeded = json.loads(self._recorded("10").body)["data"]
        self._blank = seeded[1]
        self.rows: dict[int, dict[str, Any]] = {int(row["id"]): row for row in (seeded if rows is None else rows)}
        self._last = max(self.rows, default=0)

    def create(self, values: Mapping[str, Any], custom: Mapping[str, Any] | None = None) -> str:
        """Somebody adds a third party; its identifier."""
        self._last += 1
        made = self._blank | {"id": str(self._last), "ref": values.get("name"), "array_options": _custom(custom or {})}
        self.rows[self._last] = made | dict(values) | {"date_creation": self._now(), "date_modification": self._now()}
        return str(self._last)

    def edit(self, record_id: str, values: Mapping[str, Any], custom: Mapping[str, Any] | None = None) -> None:
        """Somebody corrects a third party, or its custom fields alone: both move its date."""
        row = self.rows[int(record_id)]
        known = row["array_options"] if isinstance(row["array_options"], dict) else {}
        row |= {
            **values,
            "array_options": known | {f"options_{name}": value for name, value in (custom or {}).items()} or [],
            "date_modification": self._now(),
        }

    def delete(self, record_id: str) -> None:
        """A third party goes, and leaves nothing."""
        del self.rows[int(record_id)]

    def respond(self, request: Request) -> Reply:
        """What the server answers."""
        return self._answer(request).at(self._clock())

    def _answer(self, request: Request) -> Reply:
        key = request.headers.get("dolapikey")
        if key != self._key:
            return self._recorded("03" if key else "02")
        entity, _, record_id = request.path.removeprefix(_ROOT).partition("/")
        if entity not in {"thirdparties", "contacts", "projects"}:
            # custom fields are described to administrators only, says the source: that was not recorded
            return self._recorded("22" if entity in {"invoices", "setup"} else "19")
        if record_id:
            row = self.rows.get(int(record_id)) if record_id.isdecimal() else None
            return self._recorded("17").saying(row) if row else self._recorded("18")
        return self._list(entity, request)

    def _list(self, entity: str, request: Request) -> Reply:
        rows = self._rows(entity)
        if (filters := request.query.get("sqlfilters")) is not None:
            if not re.fullmatch(rf"{_CONDITION.pattern}( and {_CONDITION.pattern})*", filters):
                return self._recorded("15")
            rows = [row for row in rows if all(self._meets(row, *found) for found in _CONDITION.findall(filters))]
        limit = int(request.query.get("limit", 100)) or len(rows)
        start = int(request.query.get("page", 0)) * limit
        rows = rows[start : start + limit]
        if names := request.query.get("properties"):
            rows = [{name: row[name] for name in names.split(",")} for row in rows]
        if not rows and entity == "thirdparties":
            return self._recorded("12")
        return self._recorded("11").saying(rows)

    def _rows(self, entity: str) -> list[dict[str, Any]]:
        if entity == "thirdparties":
            return [self.rows[number] for number in sorted(self.rows)]
        rows: list[dict[str, Any]] = json.loads(self._recorded("21" if entity == "contacts" else "20").body)
        return rows

    def _meets(self, row: Mapping[str, Any], name: str, operator: str, text: str, number: str) -> bool:
        if name == "rowid":
            return int(row["id"]) > int(number) if operator == ">" else int(row["id"]) >= int(number)
        changed = row.get("date_modification") or row.get("date_m") or 0
        local = f"{dt.datetime.fromtimestamp(int(changed), self._zone):%Y-%m-%d %H:%M:%S}"
        return local > text if operator == ">" else local >= text

    def _recorded(self, number: str) -> Reply:
        return self._exchanges[number].reply

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _custom(values: Mapping[str, Any]) -> dict[str, Any] | list[Any]:
    """No custom field is an empty list, some are an object."""
    return {f"options_{name}": value for name, value in values.items()} or []
