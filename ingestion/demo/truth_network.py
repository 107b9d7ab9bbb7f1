"""What the twin says of networks: the indicators A3, and T-12."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import polars as pl

from ingestion.demo.in_force import rows_in_force, told_last
from ingestion.demo.making import BUSINESS_DATE, File, bounds
from ingestion.demo.people import communes
from ingestion.demo.truth_cells import DISTANT, Contribution, as_frame
from ingestion.demo.truth_people import Participation, Profile, participations, profiles, venue
from ingestion.demo.twin import Twin


def contributions(twin: Twin, in_force: Sequence[File]) -> dict[str, pl.DataFrame]:
    """Contributions to the indicators of networks, by their codes."""
    rows = participations(in_force)
    came = [row for row in rows if row.kind == "EVENEMENT" and row.is_done and row.about["statut"] == "TENU"]
    people = profiles(in_force)
    found: dict[str, Iterable[Contribution]] = {
        **_events(in_force),
        **_attended(came),
        **_projects(in_force),
        "A3-02": _active(rows, people),
        "A3-08": _mentored(in_force),
        "T-12": _experts(in_force),
    }
    return {code: as_frame(found_rows) for code, found_rows in found.items()}


# -------------------------------------------------------------------------------------------------------------- events


def _events(in_force: Sequence[File]) -> dict[str, list[Contribution]]:
    held = [
        _event(f"{file.partner}|{row.cells['evenement_id']}", file.partner, row.cells)
        for file, row in rows_in_force(in_force, "F08")
        if row.cells["statut"] == "TENU"
    ]
    covered = [
        replace(said, entity=said.commune, until=said.on + dt.timedelta(days=365), members=(), partner=None)
        for said in held
        if said.commune in communes()
    ]
    reference = [
        Contribution(None, dt.date(2024, 1, 1), None, commune=code, epci=epci, den=1)
        for code, (_, epci, _) in communes().items()
    ]
    return {"A3-01": held, "A3-07": covered + reference}


def _event(entity: str, partner: str, event: Mapping[str, str]) -> Contribution:
    commune, epci = venue(event["code_commune"], otherwise=DISTANT)
    return Contribution(
        entity, dt.date.fromisoformat(event["date"]), partner, None, None, commune, epci,
        (f"TYPE_EVENEMENT:{event['type']}",), 1,
    )  # fmt: skip


def _attended(came: Sequence[Participation]) -> dict[str, list[Contribution]]:
    rows = [replace(_event(str(row.person), row.partner, row.about), subject=str(row.person), den=1) for row in came]
    return {
        "A3-04": [replace(said, den=None) for said in rows],
        "A3-04b": [replace(said, den=None) for said in rows],
        "A3-04c": rows,
    }


def _active(rows: Sequence[Participation], people: Mapping[int, Profile]) -> Iterator[Contribution]:
    """From a second participation in a network on, until the first of the two is a year old."""
    attended: dict[tuple[int, str], list[Participation]] = {}
    for row in rows:
        if row.kind == "EVENEMENT" and row.is_done and row.is_participant and row.about["reseau_id"]:
            attended.setdefault((row.person, row.about["reseau_id"]), []).append(row)
    for (person, _), theirs in attended.items():
        theirs.sort(key=lambda row: row.on)
        for first, second in pairwise(theirs):
            until = first.on + dt.timedelta(days=365)
            if second.on < until:
                yield Contribution(
                    str(person), second.on, second.partner, str(person), until, members=people[person].members, num=1
                )


# ------------------------------------------------------------------------------------------------------------- members


def _mentored(in_force: Sequence[File]) -> Iterator[Contribution]:
    for file, row in rows_in_force(in_force, "F09"):
        if row.cells["binome_id"] and row.cells["date_seance"]:
            met = dt.date.fromisoformat(row.cells["date_seance"])
            pair = f"{row.cells['reseau_id']}|{row.cells['binome_id']}"
            yield Contribution(pair, met, file.partner, until=met + dt.timedelta(days=90), num=1)


def _experts(in_force: Sequence[File]) -> Iterator[Contribution]:
    """A year from the first day of each month of membership that the last file vouches for."""
    last: dict[tuple[str, ...], tuple[dt.date, str, str]] = {}
    for file, row in rows_in_force(in_force, "F09"):
        if row.cells["role"] == "EXPERT":
            key = (file.partner, row.cells["reseau_id"], str(row.person))
            told = (bounds(file.period).end, row.cells["date_adhesion"], row.cells["date_sortie"])
            last[key] = max(last.get(key, told), told)
    for (partner, _, person), (end, joined, left) in last.items():
        month = dt.date.fromisoformat(joined).replace(day=1)
        while month <= min(end, dt.date.fromisoformat(left) if left else end):
            yield Contribution(person, month, partner, person, month + dt.timedelta(days=365), num=1)
            month = (month + dt.timedelta(days=31)).replace(day=1)


# ------------------------------------------------------------------------------------------------------------ projects


def _projects(in_force: Sequence[File]) -> dict[str, list[Contribution]]:
    """Projects that were launched, by what the last file says of who takes part in them."""
    launched = []
    for (partner, name), rows in told_last(in_force, "F10", "projet_id").items():
        cells = rows[-1].cells
        if cells["date_lancement"]:
            members = (f"FILIERE:{cells['filiere']}",) if cells["filiere"] else ()
            said = Contribution(
                f"{partner}|{name}", dt.date.fromisoformat(cells["date_lancement"]), partner, members=members, num=1
            )
            launched.append((said, rows))
    reached = []
    for said, rows in launched:
        due, delivered = said.on + dt.timedelta(days=365), rows[-1].cells["date_livraison"]
        if due <= BUSINESS_DATE:
            is_reached = bool(delivered) and dt.date.fromisoformat(delivered) <= due
            reached.append(replace(said, on=due, num=int(is_reached), den=1))
    return {
        "A3-03": [said for said, rows in launched if len({row.cells["siren"] for row in rows}) >= 2],
        "A3-05": [
            replace(said, num=int({"PUBLIC", "PRIVE"} <= {row.cells["nature"] for row in rows}), den=1)
            for said, rows in launched
        ],
        "A3-06": reached,
    }
