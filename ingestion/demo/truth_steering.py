"""What the twin says of communes, of the committee and of what it follows: the indicators G, D, B and T-07 to T-10."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import polars as pl

from ingestion.demo.in_force import rows_in_force
from ingestion.demo.making import BUSINESS_DATE, File, bounds
from ingestion.demo.people import communes
from ingestion.demo.truth_cells import Contribution, as_frame, catalogue
from ingestion.demo.truth_companies import EVER, day, parameter
from ingestion.demo.truth_people import participations, trained
from ingestion.demo.twin import Twin

PHASES = ("FORMER", "EXPERIMENTER", "DEPLOYER")
JUDGED = ("CONCLUANT", "NON_CONCLUANT")
Told = Sequence[tuple[str, Mapping[str, str]]]


def contributions(twin: Twin, in_force: Sequence[File]) -> dict[str, pl.DataFrame]:
    """Contributions to the indicators of communes and of steering, by their codes."""

    def told(feed: str) -> list[tuple[str, Mapping[str, str]]]:
        return [(file.partner, row.cells) for file, row in rows_in_force(in_force, feed)]

    phases = [(partner, cells) for partner, cells in told("F05b") if cells["code_commune"] in communes()]
    milestones, decisions = told("G01"), told("G04")
    found: dict[str, Iterable[Contribution]] = {
        "G-01": _accompanied(phases),
        "G-01b": [*_in_their_commune(phases), *_perimeter()],
        "G-02": _by_phase(phases),
        "G-03": _use_cases(phases),
        "G-04": _trials(phases),
        **_scaled_up(phases),
        "D-01": _measures(milestones),
        "D-02": _impact_studies(milestones),
        "B-01": _benchmarks(told("G03")),
        "T-07": _costs(told("F13"), in_force),
        "T-08": _targeted(in_force, decisions),
        "T-10": _executed(decisions),
        "T-10b": _sittings(decisions),
    }
    return {code: as_frame(rows) for code, rows in found.items()}


# ------------------------------------------------------------------------------------------------------------ communes


def _on(cells: Mapping[str, str]) -> dt.date:
    return dt.date.fromisoformat(cells["date_phase"])


def _accompanied(phases: Told) -> Iterator[Contribution]:
    for partner, cells in phases:
        yield Contribution(cells["code_commune"], _on(cells), partner, members=(f"PHASE:{cells['phase']}",), num=1)


def _in_their_commune(phases: Told) -> Iterator[Contribution]:
    for partner, cells in phases:
        commune = cells["code_commune"]
        yield Contribution(commune, _on(cells), partner, commune=commune, epci=communes()[commune][1], num=1)


def _perimeter() -> Iterator[Contribution]:
    """Each commune of the perimeter, to be one of those that something is counted of."""
    for commune, (_, epci, _) in communes().items():
        yield Contribution(commune, EVER, None, commune=commune, epci=epci, den=1)


def _by_phase(phases: Told) -> Iterator[Contribution]:
    """Each commune in each phase that it reached, until it reaches one that is further."""
    first: dict[tuple[str, str], dt.date] = {}
    for _, cells in phases:
        key = (cells["code_commune"], cells["phase"])
        first[key] = min(_on(cells), first.get(key, dt.date.max))
    for partner, cells in phases:
        commune, phase = cells["code_commune"], cells["phase"]
        further = [first[commune, later] for later in PHASES[PHASES.index(phase) + 1 :] if (commune, later) in first]
        until = min(further, default=None)
        yield Contribution(commune, _on(cells), partner, until=until, members=(f"PHASE:{phase}",), num=1)


def _of_uses(phases: Told) -> dict[str, list[tuple[str, Mapping[str, str]]]]:
    """Phases by the use of AI that they are of, in the order of their days."""
    uses: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
    for partner, cells in sorted(phases, key=lambda said: said[1]["date_phase"]):
        if cells["cas_usage_id"]:
            uses.setdefault(cells["cas_usage_id"], []).append((partner, cells))
    return uses


def _use_cases(phases: Told) -> Iterator[Contribution]:
    for use, rows in _of_uses(phases).items():
        partner, cells = rows[0]
        yield Contribution(use, _on(cells), partner, members=(f"DOMAINE:{cells['domaine']}",), num=1)


def _trials(phases: Told) -> Iterator[Contribution]:
    for partner, cells in phases:
        ended = day(cells["date_fin_test"])
        if cells["phase"] == "EXPERIMENTER" and ended is not None and ended <= BUSINESS_DATE:
            name = f"{partner}|{cells['code_commune']}|{cells['cas_usage_id']}"
            is_judged = int(cells["bilan"] in JUDGED)
            yield Contribution(name, ended, partner, members=(f"DOMAINE:{cells['domaine']}",), num=is_judged, den=1)


def _scaled_up(phases: Told) -> dict[str, list[Contribution]]:
    """Communes that deployed what went well somewhere, and how many communes deployed each use."""
    takers, sizes = _perimeter(), []
    deployed = []
    for use, rows in _of_uses(phases).items():
        taken = [(partner, cells) for partner, cells in rows if cells["phase"] == "DEPLOYER"]
        if any(cells["bilan"] == "CONCLUANT" for _, cells in rows):
            deployed += taken
        days: dict[str, dt.date] = {}
        for _, cells in taken:
            days.setdefault(cells["code_commune"], _on(cells))
        for number, (on, until) in enumerate(itertools.pairwise((*days.values(), None)), 1):
            if on is not None:
                sizes.append(Contribution(use, on, None, until=until, num=number))
    return {"G-05": [*_in_their_commune(deployed), *takers], "G-05b": sizes}


# ----------------------------------------------------------------------------------------------------------- milestones


def _measures(milestones: Told) -> Iterator[Contribution]:
    """Each action in the state that its milestones make; before it was delivered it was under way."""
    actions: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
    for partner, cells in milestones:
        if cells["mesure_code"]:
            actions.setdefault(cells["mesure_code"], []).append((partner, cells))
    for action, rows in actions.items():
        states = {cells["etat"] for _, cells in rows}
        spans: list[tuple[str, dt.date, dt.date | None]] = []
        if states == {"LIVRE"}:
            done = max(dt.date.fromisoformat(cells["date_livraison"]) for _, cells in rows)
            spans = [("EN_COURS", EVER, done), ("LIVRE", done, None)]
        elif states == {"ABANDONNE"}:
            spans = [("ABANDONNE", EVER, None)]
        else:
            spans = [("EN_COURS" if states & {"EN_COURS", "LIVRE"} else "NON_DEMARRE", EVER, None)]
        for partner, (state, on, until) in itertools.product({partner for partner, _ in rows}, spans):
            yield Contribution(action, on, partner, until=until, members=(f"ETAT_MESURE:{state}",), num=1)


def _impact_studies(milestones: Told) -> Iterator[Contribution]:
    for partner, cells in milestones:
        delivered = day(cells["date_livraison"])
        if cells["etat"] == "LIVRE" and delivered is not None and "étude d'impact" in cells["libelle"].lower():
            yield Contribution(f"{partner}|{cells['jalon_id']}", delivered, partner, num=1)


def _benchmarks(told: Told) -> Iterator[Contribution]:
    for partner, cells in told:
        if cells["valeur"] and cells["perimetre"] and cells["periode"]:
            since = dt.date(int(cells["periode"][:4]), 1, 1)
            yield Contribution(f"{partner}|{cells['repere_id']}", since, partner, num=1)


# ------------------------------------------------------------------------------------------------------------ steering


def _costs(lines: Told, in_force: Sequence[File]) -> Iterator[Contribution]:
    """What was paid for each action, and whom its sessions trained."""
    for partner, cells in lines:
        name = f"{partner}|{cells['convention_id']}|{cells['ligne']}"
        on, members = dt.date.fromisoformat(cells["date"]), (f"ACTION:{cells['action_code']}",)
        yield Contribution(name, on, partner, members=members, num=Decimal(cells["montant_mandate"]))
    for row in trained(participations(in_force)):
        person, members = str(row.person), (f"ACTION:{row.about['action_code']}",)
        yield Contribution(person, row.on, row.partner, person, members=members, den=1)


def _targeted(in_force: Sequence[File], decisions: Told) -> Iterator[Contribution]:
    """Every indicator, and those that have a target: from the decision that set it, else the end of its file's period."""
    codes = [indicator.code for indicator in catalogue() if not indicator.code[-1].isalpha()]
    for code in codes:
        yield Contribution(code, EVER, None, den=1)
    sat = {cells["decision_id"]: dt.date.fromisoformat(cells["seance"]) for _, cells in decisions}
    since: dict[str, dt.date] = {}
    for file, row in rows_in_force(in_force, "G02"):
        code = row.cells["indicateur"]
        on = sat.get(row.cells["decision_id"], bounds(file.period).end)
        since[code] = min(on, since.get(code, on))
    for code, on in since.items():
        if code in codes:
            yield Contribution(code, on, None, num=1)


def _executed(decisions: Told) -> Iterator[Contribution]:
    for partner, cells in decisions:
        due, done = day(cells["echeance"]), day(cells["date_execution"])
        if due is not None and due < BUSINESS_DATE:
            in_time = cells["statut"] == "EXECUTEE" and done is not None and done <= due
            yield Contribution(f"{partner}|{cells['decision_id']}", due, partner, num=int(in_time), den=1)


def _sittings(decisions: Told) -> Iterator[Contribution]:
    """The days on which the committee sat, and one expected for each period of its cadence that has begun."""
    for sat in {cells["seance"] for _, cells in decisions}:
        on = dt.date.fromisoformat(sat)
        if on <= BUSINESS_DATE:
            yield Contribution(sat, on, None, num=1)
    first = dt.date.fromisoformat(parameter("programme_start"))
    step = int(parameter("committee_cadence_months"))
    for months in itertools.count(first.year * 12 + first.month - 1, step):
        begun = dt.date(months // 12, months % 12 + 1, first.day)
        if begun > BUSINESS_DATE:
            return
        yield Contribution(f"prévue le {begun}", begun, None, den=1)
