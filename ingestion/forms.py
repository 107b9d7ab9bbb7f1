"""Forms of columns: from what is written to canonical dates, numbers, identifiers and texts.

What two readings are possible for is not read: it is refused, and asked about.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl

from ingestion.cells import ABSENT, ABSENT_NAMES, PERSONAL_TEXT, Form
from ingestion.codes import (
    CALCULATED,
    LA_POSTE,
    MONTHS,
    SCIENTIFIC,
    SHORTENED,
    SPREADSHEET_ERROR,
    is_siret,
    list_form,
    read_boolean,
    read_country,
    read_siren_list,
)
from ingestion.contracts import Column
from ingestion.records import NO_VALUE

# hours with an offset are brought to the programmes' zone; those without are taken for it
ZONE = "America/Martinique"
_ISO_DATE = r"^([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})(?:[ T]+[0-9].*)?$"
_BASIC_DATE = r"^([0-9]{4})([0-9]{2})([0-9]{2})$"
_FRENCH_DATE = r"^([0-9]{1,2})[/.\- ]([0-9]{1,2})[/.\- ]([0-9]{4})(?:[ T]+[0-9].*)?$"
_WORDED_DATE = r"^([0-9]{1,2})(?:er)?[ \-/]+([a-zéèû]+)\.?[ \-/]+([0-9]{4})$"
# two digits tell neither the century nor whether the year comes first: refused
_SHORT_DATE = r"^[0-9]{1,2}[/.\- ][0-9]{1,2}[/.\- ][0-9]{2}$"
# 46085 may be a day as spreadsheets count them: refused, with the day that it would be
_SERIAL = r"^[2-7][0-9]{4}(?:[.,][0-9]+)?$"
_TIME = r"[ T]+([0-9]{1,2})[:hH]([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]+)?)?(?:\s*(?:Z|z|[+-][0-9]{2}:?[0-9]{2}))?$"
_OFFSET = r"[0-9]\s*(Z|z|[+-][0-9]{2}:?[0-9]{2})$"
_GROUPED = r"^[+-]?[0-9]{1,3}(?:[\s\u00a0\u202f\u2009'’][0-9]{3})+(?:[.,][0-9]+)?$"
_DOTTED = r"^[+-]?[0-9]{1,3}(?:(?:\.[0-9]{3})+,[0-9]+|(?:,[0-9]{3})+\.[0-9]+|(?:\.[0-9]{3}){2,}|(?:,[0-9]{3}){2,})$"
# divisions of the NAF rév. 2
_DIVISIONS = frozenset(
    f"{number:02d}" for number in range(1, 100) if number not in {4, 34, 40, 44, 48, 54, 57, 67, 76, 83, 89}
)


@lru_cache(maxsize=1024)
def plain_form(column: Column) -> Form:
    """Form of a column that needs no reference data."""
    if column.enum:
        form = list_form(column.enum, "LISTE", column.default)
    elif column.type == "boolean":
        form = Form(read_boolean, default=column.default)
    elif column.type == "date":
        form = _date_form(column)
    elif column.type == "datetime":
        form = _datetime_form(column)
    elif column.type in {"integer", "number"}:
        form = _number_form(column)
    elif "siren_list" in column.checks:
        form = Form(read_siren_list)
    elif "siren" in column.checks:
        form = _identifier_form(column, 9, "SIREN")
    elif "siret" in column.checks:
        form = _identifier_form(column, 14, "SIRET")
    elif "naf" in column.checks:
        form = _naf_form(column)
    elif "country" in column.checks:
        form = Form(read_country, absent=tuple(word for word in ABSENT if word != "na"))
    else:
        form = _text_form(column)
    return form


_NULL = pl.lit(None, pl.String)


def _written(column: Column) -> pl.Expr:
    return pl.col(f"text:{column.name}")


def _value(column: Column) -> pl.Expr:
    return pl.col(f"value:{column.name}")


def _date_of(text: pl.Expr) -> pl.Expr:
    """Day (Date) of a text that begins with one, null where it is none."""
    lower = text.str.to_lowercase()
    worded = pl.concat_str(
        lower.str.extract(_WORDED_DATE, 3),
        lower.str.extract(_WORDED_DATE, 2).replace_strict(MONTHS, default=None, return_dtype=pl.String),
        lower.str.extract(_WORDED_DATE, 1),
        separator="-",
    )
    turned = text.str.replace(_FRENCH_DATE, "${3}-${2}-${1}").str.replace(_BASIC_DATE, "${1}-${2}-${3}")
    plain = turned.str.replace(_ISO_DATE, "${1}-${2}-${3}")
    days = pl.coalesce(
        plain.str.to_date("%Y-%m-%d", strict=False, cache=False),
        worded.str.to_date("%Y-%m-%d", strict=False, cache=False),
    )
    return pl.when(days.dt.year().is_between(1900, 2200)).then(days)


def _unread_date(text: pl.Expr, rule_id: str) -> tuple[pl.Expr, pl.Expr]:
    """Rule and detail of what is no date."""
    is_error, is_serial = text.str.contains(SPREADSHEET_ERROR), text.str.contains(_SERIAL)
    epoch = pl.lit(dt.date(1899, 12, 30))
    counted = epoch + pl.duration(days=text.str.extract(r"^([0-9]{5})").cast(pl.Int64, strict=False))
    rule = pl.when(is_error | is_serial).then(pl.lit("VALEUR-TABLEUR")).otherwise(pl.lit(rule_id))
    detail = (
        pl.when(is_error)
        .then(pl.lit(CALCULATED))
        .when(is_serial)
        .then(pl.format("un tableur compte ainsi les jours : serait-ce le {} ?", counted.dt.strftime("%d/%m/%Y")))
        .when(text.str.contains(_SHORT_DATE))
        .then(pl.lit(" : l'année n'a que deux chiffres"))
        .when(text.str.contains(_FRENCH_DATE))
        .then(pl.lit(" : le jour ou le mois n'existe pas (le jour vient d'abord)"))
        .otherwise(pl.lit(""))
    )
    return rule, detail


def _date_form(column: Column) -> Form:
    text = _written(column)
    rule, detail = _unread_date(text, "TYPE-DATE")
    days = text.str.to_date("%Y-%m-%d", strict=False, cache=False)
    return Form(
        plain=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        as_written=Form(value=pl.when(days.dt.year().is_between(1900, 2200)).then(text)),
        value=_date_of(text).dt.to_string("iso"),
        unread=rule,
        unread_detail=detail,
        note=pl.when(text != _value(column)).then(pl.lit("DATE-FRANCAISE")),
    )


def _datetime_form(column: Column) -> Form:
    """Canonical `2026-03-04T14:05:00`, in the programmes' zone."""
    text = _written(column)
    day = _date_of(text)
    hour, minute, second = (text.str.extract(_TIME, group).cast(pl.Int64, strict=False) for group in (1, 2, 3))
    has_time = text.str.contains(r"[0-9][ T]+\S")
    second = second.fill_null(0)
    is_time = (hour <= 23) & (minute <= 59) & (second <= 59)
    moment = day.cast(pl.Datetime("us")) + pl.duration(hours=hour, minutes=minute, seconds=second)
    offset = text.str.extract(_OFFSET)
    sign = pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    shift = (
        pl.when(offset.str.to_lowercase() == "z")
        .then(0)
        .otherwise(
            sign
            * (
                offset.str.extract(r"^[+-]([0-9]{2})").cast(pl.Int64, strict=False) * 60
                + offset.str.extract(r"([0-9]{2})$").cast(pl.Int64, strict=False)
            )
        )
    )
    local = (moment - pl.duration(minutes=shift)).dt.replace_time_zone("UTC").dt.convert_time_zone(ZONE)
    when = (
        pl.when(~has_time)
        .then(day.cast(pl.Datetime("us")))
        .when(is_time & offset.is_null())
        .then(moment)
        .when(is_time)
        .then(local.dt.replace_time_zone(None))
    )
    rule, detail = _unread_date(text, "TYPE-DATE-HEURE")
    same = _value(column).str.replace("T", " ", literal=True)
    bare = text.str.replace("T", " ", literal=True).str.replace(r"[.,][0-9]+$", "")
    return Form(
        value=when.dt.strftime("%Y-%m-%dT%H:%M:%S"),
        unread=rule,
        unread_detail=detail,
        note=pl.when(~same.str.starts_with(bare)).then(pl.lit("DATE-FRANCAISE")),
    )


