"""From what is written in a cell to its canonical text: dates, numbers, lists, SIREN and commune codes, in vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl
from stdnum.fr import siren

from ingestion.contracts import Column
from ingestion.reading import normal
from ingestion.territory import OUTSIDE, load_communes

LA_POSTE = "356000000"
MASK = "•••"
_SPACES = r"[\s\u00a0\u202f]"
_EMAIL = r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"
_PHONE = (
    r"(?:(?:\+|\b00)[1-9]\d{0,2}[\s.-]?(?:\(0\)[\s.-]?)?\d{1,3}(?:[\s.-]?\d{2}){3,4}|\b0[1-9](?:[\s.-]?\d{2}){4})\b"
)
_NIR = r"\b[12]\s?\d{2}\s?(?:0[1-9]|1[0-2]|[2-9]\d)\s?(?:\d{2}|2[AB])\s?\d{3}\s?\d{3}(?:\s?\d{2})?\b"
PERSONAL_TEXT = rf"{_EMAIL}|{_PHONE}|{_NIR}"
_ISO_DATE = r"^(\d{4}-\d{1,2}-\d{1,2})(?:[ T]\d.*)?$"
_FRENCH_DATE = r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[ T]\d.*)?$"


@dataclass(frozen=True, slots=True)
class Form:
    """How the cells of one column are read.

    Args:
        value: canonical text, null where empty or not readable; over `written:<name>`.
        unread: rule that something written without a value breaks.
        fault: rule that a value breaks, or null; over `written:<name>` and the value under the column's name.
        detail: what the sentence about a fault adds.
        note: rule to mention although nothing is wrong, or null; over the same as `fault`.
        default: value of an empty cell.
    """

    value: pl.Expr
    unread: str | None = None
    fault: pl.Expr | None = None
    detail: pl.Expr | None = None
    note: pl.Expr | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Codes that commune columns are read against (see `References`)."""

    perimeter: frozenset[str]
    cog: frozenset[str]
    postcodes: Mapping[str, tuple[str, ...]]


def written(name: str) -> pl.Expr:
    """What the cell of a column says, trimmed."""
    return pl.col(f"written:{name}")


def scrubbed(text: pl.Expr) -> pl.Expr:
    """A text with e-mails, telephones and social security numbers masked."""
    return text.str.replace_all(PERSONAL_TEXT, MASK)


def read_forms(texts: pl.DataFrame, forms: Mapping[str, Form]) -> pl.DataFrame:
    """Add each column's canonical value under its name and, where there is any, its `fault:`, `detail:` and `note:`.

    Args:
        texts: columns `written:<name>`.
        forms: form of each column, by its name.
    """
    rows = texts.with_columns(form.value.alias(name) for name, form in forms.items())
    found: list[pl.Expr] = []
    for name, form in forms.items():
        fault = form.fault
        empty = 0 if form.default is not None else texts[f"written:{name}"].null_count()
        if form.unread is not None and rows[name].null_count() > empty:
            unread = written(name).is_not_null() & pl.col(name).is_null()
            fault = pl.when(unread).then(pl.lit(form.unread)).otherwise(fault)
        if fault is not None:
            found.append(fault.alias(f"fault:{name}"))
            if form.detail is not None:
                found.append(form.detail.alias(f"detail:{name}"))
        if form.note is not None:
            found.append(form.note.alias(f"note:{name}"))
    rows = rows.with_columns(found)
    faulty = [name for name in forms if _has_any(rows, f"fault:{name}")]
    return rows.with_columns(
        pl.when(pl.col(f"fault:{name}").is_null()).then(pl.col(name)).alias(name) for name in faulty
    )


def _has_any(rows: pl.DataFrame, name: str) -> bool:
    return name in rows.columns and rows[name].null_count() < rows.height


def empty_form(default: str | None) -> Form:
    """Form of a column of which nothing is written."""
    return Form(pl.lit(default, pl.String), default=default)


@lru_cache(maxsize=512)
def plain_form(column: Column) -> Form:
    """Form of a column that needs no reference data."""
    text = written(column.name)
    if column.enum:
        return list_form(column.name, column.enum, "LISTE", column.default)
    if column.type == "date":
        return _date_form(column, text)
    if column.type in {"integer", "number"}:
        return _number_form(column, text)
    return _text_form(column, text)


