"""Where the demonstration's partners go wrong: which mistake on which file, made so that its rules alone are broken."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ingestion.demo.committee import make_decision, make_milestone, make_proof, make_target
from ingestion.demo.companies import (
    journey_row,
    make_company,
    make_diagnostic,
    make_envelope,
    make_funding,
    make_gain,
    make_journey,
    make_module,
    make_phase,
    make_project,
    make_structure,
)
from ingestion.demo.faults import (
    CERTIFICATION_FAULTS,
    FEED_FAULTS,
    PARTICIPATION_FAULTS,
    SESSION_FAULTS,
    Fault,
    spoil,
    suits,
)
from ingestion.demo.files import Row
from ingestion.demo.making import BY_CODE, MONTHS, SUD, Making, bounds, month_end, name_person
from ingestion.demo.network import make_actions, make_event, make_member, make_respondent
from ingestion.demo.training import ALL_REFUSED, make_answer, make_session

# addresses that partners wrote where none belongs
DELIBERATE = ("inscription.zurvalec@example.org", "jeton.zurvalec@example.org", "sonde.zurvalec@example.org")
FAULTS: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
    ("FORMACARIB", "F01"): {
        "2025-03": ("date impossible", "action inconnue"), "2025-12": ("formule vide",),
        "2026-05": ("courriel dans le titre",),
    },
    ("MADININUM", "F01"): {"2025-05": ("fin avant debut", "modalite hors liste"), "2025-11": ("duree en lettres",)},
    ("KABIA", "F01"): {"2025-04": ("intitule vide", "duree trop longue"), "2026-02": ("avant programme",)},
    ("LAB-SUD", "F01"): {"2025-07": ("intitule trop long", "partenaire faux"), "2026-06": ("salle sans commune",)},
    ("CLUSTER972", "F01"): {"2025-12": ("hors perimetre", "places en lettres"), "2026-05": ("code postal",)},
    ("EPCI-CENTRE", "F01"): {"2025-06": ("action inconnue", "date impossible")},
    ("FORMACARIB", "F02"): {
        "2024-04": ("autre programme",),
        "2025-01": ("sexe vide", "duree excessive"), "2025-04": ("statut hors liste", "date en lettres"),
        "2025-09": ("trop jeune", "inconnue", "doublon"), "2026-01": ("contradiction", "siren faux"),
        "2026-06": ("personne vide", "canal hors liste"), "2026-10": ("inconnue",),
    },
    ("MADININUM", "F02"): {
        "2024-06": ("sexe hors liste",),
        "2024-12": ("niveau hors liste", "tronque"), "2025-06": ("duree vide", "date vide", "inconnue"),
        "2025-10": ("doublon", "duree en lettres", "hors periode"), "2026-05": ("commune inconnue", "sexe hors liste"),
        "2026-08": ("deux fautes",),
    },
    ("KABIA", "F02"): {
        "2024-09": ("doublon",),
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
    ("FEDERATION972", "F02"): {"2025-10": ("inconnue",)},
    ("FORMACARIB", "F03"): {
        "2025-06": ("date impossible", "obtention vide"), "2025-12": ("hors periode", "doublon"),
        "2026-07": ("code inconnu",),
    },
    ("MADININUM", "F03"): {"2025-07": ("resultat hors liste", "obtention avant"), "2026-06": ("trop jeune",)},
    ("KABIA", "F03"): {"2025-11": ("personne vide",), "2026-06": ("code inconnu", "doublon")},
    ("LAB-SUD", "F03"): {"2025-12": ("obtention vide",)},
    ("FORMACARIB", "F04"): {
        "2024-10": ("note trop haute", "heure impossible"), "2025-02": ("usage illisible", "courriel en jeton"),
        "2025-06": ("trop tot", "note en lettres"), "2025-11": ("inconnue", "doublon"), "2026-10": ("inconnue",),
    },
    ("KABIA", "F05"): {
        "2025-04": ("siren faux", "naf du tableur"), "2025-10": ("arret avant", "contradiction"),
        "2026-04": ("siret faux", "tronque"),
    },
    ("LAB-SUD", "F05"): {"2025-06": ("taille du tableur", "etapes en desordre"), "2026-02": ("doublon",)},
    ("CLUSTER972", "F05"): {"2025-08": ("hors perimetre", "naf faux"), "2026-01": ("orientation vide",)},
    ("EPCI-CENTRE", "F05b"): {"2025-T2": ("meme commune", "cas vide")},
    ("EPCI-SUD", "F05b"): {"2025-T4": ("cas vide", "effectif negatif")},
    ("KABIA", "F06"): {"2025-S2": ("trop tot", "inconnue")},
    ("LAB-SUD", "F06"): {"2025-S2": ("avant nul",)},
    ("CAP-CONSEIL", "F07"): {
        "2025-03": ("echeance avant", "statut vide"), "2025-08": ("commune inconnue", "doublon"),
        "2026-06": ("poids nul",),
    },
    ("CLUSTER972", "F08"): {
        "2024-11": ("organisateur faux",), "2025-09": ("sans organisateur", "proposition apres"),
    },
    ("CLUSTER972", "F09"): {"2025-T1": ("sortie avant", "seance vide"), "2026-T2": ("personne vide", "doublon")},
    ("LAB-SUD", "F10"): {"2025-T3": ("quotes-parts", "pays faux"), "2026-T1": ("livraison vide",)},
    ("FEDERATION972", "F11"): {"2025-03": ("lieu vide", "public hors liste"), "2026-02": ("lien faux",)},
    ("INSTITUT-SONDE", "F12"): {
        "2024": ("epci faux", "courriel", "doublon"), "2025": ("poids nul", "confiance hors liste"),
    },
    ("FINANCE-MQ", "F13"): {
        "2025-T2": ("engage trop", "dispositif inconnu"), "2025-T4": ("ligne en lettres", "action inconnue"),
        "2026-T1": ("inconnue",),
    },
    ("CLUSTER972", "F14"): {"2025-T1": ("siren faux", "role hors liste")},
    ("CLUSTER972", "F15"): {"2025-T2": ("label illisible", "label sans date")},
    ("COMITE-MQ", "G01"): {"2025-T2": ("livraison vide",)},
    ("COMITE-MQ", "G02"): {"2025-T1": ("indicateur inconnu",)},
    ("COMITE-MQ", "G03"): {"2025-T3": ("source vide",)},
    ("COMITE-MQ", "G04"): {"2025-T3": ("libelle trop long",), "2026-T1": ("accents abimes",)},
    ("FINANCE-MQ", "G05"): {"2026": ("fin avant debut",)},
}  # fmt: skip
SHAPES = frozenset({"doublon", "contradiction", "tronque"})
# what the second row of a contradiction says otherwise
CONTRADICTED = {"F02": ("canal_orientation", "NR", "DIRECT"), "F05": ("origine_decision", "NR", "CONSEIL")}
# numbers of records, and of companies, that nobody else has at any scale
SPARE, FIRST_SPARE = 9_900, 100_000
GAIN_SEEN = dt.timedelta(days=95)


def make_mistakes(making: Making) -> None:
    """Spoil records of the files to come, each by a mistake that its truth remembers."""
    for (partner, feed), periods in FAULTS.items():
        for period, kinds in periods.items():
            for number, kind in enumerate(kinds):
                where = _Place(making, partner, feed, period, number)
                if feed == "F01":
                    _bad_session(where, kind)
                elif feed in {"F02", "F03"}:
                    _bad_row(where, kind)
                else:
                    _bad_record(where, kind)
    for row in making.rows[ALL_REFUSED]:
        spoil(row, CERTIFICATION_FAULTS["code inconnu"], "code inconnu")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a mistake is made, and its number there."""

    making: Making
    partner: str
    feed: str
    period: str
    number: int

    @property
    def spare(self) -> int:
        """A number that no other record has."""
        return SPARE + self.number

    @property
    def rows(self) -> list[Row]:
        """Rows of the file."""
        return self.making.rows[self.partner, self.feed, self.period]


