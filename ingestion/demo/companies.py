"""Companies, communes and money of the twin: F05, F05b, F06, F07, F10, F13, F14, F15 and G05."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from dataclasses import dataclass, field, replace

from ingestion.demo.files import Row
from ingestion.demo.making import (
    BY_CODE,
    CENTRE,
    EPCIS,
    MONTHS,
    PARTNERS,
    PROGRAMME,
    QUARTERS,
    SEMESTERS,
    SUD,
    Making,
    bounds,
    draw,
    month_end,
)
from ingestion.demo.people import ELSEWHERE
from ingestion.territory import FundingScheme, load_funding_schemes

MILESTONES = (
    "date_sensibilisation", "date_diagnostic", "date_feuille_route", "date_prototype", "date_deploiement",
    "date_mesure_gain",
)  # fmt: skip
SIZES = (("0", 20), ("1-9", 45), ("10-49", 22), ("50-249", 10), ("250+", 3))
NAFS = ("6201Z", "5610A", "5510Z", "4711F", "0122Z", "8690E", "3511Z", "4941A", "7022Z", "9602A", "4120A", "7911Z")
FAMILIES = (
    ("CHATBOT", 30), ("DECISION_FINANCE", 14), ("DECISION_RH", 8), ("LOGISTIQUE", 14), ("RECO_COMMERCE", 16),
    ("RECO_TOURISME", 14), ("AUTRE", 4),
)  # fmt: skip
ORIGINS = (("ENTREPRISE_TEMOIN", 20), ("EVENEMENT", 25), ("CONSEIL", 25), ("EPCI", 12), ("AUTRE", 10), ("NR", 8))
CRM = ("KABIA", "LAB-SUD", "CLUSTER972")
COMMUNES = (*CENTRE, *SUD, "97222", "97228", "97230", "97204", "97211")
FIRST_COMPANIES = 180


@dataclass(frozen=True, slots=True)
class Company:
    """One made-up company; its SIREN begins with a zero, as no company's does nowadays."""

    siren: str
    siret: str
    commune: str
    size: str
    naf: str
    is_alone: bool


@dataclass(slots=True)
class Journey:
    """A company on its way to using AI, with the days of its milestones."""

    partner: str
    parcours_id: str
    company: Company
    cells: dict[str, str]
    days: dict[str, dt.date] = field(default_factory=dict)


def check_digit(digits: str) -> str:
    """The digit that makes a number valid by Luhn's rule."""
    total = 0
    for at, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if at % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def make_company(rng: random.Random, number: int) -> Company:
    """Company of that number."""
    base = f"0{(number * 7_919 + 1_234_567) % 10_000_000:07d}"
    siren = base + check_digit(base)
    branch = siren + f"{rng.randint(1, 9):04d}"
    size = draw(rng, SIZES)
    return Company(
        siren,
        branch + check_digit(branch),
        rng.choice(COMMUNES),
        size,
        rng.choice(NAFS),
        size == "0" and number % 2 == 0,
    )


def work_with_companies(making: Making) -> None:
    """Rows of the feeds about companies, communes and money."""
    rng = making.rng
    companies = [make_company(rng, number) for number in range(FIRST_COMPANIES * making.scale)]
    _gains(making, _journeys(making, companies))
    _diagnostics(making, companies)
    _experiments(making)
    _projects(making, companies)
    _structures(making, companies)
    _modules(making)
    _envelopes(making)
    _funding(making, companies)


# ------------------------------------------------------------------------------------------------- journeys and gains


def _journeys(making: Making, companies: list[Company]) -> list[Journey]:
    rng = making.rng
    journeys: list[Journey] = []
    for partner in CRM:
        since = BY_CODE[partner].since["F05"]
        for month in (month for month in MONTHS if month >= since):
            making.rows[partner, "F05", month] = []
            journeys.extend(
                make_journey(rng, partner, month, number, rng.choice(companies))
                for number in range(1, 3 * making.scale + 1)
            )
    for journey in journeys:
        touched = {f"{day:%Y-%m}" for day in journey.days.values()}
        for month in sorted(touched & set(MONTHS)):
            making.add(journey.partner, "F05", month, journey_row(journey, month_end(month)))
    return journeys


