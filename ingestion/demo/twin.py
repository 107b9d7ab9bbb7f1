"""The synthetic twin: two years of partners' files, the same bytes every time, mistakes included."""

from __future__ import annotations

import calendar
import csv
import datetime as dt
import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ingestion.demo.faults import CERTIFICATION_FAULTS, PARTICIPATION_FAULTS, SESSION_FAULTS, Fault, spoil, suits
from ingestion.demo.files import STYLES, Row, write
from ingestion.demo.people import Person, communes, make_people, plain

SEED = 97_200
BUSINESS_DATE = dt.date(2026, 11, 15)
PROGRAMME = "MQ"
MONTHS = tuple(f"{2024 + (10 + at) // 12}-{(10 + at) % 12 + 1:02d}" for at in range(24))
NAMES = {"F01": "sessions_formation", "F02": "participations", "F03": "certifications"}
TRAINEES, CERTIFIED_ONLY, SPEAKERS = 1_360, 60, 12
POSTCODES = {"97213": "97232", "97217": "97290", "97220": "97211", "97229": "97233"}
# well-known examples of valid numbers
EMPLOYERS = ("732829320", "404833048")


@dataclass(frozen=True, slots=True)
class DemoPartner:
    """One partner of the demonstration.

    Args:
        code: of its account; `prefix` opens the identifiers of its sessions.
        sessions: how many it holds in a month; `people` how many follow one, at first; `certified` how many it
            presents in a month.
        modes: modalities with their weights.
        places: communes where it holds them.
        delivers_on: day of the next month on which its files come.
    """

    code: str
    name: str
    kind: str
    feeds: tuple[str, ...]
    prefix: str
    sessions: int
    people: int
    certified: int
    modes: tuple[tuple[str, int], ...]
    places: tuple[str, ...]
    delivers_on: int


ALL, BASE = ("F01", "F02", "F03"), ("F01", "F02")
CENTRE = ("97209", "97213", "97224", "97229")
PARTNERS = (
    DemoPartner(
        "FORMACARIB", "Formacarib (démonstration)", "ORGANISME_FORMATION", ALL, "FC", 4, 9, 11,
        (("ATELIER", 40), ("WEBINAIRE", 20), ("ELEARNING", 25), ("HYBRIDE", 15)),
        ("97209", "97209", "97213", "97207", "97217", "97210"), 4,
    ),
    DemoPartner(
        "MADININUM", "Madininum (démonstration)", "ORGANISME_FORMATION", ALL, "MAD", 3, 9, 7,
        (("ATELIER", 35), ("WEBINAIRE", 15), ("ELEARNING", 40), ("HYBRIDE", 10)),
        ("97213", "97222", "97228", "97230", "97209"), 6,
    ),
    DemoPartner(
        "KABIA", "Kabia (démonstration)", "STARTUP", ALL, "KB", 3, 8, 5,
        (("ATELIER", 45), ("WEBINAIRE", 30), ("ELEARNING", 15), ("HYBRIDE", 10)),
        ("97213", "97217", "97220", "97229"), 4,
    ),
    DemoPartner(
        "LAB-SUD", "Lab Sud (démonstration)", "STARTUP", ALL, "LS", 2, 9, 4,
        (("ATELIER", 50), ("WEBINAIRE", 20), ("ELEARNING", 10), ("HYBRIDE", 20)),
        ("97217", "97221", "97227", "97231", "97232"), 6,
    ),
    DemoPartner(
        "CLUSTER972", "Cluster 972 (démonstration)", "CLUSTER", BASE, "CL", 2, 10, 0,
        (("WEBINAIRE", 60), ("ATELIER", 30), ("HYBRIDE", 10)), ("97209", "97229"), 9,
    ),
    DemoPartner(
        "EPCI-CENTRE", "EPCI Centre (démonstration)", "EPCI", BASE, "EPCI", 2, 8, 0,
        (("ATELIER", 85), ("WEBINAIRE", 15)), CENTRE, 9,
    ),
)  # fmt: skip
BY_CODE = {partner.code: partner for partner in PARTNERS}

