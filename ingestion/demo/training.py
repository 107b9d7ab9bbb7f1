"""Training of the twin: sessions (F01), who follows them (F02), certifications (F03) and surveys (F04)."""

from __future__ import annotations

import datetime as dt
import itertools
import random

from ingestion.demo.files import Row
from ingestion.demo.making import (
    BY_CODE,
    CERTIFIED_ONLY,
    EMPLOYERS,
    MONTHS,
    PARTNERS,
    PROGRAMME,
    SPEAKERS,
    TRAINEES,
    DemoPartner,
    Making,
    Session,
    commune_names,
    draw,
    hours,
    month_end,
    name_person,
)
from ingestion.demo.people import Person

POSTCODES = {"97213": "97232", "97217": "97290", "97220": "97211", "97229": "97233"}
MISSING = {
    ("CLUSTER972", "F01", "2025-08"), ("CLUSTER972", "F02", "2025-08"), ("MADININUM", "F03", "2026-04"),
    ("EPCI-CENTRE", "F02", "2026-09"),
}  # fmt: skip
NIL = {("KABIA", "F03", "2025-08"), ("EPCI-CENTRE", "F01", "2026-08"), ("EPCI-CENTRE", "F02", "2026-08")}
# both partners number their sessions alike in these months: each row is about its own partner's session
SAME_NUMBERS = ("2025-06", "2025-07")
# a whole column of postcodes, each of one commune, and one postcode of three communes
POSTCODE_MONTH, DOUBTFUL_MONTH = ("KABIA", "2025-09"), ("CLUSTER972", "2026-05")
ALL_REFUSED = ("LAB-SUD", "F03", "2025-05")
# the modules of the catalogue are known once the cluster's first list has come
MODULES_FROM = "2024-05"
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
CHANNELS = (("DIRECT", 30), ("EPCI", 15), ("CLUSTER", 15), ("RECOMMANDATION", 20), ("FRANCE_TRAVAIL", 15), ("NR", 5))
CODES = {
    "FORMACARIB": ("RNCP90101", "RS90012", "INT-FC-IA1"), "MADININUM": ("RS90012", "RS90040"),
    "KABIA": ("INT-KB-BASES", "RS90040"), "LAB-SUD": ("INT-LS-ATELIER", "RNCP90101"),
}  # fmt: skip


def train(making: Making) -> None:
    """Rows of F01 to F04."""
    _hold_sessions(making)
    _follow_sessions(making)
    _send_public(making)
    _certify(making)
    _survey(making)


# ------------------------------------------------------------------------------------------------------------ sessions


def _hold_sessions(making: Making) -> None:
    for month, partner in itertools.product(MONTHS, PARTNERS):
        if not partner.trains or month < partner.since["F01"]:
            continue
        making.rows[partner.code, "F01", month] = []
        if {(partner.code, "F01", month)} & (MISSING | NIL):
            continue
        for number in range(1, partner.sessions * making.scale + 1):
            session = make_session(making.rng, partner, month, number)
            making.sessions.append(session)
            making.add(partner.code, "F01", month, session.row)


def make_session(rng: random.Random, partner: DemoPartner, month: str, number: int) -> Session:
    """One session of a partner's month."""
    mode = draw(rng, partner.modes)
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
    has_module = rng.random() < 0.3
    cells = {
        "programme_code": PROGRAMME if partner.code == "FORMACARIB" else "",
        "session_id": f"{prefix}-{month}-{number:02d}",
        "action_code": "MQ-A5" if partner.code == "EPCI-CENTRE" and rng.random() < 0.3 else "MQ-A1",
        "intitule": rng.choice(TITLES[mode]),
        "modalite": mode,
        "module_id": f"M-{partner.prefix}-{rng.randint(1, 3):02d}" if has_module and month >= MODULES_FROM else "",
        "date_debut": start.isoformat(),
        "date_fin": end.isoformat(),
        "duree_prevue_h": hours(planned),
        "code_commune": shown,
        "nom_commune": commune_names()[shown] if named else "",
        "places": str(rng.choice((30, 40, 60))),
        "partenaires_co": EMPLOYERS[0] if rng.random() < 0.1 else "",
        "public_cible": draw(rng, PUBLICS),
        "secteur_cible": draw(rng, SECTORS),
        "date_proposition": (start - dt.timedelta(days=rng.randint(20, 70))).isoformat() if rng.random() < 0.5 else "",
    }
    row = Row(cells, session_end=end.isoformat())
    if (partner.code, month) == POSTCODE_MONTH and shown:
        row.written["code_commune"] = POSTCODES[shown]
    return Session(partner.code, month, cells["session_id"], cells, planned, row)


# ------------------------------------------------------------------------------------------------------ participations


