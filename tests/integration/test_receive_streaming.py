"""A long file is loaded batch by batch, and nobody can tell."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from ingestion import receive as receiving
from ingestion.errors import BlockedFile
from ingestion.pipelining import ahead
from ingestion.settings import CHECKOUT, Settings
from tests.integration.drop_box import TODAY, DropBox, participations, sessions

PEOPLE = 300
ROWS = """
    select to_jsonb(r) - '{_load_id,_delivery_id,_loaded_at,_object_partner_code}'::text[]
    from raw.f02_participations as r inner join ops.deliveries as d on d.delivery_id = r._delivery_id
    where d.partner_code = %s order by r._row_number
"""
REFUSED = """
    select row_number, column_name, rule_id, value, message, row_values from quarantine.rejected_rows
    inner join ops.deliveries using (delivery_id) where partner_code = %s order by 1, 2, 3
"""
WAITING = """
    select row_number, awaited_feed, awaited_id, awaited_column, row_values from quarantine.awaiting_rows
    inner join ops.deliveries using (delivery_id) where partner_code = %s order by 1
"""
COUNTS = """
    select rows_received, rows_accepted, rows_awaiting, rows_rejected, state,
        (select count(*) from raw.f02_participations as r where r._delivery_id = d.delivery_id),
        (select rows_accepted from ops.loads as l where l.delivery_id = d.delivery_id)
    from ops.deliveries as d where feed = 'F02' and partner_code = %s
