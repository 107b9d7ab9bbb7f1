"""What the twin says of advice to companies and of the money: the indicators A4 and F."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from ingestion.demo.in_force import rows_in_force, told_last
from ingestion.demo.making import File
from ingestion.demo.truth_cells import OUTSIDE, Contribution, as_frame
from ingestion.demo.truth_companies import day, naf, parameter
from ingestion.demo.truth_people import venue
from ingestion.demo.twin import Twin
from ingestion.territory import load_funding_schemes

# countries whose structures are at home
HERE = frozenset({"FR", "MQ"})


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One service to a company, with the actions of its roadmap as each was last told."""

    partner: str
    cells: Mapping[str, str]
    actions: tuple[Mapping[str, str], ...]

    @property
    def name(self) -> str:
        """Its identity among all partners."""
        return f"{self.partner}|{self.cells['diagnostic_id']}"

    @property
    def handed(self) -> dt.date | None:
        """The day on which it was handed over."""
        return day(self.cells["date_remise"])

    @property
    def members(self) -> tuple[str, str]:
        """The company's strategic sector and size."""
        return (f"FILIERE:{self.cells['secteur_strategique']}", f"TAILLE:{self.cells['taille_effectif']}")

    def row(
        self,
        on: dt.date,
        *members: str,
        entity: str = "",
        num: Decimal | int | None = None,
        den: Decimal | int | None = None,
    ) -> Contribution:
        """A contribution of the diagnostic, in the region."""
        siren = self.cells["siren"]
        return Contribution(entity or self.name, on, self.partner, siren, members=members, num=num, den=den)


def contributions(twin: Twin, in_force: Sequence[File]) -> dict[str, pl.DataFrame]:
    """Contributions to the indicators of services and of money, by their codes."""
    told = _diagnostics(in_force)
    lines = [(file.partner, row.cells) for file, row in rows_in_force(in_force, "F13")]
    found: dict[str, Iterable[Contribution]] = {
        "A4-01": _audits(told),
        "A4-02": [said for diagnostic in told for said in _carried_out(diagnostic)],
        "A4-02b": [said for diagnostic in told for said in _half_done(diagnostic)],
        "A4-03": [said for diagnostic in told for said in _projects(diagnostic)],
        "A4-04": _first_actions(told),
        "A4-08": [said for diagnostic in told for said in _prototypes(diagnostic)],
        "A4-09": _published(in_force, "NOTE_VEILLE"),
        "A4-10": _abroad(in_force),
        "A4-11": _published(in_force, "BENCHMARK"),
        **_money(lines),
        **_beyond_the_rules(lines),
    }
    return {code: as_frame(rows) for code, rows in found.items()}


# -------------------------------------------------------------------------------------------------------- diagnostics


def _diagnostics(in_force: Sequence[File]) -> list[Diagnostic]:
    actions: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for file, row in rows_in_force(in_force, "F07"):
        actions.setdefault((file.partner, row.cells["diagnostic_id"]), []).append(row.cells)
    return [
        Diagnostic(partner, rows[-1].cells, tuple(actions[partner, name]))
        for (partner, name), rows in told_last(in_force, "F07", "diagnostic_id").items()
    ]


def _weight(action: Mapping[str, str]) -> Decimal:
    return Decimal(action["poids"] or "1")


def _roadmap(diagnostic: Diagnostic) -> list[Mapping[str, str]]:
    return [action for action in diagnostic.actions if action["action_fr_id"]]


def _done(action: Mapping[str, str]) -> dt.date | None:
    return day(action["date_realisation"]) if action["statut"] == "REALISEE" else None


def _audits(told: Sequence[Diagnostic]) -> Iterator[Contribution]:
    for diagnostic in told:
        cells = diagnostic.cells
        if cells["prestation"] == "AUDIT" and diagnostic.handed is not None:
            commune, epci = venue(cells["code_commune"], otherwise=OUTSIDE)
            yield Contribution(
                diagnostic.name, diagnostic.handed, diagnostic.partner, cells["siren"], None, commune, epci,
                (*diagnostic.members, naf(cells["naf"])), 1,
            )  # fmt: skip


def _carried_out(diagnostic: Diagnostic) -> Iterator[Contribution]:
    """Weight of what is due, and of what of it is done: from the later of both days."""
    for action in _roadmap(diagnostic):
        due, done = day(action["echeance"]), _done(action)
        if due is None:
            continue
        yield diagnostic.row(due, *diagnostic.members, den=_weight(action))
        if done is not None:
            yield diagnostic.row(max(due, done), *diagnostic.members, num=_weight(action))


def _half_done(diagnostic: Diagnostic) -> Iterator[Contribution]:
    """Roadmaps handed over half a year ago, and those of which half of the weight is done: from that day."""
    roadmap = _roadmap(diagnostic)
    if diagnostic.handed is None or not roadmap:
        return
    since = diagnostic.handed + dt.timedelta(days=180)
    yield diagnostic.row(since, *diagnostic.members, den=1)
    half, reached = sum(map(_weight, roadmap)) / 2, Decimal(0)
    for done, weight in sorted((_done(action) or dt.date.max, _weight(action)) for action in roadmap):
        reached += weight
        if reached >= half:
            if done < dt.date.max:
                yield diagnostic.row(max(since, done), *diagnostic.members, num=1)
            return