MISSING = {
    ("CLUSTER972", "F01", "2025-08"), ("CLUSTER972", "F02", "2025-08"), ("MADININUM", "F03", "2026-04"),
    ("EPCI-CENTRE", "F02", "2026-09"),
}  # fmt: skip
NIL = {("KABIA", "F03", "2025-08"), ("EPCI-CENTRE", "F01", "2026-08"), ("EPCI-CENTRE", "F02", "2026-08")}
LATE = {
    ("KABIA", "F01", "2026-03"): dt.date(2026, 5, 12),
    ("KABIA", "F02", "2026-03"): dt.date(2026, 5, 12),
    ("KABIA", "F03", "2026-03"): dt.date(2026, 5, 12),
    # its participations came in time and wait for it, until day 20
    ("LAB-SUD", "F01", "2025-10"): dt.date(2025, 11, 17),
}
QUARTER, QUARTER_MONTHS = "2025-T2", ("2025-04", "2025-05", "2025-06")
# both partners number their sessions alike in these months: each row is about its own partner's session
SAME_NUMBERS = ("2025-06", "2025-07")
# a whole column of postcodes, each of one commune, and one postcode of three communes
POSTCODE_MONTH, DOUBTFUL_MONTH = ("KABIA", "2025-09"), ("CLUSTER972", "2026-05")
LACKS_COLUMN = {("EPCI-CENTRE", "F02", "2025-03"): "statut", ("MADININUM", "F03", "2025-02"): "resultat"}

