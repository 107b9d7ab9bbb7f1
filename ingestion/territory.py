"""Communes, postcodes, perimeters and action codes: the reference data of `ingestion/reference/`, read once."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ingestion.errors import ConfigurationError

REFERENCE = Path(__file__).resolve().parent / "reference"
OUTSIDE = "99999"


@dataclass(frozen=True, slots=True)
class Commune:
    """One commune (or municipal district) of the COG; `code` is its INSEE code."""

    code: str
    name: str
    postcodes: tuple[str, ...]
    department: str
    region: str
    epci: str


@dataclass(frozen=True, slots=True)
class Programme:
    """What rows of a programme are judged against: its first day, its communes (INSEE codes), its action codes."""

    code: str
    start: dt.date
    perimeter: frozenset[str]
    action_codes: frozenset[str]


@lru_cache(maxsize=1)
def load_communes() -> Mapping[str, Commune]:
    """Every commune by its INSEE code."""
    with (REFERENCE / "communes.csv").open(encoding="utf-8", newline="") as file:
        return {
            row[0]: Commune(row[0], row[1], tuple(row[2].split("|")) if row[2] else (), row[3], row[4], row[5])
            for row in list(csv.reader(file))[1:]
        }


@lru_cache(maxsize=1)
def load_postcodes() -> Mapping[str, tuple[str, ...]]:
    """INSEE codes that share each postcode."""
    found: dict[str, tuple[str, ...]] = {}
    for commune in load_communes().values():
        for postcode in commune.postcodes:
            found[postcode] = (*found.get(postcode, ()), commune.code)
    return found


@lru_cache(maxsize=1)
def load_cog() -> frozenset[str]:
    """Every INSEE code."""
    return frozenset(load_communes())


@lru_cache(maxsize=1)
def load_programmes() -> Mapping[str, Programme]:
    """The programmes by their code."""
    communes = load_communes().values()
    with (REFERENCE / "programmes.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["code"]: Programme(
                code=row["code"],
                start=dt.date.fromisoformat(row["start"]),
                perimeter=frozenset(
                    commune.code
                    for commune in communes
                    if getattr(commune, row["perimeter_kind"]) == row["perimeter_code"]
                ),
                action_codes=frozenset(row["action_codes"].split("|")),
            )
            for row in csv.DictReader(file)
        }


def load_programme(code: str) -> Programme:
    """One programme.

    Raises:
        ConfigurationError: there is none of that code.
    """
    programmes = load_programmes()
    if code not in programmes:
        raise ConfigurationError(f"no programme {code!r}", f"known programmes: {', '.join(programmes)}")
    return programmes[code]
