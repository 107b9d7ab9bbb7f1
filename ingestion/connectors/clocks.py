"""Watermarks in time: made of the server's clock and of what it dated, never of ours, and begun again a little earlier.

A watermark is `{"at": …}`; one left by a pull that was stopped also says where (`position`), when that pull began
(`began`) and the newest change that it saw (`newest`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ingestion.connectors.interface import Record, Watermark

# a change is dated when its transaction begins and seen when it ends; a server's `Date` and the clock that dates its
# records differ; both are minutes where anybody looks after the server, and a page more costs nothing
OVERLAP = dt.timedelta(minutes=30)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def moment(text: object) -> dt.datetime | None:
    """An ISO moment of a watermark or of a server's answer; one without a zone is UTC; None where there is none."""
    if not isinstance(text, str) or not text:
        return None
    read = dt.datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a pull has come.

    Args:
        at: changes up to here were pulled before; None: nothing was.
        began: the server's clock when this pull began; None until it has answered.
        newest: the newest change seen.
        is_resumed: whether this pull goes on with one that was stopped: what it sees of later days says nothing of how
            far the pages that were read before it reach.
    """

    at: dt.datetime | None
    began: dt.datetime | None = None
    newest: dt.datetime | None = None
    is_resumed: bool = False

    @classmethod
    def of(cls, since: Watermark) -> Clock:
        """What a watermark says."""
        at, began, newest = (moment(since.get(name)) for name in ("at", "began", "newest"))
        return cls(at, began, newest, "position" in since)

    def asked(self) -> dt.datetime | None:
        """From when on to ask; None for everything."""
        return None if self.at is None else max(self.at, _EPOCH + OVERLAP) - OVERLAP

    def answered(self, server_time: dt.datetime | None, records: Iterable[Record]) -> Clock:
        """The clock after one more answer."""
        seen = [record.updated_at for record in records if record.updated_at and not self.is_resumed]
        newest = max([*seen, *([self.newest] if self.newest else [])], default=None)
        return replace(self, began=self.began or server_time, newest=newest)

    def stopped(self, position: str | int) -> dict[str, object]:
        """The watermark of a pull that goes on at a position of the same question."""
        moments = {"at": self.at, "began": self.began, "newest": self.newest}
        return {"position": position, **{name: when.isoformat() for name, when in moments.items() if when}}

    def done(self) -> dict[str, object]:
        """The watermark of a pull that reached its end.

        The earlier of the server's `Date` and of the newest change counts: a record dated in the future does not carry
        the watermark past what changes meanwhile, nor does a `Date` ahead of the clock that dates the records.
        """
        latest = max((when for when in (self.newest, self.at) if when), default=None)
        if latest is None:
            return {}
        return {"at": min(latest, self.began or latest).isoformat()}