FAULTS: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
    ("FORMACARIB", "F01"): {"2025-03": ("date impossible", "action inconnue"), "2026-05": ("courriel dans le titre",)},
    ("MADININUM", "F01"): {"2025-05": ("fin avant debut", "modalite hors liste"), "2025-11": ("duree en lettres",)},
    ("KABIA", "F01"): {"2025-04": ("intitule vide", "duree trop longue"), "2026-02": ("avant programme",)},
    ("LAB-SUD", "F01"): {"2025-07": ("intitule trop long", "partenaire faux"), "2026-06": ("salle sans commune",)},
    ("CLUSTER972", "F01"): {"2025-12": ("hors perimetre", "places en lettres"), "2026-05": ("code postal",)},
    ("EPCI-CENTRE", "F01"): {"2025-06": ("action inconnue", "date impossible")},
    ("FORMACARIB", "F02"): {
        "2025-01": ("sexe vide", "duree excessive"), "2025-04": ("statut hors liste", "date en lettres"),
        "2025-09": ("trop jeune", "inconnue", "doublon"), "2026-01": ("contradiction", "siren faux"),
        "2026-06": ("personne vide", "canal hors liste"), "2026-10": ("inconnue",),
    },
    ("MADININUM", "F02"): {
        "2024-12": ("niveau hors liste", "tronque"), "2025-06": ("duree vide", "date vide", "inconnue"),
        "2025-10": ("doublon", "duree en lettres", "hors periode"), "2026-05": ("commune inconnue", "sexe hors liste"),
        "2026-08": ("deux fautes",),
    },
    ("KABIA", "F02"): {
        "2025-02": ("statut vide", "siren faux"), "2025-08": ("tronque", "duree negative"),
        "2025-12": ("canal hors liste", "sexe vide", "duree excessive"), "2026-05": ("contradiction", "trop jeune"),
        "2026-09": ("inconnue", "inconnue"),
    },
    ("LAB-SUD", "F02"): {
        "2025-03": ("doublon", "personne vide"), "2026-01": ("tronque", "niveau hors liste"),
        "2026-07": ("deux fautes", "duree vide"), "2026-10": ("inconnue",),
    },
    ("CLUSTER972", "F02"): {
        "2025-02": ("commune inconnue", "duree excessive"), "2025-11": ("sexe hors liste", "inconnue", "doublon"),
        "2026-04": ("duree en lettres", "date en lettres"),
    },
    ("EPCI-CENTRE", "F02"): {
        "2025-05": ("statut vide", "niveau hors liste"), "2026-03": ("contradiction", "commune inconnue"),
        "2026-07": ("canal hors liste", "siren faux"),
    },
    ("FORMACARIB", "F03"): {
        "2025-06": ("date impossible", "obtention vide"), "2025-12": ("hors periode", "doublon"),
        "2026-07": ("code inconnu",),
    },
    ("MADININUM", "F03"): {"2025-07": ("resultat hors liste", "obtention avant"), "2026-06": ("trop jeune",)},
    ("KABIA", "F03"): {"2025-11": ("personne vide",), "2026-06": ("code inconnu", "doublon")},
    ("LAB-SUD", "F03"): {"2025-12": ("obtention vide",)},
}  # fmt: skip
# every certification of the file is refused: the file is received, and not accepted
ALL_REFUSED = ("LAB-SUD", "F03", "2025-05")


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
    """One file that a partner drops.

    Args:
        feed: empty when the name says no feed that we know.
        period: `2026-03` or `2025-T2`; empty when the name says none.
        blocked: rule that refuses the whole file, if one does.
        content: its bytes, where they are not those of its rows.
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

    @property
    def received_at(self) -> dt.datetime:
        """Ten in the morning in Martinique."""
        return dt.datetime.combine(self.received_on, dt.time(14), dt.UTC)


@dataclass(frozen=True, slots=True)
class Twin:
    """What was made: the files in the order of their reception, and the people in them."""

    directory: Path
    files: list[File]
    people: list[Person]


@dataclass(slots=True)
class _Making:
    """Rows by (partner, feed, month) while they are made."""

    rng: random.Random
    people: list[Person]
    sessions: list[Session] = field(default_factory=list)
    rows: dict[tuple[str, str, str], list[Row]] = field(default_factory=dict)
    # a person has one participation a day at most, so that the first entry is never in doubt
    days: set[tuple[int, str]] = field(default_factory=set)
    finished: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    def add(self, partner: str, feed: str, month: str, row: Row) -> None:
        self.rows.setdefault((partner, feed, month), []).append(row)


def generate(directory: Path) -> Twin:
    """Write the twin's files under `directory/files/<PARTNER>/` and `directory/manifest.csv`.

    Returns:
        The twin, with what each record is worth.
    """
    rng = random.Random(SEED)  # noqa: S311 - reproducible on purpose
    making = _Making(rng, make_people(TRAINEES + CERTIFIED_ONLY + SPEAKERS, rng))
    _hold_sessions(making)
    _follow_sessions(making)
    _send_public(making)
    _certify(making)
    _make_mistakes(making)
    files = sorted(_files(making), key=lambda file: (file.received_on, file.partner, file.name))
    _write(directory, files)
    return Twin(directory, files, making.people)


def personal_values(twin: Twin) -> list[str]:
    """Every e-mail, birth name and first name that a file of the twin holds, as it is written there."""
    values: set[str] = {"inscription.zurvalec@example.org"}
    for row in itertools.chain.from_iterable(file.rows for file in twin.files):
        for column in ("courriel", "nom_naissance", "prenom"):
            text = row.written.get(column, row.cells.get(column, "")).strip()
            if text:
                values.add(text)
    return sorted(values)


def month_end(month: str) -> dt.date:
    """Last day of a month written `2026-03`."""
    year, number = int(month[:4]), int(month[5:])
    return dt.date(year, number, calendar.monthrange(year, number)[1])


def _hours(quarters: int) -> str:
    """Hours from hundredths of an hour, without useless zeros."""
    return f"{quarters / 100:.2f}".rstrip("0").rstrip(".")


def _draw(rng: random.Random, weighted: Iterable[tuple[str, int]]) -> str:
    values, weights = zip(*weighted, strict=True)
    return str(rng.choices(values, weights)[0])


TITLES = {
    "WEBINAIRE": ("L'IA générative en une heure", "IA et relation client", "Choisir un outil d'IA"),
    "ATELIER": ("Automatiser son administratif", "Écrire avec l'IA", "Analyser ses données de vente"),
    "ELEARNING": ("Parcours découverte de l'IA", "Les bases de la donnée", "IA et métiers du tourisme"),
    "HYBRIDE": ("Référent IA en entreprise", "Conduire un projet d'IA", "IA pour la santé"),
}
PLANNED = {
    "WEBINAIRE": (100, 150, 200, 300), "ATELIER": (300, 350, 700, 1400), "ELEARNING": (400, 650, 1000),
    "HYBRIDE": (700, 1400, 2100),
}  # fmt: skip
LASTS = {"WEBINAIRE": (0, 0), "ATELIER": (0, 2), "ELEARNING": (8, 18), "HYBRIDE": (3, 9)}
SECTORS = (("TOUS", 30), ("TOURISME", 20), ("SANTE", 12), ("AGRICULTURE", 12), ("ENERGIE", 8), ("AUTRE", 10), ("", 8))
PUBLICS = (("TOUT_PUBLIC", 40), ("DIRIGEANTS", 15), ("SALARIES", 20), ("DEMANDEURS_EMPLOI", 15), ("", 10))


def _hold_sessions(making: _Making) -> None:
    for month, partner in itertools.product(MONTHS, PARTNERS):
        making.rows[partner.code, "F01", month] = []
        if {(partner.code, "F01", month)} & (MISSING | NIL):
            continue
        for number in range(1, partner.sessions + 1):
            session = _session(making.rng, partner, month, number)
            making.sessions.append(session)
            making.add(partner.code, "F01", month, session.row)


def _session(rng: random.Random, partner: DemoPartner, month: str, number: int) -> Session:
    mode = _draw(rng, partner.modes)
    commune = rng.choice(partner.places)
    if (partner.code, month) == POSTCODE_MONTH and number == 1:
        mode, commune = "ATELIER", "97217"
    if (partner.code, month) == DOUBTFUL_MONTH:
        mode = "WEBINAIRE"
    last = month_end(month)
    start = last.replace(day=rng.randint(1, 24))
    end = min(start + dt.timedelta(days=rng.randint(*LASTS[mode])), last)
    planned = rng.choice(PLANNED[mode])
    prefix = "S" if month in SAME_NUMBERS and partner.code in {"KABIA", "LAB-SUD"} else partner.prefix
    in_room = mode in {"ATELIER", "HYBRIDE"}
    # a webinar broadcast from somewhere is held at a distance all the same
    shown = (
        commune
        if in_room or (rng.random() < 0.12 and (partner.code, month) not in {POSTCODE_MONTH, DOUBTFUL_MONTH})
        else ""
    )
    named = shown and partner.code in {"FORMACARIB", "EPCI-CENTRE"}
    cells = {
        "programme_code": PROGRAMME if partner.code == "FORMACARIB" else "",
        "session_id": f"{prefix}-{month}-{number:02d}",
        "action_code": "MQ-A5" if partner.code == "EPCI-CENTRE" and rng.random() < 0.3 else "MQ-A1",
        "intitule": rng.choice(TITLES[mode]),
        "modalite": mode,
        "module_id": f"M-{partner.prefix}-{rng.randint(1, 9):02d}" if rng.random() < 0.3 else "",
        "date_debut": start.isoformat(),
        "date_fin": end.isoformat(),
        "duree_prevue_h": _hours(planned),
        "code_commune": shown,
        "nom_commune": communes_of_martinique()[shown] if named else "",
        "places": str(rng.choice((30, 40, 60))),
        "partenaires_co": EMPLOYERS[0] if rng.random() < 0.1 else "",
        "public_cible": _draw(rng, PUBLICS),
        "secteur_cible": _draw(rng, SECTORS),
        "date_proposition": (start - dt.timedelta(days=rng.randint(20, 70))).isoformat() if rng.random() < 0.5 else "",
    }
    row = Row(cells, session_end=end.isoformat())
    if (partner.code, month) == POSTCODE_MONTH and shown:
        row.written["code_commune"] = POSTCODES[shown]
    return Session(partner.code, month, cells["session_id"], cells, planned, row)


def communes_of_martinique() -> dict[str, str]:
    """Code to name of the communes."""
    if not _COMMUNES:
        _COMMUNES.update({code: name for code, (name, _, _) in communes().items()})
    return _COMMUNES


_COMMUNES: dict[str, str] = {}


def _follow_sessions(making: _Making) -> None:
    """Who comes: people have a partner of their own, come when they have entered, and go elsewhere too."""
    rng = making.rng
    trainees = making.people[:TRAINEES]
    entry = [int(len(MONTHS) * rng.random() ** 1.2) for _ in trainees]
    homes = [
        rng.choices(PARTNERS, [partner.sessions * partner.people for partner in PARTNERS])[0].code for _ in trainees
    ]
    speakers = making.people[-SPEAKERS:]
    for at, month in enumerate(MONTHS):
        known = [person for person in trainees if entry[person.number] <= at]
        season = {"08": 0.6, "12": 0.75}.get(month[5:], 1.0)
        for session in [session for session in making.sessions if session.month == month]:
            partner = BY_CODE[session.partner]
            making.rows.setdefault((partner.code, "F02", month), [])
            if (partner.code, "F02", month) in MISSING:
                continue
            weights = [
                person.activity * (6 if homes[person.number] == partner.code else 1)
                * (14 if entry[person.number] == at else 1)
                for person in known
            ]  # fmt: skip
            size = round(partner.people * season * (0.85 + 0.03 * at) * rng.uniform(0.7, 1.3))
            chosen = dict.fromkeys(rng.choices(known, weights, k=size + 3))
            for person in list(chosen)[:size]:
                _follow(making, partner, session, person, at)
            if rng.random() < 0.15:
                _speak(making, partner, session, rng.choice(speakers))
    for key in NIL:
        making.rows[key] = []


def _follow(making: _Making, partner: DemoPartner, session: Session, person: Person, at: int) -> None:
    rng = making.rng
    learns_alone = session.cells["modalite"] == "ELEARNING"
    status = _draw(rng, (("TERMINE", 72), ("ABANDON", 11), ("ABSENT", 9), ("INSCRIT", 8)))
    done_on = ""
    if learns_alone and status in {"TERMINE", "ABANDON"}:
        start, end = (dt.date.fromisoformat(session.cells[name]) for name in ("date_debut", "date_fin"))
        done_on = (start + dt.timedelta(days=rng.randint(1, max((end - start).days, 1)))).isoformat()
    day = done_on or session.cells["date_fin"]
    if (person.number, day) in making.days:
        return
    making.days.add((person.number, day))
    row = _participation(making, session, person, at, status=status, done_on=done_on)
    making.add(partner.code, "F02", session.month, row)
    if status == "TERMINE":
        making.finished.setdefault(partner.code, []).append((session.month, person.number))
    following = MONTHS[at + 1] if at + 1 < len(MONTHS) else ""
    finishes_later = learns_alone and status == "INSCRIT" and "F03" in partner.feeds and following
    if finishes_later and rng.random() < 0.6 and (partner.code, following) != ("KABIA", "2025-08"):
        late = f"{following}-{rng.randint(2, 27):02d}"
        if (person.number, late) not in making.days:
            making.days.add((person.number, late))
            later = _participation(making, session, person, at + 1, status="TERMINE", done_on=late)
            _name(rng, partner, person, later, like=row)
            making.add(partner.code, "F02", following, later)


def _speak(making: _Making, partner: DemoPartner, session: Session, person: Person) -> None:
    if partner.code == "LAB-SUD":
        return
    row = _participation(making, session, person, 0, status="TERMINE")
    row.cells |= {
        "role": "ANIMATEUR",
        "duree_suivie_h": _hours(session.hours),
        "date_fin_suivi": session.cells["date_fin"],
    }
    making.add(partner.code, "F02", session.month, row)


def _participation(
    making: _Making, session: Session, person: Person, at: int, *, status: str, done_on: str = "", declared_by: str = ""
) -> Row:
    rng, partner = making.rng, BY_CODE[declared_by or session.partner]
    followed = ""
    if status == "TERMINE":
        followed = _hours(session.hours * rng.choice((100, 100, 100, 75, 50)) // 100 // 25 * 25)
    elif status == "ABANDON":
        followed = _hours(session.hours * rng.choice((20, 40)) // 100 // 25 * 25)
    elif status == "ABSENT" and rng.random() < 0.4:
        followed = "0"
    asks_little = partner.code == "CLUSTER972"
    changed = person.later_status and at >= person.changes_month
    row = Row(
        {
            "programme_code": PROGRAMME if partner.code == "FORMACARIB" else "",
            "objet_type": "" if partner.code == "KABIA" else "SESSION",
            "objet_id": session.session_id,
            "sexe": "NR" if asks_little and rng.random() < 0.3 else person.sex,
            "statut_pro": person.later_status if changed else person.status,
            "niveau_diplome": "NR" if asks_little and rng.random() < 0.25 else person.level,
            "code_commune_residence": person.commune,
            "siren_employeur": rng.choice(EMPLOYERS) if rng.random() < 0.1 else "",
            "canal_orientation": _draw(
                rng,
                (
                    ("DIRECT", 30),
                    ("EPCI", 15),
                    ("CLUSTER", 15),
                    ("RECOMMANDATION", 20),
                    ("FRANCE_TRAVAIL", 15),
                    ("NR", 5),
                ),
            ),
            "statut": status,
            "duree_suivie_h": followed,
            "date_fin_suivi": done_on,
            "role": "PARTICIPANT" if partner.code == "MADININUM" else "",
        },
        person.number,
        session_end=session.cells["date_fin"],
    )
    _name(rng, partner, person, row)
    return row


IDENTITY = ("courriel", "nom_naissance", "prenom", "annee_naissance")


def _name(rng: random.Random, partner: DemoPartner, person: Person, row: Row, like: Row | None = None) -> None:
    """Write who the person is, as much as this row says; `like` another row, where both are one participation."""
    if like is not None:
        row.cells |= {name: like.cells[name] for name in IDENTITY}
        row.written = {name: text for name, text in like.written.items() if name in IDENTITY}
        return
    knows = rng.choice(("both", person.knows.split("/")[1])) if "/" in person.knows else person.knows
    at = [known.code for known in PARTNERS].index(partner.code)
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
    if named and partner.code == "MADININUM":
        row.written |= {"nom_naissance": _without_accents(person.birth_name).upper()}
    if named and partner.code == "LAB-SUD" and person.number % 5 == 0:
        row.written |= {"prenom": _without_accents(person.first_name)}
    if row.cells["courriel"] and partner.code == "CLUSTER972" and person.number % 4 == 0:
        row.written |= {"courriel": f" {row.cells['courriel'].capitalize()} "}


def _without_accents(text: str) -> str:
    return "".join(plain(letter) if not letter.isascii() else letter for letter in text)


def _send_public(making: _Making) -> None:
    """The EPCI sends people to another partner's sessions and declares them itself."""
    rng = making.rng
    there = {(row.person, row.cells["objet_id"]) for rows in making.rows.values() for row in rows if row.person >= 0}
    for at, month in enumerate(MONTHS):
        if ("EPCI-CENTRE", "F02", month) in MISSING | NIL or month == "2025-03":
            continue
        held = [session for session in making.sessions if (session.partner, session.month) == ("FORMACARIB", month)]
        session = rng.choice(held)
        if session.cells["modalite"] == "ELEARNING":
            continue
        for person in rng.sample(making.people[:TRAINEES], 4):
            day = session.cells["date_fin"]
            if (person.number, session.session_id) in there or (person.number, day) in making.days:
                continue
            making.days.add((person.number, day))
            row = _participation(making, session, person, at, status="TERMINE", declared_by="EPCI-CENTRE")
            making.add("EPCI-CENTRE", "F02", month, row)


