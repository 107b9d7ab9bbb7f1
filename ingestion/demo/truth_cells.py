"""How contributions become values, by the catalogue's words: periods, margins, figures, attribution and states."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.demo.in_force import slots_met
from ingestion.demo.making import BUSINESS_DATE, PARTNERS, PROGRAMME, File, expected_slots
from ingestion.demo.people import communes
from ingestion.settings import CHECKOUT

CATALOGUE = CHECKOUT / "dbt_project" / "seeds" / "catalogue"
SMALLEST = {"persons": 11, "heads": 11, "firms": 3}
DOMINANCE = Fraction(85, 100)
NORMAL = Fraction(196, 100)
REGION = "02"
UNKNOWN, OUTSIDE, DISTANT = "NR", "HORS", "DIST"
GRAINS = ("month", "quarter", "semester", "year")
KEYS = (
    "measure",
    "period_grain",
    "period_start",
    "territory_level",
    "territory_code",
    "partner_code",
    "axis",
    "member",
)
FIGURES = ("value", "numerator", "denominator", "low", "high", "n_effective")
# what a cell without rows counts is zero, where something was delivered; of anything else it has no value
COUNTS = {"distinct", "sum", "bounded"}
# contributions keep num and den as integers of this part of one
UNIT = 10**12
COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "entity": pl.String, "subject": pl.String, "on": pl.Date, "until": pl.Date, "commune": pl.String,
    "epci": pl.String, "partner_code": pl.String, "members": pl.List(pl.String), "num": pl.Int128, "den": pl.Int128,
}  # fmt: skip
Number = int | Decimal | Fraction


@dataclass(frozen=True, slots=True)
class Contribution:
    """One row that an indicator counts.

    Args:
        entity: what is counted; none for a row of a reference series.
        on: the day that places it in time; of a stock, the first day on which it counts.
        partner: through whom; none for what is nobody's.
        subject: whose data it is.
        until: of a stock, the first day on which it counts no more.
        commune, epci: codes, special ones included; none for what has no place.
        members: `AXIS:MEMBER`, any number.
        num, den: exact.
    """

    entity: str | None
    on: dt.date
    partner: str | None
    subject: str | None = None
    until: dt.date | None = None
    commune: str | None = None
    epci: str | None = None
    members: tuple[str, ...] = ()
    num: Number | None = None
    den: Number | None = None


@dataclass(frozen=True, slots=True)
class Indicator:
    """One row of the catalogue: how an indicator counts."""

    code: str
    aggregation: str
    timing: str
    factor: int
    first_grain: str
    secrecy: str
    smallest: int
    feeds: tuple[str, ...]
    levels: tuple[str, ...]
    special: tuple[str, ...]
    axes: tuple[str, ...]
    by_partner: bool

    @property
    def is_attributed(self) -> bool:
        """Whether its total is shared out between the partners."""
        return self.by_partner and self.aggregation in {"distinct", "sum"}


def as_frame(rows: Iterable[Contribution]) -> pl.DataFrame:
    """Contributions as a table, `num` and `den` in units of 1e-12."""
    return pl.DataFrame(
        [
            (
                row.entity, row.subject, row.on, row.until, row.commune, row.epci, row.partner, list(row.members),
                _units(row.num), _units(row.den),
            )
            for row in rows
        ],
        schema=COLUMNS,
        orient="row",
    )  # fmt: skip


def _units(number: Number | None) -> int | None:
    return None if number is None else round(Fraction(number) * UNIT)


@lru_cache(maxsize=1)
def catalogue() -> tuple[Indicator, ...]:
    """Every indicator and companion of the catalogue."""
    return tuple(
        Indicator(
            row["indicator_code"],
            row["aggregation"],
            row["timing"],
            int(row["factor"]),
            row["first_grain"],
            row["secrecy"],
            int(row["smallest_n"] or SMALLEST.get(row["secrecy"], 0)),
            _words(row["feeds"]),
            _words(row["territory_levels"]),
            _words(row["special_territories"]),
            _words(row["axes"]),
            row["by_partner"] == "true",
        )
        for row in _read(CATALOGUE / "indicator_catalogue.csv")
    )


@lru_cache(maxsize=1)
def members() -> Mapping[str, tuple[str, ...]]:
    """Members of each axis, in their order."""
    found: dict[str, tuple[str, ...]] = {}
    for row in _read(CATALOGUE / "axis_members.csv"):
        found[row["axis"]] = (*found.get(row["axis"], ()), row["member"])
    return found


@lru_cache(maxsize=1)
def _student() -> Mapping[int, Fraction]:
    """97.5 % quantiles of Student's law by degrees of freedom, the last one for all that are more."""
    return {
        int(row["degrees_of_freedom"]): Fraction(row["quantile"]) for row in _read(CATALOGUE / "student_quantiles.csv")
    }


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


