"""Judge the rows of one file against its contract and what is already known: accepted, awaiting or refused.

Every row is told every rule that it breaks. Whatever the file holds, rows received = accepted + awaiting + refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.contracts import PERSON, PERSON_KEYS, Column, Contract
from ingestion.errors import BlockedFile
from ingestion.naming import Period
from ingestion.pseudonyms import Pseudonymiser
from ingestion.reading import ROW, Table, normal, read_table
from ingestion.sentences import DETAIL, VALUE, sentence
from ingestion.territory import OUTSIDE, load_cog, load_communes, load_postcodes, load_programme

if TYPE_CHECKING:
    import polars as pl

BLOCKED, REFUSED, AWAITING, WARNING, NOTE = "BLOQUE", "REFUSE", "ATTENTE", "AVERTISSEMENT", "NOTE"
# on an optional value these cost the value, not the row
FORM_RULES = ("TYPE-DATE", "TYPE-ENTIER", "TYPE-DECIMAL", "BORNES", "LONGUEUR", "LISTE", "MOTIF", "SIREN")
PERIOD_TOLERANCE = dt.timedelta(days=31)
DURATION_TOLERANCE = 1.1
PLACES_TOLERANCE = 1.2
MINIMUM_AGE = 15
AGE_BANDS = ((15, "15-29"), (30, "30-44"), (45, "45-59"), (60, "60+"))
OBJECT_FEEDS = {"SESSION": "F01", "EVENEMENT": "F08", "ACTION": "F11"}
HASH = "_row_hash"
OBJECT_PARTNER = "_object_partner_code"
FINDINGS = ("row_number", "column", "value", "rule_id", "severity", "message", "remedy")
LA_POSTE = "356000000"
MASK = "•••"
_BLANKS = " \t\n\r\u00a0\u202f\u2007\u200b\ufeff"
_EMAIL = r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"
_PHONE = (
    r"(?:(?:\+|\b00)[1-9]\d{0,2}[\s.-]?(?:\(0\)[\s.-]?)?\d{1,3}(?:[\s.-]?\d{2}){3,4}|\b0[1-9](?:[\s.-]?\d{2}){4})\b"
)
_NIR = r"\b[12]\s?\d{2}\s?(?:0[1-9]|1[0-2]|[2-9]\d)\s?(?:\d{2}|2[AB])\s?\d{3}\s?\d{3}(?:\s?\d{2})?\b"
_PERSONAL_TEXT = rf"{_EMAIL}|{_PHONE}|{_NIR}"
_ISO_DATE = r"^(\d{4}-\d{1,2}-\d{1,2})(?:[ T]\d.*)?$"
_FRENCH_DATE = r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[ T]\d.*)?$"


@dataclass(frozen=True, slots=True)
class References:
    """What rows are judged against.

    Args:
        perimeter: INSEE codes of the programme's communes.
        cog: every INSEE code.
        postcodes: INSEE codes that share each postcode.
        action_codes: codes of the programme's actions.
        programme_start: first day of the programme.
        sessions: sessions in force of the programme: `partner_code`, `session_id`, `duree_prevue_h` (float), `places`
            (int or null), `programme_code`, and `modalite` where it is known.
    """

    perimeter: frozenset[str]
    cog: frozenset[str]
    postcodes: Mapping[str, tuple[str, ...]]
    action_codes: frozenset[str]
    programme_start: dt.date
    sessions: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Context:
    """Whose file it is, of which feed and period, and what it is judged against.

    Args:
        has_convention: the account has its notice, legal basis, contract and country: personal columns are allowed.
    """

    contract: Contract
    partner_code: str
    programme_code: str
    period: Period
    pseudonymiser: Pseudonymiser
    references: References
    has_convention: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the rows of one file.

    Args:
        rows_received: records of the table, title, blank, repeated header and totals rows left out.
        accepted: `contract.raw_columns` (canonical text), `_row_number` and `_row_hash`.
        awaiting: the same columns, `awaited_feed` and `awaited_id`.
        findings: `FINDINGS`; every rule broken, values masked where personal.
        rejected: `row_number` and `row_values`, the row as JSON with personal values masked.
        refused_source: the refused rows as written, under the header as written, and `_row_number`.
    """

    rows_received: int
    accepted: pl.DataFrame
    awaiting: pl.DataFrame
    findings: pl.DataFrame
    rejected: pl.DataFrame
    refused_source: pl.DataFrame


def references_of(programme_code: str, sessions: pl.DataFrame) -> References:
    """References of one programme, from the packaged reference data and the sessions in force.

    Raises:
        ConfigurationError: no such programme.
    """
    programme = load_programme(programme_code)
    return References(
        perimeter=programme.perimeter,
        cog=load_cog(),
        postcodes=load_postcodes(),
        action_codes=programme.action_codes,
        programme_start=programme.start,
        sessions=sessions,
    )