CODES = {
    "FORMACARIB": ("RNCP90101", "RS90012", "INT-FC-IA1"), "MADININUM": ("RS90012", "RS90040"),
    "KABIA": ("INT-KB-BASES", "RS90040"), "LAB-SUD": ("INT-LS-ATELIER", "RNCP90101"),
}  # fmt: skip


def _certify(making: _Making) -> None:
    """Most people certified had finished a session of the partner; a few are known by their certification only."""
    rng = making.rng
    only = iter(making.people[TRAINEES : TRAINEES + CERTIFIED_ONLY] * 2)
    taken: set[tuple[int, str]] = set()
    for at, month in enumerate(MONTHS):
        for partner in [partner for partner in PARTNERS if partner.certified]:
            rows = making.rows[partner.code, "F03", month] = []
            if (partner.code, "F03", month) in MISSING | NIL:
                continue
            ready = [number for when, number in making.finished.get(partner.code, []) if when <= month]
            size = 2 if (partner.code, "F03", month) == ALL_REFUSED else partner.certified + rng.randint(-2, 2)
            for _ in range(size):
                person = next(only, None) if rng.random() < 0.1 else None
                person = person or making.people[rng.choice(ready)]
                row = _certification(making, partner, person, month, at)
                day = (person.number, row.cells["date_presentation"])
                if day not in taken:
                    taken.add(day)
                    rows.append(row)


