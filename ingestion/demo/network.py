"""Events, networks, awareness and opinion of the twin: F08, F09, F11, F12, and who came to them (F02)."""

from __future__ import annotations

import datetime as dt
import random

from ingestion.demo.companies import make_company
from ingestion.demo.files import Row
from ingestion.demo.making import (
    BY_CODE,
    EPCIS,
    MONTHS,
    QUARTERS,
    Making,
    bounds,
    draw,
    month_end,
    name_person,
)
from ingestion.demo.people import Person
from ingestion.demo.training import MISSING, profile

CLUSTER, FEDERATION, INSTITUTE = "CLUSTER972", "FEDERATION972", "INSTITUT-SONDE"
NETWORKS = ("RES-IA", "CLUB-TOURISME", "CLUB-SANTE")
# networks are known once the cluster's first list has come
NETWORKS_FROM = "2024-05"
EVENTS = (("RENCONTRE", 35), ("ATELIER", 20), ("CONFERENCE", 18), ("FORUM", 10), ("HACKATHON", 7), ("CONCOURS", 10))
REGULARS = 30
RESPONDENTS = 500
ADULTS = 300_000


def meet(making: Making) -> None:
    """Rows of the feeds about meeting, and the participations in them."""
    _events(making)
    _members(making)
    _awareness(making)
    _barometer(making)


# -------------------------------------------------------------------------------------------------------------- events


def _events(making: Making) -> None:
    rng = making.rng
    for at, month in enumerate(MONTHS):
        making.rows[CLUSTER, "F08", month] = []
        for number in range(1, 2 * making.scale + 1):
            row = make_event(rng, month, f"{number:02d}")
            making.add(CLUSTER, "F08", month, row)
            if row.cells["statut"] != "TENU" or (CLUSTER, "F02", month) in MISSING:
                continue
            people = rng.sample(making.trainees, rng.randint(4, 8))
            people += [one for one in rng.sample(_circle(making, row), 6) if one not in people]
            for person in people:
                attended = attendance(rng, person, at, CLUSTER, ("EVENEMENT", row.cells["evenement_id"]))
                making.add(CLUSTER, "F02", month, attended)
            # one event a year was told smaller than the people who signed
            if row.cells["effectif_declare"]:
                few = month.endswith("-03") and number == 1
                row.cells["effectif_declare"] = str(len(people) - 2 if few else len(people) + rng.randint(0, 40))


def _circle(making: Making, event: Row) -> list[Person]:
    """Those who come often to the events of a network; to the others comes who likes."""
    network = event.cells["reseau_id"]
    if not network:
        return making.trainees
    first = (200 + 16 * NETWORKS.index(network)) * making.scale
    return making.trainees[first : first + 16 * making.scale]


def make_event(rng: random.Random, month: str, number: str) -> Row:
    """One event of the cluster."""
    day = month_end(month).replace(day=rng.randint(2, 26))
    organiser = make_company(random.Random(CLUSTER), 995)  # noqa: S311 - reproducible on purpose
    return Row(
        {
            "programme_code": "",
            "evenement_id": f"E-{month}-{number}",
            "reseau_id": rng.choice(NETWORKS) if month >= NETWORKS_FROM and rng.random() < 0.6 else "",
            "type": draw(rng, EVENTS),
            "date": day.isoformat(),
            "code_commune": rng.choice(BY_CODE[CLUSTER].places),
            "statut": draw(rng, (("TENU", 88), ("ANNULE", 7), ("PREVU", 5))),
            "organisateurs": organiser.siren,
            "soutiens": EPCIS["CENTRE"] if rng.random() < 0.4 else "",
            "effectif_declare": "0" if rng.random() < 0.85 else "",
            "date_proposition": (day - dt.timedelta(days=rng.randint(15, 60))).isoformat()
            if rng.random() < 0.6
            else "",
        }
    )


def attendance(rng: random.Random, person: Person, at: int, partner: str, about: tuple[str, str]) -> Row:
    """Someone who came to an event or an action."""
    row = Row(
        {
            "programme_code": "",
            "objet_type": about[0],
            "objet_id": about[1],
            **profile(rng, person, at),
            "statut": "TERMINE",
            "duree_suivie_h": rng.choice(("1", "1.5", "2")),
            "date_fin_suivi": "",
            "role": "",
        },
        person.number,
    )
    name_person(rng, partner, person, row)
    return row


# ------------------------------------------------------------------------------------------------------------- members

ROLES = (("ENTREPRENEUR", 25), ("EXPERT", 40), ("JEUNE_DIPLOME", 15), ("MEDIATEUR", 10), ("AMBASSADEUR", 10))
# quarters after which one member in five leaves
STAYS = 3