def judge_file(path: Path, extension: str, context: Context) -> Judgement:
    """Read and judge one file.

    Args:
        path: the bytes, whatever their name.
        extension: `csv`, `xlsx`, `ods` or `xls`.

    Raises:
        BlockedFile: nothing of the file can be taken.
    """
    contract = context.contract
    if contract.has_people and not context.has_convention:
        personal = ", ".join(column.name for column in contract.columns if column.is_personal)
        raise BlockedFile(
            "CLE-ABSENTE-CONVENTION",
            f"Votre compte ne permet pas encore d'envoyer de données personnelles ({personal}).",
            "Transmettez à l'équipe de pilotage la notice d'information, la base légale, le contrat et le pays de"
            " traitement ; le fichier est gardé et sera relu ensuite.",
        )
    return judge_table(read_table(path, extension, contract), context)


def judge_table(table: Table, context: Context) -> Judgement:
    """Judge a table already read (see `judge_file`)."""
    import polars as pl

    contract = context.contract
    texts = _texts(table, contract)
    faults = _Faults(contract)
    values = _read_values(texts, context, faults)
    values = _with_people(values, context, faults)
    values = _with_object(values, context)
    _judge_required(texts, values, context, faults)
    _judge_dates(texts, values, context, faults)
    _judge_durations(texts, values, faults)
    _judge_repetitions(texts, values, context, faults)
    found = faults.frame()
    refused = found.filter(pl.col("severity") == REFUSED)[ROW].unique()
    is_refused = values[ROW].is_in(refused.implode())
    kept, awaited = _split_awaiting(values.filter(~is_refused), context)
    found = pl.concat(
        [
            found,
            _awaiting_findings(awaited, contract),
            _places_findings(pl.concat([kept, awaited], how="diagonal"), contract),
            _truncated_findings(table),
        ]
    )
    return Judgement(
        rows_received=table.rows_received,
        accepted=_raw(kept, texts, context),
        awaiting=_raw(awaited, texts, context).with_columns(_awaited(awaited, contract)),
        findings=pl.concat([_remarks(table), _phrase(found, contract)]).sort("row_number", maintain_order=True),
        rejected=_rejected(texts.filter(is_refused), table, contract),
        refused_source=_refused_source(table, refused),
    )


def judge_awaited(rows: pl.DataFrame, context: Context) -> Judgement:
    """Judge rows again that waited for a session.

    Args:
        rows: columns of an earlier `Judgement.awaiting`, of one delivery.

    Returns:
        Rows whose session is known now (accepted, or refused for what it says), and those that still wait. The refused
        rows are shown in their canonical form: what was written is not kept.
    """
    import polars as pl

    contract = context.contract
    faults = _Faults(contract)
    values = _with_object(rows.drop(OBJECT_PARTNER, "awaited_feed", "awaited_id", strict=False), context)
    _judge_end_of_elearning(values, values, contract, faults)
    _judge_durations(values, values, faults)
    found = faults.frame()
    refused = values[ROW].is_in(found[ROW].unique().implode())
    kept, awaited = _split_awaiting(values.filter(~refused), context)
    found = pl.concat([found, _awaiting_findings(awaited, contract)])
    columns = [*contract.raw_columns, ROW, HASH]
    return Judgement(
        rows_received=rows.height,
        accepted=kept.select(columns),
        awaiting=awaited.select(columns).with_columns(_awaited(awaited, contract)),
        findings=_phrase(found, contract),
        rejected=_rejected_values(values.filter(refused), contract),
        refused_source=_canonical_source(values.filter(refused), contract),
    )


def refuse_awaited(rows: pl.DataFrame, context: Context) -> Judgement:
    """Refuse rows (columns of an earlier `Judgement.awaiting`) whose session never came: REFERENCE-INCONNUE."""
    import polars as pl

    contract = context.contract
    column = contract.reference
    if column is None:
        raise ValueError(contract.feed)
    found = rows.select(
        ROW,
        column=pl.lit(column.name),
        rule_id=pl.lit("REFERENCE-INCONNUE"),
        severity=pl.lit(REFUSED),
        value=pl.col("awaited_id"),
        detail=pl.col("awaited_feed"),
    )
    empty = rows.clear()
    return Judgement(
        rows_received=rows.height,
        accepted=empty.select(*contract.raw_columns, ROW, HASH),
        awaiting=empty,
        findings=_phrase(found, contract),
        rejected=_rejected_values(rows, contract),
        refused_source=_canonical_source(rows, contract),
    )


# ------------------------------------------------------------------------------------------------------- faults


