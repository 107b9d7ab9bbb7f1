"""Complementary suppression: which cells must be hidden so that no hidden one can be worked out.

What hides a cell by itself (few people, few firms, one firm that dominates) is a state that the marts compute. Here the
cells that would give it back are hidden too: by subtraction between margins and periods, together with what the former
publication showed, and for a partner who knows its own rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

CELL = (
    "programme_code",
    "indicator_code",
    "measure",
    "period_grain",
    "period_start",
    "territory_level",
    "territory_code",
    "partner_code",
    "axis",
    "member",
)
# what adds up; `heads` is how far an interval goes beyond its value, where that is a count of its own
FIGURES = ("n", "numerator", "denominator", "value", "heads")
GRAINS = ("month", "quarter", "semester", "year")
# published figures are rounded to six decimals
ROUNDING = 1e-6
# a random solution's part at a cell that the equations determine is zero up to this
ZERO = 1e-6
# a count known to within less than this is known
NARROW = 1
PARTS, PARTNERS, SAME = 0, 1, 2
# how many combinations of equations are looked into at once
AT_ONCE = 100
# and how many cells each gets
BY_COMBINATION = 3


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of one publication, and of the former one what has changed since, as arrays of one length.

    Args:
        figures: one row per name of `FIGURES`, 0 where there is none.
        is_used: whether a figure is one of its own (not the copy of another, and additive at all); as `figures`.
        known: whether everybody has read a figure before; as `figures`.
        hidden: suppressed already.
        primary: hidden by what it is, not for the sake of others.
        fixed: may not be hidden any more: the former publication's, or shown by it and unchanged.
        rank: what goes first when something must go: the detail before the totals.
        smallest: fewest people (or firms) that a disclosed sum may be of.
        most: what n can be at most in a cell of that state, as far as a reader knows.
        of_people: of people, not of firms.
        dominated: hidden because one firm gives nearly all of it.
        partner: number of the partner whose own figures they are, -1 for everybody's.
        own, alone: people (firms) of a cell with a row of each partner, and with rows of that partner only: a column
            a partner.
        counts_entities: whether the value is the count itself, so that nothing is summed over people.
        dominance: largest share of a disclosed sum that may be of one firm, from 0 to 1; the same for all.
    """

    figures: Floats
    is_used: Bools
    known: Bools
    hidden: Bools
    primary: Bools
    fixed: Bools
    rank: Ints
    smallest: Floats
    most: Floats
    of_people: Bools
    dominated: Bools
    partner: Ints
    own: csr_array
    alone: csr_array
    counts_entities: Bools
    dominance: float

    @property
    def count(self) -> int:
        """How many cells."""
        return len(self.hidden)


@dataclass(frozen=True, slots=True)
class Equations:
    """Sums that hold among figures: the parts (+1) less their total (-1) are zero. A variable is figure x cell.

    Args:
        equation, variable, sign: one element an entry, by equation.
        kind: of each equation: parts of a whole, what partners contribute, or the same figure twice.
        adds_people: whether the people of the parts add up too, so that none is in two parts.
    """

    equation: Ints
    variable: Ints
    sign: Ints
    kind: Ints
    adds_people: Bools

    @property
    def count(self) -> int:
        """How many equations."""
        return len(self.kind)

    def only(self, kept: Bools) -> Equations:
        """The equations that a mask keeps, numbered anew."""
        import numpy as np

        number = np.cumsum(kept) - 1
        entries = kept[self.equation]
        return Equations(
            number[self.equation[entries]],
            self.variable[entries],
            self.sign[entries],
            self.kind[kept],
            self.adds_people[kept],
        )


# ------------------------------------------------------------------------------------------------------- the equations


def relations(frame: pl.DataFrame, parents: pl.DataFrame, cells: Cells) -> Equations:
    """Every linear relation that the cells' own figures satisfy.

    Args:
        frame: `CELL`, `aggregation` and `timing`, in the order of `cells`.
        parents: `territory_level, territory_code, parent_code` of the communes, each in its EPCI.
        cells: the same cells as arrays.
    """
    import numpy as np
    import polars as pl

    keyed = frame.select(*CELL, "aggregation", "timing").with_columns(
        pl.struct(*_MARGIN).rank("dense").cast(pl.Int64).sub(1).alias("margin")
    )
    margins = keyed.unique("margin").sort("margin").select("margin", *_MARGIN)
    periods = _periods(keyed)
    keyed = keyed.join(periods.select("period_grain", "period_start", "period"), on=["period_grain", "period_start"],
                       how="left", maintain_order="left")  # fmt: skip
    width = periods.height
    flat = np.full(margins.height * width, -1, dtype=np.int64)
    flat[keyed["margin"].to_numpy() * width + keyed["period"].to_numpy()] = np.arange(cells.count)
    lookup: Ints = flat.reshape(margins.height, width)
    groups = [
        *_margin_groups(margins, parents, lookup),
        _time_groups(keyed, periods, lookup),
    ]
    found = [_exact(cells, *group) for group in groups]
    found.append(_last_periods(keyed, periods, lookup, cells))
    found.append(_same_figures(keyed, cells))
    found.append(_attributed(margins, lookup))
    found.append(_shares(keyed, margins, lookup, cells))
    return joined(found)


_MARGIN = ("programme_code", "indicator_code", "measure", "territory_level", "territory_code",
           "partner_code", "axis", "member")  # fmt: skip


def joined(several: Sequence[Equations]) -> Equations:
    """One set of equations out of several."""
    import numpy as np

    starts = np.cumsum([0, *(one.count for one in several)])[:-1]
    return Equations(
        np.concatenate([one.equation + start for one, start in zip(several, starts, strict=True)]),
        np.concatenate([one.variable for one in several]),
        np.concatenate([one.sign for one in several]),
        np.concatenate([one.kind for one in several]),
        np.concatenate([one.adds_people for one in several]),
    )


