"""Judge the rows of one file against its contract and what is already known: accepted, awaiting or refused.

Every row is told every rule that it breaks. Whatever the file holds, rows received = accepted + awaiting + refused.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polars as pl

from ingestion.contracts import PERSON, Column, Contract
from ingestion.errors import BlockedFile
from ingestion.forms import (
    MASK,
    Form,
    Places,
    commune_form,
    empty_form,
    list_form,
    plain_form,
    read_forms,
    scrubbed,
    siren_form,
    written,
)
from ingestion.naming import Period
from ingestion.pseudonyms import Pseudonymiser
from ingestion.reading import ROW, Table, read_table
from ingestion.sentences import DETAIL, VALUE, sentence
from ingestion.territory import load_cog, load_postcodes, load_programme

REFUSED, AWAITING, WARNING, NOTE = "REFUSE", "ATTENTE", "AVERTISSEMENT", "NOTE"
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
AWAITED = ("awaited_feed", "awaited_id")
FINDINGS = ("row_number", "column", "value", "rule_id", "severity", "message", "remedy")
_FAULTS = {ROW: pl.Int32, **dict.fromkeys(("column", "rule_id", "severity", "value", "detail"), pl.String)}
_BLANKS = " \t\n\r\u00a0\u202f\u2007\u200b\ufeff"


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
    contract = context.contract
    texts = _written(table, contract)
    rows = read_forms(texts, {column.name: _form(column, texts, context) for column in contract.columns})
    rows = _with_object(_with_people(rows, context), context)
    rows = rows.with_columns(_identity=_identity(contract))
    checks = [
        *itertools.chain.from_iterable(_form_checks(column, rows) for column in contract.columns),
        *_people_checks(contract),
        *_date_checks(rows, context),
        *_duration_checks(rows),
    ]
    found = pl.concat([_run(rows, checks), _repetitions(rows, contract)])
    refused, taken = rows.clear(), rows
    if REFUSED in found["severity"]:
        is_refused = rows[ROW].is_in(found.filter(pl.col("severity") == REFUSED)[ROW].unique().implode())
        refused, taken = rows.filter(is_refused), rows.filter(~is_refused)
    taken = taken.with_columns(context.pseudonymiser.hash_rows(taken["_identity"]).alias(HASH))
    accepted, awaiting = _split_awaiting(taken, contract)
    found = pl.concat([found, _awaiting_faults(awaiting, contract), _places_faults(taken), _truncated_faults(table)])
    return Judgement(
        rows_received=table.rows_received,
        accepted=accepted,
        awaiting=awaiting,
        findings=pl.concat([_remarks(table), _phrase(found, contract)]).sort("row_number", maintain_order=True),
        rejected=_rejected(refused, table, contract),
        refused_source=_refused_source(table, refused[ROW]),
    )


def judge_awaited(rows: pl.DataFrame, context: Context) -> Judgement:
    """Judge rows again that waited for a session.

    Args:
        rows: columns of an earlier `Judgement.awaiting`, of one delivery.

    Returns:
        Rows whose session is known now (accepted, or refused for what it says), and those that still wait. The refused
        rows are shown in their canonical form: what was written is not kept.
    """
    contract = context.contract
    names = [column.name for column in contract.columns if not column.is_personal]
    copied = rows.drop(OBJECT_PARTNER, *AWAITED, strict=False).with_columns(
        pl.col(name).alias(f"written:{name}") for name in names
    )
    known = _with_object(copied, context)
    checks = [*_duration_checks(known)]
    checks += [_end_of_elearning(column) for column in contract.columns if "end_of_elearning" in column.checks]
    found = _run(known, checks)
    is_refused = known[ROW].is_in(found[ROW].unique().implode())
    accepted, awaiting = _split_awaiting(known.filter(~is_refused), contract)
    return Judgement(
        rows_received=rows.height,
        accepted=accepted,
        awaiting=awaiting,
        findings=_phrase(pl.concat([found, _awaiting_faults(awaiting, contract)]), contract),
        rejected=_rejected_values(known.filter(is_refused), names, contract),
        refused_source=known.filter(is_refused).select(*names, ROW),
    )


def refuse_awaited(rows: pl.DataFrame, context: Context) -> Judgement:
    """Refuse rows (columns of an earlier `Judgement.awaiting`) whose session never came: REFERENCE-INCONNUE."""
    contract = context.contract
    names = [column.name for column in contract.columns if not column.is_personal]
    column = contract.reference
    found = _no_faults()
    if column is not None:
        check = _Check(
            column.name, "REFERENCE-INCONNUE", pl.lit(True), value=pl.col("awaited_id"), detail=pl.col("awaited_feed")
        )
        found = _faults(rows, check)
    copied = rows.with_columns(pl.col(name).alias(f"written:{name}") for name in names)
    return Judgement(
        rows_received=rows.height,
        accepted=rows.clear().select(*contract.raw_columns, ROW, HASH),
        awaiting=rows.clear(),
        findings=_phrase(found, contract),
        rejected=_rejected_values(copied, names, contract),
        refused_source=rows.select(*names, ROW),
    )


# ------------------------------------------------------------------------------------------------------- faults


@dataclass(frozen=True, slots=True)
class _Check:
    """One rule on one column, as expressions over the rows: `mask` tells who breaks it.

    A check that `is_once` says its word for the whole column, at the first row.
    """

    column: str
    rule_id: str | pl.Expr
    mask: pl.Expr
    value: pl.Expr | None = None
    detail: pl.Expr | str | None = None
    severity: str | pl.Expr = REFUSED
    is_once: bool = False


def _run(rows: pl.DataFrame, checks: Iterable[_Check]) -> pl.DataFrame:
    """What the rows break; only checks that some row breaks cost more than their mask."""
    checks = list(checks)
    if rows.is_empty() or not checks:
        return _no_faults()
    masks = rows.select(check.mask.fill_null(False).alias(str(index)) for index, check in enumerate(checks))
    return pl.concat(
        [
            _no_faults(),
            *(
                _faults(rows.filter(mask), check)
                for mask, check in zip(masks.iter_columns(), checks, strict=True)
                if mask.any()
            ),
        ]
    )


def _faults(rows: pl.DataFrame, check: _Check) -> pl.DataFrame:
    detail = check.detail
    if check.is_once:
        detail = "1 ligne" if rows.height == 1 else f"{rows.height} lignes"
        rows = rows.head(1)
    columns = {
        "column": check.column,
        "rule_id": check.rule_id,
        "severity": check.severity,
        "value": check.value,
        "detail": detail,
    }
    return rows.select(
        pl.col(ROW),
        **{
            name: (given if isinstance(given, pl.Expr) else pl.lit(given)).cast(pl.String)
            for name, given in columns.items()
        },
    )


def _no_faults() -> pl.DataFrame:
    return pl.DataFrame(schema=_FAULTS)


def _phrase(found: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Findings with their sentences; an optional value that cannot be read is a warning of its own."""
    pairs = found.select("column", "rule_id").unique().rows()
    sentences = [(column, rule_id, *sentence(contract, column, rule_id)) for column, rule_id in pairs]
    schema = dict.fromkeys(("column", "rule_id", "message", "remedy"), pl.String)
    personal = [column.name for column in contract.columns if column.is_personal]
    dropped = (pl.col("severity") == WARNING) & pl.col("rule_id").is_in(FORM_RULES)
    shown = (
        pl.when(pl.col("column").is_in(personal)).then(_masked(pl.col("value"))).otherwise(scrubbed(pl.col("value")))
    )
    value, detail = pl.col("value").fill_null(""), pl.col("detail").fill_null("")
    return (
        found.with_columns(value=shown.str.slice(0, 200))
        .join(pl.DataFrame(sentences, schema=schema, orient="row"), on=["column", "rule_id"], maintain_order="left")
        .select(
            row_number=pl.col(ROW),
            column="column",
            value=value,
            rule_id=pl.when(dropped).then(pl.lit("VALEUR-OPTIONNELLE-ILLISIBLE")).otherwise("rule_id"),
            severity="severity",
            message=pl.concat_str(
                pl.col("message").str.replace(VALUE, value, literal=True).str.replace(DETAIL, detail, literal=True),
                pl.when(dropped).then(pl.lit(" Elle est facultative : elle n'est pas gardée.")).otherwise(pl.lit("")),
            ),
            remedy=pl.col("remedy").str.replace_all(DETAIL, detail, literal=True),
        )
    )


