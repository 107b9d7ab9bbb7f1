"""What every part of the twin shares: its partners, its calendar, its files, and the rows while they are made."""

from __future__ import annotations

import calendar
import datetime as dt
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from ingestion.contracts import load_contract
from ingestion.demo.files import Row
from ingestion.demo.people import Person, communes, plain
from ingestion.naming import Period, parse_period
from ingestion.partners import periods

SEED = 97_200
BUSINESS_DATE = dt.date(2026, 11, 15)
PROGRAMME = "MQ"
# nearly three years: from the programme's first month to the last one that is over
MONTHS = tuple(f"{2024 + at // 12}-{at % 12 + 1:02d}" for at in range(34))
QUARTERS = tuple(f"{2024 + at // 4}-T{at % 4 + 1}" for at in range(11))
SEMESTERS = tuple(f"{2024 + at // 2}-S{at % 2 + 1}" for at in range(5))
TRAINEES, CERTIFIED_ONLY, SPEAKERS = 1_360, 60, 12
# well-known examples of valid numbers
EMPLOYERS = ("732829320", "404833048")
EPCIS = {"CENTRE": "249720061", "SUD": "249720053", "NORD": "200041788"}
IDENTITY = ("courriel", "nom_naissance", "prenom", "annee_naissance")


@dataclass(frozen=True, slots=True)
class DemoPartner:
    """One partner of the demonstration.

    Args:
        code: of its account; `prefix` opens its identifiers.
        since: feeds expected from it, each with its first month.
        also: feeds that its account allows and that nobody expects.
        delivers_on: days after the month's end on which its monthly files come.
        sessions: how many it holds in a month; `people` how many follow one, at first; `certified` how many it
            presents in a month.
        modes: modalities with their weights.
        places: communes where it holds them.
        has_convention: it may send personal columns.
        siren: of the partners whose place the list of structures says.
    """

    code: str
    name: str
    kind: str
    prefix: str
    since: Mapping[str, str]
    delivers_on: int
    sessions: int = 0
    people: int = 0
    certified: int = 0
    modes: tuple[tuple[str, int], ...] = ()
    places: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    has_convention: bool = True
    siren: str = ""

    @property
    def feeds(self) -> tuple[str, ...]:
        """Every feed that its account allows."""
        return tuple(sorted({*self.since, *self.also}))

    @property
    def trains(self) -> bool:
        """Whether it holds sessions."""
        return self.sessions > 0


def _from(month: str, *feeds: str) -> dict[str, str]:
    return dict.fromkeys(feeds, month)