def make_supplier(partner: str) -> Company:
    """Who supplies the solutions of the journeys that a partner follows; one of the three is not of the region."""
    at = CRM.index(partner)
    made = make_company(random.Random(partner), 900 + at)  # noqa: S311 - reproducible on purpose
    return made if at < len(CRM) - 1 else replace(made, commune=ELSEWHERE[0])


def make_journey(rng: random.Random, partner: str, month: str, number: int, company: Company) -> Journey:
    """A journey that begins in a month, and what is planned of it."""
    prefix = BY_CODE[partner].prefix
    day = month_end(month).replace(day=rng.randint(2, 25))
    supplier = make_supplier(partner)
    by_epci = rng.random() < 0.2
    cells = {
        "programme_code": "",
        "parcours_id": f"P-{prefix}-{month}-{number:02d}",
        "siren": company.siren,
        "siret_etab": company.siret if rng.random() < 0.7 else "",
        "code_commune": company.commune,
        "entreprise_individuelle": "true" if company.is_alone else "false",
        "taille_effectif": company.size,
        "naf": company.naf,
        "solution_famille": draw(rng, FAMILIES),
        "siren_fournisseur": supplier.siren,
        "siret_fournisseur": supplier.siret if rng.random() < 0.5 else "",
        "origine_decision": "EPCI" if by_epci else draw(rng, ORIGINS),
        "oriente_par_epci": rng.choice(list(EPCIS.values())) if by_epci else "",
        "date_orientation": day.isoformat() if by_epci else "",
    }
    journey = Journey(partner, cells["parcours_id"], company, cells)
    for name, (low, high), chance in zip(
        MILESTONES,
        ((0, 0), (15, 45), (15, 40), (20, 60), (25, 70), (95, 140)),
        (1.0, 0.8, 0.75, 0.75, 0.8, 0.85),
        strict=True,
    ):
        # a milestone may be skipped, and a journey may stop for good
        if name == "date_mesure_gain" and "date_deploiement" not in journey.days:
            break
        if name != MILESTONES[0] and rng.random() > chance:
            if rng.random() < 0.6:
                break
            continue
        day += dt.timedelta(days=rng.randint(low, high))
        journey.days[name] = day
    if "date_deploiement" in journey.days and rng.random() < 0.08:
        journey.days["date_arret"] = max(journey.days.values()) + dt.timedelta(days=rng.randint(20, 90))
    return journey


def journey_row(journey: Journey, until: dt.date) -> Row:
    """What the partner's tool says of a journey on a day."""
    dates = {
        name: journey.days[name].isoformat() if name in journey.days and journey.days[name] <= until else ""
        for name in (*MILESTONES, "date_arret")
    }
    return Row(journey.cells | dates)


def _gains(making: Making, journeys: list[Journey]) -> None:
    rng = making.rng
    for partner in ("KABIA", "LAB-SUD"):
        for semester in SEMESTERS:
            if bounds(semester).end >= dt.date.fromisoformat(f"{BY_CODE[partner].since['F06']}-01"):
                making.rows[partner, "F06", semester] = []
    for journey in journeys:
        semester = _semester(journey.days.get("date_mesure_gain"))
        if (journey.partner, "F06", semester) in making.rows:
            for kind in rng.sample(("TEMPS", "COUT", "CA", "QUALITE"), rng.randint(1, 2)):
                making.add(journey.partner, "F06", semester, make_gain(rng, journey, kind))


def _semester(day: dt.date | None) -> str:
    return f"{day.year}-S{1 if day.month <= 6 else 2}" if day else ""