def _periods(keyed: pl.DataFrame) -> pl.DataFrame:
    """Periods that occur, each with the greater period that holds it."""
    import polars as pl

    start = pl.col("period_start")
    semester = pl.date(start.dt.year(), pl.when(start.dt.month() <= 6).then(1).otherwise(7), 1)
    found = (
        keyed.select("period_grain", "period_start")
        .unique()
        .sort("period_grain", "period_start")
        .with_row_index("period")
        .with_columns(
            pl.col("period").cast(pl.Int64),
            pl.col("period_grain").replace_strict(dict(zip(GRAINS, (*GRAINS[1:], ""), strict=True))).alias("next_grain"),
        )
        .with_columns(
            pl.when(pl.col("next_grain") == "quarter").then(start.dt.truncate("1q"))
            .when(pl.col("next_grain") == "semester").then(semester)
            .when(pl.col("next_grain") == "year").then(start.dt.truncate("1y"))
            .alias("next_start")
        )
    )  # fmt: skip
    return found.join(
        found.select(
            pl.col("period").alias("parent"),
            pl.col("period_grain").alias("next_grain"),
            pl.col("period_start").alias("next_start"),
        ),
        on=["next_grain", "next_start"],
        how="left",
        maintain_order="left",
    )


def _margin_groups(margins: pl.DataFrame, parents: pl.DataFrame, lookup: Ints) -> list[tuple[Ints, Ints, Ints, int]]:
    """Parts and wholes among margins of one period: territories, members of an axis, partners."""
    import polars as pl

    communes = (
        margins.filter(pl.col("territory_level") == "commune")
        .join(parents, on=["territory_level", "territory_code"], how="inner")
        .with_columns(pl.lit("epci").alias("territory_level"), pl.col("parent_code").alias("territory_code"))
    )
    regions = margins.filter(pl.col("territory_level") == "region")
    groups_of_communes = (
        margins.filter(pl.col("territory_level") == "epci")
        .join(
            regions.select("programme_code", pl.col("territory_code").alias("parent_code")).unique(),
            on="programme_code",
            how="inner",
        )
        .with_columns(pl.lit("region").alias("territory_level"), pl.col("parent_code").alias("territory_code"))
    )
    territory = pl.concat([communes, groups_of_communes]).with_columns(pl.lit("").alias("group"))
    members = margins.filter(pl.col("axis") != "TOTAL").with_columns(
        pl.col("axis").alias("group"), pl.lit("TOTAL").alias("axis"), pl.lit("TOTAL").alias("member")
    )
    partners = margins.filter(pl.col("partner_code") != "TOTAL").with_columns(
        pl.col("measure").alias("group"), pl.lit("counted").alias("measure"), pl.lit("TOTAL").alias("partner_code")
    )
    groups = []
    for parts, kind in ((territory, PARTS), (members, PARTS), (partners, PARTNERS)):
        whole = parts.join(margins.rename({"margin": "whole"}), on=list(_MARGIN), how="inner")
        number = whole.select(pl.struct("whole", "group").rank("dense").cast(pl.Int64).sub(1)).to_series().to_numpy()
        groups.append(_over_periods(whole["margin"].to_numpy(), whole["whole"].to_numpy(), number, lookup, kind))
    return groups


def _over_periods(part: Ints, whole: Ints, group: Ints, lookup: Ints, kind: int) -> tuple[Ints, Ints, Ints, int]:
    import numpy as np

    width = lookup.shape[1]
    return (
        lookup[part].ravel(),
        lookup[whole].ravel(),
        (group[:, None] * width + np.arange(width)).ravel(),
        kind,
    )


def _time_groups(keyed: pl.DataFrame, periods: pl.DataFrame, lookup: Ints) -> tuple[Ints, Ints, Ints, int]:
    """Parts and wholes among periods of one margin; a stock has none."""
    import polars as pl

    pairs = periods.filter(pl.col("parent").is_not_null())
    part, whole = pairs["period"].to_numpy(), pairs["parent"].to_numpy()
    flows = keyed.filter(pl.col("timing") == "flow")["margin"].unique().sort().to_numpy()
    return (
        lookup[flows][:, part].ravel(),
        lookup[flows][:, whole].ravel(),
        (flows[:, None] * lookup.shape[1] + whole).ravel(),
        PARTS,
    )


def _exact(cells: Cells, part: Ints, whole: Ints, group: Ints, kind: int) -> Equations:
    """Equations of the groups whose parts sum to the whole, figure by figure."""
    import numpy as np

    # a part without any row is a zero that everybody reads
    there = (part >= 0) & (whole >= 0)
    part, whole = part[there], whole[there]
    _, first, group = np.unique(group[there], return_index=True, return_inverse=True)
    size = len(first)
    total = whole[first]
    adds_people = np.zeros(size, dtype=bool)
    made = []
    for figure in range(len(FIGURES)):
        sums = np.bincount(group, cells.figures[figure][part], size)
        meant = cells.figures[figure][total]
        holds = np.abs(sums - meant) <= ROUNDING * (np.bincount(group, minlength=size) + 1) + 1e-12 * np.abs(meant)
        if FIGURES[figure] == "n":
            adds_people = holds
        holds &= cells.is_used[figure][total]
        number = np.cumsum(holds) - 1
        entries = holds[group]
        made.append(
            _sorted(
                np.concatenate([number[group[entries]], number[holds]]),
                np.concatenate([part[entries], total[holds]]) + figure * cells.count,
                np.concatenate([np.ones(entries.sum(), dtype=np.int64), np.full(holds.sum(), -1)]),
                np.full(holds.sum(), kind),
                adds_people[holds],
            )
        )
    return joined(made)