def _masked(value: pl.Expr) -> pl.Expr:
    return (
        pl.when(value.fill_null("") == "")
        .then(pl.lit(""))
        .when(value.str.contains("@", literal=True))
        .then(value.str.slice(0, 1) + f"{MASK}@{MASK}")
        .otherwise(pl.lit(MASK))
    )


# --------------------------------------------------------------------------------------------- form of the values


def _written(table: Table, contract: Contract) -> pl.DataFrame:
    """Contract columns as written, trimmed, as `written:<name>`; null where empty or absent."""
    return table.cells.select(
        *(_trimmed(column.name, table.positions.get(column.name)) for column in contract.columns), ROW
    )


@lru_cache(maxsize=1024)
def _trimmed(name: str, position: int | None) -> pl.Expr:
    if position is None:
        return pl.lit(None, pl.String).alias(f"written:{name}")
    trimmed = pl.col(f"c{position}").str.replace_all(r"[\x00-\x1f\x7f]+", " ").str.strip_chars(_BLANKS)
    return pl.when(trimmed != "").then(trimmed).alias(f"written:{name}")


def _form(column: Column, texts: pl.DataFrame, context: Context) -> Form:
    references = context.references
    is_programme = "programme" in column.checks
    if texts[f"written:{column.name}"].null_count() == texts.height:
        form = empty_form(context.programme_code if is_programme else column.default)
    elif is_programme:
        own = context.programme_code
        form = list_form(column.name, (own,), "PROGRAMME", own, own)
    elif "action" in column.checks:
        known = tuple(sorted(references.action_codes))
        form = list_form(column.name, known, "ACTION-INCONNUE", None, ", ".join(known))
    elif "siren" in column.checks or "siren_list" in column.checks:
        form = siren_form(column, texts)
    elif "commune_perimetre" in column.checks or "commune_cog" in column.checks:
        form = commune_form(column, texts, Places(references.perimeter, references.cog, references.postcodes))
    else:
        form = plain_form(column)
    return form


