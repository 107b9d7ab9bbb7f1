"""Names of dropped files: `F02_participations__<PARTNER>__<PERIOD>__v<n>[.rejets<m>].csv|.xlsx|.ods`."""

from __future__ import annotations

import calendar
import datetime as dt
import re
import unicodedata
from dataclasses import dataclass

from ingestion.contracts import load_contracts
from ingestion.errors import BlockedFile

EXTENSIONS = ("csv", "xlsx", "ods", "xls")
MONTHS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)
_PERIOD = re.compile(r"(?P<year>20[0-9]{2})(?:[-_ ]?(?:T(?P<quarter>[1-4])|S(?P<half>[12])|(?P<month>0[1-9]|1[0-2])))?")
_YEAR_LAST = re.compile(r"(?P<first>[A-Z]{3,9}|[TS][1-4]|0?[1-9]|1[0-2])[-/ ](?P<year>20[0-9]{2})")
_DAY = re.compile(r"(?P<year>20[0-9]{2})-(?P<month>0[1-9]|1[0-2])-01(?:[T ]00:00:00)?")
_NAME = re.compile(
    r"(?P<feed>[FG][0-9]{2}B?)(?:[-_]+(?P<label>[A-Z]+(?:[-_][A-Z]+){0,5}?))??[-_]+(?P<partner>[A-Z0-9-]{2,16}?)"
    r"[-_]+(?P<period>20[0-9]{2}(?:[-_ ]?(?:T[1-4]|S[12]|0[1-9]|1[0-2]))?)[-_]+V_*(?P<version>[0-9]{1,4})"
    r"(?:[._-]+REJETS?[-_]*(?P<part>[0-9]{1,4}))?"
)


@dataclass(frozen=True, slots=True)
class Period:
    """A month, quarter, half-year or year.

    Args:
        text: canonical form: `2026-03`, `2026-T1`, `2026-S1` or `2026`.
        label: in French, such as `mars 2026`.
        start, end: first and last day.
    """

    text: str
    label: str
    start: dt.date
    end: dt.date


@dataclass(frozen=True, slots=True)
class DropName:
    """What a file's name says. `part` is 0 for the whole period, m for `.rejets<m>`; `extension` has no dot."""

    feed: str
    partner_code: str
    period: Period
    version: int
    part: int
    extension: str


def parse_period(text: str) -> Period:
    """Read `2026-03`, `2026-T1`, `2026-S1` or `2026`, and the like of `mars 2026`.

    Raises:
        BlockedFile: NOM-INCONNU, the text is none of these.
    """
    match = _PERIOD.fullmatch(_reordered(text))
    if match is None:
        raise BlockedFile(
            "NOM-INCONNU",
            f"La période « {text} » n'est pas reconnue.",
            "Écrivez 2026-03 (mois), 2026-T1 (trimestre), 2026-S1 (semestre) ou 2026 (année).",
        )
    year = int(match["year"])
    if match["month"]:
        month = int(match["month"])
        return _period(f"{year}-{month:02d}", f"{MONTHS[month - 1]} {year}", year, month, month)
    if match["quarter"]:
        quarter = int(match["quarter"])
        ordinal = "1er" if quarter == 1 else f"{quarter}e"
        return _period(f"{year}-T{quarter}", f"{ordinal} trimestre {year}", year, 3 * quarter - 2, 3 * quarter)
    if match["half"]:
        half = int(match["half"])
        return _period(
            f"{year}-S{half}", f"{'1er' if half == 1 else '2e'} semestre {year}", year, 6 * half - 5, 6 * half
        )
    return _period(str(year), f"année {year}", year, 1, 12)


def _reordered(text: str) -> str:
    """Other ways in which people, and spreadsheets that take it for a date, write a period: `mars 2026`, `T1 2026`."""
    plain = " ".join(_plain(text).replace("_", " ").split())
    if match := _DAY.fullmatch(plain):
        return f"{match['year']}-{match['month']}"
    if match := _YEAR_LAST.fullmatch(plain):
        first, year = match["first"], match["year"]
        if first in _MONTH_NUMBERS:
            return f"{year}-{_MONTH_NUMBERS[first]:02d}"
        return f"{year}-{first.zfill(2)}" if first.isdigit() else f"{year}-{first}"
    return plain


def _period(text: str, label: str, year: int, first: int, last: int) -> Period:
    return Period(text, label, dt.date(year, first, 1), dt.date(year, last, calendar.monthrange(year, last)[1]))


def extension_of(name: str) -> str:
    """What follows the last dot of a name, in lower case."""
    return _plain(name).rpartition(".")[2].lower()


def parse_file_name(name: str) -> DropName:
    """Understand a dropped file's name; spaces, accents and case do not matter.

    Raises:
        BlockedFile: NOM-INCONNU (not the form expected, or no such feed) or FORMAT-NON-PRIS (extension).
    """
    stem, dot, extension = _plain(name).rpartition(".")
    if not dot or extension.lower() not in EXTENSIONS:
        raise BlockedFile(
            "FORMAT-NON-PRIS",
            f"Le fichier « {name} » n'est ni un CSV, ni un classeur XLSX ou ODS.",
            "Enregistrez-le en .csv, .xlsx ou .ods et déposez-le de nouveau.",
        )
    match = _NAME.fullmatch(stem)
    if match is None:
        raise _unknown(f"Le nom « {name} » n'a pas la forme attendue.", extension)
    feeds = {feed.upper(): feed for feed in load_contracts()}
    if match["feed"] not in feeds:
        raise _unknown(f"Le nom « {name} » annonce le flux {match['feed']}, que nous n'attendons pas.", extension)
    return DropName(
        feed=feeds[match["feed"]],
        partner_code=match["partner"],
        period=parse_period(match["period"]),
        version=int(match["version"]),
        part=int(match["part"] or 0),
        extension=extension.lower(),
    )


def _unknown(what: str, extension: str) -> BlockedFile:
    return BlockedFile(
        "NOM-INCONNU",
        what,
        "Partez de votre modèle (dossier « modeles »), ou nommez le fichier"
        f" <FLUX>__<VOTRE CODE>__<PÉRIODE>__v<n>.{extension.lower()}, par exemple"
        f" F02_participations__VOTRE-CODE__2026-03__v1.{extension.lower()}.",
    )


def _plain(name: str) -> str:
    """Upper case, no accents, `_` for spaces, apostrophes and the like."""
    text = unicodedata.normalize("NFKD", name.strip())
    text = "".join(character for character in text if not unicodedata.combining(character)).upper()
    text = text.replace("–", "-").replace("—", "-").replace("’", "_")
    return re.sub(r"[\s'()]+", "_", text)


_MONTH_NUMBERS = {_plain(name): number for number, name in enumerate(MONTHS, start=1)}
