"""Communes, EPCI, perimeters, action codes, schemes, indicators, countries: what codes in rows may be, read once."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ingestion.errors import ConfigurationError

REFERENCE = Path(__file__).resolve().parent / "reference"
OUTSIDE = "99999"


class Commune(NamedTuple):
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


@dataclass(frozen=True, slots=True)
class FundingScheme:
    """A scheme of aid: `max_rate` of the eligible cost (0 to 1) and `ceiling` in euros, where they are published."""

    code: str
    programme: str
    label: str
    max_rate: float | None
    ceiling: float | None
    source_claim: str | None


@lru_cache(maxsize=1)
def load_communes() -> Mapping[str, Commune]:
    """Every commune by its INSEE code."""
    with (REFERENCE / "communes.csv").open(encoding="utf-8", newline="") as file:
        return {
            code: Commune(code, name, tuple(postcodes.split("|")) if postcodes else (), department, region, epci)
            for code, name, postcodes, department, region, epci in islice(csv.reader(file), 1, None)
        }


@lru_cache(maxsize=1)
def load_postcodes() -> Mapping[str, tuple[str, ...]]:
    """INSEE codes that share each postcode."""
    found: dict[str, list[str]] = {}
    for commune in load_communes().values():
        for postcode in commune.postcodes:
            found.setdefault(postcode, []).append(commune.code)
    return {postcode: tuple(codes) for postcode, codes in found.items()}


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


@lru_cache(maxsize=8)
def load_epcis(programme: str) -> frozenset[str]:
    """SIREN of the EPCI that the communes of a programme's perimeter belong to.

    Raises:
        ConfigurationError: there is no programme of that code.
    """
    communes, perimeter = load_communes(), load_programme(programme).perimeter
    return frozenset(communes[code].epci for code in perimeter if communes[code].epci)


@lru_cache(maxsize=1)
def load_indicator_codes() -> Mapping[str, str]:
    """French labels of the catalogue's indicators by their code."""
    with (REFERENCE / "indicators.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["label"] for row in csv.DictReader(file)}


@lru_cache(maxsize=1)
def load_funding_schemes() -> Mapping[str, FundingScheme]:
    """Schemes of aid by their code, of every programme."""
    with (REFERENCE / "funding_schemes.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["code"]: FundingScheme(
                code=row["code"],
                programme=row["programme"],
                label=row["label"],
                max_rate=float(row["max_rate"]) if row["max_rate"] else None,
                ceiling=float(row["ceiling_eur"]) if row["ceiling_eur"] else None,
                source_claim=row["source_claim"] or None,
            )
            for row in csv.DictReader(file)
        }


@lru_cache(maxsize=1)
def load_countries() -> Mapping[str, str]:
    """English names of countries and territories by their ISO 3166-1 alpha-2 code."""
    import pycountry

    return {country.alpha_2: country.name for country in pycountry.countries}
