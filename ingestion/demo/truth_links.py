"""Who is one person, by the rules of unique people alone: from what the files say of each, and not from who they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from ingestion.demo.files import Row
from ingestion.demo.making import File
from ingestion.demo.people import plain

FEEDS = ("F02", "F03", "F09")
MOST_KEYS = 4
# address, name with first name and year, first name with year where the name is not known; empty where not said
Said = tuple[str, str, str]


def linked(in_force: Sequence[File]) -> list[File]:
    """The same files, their rows about the person that the rules make of what they say."""
    places: dict[Said, set[str]] = defaultdict(set)
    for row in _people(in_force):
        places[said(row)].update(filter(None, [row.cells.get("code_commune_residence")]))
    numbers = {one: number for number, group in enumerate(persons(places)) for one in group}
    return [
        replace(
            file,
            rows=[replace(row, person=numbers[said(row)]) if row.state == "accepted" else row for row in file.rows],
        )
        if file.feed in FEEDS
        else file
        for file in in_force
    ]


def said(row: Row) -> Said:
    """What a row says of whom it is about."""
    birth, first, year = (row.cells[name] for name in ("nom_naissance", "prenom", "annee_naissance"))
    mail = "".join(row.cells["courriel"].split()).lower()
    with_year = f"{plain(first)} {year}" if first and year else ""
    return (mail, f"{plain(birth)} {with_year}", "") if birth and with_year else (mail, "", with_year if mail else "")


def persons(places: Mapping[Said, set[str]]) -> list[list[Said]]:
    """What is said, by person; `places` gives the communes of residence of each."""
    joined = _Joined(places)
    for family in _by(places, lambda one: (one[0], one[1].partition(" ")[2] or one[2])):
        joined.join(family)
    for namesakes in _by(places, lambda one: (one[1],)):
        for same in _sides(namesakes, places):
            joined.join(same)
    for sharing in _by(places, lambda one: (one[0],)):
        owners = [one for one in sharing if one[1] or one[2]]
        if len({joined.head(owner) for owner in owners}) == 1:
            joined.join([owners[0], *sharing])
    groups = joined.groups()
    return [part for group in groups for part in ([[one] for one in group] if _is_crowd(group) else [group])]


def _people(in_force: Sequence[File]) -> Iterable[Row]:
    return (row for file in in_force if file.feed in FEEDS for row in file.rows if row.state == "accepted")


def _by(places: Mapping[Said, set[str]], trait: Callable[[Said], tuple[str, ...]]) -> list[list[Said]]:
    """Those that share a trait, all parts of which are said."""
    sharing: dict[tuple[str, ...], list[Said]] = defaultdict(list)
    for one in places:
        if all(trait(one)):
            sharing[trait(one)].append(one)
    return list(sharing.values())


def _sides(namesakes: Sequence[Said], places: Mapping[Said, set[str]]) -> list[list[Said]]:
    """Namesakes who are one: all of them, unless two addresses live in different communes."""
    sides: list[tuple[set[str], list[Said]]] = []
    for one in (one for one in namesakes if one[0] and places[one]):
        meeting = [side for side in sides if side[0] & places[one]]
        communes = places[one].union(*(side[0] for side in meeting))
        members = [one, *(other for side in meeting for other in side[1])]
        sides = [*(side for side in sides if side not in meeting), (communes, members)]
    if len(sides) < 2:
        return [list(namesakes)]
    for one in (one for one in namesakes if not one[0]):
        near = [members for communes, members in sides if communes & places[one]]
        if len(near) == 1:
            near[0].append(one)
    return [members for _, members in sides]


def _is_crowd(group: Sequence[Said]) -> bool:
    return len({mail for mail, _, _ in group if mail}) + len({name for _, name, _ in group if name}) > MOST_KEYS


class _Joined:
    """Disjoint groups, each known by its head."""

    def __init__(self, members: Iterable[Said]) -> None:
        self._heads = {one: one for one in sorted(members)}

    def head(self, one: Said) -> Said:
        while self._heads[one] != one:
            one = self._heads[one]
        return one

    def join(self, members: Sequence[Said]) -> None:
        first = self.head(members[0])
        for one in members[1:]:
            self._heads[self.head(one)] = first
            first = self.head(first)

    def groups(self) -> list[list[Said]]:
        found: dict[Said, list[Said]] = defaultdict(list)
        for one in self._heads:
            found[self.head(one)].append(one)
        return list(found.values())
