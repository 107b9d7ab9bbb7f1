"""Codes of closed lists, companies and places: what people write for them, value by value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from stdnum.fr import siret

from ingestion.cells import ABSENT, Form, Understood, trimmed
from ingestion.contracts import Column
from ingestion.reading import normal
from ingestion.territory import OUTSIDE, load_communes

LA_POSTE = "356000000"
SPREADSHEET_ERROR = (
    r"(?i)^(?:#(?:N/A|REF!|VALEUR!|VALUE!|NOM\?|NAME\?|DIV/0!|NUL!|NULL!|NOMBRE!|NUM!|SPILL!|PROPAGATION!|CALC!)"
    r"|#{3,}|Err:[0-9]{3})$"
)
SCIENTIFIC = r"^[+-]?[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}$"
MONTHS = {
    **dict.fromkeys(("janvier", "janv", "jan"), "01"),
    **dict.fromkeys(("février", "fevrier", "févr", "fevr", "fév", "fev"), "02"),
    **dict.fromkeys(("mars", "mar"), "03"),
    **dict.fromkeys(("avril", "avr"), "04"),
    "mai": "05",
    "juin": "06",
    **dict.fromkeys(("juillet", "juil"), "07"),
    **dict.fromkeys(("août", "aout"), "08"),
    **dict.fromkeys(("septembre", "sept", "sep"), "09"),
    **dict.fromkeys(("octobre", "oct"), "10"),
    **dict.fromkeys(("novembre", "nov"), "11"),
    **dict.fromkeys(("décembre", "decembre", "déc", "dec"), "12"),
}
_TRUE = frozenset({"oui", "o", "x", "1", "vrai", "v", "true", "t", "yes", "y"})
_FALSE = frozenset({"non", "n", "0", "faux", "f", "false", "no"})
_SMALL_WORDS = frozenset({"A", "AU", "AUX", "D", "DE", "DES", "DU", "EN", "ET", "L", "LA", "LE", "LES"})


@dataclass(frozen=True, slots=True)
class Places:
    """Codes that commune columns are read against (see `References`)."""

    perimeter: frozenset[str]
    cog: frozenset[str]
    postcodes: Mapping[str, tuple[str, ...]]


@lru_cache(maxsize=512)
def list_form(codes: Sequence[str], rule_id: str, default: str | None = None, detail: str | None = None) -> Form:
    """Form of a value of a closed list of `codes` (a tuple): case, accents and small words do not matter."""
    known = {_code(code): code for code in codes}
    spelled = _spellings(codes)
    words = tuple(word for word in ABSENT if _code(word) not in known)

    @lru_cache(maxsize=4096)
    def read(text: str) -> Understood:
        code = known.get(_code(text)) or known.get(_code(text.removesuffix(".0")))
        if code is not None:
            return Understood(code)
        if (damaged := _damaged(text)) is not None:
            return damaged
        meant = _range_of_date(text, codes)
        if meant is not None:
            return Understood(rule_id="VALEUR-TABLEUR", detail=meant)
        guessed = known.get(_range(text)) or _label(text, spelled)
        if guessed is not None:
            return Understood(guessed, note="LIBELLE-LU")
        return Understood(rule_id=rule_id, detail=detail)

    return Form(read, default=default, absent=words)


CALCULATED = "le tableur n'a pas su calculer cette cellule"
SHORTENED = "un grand nombre a été abrégé"


def _is_error(text: str) -> bool:
    return text.startswith(("#", "Err:")) and _matches(text, SPREADSHEET_ERROR)


@lru_cache(maxsize=4096)
def _matches(text: str, pattern: str) -> bool:
    return re.match(pattern, text) is not None


def _range_of_date(text: str, codes: Sequence[str]) -> str | None:
    """What a spreadsheet has made of a range such as 1-9, if the text looks like a date: which one it may be."""
    ranges = [code for code in codes if re.fullmatch(r"[0-9]{1,2}-[0-9]{1,2}", code)]
    worded = re.fullmatch(r"(?:([0-9]{1,2})[-/ .])?([a-zéèû]{3,9})\.?(?:[-/ .]([0-9]{2,4}))?", text.lower())
    if worded is not None and worded[2] in MONTHS and (worded[1] or worded[3]):
        month, day, year = int(MONTHS[worded[2]]), int(worded[1] or 0), int(worded[3] or 0) % 100
    else:
        iso = re.fullmatch(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})(?:[ T].*)?", text)
        french = re.fullmatch(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{2}|[0-9]{4})(?:[ T].*)?", text)
        if iso is None and french is None:
            return None
        parts = iso.groups()[::-1] if iso is not None else french.groups() if french is not None else ()
        day, month, year = int(parts[0]), int(parts[1]), int(parts[2]) % 100
    pairs = {frozenset({day, month}), frozenset({month, year})}
    meant = [code for code in ranges if frozenset(map(int, code.split("-"))) in pairs]
    if meant:
        return f"une tranche est devenue une date : serait-ce « {meant[0]} » ?"
    return "une tranche ou un code est devenu une date"


def read_boolean(text: str) -> Understood:
    """Yes or no, as `true` or `false`."""
    word = text.lower().removesuffix(".0")
    note = None if word in {"oui", "non", "true", "false"} else "OUI-NON-LU"
    if word in _TRUE or word in _FALSE:
        return Understood("true" if word in _TRUE else "false", note=note)
    return _damaged(text) or Understood(rule_id="TYPE-BOOLEEN")


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, str]:
    import pycountry

    known: dict[str, str] = {}
    for country in pycountry.countries:
        known |= dict.fromkeys((normal(country.name), normal(country.alpha_3)), country.alpha_2)
    french = {"allemagne": "DE", "belgique": "BE", "espagne": "ES", "etats unis": "US", "italie": "IT"}
    french |= {
        "royaume uni": "GB",
        "suisse": "CH",
        "pays bas": "NL",
        "bresil": "BR",
        "haiti": "HT",
        "sainte lucie": "LC",
    }
    return known | french | {country.alpha_2.lower(): country.alpha_2 for country in pycountry.countries}


def read_country(text: str) -> Understood:
    """A country's two letters."""
    code = _countries().get(normal(text))
    if code is None:
        return _damaged(text) or Understood(rule_id="PAYS")
    return Understood(code, note=None if len(text) == 2 else "LIBELLE-LU")


