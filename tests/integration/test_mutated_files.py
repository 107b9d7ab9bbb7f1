"""A thousand files as no partner would send them: each gets its receipt, none stops or hangs the receiver."""

from __future__ import annotations

import io
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
import xlsxwriter

from ingestion.receive import receive
from ingestion.settings import Settings
from tests.integration.drop_box import RECEIVED_AT, SURNAMES, TODAY, DropBox, participations

FILES = 1_000
# taken together; a single file that hangs makes them all late
TOGETHER, LONGEST_SECONDS = 10, 30
CODECS = ("utf-16", "utf-16-be", "utf-32", "cp1252", "iso8859-15", "mac-roman", "cp850", "cp037", "utf-7", "shift-jis")
PIECES = (
    b"\0",
    b'"',
    b'""',
    b"'",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b";",
    b";;;;;;;;",
    b"\t",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"=1+1",
)

Mutation = Callable[[random.Random, bytes, bytes], bytes]


def flipped(pick: random.Random, data: bytes, _: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(pick.randint(1, 20)):
        changed[pick.randrange(len(changed))] ^= 1 << pick.randrange(8)
    return bytes(changed)


def truncated(pick: random.Random, data: bytes, _: bytes) -> bytes:
    return data[: pick.randrange(len(data))]


def beheaded(pick: random.Random, data: bytes, _: bytes) -> bytes:
    return data[pick.randrange(len(data)) :]


def concatenated(_: random.Random, data: bytes, other: bytes) -> bytes:
    return data + other


def re_encoded(pick: random.Random, data: bytes, _: bytes) -> bytes:
    return data.decode("utf-8-sig", "replace").encode(pick.choice(CODECS), "replace")


def decoded_twice(_: random.Random, data: bytes, __: bytes) -> bytes:
    return data.decode("cp1252", "replace").encode()


def pierced(pick: random.Random, data: bytes, _: bytes) -> bytes:
    for _ in range(pick.randint(1, 8)):
        at = pick.randrange(len(data) + 1)
        data = data[:at] + pick.choice(PIECES) + data[at:]
    return data


def repeated(pick: random.Random, data: bytes, _: bytes) -> bytes:
    start, end = sorted(pick.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[start:end] * pick.randint(1, 30) + data[end:]


def separated(pick: random.Random, data: bytes, _: bytes) -> bytes:
    return data.replace(b";", pick.choice((b",", b"\t", b"|", b" ", b";;", b'";"')), pick.randint(1, 400))


MUTATIONS: tuple[Mutation, ...] = (
    flipped, truncated, beheaded, concatenated, re_encoded, decoded_twice, pierced, repeated, separated,
)  # fmt: skip


def workbook(text: str) -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream) as book:
        sheet = book.add_worksheet("Participations")
        for index, line in enumerate(text.splitlines()):
            sheet.write_row(index, 0, line.split(";"))
    return stream.getvalue()


def originals() -> list[tuple[str, bytes]]:
    people = [(f"S{index % 4}", f"{SURNAMES[index % 4]}{chr(97 + index)}") for index in range(24)]
    text = participations(people)
    quoted = "\n".join(";".join(f'"{cell}"' for cell in line.split(";")) for line in text.splitlines())
    return [
        ("csv", text.encode("utf-8-sig")),
        ("csv", text.encode("cp1252")),
        ("csv", quoted.encode()),
        ("xlsx", workbook(text)),
    ]


@contextmanager
def no_longer_than(seconds: int) -> Iterator[None]:
    def give_up(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"still at it after {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.timeout(900)
def test_whatever_comes_is_answered_and_counted(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    box = DropBox(clean).open_account()
    box.put_sessions("S0", "S1", "S2")
    box.receive()
    pick = random.Random(972)
    kept = originals()
    names: dict[str, str] = {}
    for first in range(0, FILES, TOGETHER):
        for index in range(first, first + TOGETHER):
            extension, data = kept[index % len(kept)]
            mutation = MUTATIONS[index // len(kept) % len(MUTATIONS)]
            name = f"F02_participations__KABIA__2026-09__v{index + 1}.{extension}"
            names[name] = mutation.__name__
            box.put(name, mutation(pick, data, pick.choice(kept)[1]))
        with no_longer_than(LONGEST_SECONDS):
            summary = receive(clean, lambda _: RECEIVED_AT, quiet_seconds=0)
        assert not summary.failures, [(name, names[name]) for name in names][-TOGETHER:]

    left = [path.name for path in box.depot.iterdir()]
    assert not left, "a file that was answered is no longer in the drop"
    received = dict(
        box.all(
            "select d.file_name, count(r.delivery_id) from ops.deliveries as d left join ops.receipts as r"
            " using (delivery_id) where d.feed = 'F02' group by d.file_name"
        )
    )
    unanswered = [(name, kind) for name, kind in names.items() if not received.get(name)]
    assert not unanswered
    assert not [name for name in names if not (box.receipts / f"{name}.accuse.html").exists()]
    wrong = box.all(
        "select file_name, rows_received, rows_accepted, rows_awaiting, rows_rejected from ops.deliveries"
        " where rows_received <> rows_accepted + rows_awaiting + rows_rejected or state = 'RECU'"
    )
    assert not wrong
    uncounted = box.all(
        "select d.file_name, d.rows_accepted, count(r.*) from ops.deliveries as d left join raw.f02_participations as r"
        " on r._delivery_id = d.delivery_id where d.feed = 'F02' group by d.delivery_id"
        " having d.rows_accepted <> count(r.*)"
    )
    assert not uncounted
    states = dict(box.all("select state, count(*) from ops.deliveries where feed = 'F02' group by state"))
    assert set(states) == {"ACCEPTÉ AVEC RÉSERVES", "ACCEPTÉ", "REFUSÉ"} or set(states) == {
        "ACCEPTÉ AVEC RÉSERVES",
        "REFUSÉ",
    }, "the mutations are neither all harmless nor all deadly"