def make_gain(rng: random.Random, journey: Journey, kind: str) -> Row:
    """One measure of what a company gained, at least ninety days after it began."""
    before = rng.randint(8, 400) * 25
    unit = {"TEMPS": "heures/mois", "COUT": "€/mois", "CA": "€/mois", "QUALITE": "points"}[kind]
    after = before * rng.uniform(0.5, 0.95) if kind in {"TEMPS", "COUT"} else before * rng.uniform(1.02, 1.4)
    started = journey.days["date_deploiement"]
    return Row(
        {
            "programme_code": "",
            "parcours_id": journey.parcours_id,
            "type": kind,
            "unite": unit,
            "valeur_avant": decimal(before * 100),
            "valeur_apres": decimal(round(after * 100)),
            "date_avant": (started - dt.timedelta(days=rng.randint(5, 30))).isoformat(),
            "date_mesure": journey.days["date_mesure_gain"].isoformat(),
            "methode": draw(rng, (("MESURE", 55), ("DECLARATIF", 25), ("COMPTABLE", 20))),
            "piece_sha256": f"{rng.getrandbits(256):064x}" if rng.random() < 0.3 else "",
        }
    )


def decimal(hundredths: int) -> str:
    """A number from its hundredths, without useless zeros."""
    return f"{hundredths / 100:.2f}".rstrip("0").rstrip(".")


# --------------------------------------------------------------------------------------------------------- diagnostics

SECTORS = (("TOURISME", 30), ("SANTE", 20), ("AGRICULTURE", 20), ("ENERGIE", 12), ("LOGISTIQUE", 10), ("AUTRE", 8))


def _diagnostics(making: Making, companies: list[Company]) -> None:
    rng = making.rng
    for month in (month for month in MONTHS if month >= BY_CODE["CAP-CONSEIL"].since["F07"]):
        making.rows["CAP-CONSEIL", "F07", month] = []
        for number in range(1, 3 * making.scale + 1):
            for row in make_diagnostic(rng, month, f"{number:02d}", rng.choice(companies)):
                making.add("CAP-CONSEIL", "F07", month, row)


def make_diagnostic(rng: random.Random, month: str, number: str, company: Company, *, actions: int = -1) -> list[Row]:
    """A diagnostic handed over in a month: one row an action of its roadmap, or one row without."""
    handed = month_end(month).replace(day=rng.randint(3, 26))
    many = rng.randint(0, 3) if actions < 0 else actions
    shared = {
        "programme_code": "",
        "diagnostic_id": f"D-{month}-{number}",
        "siren": company.siren,
        "code_commune": company.commune,
        "taille_effectif": company.size,
        "naf": company.naf if rng.random() < 0.8 else "",
        "secteur_strategique": draw(rng, SECTORS),
        "prestation": draw(rng, (("AUDIT", 55), ("PROTOTYPE", 20), ("FINANCEMENT", 15), ("VEILLE", 10))),
        "date_commande": (handed - dt.timedelta(days=rng.randint(60, 100))).isoformat(),
        "date_remise": handed.isoformat() if many else "",
    }
    nothing = dict.fromkeys(
        ("action_fr_id", "poids", "echeance", "statut", "date_realisation", "date_prototype", "projet_ia_id",
         "date_lancement_projet"), "",
    )  # fmt: skip
    rows = []
    for at in range(1, many + 1):
        done = rng.random() < 0.25
        has_project = rng.random() < 0.2
        done_on = handed + dt.timedelta(days=2 + (handed.day + at * 3) % 9)
        rows.append(
            Row(
                shared
                | {
                    "action_fr_id": f"A{at}",
                    "poids": rng.choice(("", "1", "2", "0.5")),
                    "echeance": (handed + dt.timedelta(days=rng.randint(60, 300))).isoformat(),
                    "statut": "REALISEE" if done else draw(rng, (("PREVUE", 60), ("EN_COURS", 40))),
                    "date_realisation": done_on.isoformat() if done else "",
                    "date_prototype": (handed + dt.timedelta(days=2)).isoformat()
                    if shared["prestation"] == "PROTOTYPE"
                    else "",
                    "projet_ia_id": f"PIA-{month}-{number}-{at}" if has_project else "",
                    "date_lancement_projet": (handed + dt.timedelta(days=1)).isoformat() if has_project else "",
                }
            )
        )
    return rows or [Row(shared | nothing)]


# ----------------------------------------------------------------------------------------------- communes' experiments

DOMAINS = ("ADMINISTRATION", "EAU", "ENERGIE", "TOURISME", "TRANSPORTS", "ALIMENTATION", "FORMATION_ORIENTATION")


