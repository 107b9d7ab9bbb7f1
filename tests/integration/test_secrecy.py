"""A subtraction attack on what Superset's role reads: by an outsider, by partners with their own rows, over two publications."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import sparse
from scipy.sparse.linalg import splu

from expectations.runner import audit_publication
from ingestion.building import build
from ingestion.closing import close_period
from ingestion.database import connect
from ingestion.demo.install import install
from ingestion.demo.resending import mend_rejects
from ingestion.demo.twin import generate
from ingestion.publishing import publish
from ingestion.receive import receive
from ingestion.secrecy import SECRET
from ingestion.settings import Settings
from tests.conftest import new_platform

PLACE = ("programme_code", "territory_level", "territory_code", "partner_code", "axis", "member", "period_grain",
         "period_start")  # fmt: skip
KEY = ("indicator_code", "measure", *PLACE)
FIGURES = ("value", "numerator", "denominator", "n")
LONGER = {"month": "quarter", "quarter": "semester", "semester": "year"}
K = 11


@dataclass(frozen=True)
class Publication:
    """What one publication shows, and the figures that it was made from (`true_value` and so on)."""

    cells: pl.DataFrame
    territories: pl.DataFrame


@dataclass(frozen=True)
class Attack:
    """Unknown figures that an attacker found, and how many there were to find."""

    found: pl.DataFrame
    unknown: int


@pytest.fixture(scope="module")
def publications(
    postgres: tuple[Path, int, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Settings, Publication, Publication]]:
    """The twin, published; then its partners send their refused rows again, and it is published once more."""
    _, port, password = postgres
    home = tmp_path_factory.getbasetemp() / "platforms0" / "secrecy"
    settings = new_platform(home, port, password, "lakou_secrecy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKOU_HOME", str(settings.home))
        install(settings)
        build(settings, lambda _settings, _loads: {}, full=True)
        publish(settings, audit_publication)
        first = read(settings)
        close_period(settings, "MQ", "2026-T2")
        mend_rejects(generate(tmp_path_factory.mktemp("twin")), settings.drop)
        assert receive(settings, quiet_seconds=0).rows_accepted > 50
        build(settings, lambda _settings, _loads: {})
        publish(settings, audit_publication)
        yield settings, first, read(settings)


def read(settings: Settings) -> Publication:
    """What the reader's role may read, beside what the marts know."""
    shown = ", ".join((*KEY, *FIGURES, "state"))
    with connect(settings, "lakou_reader") as reader:
        cells = _frame(reader, f"select {shown} from pub.indicator_values")
        territories = _frame(reader, "select territory_level, territory_code, epci_code from pub.territories")
    true = ", ".join(
        (*(f"v.{name}" for name in KEY), *(f"v.{name} as true_{name}" for name in FIGURES), "v.state as own_state")
    )
    with connect(settings, "lakou_dbt") as marts:
        truth = _frame(marts, f"select {true} from marts.fct_indicator_values as v")
        secret = _frame(marts, "select indicator_code, secrecy, aggregation, timing from marts.dim_indicator")
    joined = cells.join(truth, on=list(KEY), how="inner").join(secret, on="indicator_code", how="inner")
    assert joined.height == cells.height > 50_000
    return Publication(joined.filter(pl.col("secrecy") != "none").with_row_index("cell"), territories)


def _frame(connection: object, query: str) -> pl.DataFrame:
    cursor = connection.execute(query)  # type: ignore[attr-defined]
    names = [column.name for column in cursor.description]
    numbers = {name for name in names if name.removeprefix("true_") in FIGURES}
    frame = pl.DataFrame(cursor.fetchall(), schema=names, orient="row", infer_schema_length=None)
    return frame.with_columns(pl.col(name).cast(pl.Float64) for name in numbers)


# ------------------------------------------------------------------------------------------------------------ the attack


