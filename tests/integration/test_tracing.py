"""From a figure to the rows of the files behind it: every one of them, and nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from click.testing import CliRunner

from expectations.cli import main
from ingestion.database import connect
from ingestion.tracing import Cell, trace
from tests.integration.closed_shelf import Shelf

OF_THE_QUARTER = (
    "select indicator_code, partner_code, measure, value from marts.fct_indicator_values where programme_code = 'MQ'"
    " and period_grain = 'quarter' and period_start = '2026-01-01' and territory_code = '02' and axis = 'TOTAL'"
    " and (partner_code = 'TOTAL' or indicator_code in ('A1-01', 'A1-02')) and value is not null order by 1, 2, 3"
)


def test_the_rows_of_every_figure_sum_to_it(shelf: Shelf) -> None:
    with connect(shelf.settings) as connection:
        figures = connection.execute(OF_THE_QUARTER).fetchall()
        assert {measure for _, _, measure, _ in figures} == {"counted", "contributed", "attributed"}
        wrong = []
        for indicator, partner, measure, value in figures:
            found = trace(connection, Cell("MQ", indicator, "2026-T1", "02", partner, "TOTAL", "TOTAL", measure))
            summed = sum((row.contribution for row in found.rows), Decimal(0))
            if found.value != value or abs(summed - value) > Decimal("0.000001"):
                wrong.append((indicator, partner, measure, value, summed))
    assert wrong == []


def test_rows_whole_files_and_what_no_file_holds_are_said_apart(shelf: Shelf) -> None:
    with shelf.environment():
        said = {
            code: CliRunner().invoke(main, ["trace", code, "--period", "2026-T1"])
            for code in ("A1-01", "T-01", "T-03", "T-08")
        }
    assert {code: done.exit_code for code, done in said.items()} == dict.fromkeys(said, 0)
    lines = {code: done.stdout.splitlines()[1:] for code, done in said.items()}
    assert lines["A1-01"]
    assert all(":" in line for line in lines["A1-01"])
    assert lines["T-03"]
    assert all(", all of it  " in line for line in lines["T-03"])
    assert any("in no file" in line for line in lines["T-01"])
    assert any("in no file" in line for line in lines["T-08"])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("A1-01", "--period", "2026-T1", "--attributed"), "--partner"),
        (("A1-01", "--period", "2031-T2"), "no figure of A1-01 for 2031-T2"),
        (("X9-99", "--period", "2026-T1"), "no figure of X9-99"),
    ],
)
def test_what_cannot_be_traced_says_why(shelf: Shelf, asked: tuple[str, ...], said: str) -> None:
    with shelf.environment():
        done = CliRunner().invoke(main, ["trace", *asked])
    assert done.exit_code == 1
    assert said in done.stderr
