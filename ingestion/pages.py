"""Pages that partners read, in French: numbers, plurals and dates, and the templates that show them."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.loading import PROGRAMME_ZONE
from ingestion.naming import MONTHS, parse_period

if TYPE_CHECKING:
    from jinja2 import Environment

    from ingestion.contracts import Contract

TEMPLATES = Path(__file__).resolve().parent / "templates"
NARROW_SPACE = "\u202f"
NO_BREAK = "\u00a0"
EXAMPLE_PERIODS = {"month": "2026-03", "quarter": "2026-T1", "semester": "2026-S1", "year": "2026", "any": "2026"}
# ranges of line numbers shown in full
SHOWN_RANGES = 40


def render(template: str, **values: Any) -> bytes:
    """One of `ingestion/templates`, as UTF-8."""
    return _environment().get_template(template).render(values).encode()


def number(value: float) -> str:
    """`12 345` or `7,5`: spaces that do not break, a decimal comma, two decimals at most."""
    text = f"{value:,.2f}".rstrip("0").rstrip(".").replace(",", NARROW_SPACE).replace(".", ",")
    return "0" if text == "-0" else text.replace("-", "\u2212")


def plural(value: int, one: str, many: str) -> str:
    """`1 ligne refusée`, `2 lignes refusées`; in French zero is singular."""
    return f"{number(value)} {agreed(value, one, many)}"


def agreed(value: int, one: str, many: str) -> str:
    """The word that agrees with a number; in French zero is singular."""
    return many if value >= 2 else one


def change(before: float, after: float) -> str:
    """How a figure moved: `inchangé`, `+12 (+8 %)`, `+1 (moins de 1 %)` or, from nothing, `+12`."""
    if before == after:
        return "inchangé"
    sign = "+" if after > before else ""
    if not before:
        return f"{sign}{number(after - before)}"
    share = round(100 * (after - before) / abs(before))
    said = f"{sign}{number(share)}" if share else "moins de 1"
    return f"{sign}{number(after - before)} ({said}{NO_BREAK}%)"


def day(value: dt.date) -> str:
    """`1er mars 2026`."""
    return f"{'1er' if value.day == 1 else value.day} {MONTHS[value.month - 1]} {value.year}"


def moment(value: dt.datetime) -> str:
    """`1er mars 2026 à 8 h 05 (heure de Martinique)`."""
    local = _local(value)
    return f"{day(local.date())} à {local.hour} h {local.minute:02d} (heure de Martinique)"


def short_moment(value: dt.datetime) -> str:
    """`01/03/2026 08:05`, in the programme's zone."""
    return f"{_local(value):%d/%m/%Y %H:%M}"


def period(text: str) -> str:
    """`mars 2026` for `2026-03`."""
    return parse_period(text).label


def of_period(text: str) -> str:
    """`de mars 2026`, `d'avril 2026`, `du 1er trimestre 2026` or `de l'année 2026`."""
    label = parse_period(text).label
    if "trimestre" in label or "semestre" in label:
        return f"du {label}"
    if label.startswith("année"):
        return f"de l'{label}"
    return f"d'{label}" if label[0] in "ao" else f"de {label}"


def ranges(lines: Iterable[int], shown: int = SHOWN_RANGES) -> str:
    """`3, 7 à 9 et 12` for line numbers in any order; beyond `shown` ranges, how many are left."""
    spans: list[list[int]] = []
    for line in sorted(set(lines)):
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    texts = [str(first) if first == last else f"{first} à {last}" for first, last in spans[:shown]]
    left = sum(last - first + 1 for first, last in spans[shown:])
    if left:
        texts.append(plural(left, "autre", "autres"))
    return " et ".join(part for part in (", ".join(texts[:-1]), *texts[-1:]) if part)


def example_name(contract: Contract, partner_code: str, extension: str = "xlsx") -> str:
    """The name of a file of that feed, as a partner should write it."""
    when = EXAMPLE_PERIODS[contract.grain]
    return f"{contract.feed}_{contract.name}__{partner_code}__{when}__v1.{extension}"


def feed_title(feed: str) -> str:
    """French title of a feed; the code itself where no contract has it."""
    from ingestion.contracts import load_contracts

    contract = load_contracts().get(feed)
    return contract.title if contract else feed


def spaced(text: str) -> str:
    """French spaces that do not break before `:`, `;`, `!`, `?`, `%` and within « »."""
    for mark in (":", ";", "!", "?", "%", "»"):
        text = text.replace(f" {mark}", f"{NO_BREAK}{mark}")
    return text.replace("« ", f"«{NO_BREAK}")


def contact() -> str:
    """Whom partners ask: `$LAKOU_CONTACT`, an address or a sentence; empty where none is set."""
    return os.environ.get("LAKOU_CONTACT", "").strip()


def _local(value: dt.datetime) -> dt.datetime:
    from zoneinfo import ZoneInfo

    return value.astimezone(ZoneInfo(PROGRAMME_ZONE))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["contact"] = contact
    environment.filters.update(
        number=number,
        plural=plural,
        agreed=agreed,
        change=change,
        day=day,
        moment=moment,
        short=short_moment,
        period=period,
        of_period=of_period,
        ranges=ranges,
        spaced=spaced,
        title_of_feed=feed_title,
    )
    return environment