class _Faults:
    """What rows break, gathered column by column; only columns with a fault cost anything."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._frames: list[pl.DataFrame] = []

    def add(
        self,
        rows: pl.DataFrame,
        column: str,
        rule_id: str | pl.Expr,
        *,
        value: pl.Expr | None = None,
        detail: pl.Expr | str = "",
        severity: str | pl.Expr = REFUSED,
    ) -> None:
        """Add one fault for each of `rows`; expressions are over their columns."""
        import polars as pl

        if rows.is_empty():
            return
        self._frames.append(
            rows.select(
                pl.col(ROW),
                column=pl.lit(column),
                rule_id=pl.lit(rule_id) if isinstance(rule_id, str) else rule_id,
                severity=pl.lit(severity) if isinstance(severity, str) else severity,
                value=(pl.lit("") if value is None else value).cast(pl.String),
                detail=(pl.lit(detail) if isinstance(detail, str) else detail).cast(pl.String),
            )
        )

    def note(self, rows: pl.DataFrame, column: str, rule_id: str) -> None:
        """Add one note for all of `rows`, at the first of them."""
        import polars as pl

        count = rows.height
        if count:
            detail = "1 ligne" if count == 1 else f"{count} lignes"
            self.add(rows.head(1), column, rule_id, detail=pl.lit(detail), severity=NOTE)

    def frame(self) -> pl.DataFrame:
        """All of them: `_row_number, column, rule_id, severity, value, detail`."""
        import polars as pl

        names = ("column", "rule_id", "severity", "value", "detail")
        empty = pl.DataFrame(schema={ROW: pl.Int32, **dict.fromkeys(names, pl.String)})
        return pl.concat([empty, *self._frames])


def _phrase(found: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Findings with their sentences; an optional value that cannot be read is a warning of its own."""
    import polars as pl

    pairs = found.select("column", "rule_id").unique().rows()
    sentences = [(column, rule_id, *sentence(contract, column, rule_id)) for column, rule_id in pairs]
    schema = dict.fromkeys(("column", "rule_id", "message", "remedy"), pl.String)
    personal = [column.name for column in contract.columns if column.is_personal]
    dropped = (pl.col("severity") == WARNING) & pl.col("rule_id").is_in(FORM_RULES)
    shown = pl.when(pl.col("column").is_in(personal)).then(_masked(pl.col("value"))).otherwise(_scrubbed("value"))
    value, detail = pl.col("value").fill_null(""), pl.col("detail").fill_null("")
    return (
        found.with_columns(value=shown.str.slice(0, 200))
        .join(pl.DataFrame(sentences, schema=schema, orient="row"), on=["column", "rule_id"], how="left")
        .select(
            row_number=pl.col(ROW),
            column="column",
            value=value,
            rule_id=pl.when(dropped).then(pl.lit("VALEUR-OPTIONNELLE-ILLISIBLE")).otherwise("rule_id"),
            severity="severity",
            message=pl.concat_str(
                pl.col("message").str.replace(VALUE, value, literal=True).str.replace(DETAIL, detail, literal=True),
                pl.when(dropped).then(pl.lit(" La ligne est acceptée sans cette valeur.")).otherwise(pl.lit("")),
            ),
            remedy=pl.col("remedy").str.replace_all(DETAIL, detail, literal=True),
        )
    )


def _masked(value: pl.Expr) -> pl.Expr:
    import polars as pl

    return (
        pl.when(value.fill_null("") == "")
        .then(pl.lit(""))
        .when(value.str.contains("@", literal=True))
        .then(value.str.slice(0, 1) + f"{MASK}@{MASK}")
        .otherwise(pl.lit(MASK))
    )


def _scrubbed(name: str) -> pl.Expr:
    import polars as pl

    return pl.col(name).str.replace_all(_PERSONAL_TEXT, MASK)


# ------------------------------------------------------------------------------------------------- form of values


def _texts(table: Table, contract: Contract) -> pl.DataFrame:
    """Contract columns as written, trimmed; null where empty or absent."""
    import polars as pl

    def text(name: str) -> pl.Expr:
        position = table.positions.get(name)
        if position is None:
            return pl.lit(None, pl.String).alias(name)
        trimmed = pl.col(f"c{position}").str.replace_all(r"[\x00-\x1f\x7f]+", " ").str.strip_chars(_BLANKS)
        return pl.when(trimmed != "").then(trimmed).alias(name)

    return table.cells.select(*(text(column.name) for column in contract.columns), ROW)


def _read_values(texts: pl.DataFrame, context: Context, faults: _Faults) -> pl.DataFrame:
    """Canonical text of every column, null where it cannot be read; tells the faults of form."""
    import polars as pl

    contract = context.contract
    forms = {column.name: _form(column, texts, context) for column in contract.columns}
    read = texts.select(
        ROW,
        *(form.value.alias(name) for name, form in forms.items()),
        *(form.fault.alias(f"fault:{name}") for name, form in forms.items()),
        *(form.note.alias(f"note:{name}") for name, form in forms.items() if form.note is not None),
        *(form.detail.alias(f"detail:{name}") for name, form in forms.items() if form.detail is not None),
    )
    values = read.select(ROW, *forms)
    unread = {name for name in forms if read[f"fault:{name}"].null_count() < read.height}
    if unread:
        needed = _needed(values, contract)
        for name in unread:
            fault = pl.col(f"fault:{name}")
            rows = pl.concat([texts.select(written=name), read, needed], how="horizontal").filter(fault.is_not_null())
            optional = fault.is_in(FORM_RULES) & ~pl.col(f"needed:{name}")
            detail = pl.col(f"detail:{name}") if f"detail:{name}" in read.columns else pl.lit("")
            severity = pl.when(optional).then(pl.lit(WARNING)).otherwise(pl.lit(REFUSED))
            faults.add(rows, name, fault, value=pl.col("written"), detail=detail, severity=severity)
    for name, form in forms.items():
        if form.note is not None:
            for rule_id in read[f"note:{name}"].unique().drop_nulls():
                faults.note(read.filter(pl.col(f"note:{name}") == rule_id), name, rule_id)
    for column in contract.columns:
        if "free_text" in column.checks:
            values = _scrub_free_text(values, column.name, faults)
    return values