def _sorted(equation: Ints, variable: Ints, sign: Ints, kind: Ints, adds_people: Bools) -> Equations:
    import numpy as np

    order = np.argsort(equation, kind="stable")
    return Equations(equation[order], variable[order], sign[order], kind.astype(np.int64), adds_people)


def _pairs(part: Ints, whole: Ints) -> Equations:
    """Equations that say that two variables are one."""
    import numpy as np

    size = len(part)
    return _sorted(
        np.tile(np.arange(size), 2),
        np.concatenate([part, whole]),
        np.repeat(np.array([1, -1]), size),
        np.full(size, SAME),
        np.ones(size, dtype=bool),
    )


def _last_periods(keyed: pl.DataFrame, periods: pl.DataFrame, lookup: Ints, cells: Cells) -> Equations:
    """A stock is at the end of a quarter what it is at the end of the quarter's last month."""
    import numpy as np
    import polars as pl

    last = (
        periods.filter(pl.col("parent").is_not_null())
        .sort("period_start")
        .group_by("parent", maintain_order=True)
        .agg(pl.col("period").last())
    )
    part, whole = lookup[:, last["period"].to_numpy()].ravel(), lookup[:, last["parent"].to_numpy()].ravel()
    there = (part >= 0) & (whole >= 0)
    part, whole = part[there], whole[there]
    is_stock = (keyed["timing"] == "stock").to_numpy()[part]
    made = []
    for figure in range(len(FIGURES)):
        same = is_stock & cells.is_used[figure][part]
        same &= np.abs(cells.figures[figure][part] - cells.figures[figure][whole]) <= ROUNDING
        made.append(_pairs(part[same] + figure * cells.count, whole[same] + figure * cells.count))
    return joined(made)


def _same_figures(keyed: pl.DataFrame, cells: Cells) -> Equations:
    """Two figures, of whatever indicators, that agree in every cell of a block (a level and axis at a grain) are one."""
    import numpy as np
    import polars as pl

    place = ["programme_code", "territory_level", "territory_code", "partner_code", "axis", "member", "period_grain",
             "period_start"]  # fmt: skip
    block = ["programme_code", "territory_level", "axis", "period_grain", "indicator_code", "measure"]
    frames = keyed.with_columns(
        pl.struct(*place).rank("dense").cast(pl.Int64).alias("place"),
        pl.struct(*block).rank("dense").cast(pl.Int64).alias("block"),
        pl.int_range(pl.len()).alias("cell"),
    )
    several = pl.concat(
        frames.select("programme_code", "territory_level", "axis", "period_grain", "place", "block", "cell",
                      pl.lit(figure).cast(pl.Int64).alias("figure"), pl.Series("shown", cells.figures[figure]))
        .filter(pl.Series(cells.is_used[figure] & (cells.figures[figure] != 0)))
        for figure in range(len(FIGURES))
    )  # fmt: skip
    # what has the same figures at the same places has the same fingerprint
    prints = (
        several.with_columns(pl.struct("place", pl.col("shown").round(6)).hash(seed=1).alias("print"))
        .group_by("programme_code", "territory_level", "axis", "period_grain", "block", "figure")
        .agg(pl.col("print").sum(), pl.len().alias("size"))
        .filter(pl.col("size") > 1)
        .sort("block", "figure")
        .with_columns(
            pl.struct("block", "figure")
            .first()
            .over("programme_code", "territory_level", "axis", "period_grain", "print", "size")
            .struct.rename_fields(["first_block", "first_figure"])
            .struct.unnest()
        )
        .filter((pl.col("block") != pl.col("first_block")) | (pl.col("figure") != pl.col("first_figure")))
        .select("block", "figure", "first_block", "first_figure")
    )
    twice = several.join(prints, on=["block", "figure"], how="inner").join(
        several.select(
            "place",
            pl.col("block").alias("first_block"),
            pl.col("figure").alias("first_figure"),
            pl.col("cell").alias("first_cell"),
        ),
        on=["place", "first_block", "first_figure"],
        how="inner",
    )
    twice = twice.filter(pl.col("cell") != pl.col("first_cell"))
    one = twice["figure"].to_numpy() * cells.count + twice["cell"].to_numpy()
    other = twice["first_figure"].to_numpy() * cells.count + twice["first_cell"].to_numpy()
    return _pairs(np.asarray(one, dtype=np.int64), np.asarray(other, dtype=np.int64))


def _attributed(margins: pl.DataFrame, lookup: Ints) -> Equations:
    """What a partner contributes and what is attributed to it are hidden together: most often they are one figure."""
    import polars as pl

    both = margins.filter(pl.col("measure") == "attributed").with_columns(pl.lit("contributed").alias("measure"))
    pairs = both.join(margins.rename({"margin": "whole"}), on=list(_MARGIN), how="inner")
    part, whole = lookup[pairs["margin"].to_numpy()].ravel(), lookup[pairs["whole"].to_numpy()].ravel()
    there = (part >= 0) & (whole >= 0)
    return _pairs(part[there], whole[there])


def _shares(keyed: pl.DataFrame, margins: pl.DataFrame, lookup: Ints, cells: Cells) -> Equations:
    """The denominator of a share is the numerator of the whole that it is a share of."""
    import numpy as np
    import polars as pl

    of_shares = margins.join(
        keyed.filter(pl.col("aggregation") == "share").select("margin").unique(), on="margin", how="semi"
    )
    parts = of_shares.with_columns(
        pl.lit("counted").alias("measure"),
        *(pl.lit("TOTAL").alias(name) for name in ("partner_code", "axis", "member")),
    )
    pairs = parts.join(of_shares.rename({"margin": "whole"}), on=list(_MARGIN), how="inner")
    part, whole = lookup[pairs["margin"].to_numpy()].ravel(), lookup[pairs["whole"].to_numpy()].ravel()
    there = (part >= 0) & (whole >= 0)
    part, whole = part[there], whole[there]
    numerator, denominator = FIGURES.index("numerator"), FIGURES.index("denominator")
    same = np.abs(cells.figures[denominator][part] - cells.figures[numerator][whole]) <= ROUNDING
    return _pairs(part[same] + denominator * cells.count, whole[same] + numerator * cells.count)