START = MONTHS[0]
CENTRE = ("97209", "97213", "97224", "97229")
SUD = ("97202", "97206", "97207", "97217", "97220", "97221", "97223", "97226", "97227", "97231", "97232")
PARTNERS = (
    DemoPartner(
        "FORMACARIB", "Formacarib (démonstration)", "ORGANISME_FORMATION", "FC",
        _from(START, "F01", "F02", "F03") | _from("2024-06", "F04"), 4, 4, 9, 11,
        (("ATELIER", 40), ("WEBINAIRE", 20), ("ELEARNING", 25), ("HYBRIDE", 15)),
        ("97209", "97209", "97213", "97207", "97217", "97210"),
    ),
    DemoPartner(
        "MADININUM", "Madininum (démonstration)", "ORGANISME_FORMATION", "MAD",
        _from(START, "F01", "F02", "F03"), 6, 3, 9, 7,
        (("ATELIER", 35), ("WEBINAIRE", 15), ("ELEARNING", 40), ("HYBRIDE", 10)),
        ("97213", "97222", "97228", "97230", "97209"),
    ),
    DemoPartner(
        "KABIA", "Kabia (démonstration)", "STARTUP", "KB",
        _from("2024-04", "F01", "F02", "F03") | _from("2025-01", "F05", "F06"), 4, 3, 8, 5,
        (("ATELIER", 45), ("WEBINAIRE", 30), ("ELEARNING", 15), ("HYBRIDE", 10)),
        ("97213", "97217", "97220", "97229"), siren="083616672",
    ),
    DemoPartner(
        "LAB-SUD", "Lab Sud (démonstration)", "STARTUP", "LS",
        _from("2024-07", "F01", "F02", "F03") | _from("2025-01", "F05", "F06", "F10"), 6, 2, 9, 4,
        (("ATELIER", 50), ("WEBINAIRE", 20), ("ELEARNING", 10), ("HYBRIDE", 20)),
        ("97217", "97221", "97227", "97231", "97232"), siren="083695866",
    ),
    DemoPartner(
        "CLUSTER972", "Cluster 972 (démonstration)", "CLUSTER", "CL",
        _from(START, "F01", "F02", "F08", "F09", "F14", "F15") | _from("2025-01", "F05"), 9, 2, 10, 0,
        (("WEBINAIRE", 60), ("ATELIER", 30), ("HYBRIDE", 10)), ("97209", "97229"),
    ),
    DemoPartner(
        "EPCI-CENTRE", "EPCI Centre (démonstration)", "EPCI", "EPCI",
        _from("2024-09", "F01", "F02") | _from(START, "F05b"), 9, 2, 8, 0, (("ATELIER", 85), ("WEBINAIRE", 15)), CENTRE,
    ),
    DemoPartner(
        "EPCI-SUD", "EPCI Sud (démonstration)", "EPCI", "ES", _from(START, "F05b"), 9, places=SUD, also=("F02",),
        has_convention=False,
    ),
    DemoPartner(
        "CAP-CONSEIL", "Cap Conseil (démonstration)", "CABINET", "CC", _from("2024-06", "F07"), 6, siren="092583244"
    ),
    DemoPartner(
        "FEDERATION972", "Fédération 972 (démonstration)", "FEDERATION", "FD", _from("2024-10", "F11", "F02"), 9,
        places=("97209", "97222", "97230", "97228", "97204", "97211"),
    ),
    DemoPartner("INSTITUT-SONDE", "Institut Sonde (démonstration)", "INSTITUT", "IS", _from(START, "F12"), 9),
    DemoPartner("FINANCE-MQ", "Finance MQ (démonstration)", "FINANCEUR", "FI", _from(START, "F13", "G05"), 9),
    DemoPartner(
        "COMITE-MQ", "Comité MQ (démonstration)", "SECRETARIAT", "CM", _from(START, "G01", "G02", "G03", "G04"), 9
    ),
)  # fmt: skip
BY_CODE = {partner.code: partner for partner in PARTNERS}
# days after its period's end on which a file that is not monthly comes
LATER = {"F05b": 11, "F13": 19}


@dataclass(slots=True)
class Session:
    """One session that is held, and what its partner's file says of it."""

    partner: str
    month: str
    session_id: str
    cells: dict[str, str]
    hours: int
    row: Row


@dataclass(slots=True)
class File:
    """One table that a partner delivers: a file, or one sheet of a workbook that holds several.

    Args:
        feed: empty when the name says no feed that we know.
        name: of the file in the drop; the sheets of one workbook share it.
        period: `2026-03`, `2025-T2`, `2026-S1` or `2026`; empty when the name says none.
        blocked: rule that refuses the whole file, if one does.
        content: its bytes, where they are not those of its rows.
        without, twice: an obligatory column that it lacks, one that it has twice.
        is_template: a sheet of a template that its partner filled in.
        is_held: it waits for a person, and counts nowhere until then.
    """

    partner: str
    feed: str
    name: str
    period: str
    received_on: dt.date
    rows: list[Row]
    version: int = 1
    part: int = 0
    blocked: str = ""
    content: bytes | None = None
    without: str = ""
    twice: str = ""
    is_template: bool = False
    is_held: bool = False

    @property
    def received_at(self) -> dt.datetime:
        """Ten in the morning in Martinique."""
        return dt.datetime.combine(self.received_on, dt.time(14), dt.UTC)

    @property
    def key(self) -> tuple[str, str, str]:
        """Partner, feed and period: what a version stands for."""
        return (self.partner, self.feed, self.period)