@dataclass(frozen=True, slots=True)
class _Form:
    """Expressions over the texts: canonical value, rule broken or null, note or null, detail of the fault."""

    value: pl.Expr
    fault: pl.Expr
    note: pl.Expr | None = None
    detail: pl.Expr | None = None


def _form(column: Column, texts: pl.DataFrame, context: Context) -> _Form:
    import polars as pl

    text = pl.col(column.name)
    if texts[column.name].null_count() == texts.height:
        default = context.programme_code if "programme" in column.checks else column.default
        return _Form(pl.lit(default, pl.String), pl.lit(None, pl.String))
    if "commune_perimetre" in column.checks or "commune_cog" in column.checks:
        return _commune_form(column, texts, context)
    if "siren" in column.checks:
        return _siren_form(column, texts)
    if "siren_list" in column.checks:
        return _siren_list_form(column, texts)
    if "action" in column.checks:
        known = {code.upper(): code for code in context.references.action_codes}
        value = text.str.to_uppercase().replace_strict(known, default=None, return_dtype=pl.String)
        return _checked(value, text, "ACTION-INCONNUE", detail=", ".join(sorted(known.values())))
    if "programme" in column.checks:
        value = text.str.to_uppercase().replace_strict(
            {context.programme_code: context.programme_code}, default=None, return_dtype=pl.String
        )
        form = _checked(value, text, "PROGRAMME", detail=context.programme_code)
        return _Form(
            pl.when(text.is_null()).then(pl.lit(context.programme_code)).otherwise(value),
            form.fault,
            detail=form.detail,
        )
    if column.enum:
        value = _plain(text).replace_strict(
            {_plain_text(code): code for code in column.enum}, default=None, return_dtype=pl.String
        )
        form = _checked(value, text, "LISTE")
        if column.default:
            return _Form(pl.when(text.is_null()).then(pl.lit(column.default)).otherwise(value), form.fault)
        return form
    if column.type == "date":
        return _date_form(text)
    if column.type in {"integer", "number"}:
        return _number_form(column, text)
    return _text_form(column, text)


def _checked(value: pl.Expr, text: pl.Expr, rule_id: str, detail: str = "") -> _Form:
    import polars as pl

    fault = pl.when(text.is_not_null() & value.is_null()).then(pl.lit(rule_id))
    return _Form(value, fault, detail=pl.lit(detail) if detail else None)


def _plain(text: pl.Expr) -> pl.Expr:
    """Upper case, no accents, `_` between words: how codes of a list are compared."""
    plain = text.str.to_uppercase().str.normalize("NFKD").str.replace_all(r"\p{M}", "")
    return plain.str.replace_all(r"[^A-Z0-9+]+", "_").str.strip_chars("_")


def _plain_text(code: str) -> str:
    return code.upper().replace("-", "_")


def _date_form(text: pl.Expr) -> _Form:
    import polars as pl

    is_french = text.str.contains(_FRENCH_DATE)
    iso = (
        pl.when(is_french).then(text.str.replace(_FRENCH_DATE, "${3}-${2}-${1}")).otherwise(text.str.extract(_ISO_DATE))
    )
    date = iso.str.to_date("%Y-%m-%d", strict=False, cache=False)
    date = pl.when(date.dt.year().is_between(1900, 2200)).then(date)
    form = _checked(date.dt.to_string("iso"), text, "TYPE-DATE")
    return _Form(form.value, form.fault, note=pl.when(is_french & date.is_not_null()).then(pl.lit("DATE-FRANCAISE")))


def _number_form(column: Column, text: pl.Expr) -> _Form:
    import polars as pl

    bare = text.str.replace_all(r"[\s\u00a0\u202f]", "").str.replace(",", ".", literal=True)
    if column.type == "integer":
        digits = bare.str.extract(r"^\+?(-?\d{1,9})(?:\.0+)?$")
        value, rule_id = digits.cast(pl.Int64).cast(pl.String), "TYPE-ENTIER"
    else:
        digits = bare.str.extract(r"^\+?(-?\d{1,12}(?:\.\d{1,12})?)$")
        value = (
            pl.when(digits.str.contains(".", literal=True))
            .then(digits.str.strip_chars_end("0").str.strip_chars_end("."))
            .otherwise(digits)
        )
        rule_id = "TYPE-DECIMAL"
    number = value.cast(pl.Float64)
    within = pl.lit(True)
    if column.minimum is not None:
        within &= number >= column.minimum
    if column.maximum is not None:
        within &= number <= column.maximum
    fault = pl.when(text.is_not_null() & value.is_null()).then(pl.lit(rule_id)).when(~within).then(pl.lit("BORNES"))
    note = pl.when(text.str.contains(",", literal=True) & value.is_not_null()).then(pl.lit("DECIMALE-VIRGULE"))
    return _Form(pl.when(within).then(value), fault, note=note)