def _experiments(making: Making) -> None:
    """Each commune in turn trains its agents, tests a use, and another commune takes what went well."""
    rng = making.rng
    for partner, places in (("EPCI-CENTRE", CENTRE), ("EPCI-SUD", SUD)):
        for at, quarter in enumerate(QUARTERS):
            making.rows[partner, "F05b", quarter] = []
            for number in range(1, making.scale + 1):
                commune = places[(at + number - 1) % len(places)]
                if number <= len(places):
                    making.add(partner, "F05b", quarter, make_phase(rng, quarter, commune, "", "FORMER"))
                if at >= 1:
                    tested = places[(at + number - 2) % len(places)]
                    use = use_case(partner, QUARTERS[at - 1], number)
                    making.add(partner, "F05b", quarter, make_phase(rng, quarter, tested, use, "EXPERIMENTER"))
                if at >= 3:
                    origin, taker = places[(at + number - 4) % len(places)], places[(at + number - 3) % len(places)]
                    use = use_case(partner, QUARTERS[at - 3], number)
                    row = make_phase(rng, quarter, taker, use, "DEPLOYER", origin=origin)
                    making.add(partner, "F05b", quarter, row)
                # some uses are taken twice
                if at >= 4 and at % 2 == 0 and number == 1:
                    origin, taker = places[(at - 4) % len(places)], places[(at - 1) % len(places)]
                    use = use_case(partner, QUARTERS[at - 4], 1)
                    again = random.Random(use)  # noqa: S311 - reproducible on purpose
                    row = make_phase(again, quarter, taker, use, "DEPLOYER", origin=origin)
                    making.add(partner, "F05b", quarter, row)


def use_case(partner: str, quarter: str, number: int) -> str:
    """Identifier of a use that a partner's commune tests from a quarter on."""
    return f"U-{BY_CODE[partner].prefix}-{quarter}-{number}"


def make_phase(rng: random.Random, quarter: str, commune: str, use: str, phase: str, *, origin: str = "") -> Row:
    """One phase of one use of AI in one commune."""
    day = bounds(quarter).start + dt.timedelta(days=rng.randint(2, 60))
    tests = phase == "EXPERIMENTER"
    return Row(
        {
            "programme_code": "",
            "code_commune": commune,
            "cas_usage_id": use,
            "domaine": "FORMATION_ORIENTATION" if phase == "FORMER" else rng.choice(DOMAINS),
            "phase": phase,
            "date_phase": day.isoformat(),
            "date_fin_test": (day + dt.timedelta(days=rng.randint(10, 25))).isoformat() if tests else "",
            "bilan": "CONCLUANT"
            if phase == "DEPLOYER"
            else rng.choice(("CONCLUANT", "NON_CONCLUANT") if day.day % 8 else ("EN_COURS", "EN_COURS"))
            if tests
            else "",
            "commune_origine": origin,
            "agents_formes": str(rng.randint(4, 30)) if phase == "FORMER" else "",
        }
    )


# ------------------------------------------------------------------------------------------------------------ projects

SHARES = (("0.5", "0.5"), ("0.6", "0.4"), ("0.5", "0.3", "0.2"), ("0.4", "0.35", "0.25"))


def _projects(making: Making, companies: list[Company]) -> None:
    rng = making.rng
    quarters = [quarter for quarter in QUARTERS if quarter >= "2025-T1"]
    making.rows |= {("LAB-SUD", "F10", quarter): [] for quarter in quarters}
    for at, quarter in enumerate(quarters):
        for number in range(1, 2 * making.scale + 1):
            partners = rng.sample(companies, 3)
            # one a year is never done
            last = "LANCE" if quarter.endswith("T1") and number % 2 == 0 else "LIVRE"
            for later, state in enumerate(("IDEE", "LANCE", last)):
                if at + later < len(quarters):
                    rows = make_project(rng, quarter, f"{number}", partners, state=state, quarter=quarters[at + later])
                    for row in rows:
                        making.add("LAB-SUD", "F10", quarters[at + later], row)


