"""Sources that live: what happens to their records day after day, and the mirror that is kept of them."""

from __future__ import annotations

import datetime as dt
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ingestion.connectors import kobo
from ingestion.connectors.interface import Connector, Page, Record, Watermark
from ingestion.demo.replay.dolibarr import Dolibarr
from ingestion.demo.replay.espocrm import Espo
from ingestion.demo.replay.exchanges import Reply, Request, recorded
from ingestion.demo.replay.odk import Central
from ingestion.demo.replay.pretix import Pretix

State = dict[str, dict[str, Any]]


@dataclass
class Clock:
    """The time of a simulated server."""

    now: dt.datetime

    def __call__(self) -> dt.datetime:
        return self.now


@dataclass
class Mirror:
    """Records by table and identifier, as pages leave them."""

    tables: dict[str, dict[str, Record]] = field(default_factory=dict)
    since: Watermark = field(default_factory=dict)

    def pull(self, connector: Connector, entity: str, stops_after: int | None = None) -> bool:
        """Pull once; whether it was not stopped before its end."""
        pages = 0
        for item in connector.pull(entity, self.since):
            if isinstance(item, Page):
                self.take(entity, item)
                pages += 1
                if pages == stops_after:
                    self.since = item.watermark or self.since
                    return False
                continue
            known = self.tables.setdefault(entity, {})
            if item.listing is not None:
                self.drop(entity, set(known) - item.listing)
                for page in connector.fetch(entity, sorted(item.listing - set(known))):
                    self.take(entity, page)
            self.since = json.loads(json.dumps(item.watermark))
        return True

    def take(self, entity: str, page: Page) -> None:
        """Keep what a page says."""
        known = self.tables.setdefault(entity, {})
        if page.span:
            first, last = page.span
            told = {record.record_id for record in page.records}
            inside = {key for key in known if first <= int(key) and (last is None or int(key) <= last)}
            self.drop(entity, inside - told)
        for record in page.records:
            if record.parent_id is None:
                self.drop_children(record.record_id)
        for record in page.records:
            self.tables.setdefault(record.table, {})[record.record_id] = record

    def drop(self, entity: str, gone: set[str]) -> None:
        """Forget records of the entity's own table, and those that belong to them."""
        for record_id in gone:
            del self.tables[entity][record_id]
            self.drop_children(record_id)

    def drop_children(self, parent_id: str) -> None:
        """Forget the records of a record's repeats."""
        for rows in self.tables.values():
            for child in [key for key, record in rows.items() if record.parent_id == parent_id]:
                del rows[child]

    def state(self, shown: Mapping[str, tuple[str, ...]]) -> State:
        """Some fields of every record, by table."""
        return {
            table: {key: tuple(record.fields[name] for name in names) for key, record in self.tables.get(table, {}).items()}
            for table, names in shown.items()
        }  # fmt: skip


class Life(ABC):
    """A server in use: `happen` is one thing that its users do. What they do while it answers is `busy`.

    Args:
        behaviour: the server; clock: its time; skew: how far the `Date` of its answers is from the time that it writes.
    """

    system: str
    entity: str
    shown: Mapping[str, tuple[str, ...]]
    credentials: Mapping[str, str]
    options: Mapping[str, str]

    def __init__(self, clock: Clock, skew: dt.timedelta, chance: random.Random) -> None:
        self.clock = clock
        self.skew = skew
        self.chance = chance
        self.busy = 0.0
        self.made = 0

    def respond(self, request: Request) -> Reply:
        """Answer, dated by a clock that is not quite that of the database."""
        if self.chance.random() < self.busy:
            self.clock.now += dt.timedelta(seconds=self.chance.randrange(3))
            self.happen()
        reply: Reply = self.behaviour.respond(request)  # type: ignore[attr-defined]
        return reply.at(self.clock.now + self.skew)

    def happen(self) -> None:
        """A record comes, or one of those that are there changes or goes."""
        ids = self.ids()
        deed = self.chance.choices(["add", "edit", "leave"], [4, 4, 2])[0]
        if deed == "add" or not ids:
            self.made += 1
            self.add(f"essai n° {self.made} – œuvre")
        elif deed == "edit":
            self.made += 1
            self.edit(self.chance.choice(ids), f"corrigé n° {self.made}")
        else:
            self.leave(self.chance.choice(ids))

    @abstractmethod
    def ids(self) -> list[str]:
        """Of the records that are there, in the order of pages."""

    def oldest(self) -> str:
        """The record that comes first in pages."""
        return self.ids()[0]

    @abstractmethod
    def add(self, text: str) -> None:
        """A new record."""

    @abstractmethod
    def edit(self, record_id: str, text: str) -> None:
        """Another text in a record."""

    @abstractmethod
    def leave(self, record_id: str) -> None:
        """A record goes."""

    @abstractmethod
    def state(self) -> State:
        """What the mirror should show."""


