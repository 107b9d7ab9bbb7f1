"""Rules about the values of a row: which are obligatory, and what they may not say together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import polars as pl

from ingestion import erased_people
from ingestion.cells import MASK, Cells
from ingestion.contracts import DATES, Column, Contract, ObjectDate
from ingestion.faults import REFUSED, WARNING, Check, faults
from ingestion.objects import MODALITY, PLANNED, meets
from ingestion.records import ROW

if TYPE_CHECKING:
    from ingestion.judging import Context


# on an optional value these cost the value, not the row
FORM_RULES = (
    *("TYPE-DATE", "TYPE-DATE-HEURE", "TYPE-ENTIER", "TYPE-DECIMAL", "TYPE-BOOLEEN", "BORNES", "LONGUEUR", "LISTE"),
    *("MOTIF", "SIREN", "SIRET", "NAF", "PAYS", "URL"),
)
PERIOD_TOLERANCE = dt.timedelta(days=31)
DURATION_TOLERANCE = 1.1
MINIMUM_AGE = 15
# rounding of money
CENT = 0.005
PERSONAL = "DONNEE-PERSONNELLE-TEXTE"
_EVERYONE = pl.lit(True)


def form_faults(cells: Mapping[str, Cells], rows: pl.DataFrame, contract: Contract) -> Iterator[pl.DataFrame]:
    """Faults of form, and personal data found in free texts."""
    for column in contract.columns:
        read = cells[column.name]
        if read.has("fault"):
            rules = read.rows("fault")
            which = rules.is_not_null().arg_true()
            broken = rows[which].with_columns(rules.gather(which).alias("_rule"))
            optional = pl.col("_rule").is_in(FORM_RULES) & ~_needed(column).fill_null(value=False)
            severity = broken.select(pl.when(optional).then(pl.lit(WARNING)).otherwise(pl.lit(REFUSED))).to_series()
            value, detail = read.at("trim", which), read.at("detail", which)
            yield faults(broken[ROW], column.name, broken["_rule"], severity=severity, value=value, detail=detail)
        if read.has("note") and "free_text" in column.checks:
            which = (read.rows("note") == PERSONAL).fill_null(value=False).arg_true()
            if which.len():
                yield faults(rows[ROW].gather(which), column.name, PERSONAL, severity=WARNING, value=MASK)


def _needed(column: Column) -> pl.Expr:
    """Which rows need a value of the column."""
    if column.required or "always" in column.checks:
        return _EVERYONE
    if "person" in column.checks:
        return pl.col("_node").is_null()
    if "end_of_elearning" in column.checks:
        return _is_ended_elearning()
    return meets(column.required_when) if column.required_when else pl.lit(value=False)


def checks_of(rows: pl.DataFrame, cells: Mapping[str, Cells], context: Context) -> list[Check]:
    """Rules about more than the form of one value, of the columns that have any value."""
    names = [column.name for column in context.contract.columns]
    filled = {name for name in names if rows[name].null_count() < rows.height}
    return [
        *_obligatory_checks(cells, context.contract),
        *_people_checks(context.contract),
        *_date_checks(context, filled),
        *_milestone_checks(context.contract, filled),
        *_pair_checks(context.contract, filled),
        *_aid_checks(context, filled),
        *object_checks(cells, context),
    ]


def _obligatory_checks(cells: Mapping[str, Cells], contract: Contract) -> Iterator[Check]:
    for column in contract.columns:
        if {"person", "always", "end_of_elearning"} & set(column.checks):
            continue
        if not (column.required or column.required_when):
            continue
        text = cells[column.name].fields["text"]
        if not text.null_count():
            continue
        is_empty = pl.lit(cells[column.name].rows("text").is_null())
        yield Check(column.name, "OBLIGATOIRE", is_empty & _needed(column))


def _people_checks(contract: Contract) -> list[Check]:
    if not contract.has_people:
        return []
    return [
        Check("annee_naissance", "AGE-MINIMUM", pl.col("_age") < MINIMUM_AGE),
        Check("courriel", "PERSONNE-INCONNUE", pl.col("_node").is_null()),
        Check("courriel", erased_people.RULE, pl.col("_is_erased")),
    ]


def _date_checks(context: Context, filled: Collection[str]) -> Iterator[Check]:
    """Order of dates, first day of the programme, period of the file. ISO dates are compared as the text they are."""
    period, start = context.period, context.references.programme_start
    first, last = (period.start - PERIOD_TOLERANCE).isoformat(), (period.end + PERIOD_TOLERANCE).isoformat()
    contract = context.contract
    for column in contract.columns:
        if column.type not in DATES or column.name not in filled:
            continue
        day = _day(column)
        for bound, is_before in ((column.not_before, True), (column.not_after, False)):
            if bound is not None and bound in filled:
                other = _day(contract.column(bound))
                wrong = day < other if is_before else day > other
                yield Check(column.name, "ORDRE-DATES", wrong, _french_day(other))
        if "programme_start" in column.checks:
            yield Check(column.name, "DATE-AVANT-PROGRAMME", day < start.isoformat(), pl.lit(f"{start:%d/%m/%Y}"))
        if "period" in column.checks:
            yield Check(column.name, "DATE-HORS-PERIODE", (day < first) | (day > last), pl.lit(period.label), WARNING)


def _day(column: Column) -> pl.Expr:
    return pl.col(column.name) if column.type == "date" else pl.col(column.name).str.slice(0, 10)


def _french_day(day: pl.Expr) -> pl.Expr:
    return day.str.replace(r"^(\d{4})-(\d{2})-(\d{2})$", "${3}/${2}/${1}")


def _milestone_checks(contract: Contract, filled: Collection[str]) -> Iterator[Check]:
    """Each milestone against the latest of those before it; one that was skipped is no matter."""
    latest: pl.Expr | None = None
    for name in contract.milestones:
        if name not in filled:
            continue
        day = _day(contract.column(name))
        if latest is None:
            latest = day
            continue
        yield Check(name, "ETAPES-DESORDRE", day < latest, _french_day(latest), WARNING)
        latest = pl.when(day.is_null() | (day < latest)).then(latest).otherwise(day)


def _pair_checks(contract: Contract, filled: Collection[str]) -> Iterator[Check]:
    """Two columns of a row that bound each other, or may not be the same."""
    for column in contract.columns:
        if column.name not in filled:
            continue
        own = pl.col(column.name)
        if column.at_most is not None and column.at_most in filled:
            most = pl.col(column.at_most)
            over = own.cast(pl.Float64) > most.cast(pl.Float64) + CENT
            yield Check(column.name, "PLAFOND-COLONNE", over, most.str.replace(".", ",", literal=True))
        if column.differs_from is not None:
            yield Check(column.name, "IDENTIQUES", own == pl.col(column.differs_from))


def _aid_checks(context: Context, filled: Collection[str]) -> Iterator[Check]:
    """Aid voted against the rate and the ceiling of its scheme."""
    column = next((item for item in context.contract.columns if "funding_scheme" in item.checks), None)
    if column is None or not {column.name, "cout_eligible", "montant_vote"} <= set(filled):
        return
    schemes = context.references.funding_schemes.values()
    rates = {scheme.code: scheme.max_rate for scheme in schemes if scheme.max_rate is not None}
    ceilings = {scheme.code: scheme.ceiling for scheme in schemes if scheme.ceiling is not None}
    voted, cost = (pl.col(name).cast(pl.Float64) for name in ("montant_vote", "cout_eligible"))
    scheme = pl.col(column.name)
    if rates:
        rate = scheme.replace_strict(rates, default=None, return_dtype=pl.Float64)
        told = pl.format("{} %", (rate * 100).round(2).cast(pl.String).str.strip_suffix(".0"))
        yield Check("montant_vote", "AIDE-TAUX", voted > cost * rate + CENT, told, WARNING)
    if ceilings:
        ceiling = scheme.replace_strict(ceilings, default=None, return_dtype=pl.Float64)
        told = pl.format("{} €", ceiling.cast(pl.Int64))
        yield Check("montant_vote", "AIDE-PLAFOND", voted > ceiling + CENT, told, WARNING)


def object_checks(cells: Mapping[str, Cells], context: Context) -> Iterator[Check]:
    """Rules about the object that rows refer to; nothing is judged against what it does not say."""
    contract = context.contract
    if contract.reference is None:
        return
    for column in contract.columns:
        if "planned_duration" in column.checks:
            hours = pl.col(PLANNED).cast(pl.Float64)
            # a two-hundredth of an hour forgives binary fractions
            too_long = pl.col(column.name).cast(pl.Float64) > hours * DURATION_TOLERANCE + 0.005
            told = hours.cast(pl.String).str.strip_suffix(".0").str.replace(".", ",", literal=True)
            yield Check(column.name, "DUREE-EXCESSIVE", too_long, told)
        if "end_of_elearning" in column.checks:
            is_empty = pl.lit(cells[column.name].rows("text").is_null())
            yield Check(column.name, "OBLIGATOIRE", is_empty & _is_ended_elearning())
    for rule in contract.object_dates:
        own, origin = (pl.col(name).str.slice(0, 10) for name in (rule.column, f"object:{rule.of}"))
        own, origin = (day.str.to_date("%Y-%m-%d", strict=False) for day in (own, origin))
        apart = (own - origin).dt.total_days()
        wrong = pl.lit(value=False)
        if rule.minimum_days is not None:
            wrong |= apart < rule.minimum_days
        if rule.maximum_days is not None:
            wrong |= apart > rule.maximum_days
        if rule.when:
            wrong &= meets(rule.when)
        told = pl.lit(_allowed(rule)) + origin.dt.strftime(" %d/%m/%Y")
        yield Check(rule.column, "DATE-OBJET", wrong, told, rule.severity)


def _allowed(rule: ObjectDate) -> str:
    """When a date may be, after one that is told next."""
    low, high = rule.minimum_days, rule.maximum_days
    if low is not None and high is not None:
        return f"{low} à {high} jours après le"
    if high is not None:
        return f"{high} jours au plus après le"
    return f"{low} jours au moins après le" if low else "à partir du"


def _is_ended_elearning() -> pl.Expr:
    return (pl.col(MODALITY) == "ELEARNING") & (pl.col("statut") == "TERMINE")
