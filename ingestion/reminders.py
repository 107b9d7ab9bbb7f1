"""What a partner still owes: deliveries late or due, rows to mend, rows that wait; the page and the mail that recall it."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg.rows import dict_row

from ingestion import mail, pages
from ingestion.drop import write_atomically
from ingestion.loading import RECEIVED, REFUSED
from ingestion.settings import Settings

if TYPE_CHECKING:
    import psycopg

# days after the due date on which a partner is written to
REMINDED_AFTER = (1, 7, 14)
# a file whose name told nothing is no longer recalled after so many days
FORGOTTEN_AFTER_DAYS = 60
PAGE = "rappels.html"
INDEX = "index.html"
TAKEN, TO_MEND, LATE, DUE = "reçu", "à corriger", "en retard", "attendu"


@dataclass(frozen=True, slots=True)
class Expected:
    """One delivery due; `status` is `reçu`, `à corriger`, `en retard` or `attendu`."""

    feed: str
    period: str
    due_on: dt.date
    status: str

    @property
    def title(self) -> str:
        """What the feed is, in French."""
        return pages.feed_title(self.feed)

    def days_late(self, today: dt.date) -> int:
        """Days since the due date; negative before it."""
        return (today - self.due_on).days


@dataclass(frozen=True, slots=True)
class Listed:
    """One delivery in a partner's lists.

    Args:
        receipt: file name of its receipt beside the list; none until it is judged.
        rejects: file names of the rows to mend that its receipts gave.
        held: why it waits for a person, if it does.
        is_superseded: a higher version stands for its period.
        is_pulled: it was made of a source, where it is mended.
    """

    delivery_id: str
    feed: str | None
    file_name: str
    period: str | None
    period_start: dt.date | None
    version: int | None
    part: int
    sha256: str
    received_at: dt.datetime
    state: str
    is_blocked: bool
    rows_received: int
    rows_accepted: int
    rows_awaiting: int
    rows_rejected: int
    receipt: str | None
    rejects: tuple[str, ...]
    held: str | None
    is_superseded: bool
    is_pulled: bool

    @property
    def title(self) -> str:
        """What the feed is, in French; empty where the file's name told none."""
        return pages.feed_title(self.feed) if self.feed else ""

    @property
    def is_taken(self) -> bool:
        """Whether it was judged and not refused."""
        return self.state not in {RECEIVED, REFUSED}