class OdkLife(Life):
    system, entity = "odk", "1/seance_ia"
    shown: ClassVar = {"1/seance_ia": ("commentaire",), "1/seance_ia.participants": ("nom", "../commentaire")}
    credentials: ClassVar = {"user": "a@exemple.fr", "password": "Pa55-word-odk"}
    options: ClassVar = {"page": "7"}

    def __init__(self, clock: Clock, skew: dt.timedelta, chance: random.Random) -> None:
        super().__init__(clock, skew, chance)
        self.behaviour = Central(*self.credentials.values(), clock)

    def ids(self) -> list[str]:
        return [key for key, row in self.behaviour.rows.items() if not row["__system"]["deletedAt"]]

    def add(self, text: str) -> None:
        self.behaviour.submit({"commentaire": text, "participants": self._people(text)})

    def edit(self, record_id: str, text: str) -> None:
        self.behaviour.edit(record_id, {"commentaire": text, "participants": self._people(text)})

    def leave(self, record_id: str) -> None:
        gone = [key for key, row in self.behaviour.rows.items() if row["__system"]["deletedAt"]]
        deed = self.chance.choice(["delete", "purge", "restore"])
        if deed == "restore" and gone:
            self.behaviour.restore(self.chance.choice(gone))
        else:
            self.behaviour.delete(record_id)
            if deed == "purge":
                self.behaviour.purge(record_id)

    def state(self) -> State:
        rows = [self.behaviour.rows[key] for key in self.ids()]
        people = [(row, one) for row in rows for one in row.get("participants", ())]
        return {
            "1/seance_ia": {row["__id"]: (row["commentaire"],) for row in rows},
            "1/seance_ia.participants": {one["__id"]: (one["nom"], row["commentaire"]) for row, one in people},
        }

    def _people(self, text: str) -> list[dict[str, str]]:
        return [{"nom": f"{text} {place}", "__id": f"{text}-{place}"} for place in range(self.chance.randrange(3))]


class DolibarrLife(Life):
    system, entity = "dolibarr", "thirdparties"
    shown: ClassVar = {"thirdparties": ("name", "array_options/options_secteur")}
    credentials: ClassVar = {"token": "CLE-API-DOLIBARR-0001"}
    options: ClassVar = {"page": "7"}
    zone = "America/Martinique"

    def __init__(self, clock: Clock, skew: dt.timedelta, chance: random.Random) -> None:
        super().__init__(clock, skew, chance)
        self.behaviour = Dolibarr(self.credentials["token"], clock, zone=self.zone, rows=[])

    def ids(self) -> list[str]:
        return [str(key) for key in self.behaviour.rows]

    def add(self, text: str) -> None:
        self.behaviour.create({"name": text}, {"secteur": "n"})

    def edit(self, record_id: str, text: str) -> None:
        self.behaviour.edit(record_id, {}, {"secteur": text})

    def leave(self, record_id: str) -> None:
        self.behaviour.delete(record_id)

    def state(self) -> State:
        rows = self.behaviour.rows.values()
        return {"thirdparties": {row["id"]: (row["name"], row["array_options"]["options_secteur"]) for row in rows}}


class DolibarrFarEastLife(DolibarrLife):
    zone = "Pacific/Kiritimati"


class DolibarrSummerTimeLife(DolibarrLife):
    zone = "Europe/Paris"


class EspoLife(Life):
    system, entity = "espocrm", "Account"
    shown: ClassVar = {"Account": ("name",)}
    credentials: ClassVar = {"token": "198dfbf61c86c996f6cfea77c67fb065"}
    options: ClassVar = {"page": "20"}

    def __init__(self, clock: Clock, skew: dt.timedelta, chance: random.Random) -> None:
        super().__init__(clock, skew, chance)
        self.behaviour = Espo(self.credentials["token"], clock)

    def ids(self) -> list[str]:
        return [key for key, row in self.behaviour.rows.items() if not row["deleted"]]

    def add(self, text: str) -> None:
        # an import writes many in one second
        for place in range(self.chance.choices([1, 30], [29, 1])[0]):
            self.behaviour.create({"name": f"{text} {place}"})

    def edit(self, record_id: str, text: str) -> None:
        self.behaviour.edit(record_id, {"name": text})

    def leave(self, record_id: str) -> None:
        gone = [key for key, row in self.behaviour.rows.items() if row["deleted"]]
        if gone and self.chance.random() < 0.3:
            self.behaviour.restore(self.chance.choice(gone))
        else:
            self.behaviour.delete(record_id)

    def state(self) -> State:
        return {"Account": {key: (self.behaviour.rows[key]["name"],) for key in self.ids()}}


