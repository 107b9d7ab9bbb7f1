"""What of the twin's files the figures stand on: the files and rows in force, and the deliveries that were expected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache

from ingestion.contracts import PERSON, load_contracts
from ingestion.demo.files import Row
from ingestion.demo.making import File, Slot, bounds, expected_slots
from ingestion.demo.people import plain


def is_read(file: File) -> bool:
    """Whether the figures may know the file: nothing refuses it as a whole, and nobody has to release it."""
    return not file.blocked and not file.is_held


def is_taken(file: File) -> bool:
    """Whether something of the file counts: it is not blocked, and not every row of it is refused."""
    return is_read(file) and (not file.rows or any(row.state != "refused" for row in file.rows))


def files_in_force(files: Sequence[File]) -> list[File]:
    """Files that the figures stand on: of each period, the newest version that was taken."""
    newest: dict[tuple[str, str, str], int] = {}
    for file in files:
        if is_taken(file):
            newest[file.key] = max(newest.get(file.key, 0), file.version)
    return [file for file in files if is_read(file) and file.version >= newest.get(file.key, 0)]


def rows_in_force(files: Sequence[File], feed: str) -> list[tuple[File, Row]]:
    """Accepted rows of a feed in these files, each key once: the later period, then version, then part."""
    chosen: dict[tuple[str, ...], tuple[tuple[object, ...], File, Row]] = {}
    for file in files:
        if file.feed != feed:
            continue
        rank = (bounds(file.period).end, file.version, file.part)
        for row in file.rows:
            if row.state != "accepted":
                continue
            key = (file.partner, *key_of(feed, row))
            if key not in chosen or rank > chosen[key][0]:
                chosen[key] = (rank, file, row)
    return [(file, row) for _, file, row in chosen.values()]


def told_last(files: Sequence[File], feed: str, name: str) -> dict[tuple[str, str], list[Row]]:
    """Rows of the last file that speaks of each object, by partner and the identifier that column `name` gives.

    The last row of an object speaks for it where its rows differ: what was mended comes after what was not.
    """
    newest: dict[tuple[str, str], tuple[dt.date, int]] = {}
    rows: dict[tuple[str, str], list[tuple[int, int, Row]]] = {}
    for file, row in rows_in_force(files, feed):
        key, rank = (file.partner, row.cells[name]), (bounds(file.period).end, file.version)
        if rank > newest.get(key, (dt.date.min, 0)):
            newest[key], rows[key] = rank, []
        if rank == newest[key]:
            rows[key].append((file.part, row.line, row))
    return {key: [row for *_, row in sorted(told, key=lambda said: said[:2])] for key, told in rows.items()}


def key_of(feed: str, row: Row) -> tuple[str, ...]:
    """What tells a row apart from the others of its partner and feed."""
    return tuple(
        _person_key(row) if name == PERSON else row.cells.get(name) or default for name, default in _key_columns(feed)
    )


@lru_cache
def _key_columns(feed: str) -> tuple[tuple[str, str], ...]:
    """Columns of the key, with what stands for an empty cell."""
    contract = load_contracts()[feed]
    defaults = {column.name: column.default or "" for column in contract.columns}
    return tuple((name, defaults.get(name, "")) for name in contract.key)


def _person_key(row: Row) -> str:
    parts = [row.cells[name] for name in ("nom_naissance", "prenom", "annee_naissance")]
    return "|".join(map(plain, parts[:2])) + parts[2] if all(parts) else row.cells["courriel"]


def slots_met(files: Sequence[File]) -> list[tuple[Slot, dt.date | None]]:
    """Each expected delivery, and the first day on which an accepted file covered it (none: not yet)."""
    accepted: dict[tuple[str, str], list[tuple[dt.date, dt.date, dt.date]]] = {}
    for file in files:
        if is_read(file) and (not file.rows or any(row.state == "accepted" for row in file.rows)):
            span = bounds(file.period)
            accepted.setdefault((file.partner, file.feed), []).append((span.start, span.end, file.received_on))
    return [
        (
            slot,
            min(
                (
                    received_on
                    for start, end, received_on in accepted.get((slot.partner, slot.feed), ())
                    if start <= slot.start and slot.end <= end
                ),
                default=None,
            ),
        )
        for slot in expected_slots()
    ]