def _bad_session(where: _Place, kind: str) -> None:
    """A session that nobody follows, so that its refusal costs nothing else."""
    session = make_session(where.making.rng, BY_CODE[where.partner], where.period, where.spare)
    session.cells |= {"modalite": "WEBINAIRE", "code_commune": "", "nom_commune": "", "date_proposition": ""}
    session.row.written.clear()
    spoil(session.row, SESSION_FAULTS[kind], kind)
    where.rows.append(session.row)


def _bad_row(where: _Place, kind: str) -> None:
    rng = where.making.rng
    faults = PARTICIPATION_FAULTS if where.feed == "F02" else CERTIFICATION_FAULTS
    clean = [
        row
        for row in where.rows
        if not row.rules
        and row.mended is None
        and row.cells.get("role") != "ANIMATEUR"
        and row.cells.get("objet_type", "") in ({"ACTION"} if where.partner == "FEDERATION972" else {"", "SESSION"})
    ]
    if kind in SHAPES:
        _bad_shape(rng.choice(clean), where, kind)
        return
    if kind == "inconnue":
        row = rng.choice(clean)
        identifier = f"INCONNUE-{where.number + 1}"
        spoil(row, Fault(rules=(("objet_id", "REFERENCE-INCONNUE"),), cells={"objet_id": identifier}), kind)
        return
    row = rng.choice([row for row in clean if suits(row, faults[kind])])
    spoil(row, faults[kind], kind)


