"""What partners get back: findings with their sentences, and the refused rows, masked or as they wrote them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import polars as pl

from ingestion.cells import MASK, Cells, scrubbed
from ingestion.checks import FORM_RULES
from ingestion.contracts import Contract
from ingestion.faults import REFUSED, WARNING, faults, no_faults
from ingestion.reading import Batch, Header, normal
from ingestion.records import NO_VALUE, ROW, Remark
from ingestion.sentences import DETAIL, VALUE, sentence

FINDINGS = ("row_number", "column", "value", "rule_id", "severity", "message", "remedy")
# columns that a file of rows to mend has beside the contract's: why each row was refused
REASONS = ("motif", "a corriger")
REJECTED = {"row_number": pl.Int32, "row_values": pl.String}
# how a formula without a value is shown
FORMULA = "=…"


def kept_names(contract: Contract) -> list[str]:
    """Columns whose values are kept as they are."""
    return [column.name for column in contract.columns if not column.is_personal]


def kept_rejected(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Refused rows of which only canonical values are left, as JSON."""
    shown = [scrubbed(pl.col(name)).alias(name) for name in kept_names(contract)]
    return rows.select(row_number=pl.col(ROW), row_values=pl.struct(shown).struct.json_encode())


def findings_of(remarks: Iterable[Remark], found: Sequence[pl.DataFrame], contract: Contract) -> pl.DataFrame:
    """Remarks of reading and faults found by judging, in the order of the lines."""
    kept = [part for part in found if part.height]
    told = [_phrase(pl.concat(kept), contract)] if kept else []
    noticed = list(remarks)
    if noticed:
        told.insert(0, _remarks(noticed))
    return pl.concat(told).sort("row_number", maintain_order=True) if told else _no_findings()


def _phrase(found: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Findings with their sentences; an optional value that cannot be read is a warning of its own."""
    pairs = found.select("column", "rule_id").unique().rows()
    sentences = [(column, rule_id, *sentence(contract, column, rule_id)) for column, rule_id in pairs]
    schema = dict.fromkeys(("column", "rule_id", "message", "remedy"), pl.String)
    personal = [column.name for column in contract.columns if column.is_personal]
    dropped = (pl.col("severity") == WARNING) & pl.col("rule_id").is_in(FORM_RULES)
    shown = (
        pl.when(pl.col("column").is_in(personal)).then(_masked(pl.col("value"))).otherwise(scrubbed(pl.col("value")))
    )
    value, detail = pl.col("value").fill_null(""), pl.col("detail").fill_null("")
    return (
        found.with_columns(value=_without_formula(shown, FORMULA).str.slice(0, 200))
        .join(pl.DataFrame(sentences, schema=schema, orient="row"), on=["column", "rule_id"], maintain_order="left")
        .select(
            row_number=pl.col(ROW),
            column="column",
            value=value,
            rule_id=pl.when(dropped).then(pl.lit("VALEUR-OPTIONNELLE-ILLISIBLE")).otherwise("rule_id"),
            severity="severity",
            message=pl.concat_str(
                pl.col("message").str.replace(VALUE, value, literal=True).str.replace(DETAIL, detail, literal=True),
                pl.when(dropped)
                .then(pl.lit(" Cette valeur est facultative : la ligne est acceptée sans elle."))
                .otherwise(pl.lit("")),
            ),
            remedy=pl.col("remedy").str.replace_all(DETAIL, detail, literal=True),
        )
    )


@lru_cache(maxsize=1)
def _no_findings() -> pl.DataFrame:
    """An empty table of findings."""
    return pl.DataFrame(schema={"row_number": pl.Int32, **dict.fromkeys(FINDINGS[1:], pl.String)})


def _without_formula(value: pl.Expr, instead: str) -> pl.Expr:
    """A text with another one in the place of the mark of a formula that has no value."""
    return value.str.replace(NO_VALUE, instead, literal=True)


def _masked(value: pl.Expr) -> pl.Expr:
    return (
        pl.when(value.fill_null("") == "")
        .then(pl.lit(""))
        .when(value.str.contains("@", literal=True))
        .then(value.str.slice(0, 1) + f"{MASK}@{MASK}")
        .otherwise(pl.lit(MASK))
    )


def rejected_rows(
    cells: Mapping[str, Cells], numbers: pl.Series, which: pl.Series, truncated: pl.DataFrame, contract: Contract
) -> pl.DataFrame:
    """The refused rows of one batch as JSON, personal values masked."""
    found = []
    if which.len():
        written = pl.select(cells[column.name].picked("trim", which).alias(column.name) for column in contract.columns)
        shown = [
            _masked(pl.col(column.name)).alias(column.name)
            if column.is_personal
            else _without_formula(scrubbed(pl.col(column.name)), FORMULA)
            for column in contract.columns
        ]
        rows = written.select(pl.struct(shown).struct.json_encode().alias("row_values"))
        found.append(rows.select(numbers.gather(which).alias("row_number"), "row_values"))
    if truncated.height:
        # cells of a record cut short may be anybody's: none is shown where the feed is about people
        text = pl.lit(MASK) if contract.has_personal else scrubbed(pl.col("text"))
        found.append(truncated.select(row_number=pl.col(ROW), row_values=pl.struct(texte=text).struct.json_encode()))
    return pl.concat(found).sort("row_number") if found else pl.DataFrame(schema=REJECTED)


def source_names(header: Header) -> list[str | None]:
    """A name of its own for each cell of the header; none for reasons of an earlier refusal."""
    known = set(header.positions.values())
    names: list[str | None] = []
    for index, cell in enumerate(header.cells):
        name = cell.strip() or f"colonne {index + 1}"
        if index not in known and normal(cell).startswith(REASONS):
            names.append(None)
        else:
            names.append(name if name not in names and name != ROW else f"{name} ({index + 1})")
    return names


def refused_rows(header: Header, batch: Batch, which: pl.Series) -> pl.DataFrame:
    """The refused rows of one batch as written, under the header as written."""
    names = source_names(header)
    kept = [pl.col(f"c{index}").alias(name) for index, name in enumerate(names) if name is not None]
    rows = (batch.cells[which] if which.len() else batch.cells.clear()).select(*kept, ROW)
    if batch.truncated.height:
        cut = [_padded(cells.to_list(), len(names)) for cells in batch.truncated["cells"]]
        schema = {f"c{index}": pl.String for index in range(len(names))}
        frame = pl.DataFrame(cut, schema=schema, orient="row").with_columns(batch.truncated[ROW])
        rows = pl.concat([rows, frame.select(*kept, ROW)]).sort(ROW)
    return rows if rows.is_empty() else rows.with_columns(_without_formula(pl.col(pl.String), ""))


def _padded(cells: list[str], width: int) -> list[str]:
    """Cells of a record cut short or too long, as many as the header has: nothing that was written is lost."""
    if len(cells) < width:
        return cells + [""] * (width - len(cells))
    return [*cells[: width - 1], " ".join(cells[width - 1 :])]


def truncated_faults(truncated: pl.DataFrame) -> pl.DataFrame:
    """Faults of records that are no row of the table."""
    if truncated.is_empty():
        return no_faults()
    return faults(truncated[ROW], "", truncated["rule_id"], severity=REFUSED, detail=truncated["reason"])


def _remarks(remarks: Iterable[Remark]) -> pl.DataFrame:
    rows = [
        (item.row_number, item.column, item.value, item.rule_id, item.severity, item.message, item.remedy)
        for item in remarks
    ]
    return pl.DataFrame(rows, schema=_no_findings().schema, orient="row")