def _number_form(column: Column) -> Form:
    text = _written(column)
    minus = text.str.replace("−", "-", literal=True).str.replace(r"\s*€$", "")
    percent = text.str.contains(r"[0-9]\s*%$")
    core = minus.str.replace(r"\s*%$", "")
    grouped, dotted = core.str.contains(_GROUPED), core.str.contains(_DOTTED)
    # the last mark of both is the decimal one; one mark alone, repeated, parts thousands
    bare = (
        pl.when(grouped)
        .then(core.str.replace_all(r"[\s\u00a0\u202f\u2009'’]", "").str.replace(",", ".", literal=True))
        .when(dotted & core.str.contains(r"\..*,"))
        .then(core.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True))
        .when(dotted & core.str.contains(r",.*\."))
        .then(core.str.replace_all(",", "", literal=True))
        .when(dotted)
        .then(core.str.replace_all(r"[.,]", ""))
        .otherwise(core.str.replace(",", ".", literal=True).str.replace(r"^([+-]?)\.", "${1}0."))
    )
    is_doubtful = _is_doubtful(column, core)
    if column.type == "integer":
        digits, unread = bare.str.extract(r"^\+?(-?[0-9]{1,9})(?:\.0+)?$").cast(pl.Int64).cast(pl.String), "TYPE-ENTIER"
        digits = pl.when(~percent).then(digits)
    else:
        digits, unread = bare.str.extract(r"^\+?(-?[0-9]{1,12}(?:\.[0-9]{1,12})?)$"), "TYPE-DECIMAL"
        digits = pl.when(percent).then(_hundredth(column, digits)).otherwise(digits)
        whole = digits.str.strip_chars_end("0").str.strip_chars_end(".")
        digits = pl.when(digits.str.contains(".", literal=True)).then(whole).otherwise(digits)
        digits = digits.str.replace(r"^(-?)0+([0-9])", "${1}${2}")
    is_broken = text.str.contains(SPREADSHEET_ERROR) | text.str.contains(SCIENTIFIC)
    note = (
        pl.when(_value(column).is_null())
        .then(_NULL)
        .when(percent)
        .then(pl.lit("POURCENTAGE-LU"))
        .when(grouped | dotted)
        .then(pl.lit("MILLIERS-LUS"))
        .when(text.str.contains("€", literal=True))
        .then(pl.lit("UNITE-LUE"))
        .when(text.str.contains(",", literal=True))
        .then(pl.lit("DECIMALE-VIRGULE"))
    )
    detail = (
        pl.when(text.str.contains(SPREADSHEET_ERROR))
        .then(pl.lit(CALCULATED))
        .when(is_broken)
        .then(pl.lit(SHORTENED))
        .when(is_doubtful)
        .then(_two_readings(core))
        .otherwise(pl.lit(""))
    )
    places = r"" if column.type == "integer" else r"(?:\.[0-9]{0,11}[1-9])?"
    size = 8 if column.type == "integer" else 11
    return Form(
        plain=rf"^-?(?:0|[1-9][0-9]{{0,{size}}}){places}$",
        as_written=Form(value=text, fault=_outside(column), default=column.default),
        value=pl.when(~is_doubtful).then(digits),
        unread=pl.when(is_broken).then(pl.lit("VALEUR-TABLEUR")).otherwise(pl.lit(unread)),
        unread_detail=detail,
        fault=_outside(column),
        note=note,
        default=column.default,
    )


