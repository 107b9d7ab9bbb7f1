"""What the twin says of companies and of the actors that support them: the indicators A2 and R, O-02 and O-04."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import polars as pl

from ingestion.demo.in_force import rows_in_force, told_last
from ingestion.demo.making import BUSINESS_DATE, BY_CODE, PROGRAMME, File
from ingestion.demo.people import communes
from ingestion.demo.truth_cells import CATALOGUE, OUTSIDE, UNKNOWN, Contribution, as_frame
from ingestion.demo.truth_people import venue
from ingestion.demo.twin import Twin

STEPS = (
    ("SENSIBILISATION", "date_sensibilisation"), ("DIAGNOSTIC", "date_diagnostic"),
    ("FEUILLE_ROUTE", "date_feuille_route"), ("PROTOTYPE", "date_prototype"), ("DEPLOIEMENT", "date_deploiement"),
    ("MESURE_GAIN", "date_mesure_gain"),
)  # fmt: skip
# what counts as support, among the steps
SUPPORTED = ("DIAGNOSTIC", "FEUILLE_ROUTE", "PROTOTYPE", "DEPLOIEMENT")
SMALL = ("0", "1-9", "10-49", "50-249")
MEASURED = ("MESURE", "COMPTABLE")
# first day of what holds for every period
EVER = dt.date(1900, 1, 1)
# sections of NAF rev. 2, each with its divisions
SECTIONS = {
    "A": (1, 3), "B": (5, 9), "C": (10, 33), "D": (35, 35), "E": (36, 39), "F": (41, 43), "G": (45, 47),
    "H": (49, 53), "I": (55, 56), "J": (58, 63), "K": (64, 66), "L": (68, 68), "M": (69, 75), "N": (77, 82),
    "O": (84, 84), "P": (85, 85), "Q": (86, 88), "R": (90, 93), "S": (94, 96), "T": (97, 98), "U": (99, 99),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Journey:
    """One company's way to a solution, as the last file tells it."""

    partner: str
    cells: Mapping[str, str]

    @property
    def name(self) -> str:
        """Its identity among all partners."""
        return f"{self.partner}|{self.cells['parcours_id']}"

    @property
    def siren(self) -> str:
        """The company."""
        return self.cells["siren"]

    @property
    def deployed(self) -> dt.date | None:
        """First day in production."""
        return day(self.cells["date_deploiement"])

    @property
    def stopped(self) -> dt.date | None:
        """First day out of production."""
        return day(self.cells["date_arret"])

    @property
    def size(self) -> str:
        """Member of the axis of sizes."""
        return f"TAILLE:{self.cells['taille_effectif']}"

    @property
    def solution(self) -> str:
        """Member of the axis of solutions."""
        return f"SOLUTION:{self.cells['solution_famille']}"

    @property
    def section(self) -> str:
        """Member of the axis of sectors."""
        return naf(self.cells["naf"])

    def row(
        self, on: dt.date, *members: str, num: Fraction | int | None = None, den: int | None = None
    ) -> Contribution:
        """A contribution of the company, in its commune."""
        commune, epci = venue(self.cells["code_commune"], otherwise=OUTSIDE)
        return Contribution(
            self.siren, on, self.partner, self.siren, None, commune, epci, members, num, den
        )  # fmt: skip


def contributions(twin: Twin, in_force: Sequence[File]) -> dict[str, pl.DataFrame]:
    """Contributions to the indicators of companies, by their codes."""
    journeys = {
        (file.partner, row.cells["parcours_id"]): Journey(file.partner, row.cells)
        for file, row in rows_in_force(in_force, "F05")
    }
    told = list(journeys.values())
    structures = [row.cells for _, row in rows_in_force(in_force, "F14")]
    found: dict[str, Iterable[Contribution]] = {
        **_integrated(in_force, told, local_sirens(structures)),
        **_gains(in_force, journeys),
        **_kept(told),
        **_pace(told),
        **_deployed(told),
        "A2-11": _referred(told),
        "A2-12": _suppliers(in_force, told, local_sirens(structures)),
        **_milestones(in_force),
        "R-02": _supported(in_force, told),
        **_offers(in_force),
        "O-04": _deeptech(structures),
    }
    return {code: as_frame(rows) for code, rows in found.items()}