# ------------------------------------------------------------------------------------------------------ the suppression


@dataclass(frozen=True, slots=True)
class Problem:
    """What must be protected.

    Args:
        cells: of the new publication first (`present` of them), then those of the former that changed.
        equations: what the new publication says by itself.
        both: what the former says besides, with the same variable where a figure did not change.
        unchanged: figures that the former hid and that did not change; as `Cells.figures`.
        settled: hidden cells that the former hid among the same figures.
    """

    cells: Cells
    present: int
    equations: Equations
    both: Equations
    unchanged: Bools
    settled: Bools


def suppress(task: Problem) -> Bools:
    """Hide cells until nothing hidden can be worked out.

    By itself the new publication gives nothing back, to nobody. With what the former one showed, and whatever did not
    change taken for known, it gives nothing back that the former one hid and that did not change.

    Returns:
        What is hidden at the end: the cells hidden already and those added.
    """
    import numpy as np

    read = task.cells.known.any(axis=0)
    by_itself = replace(
        task.cells,
        known=np.zeros(task.cells.known.shape, dtype=bool),
        fixed=np.arange(task.cells.count) >= task.present,
        # what everybody has read before is the weaker protection
        rank=2 * task.cells.rank + read,
    )
    hidden = task.cells.hidden | _told_to_a_partner(by_itself)
    looks = [
        (by_itself, task.equations, _pinned),
        (by_itself, task.equations, _exposed_to_all),
        (by_itself, task.equations, _exposed_to_partners),
        (task.cells, task.both, _exposed_to_all),
    ]
    seen = [task.settled for _ in looks]
    while True:
        hidden = _by_equation(by_itself, task.equations, hidden)
        # from the quick look to the long one
        for at, (cells, equations, look) in enumerate(looks):
            exposed = look(cells, equations, hidden, hidden & ~seen[at])
            if cells is task.cells:
                exposed = exposed[task.unchanged.ravel()[exposed]]
            added = _covered(cells, equations, hidden, exposed, deep=look is not _pinned)
            seen[at] = hidden.copy()
            if added.any():
                # what is still exposed then is looked at again, whatever it is linked with
                seen[at][exposed % cells.count] = False
                hidden = hidden | added
                break
        else:
            return hidden


def _told_to_a_partner(cells: Cells) -> Bools:
    """Cells that tell a partner, who knows its own rows, of fewer others than may be told."""
    import numpy as np

    told = np.zeros(cells.count, dtype=bool)
    for known in (cells.own, cells.alone):
        entries = known.tocoo()
        at = entries.row
        rest = cells.figures[0][at] - entries.data
        few = (rest > 0) & (rest < cells.smallest[at])
        if known is cells.alone:
            few &= ~cells.counts_entities[at]
        # a partner's own figures are shown to it anyway
        few &= cells.partner[at] < 0
        told[at[few]] = True
    return told & ~cells.fixed & ~cells.hidden


def _by_equation(cells: Cells, equations: Equations, hidden: Bools) -> Bools:
    """To a fixpoint: an equation that gives a cell back, or the sum of too few people, gets one more hidden cell."""
    while True:
        added = _chosen(cells, equations, hidden, _open(cells, equations, hidden))
        if not added.any():
            return hidden
        hidden = hidden | added


def _open(cells: Cells, equations: Equations, hidden: Bools) -> Bools:
    """Equations of which what is hidden is known alone, or is of too few, to everybody or to one partner."""
    import numpy as np

    size = equations.count
    at = equations.variable % cells.count
    unknown = hidden[at] & ~cells.known.ravel()[equations.variable]
    at, equation, sign = at[unknown], equations.equation[unknown], equations.sign[unknown]
    amounts = np.abs(cells.figures.ravel()[equations.variable[unknown]])
    number = np.bincount(equation, minlength=size)
    whole = np.bincount(equation[sign < 0], minlength=size) > 0
    parts = sign > 0
    people = _people(cells.figures[0][at[parts]], equation[parts], equations.adds_people)
    # the threshold of an equation is that of its first cell
    smallest = np.zeros(size)
    smallest[equation] = cells.smallest[at]
    is_sum = (number > 0) & ~whole & (equations.kind != SAME)
    opened: Bools = (number == 1) | (is_sum & (people < smallest))
    # one cell whose firm dominates all that is disclosed of it
    dominant = np.zeros(size)
    dominated = parts & cells.dominated[at]
    np.maximum.at(dominant, equation[dominated], amounts[dominated])
    opened |= is_sum & (dominant > 0) & (dominant > cells.dominance * np.bincount(equation, amounts, size))
    # a partner knows its own part
    of_partners = equations.kind == PARTNERS
    opened |= of_partners & (number == 2)
    largest = np.zeros(size)
    np.maximum.at(largest, equation[parts], cells.figures[0][at[parts]])
    opened |= of_partners & is_sum & equations.adds_people & (people - largest < smallest)
    # and its own rows in every part
    candidates = np.flatnonzero(is_sum & ~opened & ~of_partners)
    row = np.full(size, -1)
    row[candidates] = np.arange(len(candidates))
    entries = parts & (row[equation] >= 0)
    row_of, cell_of = row[equation[entries]], at[entries]
    few = np.zeros(len(candidates), dtype=bool)
    for known, counts_entities in ((cells.own, True), (cells.alone, False)):
        few |= _few_others(
            cells,
            known,
            (row_of, cell_of),
            equations.adds_people[candidates],
            smallest[candidates],
            counts_entities=counts_entities,
        )
    opened[candidates[few]] = True
    return opened