def _is_doubtful(column: Column, core: pl.Expr) -> pl.Expr:
    """One thousand two hundred, or one and two tenths: `1,234` where both may be."""
    marks = r"^[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}$" if column.type == "integer" else r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$"
    found = core.str.contains(marks)
    if column.maximum is not None and column.type == "number":
        # beyond the greatest value allowed, only the decimal comma is left
        thousands = core.str.replace_all(r"[.,]", "").cast(pl.Float64, strict=False)
        found &= thousands <= column.maximum
    return found


def _two_readings(core: pl.Expr) -> pl.Expr:
    thousands = core.str.replace_all(r"[.,]", "")
    decimal = core.str.replace(".", ",", literal=True)
    return pl.format(" : est-ce {} (milliers) ou {} (décimales) ?", thousands, decimal)


def _hundredth(column: Column, digits: pl.Expr) -> pl.Expr:
    """A percentage as the column holds it: 12,5 % is 0.125, but 12.5 on a scale of a hundred, and nothing in hours."""
    if column.maximum == 100:
        return digits
    if column.maximum is not None and column.maximum > 1:
        return _NULL
    whole = digits.str.extract(r"^-?([0-9]+)").str.zfill(3)
    sign = pl.when(digits.str.starts_with("-")).then(pl.lit("-")).otherwise(pl.lit(""))
    decimals = digits.str.extract(r"\.([0-9]+)$").fill_null("")
    cut = whole.str.len_chars() - 2
    return pl.concat_str(sign, whole.str.slice(0, cut), pl.lit("."), whole.str.slice(cut), decimals)