@dataclass(slots=True)
class Making:
    """Rows by (partner, feed, period) while they are made."""

    rng: random.Random
    people: list[Person]
    scale: int = 1
    sessions: list[Session] = field(default_factory=list)
    rows: dict[tuple[str, str, str], list[Row]] = field(default_factory=dict)
    # a person has one participation a day at most, so that the first entry is never in doubt
    days: set[tuple[int, str]] = field(default_factory=set)
    finished: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    @property
    def trainees(self) -> list[Person]:
        """Those who may follow sessions."""
        return self.people[: TRAINEES * self.scale]

    def add(self, partner: str, feed: str, period: str, row: Row) -> None:
        """One more record of a file to come."""
        self.rows.setdefault((partner, feed, period), []).append(row)


def bounds(period: str) -> Period:
    """First and last day of a period."""
    return _bounds(period)


@lru_cache(maxsize=512)
def _bounds(period: str) -> Period:
    return parse_period(period)


def month_end(month: str) -> dt.date:
    """Last day of a month written `2026-03`."""
    year, number = int(month[:4]), int(month[5:])
    return dt.date(year, number, calendar.monthrange(year, number)[1])


@dataclass(frozen=True, slots=True)
class Slot:
    """One delivery that is expected."""

    partner: str
    feed: str
    period: str
    start: dt.date
    end: dt.date
    due_on: dt.date


@lru_cache(maxsize=1)
def expected_slots() -> tuple[Slot, ...]:
    """Every delivery expected, those of the month that runs included though they are not due yet."""
    slots = []
    for partner in PARTNERS:
        for feed, since in partner.since.items():
            contract = load_contract(feed)
            if contract.due_days is None:
                continue
            for period in periods(contract.grain, dt.date.fromisoformat(f"{since}-01"), BUSINESS_DATE):
                due_on = period.end + dt.timedelta(days=contract.due_days)
                slots.append(Slot(partner.code, feed, period.text, period.start, period.end, due_on))
    return tuple(slots)


def draw(rng: random.Random, weighted: Iterable[tuple[str, int]]) -> str:
    """One of the values, by their weights."""
    values, weights = zip(*weighted, strict=True)
    return str(rng.choices(values, weights)[0])


def hours(hundredths: int) -> str:
    """Hours from hundredths of an hour, without useless zeros."""
    return f"{hundredths / 100:.2f}".rstrip("0").rstrip(".")


@lru_cache(maxsize=1)
def commune_names() -> Mapping[str, str]:
    """Code to name of the programme's communes."""
    return {code: name for code, (name, _, _) in communes().items()}


def name_person(rng: random.Random, partner: str, person: Person, row: Row, like: Row | None = None) -> None:
    """Write who the person is, as much as this row says; `like` another row, where both are one participation."""
    if like is not None:
        row.cells |= {name: like.cells[name] for name in IDENTITY}
        row.written = {name: text for name, text in like.written.items() if name in IDENTITY}
        return
    knows = rng.choice(("both", person.knows.split("/")[1])) if "/" in person.knows else person.knows
    at = [known.code for known in PARTNERS].index(partner)
    named = knows in {"both", "name", "two mails"}
    with_year = named or (person.number + at) % 2 == 0
    row.cells |= {
        "courriel": "" if knows == "name" else person.emails[at % len(person.emails)],
        "nom_naissance": person.birth_name if named else "",
        "prenom": person.first_name if named else "",
        "annee_naissance": str(person.birth_year) if with_year else "",
    }
    row.written = {}
    # the same person, written otherwise: capitals, no accents, a space too many
    if named and partner == "MADININUM":
        row.written |= {"nom_naissance": _without_accents(person.birth_name).upper()}
    if named and partner == "LAB-SUD" and person.number % 5 == 0:
        row.written |= {"prenom": _without_accents(person.first_name)}
    if row.cells["courriel"] and partner == "CLUSTER972" and person.number % 4 == 0:
        row.written |= {"courriel": f" {row.cells['courriel'].capitalize()} "}


def _without_accents(text: str) -> str:
    return "".join(plain(letter) if not letter.isascii() else letter for letter in text)
