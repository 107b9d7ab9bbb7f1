"""What the twin says of training: the indicators A1 and, of the others, T-05, T-11, T-13 and T-14."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import polars as pl

from ingestion.demo.files import Row
from ingestion.demo.in_force import rows_in_force
from ingestion.demo.making import File, bounds
from ingestion.demo.people import communes
from ingestion.demo.truth_cells import DISTANT, OUTSIDE, UNKNOWN, Contribution, as_frame
from ingestion.demo.truth_people import Participation, Profile, participations, profiles, trained, venue
from ingestion.demo.twin import Twin

DISTANT_MODES = ("WEBINAIRE", "ELEARNING")
Said = tuple[File, Row]


def contributions(twin: Twin, in_force: Sequence[File]) -> dict[str, pl.DataFrame]:
    """Contributions to the indicators of training, by their codes."""
    everything = participations(in_force)
    held = [row for row in everything if row.kind == "SESSION" and row.is_participant]
    people = profiles(in_force)
    sessions = {(file.partner, row.cells["session_id"]): row.cells for file, row in rows_in_force(in_force, "F01")}
    found: dict[str, Iterable[Contribution]] = {
        **_trained(list(trained(held)), people),
        **_certified(rows_in_force(in_force, "F03"), people),
        **_followed(held, people),
        **_surveyed(rows_in_force(in_force, "F04"), sessions, held),
        "A1-13": _modules(in_force),
        "T-05": _paired(in_force),
        "T-11": _flexible(in_force),
        "T-13": _tailored(in_force),
    }
    return {code: as_frame(rows) for code, rows in found.items()}


# -------------------------------------------------------------------------------------------------------------- people


def _trained(rows: Sequence[Participation], people: Mapping[int, Profile]) -> dict[str, list[Contribution]]:
    base = [(row, people[row.person], _of(row, people[row.person], at_home=True)) for row in rows]

    def share(has: Mapping[int, bool]) -> list[Contribution]:
        """People of whom something is known, and whether it is so."""
        return [
            replace(said, members=(), num=int(has[row.person]), den=1) for row, _, said in base if row.person in has
        ]

    ages = {row.person: profile.age for row, profile, _ in base if profile.age != UNKNOWN}
    levels = {row.person: profile.level for row, profile, _ in base if profile.level != UNKNOWN}
    start = dt.date(2024, 1, 1)
    reference = [
        Contribution(None, start, None, commune=code, epci=epci, den=population)
        for code, (_, epci, population) in communes().items()
    ]
    return {
        "A1-01": [
            replace(said, members=(*profile.members, *_session_members(row)), num=1) for row, profile, said in base
        ],
        "A1-03": [
            replace(said, members=(*profile.members, f"EPCI:{profile.epci}"), commune=None, epci=None, num=1)
            for _, profile, said in base
        ],
        "A1-09": share({person: age == "60+" for person, age in ages.items()}),
        "A1-09b": share({person: level in "0123" for person, level in levels.items()}),
        "A1-10": share({person: age == "15-29" for person, age in ages.items()}),
        "A1-14": [
            replace(said, members=(), num=int(row.cells["canal_orientation"] == "EPCI"), den=1)
            for row, _, said in base
            if row.cells["canal_orientation"] not in {"", UNKNOWN}
        ],
        "A1-15": [
            *(replace(said, members=(), num=1) for _, _, said in base if said.commune not in {UNKNOWN, OUTSIDE}),
            *reference,
        ],
    }


def _followed(rows: Sequence[Participation], people: Mapping[int, Profile]) -> dict[str, list[Contribution]]:
    base = [(row, people[row.person], _of(row, people[row.person], at_home=False)) for row in rows]
    by_training = [
        (row, replace(said, members=(*profile.members, *_session_members(row)))) for row, profile, said in base
    ]
    return {
        "A1-05": [
            replace(said, num=Decimal(row.cells["duree_suivie_h"]))
            for row, said in by_training
            if row.cells["duree_suivie_h"]
        ],
        "A1-06": [
            replace(said, num=int(row.is_done), den=1)
            for row, said in by_training
            if row.cells["statut"] in {"TERMINE", "ABANDON"}
        ],
        "A1-08": [
            replace(
                said,
                members=(*profile.members, f"MODALITE:{row.about['modalite']}"),
                num=int(row.about["modalite"] in DISTANT_MODES),
                den=1,
            )
            for row, profile, said in base
        ],
        "T-14": [
            replace(
                said, members=profile.members, num=int(row.cells["canal_orientation"] == "RECOMMANDATION"), den=1,
                commune=None, epci=None,
            )
            for row, profile, said in base
            if row.cells["canal_orientation"] not in {"", UNKNOWN}
        ],
    }  # fmt: skip


def _of(row: Participation, profile: Profile, *, at_home: bool) -> Contribution:
    commune, epci = (profile.commune, profile.epci) if at_home else _session_place(row.about)
    return Contribution(str(row.person), row.on, row.partner, str(row.person), None, commune, epci)


def _session_place(session: Mapping[str, str]) -> tuple[str, str]:
    return (DISTANT, DISTANT) if session["modalite"] in DISTANT_MODES else venue(session["code_commune"])


def _session_members(row: Participation) -> tuple[str, ...]:
    return f"MODALITE:{row.about['modalite']}", f"SECTEUR:{row.about['secteur_cible'] or UNKNOWN}"


def _certified(rows: Sequence[Said], people: Mapping[int, Profile]) -> dict[str, list[Contribution]]:
    presented = []
    for file, row in rows:
        profile, person = people[row.person], str(row.person)
        kind = "INTERNE" if row.cells["certification_code"].startswith("INT-") else "RNCP_RS"
        is_obtained = row.cells["resultat"] == "OBTENU"
        said = Contribution(
            person, dt.date.fromisoformat(row.cells["date_presentation"]), file.partner, person, None,
            profile.commune, profile.epci, (*profile.members, f"CERTIFICATION:{kind}"), int(is_obtained), 1,
        )  # fmt: skip
        presented.append((said, row.cells["date_obtention"] if is_obtained else ""))
    return {
        "A1-02": [replace(said, on=dt.date.fromisoformat(day), den=None) for said, day in presented if day],
        "A1-07": [said for said, _ in presented],
    }


# ------------------------------------------------------------------------------------------------------------- surveys


def _surveyed(
    rows: Sequence[Said], sessions: Mapping[tuple[str, str], Mapping[str, str]], held: Sequence[Participation]
) -> dict[str, list[Contribution]]:
    """Answers, each about a session of the partner that asked, else of another."""
    owners: dict[str, str] = {}
    for partner, name in sorted(sessions):
        owners.setdefault(name, partner)
    answers = []
    for file, row in rows:
        name = row.cells["session_id"]
        owner = file.partner if (file.partner, name) in sessions else owners.get(name, "")
        session = sessions.get((owner, name))
        if session is not None:
            answers.append((_answer(file, row, session), row.cells, (owner, name)))
    asked = {key for _, cells, key in answers if cells["type"] == "CHAUD"}
    return {
        "A1-04": [
            replace(said, num=int(cells["note_satisfaction"] in {"4", "5"}), den=1)
            for said, cells, _ in answers
            if cells["type"] == "CHAUD" and cells["note_satisfaction"]
        ],
        "A1-04b": [
            *(
                replace(said, on=dt.date.fromisoformat(sessions[key]["date_fin"]), subject=None, num=1)
                for said, cells, key in answers
                if cells["type"] == "CHAUD"
            ),
            *(
                replace(
                    _of(row, NOBODY, at_home=False), on=dt.date.fromisoformat(row.about["date_fin"]),
                    members=(f"MODALITE:{row.about['modalite']}",), den=1,
                )
                for row in held
                if row.is_done and row.object_key[1:] in asked
            ),
        ],
        "A1-11": list(_gained(answers)),
        "A1-12": [
            replace(said, num=int(cells["utilise_ia_travail"] == "true"), den=1)
            for said, cells, _ in answers
            if cells["type"] == "FROID"
        ],
    }  # fmt: skip


NOBODY = Profile(*[UNKNOWN] * 6)


def _answer(file: File, row: Row, session: Mapping[str, str]) -> Contribution:
    commune, epci = _session_place(session)
    entity = f"{file.partner}|{row.cells['enquete_id']}|{row.cells['reponse_id']}"
    token = row.cells["jeton_participant"]
    person = f"{file.partner}|{token}" if token else entity
    day = dt.datetime.fromisoformat(row.cells["date_reponse"]).date()
    return Contribution(
        entity, day, file.partner, person, None, commune, epci, (f"MODALITE:{session['modalite']}",)
    )  # fmt: skip


def _gained(answers: Sequence[tuple[Contribution, Mapping[str, str], tuple[str, str]]]) -> Iterator[Contribution]:
    """Score after minus score before, of each token that gave both about one session."""
    last: dict[tuple[str, ...], dict[str, tuple[tuple[str, str], Contribution, Mapping[str, str]]]] = {}
    for said, cells, session in answers:
        token, kind = cells["jeton_participant"], cells["type"]
        if token and kind in {"AVANT", "CHAUD"} and cells["score_connaissance"]:
            pair = last.setdefault((str(said.partner), *session, token), {})
            rank = (cells["date_reponse"], cells["reponse_id"])
            if kind not in pair or rank > pair[kind][0]:
                pair[kind] = (rank, said, cells)
    for pair in last.values():
        if len(pair) == 2:
            _, said, after = pair["CHAUD"]
            before = pair["AVANT"][2]
            yield replace(said, num=Decimal(after["score_connaissance"]) - Decimal(before["score_connaissance"]))


# ------------------------------------------------------------------------------------------------------------ sessions


def _modules(in_force: Sequence[File]) -> Iterator[Contribution]:
    """Each use of a module by a session, and whether the module had its label at the session's end."""
    labels = {row.cells["module_id"]: row.cells for _, row in rows_in_force(in_force, "F15")}
    for file, row in rows_in_force(in_force, "F01"):
        module, end = row.cells["module_id"], row.cells["date_fin"]
        if module:
            label = labels.get(module, {})
            has_label = (
                label.get("label_qualite") == "true"
                and "" < label["date_label"] <= end
                and (not label["date_retrait"] or label["date_retrait"] > end)
            )
            yield Contribution(module, dt.date.fromisoformat(end), file.partner, num=int(has_label), den=1)


