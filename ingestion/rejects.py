"""The workbook of rows to mend: refused rows as the partner wrote them, each bad cell marked and its reason beside."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from ingestion.contracts import Contract
    from ingestion.loading import Delivery

REASON_HEADER = "Motif du refus (ne pas remplir)"
MARK = "lakou"
# Excel becomes slow with more; the reason column says it all the same
MOST_COMMENTS = 1_000
LONGEST_REASON = 4_000
# Excel holds no longer text in a cell
LONGEST_CELL = 32_767
# Excel's limit for a list typed into a validation
LONGEST_LIST = 255
SLICE = 5_000
# rows above the first one to mend: the hidden mark and the header
FIRST_ROW = 3
_SHEET = "xl/worksheets/sheet1.xml"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# characters that XML has no place for, as workbooks write them
_CONTROLS = {chr(code): f"_x{code:04X}_" for code in range(32) if chr(code) not in "\t\n"} | {
    "\ufffe": "\ufffd",
    "\uffff": "\ufffd",
}
_HOW = (
    "Corrigez les cellules colorées, laissez la première colonne telle quelle, enregistrez, puis déposez ce fichier dans"
    " « depot » : seules ses lignes seront ajoutées, quel que soit le nom du fichier."
)


def file_name(contract: Contract, delivery: Delivery, part: int) -> str:
    """`F02_participations__KABIA__2026-03__v1.rejets1.xlsx`."""
    return (
        f"{contract.feed}_{contract.name}__{delivery.partner_code}__{delivery.period}"
        f"__v{delivery.version}.rejets{part}.xlsx"
    )


def workbook(rows: pl.DataFrame, findings: pl.DataFrame, contract: Contract, delivery: Delivery, part: int) -> bytes:
    """An XLSX to correct and drop as it is, under any name: the hidden mark in its first row says what it adds to.

    Args:
        rows: the refused rows as written, under the header as written, and `_row_number`.
        findings: of the delivery, in the shape of `receipts.FINDINGS`.
        part: the m of `.rejets<m>`.
    """
    names = [name for name in rows.columns if name != "_row_number"]
    mark = (
        f"{MARK}:{contract.feed}:{contract.version}:{delivery.partner_code}:{delivery.period}"
        f":v{delivery.version}:rejets{part}"
    )
    refused = findings.filter(pl.col("severity") == "REFUSE").with_columns(
        pl.concat_str(pl.col("message"), pl.col("remedy").replace("", None), separator=" ", ignore_nulls=True).alias(
            "sentence"
        )
    )
    positions = _positions(names, contract)
    frame = rows.select(pl.col("_row_number").cast(pl.Int64), pl.col(names).cast(pl.String)).join(
        _reasons(refused, contract), on="_row_number", how="left", maintain_order="left"
    )
    bad = {
        position: refused.filter(pl.col("column") == column)["row_number"].unique().implode()
        for column, position in positions.items()
    }
    skeleton = _skeleton(
        f"{contract.feed} {contract.name}"[:31],
        mark,
        names,
        choices={positions[column.name]: column.enum for column in contract.columns if column.name in positions},
        comments=_comments(frame, refused, positions),
        height=rows.height,
    )
    return _filled(skeleton, frame, names, bad)


def _positions(names: Sequence[str], contract: Contract) -> Mapping[str, int]:
    """Column of the sheet that holds each column of the contract, as headers are understood."""
    from ingestion.reading import normal

    known = {
        normal(text): column.name
        for column in contract.columns
        for text in (*column.aliases, column.title, column.name)
    }
    found: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        column = known.get(normal(name))
        if column is not None:
            found.setdefault(column, position)
    return found


def _reasons(refused: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Text of the reason column by `_row_number`."""
    titles = {column.name: column.title for column in contract.columns}
    of_column = pl.when(pl.col("column") != "").then(pl.col("column").replace(titles) + " : ").otherwise(pl.lit(""))
    return (
        refused.with_columns((of_column.fill_null("") + pl.col("sentence")).alias("sentence"))
        .group_by("row_number", maintain_order=True)
        .agg(pl.col("sentence").str.join("\n"))
        .select(
            pl.col("row_number").cast(pl.Int64).alias("_row_number"),
            (pl.format("Ligne {} de votre fichier.\n", "row_number") + pl.col("sentence"))
            .str.head(LONGEST_REASON)
            .alias("_reason"),
        )
    )


def _comments(
    frame: pl.DataFrame, refused: pl.DataFrame, positions: Mapping[str, int]
) -> Iterator[tuple[int, int, str]]:
    """Row and column of the sheet (from 0) and text of the first comments."""
    lines = frame.select("_row_number", pl.int_range(pl.len()).alias("line"))
    found = (
        refused.filter(pl.col("column").is_in(list(positions)))
        .join(lines, left_on="row_number", right_on="_row_number")
        .group_by("line", "column", maintain_order=True)
        .agg(pl.col("sentence").str.join("\n").str.head(LONGEST_REASON))
        .head(MOST_COMMENTS)
    )
    for line, column, sentence in found.iter_rows():
        yield line + FIRST_ROW - 1, positions[column], sentence