def _certification(making: _Making, partner: DemoPartner, person: Person, month: str, at: int) -> Row:
    rng = making.rng
    last = month_end(month)
    presented = last.replace(day=rng.randint(3, 26))
    result = _draw(rng, (("OBTENU", 72), ("ECHEC", 18), ("PARTIEL", 10)))
    obtained = presented + dt.timedelta(days=rng.randint(0, 15))
    if at == len(MONTHS) - 1:
        obtained = min(obtained, last)
    past = [
        session.session_id
        for session in making.sessions[max(0, len(PARTNERS) * 3 * (at - 6)) :]
        if session.partner == partner.code and at >= 2 and session.month == MONTHS[at - 2]
    ]
    row = Row(
        {
            "programme_code": "",
            "certification_code": rng.choice(CODES[partner.code]),
            "date_presentation": presented.isoformat(),
            "resultat": result,
            "date_obtention": obtained.isoformat() if result == "OBTENU" else "",
            "session_id": rng.choice(past) if past and rng.random() < 0.3 else "",
        },
        person.number,
    )
    _name(rng, partner, person, row)
    return row


def _make_mistakes(making: _Making) -> None:
    for (partner, feed), months in FAULTS.items():
        for month, kinds in months.items():
            rows = making.rows[partner, feed, month]
            for number, kind in enumerate(kinds):
                if feed == "F01":
                    _bad_session(making, partner, month, kind, number)
                else:
                    _bad_row(
                        making.rng, rows, PARTICIPATION_FAULTS if feed == "F02" else CERTIFICATION_FAULTS, kind, number
                    )
    for row in making.rows[ALL_REFUSED]:
        spoil(row, CERTIFICATION_FAULTS["code inconnu"], "code inconnu")
    for row in making.rows["LAB-SUD", "F02", MONTHS[-1]] + making.rows["FORMACARIB", "F02", MONTHS[-1]]:
        # day 20 of November has not come: these wait on
        if row.rules == (("objet_id", "REFERENCE-INCONNUE"),):
            row.rules, row.state = (), "awaiting"


