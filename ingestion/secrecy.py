"""Statistical secrecy of a publication: its candidate hides what would give a suppressed cell back, before anybody reads it.

What hides a cell by itself (few people, few firms, one firm that dominates) is a state that the marts compute. The cells
hidden for their sake are chosen in `ingestion.suppression`; here they are read, hidden and remembered.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ingestion.suppression import CELL, FIGURES, problem, suppress

if TYPE_CHECKING:
    import polars as pl
    import psycopg

# what a suppressed cell does not say
SECRET = ("value", "numerator", "denominator", "n", "n_effective", "low", "high")
SECONDARY = "SUPPRIME_SECONDAIRE"
TEXTS = {
    *CELL,
    "parent_code",
    "state",
    "aggregation",
    "secrecy",
    "timing",
    "subject",
    "commune_code",
    "epci_code",
    "members",
}
DATES = {"period_start", "until", "business_date"}

# how many rows meet on ten columns nobody can guess: hash, as the models do
HASHED = "set local enable_nestloop = off; set local enable_mergejoin = off; set local jit = off; set local work_mem = '64MB'"

# thresholds as the marts have them
INDICATORS = (
    "select i.indicator_code, i.aggregation, i.timing, i.secrecy,"
    " coalesce(i.smallest_n, (select max(p.value::numeric) from marts.dim_parameter as p where p.is_current"
    " and p.parameter_code = case i.secrecy when 'firms' then 'k_firms' else 'k' end)) as smallest"
    " from marts.dim_indicator as i where i.secrecy <> 'none'"
)


def protect(connection: psycopg.Connection, publication_id: int, former: int | None) -> int:
    """Hide in the candidate of a publication what would give a suppressed cell back.

    Args:
        connection: of the publisher.
        former: the publication that everybody reads now.

    Returns:
        How many cells are hidden for the sake of others.
    """
    with connection.transaction():
        connection.execute(HASHED)
        return _protect(connection, publication_id, former)


def _protect(connection: psycopg.Connection, publication_id: int, former: int | None) -> int:
    import polars as pl

    frame = _read(
        connection,
        f"select {_names('v')}, v.n, v.numerator, v.denominator, v.value, v.state, i.aggregation, i.timing, i.secrecy,"
        " i.smallest, case when i.aggregation = 'bounded' then v.high - v.value end as heads"
        f" from marts.fct_indicator_values as v inner join ({INDICATORS}) as i on v.indicator_code = i.indicator_code"
        " where v.n > 0 or v.state like 'SUPPRIME%'",
    ).unique(list(CELL), keep="first", maintain_order=True)  # a cell with two values is the audit's to hold
    before, once = _former(connection, former or 0), _once_hidden(connection, former or 0)
    if frame.is_empty() or not (frame["state"].str.starts_with("SUPPRIME").any() or before.height):
        return 0
    parents = _read(
        connection,
        "select territory_level, territory_code, epci_code as parent_code from marts.dim_territory"
        " where territory_level = 'commune' and epci_code is not null",
    )
    task = problem(frame, _others(connection, frame), parents, before, once, dominance=_dominance(connection))
    hidden = suppress(task)[: frame.height]
    known = task.cells.known[:, : frame.height].any(axis=0)
    _remember(connection, publication_id, frame.with_columns(pl.Series("is_known", known)).filter(pl.Series(hidden)))
    return _hide(connection, publication_id)


def _dominance(connection: psycopg.Connection) -> float:
    """Largest share of one firm in a figure that may be told, as the parameters say."""
    row = connection.execute(
        "select value::float from marts.dim_parameter where parameter_code = 'dominance_share' and is_current"
    ).fetchone()
    assert row is not None
    return float(row[0])


def _former(connection: psycopg.Connection, publication_id: int) -> pl.DataFrame:
    """Figures of a publication, those that it hid as they were remembered."""
    import polars as pl

    figures = ", ".join(f"coalesce(h.{name}, v.{name}) as {name}" for name in FIGURES if name != "heads")
    return _read(
        connection,
        f"select {_names('v')}, {figures}, v.state, i.aggregation, i.timing, i.secrecy,"
        " coalesce(h.smallest, i.smallest) as smallest,"
        " case when i.aggregation = 'bounded' then coalesce(h.heads, v.high - v.value) end as heads,"
        " coalesce(h.is_known, false)::integer as is_known"
        f" from published.indicator_values as v inner join ({INDICATORS}) as i on v.indicator_code = i.indicator_code"
        f" left join published.hidden_figures as h on v.publication_id = h.publication_id and {_same('v', 'h')}"
        f" where v.publication_id = {publication_id:d} and (v.n > 0 or h.n > 0)",
    ).with_columns(pl.col("is_known") > 0)


def _once_hidden(connection: psycopg.Connection, former: int) -> pl.DataFrame:
    """What publications before the former one hid, and none had shown."""
    return _read(
        connection,
        f"select {_names('h')}, h.n, h.smallest from published.hidden_figures as h"
        f" where h.publication_id < {former:d} and not h.is_known",
    )


def _others(connection: psycopg.Connection, frame: pl.DataFrame) -> pl.DataFrame:
    """People (or firms) of each counted cell with a row of each partner, and with rows of that partner only.

    Asked of the contributing rows, for the indicators that several partners feed; what one alone feeds is its own.
    """
    import polars as pl

    cells = frame.with_row_index("cell").filter(pl.col("measure") == "counted")
    fed = (
        frame.filter(pl.col("partner_code") != "TOTAL")
        .group_by("indicator_code", "timing", "secrecy")
        .agg(pl.col("partner_code").unique().sort())
        .sort("indicator_code")
    )
    found = [pl.DataFrame(schema={"cell": pl.Int64, "partner_code": pl.String, "own": pl.Float64, "alone": pl.Float64})]
    for code, timing, secrecy, partners in fed.iter_rows():
        if len(partners) == 1:
            whole = cells.filter(pl.col("indicator_code") == code)
            n = pl.col("n").cast(pl.Float64)
            found.append(whole.select(pl.col("cell").cast(pl.Int64), pl.lit(partners[0]).alias("partner_code"), n.alias("own"),
                                      n.alias("alone")))  # fmt: skip
            continue
        placed = _placed(_contributions(connection, code, timing), cells)
        own = cells.lazy().filter(pl.col("indicator_code") == code)
        dated = _in_periods(placed, own) if timing == "flow" else _at_ends(placed, own, _business_date(connection))
        found.append(_shared(dated, counts_heads=secrecy == "heads"))
    return pl.concat(found)


def _contributions(connection: psycopg.Connection, indicator_code: str, timing: str) -> pl.DataFrame:
    """Contributing rows of an indicator, alike ones once."""
    day = "date_trunc('month', c.occurred_on)::date" if timing == "flow" else "c.occurred_on"
    view = f"indicator_{indicator_code.lower().replace('-', '_')}"
    return _read(
        connection,
        "select c.programme_code, c.partner_code, c.commune_code, c.epci_code, array_to_string(c.members, '|') as members,"
        f" c.subject_key as subject, {day} as period_start, c.counted_until as until, sum(c.num) as heads"
        f' from marts."{view}" as c where c.partner_code is not null group by 1, 2, 3, 4, 5, 6, 7, 8',
    )


def _business_date(connection: psycopg.Connection) -> pl.Expr:
    import polars as pl

    query = "select business_date from ops.builds where build_id = (select build_id from ops.marts_state)"
    return pl.lit(_read(connection, query)["business_date"].item())


PLACE = ("programme_code", "territory_level", "territory_code", "axis", "member")


def _placed(rows: pl.DataFrame, cells: pl.DataFrame) -> pl.LazyFrame:
    """Each row once per territory, and once per EPCI or region and member of an axis."""
    import polars as pl

    regions = cells.filter(pl.col("territory_level") == "region").select("programme_code", "territory_code").unique()
    total = (
        rows.lazy()
        .join(regions.lazy(), on="programme_code", how="inner")
        .with_columns(pl.lit("TOTAL").alias("axis"), pl.lit("TOTAL").alias("member"))
    )
    traits = (
        total.filter(pl.col("members") != "")
        .with_columns(pl.col("members").str.split("|").list.unique())
        .explode("members")
        .with_columns(
            pl.col("members").str.extract(r"^([^:]*):").alias("axis"),
            pl.col("members").str.extract(r"^[^:]*:(.*)$").alias("member"),
        )
    )
    places = [
        (total, "commune", "commune_code"),
        (total, "epci", "epci_code"),
        (total, "region", "territory_code"),
        (traits, "epci", "epci_code"),
        (traits, "region", "territory_code"),
    ]
    return pl.concat(
        one.with_columns(pl.lit(level).alias("territory_level"), pl.col(code).alias("territory_code")).select(
            *PLACE, "partner_code", "subject", "period_start", "until", "heads"
        )
        for one, level, code in places
    ).filter(pl.col("territory_code").is_not_null())


def _in_periods(placed: pl.LazyFrame, cells: pl.LazyFrame) -> pl.LazyFrame:
    """Each row of a flow once per cell: the periods that hold it."""
    import polars as pl

    start = pl.col("period_start")
    semester = pl.date(start.dt.year(), pl.when(start.dt.month() <= 6).then(1).otherwise(7), 1)
    starts = {"month": start, "quarter": start.dt.truncate("1q"), "semester": semester, "year": start.dt.truncate("1y")}
    return pl.concat(
        placed.with_columns(first.alias("period_start")).join(
            cells.filter(pl.col("period_grain") == grain).select("cell", *PLACE, "period_start"),
            on=[*PLACE, "period_start"],
            how="inner",
        )
        for grain, first in starts.items()
    )


def _at_ends(placed: pl.LazyFrame, cells: pl.LazyFrame, today: pl.Expr) -> pl.LazyFrame:
    """Each row of a stock once per cell: the periods at whose end it stands."""
    import polars as pl

    lengths = {"month": "1mo", "quarter": "3mo", "semester": "6mo", "year": "1y"}
    ends = pl.coalesce(
        pl.when(pl.col("period_grain") == grain).then(pl.col("period_start").dt.offset_by(length))
        for grain, length in lengths.items()
    ).dt.offset_by("-1d")
    last = cells.select("cell", *PLACE, pl.min_horizontal(ends, today).alias("last_on"))
    return placed.join(last, on=list(PLACE), how="inner").filter(
        (pl.col("period_start") <= pl.col("last_on"))
        & (pl.col("until").is_null() | (pl.col("until") > pl.col("last_on")))
    )


def _shared(rows: pl.LazyFrame, *, counts_heads: bool) -> pl.DataFrame:
    """Per cell and partner: how many are its own, and how many nobody else's."""
    import polars as pl

    by = ("cell", "partner_code")
    if counts_heads:
        shared = rows.group_by(by).agg(pl.col("heads").sum().alias("own"), pl.col("heads").sum().alias("alone"))
    else:
        people = rows.filter(pl.col("subject").is_not_null()).select(*by, "subject").unique()
        shared = (
            people.with_columns((pl.len().over("cell", "subject") == 1).alias("is_alone"))
            .group_by(by)
            .agg(pl.len().alias("own"), pl.col("is_alone").sum().alias("alone"))
        )
    return shared.select(
        pl.col("cell").cast(pl.Int64), "partner_code", pl.col("own").cast(pl.Float64), pl.col("alone").cast(pl.Float64)
    ).collect()