def sums(publication: Publication) -> pl.DataFrame:
    """Every part of every whole that the tables have: `equation`, `cell`, `sign`."""
    cells = publication.cells.select("cell", *KEY)
    epcis = publication.territories.filter(pl.col("territory_level") == "commune").select(
        "territory_level", "territory_code", pl.col("epci_code").alias("epci")
    )
    region = cells.filter(pl.col("territory_level") == "region").select(
        "programme_code", pl.col("territory_code").alias("region")
    ).unique()  # fmt: skip
    start = pl.col("period_start")
    half = pl.date(start.dt.year(), pl.when(start.dt.month() < 7).then(1).otherwise(7), 1)
    longer_start = (
        pl.when(pl.col("period_grain") == "month").then(start.dt.truncate("3mo"))
        .when(pl.col("period_grain") == "quarter").then(half)
        .otherwise(pl.date(start.dt.year(), 1, 1))
    )  # fmt: skip
    total = {"axis": pl.lit("TOTAL"), "member": pl.lit("TOTAL")}
    families = {
        "communes": cells.filter(pl.col("territory_level") == "commune")
        .join(epcis, on=["territory_level", "territory_code"])
        .with_columns(territory_level=pl.lit("epci"), territory_code=pl.col("epci")),
        "epcis": cells.filter(pl.col("territory_level") == "epci")
        .join(region, on="programme_code")
        .with_columns(territory_level=pl.lit("region"), territory_code=pl.col("region")),
        "members": cells.filter(pl.col("axis") != "TOTAL").with_columns(family=pl.col("axis"), **total),
        "partners": cells.filter(pl.col("measure") != "counted").with_columns(
            family=pl.col("measure"), measure=pl.lit("counted"), partner_code=pl.lit("TOTAL")
        ),
        "periods": cells.filter(pl.col("period_grain") != "year").with_columns(
            period_start=longer_start, period_grain=pl.col("period_grain").replace(LONGER)
        ),
    }
    stocks = publication.cells.filter(pl.col("timing") == "stock").select("cell")
    parts = []
    for name, family in families.items():
        labelled = family if "family" in family.columns else family.with_columns(family=pl.lit(name))
        whole = labelled.join(cells.rename({"cell": "whole"}), on=list(KEY), how="inner")
        if name == "periods":
            whole = whole.join(stocks, on="cell", how="anti")
        parts.append(whole.select("cell", "whole", "family"))
    # what stands at the end of a period stands at the end of its last part
    latest = families["periods"].join(stocks, on="cell", how="semi").rename({"cell": "part"}).join(
        cells.rename({"cell": "whole"}), on=list(KEY), how="inner"
    ).join(cells.select(pl.col("cell").alias("part"), pl.col("period_start").alias("of")), on="part")  # fmt: skip
    latest = latest.sort("of").group_by("whole").agg(pl.col("part").last())
    parts.append(latest.select(pl.col("part").alias("cell"), "whole", family=pl.lit("last")))
    entries = pl.concat(parts).with_columns(equation=pl.struct("whole", "family").rank("dense"))
    wholes = entries.select("equation", cell="whole").unique()
    return pl.concat(
        [entries.select("equation", "cell", sign=pl.lit(1.0)), wholes.select("equation", "cell", sign=pl.lit(-1.0))]
    )


def holding(publication: Publication, parts: pl.DataFrame) -> pl.DataFrame:
    """Entries of the sums that the true figures satisfy, one variable a cell and figure."""
    found = []
    for figure in FIGURES:
        cells = publication.cells
        if figure == "value":
            # quotients and medians add up by accident only
            cells = cells.filter(pl.col("aggregation").is_in(["distinct", "sum", "bounded"]))
        if figure == "denominator":
            # a rate is of a public series
            cells = cells.filter(pl.col("aggregation") != "rate")
        amounts = cells.select("cell", amount=pl.col(f"true_{figure}").fill_null(0))
        entries = parts.join(amounts, on="cell")
        exact = (
            entries.group_by("equation")
            .agg(
                (pl.col("amount") * pl.col("sign")).sum().abs().alias("gap"),
                pl.len(),
                pl.col("amount").max().alias("top"),
            )
            .filter((pl.col("gap") <= 1e-6 * pl.col("len")) & (pl.col("top") > 0))
        )
        found.append(
            entries.join(exact, on="equation", how="semi").select(
                pl.format("{}/{}", "equation", pl.lit(figure)).alias("equation"),
                pl.struct("cell", figure=pl.lit(figure)).alias("variable"),
                "sign",
            )
        )
    return pl.concat([*found, alike(publication)])