def _outside(column: Column) -> pl.Expr | None:
    number = _value(column).cast(pl.Float64)
    bounds = [
        number < column.minimum if column.minimum is not None else None,
        number > column.maximum if column.maximum is not None else None,
        number <= column.exclusive_minimum if column.exclusive_minimum is not None else None,
    ]
    known = [bound for bound in bounds if bound is not None]
    return pl.when(pl.any_horizontal(known)).then(pl.lit("BORNES")) if known else None


_LUHN: dict[bool, np.ndarray[Any, np.dtype[np.uint8]]] = {}


def _luhn_sums(*, is_odd: bool) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """What three digits add to Luhn's sum, for each of 0 to 999, the last digit being doubled where `is_odd`."""
    if is_odd not in _LUHN:
        numbers = np.arange(1000)
        total = np.zeros(1000, np.int64)
        for place in range(3):
            digit = numbers // 10**place % 10
            doubled = np.where(digit > 4, 2 * digit - 9, 2 * digit)
            total += doubled if (place % 2 == 1) != is_odd else digit
        _LUHN[is_odd] = total.astype(np.uint8)
    return _LUHN[is_odd]


def _has_key(numbers: pl.Series) -> pl.Series:
    """Whether each text of digits has the right key; false where null."""
    value = numbers.cast(pl.Int64, strict=False).fill_null(1).to_numpy()
    total = np.zeros(len(value), np.int64)
    for group in range(5):
        value, digits = np.divmod(value, 1000)
        total += _luhn_sums(is_odd=group % 2 == 1)[digits]
    return pl.Series(total % 10 == 0)


def _identifier_form(column: Column, length: int, rule_id: str) -> Form:
    """Form of a SIREN or a SIRET: digits with a key, whatever stands between them, leading zeros given back."""
    text = _written(column)
    bare = text.str.replace(r"[.,]0+$", "").str.replace_all(r"[\s.\u00a0\u202f'’-]", "")
    is_number = bare.str.contains(rf"^[0-9]{{{length - 2},{length}}}$")
    digits = pl.when(is_number).then(bare.str.zfill(length))

    def check(numbers: pl.Series) -> pl.Series:
        # a SIRET begins with a SIREN, which has a key of its own
        first = numbers if length == 9 else numbers.str.slice(0, 9)
        is_own = (first == LA_POSTE).fill_null(value=False)
        valid = _has_key(first) | is_own
        if length == 14:
            valid &= _has_key(numbers) & ~is_own
            if is_own.any():
                valid |= numbers.is_in([text for text in numbers.filter(is_own).unique() if is_siret(text)])
        return valid

    valid = digits.map_batches(check, return_dtype=pl.Boolean)
    is_broken = text.str.contains(SPREADSHEET_ERROR) | text.str.contains(SCIENTIFIC)
    return Form(
        plain=rf"^[0-9]{{{length}}}$",
        as_written=Form(value=pl.when(text.map_batches(check, return_dtype=pl.Boolean)).then(text)),
        value=pl.when(valid).then(digits),
        unread=pl.when(is_broken).then(pl.lit("VALEUR-TABLEUR")).otherwise(pl.lit(rule_id)),
        unread_detail=pl.when(text.str.contains(SPREADSHEET_ERROR))
        .then(pl.lit(CALCULATED))
        .when(is_broken)
        .then(pl.lit(SHORTENED)),
        note=pl.when(_value(column).is_not_null() & (bare.str.len_bytes() < length)).then(pl.lit("ZEROS-RENDUS")),
    )