def _remember(connection: psycopg.Connection, publication_id: int, suppressed: pl.DataFrame) -> None:
    """Keep the figures of the hidden cells where no reader reads."""
    import polars as pl

    names = (*CELL, *FIGURES, "smallest", "is_known")
    rows = suppressed.select(pl.lit(publication_id).alias("publication_id"), *names).with_columns(
        pl.col(FIGURES).fill_null(0)
    )
    with connection.cursor().copy(
        f"copy published.hidden_figures (publication_id, {', '.join(names)}) from stdin with (format csv)".encode()
    ) as copy:
        copy.write(rows.write_csv(include_header=False).encode())


def _hide(connection: psycopg.Connection, publication_id: int) -> int:
    """Silence the remembered cells that the candidate still shows."""
    columns = connection.execute(
        "select column_name from information_schema.columns where table_schema = 'published'"
        " and table_name = 'indicator_values' and column_name = any(%s)",
        [list(SECRET)],
    ).fetchall()
    silent = ", ".join(f"{name} = null" for (name,) in columns)
    # without statistics each cell would be looked for in all of them
    for table in ("hidden_figures", f"indicator_values_p{publication_id:d}"):
        connection.execute(f"analyze published.{table}".encode())
    return connection.execute(
        f"update published.indicator_values_p{publication_id:d} as v set state = '{SECONDARY}', {silent}"
        f" from published.hidden_figures as h where h.publication_id = {publication_id:d} and {_same('v', 'h')}"
        " and v.state not like 'SUPPRIME%'".encode()
    ).rowcount