def _bad_shape(row: Row, where: _Place, kind: str) -> None:
    row.mended = row.copy()
    if kind == "tronque":
        row.keeps, row.rules, row.state = 6, (("", "ENREGISTREMENT-TRONQUE"),), "refused"
        return
    twice = row.copy()
    twice.is_copy = True
    where.rows.append(twice)
    twice.state = "refused"
    twice.rules = (("", "DOUBLON"),)
    if kind == "contradiction":
        column, one, other = CONTRADICTED[where.feed]
        twice.cells[column] = one if row.cells[column] != one else other
        row.state = "refused"
        row.rules = twice.rules = (("", "CLE-CONTRADICTOIRE"),)


def _bad_record(where: _Place, kind: str) -> None:
    """A record of its own, which nothing refers to."""
    fault = FEED_FAULTS[where.feed].get(kind, Fault())
    rows = _spare_records(where, kind, fault)
    where.rows.extend(rows)
    rows[0].cells |= fault.base
    if kind in SHAPES:
        _bad_shape(rows[0], where, kind)
        return
    for row in rows[1:]:
        # a group is judged as a whole
        spoil(row, Fault(rules=fault.rules), "")
    spoil(rows[0], fault, kind)


def _spare_records(where: _Place, kind: str, fault: Fault) -> list[Row]:
    """New records of the feed, as yet without a mistake; one, save where a group is judged as a whole."""
    special = {
        "F04": lambda: [_spare_answer(where, fault)],
        "F05": lambda: [_spare_journey(where, kind)],
        "F05b": lambda: [_spare_phase(where, fault)],
        "F06": lambda: [_spare_gain(where)],
        "F09": lambda: [_spare_member(where)],
        "F10": lambda: _spare_project(where, alone=kind != "quotes-parts"),
    }
    return special[where.feed]() if where.feed in special else [_spare_record(where)]


def _spare_record(where: _Place) -> Row:
    rng, period, number = where.making.rng, where.period, where.spare
    company = make_company(rng, FIRST_SPARE + number)
    make = {
        "F07": lambda: make_diagnostic(rng, period, str(number), company, actions=1)[0],
        "F08": lambda: make_event(rng, period, str(number)),
        "F11": lambda: make_actions(rng, period, str(number), first=True)[0],
        "F12": lambda: make_respondent(rng, period, number * 10, 500 * where.making.scale),
        "F13": lambda: make_funding(rng, period, str(number), company),
        "F14": lambda: make_structure(rng, company, period, "STARTUP"),
        "F15": lambda: make_module("ZZ", number, company, labelled=False),
        "G01": lambda: make_milestone(rng, period, 4, period),
        "G02": lambda: make_target(rng, period, "A1-05"),
        "G03": lambda: make_proof(rng, period, number),
        "G04": lambda: make_decision(rng, period, number),
        "G05": lambda: make_envelope(period, f"X{where.number}", 1_000),
    }
    row = make[where.feed]()
    row.cells |= {"G01": {"jalon_id": f"J-{number}", "preuve_id": ""}, "G05": {"parent_id": ""}}.get(where.feed, {})
    return row


