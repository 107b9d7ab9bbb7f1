"""Offices: a system in use beside the mapping that feeds the warehouse of it, and the rows that should be loaded now."""

from __future__ import annotations

import datetime as dt
import random
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import yaml

from ingestion.connectors.mapping import Source, load_source
from ingestion.demo.replay.limesurvey import PASSWORD, SURVEY, USER, LimeSurvey, answers_of
from ingestion.demo.replay.server import Replay
from ingestion.people import Identifiers, keys_of
from ingestion.pseudonyms import Pseudonymiser
from tests.integration.connector_days import DolibarrLife, EspoLife, KoboLife, Life, OdkLife, PretixLife
from tests.integration.drop_box import DropBox

ZONE = ZoneInfo("America/Martinique")
Row = tuple[str | None, ...]


class Office(Life):
    """A life whose records are rows of a feed; its account has the code of its system."""

    feed: str
    raw: str
    shown_columns: tuple[str, ...]
    mapping: ClassVar[dict[str, Any]]
    header: ClassVar[dict[str, Any]] = {}

    @property
    def partner(self) -> str:
        """The code of its account."""
        return self.system.upper()

    def write_mapping(self, folder: Path, server: Replay) -> Source:
        """The source's file, as a person would have finished it."""
        feed = {"entity": self.entity, "feed": self.feed, **self.mapping}
        document = {
            "system": self.system, "address": server.address, "connection": "outil", "partner": self.partner,
            "zone": "America/Martinique", "options": dict(self.options), **self.header, "feeds": [feed],
        }  # fmt: skip
        (folder / f"{self.system}.yml").write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
        return load_source(self.system)

    def loaded(self, box: DropBox) -> list[Row]:
        """The rows of its account that the warehouse counts: accepted ones, of the last version of each period."""
        found = box.all(
            f"select {', '.join(f'r.{name}' for name in self.shown_columns)} from raw.{self.raw} as r"
            " inner join ops.deliveries as d on d.delivery_id = r._delivery_id where d.partner_code = %s and not exists"
            " (select 1 from ops.supersessions as s where s.superseded_delivery_id = r._delivery_id)",
            self.partner,
        )
        return sorted(found)

    @abstractmethod
    def held(self, pseudonymiser: Pseudonymiser) -> list[Row]:
        """The same rows, worked out from what the server holds now, in the order of the first column."""

    def take_away(self, record_id: str) -> None:
        """A record goes for good, with all that are rows of it."""
        self.behaviour.delete(record_id)  # type: ignore[attr-defined]

    def today(self) -> dt.date:
        """The day that it is where people work."""
        return self.clock.now.astimezone(ZONE).date()

    def some_day(self) -> dt.date:
        """A day of this year before today, or today."""
        first = dt.date(self.today().year, 1, 5)
        return max(first, self.today() - dt.timedelta(days=self.chance.choice([0, 0, 0, 1, 9, 40])))


SESSION = {
    "enquete_id": {"constant": "SATISFACTION-2026-1"},
    "type": {"constant": "CHAUD"},
    "session_id": {"constant": "S1"},
}
GAUGED = {"note_satisfaction": "note", "score_connaissance": "gain"}


class FormOffice(Office):
    """What the two form tools have in common: people rate a session."""

    feed, raw = "F04", "f04_enquetes_formation"
    shown_columns = ("reponse_id", "note_satisfaction", "score_connaissance", "date_reponse")

    def _answer(self) -> dict[str, Any]:
        return {
            "date_session": self.some_day().isoformat(), "note": self.chance.randrange(1, 6), "gain": self.made % 100,
            "commentaire": f"essai n° {self.made} – œuvre", "participants": [],
        }  # fmt: skip

    @staticmethod
    def _row(record_id: object, answer: dict[str, Any]) -> Row:
        return str(record_id), str(answer["note"]), str(answer["gain"]), f"{answer['date_session']}T00:00:00"


class OdkOffice(FormOffice, OdkLife):
    mapping: ClassVar = {
        "columns": SESSION
        | GAUGED
        | {"reponse_id": "__id", "date_reponse": {"field": "date_session", "clock": "device"}}
    }

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.behaviour.rows.clear()

    def add(self, text: str) -> None:
        self.behaviour.submit(self._answer())

    def edit(self, record_id: str, text: str) -> None:
        self.behaviour.edit(record_id, self._answer())

    def held(self, pseudonymiser: Pseudonymiser) -> list[Row]:
        return sorted(self._row(key, self.behaviour.rows[key]) for key in self.ids())