def alike(publication: Publication) -> pl.DataFrame:
    """Pairs of columns, of whatever indicators, that are equal wherever they stand: one more equation a cell."""
    block = ["programme_code", "territory_level", "axis", "period_grain"]
    column = pl.concat_str("indicator_code", "measure", "figure", separator="|").alias("column")
    long = (
        publication.cells.unpivot(
            [f"true_{figure}" for figure in FIGURES], index=["cell", *KEY], variable_name="figure", value_name="amount"
        )
        .with_columns(pl.col("figure").str.strip_prefix("true_"))
        .filter(pl.col("amount").fill_null(0) != 0)
        .with_columns(column)
        .select("cell", "figure", "column", "amount", *PLACE)
    )
    content = pl.struct(*PLACE, "amount").hash(7).sum().alias("content")
    columns = long.group_by(*block, "column").agg(content, pl.len().alias("size")).filter(pl.col("size") > 1)
    first = columns.group_by(*block, "content", "size").agg(pl.col("column").min().alias("column_first"))
    twins = columns.join(first, on=[*block, "content", "size"]).filter(pl.col("column") != pl.col("column_first"))
    both = (
        long.join(twins.select(*block, "column", "column_first"), on=[*block, "column"])
        .join(
            long.select(*PLACE, column_first="column", cell_first="cell", figure_first="figure"),
            on=[*PLACE, "column_first"],
        )
        .with_row_index("pair")
        .with_columns(equation=pl.format("alike/{}", "pair"))
    )
    one = both.select("equation", pl.struct("cell", "figure").alias("variable"), sign=pl.lit(1.0))
    other = both.select(
        "equation", pl.struct(cell="cell_first", figure="figure_first").alias("variable"), sign=pl.lit(-1.0)
    )
    return pl.concat([one, other])


def attack(*publications: Publication, states: str = "state", knows: str = "") -> Attack:
    """Solve all equations of the publications at once for what all of them suppress.

    The attacker takes for granted that what did not change between them is the same, and knows what one of them showed.

    Args:
        states: column of the state: `own_state` is what the marts suppress, without complementary suppression.
        knows: partner whose own figures are known besides.
    """
    entries, figures = [], []
    for number, publication in enumerate(publications):
        mark = pl.lit(number).alias("publication")
        entries.append(
            holding(publication, sums(publication))
            .unnest("variable")
            .with_columns(mark, pl.format("{}/{}", pl.lit(number), "equation").alias("equation"))
        )
        figures += [
            publication.cells.select(
                mark,
                "cell",
                *KEY,
                pl.lit(figure).alias("figure"),
                pl.col(f"true_{figure}").fill_null(0).alias("amount"),
                is_shown=~pl.col(states).str.starts_with("SUPPRIME") | (pl.col("partner_code") == knows),
            )
            for figure in FIGURES
        ]
    # the same figure of the same cell is one variable in both; who read it once knows it
    named = pl.concat(figures).with_columns(
        name=pl.struct(*KEY, "figure", pl.col("amount").round(6)).rank("dense"),
    )
    named = named.with_columns(pl.col("is_shown").any().over("name").alias("is_read"))
    system = pl.concat(entries).join(
        named.select("publication", "cell", "figure", "name", "amount", "is_read"), on=["publication", "cell", "figure"]
    )
    constants = (
        system.filter("is_read").group_by("equation").agg((pl.col("amount") * pl.col("sign")).sum().alias("right"))
    )
    unknown = system.filter(~pl.col("is_read"))
    solved = _solve(
        unknown.join(constants, on="equation", how="left").with_columns(pl.col("right").fill_null(0)).select(
            "equation", "name", "sign", "right"
        )
    )  # fmt: skip
    in_all = pl.col("publication").n_unique().over("name") == len(publications)
    truth = named.filter(in_all & ~pl.col("is_read")).select("name", "amount", "figure", *KEY).unique(["name"])
    found = solved.join(truth, on="name").filter(
        (pl.col("first") - pl.col("second")).abs() < 1e-4, (pl.col("first") - pl.col("amount")).abs() < 1e-3
    )
    return Attack(found, truth.height)