def _bad_session(making: _Making, partner: str, month: str, kind: str, number: int) -> None:
    """A session that nobody follows, so that its refusal costs nothing else."""
    session = _session(making.rng, BY_CODE[partner], month, 80 + number)
    session.cells |= {"modalite": "WEBINAIRE", "code_commune": "", "nom_commune": "", "date_proposition": ""}
    session.row.written.clear()
    spoil(session.row, SESSION_FAULTS[kind], kind)
    making.add(partner, "F01", month, session.row)


def _bad_row(rng: random.Random, rows: list[Row], faults: dict[str, Fault], kind: str, number: int) -> None:
    clean = [row for row in rows if not row.rules and row.mended is None and row.cells.get("role") != "ANIMATEUR"]
    if kind in {"doublon", "contradiction", "tronque", "inconnue"}:
        row = rng.choice(clean)
        row.mended = row.copy()
        _bad_shape(row, rows, kind, number)
        return
    fault = faults[kind]
    row = rng.choice([row for row in clean if suits(row, fault)])
    spoil(row, fault, kind)


def _bad_shape(row: Row, rows: list[Row], kind: str, number: int) -> None:
    if kind == "tronque":
        row.keeps, row.rules, row.state = 6, (("", "ENREGISTREMENT-TRONQUE"),), "refused"
    elif kind == "inconnue":
        row.cells["objet_id"] = f"INCONNUE-{number + 1}"
        row.rules, row.state = (("objet_id", "REFERENCE-INCONNUE"),), "refused"
    else:
        twice = row.copy()
        rows.append(twice)
        twice.state = "refused"
        twice.rules = (("", "DOUBLON"),)
        if kind == "contradiction":
            column, other = ("canal_orientation", "NR" if row.cells["canal_orientation"] != "NR" else "DIRECT")
            twice.cells[column] = other
            row.state = "refused"
            row.rules = twice.rules = (("", "CLE-CONTRADICTOIRE"),)


