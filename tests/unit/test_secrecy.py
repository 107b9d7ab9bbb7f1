"""Complementary suppression on tables that a person can check by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.suppression import CELL, FIGURES, problem, suppress

PARENTS = pl.DataFrame(
    {
        "territory_level": ["commune"] * 5,
        "territory_code": ["C1", "C2", "C3", "C4", "D1"],
        "parent_code": ["E1", "E1", "E1", "E1", "E2"],
    }
)
NOBODY = pl.DataFrame(schema={"cell": pl.Int64, "partner_code": pl.String, "own": pl.Float64, "alone": pl.Float64})
K, FIRMS, DOMINANCE = 11, 3, 0.85
MONTHS = [("month", dt.date(2026, month, 1)) for month in range(1, 7)]
QUARTER = ("quarter", dt.date(2026, 1, 1))
Key = tuple[Any, ...]


def cell(
    place: str = "region 02",
    n: float = 0,
    *,
    member: str = "TOTAL:TOTAL",
    partner: str = "TOTAL",
    period: tuple[str, dt.date] = QUARTER,
    measure: str | None = None,
    indicator: str = "A1-01",
    aggregation: str = "distinct",
    secrecy: str = "persons",
    timing: str = "flow",
    state: str | None = None,
    **figures: float,
) -> dict[str, Any]:
    """One cell; small ones are suppressed as the marts do."""
    level, code = place.split(" ")
    axis, name = member.split(":")
    smallest = K if secrecy == "persons" else FIRMS
    counted = aggregation == "distinct"
    return {
        "programme_code": "MQ",
        "indicator_code": indicator,
        "measure": measure or ("counted" if partner == "TOTAL" else "contributed"),
        "period_grain": period[0],
        "period_start": period[1],
        "territory_level": level,
        "territory_code": code,
        "partner_code": partner,
        "axis": axis,
        "member": name,
        **dict.fromkeys(FIGURES, 0.0),
        **({"numerator": float(n), "value": float(n)} if counted else {}),
        "n": float(n),
        **figures,
        "state": state or ("SUPPRIME_K" if n < smallest else "MESURE"),
        "aggregation": aggregation,
        "timing": timing,
        "secrecy": secrecy,
        "smallest": float(smallest),
    }


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows))


def key(row: dict[str, Any]) -> Key:
    return tuple(row[name] for name in CELL)


def hidden(
    rows: Sequence[dict[str, Any]],
    others: pl.DataFrame = NOBODY,
    former: pl.DataFrame | None = None,
) -> set[Key]:
    """Cells hidden besides those that hide themselves."""
    frame = table(*rows)
    before = frame.clear().with_columns(pl.lit(False).alias("is_known")) if former is None else former
    given_ = problem(frame, others, PARENTS, before, before.select(*CELL, "n", "smallest").clear(), dominance=DOMINANCE)
    found = suppress(given_)
    return {key(row) for row, is_hidden in zip(rows, found, strict=False) if is_hidden and row["state"] != "SUPPRIME_K"}


def published(rows: Sequence[dict[str, Any]], suppressed: set[Key]) -> pl.DataFrame:
    """What a publication left behind: its figures, and which of them it hid."""
    return table(
        *(row | {"state": "SUPPRIME_SECONDAIRE"} if key(row) in suppressed else row for row in rows)
    ).with_columns(pl.lit(False).alias("is_known"))


def people(rows: Sequence[dict[str, Any]], *whose: tuple[dict[str, Any], str, float, float]) -> pl.DataFrame:
    at = {key(row): number for number, row in enumerate(rows)}
    return pl.DataFrame(
        [(at[key(row)], partner, float(own), float(alone)) for row, partner, own, alone in whose],
        schema=NOBODY.schema,
        orient="row",
    )


def test_a_commune_alone_in_its_epci_takes_the_smallest_other_with_it() -> None:
    epci = cell("epci E1", 75)
    small, middle, large = cell("commune C1", 5), cell("commune C2", 20), cell("commune C3", 50)
    assert hidden([epci, small, middle, large]) == {key(middle)}


def test_a_zero_protects_nothing() -> None:
    # a commune without anybody is no row at all: the EPCI is its commune
    epci, small = cell("epci E1", 30), cell("commune C1", 5)
    assert hidden([epci, small, cell("commune C2", 25)]) == {key(cell("commune C2"))}
    region = cell("region 02", 5)
    assert hidden([region, cell("epci E1", 5), cell("commune C1", 5)]) == set()


def test_two_small_cells_that_are_few_people_together_are_not_enough() -> None:
    rows = [
        cell("epci E1", 59),
        cell("commune C1", 2),
        cell("commune C2", 3),
        cell("commune C3", 14),
        cell("commune C4", 40),
    ]
    assert hidden(rows) == {key(rows[3])}


def test_two_small_cells_whose_sum_leaves_one_solution_are_not_enough() -> None:
    # 20 in two cells of at most 10 each
    rows = [cell("epci E1", 60), cell("commune C1", 10), cell("commune C2", 10), cell("commune C3", 40)]
    assert hidden(rows) == {key(rows[3])}


def test_a_table_of_two_by_two() -> None:
    def inner(place: str, sex: str, n: int) -> dict[str, Any]:
        return cell(place, n, member=f"SEXE:{sex}")

    rows = [
        cell("region 02", 145), inner("region 02", "F", 65), inner("region 02", "M", 80),
        cell("epci E1", 55), inner("epci E1", "F", 5), inner("epci E1", "M", 50),
        cell("epci E2", 90), inner("epci E2", "F", 60), inner("epci E2", "M", 30),
    ]  # fmt: skip
    # one cell of four has to take its row, its column and the fourth with it
    assert hidden(rows) == {key(rows[5]), key(rows[7]), key(rows[8])}


def test_a_chain_over_levels() -> None:
    # the EPCI of one small commune is as small; another EPCI goes with it, and that one's only commune
    rows = [
        cell("region 02", 101), cell("epci E1", 5), cell("epci E2", 40), cell("epci NR", 56), cell("commune C1", 5),
        cell("commune D1", 40),
    ]  # fmt: skip
    assert hidden(rows) == {key(rows[2]), key(rows[5])}


def test_months_of_a_quarter() -> None:
    quarter = cell(n=60, period=QUARTER)
    months = [cell(n=n, period=period) for n, period in zip((4, 16, 40), MONTHS, strict=False)]
    assert hidden([quarter, *months]) == {key(months[1])}
    # people who came in two months are one in the quarter: nothing can be subtracted
    assert hidden([quarter | {"n": 55.0, "value": 55.0, "numerator": 55.0}, *months]) == set()


def test_a_stock_is_at_the_end_of_a_quarter_what_it_is_in_its_last_month() -> None:
    quarters = [("quarter", dt.date(2026, 1, 1)), ("quarter", dt.date(2026, 4, 1))]
    stock = (20, 30, 40, 50, 60, 70)
    rows = [cell(n=n, period=period, timing="stock") for n, period in zip(stock, MONTHS, strict=True)]
    rows += [cell(n=40, period=quarters[0], timing="stock"), cell(n=70, period=quarters[1], timing="stock")]
    rows[2] |= {"state": "SUPPRIME_K"}
    assert hidden(rows) == {key(rows[6])}


def test_hours_of_people_are_hidden_with_them() -> None:
    def hours(place: str, n: int, total: float) -> dict[str, Any]:
        return cell(place, n, aggregation="sum", indicator="A1-05", value=total, numerator=total)

    # people who learn in two communes: their number does not add up, their hours do
    rows = [hours("epci E1", 60, 900.5), hours("commune C1", 5, 40.25), hours("commune C2", 21, 360.25),
            hours("commune C3", 40, 500.0)]  # fmt: skip
    assert hidden(rows) == {key(rows[2])}


def test_two_indicators_of_the_same_people_are_one_secret() -> None:
    def both(place: str, n: int, members: int) -> list[dict[str, Any]]:
        rates = cell(place, n, aggregation="ratio", indicator="A1-09", numerator=float(members), denominator=n + 3.0)
        return [cell(place, n), rates]

    rows = [
        *both("epci E1", 75, 30),
        *both("commune C1", 5, 2),
        *both("commune C2", 20, 8),
        *both("commune C3", 50, 20),
    ]
    assert hidden(rows) == {key(rows[4]), key(rows[5])}


def test_one_firm_must_not_be_nearly_all_that_a_subtraction_gives() -> None:
    def euros(place: str, n: int, amount: float, **more: str) -> dict[str, Any]:
        return cell(
            place, n, aggregation="sum", indicator="A4-05", secrecy="firms", value=amount, numerator=amount, **more
        )

    rows = [
        euros("epci E1", 30, 2_160.0), euros("commune C1", 4, 1_000.0, state="SUPPRIME_K"), euros("commune C2", 3, 10.0),
        euros("commune C3", 8, 450.0), euros("commune C4", 15, 700.0),
    ]  # fmt: skip
    # 10 beside 1,000 would still tell the dominant firm's figure within 1 %
    assert hidden(rows) == {key(rows[2]), key(rows[3])}


def test_firms_are_hidden_under_three() -> None:
    def firms(place: str, n: int) -> dict[str, Any]:
        return cell(place, n, indicator="A4-01", secrecy="firms")

    rows = [firms("epci E1", 16), firms("commune C1", 2), firms("commune C2", 4), firms("commune C3", 10)]
    assert hidden(rows) == {key(rows[2])}


class TestPartner:
    """A partner knows the rows of its own files."""

    def test_few_others_are_hidden_from_it(self) -> None:
        rows = [cell("region 02", 40), cell("epci E1", 40)]
        told = people(rows, (rows[0], "KABIA", 35, 35), (rows[1], "KABIA", 35, 35))
        assert hidden(rows, told) == {key(rows[0]), key(rows[1])}
        alone = people(rows, (rows[0], "KABIA", 40, 40), (rows[1], "KABIA", 40, 40))
        assert hidden(rows, alone) == set()
        many = people(rows, (rows[0], "KABIA", 29, 29), (rows[1], "KABIA", 29, 29))
        assert hidden(rows, many) == set()

    def test_what_others_add_for_few_of_its_people_is_hidden_from_it(self) -> None:
        rows = [cell("region 02", 40, aggregation="sum", indicator="A1-05", value=400.0, numerator=400.0)]
        # everybody is its own; four have hours elsewhere too
        assert hidden(rows, people(rows, (rows[0], "KABIA", 40, 36))) == {key(rows[0])}
        assert (
            hidden([cell("region 02", 40)], people([cell("region 02", 40)], (cell("region 02"), "KABIA", 40, 36)))
            == set()
        )

    def test_its_own_part_does_not_hide_anothers(self) -> None:
        rows = [
            cell("region 02", 100), cell(n=5, partner="KABIA"), cell(n=20, partner="LAB-SUD"), cell(n=25, partner="MADININUM"),
            cell(n=50, partner="FORMACARIB"),
        ]  # fmt: skip
        # with two hidden, each of the two would know the other; with three, what remains is of eleven at least
        assert hidden(rows) == {key(rows[2]), key(rows[3])}

    def test_a_sum_of_communes_less_its_rows(self) -> None:
        rows = [cell("epci E1", 105), cell("commune C1", 5), cell("commune C2", 20), cell("commune C3", 80)]
        told = people(rows, (rows[0], "KABIA", 20, 20), (rows[2], "KABIA", 20, 20))
        # 25 in two communes, of which KABIA knows 20
        assert hidden(rows, told) == {key(rows[2]), key(rows[3])}


class TestSuccessivePublications:
    """What was read before cannot be taken back, and what was hidden stays hidden."""

    def test_a_choice_stays_while_the_figures_do(self) -> None:
        rows = [cell("epci E1", 85), cell("commune C1", 5), cell("commune C2", 20), cell("commune C3", 60)]
        first = hidden(rows)
        assert first == {key(rows[2])}
        # fifteen more people: C1 may be shown, but then C2 would give back what it was
        more = [cell("epci E1", 100), cell("commune C1", 20), *rows[2:]]
        again = hidden(more, former=published(rows, first))
        assert key(rows[2]) in again
        assert len(again) == 2

    def test_what_was_shown_is_the_weaker_protection(self) -> None:
        rows = [cell("epci E1", 95), cell("commune C1", 15), cell("commune C2", 20), cell("commune C3", 60)]
        assert hidden(rows) == set()
        fewer = [cell("epci E1", 86), cell("commune C1", 5), cell("commune C2", 20), cell("commune C3", 61)]
        # everybody has read that C2 was 20: C3, which changed, hides C1 better
        assert hidden(fewer, former=published(rows, set())) == {key(fewer[3])}

    def test_a_lowered_threshold_frees(self) -> None:
        rows = [cell("epci E1", 85), cell("commune C1", 5), cell("commune C2", 20), cell("commune C3", 60)]
        lowered = [row | {"smallest": 5.0, "state": "MESURE"} for row in rows]
        assert hidden(lowered, former=published(rows, {key(rows[2])})) == set()

    def test_equations_of_both_together(self) -> None:
        rows = [cell("epci E1", 85), cell("commune C1", 5), cell("commune C2", 20), cell("commune C3", 60)]
        first = hidden(rows)
        more = [cell("epci E1", 88), cell("commune C1", 8), *rows[2:]]
        assert hidden(more, former=published(rows, first)) == first


@st.composite
def _tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A consistent table: communes, members and months of people who are each in one of them."""
    rows = []
    counts = {
        (month, commune, sex): draw(st.integers(0, 30))
        for month in range(3)
        for commune in ("C1", "C2", "C3", "D1")
        for sex in "FM"
    }
    epcis = {"C1": "E1", "C2": "E1", "C3": "E1", "D1": "E2"}
    for months, period in [((0,), MONTHS[0]), ((1,), MONTHS[1]), ((2,), MONTHS[2]), ((0, 1, 2), QUARTER)]:

        def add(place: str, member: str, communes: Sequence[str], sexes: str, months=months, period=period) -> None:
            n = sum(counts[month, commune, sex] for month in months for commune in communes for sex in sexes)
            if n:
                rows.append(cell(place, n, member=member, period=period))

        for commune in epcis:
            add(f"commune {commune}", "TOTAL:TOTAL", [commune], "FM")
        for code, communes in (("epci E1", ["C1", "C2", "C3"]), ("epci E2", ["D1"]), ("region 02", list(epcis))):
            add(code, "TOTAL:TOTAL", communes, "FM")
            for sex in "FM":
                add(code, f"SEXE:{sex}", communes, sex)
    return rows