def _members(making: Making) -> None:
    """Who belongs to the networks, a few more each quarter; mentors have a row a meeting."""
    rng = making.rng
    known: list[tuple[Person, Row]] = []
    pool = rng.sample(making.trainees, 4 * making.scale * len(QUARTERS))
    for quarter in QUARTERS:
        known += [
            (person, make_member(rng, quarter, person)) for person in (pool.pop() for _ in range(4 * making.scale))
        ]
        rows = making.rows[CLUSTER, "F09", quarter] = []
        for at, (person, model) in enumerate(known):
            row = model.copy()
            name_person(rng, CLUSTER, person, row)
            if at % 9 == 4:
                meeting = bounds(quarter).start + dt.timedelta(days=30 + at % 20)
                row.cells |= {
                    "binome_id": f"B-{at:02d}",
                    "date_seance": max(meeting.isoformat(), row.cells["date_adhesion"]),
                }
            told_in = QUARTERS.index(quarter)
            # members join in the order of their numbers, so many a quarter
            left_in = at // (4 * making.scale) + STAYS
            if at % 5 == 2 and told_in >= left_in:
                row.cells["date_sortie"] = bounds(QUARTERS[left_in]).end.isoformat()
            rows.append(row)


def make_member(rng: random.Random, quarter: str, person: Person) -> Row:
    """One member of a network, who joined in that quarter."""
    joined = bounds(quarter).start + dt.timedelta(days=rng.randint(0, 50))
    return Row(
        {
            "programme_code": "",
            "reseau_id": rng.choice(NETWORKS),
            "role": draw(rng, ROLES),
            "domaine": rng.choice(("", "données", "santé", "tourisme")),
            "date_adhesion": joined.isoformat(),
            "date_sortie": "",
            "binome_id": "",
            "date_seance": "",
        },
        person.number,
    )


# ----------------------------------------------------------------------------------------------------------- awareness

KINDS = (("SESSION", 55), ("GUIDE", 15), ("OUTIL_INCLUSION", 8), ("NOTE_VEILLE", 12), ("BENCHMARK", 5), ("JALON", 5))


def _awareness(making: Making) -> None:
    rng = making.rng
    for at, month in enumerate(MONTHS):
        if month < BY_CODE[FEDERATION].since["F11"]:
            continue
        making.rows[FEDERATION, "F11", month] = []
        making.rows.setdefault((FEDERATION, "F02", month), [])
        for number in range(1, 3 * making.scale + 1):
            rows = make_actions(rng, month, f"{number:02d}", first=number == 1)
            for row in rows:
                making.add(FEDERATION, "F11", month, row)
            cells = rows[0].cells
            if cells["type"] == "SESSION" and cells["statut"] == "TENU":
                for person in rng.sample(making.trainees, rng.randint(3, 6)):
                    attended = attendance(rng, person, at, FEDERATION, ("ACTION", cells["action_id"]))
                    making.add(FEDERATION, "F02", month, attended)


def make_actions(rng: random.Random, month: str, number: str, *, first: bool) -> list[Row]:
    """One action, on one row a public; the first one of a month is a session that was held."""
    kind = "SESSION" if first else draw(rng, KINDS)
    is_session = kind == "SESSION"
    publics = rng.sample(("SENIORS", "JEUNES", "ZONE_ENCLAVEE", "TOUT_PUBLIC"), 2 if is_session and first else 1)
    day = month_end(month).replace(day=rng.randint(2, 26))
    shared = {
        "programme_code": "",
        "action_id": f"AC-{month}-{number}",
        "type": kind,
        "theme": draw(rng, (("ETHIQUE", 25), ("USAGES", 30), ("DONNEE", 20), ("REGULATION", 15), ("BIAIS", 10))),
        "statut": "TENU" if first else draw(rng, (("TENU", 85), ("PREVU", 10), ("ANNULE", 5))),
        "date": day.isoformat(),
        "code_commune": rng.choice(BY_CODE[FEDERATION].places) if is_session else "",
        "url_livrable": "" if is_session else f"https://example.org/livrables/{month}-{number}",
    }
    return [
        Row(shared | {"public": public, "effectif_anonyme": str(rng.randint(0, 30)) if is_session else ""})
        for public in publics
    ]


# ----------------------------------------------------------------------------------------------------------- barometer


def _barometer(making: Making) -> None:
    rng = making.rng
    for year in ("2024", "2025"):
        size = RESPONDENTS * making.scale
        making.rows[INSTITUTE, "F12", year] = [
            make_respondent(rng, year, number, size) for number in range(1, size + 1)
        ]


def make_respondent(rng: random.Random, year: str, number: int, size: int) -> Row:
    """One person asked, whose weight makes the sample the size of the population."""
    used = (("JAMAIS", 48), ("MENSUEL", 20), ("HEBDO", 20), ("QUOTIDIEN", 12))
    return Row(
        {
            "programme_code": "",
            "vague": year,
            "repondant_id": f"Q{year}-{number:05d}",
            "poids": f"{ADULTS / size * (0.8 + 0.4 * (number % 2)):.2f}".rstrip("0").rstrip("."),
            "tranche_age": draw(
                rng, (("15-17", 4), ("18-29", 16), ("30-44", 24), ("45-59", 28), ("60-74", 20), ("75+", 8))
            ),
            "sexe": draw(rng, (("F", 53), ("M", 45), ("X", 1), ("NR", 1))),
            "code_epci": draw(rng, ((EPCIS["CENTRE"], 42), (EPCIS["SUD"], 31), (EPCIS["NORD"], 27))),
            "utilise_ia": draw(rng, used),
            "confiance": draw(rng, (("1", 10), ("2", 18), ("3", 34), ("4", 24), ("5", 8), ("NSP", 6))),
            "plan_sondage": "QUOTAS",
        }
    )