class KoboOffice(FormOffice, KoboLife):
    mapping: ClassVar = {
        "columns": SESSION
        | GAUGED
        | {"reponse_id": "_id", "date_reponse": {"field": "date_session", "clock": "device"}}
    }

    def add(self, text: str) -> None:
        self.last += 1
        self.behaviour.rows[self.last] = {"_id": self.last, **self._answer()}

    def edit(self, record_id: str, text: str) -> None:
        self.behaviour.rows[int(record_id)] |= self._answer()

    def held(self, pseudonymiser: Pseudonymiser) -> list[Row]:
        return sorted(self._row(key, answer) for key, answer in self.behaviour.rows.items())

    def take_away(self, record_id: str) -> None:
        self.leave(record_id)


class LimeSurveyOffice(Office):
    """A survey: an answer may be begun one day and submitted another; an edit leaves no date, a deletion a hole."""

    system, entity = "limesurvey", str(SURVEY)
    feed, raw = "F04", "f04_enquetes_formation"
    shown_columns = ("reponse_id", "note_satisfaction", "date_reponse")
    credentials: ClassVar = {"user": USER, "password": PASSWORD}
    options: ClassVar = {"page": "20"}
    mapping: ClassVar = {
        "when": {"submitdate": "*"},
        "columns": SESSION
        | {"reponse_id": {"field": "id", "prefix": "R-"}, "date_reponse": "submitdate", "note_satisfaction": "satis"},
    }

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.behaviour = LimeSurvey()
        self._model = dict(answers_of("17")[2])

    def ids(self) -> list[str]:
        return [str(number) for number in self.behaviour.answers]

    def add(self, text: str) -> None:
        is_begun = self.chance.random() < 0.2
        self.behaviour.add({**self._model, "submitdate": "" if is_begun else self._now(), "satis": self._note()})

    def edit(self, record_id: str, text: str) -> None:
        answer = self.behaviour.answers[int(record_id)]
        answer |= {"satis": self._note(), "submitdate": answer["submitdate"] or self._now()}

    def leave(self, record_id: str) -> None:
        del self.behaviour.answers[int(record_id)]

    def take_away(self, record_id: str) -> None:
        self.leave(record_id)

    def state(self) -> dict[str, dict[str, Any]]:
        return {self.entity: dict.fromkeys(self.ids(), ())}

    def held(self, pseudonymiser: Pseudonymiser) -> list[Row]:
        submitted = [answer for answer in self.behaviour.answers.values() if answer["submitdate"]]
        return sorted((f"R-{row['id']}", row["satis"], row["submitdate"].replace(" ", "T")) for row in submitted)

    def _note(self) -> str:
        return str(self.chance.randrange(1, 6))

    def _now(self) -> str:
        return f"{self.clock.now.astimezone(ZONE):%Y-%m-%d %H:%M:%S}"


class CompanyOffice(Office):
    """What the two CRMs have in common: companies, by the day on which they were written down."""

    feed, raw = "F14", "f14_structures"
    shown_columns = ("siren", "denomination", "date_debut")

    def _siren(self) -> str:
        """A number that is one by its last digit."""
        base = f"{10_000_000 + self.chance.randrange(89_999_999)}"
        doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(base))
        total = sum(number - 9 if number > 9 else number for number in doubled)
        return f"{base}{-total % 10}"


COMPANY = {"role": {"constant": "STARTUP"}, "code_commune": {"constant": "97209"}}


class DolibarrOffice(CompanyOffice, DolibarrLife):
    mapping: ClassVar = {
        "period": "date_creation",
        "columns": COMPANY | {"siren": "idprof1", "denomination": "name", "date_debut": "date_creation"},
    }

    def add(self, text: str) -> None:
        self.behaviour.create({"name": text, "idprof1": self._siren()})

    def edit(self, record_id: str, text: str) -> None:
        self.behaviour.edit(record_id, {"name": text})

    def held(self, pseudonymiser: Pseudonymiser) -> list[Row]:
        return sorted(
            (row["idprof1"], row["name"], f"{dt.datetime.fromtimestamp(row['date_creation'], ZONE):%Y-%m-%d}")
            for row in self.behaviour.rows.values()
        )