class PretixLife(Life):
    system, entity = "pretix", "cci/atelier1"
    shown: ClassVar = {"cci/atelier1": ("status", "comment"), "cci/atelier1.positions": ("attendee_name", "../status")}
    credentials: ClassVar = {"token": "r0fx1866f6f62j0peuuefzuk0wk3v8cpqe498zahi34jjnwf5eewttgbgmnm8n7v"}
    options: ClassVar = {"page": "7"}

    def __init__(self, clock: Clock, skew: dt.timedelta, chance: random.Random) -> None:
        super().__init__(clock, skew, chance)
        self.behaviour = Pretix(self.credentials["token"], clock)

    def ids(self) -> list[str]:
        return list(self.behaviour.rows)

    def oldest(self) -> str:
        return min(self.ids(), key=lambda code: self.behaviour.rows[code]["last_modified"])

    def add(self, text: str) -> None:
        self.behaviour.order([("Zoé", f"{text} {place}") for place in range(1 + self.chance.randrange(3))])

    def edit(self, record_id: str, text: str) -> None:
        self.behaviour.edit(record_id, {"comment": text})

    def leave(self, record_id: str) -> None:
        if self.chance.random() < 0.5:
            self.behaviour.cancel(record_id)
        else:
            self.behaviour.drop_position(record_id)

    def state(self) -> State:
        rows = self.behaviour.rows.values()
        people = [(row, one) for row in rows for one in row["positions"]]
        return {
            "cci/atelier1": {row["code"]: (row["status"], row["comment"]) for row in rows},
            "cci/atelier1.positions": {str(one["id"]): (one["attendee_name"], row["status"]) for row, one in people},
        }


class KoboLife(Life):
    """A server written from the same documentation as the connector: it cannot prove more than that they agree."""

    system, entity = "kobo", "aXecHjmbATuF6iGFmvBLBX"
    shown: ClassVar = {
        "aXecHjmbATuF6iGFmvBLBX": ("commentaire",),
        "aXecHjmbATuF6iGFmvBLBX.participants": ("nom", "../commentaire"),
    }
    credentials: ClassVar = {"token": "0123456789abcdef0123456789abcdef01234567"}
    options: ClassVar = {"page": "7"}

    def __init__(self, clock: Clock, skew: dt.timedelta, chance: random.Random) -> None:
        super().__init__(clock, skew, chance)
        self.behaviour = self
        self.rows: dict[int, dict[str, Any]] = {}
        self.last = 0

    def respond(self, request: Request) -> Reply:
        if self.chance.random() < self.busy:
            self.happen()
        head = Reply(200, {"Content-Type": "application/json"}, b"")
        if request.headers.get("authorization") != f"Token {self.credentials['token']}":
            return Reply(401, head.headers, b"").saying({"detail": "Invalid token."})
        answers: dict[str, Callable[[], Reply]] = {
            "/api/v2/assets/": lambda: head.saying(
                {"count": 1, "next": None, "previous": None, "results": [{"uid": self.entity, "name": "Séances"}]}
            ),
            f"/api/v2/assets/{self.entity}.xml": lambda: recorded("odk-central")["38"].reply,
            f"/api/v2/assets/{self.entity}/data/": lambda: self._data(head, request.query),
        }
        return answers[request.path]()

    def ids(self) -> list[str]:
        return [str(key) for key in self.rows]

    def add(self, text: str) -> None:
        self.last += 1
        self.rows[self.last] = {"_id": self.last, "commentaire": text, "participants": self._people(text)}

    def edit(self, record_id: str, text: str) -> None:
        self.rows[int(record_id)] |= {"commentaire": text, "participants": self._people(text)}

    def leave(self, record_id: str) -> None:
        del self.rows[int(record_id)]

    def state(self) -> State:
        people = [
            (row, place, one) for row in self.rows.values() for place, one in enumerate(row["participants"], start=1)
        ]
        return {
            self.entity: {str(key): (row["commentaire"],) for key, row in self.rows.items()},
            f"{self.entity}.participants": {
                f"{row['_id']}/participants[{place}]": (one["participants/nom"], row["commentaire"])
                for row, place, one in people
            },
        }

    def _people(self, text: str) -> list[dict[str, str]]:
        return [{"participants/nom": f"{text} {place}"} for place in range(self.chance.randrange(3))]

    def _data(self, head: Reply, query: Mapping[str, str]) -> Reply:
        condition = json.loads(query["query"])["_id"]
        rows = [
            row
            for key, row in sorted(self.rows.items())
            if key > condition.get("$gt", 0) and key in condition.get("$in", self.rows)
        ]
        limit = min(int(query["limit"]), kobo.PAGE)
        return head.saying({"count": len(rows), "next": None, "previous": None, "results": rows[:limit]})


LIVES = (OdkLife, DolibarrLife, DolibarrFarEastLife, DolibarrSummerTimeLife, EspoLife, PretixLife, KoboLife)