def local_sirens(structures: Sequence[Mapping[str, str]]) -> set[str]:
    """Companies that the list of structures places in the perimeter."""
    return {cells["siren"] for cells in structures if cells["code_commune"] in communes()}


def day(text: str) -> dt.date | None:
    """A date as files write it, none where they write nothing."""
    return dt.date.fromisoformat(text) if text else None


def naf(code: str) -> str:
    """Member of the axis of sectors: the section of an activity."""
    division = int(code[:2]) if code else 0
    sections = [letter for letter, (first, last) in SECTIONS.items() if first <= division <= last]
    return f"NAF:{sections[0] if sections else UNKNOWN}"


@lru_cache(maxsize=1)
def _parameters() -> Mapping[str, str]:
    """Values of the parameters for the programme, else for all."""
    with (CATALOGUE / "parameters.csv").open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row["scope"] == PROGRAMME, int(row["version"])))
    return {row["parameter_code"]: row["value"] for row in rows if row["scope"] in {"TOUS", PROGRAMME}}


def parameter(code: str) -> str:
    """Current value of a parameter."""
    return _parameters()[code]


def _after(on: dt.date, days: int) -> dt.date:
    return on + dt.timedelta(days=days)


# ---------------------------------------------------------------------------------------------------------- integration


def _integrated(in_force: Sequence[File], told: Sequence[Journey], local: set[str]) -> dict[str, list[Contribution]]:
    """Companies whose solution, of a local supplier, has been in production for long enough and still is."""
    standing, reached = [], []
    for journey in told:
        if journey.deployed is None or journey.cells["siren_fournisseur"] not in local:
            continue
        since = _after(journey.deployed, int(parameter("production_min_days")))
        said = journey.row(since, journey.size, journey.section, journey.solution, num=1)
        standing.append(replace(said, until=journey.stopped))
        if since <= BUSINESS_DATE and (journey.stopped is None or journey.stopped > since):
            reached.append(said)
    small = [
        replace(said, members=(size,), commune=None, epci=None)
        for said in standing
        for size in said.members
        if size in {f"TAILLE:{name}" for name in SMALL}
    ]
    return {"A2-01": standing, "A2-01b": reached, "A2-02": [*small, *_active_units(in_force)]}


def _active_units(in_force: Sequence[File]) -> Iterator[Contribution]:
    """Companies of each size, by the reference series of the greatest year."""
    series = [
        row.cells
        for _, row in rows_in_force(in_force, "G03")
        if (row.cells["indicateur"], row.cells["unite"]) == ("A2-02", "unités actives")
        and row.cells["perimetre"].startswith("TAILLE=")
    ]
    year = max((cells["periode"] for cells in series), default="")
    for cells in series:
        size = cells["perimetre"].removeprefix("TAILLE=")
        if cells["periode"] == year and size in SMALL:
            yield Contribution(None, EVER, None, members=(f"TAILLE:{size}",), den=Decimal(cells["valeur"]))


# ---------------------------------------------------------------------------------------------------------------- gains