def _solve(unknown: pl.DataFrame) -> pl.DataFrame:
    """Two solutions of the equations, each the nearest to a guess: where they agree, there is no other.

    Least squares in one sparse system: [[1, A'], [A, 0]] [x, w] = [guess, right].
    """
    coded = unknown.with_columns(
        row=pl.col("equation").rank("dense").cast(pl.Int64) - 1, column=pl.col("name").rank("dense").cast(pl.Int64) - 1
    )
    rows, columns = coded["row"].max() + 1, coded["column"].max() + 1  # type: ignore[operator]
    matrix = sparse.csc_array(
        (coded["sign"].to_numpy(), (coded["row"].to_numpy(), coded["column"].to_numpy())), shape=(rows, columns)
    )
    right = np.zeros(rows)
    right[coded["row"].to_numpy()] = -coded["right"].to_numpy()
    whole = sparse.block_array(
        [[sparse.eye_array(columns), matrix.T], [matrix, -1e-9 * sparse.eye_array(rows)]]
    ).tocsc()
    inverse = splu(whole)
    solutions = []
    for seed in (1, 2):
        guess = np.random.default_rng(seed).uniform(0, 50, columns)
        solution = guess
        for _ in range(4):
            rest = np.concatenate([np.zeros(columns), right - matrix @ solution])
            solution = solution + inverse.solve(rest)[:columns]
        solutions.append(solution)
    names = coded.select("name", "column").unique().sort("column")
    return names.with_columns(first=pl.Series(solutions[0]), second=pl.Series(solutions[1]))


# ------------------------------------------------------------------------------------------------------------- the tests

Both = tuple[Settings, Publication, Publication]


def test_without_complementary_suppression_the_attack_succeeds(publications: Both) -> None:
    attacked = attack(publications[1], states="own_state")
    assert attacked.found.height > 1_000
    assert attacked.found.filter(pl.col("figure") == "n", pl.col("amount").is_between(1, K - 1)).height > 500


def test_an_outsider_recovers_nothing_from_one_publication_or_both(publications: Both) -> None:
    _, first, second = publications
    assert not first.cells.equals(second.cells)
    for several in ((first,), (second,), (first, second)):
        attacked = attack(*several)
        assert attacked.unknown > 10_000
        assert attacked.found.is_empty(), _told(attacked)


@pytest.mark.parametrize("partner", ["FORMACARIB", "LAB-SUD", "CAP-CONSEIL"])
def test_a_partner_with_its_own_figures_recovers_nobody_elses(publications: Both, partner: str) -> None:
    settings, _, second = publications
    attacked = attack(second, knows=partner)
    assert attacked.unknown > 10_000
    # a cell of its own people only tells it of nobody else
    with connect(settings, "lakou_dbt") as marts:
        found = [row for row in attacked.found.iter_rows(named=True) if _others(marts, row, partner)]
    assert not found, found[:5]


MONTHS = {"month": 1, "quarter": 3, "semester": 6, "year": 12}


def _others(marts: Any, row: dict[str, Any], partner: str) -> int:
    """People (or firms) of a counted cell of a flow who have a row of another partner."""
    place = {"commune": "commune_code = %(code)s", "epci": "epci_code = %(code)s", "region": "true"}[
        row["territory_level"]
    ]
    names = {"code": row["territory_code"], "partner": partner, "start": row["period_start"], "months": MONTHS[row["period_grain"]],
             "trait": f"{row['axis']}:{row['member']}"}  # fmt: skip
    (others,) = marts.execute(
        f"select count(distinct subject_key) from marts.indicator_{row['indicator_code'].lower().replace('-', '_')}"
        f" where partner_code <> %(partner)s and {place} and (%(trait)s = 'TOTAL:TOTAL' or %(trait)s = any(members))"
        " and occurred_on >= %(start)s and occurred_on < %(start)s + make_interval(months => %(months)s)",
        names,
    ).fetchone()
    return int(others)


