"""The way of one large file through the drop, beside what a user would pick instead, in the same run (`make bench`).

`LAKOU_BENCH_ROWS` sets the rows of the file (1,000,000 by default), `LAKOU_BENCH_ROUNDS` how often each pair is run in
turn. No time is asserted: only that the rows are there.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import psycopg
import pytest
from psycopg import sql

from ingestion import landing
from ingestion.contracts import Contract, load_contract
from ingestion.copy_lines import OPTIONS, blocks, joined
from ingestion.database import connect
from ingestion.demo.volume import write_volume
from ingestion.findings import kept_names
from ingestion.partners import Partner, add
from ingestion.pipelining import ahead
from ingestion.pseudonyms import Pseudonymiser
from ingestion.reading import ROW, open_reading
from ingestion.settings import CHECKOUT, Settings

ROWS = int(os.environ.get("LAKOU_BENCH_ROWS", "1000000"))
ROUNDS = int(os.environ.get("LAKOU_BENCH_ROUNDS", "3"))
PEER_ROWS = min(ROWS, 50_000)
BAD_SHARE = 0.002
BLOCK = 1 << 18
TARGETS = {"F05": 0.5, "F02": 0.35}
RECEIVE = """
import json, resource, sys, time
from ingestion.receive import receive
from ingestion.settings import load_settings
start = time.perf_counter()
summary = receive(load_settings(), quiet_seconds=0, progress=lambda line: None)
wall = time.perf_counter() - start
usage = resource.getrusage(resource.RUSAGE_SELF)
# getrusage would tell the peak of the process that started this one, where that is higher
peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
print(json.dumps({"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak_mb": peak / 1024,
    "accepted": summary.rows_accepted, "rejected": summary.rows_rejected, "failures": summary.failures}))
