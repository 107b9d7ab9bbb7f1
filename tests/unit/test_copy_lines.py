"""Lines of COPY and columns read batch by batch: fast ways that may change nothing."""

from __future__ import annotations

import random

import polars as pl
import pytest

from ingestion import cells, csv_records
from ingestion.cells import Readers
from ingestion.contracts import load_contract
from ingestion.copy_lines import blocks, joined
from ingestion.forms import plain_form


def test_lines_are_what_copy_takes() -> None:
    texts = pl.Series(["a", None, "back\\slash", "tab\tand\nline\r", "é" * 100_000])
    numbers = pl.Series([1, 2, 3, 4, 5], dtype=pl.Int32)
    ready = joined([(texts, False), (numbers, True)])
    written = b"".join(blocks([(ready, True), (pl.Series(["x"] * 5), True)])).decode()
    first = ["a\t1\tx", "\t2\tx", "back\\\\slash\t3\tx", "tab\\tand\\nline\\r\t4\tx", "é" * 100_000 + "\t5\tx"]
    assert written == "".join(f"{line}\n" for line in first)
    assert list(blocks([(ready.clear(), True)])) == []
    # a number may be the last of a line
    assert b"".join(blocks([(numbers, True)])).decode() == "1\n2\n3\n4\n5\n"


@pytest.mark.parametrize("kept", [3, 100_000])
@pytest.mark.parametrize("name", ["siren", "date_diagnostic", "taille_effectif", "entreprise_individuelle"])
def test_batches_are_read_as_the_whole_is(monkeypatch: pytest.MonkeyPatch, name: str, kept: int) -> None:
    form = plain_form(load_contract("F05").column(name))
    known = (
        "732829320",
        "732829321",
        "2026-03-04",
        "04/03/2026",
        "31/02/2026",
        "1-9",
        "de 1 à 9",
        "oui",
        "x",
        "",
        "NC",
    )
    chosen = random.Random(7)
    texts = pl.Series("c", [chosen.choice(known) for _ in range(600)])
    whole = Readers().read({name: texts}, {name: form}, texts.len())[name]
    monkeypatch.setattr(cells, "BIG", 0)
    monkeypatch.setattr(cells, "KEPT_VALUES", kept)
    readers = Readers()
    parts = [
        readers.read({name: part}, {name: form}, part.len())[name]
        for part in texts.to_frame().iter_slices(50)
        for part in part
    ]
    every = [pl.int_range(part.rows("trim").len(), dtype=pl.UInt32, eager=True) for part in parts]
    for kind in cells.KINDS:
        found = pl.concat([part.at(kind, rows) for part, rows in zip(parts, every, strict=True)])
        expected = whole.at(kind, pl.int_range(texts.len(), dtype=pl.UInt32, eager=True))
        assert found.to_list() == expected.to_list(), kind
    # what it says of itself holds for every batch, whatever other batches had
    for part in parts:
        assert part.has("fault") == (part.at("fault", every[0]).null_count() < 50)


def test_the_fastest_reader_gives_what_the_strict_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "FEW_BYTES", 0)
    split, used = csv_records._split, [0]

    def counted(piece: csv_records._Piece, names: list[str]) -> pl.DataFrame | None:
        found = split(piece, names)
        used[0] += found is not None
        return found

    monkeypatch.setattr(csv_records, "_split", counted)
    chosen = random.Random(11)
    known = ("a", "é", "", "x y", '"q"', "l1\nl2", "l1\r\nl2", ";", '""', "\t", " ", "\ufeff", "#", "NA", "null")
    for _ in range(300):
        width, end = chosen.randint(2, 5), chosen.choice(["\n", "\r\n"])
        rows = []
        for _ in range(chosen.choice([1, 3, 100])):
            texts = chosen.choices(known, k=width + chosen.choice([-1, 1]) * (chosen.random() < 0.01))
            rows.append(";".join(csv_records._quoted(text, ";") for text in texts))
        data = end.join(rows).encode()
        reader = csv_records._Reader(
            csv_records._Text(lambda: None, "utf-8", 0, has_nuls=False), csv_records.Dialect(";"), width
        )  # type: ignore[arg-type,return-value]
        piece = reader._take(data, 1, is_final=True)
        fast = csv_records._parse(piece, width)
        piece.is_even = False
        strict = csv_records._parse(piece, width)
        assert fast[0].equals(strict[0])
        assert fast[1] == strict[1]
    assert used[0] > 100