def _follow_sessions(making: Making) -> None:
    """Who comes: people have a partner of their own, come when they have entered, and go elsewhere too."""
    rng = making.rng
    trainees = making.trainees
    trainers = [partner for partner in PARTNERS if partner.trains]
    entry = [int(len(MONTHS) * rng.random() ** 1.2) for _ in trainees]
    homes = [
        rng.choices(trainers, [partner.sessions * partner.people for partner in trainers])[0].code for _ in trainees
    ]
    speakers = making.people[-SPEAKERS * making.scale :]
    by_month: dict[tuple[str, str], list[Session]] = {}
    for session in making.sessions:
        by_month.setdefault((session.month, session.partner), []).append(session)
    for (at, month), partner in itertools.product(enumerate(MONTHS), trainers):
        if month < partner.since["F02"]:
            continue
        making.rows.setdefault((partner.code, "F02", month), [])
        if (partner.code, "F02", month) in MISSING:
            continue
        known = [person for person in trainees if entry[person.number] <= at]
        weights = itertools.accumulate(
            person.activity * (6 if homes[person.number] == partner.code else 1)
            * (14 if entry[person.number] == at else 1)
            for person in known
        )  # fmt: skip
        cumulated = list(weights)
        season = {"08": 0.6, "12": 0.75}.get(month[5:], 1.0)
        for session in by_month.get((month, partner.code), []):
            size = round(partner.people * season * (0.8 + 0.022 * at) * rng.uniform(0.7, 1.3))
            chosen = dict.fromkeys(rng.choices(known, cum_weights=cumulated, k=size + 3))
            for person in list(chosen)[:size]:
                _follow(making, partner, session, person, at)
            if rng.random() < 0.15:
                _speak(making, partner, session, rng.choice(speakers))
    for key in NIL:
        making.rows[key] = []


def _follow(making: Making, partner: DemoPartner, session: Session, person: Person, at: int) -> None:
    rng = making.rng
    learns_alone = session.cells["modalite"] == "ELEARNING"
    status = draw(rng, (("TERMINE", 72), ("ABANDON", 11), ("ABSENT", 9), ("INSCRIT", 8)))
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
            name_person(rng, partner.code, person, later, like=row)
            making.add(partner.code, "F02", following, later)


def _speak(making: Making, partner: DemoPartner, session: Session, person: Person) -> None:
    if partner.code == "LAB-SUD":
        return
    row = _participation(making, session, person, 0, status="TERMINE")
    row.cells |= {
        "role": "ANIMATEUR",
        "duree_suivie_h": hours(session.hours),
        "date_fin_suivi": session.cells["date_fin"],
    }
    making.add(partner.code, "F02", session.month, row)


