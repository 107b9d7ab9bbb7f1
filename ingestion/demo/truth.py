"""What the platform must find in the twin: every indicator value and every refused row, from the people themselves."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from ingestion.demo import (
    truth_companies,
    truth_deliveries,
    truth_network,
    truth_public,
    truth_services,
    truth_steering,
    truth_training,
)
from ingestion.demo.in_force import files_in_force
from ingestion.demo.making import File
from ingestion.demo.truth_cells import KEYS, as_frame, catalogue, expected_deliveries, periods, values
from ingestion.demo.truth_links import linked
from ingestion.demo.twin import Twin

FAMILIES = (
    truth_training,
    truth_companies,
    truth_network,
    truth_services,
    truth_public,
    truth_steering,
    truth_deliveries,
)


def write_truth(twin: Twin) -> None:
    """Write `indicator_values.csv`, `rejected_rows.csv` and `deliveries.csv` into `truth/` of the twin's directory."""
    folder = twin.directory / "truth"
    folder.mkdir(parents=True, exist_ok=True)
    indicator_values(twin).write_csv(folder / "indicator_values.csv")
    _write_rejected(twin.files, folder / "rejected_rows.csv")
    _write_deliveries(twin.files, folder / "deliveries.csv")


def indicator_values(twin: Twin) -> pl.DataFrame:
    """One row per cell, keyed as `pub.indicator_values`; figures as text."""
    rows = contributions(twin)
    expected = expected_deliveries(twin.files)
    known_periods = periods()
    # what is counted of closings has cells, and no row: no file closes a period
    nothing = as_frame(())
    frames = [
        values(indicator, rows.get(indicator.code, nothing), expected, known_periods) for indicator in catalogue()
    ]
    return pl.concat(frames).sort("indicator_code", *KEYS)


def contributions(twin: Twin) -> dict[str, pl.DataFrame]:
    """What each indicator counts, by its code."""
    in_force = linked(files_in_force(twin.files))
    return {code: rows for family in FAMILIES for code, rows in family.contributions(twin, in_force).items()}


# -------------------------------------------------------------------------------------------------------- refused rows


def _write_rejected(files: Sequence[File], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["partner_code", "feed", "file_name", "row_number", "column", "rule_id", "severity"])
        for file in files:
            if file.blocked:
                writer.writerow([file.partner, file.feed, file.name, 0, "", file.blocked, "BLOQUE"])
                continue
            for row in sorted(file.rows, key=lambda row: row.line):
                writer.writerows(
                    [file.partner, file.feed, file.name, row.line, column, rule_id, "REFUSE"]
                    for column, rule_id in row.rules
                )


def verdict(file: File) -> str:
    """What became of a file: blocked, held, refused whole, taken in part, with rows that wait, or taken whole."""
    states = {row.state for row in file.rows}
    word = "PRISE"
    if file.blocked:
        word = "BLOQUEE"
    elif file.is_held:
        word = "RETENUE"
    elif states == {"refused"}:
        word = "REFUSEE"
    elif "refused" in states:
        word = "EN_PARTIE"
    elif "awaiting" in states:
        word = "EN_ATTENTE"
    return word


def _write_deliveries(files: Sequence[File], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(
            ["partner_code", "feed", "file_name", "period", "version", "part", "verdict", "rule_id", "rows_received",
             "rows_accepted", "rows_awaiting", "rows_rejected"]
        )  # fmt: skip
        for file in files:
            rows = [] if file.blocked else file.rows
            counts = [sum(row.state == state for row in rows) for state in ("accepted", "awaiting", "refused")]
            writer.writerow(
                [file.partner, file.feed, file.name, file.period, file.version if file.period else "", file.part,
                 verdict(file), file.blocked, len(rows), *counts]
            )  # fmt: skip