def _projects(diagnostic: Diagnostic) -> Iterator[Contribution]:
    for action in diagnostic.actions:
        launched = day(action["date_lancement_projet"])
        if action["projet_ia_id"] and launched is not None:
            name = f"{diagnostic.partner}|{action['projet_ia_id']}"
            yield diagnostic.row(launched, diagnostic.members[0], entity=name, num=1)


def _first_actions(told: Sequence[Diagnostic]) -> Iterator[Contribution]:
    for diagnostic in told:
        first = min((done for action in _roadmap(diagnostic) if (done := _done(action))), default=None)
        if diagnostic.handed is not None and first is not None:
            yield diagnostic.row(first, diagnostic.members[0], num=(first - diagnostic.handed).days)


def _prototypes(diagnostic: Diagnostic) -> Iterator[Contribution]:
    ordered = day(diagnostic.cells["date_commande"])
    for action in diagnostic.actions:
        delivered = day(action["date_prototype"])
        if ordered is not None and delivered is not None:
            in_time = delivered <= ordered + dt.timedelta(days=90)
            yield diagnostic.row(delivered, diagnostic.members[0], num=int(in_time), den=1)


# -------------------------------------------------------------------------------------------- documents, other countries


def _published(in_force: Sequence[File], kind: str) -> Iterator[Contribution]:
    for (partner, name), rows in told_last(in_force, "F11", "action_id").items():
        cells = rows[-1].cells
        if cells["type"] == kind and cells["statut"] == "TENU":
            on = dt.date.fromisoformat(cells["date"])
            yield Contribution(f"{partner}|{name}", on, partner, members=(f"THEME:{cells['theme']}",), num=1)


def _abroad(in_force: Sequence[File]) -> Iterator[Contribution]:
    """Projects with somebody from another country or territory, of the Caribbean or of elsewhere."""
    caribbean = set(parameter("caribbean_countries").split(";"))
    for (partner, name), rows in told_last(in_force, "F10", "projet_id").items():
        launched = day(rows[-1].cells["date_lancement"])
        zones = {
            "ZONE_PAYS:CARAIBE" if row.cells["pays"] in caribbean else "ZONE_PAYS:AUTRE"
            for row in rows
            if row.cells["pays"] not in HERE
        }
        if launched is not None and zones:
            yield Contribution(f"{partner}|{name}", launched, partner, members=tuple(sorted(zones)), num=1)


# --------------------------------------------------------------------------------------------------------------- money


def _money(lines: Sequence[tuple[str, Mapping[str, str]]]) -> dict[str, list[Contribution]]:
    found: dict[str, list[Contribution]] = {code: [] for code in ("A4-05", "A4-06", "A4-07", "F-01", "F-01b")}
    for partner, cells in lines:
        voted, committed, paid = (Decimal(cells[f"montant_{name}"]) for name in ("vote", "engage", "mandate"))
        source, action = f"SOURCE_FONDS:{cells['source']}", f"ACTION:{cells['action_code']}"
        found["A4-05"].append(_line(partner, cells, source, num=voted))
        if cells["source"] == "PROGRAMME":
            found["A4-06"].append(_line(partner, cells, action, den=voted))
        else:
            found["A4-06"].append(_line(partner, cells, action, num=voted))
        if cells["source"] == "CLUSTER":
            found["A4-07"].append(_line(partner, cells, num=voted, den=Decimal(cells["cout_eligible"])))
        found["F-01"].append(_line(partner, cells, source, num=committed, den=voted))
        found["F-01b"].append(_line(partner, cells, source, num=paid, den=committed))
    return found


def _line(
    partner: str, cells: Mapping[str, str], *members: str, num: Decimal | int | None = None, den: Decimal | None = None
) -> Contribution:
    """A contribution of one line of an agreement."""
    name = f"{partner}|{cells['convention_id']}|{cells['ligne']}"
    on = dt.date.fromisoformat(cells["date"])
    return Contribution(name, on, partner, cells["beneficiaire_siren"], members=members, num=num, den=den)


def _beyond_the_rules(lines: Sequence[tuple[str, Mapping[str, str]]]) -> dict[str, list[Contribution]]:
    """Lines voted beyond the rate or the ceiling of their scheme, where it has one."""
    schemes = load_funding_schemes()
    found: dict[str, list[Contribution]] = {"F-02": [], "F-03": []}
    for partner, cells in lines:
        scheme, voted = schemes[cells["dispositif"]], Decimal(cells["montant_vote"])
        said = _line(partner, cells, f"DISPOSITIF:{scheme.code}", num=1)
        if scheme.max_rate is not None and voted > Decimal(str(scheme.max_rate)) * Decimal(cells["cout_eligible"]):
            found["F-02"].append(said)
        if scheme.ceiling is not None and voted > Decimal(str(scheme.ceiling)):
            found["F-03"].append(said)
    return found
