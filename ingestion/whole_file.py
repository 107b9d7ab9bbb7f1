"""What only a whole file tells: rows that repeat or contradict one another, sums, courses, and how many came.

Batches are added as they come; nothing of a row is kept but 64 bits (and its line, where the one before does not tell it), and
the few values that sums and courses need, for the feeds that have such rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ingestion.contracts import PERSON, Contract, Sum
from ingestion.faults import REFUSED, WARNING, faults, no_faults
from ingestion.records import ROW

if TYPE_CHECKING:
    Hashes = np.ndarray[Any, np.dtype[np.uint64]]
    Lines = np.ndarray[Any, np.dtype[np.int32]]

PLACES_TOLERANCE = 1.2
# what the session or the event that rows refer to says of itself
PLACES, DECLARED = "object:places", "object:effectif_declare"
REPEATED = ("DOUBLON", "CLE-CONTRADICTOIRE")
SUMMED = "SOMME-QUOTES-PARTS"
# rounding of money and of hundredths
_ROUNDING = 1e-9


def key_of(rows: pl.DataFrame, contract: Contract) -> pl.Series:
    """One text for the key of each row; null where a part of it is missing that may not be."""
    names = ["_node" if name == PERSON else name for name in contract.key]
    parts = [pl.col(name).fill_null("") if name in contract.optional_key else pl.col(name) for name in names]
    return rows.select(pl.concat_str(parts, separator="\x1f").alias("key")).to_series()


def hashes_of(identity: pl.Series, key: pl.Series) -> pl.Series:
    """64 bits for what a row may share with another: its key, or without one its whole contents."""
    hashes = key.hash()
    if key.null_count():
        hashes = hashes.zip_with(key.is_not_null(), identity.hash())
    return hashes


def repetitions(numbers: pl.Series, identity: pl.Series, key: pl.Series) -> pl.DataFrame:
    """Rows repeated to the letter (from the second on), and rows that share a key and say different things (all).

    Args:
        identity, key: texts that tell contents and keys apart; a null key is no key.
    """
    rows = pl.DataFrame([numbers.alias(ROW), identity.alias("identity"), key.alias("key")])
    is_first = rows["identity"].is_first_distinct()
    found = [no_faults()]
    if not is_first.all():
        again = rows.with_columns(first=pl.col(ROW).first().over("identity")).filter(~is_first)
        found.append(faults(again[ROW], "", "DOUBLON", severity=REFUSED, detail=again["first"].cast(pl.String)))
    different = rows.filter(is_first)["key"].drop_nulls()
    is_shared = different.is_duplicated()
    if is_shared.any():
        clashing = rows.filter(pl.col("key").is_in(different.filter(is_shared).unique().implode()))
        found.append(faults(clashing[ROW], "", "CLE-CONTRADICTOIRE", severity=REFUSED))
    return pl.concat(found)


class Repeats:
    """Finds repeated rows and clashing keys over all batches, of which it keeps a line and a hash a row."""

    def __init__(self) -> None:
        # as a range where one line follows another
        self._lines: list[range | Lines] = []
        self._hashes: list[Hashes] = []
        self._only = no_faults()

    def add(self, numbers: pl.Series, identity: pl.Series, key: pl.Series) -> pl.DataFrame:
        """Take in one batch.

        Returns:
            What `repetitions` says of it alone.
        """
        hashes = hashes_of(identity, key)
        self._lines.append(_compact(numbers.to_numpy()))
        self._hashes.append(hashes.to_numpy())
        is_clear = hashes.n_unique() == hashes.len()
        self._only = no_faults() if is_clear else repetitions(numbers, identity, key)
        return self._only

    def faults(
        self, read_again: Callable[[pl.Series], Iterator[tuple[pl.Series, pl.Series, pl.Series]]]
    ) -> pl.DataFrame:
        """What `repetitions` would say of the whole file at once.

        Args:
            read_again: lines, identities and keys of the rows of some lines: equal hashes alone refuse nothing.
        """
        if len(self._lines) < 2:
            return self._only
        shared = _shared(self._hashes)
        if not len(shared):
            return no_faults()
        twice = [
            np.asarray(lines, np.int32)[np.isin(hashes, shared)]
            for lines, hashes in zip(self._lines, self._hashes, strict=True)
        ]
        lines = pl.Series(np.concatenate(twice), dtype=pl.Int32)
        parts = [
            pl.DataFrame([line.alias(ROW), text.alias("i"), key.alias("k")]) for line, text, key in read_again(lines)
        ]
        rows = pl.concat(parts)
        return repetitions(rows[ROW], rows["i"], rows["k"])


def _compact(lines: Lines) -> range | Lines:
    if len(lines) and int(lines[-1]) - int(lines[0]) == len(lines) - 1:
        return range(int(lines[0]), int(lines[-1]) + 1)
    return lines


def in_order(parts: Sequence[Hashes]) -> Iterator[Hashes]:
    """All the hashes in order, a sixteenth at a time, so that they are never all there twice."""
    for share in range(16):
        yield np.sort(np.concatenate([part[part >> np.uint64(60) == share] for part in parts]))


def _shared(parts: Sequence[Hashes]) -> Hashes:
    """Hashes that several rows have."""
    return np.concatenate([np.unique(some[1:][some[1:] == some[:-1]]) for some in in_order(parts)])


# ------------------------------------------------------------------------------------------ sums, courses and heads


def sums(rows: pl.DataFrame, rule: Sum) -> pl.DataFrame:
    """Total of each group of one batch, and its lines."""
    known = rows.filter(pl.col(rule.by).is_not_null() & pl.col(rule.column).is_not_null())
    number = pl.col(rule.column).cast(pl.Float64)
    return known.group_by(pl.col(rule.by).alias("group"), maintain_order=True).agg(
        total=number.sum(), lines=pl.col(ROW)
    )


def wrong_sums(groups: pl.DataFrame, rule: Sum) -> pl.DataFrame:
    """Faults of every row of the groups whose total is another than it should be."""
    wrong = groups.filter((pl.col("total") - rule.equals).abs() > rule.tolerance + _ROUNDING)
    rows = wrong.explode("lines")
    total = rows.select(_decimal(pl.col("total").round(6))).to_series()
    told = total + f" au lieu de {rule.equals:g} pour « " + rows["group"] + " »"
    return faults(rows["lines"], rule.column, SUMMED, severity=REFUSED, detail=told)


class Whole:
    """Sums, hierarchies, courses and head-counts over all batches, of the rows that nothing else refuses."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._sums: list[list[pl.DataFrame]] = [[] for _ in contract.sums]
        self._amounts: list[pl.DataFrame] = []
        self._steps: list[pl.DataFrame] = []
        self._heads: list[pl.DataFrame] = []

    def add_sums(self, rows: pl.DataFrame) -> None:
        """Take in the rows of one batch that no other rule refuses."""
        for groups, rule in zip(self._sums, self._contract.sums, strict=True):
            groups.append(sums(rows, rule))

    def add(self, rows: pl.DataFrame) -> None:
        """Take in the rows of one batch that are not refused."""
        contract = self._contract
        if contract.hierarchy is not None:
            own, parent, amount = contract.hierarchy
            self._amounts.append(rows.select(ROW, own=own, parent=parent, amount=pl.col(amount).cast(pl.Float64)))
        if contract.transitions is not None:
            column, order, date, course = contract.transitions
            step = pl.col(column).replace_strict(list(order), list(range(len(order))), default=None)
            day = pl.col(date).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
            one = pl.concat_str([pl.col(name).fill_null("") for name in course], separator="\x1f")
            self._steps.append(rows.select(ROW, course=one, step=step, day=day))
        if _counts_people(contract) and any(rows[name].null_count() < rows.height for name in (PLACES, DECLARED)):
            self._heads.append(_heads(rows, contract))

    def wrong_sums(self) -> list[pl.DataFrame]:
        """Faults of the groups of the whole file."""
        return [
            wrong_sums(_merged(groups), rule)
            for groups, rule in zip(self._sums, self._contract.sums, strict=True)
            if groups
        ]

    def warnings(self) -> list[pl.DataFrame]:
        """What is odd in the whole file, though no row is refused for it."""
        found = []
        if self._amounts:
            found.append(self._exceeded(pl.concat(self._amounts)))
        if self._steps:
            found.append(self._disordered(pl.concat(self._steps)))
        if self._heads:
            found += _crowds(pl.concat(self._heads), self._contract)
        return found

    def _exceeded(self, rows: pl.DataFrame) -> pl.DataFrame:
        assert self._contract.hierarchy is not None
        children = rows.group_by("parent").agg(total=pl.col("amount").sum(), count=pl.len())
        known = rows.join(children, left_on="own", right_on="parent", maintain_order="left")
        over = known.filter(pl.col("total") > pl.col("amount") + 0.005)
        told = over.select(
            pl.format("{} au total pour {}", _decimal(pl.col("total").round(2)), _decimal(pl.col("amount")))
        )
        return faults(
            over[ROW],
            self._contract.hierarchy[2],
            "SOMME-ENVELOPPE",
            severity=WARNING,
            value=over["own"],
            detail=told.to_series(),
        )

    def _disordered(self, rows: pl.DataFrame) -> pl.DataFrame:
        assert self._contract.transitions is not None
        ordered = rows.drop_nulls().sort("course", "step", ROW)
        before = pl.col("day").cum_max().shift(1).over("course")
        late = ordered.with_columns(before=before).filter(pl.col("day") < pl.col("before")).sort(ROW)
        day, told = (late[name].dt.strftime("%d/%m/%Y") for name in ("day", "before"))
        date = self._contract.transitions[2]
        return faults(late[ROW], date, "ETAPES-DESORDRE", severity=WARNING, value=day, detail=told)