@pytest.mark.parametrize("indicator", ["A1-01", "A1-05"])
def test_no_shown_cell_tells_a_partner_of_fewer_than_k_others(publications: Both, indicator: str) -> None:
    settings, _, second = publications
    places = {"commune": "commune_code", "epci": "epci_code", "region": "'02'"}
    shown = second.cells.filter(
        pl.col("indicator_code") == indicator, pl.col("axis") == "TOTAL", pl.col("measure") == "counted",
        ~pl.col("state").str.starts_with("SUPPRIME"), pl.col("n") > 0,
    )  # fmt: skip
    seen = 0
    with connect(settings, "lakou_dbt") as marts:
        for (level, code), grain in (
            (place, grain) for place in places.items() for grain in ("month", "quarter", "year")
        ):
            own = _frame(
                marts,
                f"select date_trunc('{grain}', occurred_on)::date as period_start, {code} as territory_code, partner_code,"
                " count(distinct subject_key) as own"
                f" from marts.indicator_{indicator.lower().replace('-', '_')} group by 1, 2, 3",
            )
            told = shown.filter(pl.col("territory_level") == level, pl.col("period_grain") == grain).join(
                own, on=["period_start", "territory_code"]
            )
            others = told["n"] - told["own"]
            assert told.filter((others > 0) & (others < K)).is_empty()
            seen += told.height
    assert seen > 200


def test_nothing_worked_out_from_a_suppressed_figure_is_shown(publications: Both) -> None:
    settings = publications[0]
    same = " and ".join(f"v.{name} = t.{name}" for name in KEY)
    with connect(settings, "lakou_reader") as reader:
        for table, shown in (("progress", "t.actual is not null"), ("survey_changes", "true")):
            told = reader.execute(
                f"select count(*) from pub.{table} as t inner join pub.indicator_values as v on {same}"  # type: ignore[arg-type]
                f" where v.state like 'SUPPRIME%' and {shown}"
            ).fetchone()
            assert told == (0,), table


def test_a_closing_tells_nothing_of_a_suppressed_figure(publications: Both) -> None:
    """Neither what was closed, nor what became of it, nor why."""
    settings = publications[0]
    same = " and ".join(f"v.{name} = t.{name}" for name in KEY)
    secret = "(t.state like 'SUPPRIME%' or v.state like 'SUPPRIME%')"
    with connect(settings, "lakou_reader") as reader:
        closed, silent, changed, told = reader.execute(
            f"select count(*), count(*) filter (where {secret}), count(*) filter (where t.difference <> 0),"  # type: ignore[arg-type]
            f" count(*) filter (where {secret} and t.difference is not null"
            f" or t.state like 'SUPPRIME%' and num_nonnulls({', '.join(f't.{name}' for name in SECRET)}) > 0"
            " or v.state like 'SUPPRIME%' and t.known_value is not null)"
            f" from pub.published_values as t left join pub.indicator_values as v on {same}"
        ).fetchall()[0]
        reasons = reader.execute(
            f"select count(*), count(*) filter (where {secret}) from pub.restatements as r"  # type: ignore[arg-type]
            f" inner join pub.published_values as t using (closing_id, {', '.join(KEY)})"
            f" inner join pub.indicator_values as v on {same}"
        ).fetchall()[0]
    assert closed > 1_000
    assert silent > 100
    assert changed > 10
    assert told == 0
    assert reasons[0] > 10
    assert reasons[1] == 0


def _told(attacked: Attack) -> str:
    return str(attacked.found.select(*KEY, "figure", "amount").head(10).to_dicts())