def _files(making: _Making) -> Iterable[File]:
    for (partner, feed, month), rows in making.rows.items():
        key = (partner, feed, month)
        if key in MISSING or (partner == "CLUSTER972" and month in QUARTER_MONTHS):
            continue
        file = _file(key, rows, LATE.get(key) or _after(month, BY_CODE[partner].delivers_on))
        yield from _as_it_went(file)
    for feed in BASE:
        rows = [row for month in QUARTER_MONTHS for row in making.rows["CLUSTER972", feed, month]]
        yield _file(("CLUSTER972", feed, QUARTER), rows, dt.date(2025, 7, 9))
    yield from _wrong_files(making)


def _file(key: tuple[str, str, str], rows: list[Row], received_on: dt.date, *, version: int = 1, part: int = 0) -> File:
    partner, feed, period = key
    suffix = f".rejets{part}" if part else ""
    name = f"{feed}_{NAMES[feed]}__{partner}__{period}__v{version}{suffix}.{STYLES[partner].extension}"
    if key == ("MADININUM", "F02", "2025-03"):
        name = name.lower().replace("__", " __ ")
    return File(partner, feed, name, period, received_on, rows, version, part)


def _after(month: str, day: int) -> dt.date:
    return month_end(month) + dt.timedelta(days=day)


