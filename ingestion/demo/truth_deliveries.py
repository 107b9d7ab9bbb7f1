"""What the twin says of deliveries: the indicators T-01 to T-04."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import polars as pl

from ingestion.demo.in_force import slots_met
from ingestion.demo.making import BUSINESS_DATE, File, bounds
from ingestion.demo.truth_cells import Contribution, as_frame
from ingestion.demo.twin import Twin


def contributions(twin: Twin, in_force: Sequence[File]) -> dict[str, pl.DataFrame]:
    """Contributions to the indicators of deliveries, by their codes."""
    found: dict[str, Iterable[Contribution]] = {
        "T-01": _expected(twin.files, in_time=False),
        "T-02": _expected(twin.files, in_time=True),
        "T-03": _accepted(in_force),
        "T-04": _corrected(twin.files),
    }
    return {code: as_frame(rows) for code, rows in found.items()}


def _expected(files: Sequence[File], *, in_time: bool) -> Iterator[Contribution]:
    """Deliveries whose day has come, and whether they were taken, or taken in time."""
    for slot, met_on in slots_met(files):
        if slot.due_on <= BUSINESS_DATE:
            is_met = met_on is not None and (not in_time or met_on <= slot.due_on)
            entity = f"{slot.partner}|{slot.feed}|{slot.period}"
            yield Contribution(
                entity, slot.start, slot.partner, members=(f"FLUX:{slot.feed}",), num=int(is_met), den=1
            )  # fmt: skip


def _accepted(in_force: Sequence[File]) -> Iterator[Contribution]:
    """Rows received and accepted of each delivery in force."""
    for file in in_force:
        if file.rows:
            taken = sum(row.state == "accepted" for row in file.rows)
            yield Contribution(
                file.name, bounds(file.period).start, file.partner, members=(f"FLUX:{file.feed}",),
                num=taken, den=len(file.rows),
            )  # fmt: skip


def _corrected(files: Sequence[File]) -> Iterator[Contribution]:
    """Hours from a delivery that was refused, whole or in part, to the next one of its partner, feed and period."""
    told: dict[tuple[str, str, str], list[File]] = {}
    for file in sorted(files, key=lambda file: file.received_at):
        if file.feed and file.period:
            told.setdefault(file.key, []).append(file)
    for later in told.values():
        for wrong in later:
            mended = next((file for file in later if file.received_at > wrong.received_at), None)
            if mended and (wrong.blocked or any(row.state == "refused" for row in wrong.rows)):
                hours = Fraction(int((mended.received_at - wrong.received_at).total_seconds()), 3600)
                yield Contribution(
                    f"{wrong.name}|{wrong.version}", mended.received_on, mended.partner,
                    members=(f"FLUX:{wrong.feed}",), num=hours,
                )  # fmt: skip