def _people(n: Floats, equation: Ints, adds_people: Bools) -> Floats:
    """People behind the hidden parts of each equation: their sum, or at least as many as the largest where they overlap."""
    import numpy as np

    size = len(adds_people)
    largest = np.zeros(size)
    np.maximum.at(largest, equation, n)
    return np.where(adds_people, np.bincount(equation, n, size), largest)


def _few_others(
    cells: Cells,
    known: csr_array,
    parts: tuple[Ints, Ints],
    adds_people: Bools,
    smallest: Floats,
    *,
    counts_entities: bool,
) -> Bools:
    """Disclosed sums that leave a partner with too few people (or firms) besides those of its own rows."""
    import numpy as np
    from scipy.sparse import csr_array

    size = len(adds_people)
    few: Bools = np.zeros(size, dtype=bool)
    if not known.nnz or not size:
        return few
    row, cell = parts
    if not counts_entities:
        keep = ~cells.counts_entities[cell]
        row, cell = row[keep], cell[keep]
    n = cells.figures[0][cell]
    where = csr_array((np.ones(len(row)), (row, cell)), shape=(size, cells.count))
    told = (where @ known).toarray()
    rest = np.bincount(row, n, size)[:, None] - told
    few = adds_people & ((told > 0) & (rest > 0) & (rest < smallest[:, None])).any(axis=1)
    # where people are in several parts, at least the largest rest of one part is disclosed
    apart = ~adds_people[row]
    for partner in range(known.shape[1]):
        mine = known[:, [partner]].toarray().ravel()
        largest = np.zeros(size)
        np.maximum.at(largest, row[apart], (n - mine[cell])[apart])
        few |= (told[:, partner] > 0) & (largest > 0) & (largest < smallest)
    return few


def _chosen(cells: Cells, equations: Equations, hidden: Bools, opened: Bools) -> Bools:
    """In each of these equations the shown cell whose loss costs least: detail first, then few people in many equations."""
    import numpy as np

    chosen = np.zeros(cells.count, dtype=bool)
    at, equation, order = _candidates(cells, equations, hidden, opened)
    first = np.unique(equation[order], return_index=True)[1]
    chosen[at[order][first]] = True
    return chosen


def _candidates(cells: Cells, equations: Equations, hidden: Bools, opened: Bools) -> tuple[Ints, Ints, Ints]:
    """Cells that may be hidden for each of these equations, and their order: by equation, the cheapest first."""
    import numpy as np

    at = equations.variable % cells.count
    n = cells.figures[0]
    entries = opened[equations.equation] & (~hidden & ~cells.fixed & (n > 0))[at]
    # what everybody has read before protects nothing
    entries &= ~cells.known.ravel()[equations.variable]
    at, equation, sign = at[entries], equations.equation[entries], equations.sign[entries]
    shown = cells.figures.ravel()[equations.variable[entries]]
    use = np.bincount(at, minlength=cells.count)
    return at, equation, np.lexsort((at, n[at] / use[at], shown == 0, sign < 0, cells.rank[at], equation))


def _covered(cells: Cells, equations: Equations, hidden: Bools, exposed: Ints, *, deep: bool) -> Bools:
    """For each exposed variable one more cell of one of its equations: the cheapest cell, in the shortest equation.

    Args:
        deep: where all cells of its equations are hidden already, look at all equations that together give it back.
    """
    import numpy as np

    chosen = np.zeros(cells.count, dtype=bool)
    at = equations.variable % cells.count
    unknown = hidden[at] & ~cells.known.ravel()[equations.variable]
    cell, equation, order = _candidates(cells, equations, hidden, np.ones(equations.count, dtype=bool))
    have, first = np.unique(equation[order], return_index=True)
    best = np.full(equations.count, -1)
    best[have] = cell[order][first]
    length = np.bincount(equations.equation[unknown], minlength=equations.count)
    entries = unknown & np.isin(equations.variable, exposed)
    named, of = equations.variable[entries], equations.equation[entries]
    named, of = named[best[of] >= 0], of[best[of] >= 0]
    order = np.lexsort((cells.figures[0][best[of]], length[of], cells.rank[best[of]], named))
    first = np.unique(named[order], return_index=True)[1]
    chosen[best[of[order][first]]] = True
    stuck = np.setdiff1d(exposed, named)
    if not deep or not len(stuck):
        return chosen
    for weights in _reasons(equations, unknown, stuck):
        counts = np.abs(weights) > 0.01 * np.abs(weights).max()
        useful = np.flatnonzero(counts & (best >= 0))
        if len(useful):
            cell_of = best[useful]
            chosen[cell_of[np.lexsort((cells.figures[0][cell_of], cells.rank[cell_of]))[:BY_COMBINATION]]] = True
    return chosen