def _paired(in_force: Sequence[File]) -> Iterator[Contribution]:
    """Participations accepted, and those refused for nobody knows whose they are."""
    for file in in_force:
        if file.feed != "F02":
            continue
        start = bounds(file.period).start
        unknown = [row for row in file.rows if any(rule == "PERSONNE-INCONNUE" for _, rule in row.rules)]
        accepted = [row for row in file.rows if row.state == "accepted"]
        if accepted or unknown:
            yield Contribution(file.name, start, file.partner, num=len(accepted), den=len(accepted) + len(unknown))


def _flexible(in_force: Sequence[File]) -> Iterator[Contribution]:
    """Days from a proposal to the session or event."""
    for feed, name, day in (("F01", "session_id", "date_debut"), ("F08", "evenement_id", "date")):
        for file, row in rows_in_force(in_force, feed):
            if row.cells["date_proposition"]:
                held, proposed = (dt.date.fromisoformat(row.cells[column]) for column in (day, "date_proposition"))
                yield Contribution(f"{feed}|{row.cells[name]}", held, file.partner, num=(held - proposed).days)


def _tailored(in_force: Sequence[File]) -> Iterator[Contribution]:
    """Sessions, and awareness actions that were held, and whether they were made for somebody in particular."""
    for file, row in rows_in_force(in_force, "F01"):
        cells = row.cells
        is_tailored = cells["public_cible"] not in {"", "TOUT_PUBLIC"} or cells["secteur_cible"] not in {"", "TOUS"}
        yield Contribution(
            f"F01|{file.partner}|{cells['session_id']}", dt.date.fromisoformat(cells["date_debut"]), file.partner,
            num=int(is_tailored), den=1,
        )  # fmt: skip
    publics: dict[tuple[str, str], tuple[str, set[str]]] = {}
    for file, row in rows_in_force(in_force, "F11"):
        cells = row.cells
        if cells["type"] == "SESSION" and cells["statut"] == "TENU":
            publics.setdefault((file.partner, cells["action_id"]), (cells["date"], set()))[1].add(cells["public"])
    for (partner, action), (day, told) in publics.items():
        yield Contribution(
            f"F11|{partner}|{action}", dt.date.fromisoformat(day), partner,
            num=int(bool(told - {"TOUT_PUBLIC", ""})), den=1,
        )  # fmt: skip
