"""The large files of the benchmarks: as many rows as asked, and exactly the mistakes that were put in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from ingestion.contracts import load_contract
from ingestion.demo import volume
from ingestion.demo.making import PROGRAMME
from ingestion.demo.volume import Volume, write_volume
from ingestion.errors import LakouError
from ingestion.judging import Context, Judgement, judge_file, references_of
from ingestion.naming import parse_period
from ingestion.pseudonyms import Pseudonymiser


def judge(feed: str, path: Path, known: pl.DataFrame) -> Judgement:
    def lookup(asked: str, identifiers: Sequence[str]) -> pl.DataFrame:
        assert asked == "F01"
        return known.filter(pl.col("identifier").is_in(list(identifiers)))

    context = Context(
        contract=load_contract(feed),
        partner_code="BANC",
        programme_code=PROGRAMME,
        period=parse_period("2026-09"),
        pseudonymiser=Pseudonymiser(b"1" * 64),
        references=references_of(PROGRAMME, lookup),
        has_convention=True,
    )
    return judge_file(path, "csv", context)


def nothing() -> pl.DataFrame:
    names = ("identifier", "partner_code", *load_contract("F01").raw_columns)
    return pl.DataFrame(schema=dict.fromkeys(names, pl.String))


@pytest.mark.parametrize("feed", ["F02", "F05"])
def test_the_rules_broken_are_the_ones_announced(feed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # several parts, so that their seams are there
    monkeypatch.setattr(volume, "SLICE", 900)
    made = write_volume(feed, 4_000, tmp_path / "large.csv", 0.01)
    known = nothing()
    if made.sessions is not None:
        sessions = judge("F01", made.sessions, known)
        assert sessions.rejected.is_empty()
        columns = load_contract("F01").raw_columns
        known = sessions.accepted.select(
            identifier="session_id", partner_code=pl.lit("BANC"), **{name: pl.col(name) for name in columns}
        )
    judged = judge(feed, tmp_path / "large.csv", known)
    assert (judged.rows_received, judged.rejected.height, made.bad_rows) == (4_000, 40, 40)
    refused = judged.findings.filter(pl.col("severity") == "REFUSE")
    assert Counter(refused["rule_id"]) == Counter(made.rules)
    assert judged.awaiting.is_empty()
    assert set(judged.findings["severity"]) <= {"REFUSE", "NOTE"}


def test_without_mistakes_every_row_is_taken(tmp_path: Path) -> None:
    assert write_volume("F05", 10, tmp_path / "small.csv", 0.0) == Volume(10, 0, {})
    assert judge("F05", tmp_path / "small.csv", nothing()).accepted.height == 10


def test_other_feeds_are_said_not_to_be_made(tmp_path: Path) -> None:
    with pytest.raises(LakouError, match="F03"):
        write_volume("F03", 10, tmp_path / "no.csv", 0.0)
