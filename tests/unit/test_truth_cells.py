"""The truth's engine on cells worked out by hand: figures, stocks, attribution, secrecy and states."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest

from ingestion.demo.truth_cells import Contribution, Indicator, as_frame, catalogue, periods, values

JULY = dt.date(2025, 7, 1)


def indicator(code: str, **changes: object) -> Indicator:
    found = next(known for known in catalogue() if known.code == code)
    return replace(found, **changes)  # type: ignore[arg-type]


def cells(of: Indicator, *rows: Contribution, accepted: int = 1) -> pl.DataFrame:
    """Values of rows of which one delivery a period was expected."""
    known = periods()
    expected = known.select(
        pl.lit("KABIA").alias("partner_code"),
        pl.lit(of.feeds[0]).alias("feed"),
        pl.lit(accepted, pl.Int64).alias("accepted"),
        "period_grain",
        "period_start",
    )
    return values(of, as_frame(rows), expected, known)


def one(found: pl.DataFrame, **where: object) -> dict[str, object]:
    everything: dict[str, object] = {
        "measure": "counted", "period_grain": "quarter", "period_start": JULY, "territory_level": "region",
        "partner_code": "TOTAL", "axis": "TOTAL",
    }  # fmt: skip
    for name, value in (everything | where).items():
        found = found.filter(pl.col(name) == value)
    assert found.height == 1
    return found.row(0, named=True)


def figures(cell: dict[str, object], *names: str) -> list[Decimal | None]:
    return [None if cell[name] is None else Decimal(str(cell[name])) for name in names]


def test_an_entity_of_two_partners_is_half_of_each_and_the_parts_make_the_total() -> None:
    people = [("1", "KABIA"), ("1", "LAB-SUD"), ("1", "MADININUM"), ("2", "KABIA")]
    rows = [Contribution(who, JULY, partner, who, num=1) for who, partner in people]
    found = cells(indicator("A1-01", smallest=1), *rows)
    parts = {
        partner: figures(one(found, measure="attributed", partner_code=partner), "value")[0]
        for partner in ("KABIA", "LAB-SUD", "MADININUM")
    }
    assert parts == {
        "KABIA": Decimal("1.333333"), "LAB-SUD": Decimal("0.333334"), "MADININUM": Decimal("0.333333"),
    }  # fmt: skip
    assert figures(one(found), "value") == [2]
    assert figures(one(found, measure="contributed", partner_code="KABIA"), "value") == [2]


def test_a_stock_counts_on_the_last_day_of_a_period() -> None:
    of = indicator("G-01", axes=())
    row = Contribution("97209", dt.date(2025, 9, 30), "EPCI-SUD", until=dt.date(2025, 12, 31), num=1)
    found = cells(of, row)
    value = {
        start: figures(one(found, period_start=start), "value")[0]
        for start in (dt.date(2025, 4, 1), JULY, dt.date(2025, 10, 1))
    }
    assert list(value.values()) == [0, 1, 0]
    # the year that runs ends for now on the business date
    assert figures(one(cells(of, replace(row, until=None)), period_start=dt.date(2026, 10, 1)), "value") == [1]


@pytest.mark.parametrize(
    ("amounts", "state"),
    [((86, 7, 7), "SUPPRIME_K"), ((85, 8, 7), "MESURE"), ((50, 50), "SUPPRIME_K")],
)
def test_few_firms_or_a_dominant_one_are_not_shown(amounts: tuple[int, ...], state: str) -> None:
    rows = [Contribution(str(at), JULY, "FINANCE-MQ", f"siren {at}", num=n) for at, n in enumerate(amounts)]
    cell = one(cells(indicator("A4-05", first_grain="quarter"), *rows))
    assert cell["state"] == state
    assert (cell["value"] is None) == (state == "SUPPRIME_K")


def test_zero_missing_and_not_applicable_are_three_things() -> None:
    counted, ratio = indicator("G-03"), indicator("G-04", first_grain="quarter")
    assert one(cells(counted))["state"] == "ZERO_MESURE"
    assert one(cells(counted, accepted=0))["state"] == "NON_REMIS"
    assert one(cells(ratio))["state"] == "NON_APPLICABLE"
    assert one(cells(ratio, Contribution("1", JULY, "EPCI-SUD", num=0, den=1)))["state"] == "ZERO_MESURE"
    assert one(cells(counted), measure="contributed", partner_code="LAB-SUD")["state"] == "NON_APPLICABLE"


def test_quartiles_lie_between_two_values() -> None:
    rows = [Contribution(str(n), JULY, "KABIA", str(n), num=n) for n in (1, 2, 4, 8)]
    cell = one(cells(indicator("T-11", first_grain="quarter"), *rows))
    assert figures(cell, "low", "value", "high") == [Decimal("1.75"), 3, 5]


def test_a_mean_has_the_interval_of_student() -> None:
    rows = [Contribution(str(n), JULY, "LAB-SUD", num=n) for n in (1, 2, 3)]
    cell = one(cells(indicator("A5-08", first_grain="quarter"), *rows))
    # 2 -+ 4.302653 x 1 / sqrt(3)
    assert figures(cell, "low", "value", "high") == [Decimal("-0.484138"), 2, Decimal("4.484138")]
    assert figures(cell, "numerator", "denominator", "n") == [6, 3, 3]


def test_a_weighted_proportion_has_the_interval_of_wilson() -> None:
    weights = [Decimal(weight) for weight in ("1", "1", "2")] * 100
    rows = [
        Contribution(str(at), JULY, "KABIA", str(at), num=weight * (at % 3 == 2), den=weight)
        for at, weight in enumerate(weights)
    ]
    cell = one(cells(indicator("A1-04", axes=()), *rows))
    # 400 squared / 600; at one half the interval is 0.5 -+ 0.98 / sqrt(n + 1.96 squared)
    assert figures(cell, "value", "n_effective") == [Decimal("0.5"), Decimal("266.666667")]
    assert figures(cell, "low", "high") == [Decimal("0.440415"), Decimal("0.559585")]


def test_people_met_lie_between_the_largest_action_and_everybody() -> None:
    rows = [Contribution(str(who), JULY, "FEDERATION972", str(who), members=("OBJET:1",), num=1) for who in range(12)]
    heads = [Contribution(None, JULY, "FEDERATION972", members=(f"OBJET:{at}",), den=20 + at) for at in (1, 2)]
    cell = one(cells(indicator("A5-02", axes=(), levels=("region",)), *rows, *heads))
    assert figures(cell, "low", "value", "high") == [33, 12, 55]


def test_diversity_is_the_mean_of_the_axes_that_are_known() -> None:
    axes = {"AGE": ("15-29", "60+"), "SEXE": ("F", "M"), "STATUT": ("SALARIE",), "NIVEAU": ("3",), "EPCI": ("1", "2")}

    def members(at: int) -> tuple[str, ...]:
        return tuple(f"{axis}:{kinds[at % len(kinds)]}" for axis, kinds in axes.items())

    rows = [Contribution(str(at), JULY, "KABIA", str(at), members=members(at), num=1) for at in range(30)]
    of = indicator("A1-03")
    # (0.5 / 0.75 + 0.5 / (2/3) + 0 + 0 + 0.5 / (2/3)) / 5
    assert figures(one(cells(of, *rows)), "value") == [Decimal("0.433333")]
    silent = [replace(row, members=row.members[:4]) if at < 7 else row for at, row in enumerate(rows)]
    cell = one(cells(of, *silent))
    assert (cell["value"], cell["state"], cell["n"]) == (None, "INCOMPLET", 30)
    assert one(cells(of, *rows[1:]))["state"] == "SUPPRIME_K"


def test_a_gap_is_a_rate_over_another() -> None:
    rows = [
        *(Contribution(str(at), JULY, "KABIA", str(at), members=("ZONE:ENCLAVEE",), num=1) for at in range(4)),
        *(Contribution(str(at), JULY, "KABIA", str(at), members=("ZONE:RESTE",), num=1) for at in range(10, 30)),
        Contribution(None, JULY, None, members=("ZONE:ENCLAVEE",), den=100),
        Contribution(None, JULY, None, members=("ZONE:RESTE",), den=1000),
    ]
    cell = one(cells(indicator("A5-07"), *rows), period_grain="year", period_start=dt.date(2025, 1, 1))
    assert figures(cell, "value", "n") == [2, 24]