def _merged(groups: Sequence[pl.DataFrame]) -> pl.DataFrame:
    merged = pl.concat(groups).group_by("group", maintain_order=True)
    return merged.agg(pl.col("total").sum(), pl.col("lines").list.explode())


def _counts_people(contract: Contract) -> bool:
    return any(column.name == "role" and "PARTICIPANT" in column.enum for column in contract.columns)


def _heads(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """People of each object in one batch: a key is never twice among rows that are taken, so that rows are people."""
    is_told = pl.col(PLACES).is_not_null() | pl.col(DECLARED).is_not_null()
    people = rows.filter(is_told & (pl.col("role").fill_null("PARTICIPANT") == "PARTICIPANT"))
    column = contract.reference
    assert column is not None
    assert column.references is not None
    by = pl.lit("") if column.references.by is None else pl.col(column.references.by)
    return people.group_by(by.alias("kind"), pl.col(column.name).alias("object"), maintain_order=True).agg(
        pl.col(ROW).min(),
        pl.col(PLACES, DECLARED).first().cast(pl.Float64),
        enrolled=pl.len(),
        came=(~pl.col("statut").is_in(["INSCRIT", "ABSENT"])).sum(),
    )


def crowds(rows: pl.DataFrame, contract: Contract) -> list[pl.DataFrame]:
    """What `Whole` says of the people of these rows, together."""
    return _crowds(_heads(rows, contract), contract) if _counts_people(contract) else []


def _crowds(heads: pl.DataFrame, contract: Contract) -> list[pl.DataFrame]:
    """One warning an object that has many more people than places, or more than it declares, at its first row."""
    every = heads.group_by("kind", "object", maintain_order=True).agg(
        pl.col(ROW).min(),
        pl.col("enrolled", "came").sum(),
        pl.col(PLACES, DECLARED).first(),
    )
    full = every.filter(pl.col("enrolled") > pl.col(PLACES) * PLACES_TOLERANCE).sort(ROW)
    more = every.filter(pl.col("came") > pl.col(DECLARED)).sort(ROW)
    told = full.select(pl.format("{} personnes pour {} places", "enrolled", pl.col(PLACES).cast(pl.Int64)))
    said = more.select(pl.format("{} personnes nommées pour {} déclarées", "came", pl.col(DECLARED).cast(pl.Int64)))
    column = contract.reference
    assert column is not None
    return [
        faults(
            full[ROW], column.name, "EFFECTIF-PLACES", severity=WARNING, value=full["object"], detail=told.to_series()
        ),
        faults(
            more[ROW], column.name, "EFFECTIF-DECLARE", severity=WARNING, value=more["object"], detail=said.to_series()
        ),
    ]


def _decimal(number: pl.Expr) -> pl.Expr:
    """A number as French writes it."""
    return number.cast(pl.String).str.strip_suffix(".0").str.replace(".", ",", literal=True)