@given(_tables())
@settings(max_examples=60, deadline=None)
def test_no_count_of_any_table_can_be_worked_out(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    secret = hidden(rows) | {key(row) for row in rows if row["state"] == "SUPPRIME_K"}
    unknown = [key(row) for row in rows if key(row) in secret]
    column = {name: at for at, name in enumerate(unknown)}
    lines = []
    for parts, whole in _sums(rows):
        line = np.zeros(len(unknown))
        for name, sign in [*((part, 1) for part in parts), (whole, -1)]:
            if name in column:
                line[column[name]] = sign
        if line.any():
            lines.append(line)
    if not lines:
        return
    matrix = np.array(lines)
    rank = np.linalg.matrix_rank(matrix)
    for at in range(len(unknown)):
        unit = np.zeros((1, len(unknown)))
        unit[0, at] = 1
        assert np.linalg.matrix_rank(np.vstack([matrix, unit])) == rank + 1, unknown[at]


def _sums(rows: Sequence[dict[str, Any]]) -> list[tuple[list[Key], Key]]:
    """Every sum of these tables, by its definition."""
    by_key = {key(row): row for row in rows}
    found = []
    for whole, row in by_key.items():
        same = [other for other in by_key.values() if other is not row]

        def where(parts: list[dict[str, Any]], whole: Key = whole) -> None:
            if parts:
                found.append(([key(part) for part in parts], whole))

        fixed = ("period_grain", "period_start", "axis", "member")
        alike = [o for o in same if all(o[name] == row[name] for name in fixed)]
        if row["territory_level"] == "region":
            where([o for o in alike if o["territory_level"] == "epci"])
        if row["territory_level"] == "epci":
            communes = PARENTS.filter(pl.col("parent_code") == row["territory_code"])["territory_code"]
            where([o for o in alike if o["territory_code"] in set(communes)])
        here = [o for o in same if o["territory_code"] == row["territory_code"]]
        if row["axis"] == "TOTAL":
            where([o for o in here if o["axis"] == "SEXE" and o["period_start"] == row["period_start"]
                   and o["period_grain"] == row["period_grain"]])  # fmt: skip
        if row["period_grain"] == "quarter":
            where([o for o in here if o["period_grain"] == "month" and o["member"] == row["member"]])
    return found


@pytest.mark.parametrize("count", [1, 3])
def test_without_any_suppressed_cell_nothing_is_hidden(count: int) -> None:
    rows = [cell("epci E1", 20 * count), *(cell(f"commune C{at + 1}", 20) for at in range(count))]
    assert hidden(rows) == set()
