"""The drop as a hostile place: names, links, full disks, clocks, thousands of files."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ingestion import drop, landing
from ingestion.database import connect
from ingestion.receive import receive
from ingestion.settings import Settings
from tests.integration.drop_box import RECEIVED_AT, TODAY, DropBox, sessions

F01 = "F01_sessions_formation__KABIA__2026-09__v1.csv"


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> DropBox:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    return DropBox(clean).open_account()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"bad\x1b[2Jname.csv", "bad[U+001B][2Jname.csv"),
        ("F01__KABIA__2026-09__v1\u202evsc.csv".encode(), "F01__KABIA__2026-09__v1[U+202E]vsc.csv"),
        ("invi\u200bsible.csv".encode(), "invi[U+200B]sible.csv"),
        (b"latin-\xe9t\xe9.csv", "latin-[U+DCE9]t[U+DCE9].csv"),
        (b"line\nbreak.csv", "line[U+000A]break.csv"),
        (b"a..;drop table ops.deliveries;--.csv", "a..;drop table ops.deliveries;--.csv"),
        (b"$(reboot)`id`'\"<script>alert(1)<script>.csv", "$(reboot)`id`'\"<script>alert(1)<script>.csv"),
        (b"%s%n{0}{x.__class__}.csv", "%s%n{0}{x.__class__}.csv"),
        ("é".encode() * 120 + b".csv", None),
        (b"=cmd|calc.csv", "=cmd|calc.csv"),
        ("e\u0301te\u0301 2026.csv".encode(), "e\u0301te\u0301 2026.csv"),
    ],
)
def test_a_name_is_answered_as_it_can_be_shown(box: DropBox, name: bytes, shown: str | None) -> None:
    path = os.fsencode(box.depot) + b"/" + name
    Path(os.fsdecode(path)).write_text(sessions(["S1"]))
    summary = box.receive()
    assert (summary.files, summary.refused, summary.failures) == (1, 1, ())
    kept = box.one("select file_name from ops.deliveries")
    assert shown is None or kept == shown
    assert len(kept.encode()) <= drop.LONGEST_NAME
    page = box.receipt(kept)
    assert "<script>alert" not in page
    assert (box.settings.drop / "KABIA" / "traites" / os.fsdecode(name)).exists()
    assert "<script>alert" not in (box.receipts / "index.html").read_text(encoding="utf-8")


def test_two_names_that_look_the_same_are_told_apart(box: DropBox) -> None:
    for number, name in enumerate((F01, F01.replace("KABIA", "KAB\u200bIA"))):
        (box.depot / name).write_text(sessions([f"S{number}"]))
    box.receive()
    assert box.states() == {F01: "ACCEPTÉ", F01.replace("KABIA", "KAB[U+200B]IA"): "REFUSÉ"}


def test_the_same_name_twice_in_one_run_is_two_deliveries(box: DropBox) -> None:
    box.put_sessions("S1")
    scan = drop.scan

    def twice(*arguments: object) -> list[drop.Dropped]:
        found = scan(*arguments)  # type: ignore[arg-type]
        # another file takes its place once it was seen
        box.put_sessions("S1", "S2")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drop, "scan", twice)
        assert box.receive().accepted == 0, "it is no longer the file that was quiet"
    assert box.receive().accepted == 1
    assert box.one("select rows_accepted from ops.deliveries") == 2


def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_run(
    box: DropBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = box.put_sessions("S1")
    stage = landing.stage

    def overwritten(*arguments: object) -> landing.Landed:
        staged = stage(*arguments)  # type: ignore[arg-type]
        path.write_text(sessions(["S1", "S2"]))
        return staged

    with monkeypatch.context() as patch:
        patch.setattr(landing, "stage", overwritten)
        (failure,) = box.receive().failures
    assert "changed while it was read" in failure
    assert box.all("select 1 from ops.deliveries") == []
    assert box.receive().rows_accepted == 2


def test_a_link_put_in_place_of_a_file_is_not_followed(box: DropBox, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(sessions(["SECRET"]))
    box.put_sessions("S1")
    scan = drop.scan

    def swapped(*arguments: object) -> list[drop.Dropped]:
        found = scan(*arguments)  # type: ignore[arg-type]
        (box.depot / F01).unlink()
        (box.depot / F01).symlink_to(secret)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drop, "scan", swapped)
        patch.setattr(drop, "is_unchanged", lambda _: True)
        (failure,) = box.receive().failures
    assert "SECRET" not in failure
    assert box.all("select 1 from ops.deliveries") == []
    assert not list(box.settings.home.glob("landing/**/*.age")) or box.receive().files == 0


def test_a_folder_that_cannot_be_read_stops_no_other(box: DropBox) -> None:
    other = DropBox(box.settings, "LAB-SUD").open_account()
    box.depot.rename(box.depot.with_name("away"))
    box.depot.write_text("no folder")
    other.put_sessions("S1")
    assert other.receive().accepted == 1


def test_where_nothing_can_be_set_aside_nothing_is_taken_twice(box: DropBox) -> None:
    box.put_sessions("S1")
    taken = box.settings.drop / "KABIA" / "traites"
    taken.rmdir()
    taken.write_text("no folder")
    summary = box.receive()
    assert "traites cannot be written" in summary.failures[0]
    assert summary.accepted == 1, "its bytes are landed: it is judged all the same"
    assert box.receive().rows_accepted == 0
    taken.unlink()
    summary = box.receive()
    assert (summary.failures, summary.repeated) == ((), 1)
    assert "déjà été reçu" not in box.receipt(F01), "it was sent once"
    assert box.one("select count(*) from raw.f01_sessions_formation") == 1
    assert box.one("select count(*) from ops.receipts") == 1


def test_what_was_taken_is_deleted_after_thirty_days(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    box.put_sessions("S1")
    box.receive()
    taken = box.settings.drop / "KABIA" / "traites" / F01
    now = time.time()
    assert drop.purge(box.settings, ["KABIA"], now + 29 * 86_400) == 0
    # the date that a client gave the file is not that of its taking
    os.utime(taken, (0, 0))
    assert drop.purge(box.settings, ["KABIA"], now + 29 * 86_400) == 0
    assert taken.exists()
    assert drop.purge(box.settings, ["KABIA"], now + 31 * 86_400) == 1
    assert not taken.exists()
    assert box.one("select count(*) from ops.landing_files where wrapped_key is not null") == 1


def test_what_a_stopped_writer_left_is_deleted(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    left, other = box.receipts / f".{'0a' * 12}.tmp", box.receipts / ".autre.tmp"
    for path in (left, other):
        path.write_text("<html>")
        os.utime(path, (0, 0))
    now = time.time()
    assert drop.sweep_unfinished(box.settings, ["KABIA"], now + 50) == 0, "somebody may be writing to it"
    assert drop.sweep_unfinished(box.settings, ["KABIA", "NOBODY"], now + 70) == 1
    assert (left.exists(), other.exists()) == (False, True)
    left.write_text("<html>")
    monkeypatch.setattr(drop, "UNFINISHED_SECONDS", -1.0)
    box.receive()
    assert not left.exists()


def test_landed_files_that_no_delivery_refers_to_are_deleted(box: DropBox) -> None:
    box.put_sessions("S1")
    box.receive()
    (kept,) = box.settings.home.glob("landing/**/*.age")
    for orphan in ("KABIA/ab/abcd.age", "arriving/0123.age"):
        path = box.settings.home / "landing" / orphan
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    box.receive()
    assert len(list(box.settings.home.glob("landing/**/*.age"))) == 3, "once a day is enough"
    box.all("update ops.settings set value = '2026-01-01' where name = 'drop_tidied_on' returning 1")
    box.receive()
    assert list(box.settings.home.glob("landing/**/*.age")) == [kept]


def test_what_a_killed_receiver_was_storing_is_deleted_by_the_next_one(box: DropBox) -> None:
    path = box.settings.home / "landing" / "arriving" / "0123.age"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    box.put_sessions("S1")
    box.receive()
    assert not path.exists()


def test_contents_whose_key_was_destroyed_are_landed_anew(box: DropBox) -> None:
    contents = box.put_sessions("S1").read_bytes()
    box.receive()
    path = box.one("select path from ops.landing_files")
    with connect(box.settings) as connection:
        landing.destroy_key(connection, path)
    box.put(F01, contents)
    assert box.receive().repeated == 1
    box.put(F01.replace("v1", "v2"), contents)
    assert box.receive().accepted == 1
    second, key = box.one("select path, wrapped_key from ops.landing_files where wrapped_key is not null")
    assert second != path
    with landing.open_landed(box.settings, second, key) as clear:
        assert clear.read_bytes() == contents


def test_a_clock_set_wrong_stops_nothing(box: DropBox) -> None:
    for month, moment in (("2026-07", 0), ("2026-08", 2**31 - 10)):
        date = f"{month}-05"
        path = box.put_sessions(f"S{month}", period=month, date_debut=date, date_fin=date)
        os.utime(path, (moment, moment))
    assert receive(box.settings, lambda _: RECEIVED_AT, quiet_seconds=0.2).accepted == 2


def test_ten_seconds_are_enough_for_many_small_files(box: DropBox) -> None:
    """A guard against work that grows with what lies beside a file; the cost of one is measured by the benchmark."""
    files = 60
    others = [DropBox(box.settings, f"PETIT-{number}").open_account() for number in range(3)]
    for number in range(files):
        month = f"{2025 + number % 20 // 12}-{1 + number % 20 % 12:02d}"
        date = f"{month}-05"
        others[number // 20].put_sessions(f"S{number}", period=month, date_debut=date, date_fin=date)
    summary = box.receive()
    assert summary.failures == ()
    assert sum((summary.accepted, summary.reserved)) == files
    assert box.one("select count(*) from raw.f01_sessions_formation") == files
    assert box.one("select count(*) from ops.receipts") == files