def _form_checks(column: Column, rows: pl.DataFrame) -> list[_Check]:
    """Faults of form, what is obligatory, and notes; only of columns that have any."""
    name, checks = column.name, []
    needed = _needed(column)
    fault = pl.col(f"fault:{name}")
    if f"fault:{name}" in rows.columns and rows[f"fault:{name}"].null_count() < rows.height:
        detail = pl.col(f"detail:{name}") if f"detail:{name}" in rows.columns else None
        optional = fault.is_in(FORM_RULES) & ~needed.fill_null(False)
        severity = pl.when(optional).then(pl.lit(WARNING)).otherwise(pl.lit(REFUSED))
        checks.append(_Check(name, fault, fault.is_not_null(), written(name), detail, severity))
    if "person" not in column.checks and "always" not in column.checks and rows[f"written:{name}"].null_count():
        checks.append(_Check(name, "OBLIGATOIRE", written(name).is_null() & needed))
    if f"note:{name}" in rows.columns and rows[f"note:{name}"].null_count() < rows.height:
        for rule_id in rows[f"note:{name}"].drop_nulls().unique(maintain_order=True):
            is_met = pl.col(f"note:{name}") == rule_id
            if rule_id == "DONNEE-PERSONNELLE-TEXTE":
                checks.append(_Check(name, rule_id, is_met, pl.lit(MASK), severity=WARNING))
            else:
                checks.append(_Check(name, rule_id, is_met, severity=NOTE, is_once=True))
    return checks