def _gains(
    in_force: Sequence[File], journeys: Mapping[tuple[str, str], Journey]
) -> dict[str, list[Contribution]]:  # fmt: skip
    """What companies gained, and how many of those that could be measured are."""
    owners: dict[str, str] = {}
    for partner, name in sorted(journeys):
        owners.setdefault(name, partner)
    faster, larger = [], []
    first: dict[str, dt.date] = {}
    for file, row in rows_in_force(in_force, "F06"):
        name = row.cells["parcours_id"]
        owner = file.partner if (file.partner, name) in journeys else owners.get(name, "")
        journey = journeys.get((owner, name))
        if journey is None or journey.deployed is None:
            continue
        before, after = (Fraction(row.cells[name]) for name in ("valeur_avant", "valeur_apres"))
        on = dt.date.fromisoformat(row.cells["date_mesure"])
        if row.cells["methode"] not in MEASURED or on < _after(journey.deployed, 90) or before <= 0:
            continue
        first[journey.name] = min(on, first.get(journey.name, on))
        members = (journey.size, journey.section)
        if row.cells["type"] == "TEMPS":
            said = journey.row(on, *members, journey.solution, num=(before - after) / before)
            faster.append(replace(said, partner=file.partner))
        if row.cells["type"] == "CA":
            larger.append(replace(journey.row(on, *members, num=(after - before) / before), partner=file.partner))
    measured = []
    for journey in journeys.values():
        if journey.deployed is None:
            continue
        since = _after(journey.deployed, 180)
        measured.append(replace(journey.row(since, den=1), entity=journey.name))
        if journey.name in first:
            on = max(since, first[journey.name])
            measured.append(replace(journey.row(on, num=1), entity=journey.name))
    return {"A2-03": faster, "A2-04": larger, "A2-05": measured}


# ------------------------------------------------------------------------------------------------------- keeping, pace


def _kept(told: Sequence[Journey]) -> dict[str, list[Contribution]]:
    """Solutions still in use half a year and a year after they began."""
    found: dict[str, list[Contribution]] = {"A2-06": [], "A2-06b": []}
    for journey in told:
        if journey.deployed is None:
            continue
        for code, days in (("A2-06", 180), ("A2-06b", 365)):
            on = _after(journey.deployed, days)
            is_kept = journey.stopped is None or journey.stopped > on
            found[code].append(journey.row(on, journey.solution, journey.size, num=int(is_kept), den=1))
    return found


def _pace(told: Sequence[Journey]) -> dict[str, list[Contribution]]:
    """Days from a step to the next one, and whether the next one came within 180 days."""
    delays, conversions = [], []
    for journey in told:
        for (step, entered), (_, following) in pairwise(STEPS):
            began, ended = day(journey.cells[entered]), day(journey.cells[following])
            if began is None:
                continue
            members = (f"ETAPE:{step}", journey.section)
            if ended is not None:
                delays.append(journey.row(ended, *members, num=(ended - began).days))
            judged = _after(began, 180)
            if judged <= BUSINESS_DATE:
                is_reached = ended is not None and ended <= judged
                conversions.append(journey.row(judged, *members, num=int(is_reached), den=1))
    return {"A2-07": delays, "A2-08": conversions}


# ----------------------------------------------------------------------------------------------- deployments, referrals


def _deployed(told: Sequence[Journey]) -> dict[str, list[Contribution]]:
    families, origins = [], []
    for journey in told:
        if journey.deployed is None:
            continue
        families.append(journey.row(journey.deployed, journey.solution, num=1))
        origin = journey.cells["origine_decision"]
        if origin not in {"", UNKNOWN}:
            num = int(origin == "ENTREPRISE_TEMOIN")
            origins.append(journey.row(journey.deployed, journey.section, num=num, den=1))
    return {"A2-09": families, "A2-10": origins}


def _referred(told: Sequence[Journey]) -> Iterator[Contribution]:
    """Companies that an EPCI sent, in the EPCI that sent them."""
    for journey in told:
        sent = day(journey.cells["date_orientation"])
        if sent is None or not journey.cells["oriente_par_epci"] or _after(sent, 365) > BUSINESS_DATE:
            continue
        on = _after(sent, 365)
        has_deployed = journey.deployed is not None and sent <= journey.deployed <= on
        said = journey.row(on, num=int(has_deployed), den=1)
        yield replace(said, commune=None, epci=journey.cells["oriente_par_epci"])