"""


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def show(label: str, rows: int, wall: float, note: str = "") -> None:
    counted, speed = (f"{number:,.0f}".replace(",", "\u202f") for number in (rows, rows / wall))
    print(f"{label:<58}{counted:>10}{wall:>10.2f} s{speed:>12} rows/s  {note}")


@pytest.fixture
def account(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("LAKOU_TODAY", "2026-10-05")
    partner = Partner(
        "BANC", "Banc d'essai", "STARTUP", "MQ", ("F01", "F02", "F05"), None, "1", "INTERET_PUBLIC", "C", "FR", True
    )
    with connect(clean) as connection:
        add(clean, connection, partner)
    return clean


@pytest.mark.parametrize("feed", ["F05", "F02"])
def test_a_large_file_against_copy(account: Settings, tmp_path: Path, feed: str) -> None:
    contract = load_contract(feed)
    path = tmp_path / f"{feed}.csv"
    volume = write_volume(feed, ROWS, path, BAD_SHARE)
    depot = account.drop / "BANC" / "depot"
    if volume.sessions is not None:
        shutil.copyfile(volume.sessions, depot / "F01_sessions_formation__BANC__2026-09__v1.csv")
        ours()
    print(f"\n{feed}: {ROWS} rows, {path.stat().st_size / 1e6:.0f} MB, {volume.bad_rows} of them bad")
    copied, passed, received, peaks = [], [], [], []
    for turn in range(ROUNDS):
        copied.append(seconds(lambda: copy_as_text(account, path)))
        show("COPY of the same bytes into a logged table of text", ROWS, copied[-1])
        passed.append(seconds(lambda: least(account, contract, path)))
        show("the least way: landed, read, hashed, copied; not judged", ROWS, passed[-1])
        name = f"{contract.feed}_{contract.name}__BANC__2026-09__v{turn + 1}.csv"
        shutil.copyfile(path, depot / name)
        done = ours()
        assert not done["failures"]
        assert (done["accepted"], done["rejected"]) == (ROWS - volume.bad_rows, volume.bad_rows)
        received.append(done["wall"])
        peaks.append(done["peak_mb"])
        show("lakou receive, all of it", ROWS, done["wall"], f"{done['cpu']:.1f} s CPU, peak {done['peak_mb']:.0f} MB")
    ratio = statistics.median(copied) / statistics.median(received)
    least_ratio = statistics.median(copied) / statistics.median(passed)
    print(
        f"{feed}: {ratio:.2f} of COPY's speed (wanted: {TARGETS[feed]}; the least way {least_ratio:.2f}),"
        f" peak {max(peaks):.0f} MB (wanted: 500)"
    )
    small = tmp_path / "peer.csv"
    small.write_bytes(b"".join(first_lines(path, PEER_ROWS + 1)))
    per_row = statistics.median(received) / ROWS
    for label, peer in (("pandas.read_csv and to_sql, no check", pandas_peer), ("dlt, Arrow to CSV", dlt_peer)):
        wall = seconds(lambda peer=peer: peer(account, small, tmp_path))
        show(label, PEER_ROWS, wall, f"lakou is {wall / PEER_ROWS / per_row:.1f} times faster a row")


def test_small_files(account: Settings, tmp_path: Path) -> None:
    files, rows = 300, 10
    volume = write_volume("F05", rows, tmp_path / "small.csv", 0.0)
    assert volume.bad_rows == 0
    for index in range(files):
        year, month = 2020 + index % 6, index // 6 % 12 + 1
        name = f"F05_parcours_entreprises__BANC__{year}-{month:02d}__v{index // 72 + 1}.csv"
        shutil.copyfile(tmp_path / "small.csv", account.drop / "BANC" / "depot" / name)
    done = ours()
    print(f"\n{files} files of {rows} rows: {1000 * done['wall'] / files:.1f} ms a file")
    assert not done["failures"]


def test_a_workbook_against_openpyxl(tmp_path: Path) -> None:
    import openpyxl
    import polars as pl

    from ingestion.reading import open_reading

    rows = min(ROWS, 100_000)
    write_volume("F05", rows, tmp_path / "book.csv", 0.0)
    frame = pl.read_csv(tmp_path / "book.csv", separator=";", infer_schema=False)
    path = tmp_path / "book.xlsx"
    frame.write_excel(path)

    def read_ours() -> int:
        return sum(batch.cells.height for batch in open_reading(path, "xlsx", load_contract("F05")).batches())

    def read_theirs() -> int:
        book = openpyxl.load_workbook(path, read_only=True)
        return sum(1 for _ in book.worksheets[0].iter_rows(values_only=True)) - 1

    assert read_ours() == rows
    own, their = seconds(read_ours), seconds(read_theirs)
    print()
    show("lakou reads a workbook", rows, own, f"{their / own:.1f} times openpyxl's speed (wanted: 10)")
    show("openpyxl, read-only mode", rows, their)


def test_expectations_against_sql(account: Settings, tmp_path: Path) -> None:
    from expectations.runner import inspect_loads
    from tests.bench.hand_written import unexpected_rows

    write_volume("F05", ROWS, tmp_path / "f05.csv", 0.0)
    depot = account.drop / "BANC" / "depot"
    shutil.copyfile(tmp_path / "f05.csv", depot / "F05_parcours_entreprises__BANC__2026-09__v1.csv")
    ours()
    with connect(account, "lakou_admin") as connection:
        loads = [load for (load,) in connection.execute("select load_id from ops.loads")]
        connection.commit()
        connection.autocommit = True
        connection.execute("vacuum analyze raw.f05_parcours_entreprises")
    assert inspect_loads(account, loads) == {}
    suites, statements = [], []
    for _ in range(ROUNDS):
        suites.append(seconds(lambda: inspect_loads(account, loads)))
        statements.append(seconds(lambda: unexpected_rows(account, load_contract("F05"), loads)))
    print()
    suite, statement = statistics.median(suites), statistics.median(statements)
    show("the same checks in hand-written SQL", ROWS, statement)
    show("Great Expectations' suite", ROWS, suite, f"{suite / statement:.2f} times the SQL (wanted: 1.5)")


def ours() -> dict[str, float]:
    """Take in what lies in the drop, in a process of its own, so that its memory can be told."""
    # where a program runs for years, what it imports was compiled before
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", RECEIVE], cwd=CHECKOUT, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def copy_as_text(settings: Settings, path: Path) -> None:
    """What PostgreSQL can do at best: COPY of the file as it is, hashed by nobody, judged by nobody."""
    with path.open("rb") as file, connect(settings, "lakou_admin") as connection:
        header = file.readline().decode("utf-8-sig").strip().split(";")
        columns = ", ".join(f'"{name}" text' for name in header)
        connection.execute(f"drop table if exists bench_text; create table bench_text ({columns})".encode())
        with (
            connection.cursor() as cursor,
            cursor.copy("copy bench_text from stdin (format csv, delimiter ';')") as copy,
        ):
            while block := file.read(BLOCK):
                copy.write(block)
        connection.commit()
        connection.execute("drop table bench_text")


def least(settings: Settings, contract: Contract, path: Path) -> None:
    """What no way through the drop does without: hashed and encrypted, read, keyed hashes, rows with their lineage copied.

    Nothing is judged, and nobody is answered.
    """
    pseudonymiser = Pseudonymiser(settings.secret("hmac.key").encode())
    with landing.nameless(path.stat().st_size) as clear, connect(settings, "lakou_admin") as connection:
        landing.stage(settings, path, clear)
        reading = open_reading(landing.path_of(clear), "csv", contract)
        places = {name: f"c{index}" for name, index in reading.header.positions.items()}
        kept = [name for name in kept_names(contract) if name in places]
        columns = [*kept, *(["person_key_1", "person_key_2", "person_key_3"] if contract.has_people else [])]
        fields = sql.SQL(", ").join(map(sql.Identifier, [*columns, "_row_number", "_row_hash"]))
        table = sql.Identifier("raw", contract.raw_table)
        connection.execute(
            "select set_config('lakou.load_id', '1', true), set_config('lakou.delivery_id', %s, true)", ["x"]
        )
        with (
            connection.cursor() as cursor,
            cursor.copy(sql.SQL("copy {} ({}) from stdin ({})").format(table, fields, sql.SQL(OPTIONS))) as copy,
        ):
            for batch in ahead(reading.batches()):
                cells = batch.cells
                lines = joined([(cells[places[name]], False) for name in kept])
                whole = lines
                if contract.has_people:
                    people = {
                        c.name: cells[places[c.name]] for c in contract.columns if c.is_personal and c.name in places
                    }
                    keys = pseudonymiser.person_keys(pl.DataFrame(people))
                    whole = (
                        pl.DataFrame([lines.alias("line"), *keys])
                        .select(pl.concat_str(pl.all(), ignore_nulls=True))
                        .to_series()
                    )
                    lines = joined([(lines, True), *((key, False) for key in keys)])
                hashes = pseudonymiser.hash_rows(whole).str.head(32)
                for block in blocks([(lines, True), (cells[ROW], True), (hashes, True)]):
                    copy.write(block)
        connection.rollback()


def first_lines(path: Path, count: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        for _ in range(count):
            yield file.readline()


def pandas_peer(settings: Settings, path: Path, _: Path) -> None:
    import pandas
    import sqlalchemy

    address = settings.dsn("lakou_admin").replace("postgresql://", "postgresql+psycopg2://")
    engine = sqlalchemy.create_engine(address)
    with engine.begin() as connection:
        pandas.read_csv(path, sep=";", dtype=str).to_sql("bench_pandas", connection, index=False)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("drop table bench_pandas"))
    engine.dispose()


def dlt_peer(settings: Settings, path: Path, work: Path) -> None:
    import dlt
    from pyarrow import csv

    with psycopg.connect(settings.dsn("lakou_admin"), autocommit=True) as connection:
        connection.execute("drop schema if exists bench_dlt cascade")
    table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=";"))
    pipeline = dlt.pipeline(
        f"bench_{dt.datetime.now(dt.UTC):%H%M%S%f}",
        pipelines_dir=str(work / "dlt"),
        destination=dlt.destinations.postgres(settings.dsn("lakou_admin")),
        dataset_name="bench_dlt",
    )
    pipeline.run(table, table_name="rows", loader_file_format="csv")
    with psycopg.connect(settings.dsn("lakou_admin"), autocommit=True) as connection:
        counted = connection.execute("select count(*) from bench_dlt.rows").fetchone()
        connection.execute("drop schema bench_dlt cascade")
    assert counted == (PEER_ROWS,)