def _spare_phase(where: _Place, fault: Fault) -> Row:
    commune = BY_CODE[where.partner].places[where.number]
    phase = fault.base.get("phase", "EXPERIMENTER")
    origin = SUD[-1] if phase == "DEPLOYER" else ""
    return make_phase(where.making.rng, where.period, commune, "U-DEPART", phase, origin=origin)


def _spare_member(where: _Place) -> Row:
    making = where.making
    row = make_member(making.rng, where.period, making.rng.choice(making.trainees))
    name_person(making.rng, where.partner, making.people[row.person], row)
    meeting = {"date_seance": bounds(where.period).end.isoformat(), "binome_id": f"B-{where.spare}"}
    row.cells |= {"role": "AUTRE"} | meeting
    return row


def _spare_project(where: _Place, *, alone: bool) -> list[Row]:
    rng, number = where.making.rng, where.spare
    partners = [make_company(rng, FIRST_SPARE * times + number) for times in (1, 2)]
    rows = make_project(rng, where.period, str(number), partners, state="LIVRE", quarter=where.period)
    rows = rows[:1] if alone else rows[:2]
    for row in rows:
        row.cells["quote_part"] = "1" if alone else "0.5"
    return rows


def _spare_answer(where: _Place, fault: Fault) -> Row:
    making, month = where.making, where.period
    kind = fault.base.get("type", "CHAUD")
    told = MONTHS[MONTHS.index(month) - (3 if kind == "FROID" else 0)]
    session = next(session for session in making.sessions if session.partner == where.partner and session.month == told)
    end = dt.date.fromisoformat(session.cells["date_fin"])
    day = end + dt.timedelta(days=80 if kind == "FROID" else 1)
    return make_answer(making.rng, session, kind, day, number=f"{month}-{where.spare}", token=f"z{where.number}")


def _spare_journey(where: _Place, kind: str) -> Row:
    rng = where.making.rng
    company = make_company(rng, FIRST_SPARE + where.spare)
    journey = make_journey(rng, where.partner, where.period, where.spare, company)
    first = next(iter(journey.days.values()))
    journey.days = {"date_sensibilisation": first}
    if kind == "arret avant":
        journey.days["date_deploiement"] = first + dt.timedelta(days=2)
    journey.cells |= {"oriente_par_epci": "", "date_orientation": "", "origine_decision": "CONSEIL"}
    journey.cells["siret_etab"] = ""
    row = journey_row(journey, month_end(where.period) + dt.timedelta(days=5))
    if kind == "orientation vide":
        row.cells["date_orientation"] = first.isoformat()
    if kind == "siret faux":
        row.cells["siret_etab"] = journey.company.siret
    return row


def _spare_gain(where: _Place) -> Row:
    """A gain of a journey of its own, told once: whatever the order of the files, its deployment is known with it."""
    rng = where.making.rng
    began = bounds(where.period).start + dt.timedelta(days=40)
    company = make_company(rng, FIRST_SPARE + where.spare)
    journey = make_journey(rng, where.partner, f"{began:%Y-%m}", where.spare, company)
    journey.days = {"date_sensibilisation": began, "date_deploiement": began, "date_mesure_gain": began + GAIN_SEEN}
    where.making.add(where.partner, "F05", f"{began:%Y-%m}", journey_row(journey, began))
    row = make_gain(rng, journey, "QUALITE")
    row.session_end = began.isoformat()
    return row