@dataclass(frozen=True, slots=True)
class ToMend:
    """A delivery of which something is to be corrected; `files` are the rows to mend not sent back yet."""

    delivery: Listed
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows that wait for what another feed declares, until `deadline_on`."""

    feed: str
    period: str
    awaited_feed: str
    rows: int
    examples: tuple[str, ...]
    deadline_on: dt.date


@dataclass(frozen=True, slots=True)
class Overview:
    """Where one partner stands on one day."""

    deliveries: tuple[Listed, ...]
    expected: tuple[Expected, ...]
    to_mend: tuple[ToMend, ...]
    waiting: tuple[Waiting, ...]

    @property
    def late(self) -> tuple[Expected, ...]:
        """What is overdue, the oldest first; what came and was refused is among what is to be mended."""
        return tuple(sorted((due for due in self.expected if due.status == LATE), key=_by_date))

    @property
    def coming(self) -> tuple[Expected, ...]:
        """What is due next, the nearest first."""
        return tuple(sorted((due for due in self.expected if due.status == DUE), key=_by_date))

    @property
    def years(self) -> list[tuple[int | None, list[Listed]]]:
        """Deliveries by the year of their period, the newest first; last those whose period is unknown."""
        by_year: dict[int | None, list[Listed]] = {}
        for listed in self.deliveries:
            by_year.setdefault(listed.period_start.year if listed.period_start else None, []).append(listed)
        return sorted(by_year.items(), key=lambda item: -(item[0] or 0))

    @property
    def held(self) -> tuple[Listed, ...]:
        """Deliveries that wait for a person."""
        return tuple(listed for listed in self.deliveries if listed.held and not listed.is_superseded)


def overview(connection: psycopg.Connection[Any], partner_code: str, today: dt.date) -> Overview:
    """Where a partner stands."""
    deliveries = _deliveries(connection, partner_code)
    return Overview(
        deliveries=deliveries,
        expected=tuple(expected_of(connection, partner_code, today)),
        to_mend=to_mend(deliveries, today),
        waiting=_waiting(connection, partner_code),
    )


def expected_of(connection: psycopg.Connection[Any], partner_code: str, today: dt.date) -> list[Expected]:
    """What a partner owes, the newest first."""
    rows = connection.execute(
        "select e.feed, e.period, e.due_on,"
        " coalesce(bool_or(d.state <> %(refused)s), false), count(d.delivery_id) > 0"
        " from ops.expected_deliveries as e left join ops.deliveries as d on d.partner_code = e.partner_code"
        " and d.feed = e.feed and d.period_start <= e.period_start and d.period_end >= e.period_end"
        " and d.state <> %(received)s"
        " where e.partner_code = %(partner)s group by e.feed, e.period, e.due_on order by e.due_on desc, e.feed",
        {"refused": REFUSED, "received": RECEIVED, "partner": partner_code},
    )
    return [
        Expected(feed, period, due_on, TAKEN if taken else TO_MEND if tried else LATE if due_on < today else DUE)
        for feed, period, due_on, taken, tried in rows
    ]


def next_due(connection: psycopg.Connection[Any], partner_code: str, today: dt.date, most: int = 3) -> list[Expected]:
    """What a partner has to send next, the nearest first."""
    rows = connection.execute(
        "select e.feed, e.period, e.due_on from ops.expected_deliveries as e where e.partner_code = %s"
        " and e.due_on >= %s and not exists (select 1 from ops.deliveries as d where d.partner_code = e.partner_code"
        " and d.feed = e.feed and d.state not in (%s, %s)"
        " and d.period_start <= e.period_start and d.period_end >= e.period_end)"
        " order by e.due_on, e.feed limit %s",
        [partner_code, today, RECEIVED, REFUSED, most],
    ).fetchall()
    return [Expected(feed, period, due_on, DUE) for feed, period, due_on in rows]


def to_mend(deliveries: Sequence[Listed], today: dt.date) -> tuple[ToMend, ...]:
    """Of these deliveries of one partner, what has refused rows or was refused whole, and was not answered since."""
    parts: dict[tuple[str | None, str | None, int | None], set[int]] = defaultdict(set)
    last_taken: dict[tuple[str | None, str | None], dt.datetime] = {}
    taken_contents = {listed.sha256 for listed in deliveries if not listed.is_blocked}
    for listed in deliveries:
        if not listed.is_blocked:
            parts[listed.feed, listed.period, listed.version].add(listed.part)
        if listed.is_taken and listed.feed:
            place = listed.feed, listed.period
            last_taken[place] = max(listed.received_at, last_taken.get(place, listed.received_at))
    found = []
    for listed in deliveries:
        if listed.state == RECEIVED or listed.is_superseded:
            continue
        sent_back = parts[listed.feed, listed.period, listed.version]
        files = tuple(name for name in listed.rejects if _part(name) not in sent_back)
        if listed.is_blocked:
            answered = (
                (listed.feed is None and (today - listed.received_at.date()).days > FORGOTTEN_AFTER_DAYS)
                or listed.sha256 in taken_contents
                or last_taken.get((listed.feed, listed.period), listed.received_at) > listed.received_at
            )
            if not answered:
                found.append(ToMend(listed, ()))
        elif listed.rows_rejected and (files or not listed.rejects):
            found.append(ToMend(listed, files))
    return tuple(found)


def write(settings: Settings, connection: psycopg.Connection[Any], today: dt.date) -> list[str]:
    """Bring the partners' pages of reminders up to date, and queue the mails for what has become late.

    Only those partners are looked at who got a receipt since, or for whom a day to recall something has come. An
    overview older than the last receipt (of a hold that was released, say) is written again as well.

    Args:
        settings: of the platform.
        connection: in autocommit.
        today: the business date.

    Returns:
        Codes of the partners whose page of reminders was written.

    Raises:
        LakouError: a partner's folder cannot be written.
    """
    stale = connection.execute(
        "with given as (select d.partner_code, count(*) as receipts, max(r.issued_at) as last from ops.receipts as r"
        " inner join ops.deliveries as d on d.delivery_id = r.delivery_id group by d.partner_code)"
        " select p.partner_code, p.name, g.sha256, coalesce(given.receipts, 0), given.last from ops.partners as p"
        " left join given on given.partner_code = p.partner_code"
        " left join ops.reminder_pages as g on g.partner_code = p.partner_code"
        " where g.partner_code is null or g.receipts <> coalesce(given.receipts, 0) or g.looked_on > %(today)s or exists"
        " (select 1 from ops.expected_deliveries as e, unnest(%(steps)s::int[]) as step"
        " where e.partner_code = p.partner_code and e.due_on + step > g.looked_on and e.due_on + step <= %(today)s)"
        " order by p.partner_code",
        {"today": today, "steps": list(REMINDED_AFTER)},
    ).fetchall()
    written = []
    for code, name, known, receipts, last in stale:
        folder = settings.drop / code / "accuses"
        if not folder.is_dir():
            continue
        with connection.transaction():
            stands = overview(connection, code, today)
            digest = hashlib.sha256(_page(code, name, stands, None)).hexdigest()
            if digest != known or not (folder / PAGE).exists():
                write_atomically(folder / PAGE, _page(code, name, stands, today))
                written.append(code)
            if last is not None and _is_older(folder / INDEX, last):
                write_index(settings, code, name, stands, today)
            # before the mail: of two receivers at once, the second waits here and sees what was recalled
            connection.execute(
                "insert into ops.reminder_pages (partner_code, looked_on, receipts, sha256) values (%s, %s, %s, %s)"
                " on conflict (partner_code) do update set looked_on = excluded.looked_on,"
                " receipts = excluded.receipts, sha256 = excluded.sha256",
                [code, today, receipts, digest],
            )
            _queue_mail(connection, code, stands.late, today)
    return written


def write_index(settings: Settings, partner_code: str, partner_name: str, stands: Overview, today: dt.date) -> None:
    """Write `index.html`: where a partner stands, what waits for it, and every delivery with its receipt.

    Raises:
        LakouError: the partner's folder cannot be written.
    """
    folder = settings.drop / partner_code / "accuses"
    page = pages.render(
        "index.html.j2",
        partner_code=partner_code,
        partner_name=partner_name,
        today=today,
        stands=stands,
        sources=sorted(path.name for path in folder.glob("source_*.html")),
    )
    write_atomically(folder / INDEX, page)


def _is_older(path: Path, moment: dt.datetime) -> bool:
    try:
        return path.stat().st_mtime < moment.timestamp()
    except FileNotFoundError:
        return True


def _page(code: str, name: str, stands: Overview, today: dt.date | None) -> bytes:
    return pages.render("rappels.html.j2", partner_code=code, partner_name=name, stands=stands, today=today)


def _queue_mail(
    connection: psycopg.Connection[Any], partner_code: str, late: Sequence[Expected], today: dt.date
) -> None:
    """Queue one mail that names all that is late, when one more of the days to recall something has come."""
    if not late:
        return
    reminded = connection.execute(
        "select feed, period, max(days_late) from ops.reminders where partner_code = %s group by feed, period",
        [partner_code],
    ).fetchall()
    known = {(feed, period): days for feed, period, days in reminded}
    due = [
        (item, step) for item in late if (step := _step(item.days_late(today))) > known.get((item.feed, item.period), 0)
    ]
    if not due:
        return
    mail_id = mail.queue(connection, partner_code, _subject(late), _body(late, today))
    if mail_id is None:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.reminders (partner_code, feed, period, days_late, reminded_on, mail_id)"
            " values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
            [(partner_code, item.feed, item.period, step, today, mail_id) for item, step in due],
        )


def _step(days_late: int) -> int:
    return max((days for days in REMINDED_AFTER if days <= days_late), default=0)


def _subject(late: Sequence[Expected]) -> str:
    return f"Rappel : {pages.plural(len(late), 'fichier en retard', 'fichiers en retard')}"


def _body(late: Sequence[Expected], today: dt.date) -> str:
    lines = [
        f"- {item.feed}, {item.title}, {pages.period(item.period)} : attendu le {pages.day(item.due_on)},"
        f" en retard de {pages.plural(item.days_late(today), 'jour', 'jours')}"
        for item in late
    ]
    return "\n".join(
        [
            "Bonjour,",
            "",
            f"Nous n'avons pas reçu {pages.agreed(len(late), 'ce fichier', 'ces fichiers')} :",
            *lines,
            "",
            "S'il n'y a rien à déclarer, déposez le fichier avec sa seule ligne d'en-tête : il sera noté comme tel.",
            f"Le détail est dans la page {PAGE} de votre dossier « accuses ».",
            "",
            mail.signature(),
            "",
        ]
    )


def _by_date(due: Expected) -> tuple[dt.date, str, str]:
    return due.due_on, due.feed, due.period


def _part(name: str) -> int | None:
    """The m of `….rejets<m>.xlsx`."""
    digits = PurePosixPath(name).stem.rpartition(".rejets")[2]
    return int(digits) if digits.isdigit() else None


def _deliveries(connection: psycopg.Connection[Any], partner_code: str) -> tuple[Listed, ...]:
    """All deliveries of a partner, the newest period first."""
    rows = _dicts(
        connection,
        "select d.delivery_id, d.feed, d.file_name, d.period, d.period_start, d.version, d.part, d.sha256,"
        " d.received_at, d.state, d.is_blocked, d.rows_received, d.rows_accepted, d.rows_awaiting, d.rows_rejected,"
        " r.html_path as receipt, r.rejects, h.reasons as held, d.source <> 'DEPOT' as is_pulled,"
        " exists (select 1 from ops.supersessions as s where s.superseded_delivery_id = d.delivery_id) as is_superseded"
        " from ops.deliveries as d left join lateral (select html_path, body -> 'rejects' as rejects"
        " from ops.receipts where delivery_id = d.delivery_id order by revision desc limit 1) as r on true"
        " left join lateral (select string_agg(reason, ' ' order by hold_id) as reasons from ops.holds"
        " where delivery_id = d.delivery_id and released_at is null) as h on true"
        " where d.partner_code = %s"
        " order by d.period_start desc nulls first, d.feed, d.version desc, d.part desc, d.received_at desc",
        partner_code,
    )
    return tuple(
        Listed(
            **{
                **row,
                "receipt": PurePosixPath(row["receipt"]).name if row["receipt"] else None,
                "rejects": tuple(PurePosixPath(path).name for path in row["rejects"] or ()),
            }
        )
        for row in rows
    )


def _waiting(connection: psycopg.Connection[Any], partner_code: str) -> tuple[Waiting, ...]:
    rows = _dicts(
        connection,
        "select d.feed, d.period, a.awaited_feed, count(*) as rows,"
        " (array_agg(distinct a.awaited_id))[1:5] as examples, min(a.deadline_on) as deadline_on"
        " from quarantine.awaiting_rows as a inner join ops.deliveries as d on d.delivery_id = a.delivery_id"
        " where d.partner_code = %s and a.outcome is null"
        " group by d.feed, d.period, a.awaited_feed order by min(a.deadline_on), d.feed, d.period",
        partner_code,
    )
    return tuple(Waiting(**{**row, "examples": tuple(row["examples"])}) for row in rows)


def _dicts(connection: psycopg.Connection[Any], query: LiteralString, partner_code: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [partner_code]).fetchall()