def _bare(text: str) -> str:
    """A number of identification without what people put between its digits."""
    for ending in (".0", ",0"):
        text = text.removesuffix(ending)
    return "".join(character for character in text if character.isalnum() or character in ";,|/")


def read_siren_list(text: str) -> Understood:
    """Several SIREN, joined by semicolons."""
    numbers = [part for part in re.split(r"[;,|/]", _bare(text)) if part]
    if numbers and all(len(number) == 9 and is_siren(number) for number in numbers):
        return Understood(";".join(numbers))
    return _damaged(text) or Understood(rule_id="SIREN")


def _damaged(text: str) -> Understood | None:
    """What a spreadsheet has visibly made of a code, if it has."""
    if _is_error(text):
        return Understood(rule_id="VALEUR-TABLEUR", detail=CALCULATED)
    return Understood(rule_id="VALEUR-TABLEUR", detail=SHORTENED) if _matches(text, SCIENTIFIC) else None


def is_siren(text: str) -> bool:
    """Whether nine digits have the right key (the establishments of La Poste are another matter: see `is_siret`)."""
    return len(text) == 9 and text.isdecimal() and text.isascii() and (text == LA_POSTE or _luhn(text))


def is_siret(text: str) -> bool:
    """Whether fourteen digits have the right key, La Poste's own one included."""
    return len(text) == 14 and text.isdecimal() and text.isascii() and bool(siret.is_valid(text))


