"""Who took part in what, and each person as they were at their first entry into the programme."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ingestion.demo.files import Row
from ingestion.demo.in_force import rows_in_force
from ingestion.demo.making import File
from ingestion.demo.people import communes
from ingestion.demo.truth_cells import OUTSIDE, UNKNOWN

# feed, column of the identifier and column of the day, by kind of object
OBJECTS = {
    "SESSION": ("F01", "session_id", "date_fin"),
    "EVENEMENT": ("F08", "evenement_id", "date"),
    "ACTION": ("F11", "action_id", "date"),
}
Object = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Participation:
    """One accepted row of F02.

    Args:
        about: cells of the session, event or action; `object_key` its kind, partner and identifier.
        on: the day of the participation.
        cells: what the row itself says.
    """

    person: int
    partner: str
    object_key: Object
    about: Mapping[str, str]
    on: dt.date
    cells: Mapping[str, str]
    age: str
    place: tuple[bytes, int]

    @property
    def kind(self) -> str:
        """`SESSION`, `EVENEMENT` or `ACTION`."""
        return self.object_key[0]

    @property
    def is_done(self) -> bool:
        """Whether the person finished."""
        return self.cells["statut"] == "TERMINE"

    @property
    def is_participant(self) -> bool:
        """Whether the person came to learn or to meet, not to teach."""
        return (self.cells["role"] or "PARTICIPANT") == "PARTICIPANT"


@dataclass(frozen=True, slots=True)
class Profile:
    """A person at first entry."""

    age: str
    sex: str
    status: str
    level: str
    commune: str
    epci: str

    @property
    def members(self) -> tuple[str, ...]:
        """The person's members of the axes of people."""
        return (f"AGE:{self.age}", f"SEXE:{self.sex}", f"STATUT:{self.status}", f"NIVEAU:{self.level}")


def participations(in_force: Sequence[File]) -> list[Participation]:
    """Who took part in a session, an event or an action, each of the partner's own or else of another's."""
    objects: dict[Object, Mapping[str, str]] = {}
    owners: dict[tuple[str, str], str] = {}
    for kind, (feed, identifier, _) in OBJECTS.items():
        for file, row in rows_in_force(in_force, feed):
            objects.setdefault((kind, file.partner, row.cells[identifier]), row.cells)
    for kind, partner, name in sorted(objects):
        owners.setdefault((kind, name), partner)
    found = []
    for file, row in rows_in_force(in_force, "F02"):
        kind, name = row.cells["objet_type"] or "SESSION", row.cells["objet_id"]
        owner = file.partner if (kind, file.partner, name) in objects else owners.get((kind, name), "")
        about = objects.get((kind, owner, name))
        if about is None:
            continue
        day = row.cells["date_fin_suivi"] or about[OBJECTS[kind][2]]
        found.append(
            Participation(
                row.person, file.partner, (kind, owner, name), about, dt.date.fromisoformat(day), row.cells,
                age_band(file, row), _place(file, row),
            )
        )  # fmt: skip
    return found


def profiles(in_force: Sequence[File]) -> dict[int, Profile]:
    """Each person at first entry: by a session, else an event or an action; else only an age is known of them."""
    known: dict[int, Profile] = {}
    entries = sorted(participations(in_force), key=lambda entry: (entry.kind != "SESSION", entry.on, entry.place))
    for entry in entries:
        if entry.person not in known:
            cells = entry.cells
            known[entry.person] = Profile(
                entry.age,
                cells["sexe"] or UNKNOWN,
                cells["statut_pro"] or UNKNOWN,
                cells["niveau_diplome"] or UNKNOWN,
                *residence(cells["code_commune_residence"]),
            )
    for feed, day in (("F03", "date_presentation"), ("F09", "date_adhesion")):
        said = sorted(rows_in_force(in_force, feed), key=lambda told: (told[1].cells[day], _place(*told)))
        for file, row in said:
            known.setdefault(row.person, Profile(age_band(file, row), *[UNKNOWN] * 5))
    return known


def age_band(file: File, row: Row) -> str:
    """Age band in the year of the file's period."""
    if not row.cells["annee_naissance"]:
        return UNKNOWN
    age = int(file.period[:4]) - int(row.cells["annee_naissance"])
    return "15-29" if age < 30 else "30-44" if age < 45 else "45-59" if age < 60 else "60+"


def residence(commune: str) -> tuple[str, str]:
    """Commune and EPCI of a residence, or that it is unknown or outside the perimeter."""
    if not commune:
        return UNKNOWN, UNKNOWN
    places = communes()
    return (commune, places[commune][1]) if commune in places else (OUTSIDE, OUTSIDE)


def venue(commune: str, *, otherwise: str = UNKNOWN) -> tuple[str, str]:
    """Commune and EPCI of where something took place, or the code of what has no commune."""
    return (commune, communes()[commune][1]) if commune in communes() else (otherwise, otherwise)


def _place(file: File, row: Row) -> tuple[bytes, int]:
    """Where a row stands among those of one day: by delivery, then by line."""
    return f"{file.feed}-{file.partner}-{file.period}-v{file.version}".encode(), row.line


def trained(rows: Sequence[Participation]) -> Iterator[Participation]:
    """Participations of people trained: a session finished, with two hours followed or more."""
    return (
        row
        for row in rows
        if row.kind == "SESSION" and row.is_participant and row.is_done and float(row.cells["duree_suivie_h"] or 0) >= 2
    )
