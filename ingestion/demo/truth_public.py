"""What the twin says of the public: the indicators A5, O-01, and O-03 of the projects supported."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import polars as pl

from ingestion.demo.files import Row
from ingestion.demo.in_force import rows_in_force, told_last
from ingestion.demo.making import File
from ingestion.demo.people import communes
from ingestion.demo.truth_cells import Contribution, as_frame
from ingestion.demo.truth_companies import EVER, parameter
from ingestion.demo.truth_people import Participation, Profile, participations, profiles, venue
from ingestion.demo.twin import Twin

CRITERIA = ("acceptable", "fiable", "explicable", "robuste", "transparente")
PRODUCED = ("GUIDE", "OUTIL_INCLUSION")
Actions = Mapping[tuple[str, str], list[Row]]


def contributions(twin: Twin, in_force: Sequence[File]) -> dict[str, pl.DataFrame]:
    """Contributions to the indicators of the public, by their codes."""
    actions = told_last(in_force, "F11", "action_id")
    held = {key: rows for key, rows in actions.items() if _is(rows[0].cells, ("SESSION",))}
    came = [
        row
        for row in participations(in_force)
        if row.kind == "ACTION" and row.is_done and row.is_participant and row.object_key[1:] in held
    ]
    people = profiles(in_force)
    found: dict[str, Iterable[Contribution]] = {
        "A5-01": [_action(key, rows) for key, rows in held.items()],
        "A5-02": _met(held, came),
        "A5-02b": _heads(held),
        "A5-04": _first_concerned(came, people),
        "A5-05": _covered(held),
        "A5-06": _produced(actions),
        "A5-07": _reached(came, people),
        **_asked(in_force),
        **_projects(in_force),
    }
    return {code: as_frame(rows) for code, rows in found.items()}


def _is(cells: Mapping[str, str], kinds: tuple[str, ...]) -> bool:
    return cells["type"] in kinds and cells["statut"] == "TENU"


# ----------------------------------------------------------------------------------------------------------- awareness


def _action(key: tuple[str, str], rows: Sequence[Row]) -> Contribution:
    """One action held, for all its publics."""
    cells = rows[0].cells
    commune, epci = venue(cells["code_commune"])
    publics = tuple(sorted({f"PUBLIC:{row.cells['public']}" for row in rows}))
    return Contribution(
        "|".join(key), dt.date.fromisoformat(cells["date"]), key[0], None, None, commune, epci, publics, 1
    )  # fmt: skip


def _met(held: Actions, came: Sequence[Participation]) -> Iterator[Contribution]:
    """Each person identified, at every public of the action, and each head-count, at its own."""
    for row in came:
        key = row.object_key[1:]
        said = _action(key, held[key])
        members = (*said.members, f"OBJET:{'|'.join(key)}")
        yield replace(said, entity=str(row.person), subject=str(row.person), partner=row.partner, members=members)
    for said in _heads(held):
        members = (*said.members, f"OBJET:{str(said.entity).rpartition('|')[0]}")
        yield replace(said, entity=None, num=None, den=said.num, members=members)


def _heads(held: Actions) -> Iterator[Contribution]:
    """The people whom nobody identified, of each public of each action."""
    for key, rows in held.items():
        for row in rows:
            public = row.cells["public"]
            if row.cells["effectif_anonyme"]:
                said = _action(key, rows)
                yield replace(
                    said, entity=f"{said.entity}|{public}", members=(f"PUBLIC:{public}",),
                    num=int(row.cells["effectif_anonyme"]),
                )  # fmt: skip


def _covered(held: Actions) -> Iterator[Contribution]:
    for key, rows in held.items():
        said = _action(key, rows)
        if said.commune in communes():
            until = said.on + dt.timedelta(days=365)
            yield replace(said, entity=said.commune, until=until, members=(), partner=None)
    for code, (_, epci, _) in communes().items():
        yield Contribution(None, EVER, None, commune=code, epci=epci, den=1)


def _produced(actions: Actions) -> Iterator[Contribution]:
    for (partner, name), rows in actions.items():
        cells = rows[0].cells
        if _is(cells, PRODUCED):
            on = dt.date.fromisoformat(cells["date"])
            yield Contribution(f"{partner}|{name}", on, partner, members=(f"TYPE_LIVRABLE:{cells['type']}",), num=1)


# -------------------------------------------------------------------------------------------------------------- people


def _remote() -> set[str]:
    return set(parameter("remote_communes").split(";"))


def _first_concerned(came: Sequence[Participation], people: Mapping[int, Profile]) -> Iterator[Contribution]:
    """People who came to an action, and whether they are among the publics to reach first."""
    for row in came:
        person = people[row.person]
        is_first = person.age in {"60+", "15-29"} or person.commune in _remote()
        on = dt.date.fromisoformat(row.about["date"])
        name = str(row.person)
        yield Contribution(
            name, on, row.partner, name, None, person.commune, person.epci, num=int(is_first), den=1
        )  # fmt: skip


def _reached(came: Sequence[Participation], people: Mapping[int, Profile]) -> Iterator[Contribution]:
    """People reached since the launch, and inhabitants, of the remote communes and of the others."""

    def zone(commune: str) -> tuple[str, ...]:
        return ("ZONE:ENCLAVEE" if commune in _remote() else "ZONE:RESTE",)

    for row in came:
        person, name = people[row.person], str(row.person)
        if person.commune in communes():
            on = dt.date.fromisoformat(row.about["date"])
            yield Contribution(name, on, row.partner, name, members=zone(person.commune), num=1)
    for code, (_, _, population) in communes().items():
        yield Contribution(None, EVER, None, members=zone(code), den=population)


# ----------------------------------------------------------------------------------------------------------- barometer


def _asked(in_force: Sequence[File]) -> dict[str, list[Contribution]]:
    """What the people asked do with AI, and whether they trust it, by their weights."""
    uses, trusts = [], []
    for file, row in rows_in_force(in_force, "F12"):
        cells, weight = row.cells, Decimal(row.cells["poids"])
        is_user = cells["utilise_ia"] != "JAMAIS"
        name = f"{file.partner}|{cells['vague']}|{cells['repondant_id']}"
        said = Contribution(
            name, dt.date(int(cells["vague"]), 1, 1), file.partner, name, epci=cells["code_epci"],
            members=(f"AGE_ENQUETE:{cells['tranche_age']}",), num=weight if is_user else 0, den=weight,
        )  # fmt: skip
        uses.append(said)
        members = (*said.members, f"SEXE:{cells['sexe']}", f"UTILISATEUR:{'OUI' if is_user else 'NON'}")
        trusts.append(replace(said, members=members, num=weight if cells["confiance"] in {"4", "5"} else 0))
    return {"O-01": uses, "A5-03": trusts}


# ------------------------------------------------------------------------------------------------------------ projects


def _projects(in_force: Sequence[File]) -> dict[str, list[Contribution]]:
    """Projects launched, by the last line that speaks of each."""
    scores, whole, supported = [], [], []
    for (partner, name), rows in told_last(in_force, "F10", "projet_id").items():
        cells = rows[-1].cells
        if not cells["date_lancement"]:
            continue
        said = Contribution(
            f"{partner}|{name}", dt.date.fromisoformat(cells["date_lancement"]), partner,
            members=(f"FILIERE:{cells['filiere']}",), num=1,
        )  # fmt: skip
        if cells["accompagnement"] == "true":
            supported.append(said)
        if any(cells[criterion] for criterion in CRITERIA):
            met = sum(cells[criterion] == "true" for criterion in CRITERIA)
            scores.append(replace(said, num=met))
            whole.append(replace(said, num=int(met == len(CRITERIA)), den=1))
    return {"A5-08": scores, "A5-08b": whole, "O-03": supported}