class EspoOffice(CompanyOffice, EspoLife):
    mapping: ClassVar = {
        "period": {"field": "createdAt", "clock": "utc"},
        "columns": COMPANY
        | {"siren": "sicCode", "denomination": "name", "date_debut": {"field": "createdAt", "clock": "utc"}},
    }

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.behaviour.rows.clear()

    def add(self, text: str) -> None:
        # now and then an import, of one second
        for place in range(self.chance.choices([1, 25], [29, 1])[0]):
            self.behaviour.create({"name": f"{text} {place}", "sicCode": self._siren()})

    def held(self, pseudonymiser: Pseudonymiser) -> list[Row]:
        return sorted(
            (row["sicCode"], row["name"], f"{self._day(row['createdAt']):%Y-%m-%d}")
            for row in map(self.behaviour.rows.__getitem__, self.ids())
        )

    @staticmethod
    def _day(text: str) -> dt.datetime:
        return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).astimezone(ZONE)


STATES = {"p": "INSCRIT", "n": "INSCRIT", "e": "ABANDON", "c": "ABANDON"}


class PretixOffice(Office, PretixLife):
    """Orders of several people: the rows are the people, whom the warehouse knows by keyed hashes only."""

    feed, raw = "F02", "f02_participations"
    shown_columns = ("person_key_1", "person_key_2", "statut")
    header: ClassVar = {
        "personal": ["attendee_email", "attendee_name_parts/family_name", "attendee_name_parts/given_name"],
        "processing": {"country": "France", "contract": "DPA-2026-04"},
    }
    mapping: ClassVar = {
        "table": "cci/atelier1.positions",
        "period": "../datetime",
        "columns": {
            "objet_type": {"constant": "EVENEMENT"},
            "objet_id": {"constant": "E1"},
            "courriel": "attendee_email",
            "nom_naissance": "attendee_name_parts/family_name",
            "prenom": "attendee_name_parts/given_name",
            "annee_naissance": {"constant": "1990"},
            **{name: {"constant": "NR"} for name in ("sexe", "statut_pro", "niveau_diplome")},
            "canal_orientation": {"constant": "DIRECT"},
            "statut": {"field": "../status", "codes": STATES},
        },
    }

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.behaviour.rows.clear()
        self.people = 0

    def add(self, text: str) -> None:
        names = []
        for _ in range(1 + self.chance.randrange(3)):
            self.people += 1
            # letters only: figures of a name count for nothing
            names.append(("Zoé", "Zobel-" + "".join(chr(ord("a") + int(digit)) for digit in str(self.people))))
        self.behaviour.order(names)

    def take_away(self, record_id: str) -> None:
        # an order stays; the people of it go one by one
        while self.behaviour.rows[record_id]["positions"]:
            self.behaviour.drop_position(record_id)

    def edit(self, record_id: str, text: str) -> None:
        self.behaviour.edit(record_id, {"comment": text, "status": self.chance.choice(sorted(STATES))})

    def held(self, pseudonymiser: Pseudonymiser) -> list[Row]:
        return sorted(
            (*self._keys(place, pseudonymiser), STATES[order["status"]])
            for order in self.behaviour.rows.values()
            for place in order["positions"]
        )

    @staticmethod
    def _keys(place: dict[str, Any], pseudonymiser: Pseudonymiser) -> tuple[str | None, str | None]:
        parts = place["attendee_name_parts"]
        who = Identifiers(place["attendee_email"], parts["family_name"], parts["given_name"], "1990")
        keys = keys_of(pseudonymiser, who)
        return keys.mail, keys.name


OFFICES: tuple[type[Office], ...] = (OdkOffice, KoboOffice, LimeSurveyOffice, DolibarrOffice, EspoOffice, PretixOffice)


def opened(box: DropBox, office: Office) -> DropBox:
    """The account of an office, with the session and the event that its rows are of dropped into it."""
    own = DropBox(box.settings, office.partner).open_account(feeds=("F01", "F02", "F04", "F08", "F14"))
    own.put_sessions("S1", period="2026-01", date_debut="2026-01-02", date_fin="2026-01-02")
    own.put_examples("F08", {"evenement_id": "E1"}, period="2026-01")
    return own


def office_of(kind: type[Office], clock: Any, skew: dt.timedelta, seed: str) -> Office:
    """An office whose chance is its own."""
    return kind(clock, skew, random.Random(f"{kind.__name__} {seed}"))