def _participation(
    making: Making, session: Session, person: Person, at: int, *, status: str, done_on: str = "", declared_by: str = ""
) -> Row:
    rng, partner = making.rng, BY_CODE[declared_by or session.partner]
    followed = ""
    if status == "TERMINE":
        followed = hours(session.hours * rng.choice((100, 100, 100, 75, 50)) // 100 // 25 * 25)
    elif status == "ABANDON":
        followed = hours(session.hours * rng.choice((20, 40)) // 100 // 25 * 25)
    elif status == "ABSENT" and rng.random() < 0.4:
        followed = "0"
    asks_little = partner.code == "CLUSTER972"
    row = Row(
        {
            "programme_code": PROGRAMME if partner.code == "FORMACARIB" else "",
            "objet_type": "" if partner.code == "KABIA" else "SESSION",
            "objet_id": session.session_id,
            **profile(rng, person, at, asks_little=asks_little),
            "statut": status,
            "duree_suivie_h": followed,
            "date_fin_suivi": done_on,
            "role": "PARTICIPANT" if partner.code == "MADININUM" else "",
        },
        person.number,
        session_end=session.cells["date_fin"],
    )
    name_person(rng, partner.code, person, row)
    return row


def profile(rng: random.Random, person: Person, at: int, *, asks_little: bool = False) -> dict[str, str]:
    """What a participation says of the person in month number `at`; some partners do not ask everything."""
    changed = person.later_status and at >= person.changes_month
    return {
        "sexe": "NR" if asks_little and rng.random() < 0.3 else person.sex,
        "statut_pro": person.later_status if changed else person.status,
        "niveau_diplome": "NR" if asks_little and rng.random() < 0.25 else person.level,
        "code_commune_residence": person.commune,
        "siren_employeur": rng.choice(EMPLOYERS) if rng.random() < 0.1 else "",
        "canal_orientation": draw(rng, CHANNELS),
    }


def _send_public(making: Making) -> None:
    """The EPCI sends people to another partner's sessions and declares them itself."""
    rng = making.rng
    there = {(row.person, row.cells["objet_id"]) for rows in making.rows.values() for row in rows if row.person >= 0}
    for at, month in enumerate(MONTHS):
        if ("EPCI-CENTRE", "F02", month) in MISSING | NIL or month == "2025-03":
            continue
        if month < BY_CODE["EPCI-CENTRE"].since["F02"]:
            continue
        held = [session for session in making.sessions if (session.partner, session.month) == ("FORMACARIB", month)]
        session = rng.choice(held)
        if session.cells["modalite"] == "ELEARNING":
            continue
        for person in rng.sample(making.trainees, 4):
            day = session.cells["date_fin"]
            if (person.number, session.session_id) in there or (person.number, day) in making.days:
                continue
            making.days.add((person.number, day))
            row = _participation(making, session, person, at, status="TERMINE", declared_by="EPCI-CENTRE")
            making.add("EPCI-CENTRE", "F02", month, row)


# ------------------------------------------------------------------------------------------------------ certifications


def _certify(making: Making) -> None:
    """Most people certified had finished a session of the partner; a few are known by their certification only."""
    rng, scale = making.rng, making.scale
    only = iter(making.people[TRAINEES * scale : (TRAINEES + CERTIFIED_ONLY) * scale] * 2)
    held: dict[tuple[str, str], list[str]] = {}
    for session in making.sessions:
        held.setdefault((session.partner, session.month), []).append(session.session_id)
    taken: set[tuple[int, str]] = set()
    for at, month in enumerate(MONTHS):
        for partner in [partner for partner in PARTNERS if partner.certified and month >= partner.since["F03"]]:
            rows = making.rows[partner.code, "F03", month] = []
            if (partner.code, "F03", month) in MISSING | NIL:
                continue
            ready = [number for when, number in making.finished.get(partner.code, []) if when <= month]
            size = (partner.certified + rng.randint(-2, 2)) * scale
            if (partner.code, "F03", month) == ALL_REFUSED:
                size = 2
            past = held.get((partner.code, MONTHS[at - 2]), []) if at >= 2 else []
            for _ in range(size):
                person = next(only, None) if rng.random() < 0.08 else None
                person = person or making.people[rng.choice(ready)]
                row = _certification(making, partner, person, month, past)
                day = (person.number, row.cells["date_presentation"])
                if day not in taken:
                    taken.add(day)
                    rows.append(row)


def _certification(making: Making, partner: DemoPartner, person: Person, month: str, past: list[str]) -> Row:
    rng = making.rng
    last = month_end(month)
    presented = last.replace(day=rng.randint(3, 26))
    result = draw(rng, (("OBTENU", 72), ("ECHEC", 18), ("PARTIEL", 10)))
    obtained = presented + dt.timedelta(days=rng.randint(0, 15))
    if month == MONTHS[-1]:
        obtained = min(obtained, last)
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
    name_person(rng, partner.code, person, row)
    return row


# ------------------------------------------------------------------------------------------------------------- surveys

SURVEYED = "FORMACARIB"


def _survey(making: Making) -> None:
    """Answers before, at the end and two to four months after, with a token where the person agreed to be followed."""
    rng = making.rng
    since = BY_CODE[SURVEYED].since["F04"]
    own = [session for session in making.sessions if session.partner == SURVEYED]
    for at, month in enumerate(MONTHS):
        if month < since:
            continue
        making.rows[SURVEYED, "F04", month] = []
        number = itertools.count(1)
        for session in own:
            answers: list[tuple[str, dt.date]] = []
            if session.month == month:
                start, end = (dt.date.fromisoformat(session.cells[name]) for name in ("date_debut", "date_fin"))
                size = rng.randint(1, 3)
                answers += [("AVANT", max(start - dt.timedelta(days=rng.randint(1, 9)), _first(month)))] * size
                answers += [("CHAUD", end + dt.timedelta(days=rng.randint(1, 3))) for _ in range(size)]
            elif at >= 3 and session.month == MONTHS[at - 3]:
                end = dt.date.fromisoformat(session.cells["date_fin"])
                low, high = (end + dt.timedelta(days=days) for days in (62, 118))
                answers += [("FROID", _between(rng, max(low, _first(month)), min(high, month_end(month))))]
            for place, (kind, day) in enumerate(answers):
                token = f"j{int(session.session_id.replace('FC-', '').replace('-', '')):x}{place % 3}"
                making.add(
                    SURVEYED,
                    "F04",
                    month,
                    make_answer(rng, session, kind, day, number=f"{month}-{next(number):03d}", token=token),
                )


def _first(month: str) -> dt.date:
    return dt.date.fromisoformat(f"{month}-01")


def _between(rng: random.Random, low: dt.date, high: dt.date) -> dt.date:
    return low + dt.timedelta(days=rng.randint(0, max((high - low).days, 0)))


def make_answer(rng: random.Random, session: Session, kind: str, day: dt.date, *, number: str, token: str) -> Row:
    """One answer to a survey on one session."""
    moment = dt.datetime.combine(day, dt.time(rng.randint(8, 19), rng.randint(0, 59)))
    return Row(
        {
            "programme_code": "",
            "enquete_id": f"SATISFACTION-{'2' if number >= '2025-07' else '1'}",
            "reponse_id": f"R-{number}",
            "type": kind,
            "session_id": session.session_id,
            "jeton_participant": token if rng.random() < 0.8 else "",
            "date_reponse": moment.isoformat(),
            "note_satisfaction": str(draw(rng, (("5", 45), ("4", 35), ("3", 13), ("2", 5), ("1", 2))))
            if kind == "CHAUD"
            else "",
            "score_connaissance": str(rng.randint(20, 70) if kind == "AVANT" else rng.randint(45, 95))
            if kind != "FROID"
            else "",
            "utilise_ia_travail": rng.choice(("true", "true", "false")) if kind == "FROID" else "",
        },
        session_end=session.cells["date_fin"],
    )