def _text_form(column: Column, text: pl.Expr) -> _Form:
    import polars as pl

    value = text.str.normalize("NFC").str.replace_all(r"\s+", " ")
    if "upper" in column.checks:
        value = value.str.to_uppercase().str.replace_all(" ", "", literal=True)
    if "@" in (column.pattern or "") and column.is_personal:
        value = value.str.to_lowercase().str.replace_all(" ", "", literal=True)
    fault = pl.when(text.is_null()).then(pl.lit(None, pl.String))
    if column.max_length is not None:
        fault = fault.when(value.str.len_chars() > column.max_length).then(pl.lit("LONGUEUR"))
    if column.pattern is not None:
        fault = fault.when(~value.str.contains(f"^(?:{column.pattern})$")).then(pl.lit("MOTIF"))
    broken = fault.otherwise(pl.lit(None, pl.String))
    return _Form(pl.when(broken.is_null()).then(value), broken)


def _siren_form(column: Column, texts: pl.DataFrame) -> _Form:
    import polars as pl

    bare = pl.col(column.name).str.replace_all(r"[\s.\u00a0\u202f-]", "")
    valid = _valid_sirens(texts.select(bare.unique())[column.name].drop_nulls())
    return _checked(pl.when(bare.is_in(valid)).then(bare), pl.col(column.name), "SIREN")


def _siren_list_form(column: Column, texts: pl.DataFrame) -> _Form:
    import polars as pl

    bare = pl.col(column.name).str.replace_all(r"[\s.\u00a0\u202f-]", "").str.replace_all(r"[,|/]", ";")
    bare = bare.str.replace_all(";+", ";").str.strip_chars(";")
    lists = texts.select(bare.unique())[column.name].drop_nulls()
    valid = set(_valid_sirens({code for text in lists for code in text.split(";")}))
    good = [text for text in lists if set(text.split(";")) <= valid]
    return _checked(pl.when(bare.is_in(good)).then(bare), pl.col(column.name), "SIREN")


def _valid_sirens(values: Iterable[str]) -> list[str]:
    from stdnum.fr import siren

    # La Poste's establishments break the checksum of SIRETs; its SIREN is named so that no reading of the rule drops it
    return [value for value in values if len(value) == 9 and (value == LA_POSTE or siren.is_valid(value))]


def _scrub_free_text(values: pl.DataFrame, name: str, faults: _Faults) -> pl.DataFrame:
    import polars as pl

    personal = values[name].str.contains(_PERSONAL_TEXT)
    if not personal.any():
        return values
    faults.add(values.filter(personal), name, "DONNEE-PERSONNELLE-TEXTE", value=pl.lit(MASK), severity=WARNING)
    return values.with_columns(_scrubbed(name))


# ------------------------------------------------------------------------------------------------------ communes


@dataclass(frozen=True, slots=True)
class _Reading:
    """How one commune code is understood."""

    code: str | None = None
    rule_id: str | None = None
    detail: str = ""
    note: str | None = None


def _commune_form(column: Column, texts: pl.DataFrame, context: Context) -> _Form:
    """Read each different pair of code and name once: a code may be a postcode, which only the column can tell."""
    import polars as pl

    name = pl.lit("") if column.name_column is None else pl.col(column.name_column).fill_null("")
    key = pl.concat_str(pl.col(column.name), name, separator="\x1f")
    pairs = texts.select(key.unique().alias("key"))["key"].drop_nulls().to_list()
    codes = {pair.split("\x1f")[0].zfill(5) for pair in pairs}
    is_national = "commune_cog" in column.checks
    references = context.references
    allowed = references.cog | {OUTSIDE} if is_national else references.perimeter
    only_postcodes = any(code in references.postcodes and code not in references.cog for code in codes)
    only_communes = any(code in references.cog and code not in references.postcodes for code in codes)
    read = _commune_reader(references, allowed, are_postcodes=only_postcodes and not only_communes)
    readings = [read(*pair.split("\x1f", 1)) for pair in pairs]

    def mapped(results: Sequence[str | None]) -> pl.Expr:
        return key.replace_strict(pl.Series(pairs, dtype=pl.String), pl.Series(results, dtype=pl.String), default=None)

    return _Form(
        mapped([reading.code for reading in readings]),
        mapped([reading.rule_id for reading in readings]),
        note=mapped([reading.note for reading in readings]),
        detail=mapped([reading.detail for reading in readings]),
    )