def make_project(
    rng: random.Random, begun: str, number: str, companies: list[Company], *, state: str, quarter: str
) -> list[Row]:
    """A project as it stands in a quarter: one row a partner, whose shares make the whole."""
    launched = bounds(begun).start + dt.timedelta(days=100)
    told = bounds(quarter)
    criteria = ("acceptable", "fiable", "explicable", "robuste", "transparente")
    answers = ("true",) * 4 if begun.endswith("T4") and number == "1" else ("true", "true", "false", "")
    shares = SHARES[(int(begun[:4]) + len(number) + int(begun[-1])) % len(SHARES)]
    rows = [
        Row(
            {
                "programme_code": "",
                "projet_id": f"PR-{begun}-{number}",
                "titre": f"Projet partagé {begun} n° {number}",
                "filiere": ("SANTE", "AGRICULTURE", "ENERGIE", "TOURISME")[int(begun[-1]) - 1],
                "date_lancement": min(launched, told.end).isoformat() if state != "IDEE" else "",
                "date_livraison": told.end.isoformat() if state == "LIVRE" else "",
                "etat": state,
                "accompagnement": "false" if begun.endswith("T2") and number.endswith("1") else "true",
                "siren": company.siren,
                "role": "PILOTE" if at == 0 else "PARTENAIRE" if at == 1 else "FINANCEUR",
                "quote_part": share,
                "pays": "FR" if at < 2 else rng.choice(("FR", "LC", "DM")),
                "nature": "PUBLIC" if at == 2 else "PRIVE",
                **{name: rng.choice(answers) for name in criteria},
            }
        )
        for at, (company, share) in enumerate(zip(companies, shares, strict=False))
    ]
    # what a project is worth is said of the whole
    for row in rows[1:]:
        row.cells |= {name: rows[0].cells[name] for name in criteria}
    return rows


# --------------------------------------------------------------------------------------------- structures and modules


def _structures(making: Making, companies: list[Company]) -> None:
    """What the cluster knows of the actors, a few more each quarter."""
    rng = making.rng
    known: list[Row] = []
    suppliers = [
        make_structure(random.Random(partner), make_supplier(partner), QUARTERS[0], "STARTUP")  # noqa: S311
        for partner in CRM
    ]
    adviser = make_adviser()
    for at, quarter in enumerate(QUARTERS):
        for company in companies[at * 2 : at * 2 + 2]:
            known.append(make_structure(rng, company, quarter, "STARTUP" if len(known) % 3 else "ENTREPRISE_BENEF"))
        making.rows["CLUSTER972", "F14", quarter] = [row.copy() for row in (*suppliers, adviser, *known)]


def make_adviser() -> Row:
    """The partner that advises companies: it offers no AI of its own."""
    made = make_company(random.Random(0), 905)  # noqa: S311 - reproducible on purpose
    company = replace(made, siren=BY_CODE["CAP-CONSEIL"].siren, commune=CENTRE[0], naf="7022Z")
    return make_structure(random.Random(0), company, QUARTERS[0], "CABINET")  # noqa: S311


def make_structure(rng: random.Random, company: Company, quarter: str, role: str) -> Row:
    """One actor in one role, founded at most three years before it is told of."""
    offers = role == "STARTUP"
    start = bounds(quarter).start
    return Row(
        {
            "programme_code": "",
            "siren": company.siren,
            "denomination": f"Société de démonstration {company.siren[-4:]}",
            "role": role,
            "code_commune": company.commune,
            "naf": company.naf,
            "offre_ia": "true" if offers else "false",
            "deeptech": rng.choice(("true", "true", "false")) if offers else "",
            "effectif_ia": str(rng.randint(0, 9)) if offers else "",
            "date_creation": min(dt.date(start.year - rng.randint(0, 3), rng.randint(1, 12), 15), start).isoformat(),
            "date_debut": start.isoformat(),
        }
    )


def _modules(making: Making) -> None:
    designer = make_company(making.rng, 990)
    trainers = [partner for partner in PARTNERS if partner.trains]
    for at, quarter in enumerate(QUARTERS):
        making.rows["CLUSTER972", "F15", quarter] = [
            make_module(partner.prefix, number, designer, labelled=(number + at) % 3 != 0)
            for partner, number in itertools.product(trainers, (1, 2, 3))
        ]