@lru_cache(maxsize=512)
def list_form(name: str, codes: Sequence[str], rule_id: str, default: str | None, detail: str = "") -> Form:
    """Form of a value of a closed list of `codes` (a tuple)."""
    text = written(name)
    known = {_code(code): code for code in codes}
    value = _plain(text).replace_strict(known, default=None, return_dtype=pl.String)
    if default is not None:
        value = pl.when(text.is_null()).then(pl.lit(default)).otherwise(value)
    return Form(value, rule_id, detail=pl.lit(detail) if detail else None, default=default)


def siren_form(column: Column, texts: pl.DataFrame) -> Form:
    """Form of one SIREN, or of several joined by semicolons; each different value is checked once."""
    text = written(column.name)
    bare = text.str.replace_all(r"[\s.\u00a0\u202f-]", "")
    if "siren_list" in column.checks:
        bare = bare.str.replace_all(r"[;,|/]+", ";").str.strip_chars(";")
    values = texts.select(bare.unique()).to_series().drop_nulls().to_list()
    valid = [value for value in values if all(map(_is_siren, value.split(";")))]
    return Form(pl.when(bare.is_in(valid)).then(bare), "SIREN")


def commune_form(column: Column, texts: pl.DataFrame, places: Places) -> Form:
    """Form of a commune code; each different pair of code and name is read once.

    A code may be a postcode, which only the column as a whole can tell: it holds postcodes where some value is nothing
    else and no value is a commune code only.
    """
    name = pl.lit("") if column.name_column is None else written(column.name_column).fill_null("")
    key = pl.concat_str(written(column.name), name, separator="\x1f")
    pairs = texts.select(key.unique()).to_series().drop_nulls().to_list()
    codes = {pair.split("\x1f")[0].zfill(5) for pair in pairs}
    allowed = places.perimeter if "commune_perimetre" in column.checks else places.cog
    only_postcodes = any(code in places.postcodes and code not in places.cog for code in codes)
    only_communes = any(code in places.cog and code not in places.postcodes for code in codes)
    read = _commune_reader(places, allowed, are_postcodes=only_postcodes and not only_communes)
    readings = [read(*pair.split("\x1f", 1)) for pair in pairs]

    def mapped(results: Sequence[str | None]) -> pl.Expr:
        return key.replace_strict(pl.Series(pairs, dtype=pl.String), pl.Series(results, dtype=pl.String), default=None)

    return Form(
        mapped([reading.code for reading in readings]),
        fault=mapped([reading.rule_id for reading in readings]),
        detail=mapped([reading.detail for reading in readings]),
        note=mapped([reading.note for reading in readings]),
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """How one commune code is understood."""

    code: str | None = None
    rule_id: str | None = None
    detail: str = ""
    note: str | None = None


def _commune_reader(places: Places, allowed: frozenset[str], *, are_postcodes: bool) -> Callable[[str, str], _Reading]:
    communes = load_communes()

    def label(code: str) -> str:
        return communes[code].name if code in communes else code

    def read(text: str, name: str) -> _Reading:
        code = text.zfill(5) if text.isdigit() else text.upper()
        candidates = tuple(item for item in places.postcodes.get(code, ()) if item in allowed)
        named = [item for item in candidates if name and normal(label(item)) == normal(name)]
        is_own_name = bool(name) and normal(label(code)) == normal(name)
        is_ambiguous = bool(candidates) and code not in candidates and not is_own_name
        is_allowed = code in allowed or (code == OUTSIDE and allowed is places.cog)
        single = candidates[0] if are_postcodes and len(candidates) == 1 else None
        if len(named) == 1 and not is_own_name and named[0] != code:
            reading = _Reading(named[0], note="CODE-POSTAL-CONVERTI")
        elif is_allowed and (not are_postcodes or not candidates or is_own_name):
            reading = _Reading(code, note="CODE-AMBIGU" if is_ambiguous else None)
        elif single is not None:
            reading = _Reading(single, note="CODE-POSTAL-CONVERTI" if single != code else None)
        elif candidates:
            names = " ou ".join(f"{label(item)} ({item})" for item in candidates[:8])
            reading = _Reading(rule_id="CODE-POSTAL", detail=names)
        elif code in places.cog or code in places.postcodes:
            reading = _Reading(rule_id="COMMUNE-PERIMETRE")
        else:
            meant = sorted(item for item in places.perimeter if normal(label(item)) == normal(text))
            detail = f" : {label(meant[0])} a le code {meant[0]}" if meant else ""
            reading = _Reading(rule_id="COMMUNE-COG", detail=detail)
        return reading

    return read


def _is_siren(text: str) -> bool:
    # La Poste's establishments break the checksum of SIRETs: its SIREN is taken whatever a reading of the rule says
    return len(text) == 9 and (text == LA_POSTE or bool(siren.is_valid(text)))


def _plain(text: pl.Expr) -> pl.Expr:
    """Upper case, no accents, `_` between words: how codes of a list are compared."""
    plain = text.str.to_uppercase().str.normalize("NFKD").str.replace_all(r"\p{M}", "")
    return plain.str.replace_all(r"[^A-Z0-9+]+", "_").str.strip_chars("_")


def _code(code: str) -> str:
    return code.upper().replace("-", "_")


def _date_form(column: Column, text: pl.Expr) -> Form:
    turned = text.str.replace(_FRENCH_DATE, "${3}-${2}-${1}").str.extract(_ISO_DATE)
    date = turned.str.to_date("%Y-%m-%d", strict=False, cache=False)
    value = pl.when(date.dt.year().is_between(1900, 2200)).then(date).dt.to_string("iso")
    return Form(value, "TYPE-DATE", note=pl.when(text != pl.col(column.name)).then(pl.lit("DATE-FRANCAISE")))


def _number_form(column: Column, text: pl.Expr) -> Form:
    bare = text.str.replace_all(_SPACES, "").str.replace(",", ".", literal=True)
    if column.type == "integer":
        value, unread = bare.str.extract(r"^\+?(-?\d{1,9})(?:\.0+)?$").cast(pl.Int64).cast(pl.String), "TYPE-ENTIER"
    else:
        digits, unread = bare.str.extract(r"^\+?(-?\d{1,12}(?:\.\d{1,12})?)$"), "TYPE-DECIMAL"
        trimmed = digits.str.strip_chars_end("0").str.strip_chars_end(".")
        value = pl.when(digits.str.contains(".", literal=True)).then(trimmed).otherwise(digits)
    number = pl.col(column.name).cast(pl.Float64)
    outside = pl.lit(False)
    if column.minimum is not None:
        outside |= number < column.minimum
    if column.maximum is not None:
        outside |= number > column.maximum
    has_comma = text.str.contains(",", literal=True) & pl.col(column.name).is_not_null()
    return Form(
        value,
        unread,
        fault=pl.when(outside).then(pl.lit("BORNES")),
        note=pl.when(has_comma).then(pl.lit("DECIMALE-VIRGULE")),
    )


def _text_form(column: Column, text: pl.Expr) -> Form:
    value = text.str.normalize("NFC").str.replace_all(r"\s+", " ")
    if "upper" in column.checks:
        value = value.str.to_uppercase().str.replace_all(" ", "", literal=True)
    if "email" in column.checks:
        value = value.str.to_lowercase().str.replace_all(" ", "", literal=True)
    fault: pl.Expr = pl.lit(None, pl.String)
    if column.pattern is not None:
        is_other = ~pl.col(column.name).str.contains(f"^(?:{column.pattern})$")
        fault = pl.when(is_other).then(pl.lit("MOTIF")).otherwise(fault)
    if column.max_length is not None:
        is_long = pl.col(column.name).str.len_chars() > column.max_length
        fault = pl.when(is_long).then(pl.lit("LONGUEUR")).otherwise(fault)
    if "free_text" not in column.checks:
        return Form(value, fault=fault)
    note = pl.when(text.str.contains(PERSONAL_TEXT)).then(pl.lit("DONNEE-PERSONNELLE-TEXTE"))
    return Form(scrubbed(value), fault=fault, note=note)