def _luhn(text: str) -> bool:
    doubled = (int(digit) * (2 if index % 2 else 1) for index, digit in enumerate(reversed(text)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def epci_form(known: frozenset[str]) -> Form:
    """Form of the SIREN of one of these groupings of communes."""

    def read(text: str) -> Understood:
        bare = _bare(text)
        padded = bare.zfill(9) if len(bare) in {7, 8} else bare
        if padded in known:
            return Understood(padded, note="ZEROS-RENDUS" if padded != bare else None)
        return _damaged(text) or Understood(rule_id="EPCI", detail=", ".join(sorted(known)[:12]))

    return Form(read)


@dataclass(frozen=True, slots=True)
class Kinds:
    """What a column of commune codes holds: values that are nothing but postcodes, or nothing but commune codes."""

    postcodes: bool = False
    communes: bool = False

    def __or__(self, other: Kinds) -> Kinds:
        return Kinds(self.postcodes or other.postcodes, self.communes or other.communes)

    @property
    def are_postcodes(self) -> bool:
        """Whether the column as a whole holds postcodes."""
        return self.postcodes and not self.communes


# between a code and a name: a character for private use, that no cell holds
PAIR = "\ue000"


def commune_kinds(different: Iterable[str], places: Places) -> Kinds:
    """Kinds of values among these codes (or pairs of a code and a name)."""
    codes = {_commune_code(text.split(PAIR)[0]) for text in different}
    return Kinds(
        any(code in places.postcodes and code not in places.cog for code in codes),
        any(code in places.cog and code not in places.postcodes for code in codes),
    )


def _commune_code(text: str) -> str:
    bare = trimmed(text).removeprefix("'").removesuffix(".0").replace(" ", "").replace("\u00a0", "")
    return bare.zfill(5) if bare.isdecimal() else bare.upper()


def commune_form(column: Column, places: Places, *, are_postcodes: bool) -> Form:
    """Form of a commune code, or of pairs of a code and a name.

    A code may be a postcode, which only the column as a whole can tell: it holds postcodes where some value is nothing
    else and no value is a commune code only.
    """
    allowed = places.perimeter if "commune_perimetre" in column.checks else places.cog
    communes = load_communes()

    def label(code: str) -> str:
        return communes[code].name if code in communes else code

    def read(pair: str) -> Understood:
        code, _, name = pair.partition(PAIR)
        text, name = trimmed(code), trimmed(name)
        if not text or text.lower() in ABSENT:
            return Understood(note="ABSENT-LU" if text else None)
        code = _commune_code(text)
        candidates = tuple(item for item in places.postcodes.get(code, ()) if item in allowed)
        named = [item for item in candidates if name and normal(label(item)) == normal(name)]
        is_own_name = bool(name) and normal(label(code)) == normal(name)
        is_ambiguous = bool(candidates) and code not in candidates and not is_own_name
        is_allowed = code in allowed or (code == OUTSIDE and allowed is places.cog)
        single = candidates[0] if are_postcodes and len(candidates) == 1 else None
        restored = "ZEROS-RENDUS" if len(text) == 4 and text.isdecimal() else None
        if len(named) == 1 and not is_own_name and named[0] != code:
            found = Understood(named[0], note="CODE-POSTAL-CONVERTI")
        elif is_allowed and (not are_postcodes or not candidates or is_own_name):
            found = Understood(code, note="CODE-AMBIGU" if is_ambiguous else restored)
        elif single is not None:
            found = Understood(single, note="CODE-POSTAL-CONVERTI" if single != code else restored)
        elif candidates:
            names = " ou ".join(f"{label(item)} ({item})" for item in candidates[:8])
            found = Understood(rule_id="CODE-POSTAL", detail=names)
        elif (damaged := _damaged(text)) is not None:
            found = damaged
        elif code in places.cog or code in places.postcodes:
            found = Understood(rule_id="COMMUNE-PERIMETRE")
        else:
            meant = sorted(item for item in places.perimeter if normal(label(item)) == normal(text))
            detail = f" : {label(meant[0])} a le code {meant[0]}" if meant else ""
            found = Understood(rule_id="COMMUNE-COG", detail=detail)
        return found

    return Form(read, absent=())


def _code(text: str) -> str:
    """Upper case, no accents, `_` between words: how codes of a list are compared."""
    plain = unicodedata.normalize("NFKD", text.upper())
    kept = (character for character in plain if not unicodedata.combining(character))
    return "_".join("".join(c if c.isascii() and (c.isalnum() or c == "+") else " " for c in kept).split())


def _loose(text: str) -> str:
    """The letters of a label, small words left out."""
    return "".join(word for word in _code(text).split("_") if word not in _SMALL_WORDS)


def _neutral(loose: str) -> str:
    """A label without its marks of gender and number: salarié(e)s."""
    return loose.removesuffix("S").removesuffix("E")


def _spellings(codes: Sequence[str]) -> dict[str, str]:
    """Codes by the letters of their labels, with and without marks of gender and number; only where they tell apart."""
    found: dict[str, str | None] = {}
    for code in codes:
        loose = _loose(code)
        if len(loose) >= 4 and loose.isalpha():
            neutral = _neutral(loose)
            found[neutral] = None if neutral in found else code
    found |= {_loose(code): code for code in codes if _loose(code).isalpha() and len(_loose(code)) >= 4}
    return {spelling: code for spelling, code in found.items() if code is not None}


def _label(text: str, spelled: Mapping[str, str]) -> str | None:
    loose = _loose(text)
    return spelled.get(loose) or spelled.get(_neutral(loose))


def _range(text: str) -> str:
    """A range in words, `de 1 à 9 salariés`, as the code of a list is compared."""
    found = re.fullmatch(r"(?:de )?([0-9]+) ?(?:à|a|-|–) ?([0-9]+)(?: (?:ans|salariés?|personnes?))?", text.lower())
    return f"{found[1]}_{found[2]}" if found else ""