def _skeleton(
    sheet_name: str,
    mark: str,
    names: Sequence[str],
    *,
    choices: Mapping[int, Sequence[str]],
    comments: Iterator[tuple[int, int, str]],
    height: int,
) -> zipfile.ZipFile:
    """The workbook but for the rows to mend: in their place, one row with a cell of each format.

    Args:
        choices: values to choose from, by column of the sheet.
        height: how many rows there will be.
    """
    import xlsxwriter

    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        sheet = book.add_worksheet(sheet_name)
        text = {"num_format": "@", "valign": "top"}
        head = {"bold": True, "bg_color": "#E8EEF4", "border": 1, "text_wrap": True, "num_format": "@"}
        bad = {"bg_color": "#FBD5D0", "border": 2, "border_color": "#A3201C"}
        # a cell that begins like a formula is quoted: it stays what it was, and never runs
        quoted = {"quote_prefix": True}
        plain, reason = book.add_format(text), book.add_format(text | {"text_wrap": True, "bg_color": "#F3F3F3"})
        sheet.set_row(0, None, None, {"hidden": True})
        sheet.write_string(0, 0, mark)
        sheet.freeze_panes(FIRST_ROW - 1, 1)
        sheet.set_column(0, 0, 64, reason)
        sheet.set_column(1, len(names), 20, plain)
        sheet.write_string(1, 0, REASON_HEADER, book.add_format(head | {"bg_color": "#D9D9D9"}))
        sheet.write_comment(1, 0, _HOW, {"x_scale": 2.5, "y_scale": 1.5})
        header, quoted_header = book.add_format(head), book.add_format(head | quoted)
        for column, name in enumerate(names, start=1):
            sheet.write_string(1, column, name, quoted_header if name.startswith(_FORMULA) else header)
        samples = (reason, plain, *(book.add_format(text | more) for more in (quoted, bad, bad | quoted)))
        for column, sample in enumerate(samples):
            sheet.write_blank(FIRST_ROW - 1, column, None, sample)
        for column, values in choices.items():
            if values and len(",".join(values)) <= LONGEST_LIST:
                lines = (FIRST_ROW - 1, column, FIRST_ROW + height - 2, column)
                sheet.data_validation(*lines, {"validate": "list", "source": list(values), "error_type": "warning"})
        for line, column, sentence in comments:
            sheet.write_comment(line, column, sentence, {"x_scale": 2})
    return zipfile.ZipFile(buffer)


def _filled(skeleton: zipfile.ZipFile, frame: pl.DataFrame, names: Sequence[str], bad: Mapping[int, Any]) -> bytes:
    """The workbook with its rows, written by columns: a library that writes cell by cell takes a hundred times longer."""
    buffer = io.BytesIO()
    with skeleton, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for item in skeleton.infolist():
            if item.filename != _SHEET:
                made.writestr(item, skeleton.read(item))
                continue
            text = skeleton.read(item).decode()
            sample = re.search(rf'<row r="{FIRST_ROW}".*?</row>', text)
            assert sample is not None
            styles = re.findall(r's="(\d+)"', sample[0])
            last = f"{_letters(len(names))}{frame.height + FIRST_ROW - 1}"
            before = re.sub(r'<dimension ref="[^"]*"', f'<dimension ref="A1:{last}"', text[: sample.start()])
            with made.open(_SHEET, "w") as sheet:
                sheet.write(before.encode())
                for offset in range(0, frame.height, SLICE):
                    sheet.write(_rows_xml(frame.slice(offset, SLICE), offset, names, bad, styles))
                sheet.write(text[sample.end() :].encode())
    return buffer.getvalue()


def _rows_xml(
    frame: pl.DataFrame, offset: int, names: Sequence[str], bad: Mapping[int, Any], styles: Sequence[str]
) -> bytes:
    """Rows of the sheet.

    Args:
        offset: how many rows came before.
        bad: by column of the sheet, the row numbers whose cell is bad.
        styles: of a reason, and of a cell: plain, quoted, bad, bad and quoted.
    """
    number = (pl.int_range(pl.len()) + offset + FIRST_ROW).cast(pl.String)
    cells = [_cell_xml(pl.col("_reason").fill_null(""), 0, number, pl.lit(styles[0]))]
    for position, name in enumerate(names, start=1):
        text = pl.col(name).fill_null("").str.head(LONGEST_CELL)
        is_formula = pl.any_horizontal(text.str.starts_with(mark) for mark in _FORMULA)
        is_bad = pl.col("_row_number").is_in(bad[position]) if position in bad else pl.lit(value=False)
        style = (
            pl.when(is_bad & is_formula)
            .then(pl.lit(styles[4]))
            .when(is_bad)
            .then(pl.lit(styles[3]))
            .when(is_formula)
            .then(pl.lit(styles[2]))
            .otherwise(pl.lit(styles[1]))
        )
        cell = _cell_xml(text, position, number, style)
        cells.append(pl.when(is_bad | (text != "")).then(cell).otherwise(pl.lit("")))
    row = pl.concat_str(pl.lit('<row r="'), number, pl.lit('">'), *cells, pl.lit("</row>"))
    return "".join(frame.select(row.alias("row"))["row"]).encode()


def _cell_xml(text: pl.Expr, position: int, number: pl.Expr, style: pl.Expr) -> pl.Expr:
    escaped = (
        # a text that looks like an escaped character would be read as one
        text.str.replace_all(r"_(x[0-9A-Fa-f]{4}_)", "_x005F_${1}").str.replace_many(
            {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | _CONTROLS
        )
    )
    return pl.concat_str(
        pl.lit(f'<c r="{_letters(position)}'),
        number,
        pl.lit('" s="'),
        style,
        pl.lit('" t="inlineStr"><is><t xml:space="preserve">'),
        escaped,
        pl.lit("</t></is></c>"),
    )


def _letters(position: int) -> str:
    """`A` for 0, `AA` for 26."""
    high, low = divmod(position, 26)
    return (_letters(high - 1) if high else "") + chr(ord("A") + low)
