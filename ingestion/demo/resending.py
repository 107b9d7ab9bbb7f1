"""The demonstration's partners mend what was refused, and deliver in another order: what must come of it is known."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ingestion.contracts import load_contract
from ingestion.demo.files import Row
from ingestion.demo.in_force import files_in_force
from ingestion.demo.making import BUSINESS_DATE, File, bounds
from ingestion.demo.twin import Twin

MARK = re.compile(
    r"lakou:(?P<feed>\w+):[\d.]+:(?P<partner>[A-Z0-9-]+):(?P<period>[^:]+):v(?P<version>\d+):rejets(?P<part>\d+)"
)
LINE = re.compile(r"Ligne (\d+) ")


def without_defects(twin: Twin) -> Twin:
    """The twin as it would be had nobody made a mistake on a record; files refused as a whole stay as they are."""
    files = [
        file if file.blocked else replace(file, rows=[_mended(row) for row in file.rows if not row.is_copy])
        for file in twin.files
    ]
    return replace(twin, files=files)


def resent(twin: Twin) -> Twin:
    """The twin once every refused record that still matters was mended and sent again, on the business date."""
    added = []
    for file in _to_mend(twin):
        rows = [_mended(row) for row in file.rows if row.state == "refused" and not row.is_copy]
        if rows:
            part = file.part + 1
            added.append(replace(file, rows=rows, part=part, received_on=BUSINESS_DATE, is_template=False))
    return replace(twin, files=[*twin.files, *added])


def _to_mend(twin: Twin) -> Iterator[File]:
    """Files in force of which nobody has sent the refused records again."""
    answered = {(file.key, file.version) for file in twin.files if file.part}
    for file in files_in_force(twin.files):
        if not file.part and (file.key, file.version) not in answered:
            yield file


def _mended(row: Row) -> Row:
    if row.state != "refused" or row.mended is None:
        return row
    mended = row.mended.copy()
    mended.rules, mended.state = (), "accepted"
    return mended


def mend_rejects(twin: Twin, drop: Path) -> list[Path]:
    """Mend the workbooks of refused rows that partners were given back, and drop them under names of no meaning.

    Args:
        drop: the platform's drop: `<PARTNER>/accuses` is read, `<PARTNER>/depot` is written.

    Returns:
        The files dropped, one for each workbook of which something is to be sent again.
    """
    files = {(*file.key, file.version): file for file in _to_mend(twin)}
    dropped: list[Path] = []
    for path in sorted(drop.glob("*/accuses/*.rejets*.xlsx")):
        content = mended_workbook(path.read_bytes(), files)
        if content is not None:
            place = path.parents[1] / "depot" / f"corrections {len(dropped) + 1}.xlsx"
            place.write_bytes(content)
            dropped.append(place)
    return dropped


def mended_workbook(content: bytes, files: dict[tuple[str, str, str, int], File]) -> bytes | None:
    """A workbook of rows to mend as its partner would send it back; none where nothing of it is to be sent.

    Args:
        files: what may be mended, by partner, feed, period and version.
    """
    import xlsxwriter
    from python_calamine import CalamineWorkbook

    mark, header, *records = (
        CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    )
    match = MARK.fullmatch(str(mark[0]))
    if match is None:
        return None
    file = files.get((match["partner"], match["feed"], match["period"], int(match["version"])))
    if file is None:
        return None
    rows = {row.line: row for row in file.rows}
    columns = _columns(match["feed"], (str(title) for title in header))
    lines = [
        [str(record[0]), *(_cell(row, name, written) for name, written in zip(columns, record[1:], strict=True))]
        for record in records
        if (row := _row_of(str(record[0]), rows)) is not None and not row.is_copy
    ]
    if not lines:
        return None
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True, "strings_to_urls": False, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet("Feuil1")
        sheet.set_row(0, None, None, {"hidden": True})
        for at, line in enumerate([[str(mark[0])], [str(title) for title in header], *lines]):
            sheet.write_row(at, 0, line)
    return data.getvalue()


def _row_of(reason: str, rows: dict[int, Row]) -> Row | None:
    line = LINE.match(reason)
    return rows.get(int(line[1])) if line else None


def _columns(feed: str, header: Iterable[str]) -> list[str]:
    """Contract column of each column of the workbook but the first; empty for one that is none."""
    known = {text: column.name for column in load_contract(feed).columns for text in (column.name, column.title)}
    return [known.get(title, "") for title in list(header)[1:]]


def _cell(row: Row, name: str, written: object) -> str:
    if not name:
        return str(written)
    mended = row.mended or row
    return mended.written.get(name, mended.cells.get(name, ""))


def reordered(twin: Twin, rng: random.Random, batches: int) -> list[list[File]]:
    """The twin's files in so many batches of another order.

    Versions, parts and overlapping periods of one partner's feed keep their order: which of two is the newer one is
    said by it. Of a workbook of several tables one stands for all.
    """
    groups: dict[tuple[str, str, str], list[File]] = {}
    for file, *_ in twin.drops():
        period = bounds(file.period).start if file.period else None
        quarter = f"{period.year}-{(period.month - 1) // 3}" if period else file.name
        groups.setdefault((file.partner, file.feed, quarter), []).append(file)
    found: list[list[File]] = [[] for _ in range(batches)]
    for files in groups.values():
        is_doubled = any(file.blocked == "VERSION-ANCIENNE" for file in files)
        places = sorted(rng.randrange(batches - is_doubled) for _ in files)
        for file, place in zip(files, places, strict=True):
            if file.blocked == "VERSION-ANCIENNE":
                found[-1].append(file)
            else:
                found[place].append(file)
    return found