def _commune_reader(
    references: References, allowed: frozenset[str], *, are_postcodes: bool
) -> Callable[[str, str], _Reading]:
    communes = load_communes()

    def label(code: str) -> str:
        return communes[code].name if code in communes else code

    def read(written: str, name: str) -> _Reading:
        code = written.zfill(5) if written.isdigit() else written.upper()
        candidates = tuple(item for item in references.postcodes.get(code, ()) if item in allowed)
        named = [item for item in candidates if name and normal(label(item)) == normal(name)]
        is_own_name = bool(name) and normal(label(code)) == normal(name)
        if len(named) == 1 and not is_own_name and named[0] != code:
            return _Reading(named[0], note="CODE-POSTAL-CONVERTI")
        if code in allowed and (not are_postcodes or not candidates or is_own_name):
            is_ambiguous = bool(candidates) and code not in candidates and not is_own_name
            return _Reading(code, note="CODE-AMBIGU" if is_ambiguous else None)
        if candidates:
            if are_postcodes and len(candidates) == 1:
                return _Reading(candidates[0], note="CODE-POSTAL-CONVERTI")
            names = " ou ".join(f"{label(item)} ({item})" for item in candidates[:8])
            return _Reading(rule_id="CODE-POSTAL", detail=names)
        if code in references.cog or code in references.postcodes:
            return _Reading(rule_id="COMMUNE-PERIMETRE")
        meant = sorted(item for item in references.perimeter if normal(label(item)) == normal(written))
        detail = f" : {label(meant[0])} a le code {meant[0]}" if meant else ", par exemple 97209 pour Fort-de-France"
        return _Reading(rule_id="COMMUNE-COG", detail=detail)

    return read


# -------------------------------------------------------------------------------------------------------- people


def _with_people(values: pl.DataFrame, context: Context, faults: _Faults) -> pl.DataFrame:
    """Add the keyed hashes and the age band; a person nobody can know, or under 15, costs the row."""
    import polars as pl

    if not context.contract.has_people:
        return values
    keys = context.pseudonymiser.person_keys(values)
    age = context.period.start.year - pl.col("annee_naissance").cast(pl.Int32)
    band = pl.when(age < AGE_BANDS[0][0]).then(pl.lit(None, pl.String))
    for (_, label), (following, _) in zip(AGE_BANDS, AGE_BANDS[1:], strict=False):
        band = band.when(age < following).then(pl.lit(label))
    values = pl.concat([values, keys], how="horizontal").with_columns(
        tranche_age=band.when(age.is_not_null()).then(pl.lit(AGE_BANDS[-1][1])),
        _hmac_key_id=pl.lit(context.pseudonymiser.key_id),
        _node=pl.coalesce("person_key_2", "person_key_1"),
    )
    faults.add(values.filter(age < MINIMUM_AGE), "annee_naissance", "AGE-MINIMUM", value=pl.col("annee_naissance"))
    faults.add(values.filter(pl.col("_node").is_null()), PERSON, "PERSONNE-INCONNUE")
    return values


# ---------------------------------------------------------------------------------------------- what is obligatory