def _suppliers(in_force: Sequence[File], told: Sequence[Journey], local: set[str]) -> Iterator[Contribution]:
    """Local companies that have a solution in production, or gave an advice less than a year ago."""
    for journey in told:
        supplier = journey.cells["siren_fournisseur"]
        if journey.deployed is not None and supplier in local:
            yield Contribution(supplier, journey.deployed, journey.partner, supplier, journey.stopped, num=1)
    for (partner, _), rows in told_last(in_force, "F07", "diagnostic_id").items():
        siren, given = BY_CODE[partner].siren, day(rows[0].cells["date_remise"])
        if given is not None and siren in local:
            yield Contribution(siren, given, partner, siren, _after(given, 365), num=1)


# --------------------------------------------------------------------------------------------------- milestones, support


def _milestones(in_force: Sequence[File]) -> dict[str, list[Contribution]]:
    """Milestones that are due, and the openings among those that were delivered."""
    due, opened = [], []
    for file, row in rows_in_force(in_force, "G01"):
        cells, name = row.cells, f"{file.partner}|{row.cells['jalon_id']}"
        expected, delivered = day(cells["echeance"]), day(cells["date_livraison"])
        is_delivered = cells["etat"] == "LIVRE" and delivered is not None
        if expected is not None and expected < BUSINESS_DATE:
            in_time = is_delivered and delivered is not None and delivered <= expected
            members = (f"ACTION:{cells['mesure_code']}",) if cells["mesure_code"] else ()
            due.append(Contribution(name, expected, file.partner, members=members, num=int(in_time), den=1))
        if is_delivered and delivered is not None and cells["mesure_code"] in parameter("opening_measures").split(";"):
            opened.append(Contribution(name, delivered, file.partner, num=1))
    return {"R-01": due, "R-03": opened}


def _supported(in_force: Sequence[File], told: Sequence[Journey]) -> Iterator[Contribution]:
    """Companies at each step that a partner helps with, and those that were given an advice."""
    dates = dict(STEPS)
    for journey in told:
        for step in SUPPORTED:
            on = day(journey.cells[dates[step]])
            if on is not None:
                yield journey.row(on, journey.size, journey.section, num=1)
    for (partner, _), rows in told_last(in_force, "F07", "diagnostic_id").items():
        advice = Journey(partner, rows[0].cells)
        given = day(advice.cells["date_remise"])
        if given is not None:
            yield advice.row(given, advice.size, advice.section, num=1)


# --------------------------------------------------------------------------------------------------------- offer of AI


def _offers(in_force: Sequence[File]) -> dict[str, list[Contribution]]:
    """Structures of the perimeter that offer AI, and their staff: each company's largest, told first."""
    offers: list[Contribution] = []
    largest: dict[str, tuple[tuple[int, dt.date], Contribution]] = {}
    for file, row in rows_in_force(in_force, "F14"):
        cells = row.cells
        if cells["offre_ia"] != "true" or cells["code_commune"] not in communes():
            continue
        siren, since = cells["siren"], dt.date.fromisoformat(cells["date_debut"])
        said = Contribution(siren, since, file.partner, siren, members=(naf(cells["naf"]),), num=1)
        offers.append(said)
        if cells["effectif_ia"]:
            staff = int(cells["effectif_ia"])
            rank = (-staff, since)
            if siren not in largest or rank < largest[siren][0]:
                largest[siren] = (rank, replace(said, num=staff))
    return {"O-02": offers, "O-02b": [said for _, said in largest.values()]}


def _deeptech(structures: Sequence[Mapping[str, str]]) -> Iterator[Contribution]:
    """Deeptechs founded in a year over those founded in the base year."""
    founded: dict[str, dt.date] = {}
    for cells in structures:
        created = day(cells["date_creation"])
        if cells["deeptech"] == "true" and created is not None:
            founded[cells["siren"]] = min(created, founded.get(cells["siren"], created))
    for siren, created in founded.items():
        next_year = dt.date(created.year + 1, 1, 1)
        yield Contribution(siren, created, None, until=next_year, num=1)
        if created.year == int(parameter("deeptech_base_year")):
            yield Contribution(siren, EVER, None, den=1)
