"""What reading a file gives, whatever its format: records of text with their lines, and what was not understood."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ingestion.errors import BlockedFile

if TYPE_CHECKING:
    import polars as pl

ROW = "_row_number"
# text of a cell whose formula has no stored value: no person can type this character
NO_VALUE = "\x1aFORMULE"
# records looked at to find the header
HEADER_SEARCH = 30
# rows that a sheet may have
WORKBOOK_ROWS = 1_048_576
# a remark that refuses the file: where it is found, the tool that exported it is not known yet
LOSSY = "EXPORT-APPAUVRI"
TRUNCATED = "ENREGISTREMENT-TRONQUE"


@dataclass(frozen=True, slots=True)
class Remark:
    """What reading noticed: `rule_id`, `severity` (AVERTISSEMENT or NOTE), French `message` and `remedy`."""

    row_number: int
    column: str
    value: str
    rule_id: str
    severity: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """A record that is no row of the table, and why (`reason`, French, without a full stop)."""

    row_number: int
    text: str
    cells: list[str]
    reason: str
    rule_id: str = TRUNCATED


@dataclass(frozen=True, slots=True)
class Block:
    """Some records that follow one another: text columns `c0`, `c1`… and `_row_number`, and those cut short."""

    cells: pl.DataFrame
    cuts: list[Cut]
    remarks: list[Remark]


@dataclass(frozen=True, slots=True)
class Head:
    """The first records of a file, as cells, and the line of each."""

    records: list[list[str]]
    lines: list[int]


@dataclass(frozen=True, slots=True)
class Source:
    """A table found in a file, before its header is known.

    Args:
        head: its first records.
        remarks: what was noticed so far.
        blocks: records from the one of that index in `head` on, as tables of that many columns; a fresh pass each call.
    """

    head: Head
    remarks: list[Remark]
    blocks: Callable[[int, int], Iterator[Block]]


@lru_cache(maxsize=4096)
def normal(text: str) -> str:
    """A header's cell as it is compared: lower case, no accents, words of letters and digits with single spaces."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe").replace("æ", "ae"))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return " ".join(re.findall(r"[a-z0-9]+", plain))


def no_cells(names: Sequence[str]) -> pl.DataFrame:
    """An empty table of text columns and line numbers."""
    import polars as pl

    return pl.DataFrame(schema={**dict.fromkeys(names, pl.String), ROW: pl.Int32})


def column_names(width: int) -> list[str]:
    """`c0`, `c1`…"""
    return [f"c{index}" for index in range(width)]


def cuts_frame(cuts: Iterable[Cut]) -> pl.DataFrame:
    """Records cut short as a table: `_row_number`, `text`, `rule_id`, `reason` and `cells` (a list)."""
    import polars as pl

    schema: dict[str, pl.DataType] = {
        ROW: pl.Int32(),
        **dict.fromkeys(("text", "rule_id", "reason"), pl.String()),
        "cells": pl.List(pl.String),
    }
    rows = [(cut.row_number, cut.text, cut.rule_id, cut.reason, cut.cells) for cut in cuts]
    return pl.DataFrame(rows, schema=schema, orient="row").sort(ROW, maintain_order=True)


def width_reason(found: int, width: int) -> str:
    """Why a record of `found` cells is no row of a table of `width` columns."""
    return f"{found} cellule{'s' if found > 1 else ''} au lieu de {width}"


def empty(what: str) -> BlockedFile:
    """FICHIER-VIDE, to raise."""
    return BlockedFile(
        "FICHIER-VIDE",
        what,
        "S'il n'y a rien à déclarer, déposez le modèle avec sa seule ligne d'en-tête ; sinon, vérifiez-le.",
    )


def unreadable(what: str, remedy: str) -> BlockedFile:
    """FICHIER-ILLISIBLE, to raise."""
    return BlockedFile("FICHIER-ILLISIBLE", what, remedy)