"""


@pytest.fixture
def boxes(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[DropBox, DropBox]:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    return DropBox(clean, "ENTIER").open_account(), DropBox(clean, "MORCEAUX").open_account()


def long_file() -> str:
    """Rows of every fate, and pairs far from each other that only the whole file tells."""
    letters = "abcdefghijklmnopqrst"
    rows = [("S1", f"Nom{letters[n % 20]}{letters[n // 20]}") for n in range(PEOPLE)]
    lines = participations(rows).splitlines()
    lines[50] = lines[50].replace("S1;", "S9;", 1)
    lines[200] = lines[200].replace(";F;", ";Q;")
    # the same to the letter, and the same person with another duration
    lines += [lines[5], lines[7].replace(";TERMINE;6", ";TERMINE;5"), "S1;coupee"]
    return "\n".join([*lines, ""])


def test_many_small_batches_load_what_one_does(boxes: tuple[DropBox, DropBox], monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[bool] = []
    batches: list[int] = []

    class Watched(receiving.FileJudge):
        def __init__(self, reading: Any, context: Any, facts: Any = None) -> None:
            super().__init__(reading, context, facts)
            passes.append(facts is not None)

        def __iter__(self) -> Any:
            for count, judgement in enumerate(super().__iter__()):
                batches.append(count)
                yield judgement

    monkeypatch.setattr(receiving, "FileJudge", Watched)
    whole, pieces = boxes
    for box in boxes:
        box.put_sessions("S1")
    whole.put(f"F02_participations__{whole.code}__2026-09__v1.csv", long_file())
    whole.receive()
    assert max(batches) == 1, "one batch and what the whole file tells"
    assert not any(passes)
    batches.clear()

    monkeypatch.setattr("ingestion.csv_records.CHUNK", 4_096)
    monkeypatch.setattr("ingestion.landing.IN_MEMORY", 4_096)
    pieces.put(f"F02_participations__{pieces.code}__2026-09__v1.csv", long_file())
    pieces.receive()
    assert max(batches) > 5
    assert any(passes), "what the last rows tell of the first ones makes it judge again"
    for query in (ROWS, REFUSED, WAITING, COUNTS):
        assert pieces.all(query, pieces.code) == whole.all(query, whole.code)
    received, accepted, awaiting, refused, _, rows, loaded = pieces.one(COUNTS, pieces.code)
    assert (received, awaiting, refused) == (PEOPLE + 3, 1, 5)
    assert accepted == rows == loaded == received - awaiting - refused
    names = [f"F02_participations__{box.code}__2026-09__v1.csv" for box in boxes]
    assert pieces.receipt_lines(names[1]) == whole.receipt_lines(names[0])
    given = [f"F02_participations__{box.code}__2026-09__v1.rejets1.xlsx" for box in boxes]
    assert pieces.rows_given_back(pieces.receipts / given[1]) == whole.rows_given_back(whole.receipts / given[0])


def test_rows_that_wait_are_settled_in_parts(boxes: tuple[DropBox, DropBox], monkeypatch: pytest.MonkeyPatch) -> None:
    box = boxes[0]
    monkeypatch.setattr("ingestion.loading.SETTLED_ROWS", 2)
    box.put_people(*(("S9", f"Nom{letter}") for letter in "abcdefg"))
    box.receive()
    assert box.one("select rows_awaiting from ops.deliveries") == 7
    box.put_sessions("S9")
    summary = box.receive()
    assert (summary.settled, summary.loads) == (7, 2)
    assert box.one("select rows_accepted, rows_awaiting from ops.deliveries where feed = 'F02'") == (7, 0)
    assert box.one("select count(*), count(distinct _load_id) from raw.f02_participations") == (7, 1)
    assert box.one("select rows_accepted from ops.loads where kind = 'ATTENTE_RESOLUE'") == 7


def test_refusals_are_written_as_they_come(boxes: tuple[DropBox, DropBox], monkeypatch: pytest.MonkeyPatch) -> None:
    box = boxes[0]
    monkeypatch.setattr("ingestion.loading.PENDING_ROWS", 3)
    monkeypatch.setattr("ingestion.csv_records.CHUNK", 1_024)
    monkeypatch.setattr("ingestion.receipts.KEPT_FINDINGS", 4)
    box.put_sessions("S1")
    name = f"F02_participations__{box.code}__2026-09__v1.csv"
    box.put(
        name,
        participations([("S1", f"Nom{letter},{'Q' if letter in 'bdfhjln' else 'F'}") for letter in "abcdefghijklmn"]),
    )
    box.receive()
    assert box.one("select count(*) from quarantine.rejected_rows") == 7
    assert box.one("select count(*) from raw.f02_participations") == 7
    rules = box.one(
        "select body -> 'rules' from ops.receipts inner join ops.deliveries using (delivery_id) where feed = 'F02'"
    )
    assert {(rule["rule_id"], rule["findings"], rule["rows"]) for rule in rules} == {("LISTE", 7, 7)}, (
        "exact all the same"
    )


def test_a_long_file_says_how_far_it_is(boxes: tuple[DropBox, DropBox], monkeypatch: pytest.MonkeyPatch) -> None:
    box, said = boxes[0], []
    monkeypatch.setattr("ingestion.csv_records.CHUNK", 4_096)
    monkeypatch.setattr(receiving, "SECONDS_BETWEEN_LINES", 0.0)
    name = f"F01_sessions_formation__{box.code}__2026-09__v1.csv"
    box.put(name, sessions([f"S{number}" for number in range(500)]))
    receiving.receive(box.settings, progress=said.append, quiet_seconds=0)
    steps = [line for line in said if line.startswith(f"{box.code}/{name}: ") and " rows in " in line]
    assert len(steps) > 2
    assert steps[-1].startswith(f"{box.code}/{name}: 500 rows in ")
    said.clear()
    monkeypatch.setattr(receiving, "SECONDS_BETWEEN_LINES", 2.0)
    box.put(name.replace("v1", "v2"), sessions([f"S{number}" for number in range(500)]))
    receiving.receive(box.settings, progress=said.append, quiet_seconds=0)
    assert not [line for line in said if " rows in " in line], "nothing is said of a file that takes no time"


def test_a_file_that_breaks_half_way_leaves_no_row(
    boxes: tuple[DropBox, DropBox], monkeypatch: pytest.MonkeyPatch
) -> None:
    box = boxes[0]
    monkeypatch.setattr("ingestion.csv_records.CHUNK", 4_096)
    monkeypatch.setattr("ingestion.landing.IN_MEMORY", 4_096)
    judge = receiving.FileJudge.__iter__

    def broken(self: Any) -> Any:
        for count, judgement in enumerate(judge(self)):
            if count == 3:
                raise ValueError("Zyzomyst")
            yield judgement

    monkeypatch.setattr(receiving.FileJudge, "__iter__", broken)
    name = f"F01_sessions_formation__{box.code}__2026-09__v1.csv"
    box.put(name, sessions([f"S{number}" for number in range(500)]))
    (failure,) = box.receive().failures
    assert "a fault of ours" in failure
    assert "Zyzomyst" not in failure, "no cell goes to a log"
    assert box.one("select count(*) from raw.f01_sessions_formation") == 0
    assert box.one("select count(*) from ops.loads") == 0
    monkeypatch.setattr(receiving.FileJudge, "__iter__", judge)
    assert box.receive().rows_accepted == 500


def test_memory_is_flat(boxes: tuple[DropBox, DropBox]) -> None:
    """Twice the rows take little more memory: what is kept of a row is its hashes."""
    script = (
        "from ingestion.receive import receive; from ingestion.settings import load_settings;"
        # getrusage would tell the peak of the process that started this one, where that is higher
        "receive(load_settings(), quiet_seconds=0); status = open('/proc/self/status').read();"
        "print(int(status.split('VmHWM:')[1].split()[0]) // 1024)"
    )
    peaks = []
    for box, rows in zip(boxes, (100_000, 300_000), strict=True):
        assert box.code
        header, row = sessions(["S"]).splitlines()
        text = "\n".join([header, *(row.replace("S;", f"S{number};", 1) for number in range(rows)), ""])
        box.put(f"F01_sessions_formation__{box.code}__2026-09__v1.csv", text)
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=CHECKOUT, env=os.environ, capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout))
        assert (
            box.one(
                "select count(*) from raw.f01_sessions_formation as r where r._delivery_id like %s", f"F01-{box.code}%"
            )
            == rows
        )
    assert peaks[1] - peaks[0] < 120, f"{peaks} MB"
    assert peaks[1] < 500, f"{peaks} MB"


def test_things_are_made_ahead_and_failures_come_in_their_place() -> None:
    made: list[int] = []

    def things() -> Any:
        for number in range(6):
            made.append(number)
            yield number
        raise BlockedFile("X", "what", "remedy")

    used: list[int] = []

    def use() -> None:
        for number in ahead(things(), most=2):
            used.append(number)
            assert len(made) <= len(used) + 3, "bounded"

    with pytest.raises(BlockedFile):
        use()
    assert used == list(range(6))


def test_a_producer_that_nobody_listens_to_stops() -> None:
    import threading

    before = threading.active_count()
    endless = iter(int, 1)
    for _ in ahead(endless):
        break
    assert threading.active_count() == before