def _needed(values: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """For each column, which rows need a value of it: `needed:<name>`."""
    import polars as pl

    known = pl.lit(False)
    if contract.has_people:
        known = pl.col("courriel").is_not_null() | pl.all_horizontal(
            pl.col(name).is_not_null() for name in ("nom_naissance", "prenom", "annee_naissance")
        )

    def needed(column: Column) -> pl.Expr:
        if column.required or "always" in column.checks:
            return pl.lit(True)
        if "person" in column.checks:
            return ~known
        if column.required_when:
            return pl.all_horizontal(
                pl.col(name).is_in(allowed).fill_null(False) for name, allowed in column.required_when.items()
            )
        return pl.lit(False)

    expressions = [needed(column).alias(f"needed:{column.name}") for column in contract.columns]
    return values.select(ROW, *expressions).drop(ROW)


def _judge_required(texts: pl.DataFrame, values: pl.DataFrame, context: Context, faults: _Faults) -> None:
    import polars as pl

    contract = context.contract
    columns = [column for column in contract.columns if column.required or column.required_when]
    needed = _needed(values, contract)
    empty = pl.concat([texts.select(ROW, *(column.name for column in columns)), needed], how="horizontal")
    for column in columns:
        if texts[column.name].null_count():
            rows = empty.filter(pl.col(column.name).is_null() & pl.col(f"needed:{column.name}"))
            faults.add(rows, column.name, "OBLIGATOIRE")
    _judge_end_of_elearning(texts, values, contract, faults)


def _judge_end_of_elearning(texts: pl.DataFrame, values: pl.DataFrame, contract: Contract, faults: _Faults) -> None:
    import polars as pl

    for column in contract.columns:
        if "end_of_elearning" in column.checks and "_modality" in values.columns:
            missing = texts[column.name].is_null()
            due = (pl.col("_modality") == "ELEARNING") & (pl.col("statut") == "TERMINE")
            faults.add(values.filter(missing).filter(due), column.name, "OBLIGATOIRE")


# --------------------------------------------------------------------------------------------------------- dates


def _judge_dates(texts: pl.DataFrame, values: pl.DataFrame, context: Context, faults: _Faults) -> None:
    import polars as pl

    contract = context.contract
    period = context.period
    start = context.references.programme_start
    first, last = (period.start - PERIOD_TOLERANCE).isoformat(), (period.end + PERIOD_TOLERANCE).isoformat()
    for column in contract.columns:
        if column.type != "date" or values[column.name].null_count() == values.height:
            continue
        # canonical dates are compared as text: ISO dates sort as dates do
        date = pl.col(column.name)
        for bound, wrong in (
            (column.not_before, date < pl.col(column.not_before or column.name)),
            (column.not_after, date > pl.col(column.not_after or column.name)),
        ):
            if bound is not None:
                faults.add(values.filter(wrong), column.name, "ORDRE-DATES", value=date, detail=pl.col(bound))
        if "programme_start" in column.checks:
            rows = values.filter(date < start.isoformat())
            faults.add(rows, column.name, "DATE-AVANT-PROGRAMME", value=date, detail=f"{start:%d/%m/%Y}")
        if "period" in column.checks:
            rows = values.filter((date < first) | (date > last))
            faults.add(rows, column.name, "DATE-HORS-PERIODE", value=date, detail=period.label, severity=WARNING)


# ------------------------------------------------------------------------------------------- sessions of the rows


def _with_object(values: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Look each row's session up, at its own partner first: `_object_partner_code`, `_planned`, `_places`, `_modality`."""
    import polars as pl

    column = context.contract.reference
    if column is None:
        return values
    sessions = context.references.sessions
    modality = pl.col("modalite") if "modalite" in sessions.columns else pl.lit(None, pl.String)
    known = (
        sessions.with_columns(_is_other=pl.col("partner_code") != context.partner_code)
        .sort("_is_other", "partner_code")
        .unique("session_id", keep="first", maintain_order=True)
        .select(
            _object_id=pl.col("session_id").cast(pl.String),
            _object_partner_code=pl.col("partner_code").cast(pl.String),
            _planned=pl.col("duree_prevue_h").cast(pl.Float64),
            _places=pl.col("places").cast(pl.Int64),
            _modality=modality,
        )
    )
    session = pl.col(column.name)
    if "objet_type" in values.columns:
        session = pl.when(pl.col("objet_type") == "SESSION").then(session)
    return values.with_columns(_object_id=session).join(known, on="_object_id", how="left", maintain_order="left")


def _judge_durations(texts: pl.DataFrame, values: pl.DataFrame, faults: _Faults) -> None:
    import polars as pl

    if "duree_suivie_h" not in values.columns:
        return
    # a hundredth of an hour forgives binary fractions
    longest = pl.col("_planned") * DURATION_TOLERANCE + 0.005
    rows = values.with_columns(_written=texts["duree_suivie_h"]).filter(
        pl.col("duree_suivie_h").cast(pl.Float64) > longest
    )
    planned = pl.col("_planned").cast(pl.String).str.strip_suffix(".0").str.replace(".", ",", literal=True)
    faults.add(rows, "duree_suivie_h", "DUREE-EXCESSIVE", value=pl.col("_written"), detail=planned)


def _split_awaiting(values: pl.DataFrame, context: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows whose reference is known (or not given), and those that wait for it."""
    column = context.contract.reference
    if column is None:
        return values, values.clear()
    waits = values[column.name].is_not_null() & values[OBJECT_PARTNER].is_null()
    return values.filter(~waits), values.filter(waits)


def _awaited(awaited: pl.DataFrame, contract: Contract) -> list[pl.Series]:
    import polars as pl

    column = contract.reference
    if column is None:
        return [pl.Series("awaited_feed", [], pl.String), pl.Series("awaited_id", [], pl.String)]
    return [_awaited_feed(awaited), awaited[column.name].alias("awaited_id")]


def _awaited_feed(awaited: pl.DataFrame) -> pl.Series:
    import polars as pl

    if "objet_type" in awaited.columns:
        feeds = awaited["objet_type"].replace_strict(OBJECT_FEEDS, default="F01", return_dtype=pl.String)
        return feeds.alias("awaited_feed")
    return pl.repeat("F01", awaited.height, dtype=pl.String, eager=True).alias("awaited_feed")


def _awaiting_findings(awaited: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    import polars as pl

    faults = _Faults(contract)
    if contract.reference is not None:
        name = contract.reference.name
        rows = awaited.with_columns(_awaited_feed(awaited))
        faults.add(
            rows, name, "REFERENCE-ATTENDUE", value=pl.col(name), detail=pl.col("awaited_feed"), severity=AWAITING
        )
    return faults.frame()


def _places_findings(values: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """One warning a session that has many more people than places."""
    import polars as pl

    faults = _Faults(contract)
    if "role" in values.columns and "_places" in values.columns:
        people = values.filter(
            (pl.col("role").fill_null("PARTICIPANT") == "PARTICIPANT") & pl.col("_places").is_not_null()
        )
        if people.height:
            full = (
                people.group_by("_object_id", maintain_order=True)
                .agg(pl.col(ROW).min(), pl.col("_node").n_unique().alias("people"), pl.col("_places").first())
                .filter(pl.col("people") > pl.col("_places") * PLACES_TOLERANCE)
            )
            detail = pl.format("{} personnes pour {} places", "people", "_places")
            faults.add(full, "objet_id", "EFFECTIF-PLACES", value=pl.col("_object_id"), detail=detail, severity=WARNING)
    return faults.frame()


# --------------------------------------------------------------------------------------------------- repetitions


def _identity(texts: pl.DataFrame, values: pl.DataFrame, contract: Contract) -> pl.Series:
    """Canonical text of whole rows, personal values included; what cannot be read stands as it was written."""
    import polars as pl

    written = [texts[column.name].alias(f"written:{column.name}") for column in contract.columns]
    parts = [
        pl.coalesce(column.name, f"written:{column.name}").fill_null("\x00")
        if column.name in values.columns
        else pl.col(f"written:{column.name}").fill_null("\x00")
        for column in contract.columns
    ]
    return values.with_columns(written).select(identity=pl.concat_str(parts, separator="\x1f"))["identity"]


def _judge_repetitions(texts: pl.DataFrame, values: pl.DataFrame, context: Context, faults: _Faults) -> None:
    import polars as pl

    contract = context.contract
    key = ["_node" if name == PERSON else name for name in contract.key]
    rows = values.select(ROW, *key, _identity=_identity(texts, values, contract))
    is_first = rows["_identity"].is_first_distinct()
    if not is_first.all():
        first_row = pl.col(ROW).first().over("_identity")
        repeated = rows.with_columns(_first_row=first_row).filter(~is_first)
        faults.add(repeated, "", "DOUBLON", detail=pl.col("_first_row"))
    whole = rows.filter(is_first).drop_nulls(key)
    if whole.height > 1:
        clashing = whole.filter(whole.select(pl.struct(key).is_duplicated()).to_series())
        if clashing.height:
            rows = rows.join(clashing.select(key).unique(), on=key, how="semi", maintain_order="left")
            faults.add(rows, "", "CLE-CONTRADICTOIRE")


# ------------------------------------------------------------------------------------------------------- outcome


def _raw(values: pl.DataFrame, texts: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Rows as the raw table has them, with their keyed hash."""
    import polars as pl

    contract = context.contract
    own_texts = values.select(ROW).join(texts, on=ROW, how="left", maintain_order="left")
    hashes = context.pseudonymiser.hash_rows(_identity(own_texts, values, contract))
    return values.select(*(pl.col(name).cast(pl.String) for name in contract.raw_columns), ROW).with_columns(
        hashes.alias(HASH)
    )


def _rejected(refused: pl.DataFrame, table: Table, contract: Contract) -> pl.DataFrame:
    import polars as pl

    rows = _rejected_values(refused, contract)
    if table.truncated.height:
        # cells of a record cut short may be anybody's: none is shown where the feed is about people
        text = pl.lit(MASK) if contract.has_people else _scrubbed("text")
        cut = table.truncated.select(row_number=ROW, row_values=pl.struct(texte=text).struct.json_encode())
        rows = pl.concat([rows, cut]).sort("row_number")
    return rows


def _rejected_values(refused: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    import polars as pl

    if refused.is_empty():
        return pl.DataFrame(schema={"row_number": pl.Int32, "row_values": pl.String})
    shown = [
        (_masked(pl.col(column.name)) if column.is_personal else _scrubbed(column.name)).alias(column.name)
        for column in contract.columns
        if column.name in refused.columns
    ]
    return refused.select(row_number=pl.col(ROW), row_values=pl.struct(shown).struct.json_encode())


def _refused_source(table: Table, refused: pl.Series) -> pl.DataFrame:
    import polars as pl

    names: list[str] = []
    for index, cell in enumerate(table.header):
        name = cell.strip() or f"colonne {index + 1}"
        names.append(name if name not in names and name != ROW else f"{name} ({index + 1})")
    rows = table.cells.filter(pl.col(ROW).is_in(refused.implode()))
    rows = rows.rename({f"c{index}": name for index, name in enumerate(names) if f"c{index}" in rows.columns})
    if table.truncated.height:
        cut = [_padded(cells, len(names)) for cells in table.truncated["cells"]]
        frame = pl.DataFrame(cut, schema=dict.fromkeys(names, pl.String), orient="row")
        rows = pl.concat([rows, frame.with_columns(table.truncated[ROW])], how="diagonal").sort(ROW)
    return rows


def _padded(cells: pl.Series, width: int) -> list[str]:
    given = cells.to_list()
    return (
        [*given[: width - 1], " ".join(given[width - 1 :])]
        if len(given) >= width
        else given + [""] * (width - len(given))
    )


def _canonical_source(refused: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    names = [column.name for column in contract.columns if column.name in refused.columns]
    return refused.select(*names, ROW)


def _truncated_findings(table: Table) -> pl.DataFrame:
    import polars as pl

    return table.truncated.select(
        pl.col(ROW),
        column=pl.lit(""),
        rule_id=pl.col("rule_id"),
        severity=pl.lit(REFUSED),
        value=pl.lit(""),
        detail=pl.col("reason"),
    )


def _remarks(table: Table) -> pl.DataFrame:
    import polars as pl

    schema = {"row_number": pl.Int32, **dict.fromkeys(FINDINGS[1:], pl.String)}
    rows = [
        (item.row_number, item.column, item.value, item.rule_id, item.severity, item.message, item.remedy)
        for item in table.remarks
    ]
    return pl.DataFrame(rows, schema=schema, orient="row").select(FINDINGS)


__all__ = [
    "AWAITING",
    "BLOCKED",
    "FINDINGS",
    "HASH",
    "NOTE",
    "PERSON_KEYS",
    "REFUSED",
    "WARNING",
    "Context",
    "Judgement",
    "References",
    "judge_awaited",
    "judge_file",
    "judge_table",
    "references_of",
    "refuse_awaited",
]