def _naf_form(column: Column) -> Form:
    text = _written(column)
    code = text.str.to_uppercase().str.extract(r"^([0-9]{2}\.?\s?[0-9]{2}\s?[A-Z])(?:\s*[-–:]?\s+\S.*)?$")
    bare = code.str.replace_all(r"[.\s]", "")
    is_long = text.str.len_chars() > 7
    divisions = sorted(_DIVISIONS)
    return Form(
        plain=r"^[0-9]{4}[A-Z]$",
        as_written=Form(value=pl.when(text.str.slice(0, 2).is_in(divisions)).then(text)),
        value=pl.when(bare.str.slice(0, 2).is_in(divisions)).then(bare),
        unread=pl.when(text.str.contains(SPREADSHEET_ERROR)).then(pl.lit("VALEUR-TABLEUR")).otherwise(pl.lit("NAF")),
        unread_detail=pl.lit(CALCULATED),
        note=pl.when(is_long & _value(column).is_not_null()).then(pl.lit("LIBELLE-LU")),
    )


def _text_form(column: Column) -> Form:
    text = _written(column)
    value = text.str.replace_all(r"\s+", " ")
    if "upper" in column.checks:
        value = value.str.to_uppercase().str.replace_all(" ", "", literal=True)
    if "email" in column.checks:
        value = value.str.to_lowercase().str.replace_all(" ", "", literal=True)
    own, is_free = _value(column), "free_text" in column.checks
    is_email, is_name = "email" in column.checks, "person" in column.checks or is_free
    faults: list[tuple[pl.Expr, str]] = []
    if "not_email" in column.checks:
        faults.append((text.str.contains("@", literal=True), "JETON-COURRIEL"))
    if column.max_length is not None:
        # no text has more characters than bytes
        too_long = (own.str.len_bytes() > column.max_length) & (own.str.len_chars() > column.max_length)
        faults.append((too_long, "LONGUEUR"))
    if "url" in column.checks:
        faults.append((~own.str.contains(r"(?i)^https?://[^\s/?#]+\.[^\s/?#.]{2,}(?:[/?#]\S*)?$"), "URL"))
    if column.pattern is not None:
        is_right = own.str.contains(f"^(?:{column.pattern})$")
        faults.append((own.str.contains("@", literal=True) if column.pattern == "[^@]+" else ~is_right, "MOTIF"))
    broken = [(text == NO_VALUE, "FORMULE-SANS-VALEUR"), (text.str.contains(SPREADSHEET_ERROR), "VALEUR-TABLEUR")]
    if not is_free and not is_email:
        broken.append((text.str.contains(r"^[0-9](?:[.,][0-9]+)?E\+[0-9]{1,3}$"), "VALEUR-TABLEUR"))
    plain = None
    if is_email:
        plain = _PLAIN_EMAIL
    elif "upper" not in column.checks and not is_free and "person" not in column.checks:
        plain = _PLAIN_CODE
    return Form(
        plain=plain,
        as_written=None if plain is None else Form(value=text, fault=_first(faults), default=column.default),
        value=value,
        fault=_first([*broken, *faults]),
        detail=pl.when(text.str.starts_with("#")).then(pl.lit(CALCULATED)).otherwise(pl.lit(SHORTENED)),
        note=pl.when(text.str.contains(PERSONAL_TEXT)).then(pl.lit("DONNEE-PERSONNELLE-TEXTE")) if is_free else None,
        default=column.default,
        absent=ABSENT_NAMES if is_name else ABSENT,
        is_scrubbed=is_free,
    )


# codes with a digit, which no word that stands for nothing has, and no sign that a spreadsheet puts in
_PLAIN_CODE = r"^[A-Za-z0-9][0-9A-Za-z_./:-]*[0-9][0-9A-Za-z_./:-]*$"
_PLAIN_EMAIL = r"^[a-z0-9._%-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}$"


def _first(faults: Sequence[tuple[pl.Expr, str]]) -> pl.Expr | None:
    """The first rule that is broken."""
    if not faults:
        return None
    fault = _NULL
    for is_met, rule_id in reversed(faults):
        fault = pl.when(is_met).then(pl.lit(rule_id)).otherwise(fault)
    return fault
