"""A whole file in one table, as the tests of reading compare them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ingestion.contracts import load_contract
from ingestion.reading import Remark, open_reading
from ingestion.records import cuts_frame

F01 = load_contract("F01")
HEADER = ("session_id", "action_code", "intitule", "modalite", "date_debut", "date_fin", "duree_prevue_h")
ROW_OF_S1 = ("S1", "MQ-A1", "Titre", "WEBINAIRE", "2026-03-04", "2026-03-04", "2")


@dataclass(frozen=True)
class Table:
    """The batches of a reading in one."""

    cells: pl.DataFrame
    header: tuple[str, ...]
    positions: Mapping[str, int]
    truncated: pl.DataFrame
    remarks: tuple[Remark, ...]

    @property
    def rows_received(self) -> int:
        return self.cells.height + self.truncated.height

    @property
    def rules(self) -> list[str]:
        return [remark.rule_id for remark in self.remarks]

    def column(self, name: str = "intitule") -> list[str]:
        return self.cells[f"c{self.positions[name]}"].to_list()


def read_table(path: Path, extension: str = "csv", contract: object = F01, sheet: str | None = None) -> Table:
    reading = open_reading(path, extension, contract, sheet)  # type: ignore[arg-type]
    batches = list(reading.batches())
    assert all(batch.rows_received == batch.cells.height + batch.truncated.height for batch in batches)
    schema = {**{f"c{index}": pl.String for index in range(len(reading.header.cells))}, "_row_number": pl.Int32}
    return Table(
        pl.concat([pl.DataFrame(schema=schema), *(batch.cells for batch in batches)]),
        reading.header.cells,
        reading.header.positions,
        pl.concat([cuts_frame([]), *(batch.truncated for batch in batches)]),
        (*reading.remarks, *(remark for batch in batches for remark in batch.remarks)),
    )


def read(folder: Path, data: bytes | str, extension: str = "csv", sheet: str | None = None) -> Table:
    file = folder / "file"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_table(file, extension, F01, sheet)


def lines(*records: tuple[str, ...], separator: str = ";") -> str:
    return "".join(separator.join(record) + "\n" for record in (HEADER, *records))


def titled(title: str) -> tuple[str, ...]:
    return (*ROW_OF_S1[:2], title, *ROW_OF_S1[3:])
