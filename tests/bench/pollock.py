"""Score of the CSV reader on Pollock, the public benchmark of polluted files.

    python -m tests.bench.pollock DIRECTORY

DIRECTORY is a checkout of https://github.com/HPI-Information-Systems/Pollock (its `polluted_files` and
`pollock_weights.json` are read, nothing of it is kept here). Every file is read twice by `read_records`, with the
dialect that comes with it and by itself, and scored by the benchmark's own ten measures: success, and precision, recall
and F1 of the header, the records and the cells.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import dateutil.parser

from ingestion.csv_records import Dialect, read_records
from ingestion.errors import BlockedFile

MEASURES = (
    "success",
    *(f"{what}_{how}" for what in ("header", "record", "cell") for how in ("precision", "recall", "f1")),
)
# simple and weighted scores of the benchmark's README, commit c4533b2c
PUBLISHED = {
    "DuckDB 1.2": (9.961, 9.599),
    "SQLite 3.39.0": (9.955, 9.375),
    "UniVocity 2.9.1": (9.939, 7.936),
    "SpreadDesktop": (9.929, 9.597),
    "LibreOffice Calc 7.3.6": (9.925, 7.833),
    "Pandas 1.4.3": (9.895, 9.431),
    "Python native csv 3.10.5": (9.721, 9.436),
    "CleverCSV 0.7.4 (by itself)": (9.193, 9.453),
    "DuckDB 1.2 (by itself)": (9.075, 8.439),
    "PostgreSQL 15.0": (0.136, 6.961),
}


def main(directory: Path) -> dict[str, tuple[float, float]]:
    """Print the scores of both ways of reading beside the published ones, and give ours."""
    files = directory / "polluted_files"
    weights = json.loads((directory / "pollock_weights.json").read_text())
    ours = {
        "Lakou, dialect given": score(files, weights, lambda name: _given(files, name)),
        "Lakou, by itself": score(files, weights, lambda _: None),
    }
    sys.stdout.write(f"{'':32}{'simple':>8}{'weighted':>10}\n")
    for name, (simple, weighted) in sorted({**ours, **PUBLISHED}.items(), key=lambda item: -item[1][0]):
        sys.stdout.write(f"{name:32}{simple:8.3f}{weighted:10.3f}\n")
    return ours


def score(
    files: Path, weights: dict[str, float], dialect: Callable[[str], Dialect | None], worst: int = 0
) -> tuple[float, float]:
    """Simple and weighted scores, at most 10: the sum of the means of the measures, and that of the files by weight."""
    measured = {path.name: measures(path, files, dialect(path.name)) for path in sorted((files / "csv").iterdir())}
    simple = sum(sum(values) for values in zip(*measured.values(), strict=True)) / len(measured)
    # a file that the benchmark gives no weight counts for -1 there, and so here
    total = sum(weights.get(name, -1) for name in measured)
    weighted = sum(sum(values) * weights.get(name, -1) for name, values in measured.items()) / total
    for name, values in sorted(measured.items(), key=lambda item: sum(item[1]))[:worst]:
        sys.stdout.write(f"{name:45}{' '.join(f'{value:.3f}' for value in values)}\n")
    return simple, weighted


def measures(path: Path, files: Path, dialect: Dialect | None) -> tuple[float, ...]:
    """The ten measures of one file, in the order of `MEASURES`."""
    try:
        loaded = read_records(path.read_bytes(), dialect)
    except BlockedFile:
        return (0.0,) * len(MEASURES)
    source = _clean(files / "clean" / path.name)
    if not source:
        return (1.0,) * len(MEASURES)
    normal_source = [list(map(_normal, row)) for row in source]
    normal_loaded = [list(map(_normal, row)) for row in loaded]
    header = (0.0, 0.0, 0.0)
    if loaded:
        header = _overlap(normal_source[0], normal_loaded[0])
    records = _overlap(map("".join, normal_source[1:]), map("".join, normal_loaded[1:]))
    cells = _overlap((cell for row in source for cell in row), (cell for row in loaded for cell in row))
    return (1.0, *header, *records, *cells)


def _given(files: Path, name: str) -> Dialect:
    told: dict[str, Any] = json.loads((files / "parameters" / f"{name}_parameters.json").read_text())
    quote = told["quotechar"] or '"'
    escape = told["escapechar"]
    return Dialect(
        separator=told["delimiter"] or ",",
        quote=quote,
        escape="" if escape == quote else escape,
        title_rows=told["preamble_lines"],
        header_rows=told["header_lines"],
    )


@lru_cache(maxsize=4)
def _clean(path: Path) -> Sequence[Sequence[str]]:
    return read_records(path.read_bytes(), Dialect(",", title_rows=0)) if path.stat().st_size else []


def _overlap(source: Iterable[str], loaded: Iterable[str]) -> tuple[float, float, float]:
    """Precision, recall and F1 as the benchmark has them, of multisets."""
    wanted, got = Counter(source), Counter(loaded)
    if not wanted:
        return 1.0, 1.0, 1.0
    common = (wanted & got).total()
    if not common:
        return 0.0, 0.0, 0.0
    precision, recall = common / wanted.total(), common / got.total()
    return precision, recall, 2 * precision * recall / (precision + recall)


class _Jumps(dateutil.parser.parserinfo):
    JUMP = (" ", ".", ",", ";", "-", "/", "'")


@lru_cache(maxsize=65536)
def _normal(cell: str) -> str:
    """A cell as the benchmark compares it in headers and records: by value where it is a number, a date or a price."""
    if not cell.strip():
        return cell
    for kind in (int, float):
        try:
            return str(kind(cell))
        except ValueError:
            continue
    if re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", cell):
        return str(dt.time.fromisoformat(cell.zfill(5)))
    try:
        return str(dateutil.parser.parse(cell, parserinfo=_Jumps()))
    except (ValueError, OverflowError, TypeError):
        pass
    # the benchmark takes the first number for the amount, wherever the currency stands
    symbol, amount = re.search(r"[$€£]", cell), re.search(r"\d[\d,]*(?:\.\d+)?", cell)
    if symbol and amount:
        return f"{symbol[0]}{float(amount[0].replace(',', ''))}"
    return cell.lower()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