def forget(connection: psycopg.Connection, publication_id: int) -> None:
    """A candidate that nobody will read hid nothing."""
    connection.execute("delete from published.hidden_figures where publication_id = %s", [publication_id])


def keep(
    connection: psycopg.Connection, publication_id: int, former: int | None, programme: str, indicator: str
) -> None:
    """An indicator that keeps its former figures keeps what they hide."""
    connection.execute(
        "delete from published.hidden_figures where publication_id = %s and programme_code = %s and indicator_code = %s",
        [publication_id, programme, indicator],
    )
    columns = ", ".join((*CELL, *FIGURES, "smallest", "is_known"))
    connection.execute(
        f"insert into published.hidden_figures (publication_id, {columns}) select %s, {columns}"
        " from published.hidden_figures where publication_id = %s and programme_code = %s and indicator_code = %s".encode(),
        [publication_id, former, programme, indicator],
    )


def compact(connection: psycopg.Connection, publication_id: int) -> None:
    """Of what former publications hid, keep the figures that this one does not hide too."""
    figures = " and ".join(f"h.{name} = v.{name}" for name in (*FIGURES, "is_known"))
    connection.execute(HASHED)
    connection.execute(
        f"delete from published.hidden_figures as h using published.hidden_figures as v"
        f" where v.publication_id = {publication_id:d} and h.publication_id < {publication_id:d}"
        f" and {_same('h', 'v')} and {figures}".encode()
    )


def _names(relation: str) -> str:
    return ", ".join(f"{relation}.{name}" for name in CELL)


def _same(relation: str, other: str) -> str:
    return " and ".join(f"{relation}.{name} = {other}.{name}" for name in CELL)


def _read(connection: psycopg.Connection, query: str) -> pl.DataFrame:
    """Rows of a query, by COPY."""
    import polars as pl

    with io.BytesIO() as rows:
        with connection.cursor().copy(f"copy ({query}) to stdout with (format csv, header)".encode()) as copy:
            for block in copy:
                rows.write(block)
        rows.seek(0)
        names = rows.readline().decode().strip().split(",")
        rows.seek(0)
        kinds = {name: pl.Date if name in DATES else pl.String if name in TEXTS else pl.Float64 for name in names}
        return pl.read_csv(rows, schema=kinds)