def _as_it_went(file: File) -> Iterable[File]:
    """The file, and what follows it: a corrected version, the refused rows mended, or a first try that failed."""
    key = (file.partner, file.feed, file.period)
    again = [row.mended or row.copy() for row in file.rows if not _is_copy(row)]
    if key in LACKS_COLUMN:
        column = LACKS_COLUMN[key]
        file.blocked, file.without = "COLONNE-MANQUANTE", column
        if file.feed == "F02":
            yield _file(key, again, file.received_on + dt.timedelta(days=3), version=2)
    elif key == ("LAB-SUD", "F03", "2025-09"):
        file.blocked, file.content, file.rows = "FICHIER-VIDE", b"", []
    elif key == ("FORMACARIB", "F03", "2026-02"):
        file.blocked, file.content, file.rows = "FICHIER-ILLISIBLE", b"PK\x03\x04" + bytes(range(256)) * 8, []
        yield _file(key, again, file.received_on + dt.timedelta(days=2), version=2)
    elif key == ("FORMACARIB", "F02", "2025-04"):
        del again[5:7]
        done = next(row for row in again if row.cells["statut"] == "TERMINE" and row.cells["duree_suivie_h"] != "1")
        done.cells["duree_suivie_h"] = "1"
        yield _file(key, again, dt.date(2025, 6, 5), version=2)
    elif key == ("MADININUM", "F01", "2026-01"):
        for row in again:
            row.cells["secteur_cible"] = "SANTE"
        first_again = [row.copy() for row in file.rows]
        yield _file(key, again, dt.date(2026, 2, 20), version=2)
        older = _file(key, first_again[:-1], dt.date(2026, 3, 2))
        older.blocked = "VERSION-ANCIENNE"
        yield older
    elif key == ("LAB-SUD", "F03", "2026-03"):
        changed = next(row for row in again if row.cells["resultat"] == "OBTENU")
        changed.cells |= {"resultat": "ECHEC", "date_obtention": ""}
        yield _file(key, again, dt.date(2026, 5, 20), version=2)
    elif key in {("KABIA", "F02", "2025-12"), ("MADININUM", "F02", "2026-05")}:
        mended = [row.mended for row in file.rows if row.state == "refused" and row.mended is not None]
        yield _file(key, mended, file.received_on + dt.timedelta(days=6), part=1)
    yield file


def _is_copy(row: Row) -> bool:
    return row.rules == (("", "DOUBLON"),)


def _wrong_files(making: _Making) -> Iterable[File]:
    """Files that are refused as a whole, beside those that were expected."""
    rows = making.rows
    unreadable: list[tuple[str, str, dt.date, str, bytes]] = [
        ("LAB-SUD", "liste des inscrits mars.csv", dt.date(2025, 4, 6), "NOM-INCONNU", b"nom,session\nmars,1\n"),
        ("KABIA", "F99_inscriptions__KABIA__2025-06__v1.csv", dt.date(2025, 7, 4), "NOM-INCONNU", b"nom;session\r\n"),
        (
            "EPCI-CENTRE",
            "F02_participations__EPCI-CENTRE__2025-10__v1.pdf",
            dt.date(2025, 11, 9),
            "FORMAT-NON-PRIS",
            b"%PDF-1.4\n",
        ),
    ]
    for partner, name, day, rule_id, content in unreadable:
        yield File(partner, "", name, "", day, [], blocked=rule_id, content=content)
    # partner, the code and the period that the name says, the day, the rule and the rows
    misplaced: list[tuple[str, tuple[str, str, str], dt.date, str, list[Row]]] = [
        (
            "KABIA",
            ("FORMACARIB", "F01", "2025-05"),
            dt.date(2025, 6, 4),
            "PARTENAIRE-DIFFERENT",
            rows["FORMACARIB", "F01", "2025-05"],
        ),
        (
            "CLUSTER972",
            ("CLUSTER972", "F03", "2025-11"),
            dt.date(2025, 12, 9),
            "FLUX-NON-PREVU",
            rows["LAB-SUD", "F03", "2025-11"],
        ),
        (
            "CLUSTER972",
            ("CLUSTER972", "F02", "2025-05"),
            dt.date(2025, 7, 15),
            "PERIODE-CHEVAUCHE",
            rows["CLUSTER972", "F02", "2025-05"],
        ),
        ("FORMACARIB", ("FORMACARIB", "F01", "2027-01"), dt.date(2026, 11, 4), "PERIODE-FUTURE", []),
    ]
    for partner, (named, feed, period), day, rule_id, copied in misplaced:
        name = f"{feed}_{NAMES[feed]}__{named}__{period}__v1.{STYLES[partner].extension}"
        yield File(partner, feed, name, period, day, [row.copy() for row in copied], blocked=rule_id)


def _write(directory: Path, files: list[File]) -> None:
    for partner in BY_CODE:
        (directory / "files" / partner).mkdir(parents=True, exist_ok=True)
    for file in files:
        data = write(file.feed, STYLES[file.partner], file.rows, file.without) if file.content is None else file.content
        (directory / "files" / file.partner / stored_name(file)).write_bytes(data)
    with (directory / "manifest.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["partner", "file", "stored_as", "received_at"])
        writer.writerows(
            [file.partner, file.name, stored_name(file), file.received_at.strftime("%Y-%m-%dT%H:%M:%SZ")]
            for file in files
        )


def stored_name(file: File) -> str:
    """Name under `files/`: the drop's, save for a name that comes twice."""
    return f"{file.name}.2" if file.blocked == "VERSION-ANCIENNE" else file.name