def _needed(column: Column) -> pl.Expr:
    """Which rows need a value of the column."""
    if column.required or "always" in column.checks:
        return pl.lit(True)
    if "person" in column.checks:
        return pl.col("_node").is_null()
    if "end_of_elearning" in column.checks:
        return _is_ended_elearning()
    if column.required_when:
        return pl.all_horizontal(pl.col(name).is_in(allowed) for name, allowed in column.required_when)
    return pl.lit(False)


# -------------------------------------------------------------------------------------------------------- people


def _with_people(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add the keyed hashes, the age band and `_node`, the key that stands for the person in the row's own key."""
    if not context.contract.has_people:
        return rows
    keys = context.pseudonymiser.person_keys(rows)
    age = context.period.start.year - pl.col("annee_naissance").cast(pl.Int32)
    band = pl.lit(AGE_BANDS[-1][1])
    for (_, label), (following, _) in reversed(list(itertools.pairwise(AGE_BANDS))):
        band = pl.when(age < following).then(pl.lit(label)).otherwise(band)
    return rows.hstack(keys.get_columns()).with_columns(
        _age=age,
        tranche_age=pl.when(age >= MINIMUM_AGE).then(band),
        _hmac_key_id=pl.lit(context.pseudonymiser.key_id),
        _node=pl.coalesce("person_key_2", "person_key_1"),
    )


def _people_checks(contract: Contract) -> list[_Check]:
    if not contract.has_people:
        return []
    return [
        _Check("annee_naissance", "AGE-MINIMUM", pl.col("_age") < MINIMUM_AGE, value=written("annee_naissance")),
        _Check("courriel", "PERSONNE-INCONNUE", pl.col("_node").is_null()),
    ]


# --------------------------------------------------------------------------------------------------------- dates


def _date_checks(rows: pl.DataFrame, context: Context) -> list[_Check]:
    """Order of dates, first day of the programme, period of the file. ISO dates are compared as the text they are."""
    period, start = context.period, context.references.programme_start
    first, last = (period.start - PERIOD_TOLERANCE).isoformat(), (period.end + PERIOD_TOLERANCE).isoformat()
    checks = []
    for column in context.contract.columns:
        name, date = column.name, pl.col(column.name)
        if column.type != "date" or rows[name].null_count() == rows.height:
            continue
        if column.not_before:
            wrong = date < pl.col(column.not_before)
            checks.append(_Check(name, "ORDRE-DATES", wrong, written(name), written(column.not_before)))
        if column.not_after:
            wrong = date > pl.col(column.not_after)
            checks.append(_Check(name, "ORDRE-DATES", wrong, written(name), written(column.not_after)))
        if "programme_start" in column.checks:
            wrong = date < start.isoformat()
            checks.append(_Check(name, "DATE-AVANT-PROGRAMME", wrong, written(name), f"{start:%d/%m/%Y}"))
        if "period" in column.checks:
            wrong = (date < first) | (date > last)
            checks.append(_Check(name, "DATE-HORS-PERIODE", wrong, written(name), period.label, WARNING))
    return checks


# ------------------------------------------------------------------------------------------- sessions of the rows


def _with_object(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Look the session of each row up, at its own partner first.

    Adds `_object_id`, `_object_partner_code`, `_planned` (hours), `_places` and `_modality`.
    """
    column = context.contract.reference
    if column is None:
        return rows
    sessions = context.references.sessions
    modality = pl.col("modalite") if "modalite" in sessions.columns else pl.lit(None)
    known = (
        sessions.sort(pl.col("partner_code") != context.partner_code, "partner_code")
        .select(
            _object_id=pl.col("session_id").cast(pl.String),
            _object_partner_code=pl.col("partner_code").cast(pl.String),
            _planned=pl.col("duree_prevue_h").cast(pl.Float64),
            _places=pl.col("places").cast(pl.Int64),
            _modality=modality.cast(pl.String),
        )
        .unique("_object_id", keep="first", maintain_order=True)
    )
    session = pl.col(column.name)
    if "objet_type" in rows.columns:
        session = pl.when(pl.col("objet_type") == "SESSION").then(session)
    return rows.with_columns(_object_id=session).join(known, on="_object_id", how="left", maintain_order="left")


def _duration_checks(rows: pl.DataFrame) -> list[_Check]:
    if "duree_suivie_h" not in rows.columns or rows["duree_suivie_h"].null_count() == rows.height:
        return []
    # a two-hundredth of an hour forgives binary fractions
    longest = pl.col("_planned") * DURATION_TOLERANCE + 0.005
    planned = pl.col("_planned").cast(pl.String).str.strip_suffix(".0").str.replace(".", ",", literal=True)
    too_long = pl.col("duree_suivie_h").cast(pl.Float64) > longest
    return [_Check("duree_suivie_h", "DUREE-EXCESSIVE", too_long, written("duree_suivie_h"), planned)]


def _is_ended_elearning() -> pl.Expr:
    return (pl.col("_modality") == "ELEARNING") & (pl.col("statut") == "TERMINE")


def _end_of_elearning(column: Column) -> _Check:
    return _Check(column.name, "OBLIGATOIRE", written(column.name).is_null() & _is_ended_elearning())


def _split_awaiting(rows: pl.DataFrame, contract: Contract) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows to load (what they refer to is known, or they refer to nothing), and those that wait; raw columns only."""
    columns = [*(pl.col(name).cast(pl.String) for name in contract.raw_columns), pl.col(ROW), pl.col(HASH)]
    reference = contract.reference
    if reference is None:
        nothing = [pl.lit(None, pl.String).alias(name) for name in AWAITED]
        return rows.select(columns), rows.clear().select(*columns, *nothing)
    waits = rows[reference.name].is_not_null() & rows[OBJECT_PARTNER].is_null()
    feed = pl.lit("F01")
    if "objet_type" in rows.columns:
        feed = pl.col("objet_type").replace_strict(OBJECT_FEEDS, default="F01", return_dtype=pl.String)
    awaited = [feed.alias(AWAITED[0]), pl.col(reference.name).alias(AWAITED[1])]
    awaiting = rows.filter(waits) if waits.any() else rows.clear()
    settled = rows.filter(~waits) if awaiting.height else rows
    return settled.select(columns), awaiting.select(*columns, *awaited)


def _awaiting_faults(awaiting: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    if contract.reference is None or awaiting.is_empty():
        return _no_faults()
    everyone = pl.lit(True)
    identifier, feed = pl.col("awaited_id"), pl.col("awaited_feed")
    name = contract.reference.name
    return _faults(awaiting, _Check(name, "REFERENCE-ATTENDUE", everyone, identifier, feed, AWAITING))


def _places_faults(rows: pl.DataFrame) -> pl.DataFrame:
    """One warning a session that has many more people than places, at its first row."""
    if "role" not in rows.columns or rows["_places"].null_count() == rows.height:
        return _no_faults()
    full = (
        rows.lazy()
        .filter((pl.col("role").fill_null("PARTICIPANT") == "PARTICIPANT") & pl.col("_places").is_not_null())
        .group_by("_object_id", maintain_order=True)
        .agg(pl.col(ROW).min(), _people=pl.col("_node").n_unique(), _places=pl.col("_places").first())
        .filter(pl.col("_people") > pl.col("_places") * PLACES_TOLERANCE)
        .collect()
    )
    counts = pl.format("{} personnes pour {} places", "_people", "_places")
    everyone = pl.lit(True)
    return _faults(full, _Check("objet_id", "EFFECTIF-PLACES", everyone, pl.col("_object_id"), counts, WARNING))


# --------------------------------------------------------------------------------------------------- repetitions


def _identity(contract: Contract) -> pl.Expr:
    """Canonical text of a whole row, personal values included; what cannot be read stands as it was written."""
    parts = (pl.coalesce(column.name, written(column.name), pl.lit("\x00")) for column in contract.columns)
    return pl.concat_str(*parts, separator="\x1f")


def _repetitions(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Rows repeated to the letter (from the second on), and rows that share a key and say different things (all)."""
    everyone = pl.lit(True)
    key = ["_node" if name == PERSON else name for name in contract.key]
    is_first = rows["_identity"].is_first_distinct()
    found = [_no_faults()]
    if not is_first.all():
        numbered = rows.select(ROW, "_identity", _first_row=pl.col(ROW).first().over("_identity"))
        check = _Check("", "DOUBLON", everyone, detail=pl.col("_first_row"))
        found.append(_faults(numbered.filter(~is_first), check))
    different = rows.select(key).filter(is_first).drop_nulls()
    is_shared = different.is_duplicated()
    if is_shared.any():
        clashing = different.filter(is_shared).unique()
        keyed = rows.select(ROW, *key).join(clashing, on=key, how="semi", maintain_order="left")
        found.append(_faults(keyed, _Check("", "CLE-CONTRADICTOIRE", everyone)))
    return pl.concat(found)


# ------------------------------------------------------------------------------------------------------- outcome


def _rejected(refused: pl.DataFrame, table: Table, contract: Contract) -> pl.DataFrame:
    rows = _rejected_values(refused, [column.name for column in contract.columns], contract)
    if table.truncated.height:
        # cells of a record cut short may be anybody's: none is shown where the feed is about people
        text = pl.lit(MASK) if contract.has_people else scrubbed(pl.col("text"))
        cut = table.truncated.select(row_number=ROW, row_values=pl.struct(texte=text).struct.json_encode())
        rows = pl.concat([rows, cut]).sort("row_number")
    return rows


def _rejected_values(refused: pl.DataFrame, names: Iterable[str], contract: Contract) -> pl.DataFrame:
    if refused.is_empty():
        return pl.DataFrame(schema={"row_number": pl.Int32, "row_values": pl.String})
    shown = [
        (_masked(written(name)) if contract.column(name).is_personal else scrubbed(written(name))).alias(name)
        for name in names
    ]
    return refused.select(row_number=pl.col(ROW), row_values=pl.struct(shown).struct.json_encode())


def _refused_source(table: Table, refused: pl.Series) -> pl.DataFrame:
    names: list[str] = []
    for index, cell in enumerate(table.header):
        name = cell.strip() or f"colonne {index + 1}"
        names.append(name if name not in names and name != ROW else f"{name} ({index + 1})")
    rows = table.cells.filter(pl.col(ROW).is_in(refused.implode())) if refused.len() else table.cells.clear()
    rows = rows.rename({f"c{index}": name for index, name in enumerate(names)})
    if table.truncated.height:
        cut = [_padded(cells.to_list(), len(names)) for cells in table.truncated["cells"]]
        frame = pl.DataFrame(cut, schema=dict.fromkeys(names, pl.String), orient="row")
        rows = pl.concat([rows, frame.with_columns(table.truncated[ROW])]).sort(ROW)
    unnamed = [name for name, cell in zip(names, table.header, strict=True) if not cell.strip()]
    return rows.drop(name for name in unnamed if (rows[name].str.strip_chars() == "").all())


def _padded(cells: list[str], width: int) -> list[str]:
    """Cells of a record cut short or too long, as many as the header has: nothing that was written is lost."""
    if len(cells) < width:
        return cells + [""] * (width - len(cells))
    return [*cells[: width - 1], " ".join(cells[width - 1 :])]


def _truncated_faults(table: Table) -> pl.DataFrame:
    if table.truncated.is_empty():
        return _no_faults()
    check = _Check("", pl.col("rule_id"), pl.lit(True), detail=pl.col("reason"))
    return _faults(table.truncated, check)


def _remarks(table: Table) -> pl.DataFrame:
    schema = {"row_number": pl.Int32, **dict.fromkeys(FINDINGS[1:], pl.String)}
    rows = [
        (item.row_number, item.column, item.value, item.rule_id, item.severity, item.message, item.remedy)
        for item in table.remarks
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")