# -------------------------------------------------------------------------------------------------------------- periods


def periods() -> pl.DataFrame:
    """Every period of each grain from the first delivery expected to the business date, and its last day known."""
    first = min(slot.start for slot in expected_slots())
    days = pl.date_range(first, BUSINESS_DATE, "1mo", eager=True).alias("on").to_frame()
    months = {"month": "1mo", "quarter": "3mo", "semester": "6mo", "year": "12mo"}
    end = pl.coalesce(
        pl.when(pl.col("period_grain") == grain).then(pl.col("period_start").dt.offset_by(step))
        for grain, step in months.items()
    )
    return (
        by_period(days)
        .select("period_grain", "period_start")
        .unique()
        .with_columns(last=pl.min_horizontal(end.dt.offset_by("-1d"), pl.lit(BUSINESS_DATE)))
    )


def by_period(rows: pl.DataFrame, grains: Sequence[str] = GRAINS) -> pl.DataFrame:
    """Each row once a grain, with the first day of the period that holds `on`."""
    on = pl.col("on")
    starts = {
        "month": on.dt.truncate("1mo"),
        "quarter": on.dt.truncate("1q"),
        "semester": pl.date(on.dt.year(), (on.dt.month() - 1) // 6 * 6 + 1, 1),
        "year": on.dt.truncate("1y"),
    }
    return pl.concat(rows.with_columns(period_grain=pl.lit(grain), period_start=starts[grain]) for grain in grains)


def expected_deliveries(files: Sequence[File]) -> pl.DataFrame:
    """Expected deliveries by grain: `partner_code, feed, accepted` and the period that holds the whole delivery's."""
    records = [
        (slot.partner, slot.feed, slot.start, slot.end, int(met_on is not None)) for slot, met_on in slots_met(files)
    ]
    schema = {"partner_code": pl.String, "feed": pl.String, "on": pl.Date, "end": pl.Date, "accepted": pl.Int64}
    slots = pl.DataFrame(records, schema=schema, orient="row").with_row_index("slot")
    ends = by_period(slots.select("slot", on="end")).select("slot", "period_grain", last="period_start")
    return (
        by_period(slots)
        .join(ends, on=["slot", "period_grain"])
        .filter(pl.col("period_start") == pl.col("last"))
        .drop("slot", "end", "last")
    )


# --------------------------------------------------------------------------------------------------------------- values


def values(
    indicator: Indicator, rows: pl.DataFrame, expected: pl.DataFrame, known_periods: pl.DataFrame
) -> pl.DataFrame:
    """One row per cell of an indicator; figures as text."""
    grains = GRAINS[GRAINS.index(indicator.first_grain) :]
    asked = known_periods.filter(pl.col("period_grain").is_in(grains))
    placed = _placed(indicator, rows, asked)
    figures = _figures(indicator, _by_margin(indicator, placed))
    cells = _grid(indicator, asked).join(figures, on=KEYS, how="left")
    cells = _stated(indicator, _completed(indicator, cells, expected))
    return pl.concat([cells, _attributed(cells, placed, indicator)]) if indicator.is_attributed else cells


def _placed(indicator: Indicator, rows: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """Each row once a period in which it counts."""
    if indicator.timing == "flow":
        return by_period(rows, asked["period_grain"].unique().to_list()).join(
            asked.select("period_grain", "period_start"), on=["period_grain", "period_start"]
        )
    on, until, last = pl.col("on"), pl.col("until"), pl.col("last")
    return rows.join(asked, how="cross").filter((on <= last) & (until.is_null() | (last < until))).drop("last")


def _by_margin(indicator: Indicator, placed: pl.DataFrame) -> pl.DataFrame:
    """Each placed row once a margin in which it counts."""
    placed = placed.with_columns(region=pl.lit(REGION))
    total = pl.lit("TOTAL")
    margins = []
    for level, axis in _margins(indicator):
        rows, member = placed, total
        if axis not in {"TOTAL", "PARTNER"}:
            rows = placed.with_columns(trait="members").explode("trait")
            rows = rows.filter(pl.col("trait").str.starts_with(f"{axis}:"))
            member = pl.col("trait").str.strip_prefix(f"{axis}:")
        by_partner = axis == "PARTNER"
        margins.append(
            rows.select(
                "period_grain", "period_start", "entity", "subject", "num", "den", "members",
                measure=pl.lit("contributed" if by_partner else "counted"),
                territory_level=pl.lit(level), territory_code=pl.col(level),
                partner_code=pl.col("partner_code") if by_partner else total,
                axis=total if by_partner else pl.lit(axis), member=member,
            ).drop_nulls(["territory_code", "partner_code"])
        )  # fmt: skip
    return pl.concat(margins)


def _margins(indicator: Indicator) -> list[tuple[str, str]]:
    """Levels and axes of an indicator's margins; `PARTNER` stands for the margin of partners."""
    partner = ("PARTNER",) if indicator.by_partner else ()
    return [
        (level, axis)
        for level, axis in itertools.product(indicator.levels, ("TOTAL", *partner, *indicator.axes))
        if axis == "TOTAL" or level == "region" or (level == "epci" and axis != "PARTNER")
    ]


def _grid(indicator: Indicator, asked: pl.DataFrame) -> pl.DataFrame:
    """Every cell that the indicator has."""
    grid = []
    for level, axis in _margins(indicator):
        by_partner, by_member = axis == "PARTNER", axis not in {"TOTAL", "PARTNER"}
        partners = [partner.code for partner in PARTNERS] if by_partner else ["TOTAL"]
        grid.append(
            asked.join(pl.DataFrame({"territory_code": _territories(indicator, level)}), how="cross")
            .join(pl.DataFrame({"partner_code": partners}), how="cross")
            .join(pl.DataFrame({"member": members()[axis] if by_member else ("TOTAL",)}), how="cross")
            .with_columns(
                measure=pl.lit("contributed" if by_partner else "counted"),
                territory_level=pl.lit(level),
                axis=pl.lit(axis if by_member else "TOTAL"),
            )
            .select(KEYS)
        )
    return pl.concat(grid)


def _territories(indicator: Indicator, level: str) -> list[str]:
    places = communes()
    known = {"region": [REGION], "epci": sorted({epci for _, epci, _ in places.values()}), "commune": [*places]}[level]
    return known if level == "region" else [*known, *indicator.special]


# -------------------------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class Cell:
    """What the rows of one cell sum to; `parts` are its members' (entities, den), where the formula asks for them."""

    num: Fraction
    den: Fraction
    entities: int
    with_num: int
    with_den: int
    subjects: int
    top: Fraction
    weight: Fraction
    squares: Fraction
    numbers: tuple[Fraction, ...]
    parts: Mapping[str, tuple[int, Fraction]]


@dataclass(frozen=True, slots=True)
class Figure:
    """What a cell says, before its state."""

    value: Decimal | None
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    n_effective: Decimal | None = None


def _figures(indicator: Indicator, rows: pl.DataFrame) -> pl.DataFrame:
    """Figures of the cells that have rows, `n`, and whether the cell has `few` or is `zero`."""
    keys = list(KEYS)
    entity, subject, num, den = (pl.col(name) for name in ("entity", "subject", "num", "den"))
    sums = rows.group_by(keys).agg(
        pl.sum("num"),
        pl.sum("den"),
        entities=entity.drop_nulls().n_unique(),
        with_num=entity.filter(num > 0).drop_nulls().n_unique(),
        with_den=entity.filter(den > 0).drop_nulls().n_unique(),
        subjects=subject.drop_nulls().n_unique(),
        # each number, only where a sum does not say enough
        numbers=num.filter(pl.lit(indicator.aggregation in {"median", "mean"})).drop_nulls(),
        weights=den.filter(pl.lit(indicator.aggregation == "proportion")).drop_nulls(),
    )
    # the weight of the largest subject, where one of few firms must not be guessed; rows of nobody weigh by amount only
    by_amount = indicator.aggregation in {"sum", "ratio", "cost"}
    given = num.abs() if by_amount else pl.when(subject.is_not_null()).then(pl.lit(UNIT, pl.Int128))
    weighed = rows.group_by(*keys, "subject").agg(weight=given.sum())
    tops = weighed.group_by(keys).agg(
        pl.sum("weight"), top=pl.col("weight").filter(pl.col("subject").is_not_null()).max()
    )
    parts: dict[tuple[Any, ...], dict[str, tuple[int, Fraction]]] = {}
    if indicator.aggregation in {"bounded", "gap", "diversity"}:
        told = rows.explode("members").group_by(*keys, "members").agg(
            entities=entity.drop_nulls().n_unique(), den=pl.sum("den")
        )  # fmt: skip
        for *place, member, entities, heads in told.select(*keys, "members", "entities", "den").iter_rows():
            parts.setdefault(tuple(place), {})[str(member)] = (entities, Fraction(heads, UNIT))
    cells = {
        tuple(row[name] for name in keys): _cell(row, parts.get(tuple(row[name] for name in keys), {}))
        for row in sums.join(tops, on=keys).iter_rows(named=True)
    }
    records = []
    for key, cell in cells.items():
        whole = cells.get((*key[:-2], "TOTAL", "TOTAL"), cell)
        figure = FORMULAS[indicator.aggregation](cell, whole, indicator.factor)
        n = _people(indicator, cell)
        few = n > 0 and min(n, n if figure.n_effective is None else figure.n_effective) < indicator.smallest
        if indicator.secrecy == "firms" and n > 0:
            few = few or cell.top > DOMINANCE * cell.weight
        texts = [None if number is None else f"{number:f}" for number in _numbers(figure)]
        records.append((*key, n, few, figure.value == 0, *texts))
    schema = {name: rows.schema[name] for name in keys}
    return pl.DataFrame(
        records,
        schema=schema
        | {"n": pl.Int64, "few": pl.Boolean, "zero": pl.Boolean}
        | {f"figure_{name}": pl.String for name in FIGURES},
        orient="row",
    )


def _cell(row: Mapping[str, Any], parts: Mapping[str, tuple[int, Fraction]]) -> Cell:
    return Cell(
        num=Fraction(row["num"], UNIT),
        den=Fraction(row["den"], UNIT),
        entities=row["entities"],
        with_num=row["with_num"],
        with_den=row["with_den"],
        subjects=row["subjects"],
        top=Fraction(row["top"] or 0, UNIT),
        weight=Fraction(row["weight"], UNIT),
        squares=sum((Fraction(weight, UNIT) ** 2 for weight in row["weights"]), Fraction()),
        numbers=tuple(Fraction(number, UNIT) for number in row["numbers"]),
        parts=parts,
    )


def _numbers(figure: Figure) -> tuple[Decimal | None, ...]:
    return (figure.value, figure.numerator, figure.denominator, figure.low, figure.high, figure.n_effective)


def _people(indicator: Indicator, cell: Cell) -> int:
    """n: what the secrecy of the indicator looks at."""
    if indicator.secrecy in {"persons", "firms"}:
        return cell.subjects
    if indicator.secrecy == "heads":
        return int(rounded(cell.num, 0))
    if indicator.aggregation == "ratio":
        return int(rounded(cell.den, 0))
    if indicator.aggregation in {"median", "mean"}:
        return len(cell.numbers)
    return cell.with_num if indicator.aggregation == "rate" else cell.entities


def rounded(number: Fraction, digits: int = 6) -> Decimal:
    """A number to so many decimals, halves away from zero."""
    with localcontext(prec=80):
        exact = Decimal(number.numerator) / Decimal(number.denominator)
        return exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _root(number: Fraction) -> Fraction:
    with localcontext(prec=50):
        return Fraction((Decimal(number.numerator) / Decimal(number.denominator)).sqrt())


def _quotient(num: Fraction, den: Fraction, factor: int) -> Figure:
    return Figure(rounded(num * factor / den) if den else None, rounded(num), rounded(den))


def _distinct(cell: Cell, _whole: Cell, _factor: int) -> Figure:
    return Figure(Decimal(cell.entities), Decimal(cell.entities))


def _sum(cell: Cell, _whole: Cell, _factor: int) -> Figure:
    return Figure(rounded(cell.num), rounded(cell.num))


def _ratio(cell: Cell, _whole: Cell, factor: int) -> Figure:
    return _quotient(cell.num, cell.den, factor)


def _distinct_ratio(cell: Cell, _whole: Cell, factor: int) -> Figure:
    return _quotient(Fraction(cell.with_num), Fraction(cell.with_den), factor)


def _rate(cell: Cell, _whole: Cell, factor: int) -> Figure:
    return _quotient(Fraction(cell.with_num), cell.den, factor)


def _cost(cell: Cell, _whole: Cell, factor: int) -> Figure:
    return _quotient(cell.num, Fraction(cell.with_den), factor)


def _share(cell: Cell, whole: Cell, factor: int) -> Figure:
    return _quotient(cell.num, whole.num, factor)


def _median(cell: Cell, _whole: Cell, _factor: int) -> Figure:
    """The quartiles, between two values as far as they ask (as `percentile_cont` does)."""
    if not cell.numbers:
        return Figure(None)
    ordered = sorted(cell.numbers)

    def quantile(part: Fraction) -> Decimal:
        place = part * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return rounded(ordered[low] + (place - low) * (ordered[high] - ordered[low]))

    return Figure(quantile(Fraction(1, 2)), None, None, quantile(Fraction(1, 4)), quantile(Fraction(3, 4)))


def _mean(cell: Cell, _whole: Cell, _factor: int) -> Figure:
    """The mean, and Student's interval at 95 %."""
    count = len(cell.numbers)
    if not count:
        return Figure(None)
    mean = sum(cell.numbers, Fraction()) / count
    value = rounded(mean)
    told = (rounded(mean * count), Decimal(count))
    if count < 2:
        return Figure(value, *told)
    variance = sum(((number - mean) ** 2 for number in cell.numbers), Fraction()) / (count - 1)
    half = _student()[min(count - 1, max(_student()))] * _root(variance / count)
    return Figure(value, *told, rounded(mean - half), rounded(mean + half))


def _proportion(cell: Cell, _whole: Cell, factor: int) -> Figure:
    """A share of the weights, and Wilson's interval at 95 % on the effective number of answers."""
    if not cell.den:
        return Figure(None, rounded(cell.num), rounded(cell.den))
    share, n = cell.num / cell.den, cell.den**2 / cell.squares
    whole = 1 + NORMAL**2 / n
    middle = (share + NORMAL**2 / (2 * n)) / whole
    half = NORMAL * _root(share * (1 - share) / n + NORMAL**2 / (4 * n**2)) / whole
    return Figure(
        rounded(share * factor),
        rounded(cell.num),
        rounded(cell.den),
        rounded((middle - half) * factor),
        rounded((middle + half) * factor),
        rounded(n),
    )


def _bounded(cell: Cell, _whole: Cell, _factor: int) -> Figure:
    """Identified people, and the bounds of all the people met, declared head-counts included."""
    people = Fraction(cell.entities)
    objects = [counts for member, counts in cell.parts.items() if member.startswith("OBJET:")]
    most = max((entities + heads for entities, heads in objects), default=Fraction())
    return Figure(
        Decimal(cell.entities),
        Decimal(cell.entities),
        None,
        rounded(max(people, most)),
        rounded(people + cell.den),
    )


def _gap(cell: Cell, _whole: Cell, _factor: int) -> Figure:
    """Rate of the remote communes over that of the others."""
    near, far = (cell.parts.get(f"ZONE:{name}", (0, Fraction())) for name in ("RESTE", "ENCLAVEE"))
    if not near[0] or not near[1] or not far[1]:
        return Figure(None)
    return Figure(rounded((Fraction(far[0]) / far[1]) / (Fraction(near[0]) / near[1])))


DIVERSITY = {"AGE": 4, "SEXE": 3, "STATUT": 8, "NIVEAU": 9, "EPCI": 3}


def _diversity(cell: Cell, _whole: Cell, _factor: int) -> Figure:
    """Mean of the axes' indices (1 - sum of squares) / (1 - 1/K), of axes known for 80 % of the people."""
    indices = []
    for axis, kinds in DIVERSITY.items():
        counts = [
            entities
            for member, (entities, _) in cell.parts.items()
            if member.startswith(f"{axis}:") and member.partition(":")[2] not in {UNKNOWN, OUTSIDE}
        ]
        known = sum(counts)
        if known * 5 < cell.entities * 4 or not known:
            return Figure(None)
        alike = sum((Fraction(count, known) ** 2 for count in counts), Fraction())
        indices.append((1 - alike) / (1 - Fraction(1, kinds)))
    return Figure(rounded(sum(indices, Fraction()) / len(indices)))


FORMULAS: Mapping[str, Callable[[Cell, Cell, int], Figure]] = {
    "distinct": _distinct,
    "sum": _sum,
    "ratio": _ratio,
    "distinct_ratio": _distinct_ratio,
    "rate": _rate,
    "cost": _cost,
    "share": _share,
    "median": _median,
    "mean": _mean,
    "proportion": _proportion,
    "bounded": _bounded,
    "gap": _gap,
    "diversity": _diversity,
}


# --------------------------------------------------------------------------------------------------------------- states


def _completed(indicator: Indicator, cells: pl.DataFrame, expected: pl.DataFrame) -> pl.DataFrame:
    """Add `due` and `accepted`: the deliveries that a cell stands on."""
    asked = expected.filter(pl.col("feed").is_in(indicator.feeds))
    scope = ["period_grain", "period_start", "partner_code", "feed"]
    total = pl.lit("TOTAL")
    scopes = [
        asked.with_columns(partner_code=total, feed=total),
        asked.with_columns(feed=total),
        asked.with_columns(partner_code=total),
    ]
    counts = pl.concat(scopes).group_by(scope).agg(due=pl.len().cast(pl.Int64), accepted=pl.sum("accepted"))
    feed = pl.when(pl.col("axis") == "FLUX").then("member").otherwise(total)
    return (
        cells.with_columns(feed=feed)
        .join(counts, on=scope, how="left")
        .with_columns(pl.col("due", "accepted", "n").fill_null(0), pl.col("few", "zero").fill_null(False))
    )


def _stated(indicator: Indicator, cells: pl.DataFrame) -> pl.DataFrame:
    """Zero, missing, suppressed and not applicable are four different things."""
    n, due, accepted, few = (pl.col(name) for name in ("n", "due", "accepted", "few"))
    if indicator.aggregation in COUNTS:
        names = ["value", "numerator"] + ["low", "high"] * (indicator.aggregation == "bounded")
        nothing = (n == 0) & pl.col("figure_value").is_null()
        cells = cells.with_columns(
            *(pl.when(nothing).then(pl.lit("0")).otherwise(f"figure_{name}").alias(f"figure_{name}") for name in names),
            zero=pl.col("zero") | nothing,
        )
    state = (
        pl.when((due == 0) & (n == 0)).then(pl.lit("NON_APPLICABLE"))
        .when(few).then(pl.lit("SUPPRIME_K"))
        .when((n == 0) & (accepted == 0)).then(pl.lit("NON_REMIS"))
        .when(accepted < due).then(pl.lit("INCOMPLET"))
        .when(pl.lit(indicator.aggregation == "diversity") & (n > 0) & pl.col("figure_value").is_null())
        .then(pl.lit("INCOMPLET"))
        .when(pl.col("figure_value").is_null()).then(pl.lit("NON_APPLICABLE"))
        .when("zero").then(pl.lit("ZERO_MESURE"))
        .otherwise(pl.lit("MESURE"))
    )  # fmt: skip
    has_value = ~few & ((n > 0) | (accepted > 0)) & pl.col("figure_value").is_not_null()
    return cells.select(
        pl.lit(PROGRAMME).alias("programme_code"),
        pl.lit(indicator.code).alias("indicator_code"),
        *KEYS,
        *(pl.when(has_value).then(f"figure_{name}").alias(name) for name in FIGURES),
        n=pl.when(~few).then(n),
        completeness=pl.struct(accepted, due).map_elements(_share_of, pl.String),
        state=state,
    )


def _share_of(told: Mapping[str, int]) -> str | None:
    return f"{rounded(Fraction(told['accepted'], told['due'])):f}" if told["due"] else None


# ---------------------------------------------------------------------------------------------------------- attribution


def _attributed(cells: pl.DataFrame, placed: pl.DataFrame, indicator: Indicator) -> pl.DataFrame:
    """The contributed cells with each partner's part of the total, so rounded that the parts sum exactly to it."""
    period = ["period_grain", "period_start"]
    parts: dict[tuple[Any, ...], Fraction] = {}
    told = placed.drop_nulls("partner_code")
    if indicator.aggregation == "distinct":
        pairs = told.select(*period, "entity", "partner_code").unique()
        between = pairs.with_columns(partners=pl.len().over(*period, "entity"))
        counts = between.group_by(*period, "partner_code", "partners").agg(entities=pl.len())
        for grain, start, partner, partners, entities in counts.iter_rows():
            key = (grain, start, partner)
            parts[key] = parts.get(key, Fraction()) + Fraction(entities, partners)
    else:
        own = told.group_by(*period, "partner_code").agg(pl.sum("num"))
        parts = {(grain, start, partner): Fraction(num, UNIT) for grain, start, partner, num in own.iter_rows()}
    records = []
    for grain, start in dict.fromkeys((grain, start) for grain, start, _ in parts):
        whole = Fraction()
        for partner in sorted(partner.code for partner in PARTNERS):
            before = rounded(whole)
            whole += parts.get((grain, start, partner), Fraction())
            records.append((grain, start, partner, f"{rounded(whole) - before:f}"))
    schema = {name: cells.schema[name] for name in (*period, "partner_code")} | {"part": pl.String}
    shares = pl.DataFrame(records, schema=schema, orient="row")
    has_part = pl.col("value").is_not_null() & pl.col("part").is_not_null()
    return (
        cells.filter(pl.col("measure") == "contributed")
        .join(shares, on=[*period, "partner_code"], how="left", maintain_order="left")
        .with_columns(
            pl.lit("attributed").alias("measure"),
            *(pl.when(has_part).then("part").otherwise(name).alias(name) for name in ("value", "numerator")),
        )
        .drop("part")
    )