def make_module(prefix: str, number: int, designer: Company, *, labelled: bool) -> Row:
    """One module of the catalogue."""
    return Row(
        {
            "programme_code": "",
            "module_id": f"M-{prefix}-{number:02d}",
            "intitule": f"Module {number} de {prefix}",
            "siren_concepteur": designer.siren,
            "label_qualite": "true" if labelled else "false",
            "date_label": "2024-02-15" if labelled else "",
            "date_retrait": "",
        }
    )


# ----------------------------------------------------------------------------------------------------------- financing

YEARS = ("2024", "2025", "2026")
ACTIONS = tuple(f"MQ-A{number}" for number in range(1, 6))


def _envelopes(making: Making) -> None:
    for year in YEARS:
        whole = make_envelope(year, "", 1_200_000)
        # in 2025 the parts are more than the whole: the source says so, and nobody shares the difference out
        parts = (300_000, 250_000, 200_000, 250_000, 150_000 if year != "2025" else 260_000)
        making.rows["FINANCE-MQ", "G05", year] = [
            whole,
            *(make_envelope(year, code[-2:], amount) for code, amount in zip(ACTIONS, parts, strict=True)),
        ]


def make_envelope(year: str, action: str, amount: int) -> Row:
    """One envelope: a year's, or one action's within it."""
    return Row(
        {
            "programme_code": "",
            "enveloppe_id": f"ENV-{year}-{action}" if action else f"ENV-{year}",
            "parent_id": f"ENV-{year}" if action else "",
            "libelle": f"Enveloppe {year} de l'action {action[1:]}" if action else f"Enveloppe {year} du programme",
            "montant": str(amount),
            "debut": f"{year}-01-01",
            "fin": f"{year}-12-31",
        }
    )


def _funding(making: Making, companies: list[Company]) -> None:
    rng = making.rng
    for at, quarter in enumerate(QUARTERS):
        making.rows["FINANCE-MQ", "F13", quarter] = []
        for number in range(1, 6 * making.scale + 1):
            use = use_case("EPCI-CENTRE", QUARTERS[at - 1], 1) if at >= 1 and number == 1 else ""
            row = make_funding(rng, quarter, f"{number:02d}", rng.choice(companies), use)
            making.add("FINANCE-MQ", "F13", quarter, row)


def make_funding(rng: random.Random, quarter: str, number: str, company: Company, use: str = "") -> Row:
    """One line of one agreement: what was voted, committed and paid."""
    scheme = rng.choice(_schemes())
    cost = rng.randint(40, 600) * 100
    most = cost * (scheme.max_rate if scheme.max_rate is not None else 0.5)
    if scheme.ceiling is not None:
        most = min(most, scheme.ceiling)
    voted = int(most) // 100 * 100
    committed = voted * rng.choice((10, 8, 5)) // 10
    paid = committed * rng.choice((10, 5, 0)) // 10
    day = bounds(quarter).start + dt.timedelta(days=rng.randint(3, 80))
    envelope = f"ENV-{quarter[:4]}-A{rng.randint(1, 5)}"
    source = draw(rng, (("PROGRAMME", 40), ("EPCI", 15), ("CTM", 15), ("ETAT", 10), ("UE", 10), ("PRIVE", 10)))
    return Row(
        {
            "programme_code": "",
            "convention_id": f"CV-{quarter}-{number}",
            "ligne": "1",
            "dispositif": scheme.code,
            "enveloppe_id": envelope,
            "cas_usage_id": use,
            "beneficiaire_siren": company.siren,
            "beneficiaire_code_commune": company.commune,
            "cout_eligible": str(cost),
            "montant_vote": str(voted),
            "montant_engage": str(committed),
            "montant_mandate": str(paid),
            "source": "CLUSTER" if number == "05" else source,
            "date": day.isoformat(),
            "action_code": rng.choice(ACTIONS),
        }
    )


def _schemes() -> list[FundingScheme]:
    return [scheme for scheme in load_funding_schemes().values() if scheme.programme == PROGRAMME]
