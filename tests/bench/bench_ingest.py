"""Read, judge and copy one large file and many small ones, beside `pandas.read_csv` and `to_sql` in the same run.

`make bench` runs it; `LAKOU_BENCH_ROWS` sets the size of the large file. No time is asserted: only the rows are.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import random
import string
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from ingestion.contracts import load_contract
from ingestion.database import connect
from ingestion.judging import Context, Judgement, judge_file, references_of
from ingestion.loading import Delivery, load
from ingestion.naming import parse_period
from ingestion.pseudonyms import Pseudonymiser
from ingestion.settings import Settings

ROWS = int(os.environ.get("LAKOU_BENCH_ROWS", "100000"))
SMALL_FILES, SMALL_ROWS = 200, 40
NOW = dt.datetime(2026, 4, 1, 12, tzinfo=dt.UTC)
CONTRACT = load_contract("F02")
PERIOD = parse_period("2026-03")
SESSIONS = pl.DataFrame(
    {
        "partner_code": "BANC",
        "session_id": [f"S{index}" for index in range(500)],
        "duree_prevue_h": 7.5,
        "places": pl.Series([None] * 500, dtype=pl.Int64),
        "programme_code": "MQ",
        "modalite": "ATELIER",
    }
)
CONTEXT = Context(
    contract=CONTRACT,
    partner_code="BANC",
    programme_code="MQ",
    period=PERIOD,
    pseudonymiser=Pseudonymiser(bytes(range(32))),
    references=references_of("MQ", SESSIONS),
    has_convention=True,
)


@dataclass(frozen=True)
class Measure:
    """One line of the table: `rows` handled in `wall` seconds, of which `cpu` on this side."""

    name: str
    rows: int
    wall: float
    cpu: float

    def line(self) -> str:
        rate = f"{self.rows / self.wall:,.0f}".replace(",", "\u202f")
        return f"{self.name:<46}{self.rows:>10}{self.wall:>10.2f}{self.cpu:>10.2f}{rate:>14}"


def measured(name: str, rows: int, work: Callable[[], object]) -> Measure:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Measure(name, rows, time.perf_counter() - wall, time.process_time() - cpu)


def participations(rows: int, seed: int = 1) -> str:
    """A file of synthetic participations, every row good, nobody twice."""
    pick = random.Random(seed)
    names = itertools.product(string.ascii_lowercase, repeat=5)
    lines = [";".join(column.name for column in CONTRACT.columns)]
    for index, letters in zip(range(rows), names, strict=False):
        name = "".join(letters)
        lines.append(
            f"MQ;SESSION;S{index % 500};{name}@exemple.fr;Nom{name};Prénom;{pick.randint(1950, 2008)};F;SALARIE;"
            f"{pick.randint(0, 8)};{pick.choice(('97209', '97213', '97222', '97228'))};732829320;CLUSTER;TERMINE;"
            f"{pick.choice(('7', '6,5', '2'))};04/03/2026;"
        )
    return "\n".join(lines) + "\n"


def test_ingest(clean: Settings, tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    large.write_text(participations(ROWS), encoding="utf-8")
    small = [tmp_path / f"small-{index}.csv" for index in range(SMALL_FILES)]
    for index, path in enumerate(small):
        path.write_text(participations(SMALL_ROWS, seed=index), encoding="utf-8")
    judge_file(small[0], "csv", CONTEXT)

    judgements: list[Judgement] = []
    measures = [
        measured("lakou : lire et juger", ROWS, lambda: judgements.append(judge_file(large, "csv", CONTEXT))),
        measured("lakou : copier dans raw", ROWS, lambda: copy(clean, judgements[0])),
        measured("pandas : read_csv et to_sql, sans aucun contrôle", ROWS, lambda: pandas_peer(clean, large)),
        measured(
            f"lakou : {SMALL_FILES} fichiers de {SMALL_ROWS} lignes, lire et juger",
            SMALL_FILES * SMALL_ROWS,
            lambda: [judge_file(path, "csv", CONTEXT) for path in small],
        ),
    ]
    print(f"\n{'':<46}{'lignes':>10}{'s':>10}{'s de CPU':>10}{'lignes/s':>14}")
    for measure in measures:
        print(measure.line())
    print(f"Un petit fichier : {1000 * measures[-1].wall / SMALL_FILES:.1f} ms.")
    ours = measures[0].wall + measures[1].wall
    print(f"Lakou entier contre pandas : {measures[2].wall / ours:.1f} fois plus rapide.")

    assert judgements[0].accepted.height == ROWS
    with connect(clean) as connection:
        counted = connection.execute("select count(*) from raw.f02_participations").fetchone()
    assert counted == (ROWS,)


def copy(settings: Settings, judgement: Judgement) -> None:
    delivery = Delivery(
        delivery_id="F02-BANC-2026-03-v1-00000000",
        feed="F02",
        partner_code="BANC",
        file_name="F02_participations__BANC__2026-03__v1.csv",
        period=PERIOD.text,
        period_start=PERIOD.start,
        period_end=PERIOD.end,
        version=1,
        part=0,
        sha256="0" * 64,
        size_bytes=0,
        received_at=NOW,
    )
    with connect(settings) as connection:
        connection.execute(
            "insert into ops.partners (partner_code, name, kind, programme_code, feeds)"
            " values ('BANC', 'Banc', 'STARTUP', 'MQ', '{F02}')"
        )
        connection.execute(
            "insert into ops.deliveries (delivery_id, feed, partner_code, file_name, period, period_start, period_end,"
            " version, part, sha256, size_bytes, received_at)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                delivery.delivery_id, delivery.feed, delivery.partner_code, delivery.file_name, delivery.period,
                delivery.period_start, delivery.period_end, delivery.version, delivery.part, delivery.sha256,
                delivery.size_bytes, delivery.received_at,
            ],
        )  # fmt: skip
        load(connection, CONTRACT, delivery, judgement, NOW)


def pandas_peer(settings: Settings, path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    sqlalchemy = pytest.importorskip("sqlalchemy")
    address = settings.dsn("lakou_loader").replace("postgresql://", "postgresql+psycopg://")
    engine = sqlalchemy.create_engine(address)
    frame = pandas.read_csv(path, sep=";", dtype=str)
    with engine.begin() as connection:
        frame.to_sql("bench_pandas", connection, schema="raw", index=False)
        connection.execute(sqlalchemy.text("drop table raw.bench_pandas"))
    engine.dispose()