def _reasons(equations: Equations, unknown: Bools, stuck: Ints) -> Iterator[Floats]:
    """For some of the exposed variables, how much each equation counts in the combination that gives it back."""
    import numpy as np
    from scipy.sparse import csc_array, eye_array
    from scipy.sparse.linalg import splu

    island = _islands(equations, unknown)
    reached = unknown & np.isin(island, island[unknown & np.isin(equations.variable, stuck)])
    names, column = np.unique(equations.variable[reached], return_inverse=True)
    rows, row = np.unique(equations.equation[reached], return_inverse=True)
    matrix = csc_array((equations.sign[reached].astype(float), (row, column)), shape=(len(rows), len(names)))
    normal = splu(
        (matrix @ matrix.T + 1e-8 * eye_array(len(rows))).tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    some = np.random.default_rng(len(stuck)).permutation(np.intersect1d(stuck, names))[:AT_ONCE]
    for at in np.searchsorted(names, some):
        weights = np.zeros(equations.count)
        weights[rows] = normal.solve(matrix[:, [at]].toarray().ravel())
        yield weights


# ---------------------------------------------------------------------------------------------------- what is exposed


def _exposed_to_all(cells: Cells, equations: Equations, hidden: Bools, news: Bools) -> Ints:
    """Variables of hidden cells that everybody can work out, as far as they are linked with what is newly hidden."""
    import numpy as np

    at = equations.variable % cells.count
    unknown = hidden[at] & ~cells.known.ravel()[equations.variable]
    island = _islands(equations, unknown)
    return _determined(equations, unknown & np.isin(island, island[unknown & news[at]]))


def _exposed_to_partners(cells: Cells, equations: Equations, hidden: Bools, news: Bools) -> Ints:
    """The same for each partner, who knows its own figures."""
    import numpy as np

    at = equations.variable % cells.count
    unknown = hidden[at] & ~cells.known.ravel()[equations.variable]
    island = _islands(equations, unknown)
    linked = np.isin(island, island[unknown & news[at]])
    found = [np.empty(0, dtype=np.int64)]
    for partner in np.unique(cells.partner[hidden & (cells.partner >= 0)]):
        own = cells.partner[at] == partner
        told = _determined(equations, unknown & ~own & linked & np.isin(island, island[unknown & own]))
        # a cell of its own people only tells it of nobody else
        others = cells.figures[0] - cells.alone[:, [partner]].toarray().ravel()
        found.append(told[others[told % cells.count] > 0])
    return np.unique(np.concatenate(found))


def _islands(equations: Equations, unknown: Bools) -> Ints:
    """Number of the connected part that each unknown entry belongs to, -1 for the others."""
    import numpy as np
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    names, column = np.unique(equations.variable[unknown], return_inverse=True)
    row = equations.equation[unknown]
    size = equations.count + len(names)
    links = csr_array((np.ones(len(row)), (row, column + equations.count)), shape=(size, size))
    island = np.full(len(unknown), -1)
    island[unknown] = connected_components(links, directed=False)[1][row]
    return island


def _determined(equations: Equations, unknown: Bools) -> Ints:
    """Unknown variables that have one value only in all solutions of the equations.

    A random solution of the homogeneous equations is zero there, and elsewhere not. An equation that alone has some
    unknown is solved last, by that unknown; what is left is projected.
    """
    import numpy as np

    equation, variable, sign = equations.equation[unknown], equations.variable[unknown], equations.sign[unknown]
    names, column = np.unique(variable, return_inverse=True)
    rows, row = np.unique(equation, return_inverse=True)
    solution = np.random.default_rng(97_200).standard_normal(len(names))
    alive = np.ones(len(row), dtype=bool)
    solved: list[tuple[Ints, Ints, Ints]] = []
    while True:
        degree = np.bincount(column[alive], minlength=len(names))
        leaves = np.flatnonzero(alive & (degree[column] == 1))
        if not len(leaves):
            break
        kept, first = np.unique(row[leaves], return_index=True)
        gone = np.zeros(len(rows), dtype=bool)
        gone[kept] = True
        entries = np.flatnonzero(alive & gone[row])
        solved.append((entries, kept, leaves[first]))
        alive[entries] = False
    if alive.any():
        core = np.unique(column[alive])
        place = np.full(len(names), -1)
        place[core] = np.arange(len(core))
        line = np.unique(row[alive], return_inverse=True)[1]
        solution[core] = _projected(line, place[column[alive]], sign[alive], solution[core])
    for entries, kept, pivots in reversed(solved):
        pivot = column[pivots]
        solution[pivot] = 0.0
        sums = np.bincount(row[entries], sign[entries] * solution[column[entries]], len(rows))
        solution[pivot] = -sign[pivots] * sums[kept]
    return names[np.abs(solution) < ZERO]


def _projected(row: Ints, column: Ints, sign: Ints, vector: Floats) -> Floats:
    """Nearest vector that satisfies the homogeneous equations."""
    import numpy as np
    from scipy.sparse import csc_array, eye_array
    from scipy.sparse.linalg import splu

    matrix = csc_array((sign.astype(float), (row, column)), shape=(row.max() + 1, len(vector)))
    # equations that follow from others make the product singular: a trace of the identity holds it
    normal = splu(
        (matrix @ matrix.T + 1e-8 * eye_array(matrix.shape[0])).tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    for _ in range(3):
        vector = vector - matrix.T @ normal.solve(matrix @ vector)
    return np.asarray(vector)


def _pinned(cells: Cells, equations: Equations, hidden: Bools, news: Bools) -> Ints:
    """Counts of people in hidden cells that the equations narrow down to one, when each is what its state says.

    Of firms the state itself says one or two: which of both is no secret.
    """
    import numpy as np

    count = cells.count
    secret = hidden & ~cells.known[0]
    if not news.any():
        return np.empty(0, dtype=np.int64)
    unknown = secret[equations.variable % count]
    counts_only = np.ones(equations.count, dtype=bool)
    counts_only[equations.equation[equations.variable >= count]] = False
    # bounds meet in equations that have something unknown
    counts_only &= np.bincount(equations.equation[unknown], minlength=equations.count) > 0
    narrowed = equations.only(counts_only)
    at, row, sign = narrowed.variable, narrowed.equation, narrowed.sign
    n = cells.figures[0]
    low = np.where(secret, np.where(cells.primary, 1.0, cells.smallest), n)
    high = np.where(secret, cells.most, n)
    before = high - low
    for _ in range(50):
        least, most = np.where(sign > 0, low[at], -high[at]), np.where(sign > 0, high[at], -low[at])
        under, over = (
            _without_each(least, row, narrowed.count, -np.inf),
            _without_each(most, row, narrowed.count, np.inf),
        )
        lower, upper = np.where(sign > 0, -over, under), np.where(sign > 0, -under, over)
        tighter_low, tighter_high = low.copy(), high.copy()
        np.maximum.at(tighter_low, at, lower)
        np.minimum.at(tighter_high, at, upper)
        tighter_low[~secret], tighter_high[~secret] = n[~secret], n[~secret]
        if np.array_equal(tighter_low, low) and np.array_equal(tighter_high, high):
            break
        low, high = tighter_low, tighter_high
    return np.flatnonzero(secret & cells.of_people & (high - low < np.minimum(NARROW, before)))


def _without_each(amounts: Floats, row: Ints, size: int, endless: float) -> Floats:
    """Sum of the other entries of the same row; endless as soon as one of them is."""
    import numpy as np

    is_endless = ~np.isfinite(amounts)
    finite = np.where(is_endless, 0.0, amounts)
    others = np.bincount(row, finite, size)[row] - finite
    return np.where(np.bincount(row, is_endless, size)[row] > is_endless, endless, others)


# ------------------------------------------------------------------------------------------ from tables to arrays and back


def arrays(frame: pl.DataFrame, others: pl.DataFrame, dominance: float) -> Cells:
    """Cells of one publication by themselves.

    Args:
        frame: `CELL`, `FIGURES`, `state, aggregation, timing, secrecy, smallest`; one row a cell that has rows.
        others: `cell` (row number of `frame`), `partner_code`, `own`, `alone`: whose people a cell is of.
        dominance: as `Cells.dominance`.
    """
    import numpy as np
    import polars as pl
    from scipy.sparse import csr_array

    count = frame.height
    figures = np.array([frame[name].fill_null(0).to_numpy().astype(float) for name in FIGURES]).reshape(-1, count)
    partners = sorted({*frame["partner_code"].unique(), *others["partner_code"].unique()} - {"TOTAL"})
    number = {code: at for at, code in enumerate(partners)}
    row, column = (
        others["cell"].to_numpy(),
        others["partner_code"].replace_strict(number, return_dtype=pl.Int64).to_numpy(),
    )
    persons = frame["secrecy"].is_in(["persons", "heads"]).to_numpy()
    primary = (frame["state"] == "SUPPRIME_K").to_numpy()
    smallest = frame["smallest"].to_numpy().astype(float)
    return Cells(
        figures=figures,
        is_used=_used(frame, figures),
        known=np.zeros(figures.shape, dtype=bool),
        hidden=frame["state"].str.starts_with("SUPPRIME").to_numpy(),
        primary=primary,
        fixed=np.zeros(count, dtype=bool),
        rank=frame.select(_rank()).to_series().to_numpy(),
        smallest=smallest,
        # a dominated cell and a small one look the same, and an effective number is not told
        most=np.where(primary & persons & (figures[0] < smallest), smallest - 1, np.inf),
        of_people=persons,
        dominated=primary & ~persons & (figures[0] >= smallest),
        partner=frame["partner_code"].replace_strict(number, default=-1, return_dtype=pl.Int64).to_numpy(),
        own=csr_array((others["own"].to_numpy().astype(float), (row, column)), shape=(count, len(partners))),
        alone=csr_array((others["alone"].to_numpy().astype(float), (row, column)), shape=(count, len(partners))),
        counts_entities=frame["aggregation"].is_in(["distinct", "bounded"]).to_numpy(),
        dominance=dominance,
    )


def _rank() -> pl.Expr:
    """The committee steers by totals: members within an EPCI go first, the programme's own figure last."""
    import polars as pl

    level, is_total = pl.col("territory_level"), pl.col("axis") == "TOTAL"
    return (
        pl.when(~is_total & (level == "epci")).then(0)
        .when(level == "commune").then(1)
        .when(~is_total).then(2)
        .when((level == "epci") | (pl.col("partner_code") != "TOTAL")).then(3)
        .otherwise(4)
        .cast(pl.Int64)
    )  # fmt: skip


def _used(frame: pl.DataFrame, figures: Floats) -> Bools:
    """Figures that may add up and are not another's copy all over an indicator."""
    import numpy as np
    import polars as pl

    kind = frame["aggregation"]
    of = frame.select(pl.col("indicator_code").rank("dense").cast(pl.Int64).sub(1)).to_series().to_numpy()
    size = int(of.max(initial=-1)) + 1
    # the denominator of a rate is a public series
    used = np.array(
        [
            np.ones(len(kind), dtype=bool),
            np.ones(len(kind), dtype=bool),
            (kind != "rate").to_numpy(),
            kind.is_in(["distinct", "sum", "bounded"]).to_numpy(),
            (kind == "bounded").to_numpy(),
        ]
    )
    for figure in range(1, len(FIGURES)):
        for other in range(figure):
            differs = np.bincount(of, np.abs(figures[figure] - figures[other]) > ROUNDING, size) > 0
            used[figure] &= differs[of]
        used[figure] &= (np.bincount(of, figures[figure] != 0, size) > 0)[of]
    return used


def problem(
    frame: pl.DataFrame,
    others: pl.DataFrame,
    parents: pl.DataFrame,
    former: pl.DataFrame,
    once_hidden: pl.DataFrame,
    *,
    dominance: float,
) -> Problem:
    """The cells, the equations of both publications and what the former one leaves settled.

    Args:
        frame, others, parents: as `arrays` and `relations` take them.
        former: the former publication, as `frame`, and `is_known`: hidden, yet shown before with the same figures.
        once_hidden: `CELL`, `n`, `smallest` of what publications before it hid.
        dominance: as `Cells.dominance`.
    """
    import numpy as np
    import polars as pl

    now = arrays(frame, others, dominance)
    equations = relations(frame, parents, now)
    if not former.height:
        nothing = np.zeros(now.count, dtype=bool)
        return Problem(now, now.count, equations, equations, np.zeros(now.figures.shape, dtype=bool), nothing)
    again = frame.select(*CELL, "n", "smallest").join(
        once_hidden.group_by(*CELL, "n").agg(pl.col("smallest").min().alias("once")),
        on=[*CELL, "n"], how="left", maintain_order="left",
    )  # fmt: skip
    nobody = others.clear()
    before = arrays(former, nobody, dominance)
    places = former.select(*CELL).with_row_index("before").join(
        frame.select(*CELL, pl.int_range(pl.len()).alias("now")), on=list(CELL), how="left", maintain_order="left"
    )["now"].fill_null(-1).to_numpy()  # fmt: skip
    there = places >= 0
    same = np.zeros(before.figures.shape, dtype=bool)
    same[:, there] = np.abs(before.figures[:, there] - now.figures[:, places[there]]) <= ROUNDING
    told = same & (before.figures != 0)
    read = told & (~before.hidden | former["is_known"].to_numpy())
    known = np.zeros(now.figures.shape, dtype=bool)
    known[:, places[there]] = read[:, there]
    stays = (again["once"] <= again["smallest"]).fill_null(value=False).to_numpy() & ~known.any(axis=0)
    # a threshold that was lowered frees what the former one hid
    bound = there & before.hidden & (told & ~read).any(axis=0)
    bound[there] &= before.smallest[there] <= now.smallest[places[there]]
    stays[places[bound]] = True
    changed = ~same.all(axis=0)
    kept = np.flatnonzero(changed)
    hidden = now.hidden | stays
    cells = Cells(
        figures=np.hstack([now.figures, before.figures[:, kept]]),
        is_used=np.hstack([now.is_used, before.is_used[:, kept]]),
        known=np.hstack([known, np.zeros((len(FIGURES), len(kept)), dtype=bool)]),
        hidden=np.concatenate([hidden, before.hidden[kept]]),
        primary=np.concatenate([now.primary, before.primary[kept]]),
        fixed=np.concatenate([(known | (now.figures == 0)).all(axis=0), np.ones(len(kept), dtype=bool)]),
        rank=np.concatenate([now.rank, before.rank[kept]]),
        smallest=np.concatenate([now.smallest, before.smallest[kept]]),
        most=np.concatenate([now.most, before.most[kept]]),
        of_people=np.concatenate([now.of_people, before.of_people[kept]]),
        dominated=np.concatenate([now.dominated, before.dominated[kept]]),
        partner=np.concatenate([now.partner, _renumbered(former, frame, others)[kept]]),
        own=_taller(now.own, len(kept)),
        alone=_taller(now.alone, len(kept)),
        counts_entities=np.concatenate([now.counts_entities, before.counts_entities[kept]]),
        dominance=dominance,
    )
    appended = np.full(before.count, -1)
    appended[kept] = now.count + np.arange(len(kept))
    target = np.where(same, places, appended) + np.arange(len(FIGURES))[:, None] * cells.count
    equations = _moved(equations, np.arange(now.count) + np.arange(len(FIGURES))[:, None] * cells.count)
    earlier = _new_ones(_moved(relations(former, parents, before), target), equations, cells.count)
    both = joined([equations, earlier])
    untouched = np.zeros(cells.count, dtype=bool)
    untouched[places[there & ~changed & (before.hidden == hidden[places])]] = True
    at = both.variable % cells.count
    moving = np.bincount(both.equation[~untouched[at]], minlength=both.count) > 0
    settled = untouched & cells.hidden
    settled[at[moving[both.equation]]] = False
    unchanged = np.zeros(cells.figures.shape, dtype=bool)
    unchanged[:, places[there]] = same[:, there] & before.hidden[there] & ~read[:, there]
    return Problem(cells, now.count, equations, both, unchanged, settled)


def _renumbered(former: pl.DataFrame, frame: pl.DataFrame, others: pl.DataFrame) -> Ints:
    import polars as pl

    partners = sorted({*frame["partner_code"].unique(), *others["partner_code"].unique()} - {"TOTAL"})
    number = {code: at for at, code in enumerate(partners)}
    # a partner that has no cell any more is somebody all the same
    gone = sorted({*former["partner_code"].unique()} - {"TOTAL"} - set(number))
    number |= {code: len(number) + at for at, code in enumerate(gone)}
    return former["partner_code"].replace_strict(number, default=-1, return_dtype=pl.Int64).to_numpy()


def _taller(known: csr_array, more: int) -> csr_array:
    from scipy.sparse import csr_array

    taller = csr_array(known)
    taller.resize((known.shape[0] + more, known.shape[1]))
    return taller


def _moved(equations: Equations, target: Ints) -> Equations:
    """The same equations with variables numbered as `target` says."""
    return replace(equations, variable=target.ravel()[equations.variable])


def _new_ones(earlier: Equations, equations: Equations, count: int) -> Equations:
    """Equations that say something that the others do not say already."""
    import numpy as np

    weights = np.random.default_rng(97_200).integers(1, 2**62, len(FIGURES) * count, dtype=np.uint64)

    def marks(one: Equations) -> NDArray[np.uint64]:
        mark = np.zeros(one.count, dtype=np.uint64)
        np.add.at(mark, one.equation, weights[one.variable] * np.where(one.sign > 0, 1, 3).astype(np.uint64))
        return mark

    return earlier.only(~np.isin(marks(earlier), marks(equations)))
