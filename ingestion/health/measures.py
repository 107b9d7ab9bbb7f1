"""`lakou metrics`: the platform in numbers, as Prometheus reads them or as StatsD takes them."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ingestion.database import business_date, connect
from ingestion.settings import Settings

DATAGRAM_BYTES = 1400


@dataclass(frozen=True, slots=True)
class Measure:
    """One number.

    Args:
        name: without the prefix `lakou_`, with its unit at its end.
        says: one sentence, the same for all measures of the name.
        labels: what tells measures of one name apart.
    """

    name: str
    says: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


def measures(settings: Settings) -> list[Measure]:
    """Everything that is measured, now.

    Raises:
        LakouError: the warehouse or the place of backups does not answer.
    """
    return [*_of_warehouse(settings), *_of_disks(settings), *_of_backups(settings)]


def prometheus(found: Iterable[Measure]) -> str:
    """The numbers in Prometheus's text format."""
    lines: list[str] = []
    told: set[str] = set()
    for item in sorted(found, key=lambda item: (item.name, item.labels)):
        name = f"lakou_{item.name}"
        if name not in told:
            told.add(name)
            lines += [f"# HELP {name} {item.says}", f"# TYPE {name} gauge"]
        labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in item.labels)
        lines.append(f"{name}{{{labels}}} {item.value:g}" if labels else f"{name} {item.value:g}")
    return "\n".join(lines) + "\n"


def push(found: Iterable[Measure], host: str, port: int) -> int:
    """Send the numbers to StatsD as gauges; UDP, so that nobody waits for it.

    Returns:
        Datagrams sent.

    Raises:
        OSError: the host has no address.
    """
    lines = [
        f"lakou.{'.'.join([item.name, *(re.sub(r'[^A-Za-z0-9_-]+', '_', value) for _, value in item.labels)])}:{item.value:g}|g"
        for item in found
    ]
    packets, packet = [], b""
    for line in lines:
        data = line.encode()
        if packet and len(packet) + len(data) + 1 > DATAGRAM_BYTES:
            packets.append(packet)
            packet = b""
        packet = packet + b"\n" + data if packet else data
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as sender:
        for data in (*packets, packet):
            if data:
                sender.sendto(data, address)
    return len(packets) + bool(packet)


def _of_warehouse(settings: Settings) -> list[Measure]:
    now = dt.datetime.now(dt.UTC)
    # the publisher reads the books of ops, and the pointer
    with connect(settings, "lakou_publisher") as connection:
        deliveries = connection.execute(
            "select state, count(*), sum(rows_accepted), sum(rows_awaiting), sum(rows_rejected)"
            " from ops.deliveries group by state"
        ).fetchall()
        row = connection.execute(
            "select (select count(*) from ops.loads where build_id is null),"
            " (select count(*) from ops.holds where released_at is null),"
            " (select count(*) from ops.mails where sent_at is null and given_up_at is null),"
            " (select max(build_id) from ops.builds where state = 'TERMINE'),"
            " (select extract(epoch from %(now)s - max(finished_at)) from ops.builds where state = 'TERMINE'),"
            " (select extract(epoch from finished_at - started_at) from ops.builds where state = 'TERMINE'"
            " order by build_id desc limit 1),"
            " (select publication_id from published.pointer),"
            " (select extract(epoch from %(now)s - p.published_at) from ops.publications as p"
            " inner join published.pointer using (publication_id)),"
            " (select count(*) from ops.publications where state in ('RETENUE', 'ECHOUEE')"
            " and publication_id > (select coalesce(max(publication_id), 0) from ops.publications"
            " where state in ('PUBLIEE', 'PARTIELLE'))),"
            " (select count(*) from published.withheld inner join published.pointer using (publication_id)),"
            " (select count(*) from ops.closings), pg_database_size(current_database())",
            {"now": now},
        ).fetchone()
        alerts = connection.execute("select check_name, state from ops.alerts where ended_at is null").fetchall()
        sources = connection.execute(
            "select source_name, extract(epoch from %s - coalesce(pulled_at, created_at)) from ops.sources", [now]
        ).fetchall()
        late = connection.execute(
            "select count(*) from ops.expected_deliveries as e where e.due_on < %s and not exists"
            " (select 1 from ops.deliveries as d where d.partner_code = e.partner_code and d.feed = e.feed"
            " and d.state not in ('RECU', 'REFUSÉ') and d.period_start <= e.period_start"
            " and d.period_end >= e.period_end)",
            [business_date(connection, now)],
        ).fetchone()
    assert row is not None
    assert late is not None
    found = [
        Measure("deliveries", "Deliveries by the word of their receipt.", count, (("state", state),))
        for state, count, *_ in deliveries
    ]
    for index, outcome in enumerate(("accepted", "awaiting", "rejected")):
        total = sum(int(counts[2 + index] or 0) for counts in deliveries)
        found.append(Measure("rows", "Rows received, by what became of them.", total, (("outcome", outcome),)))
    named = (
        ("loads_waiting", "Loads that no build has numbered yet."),
        ("deliveries_held", "Deliveries that wait for a person."),
        ("mails_waiting", "Mails that wait to be sent."),
        ("build_number", "Number of the last build."),
        ("build_age_seconds", "Since the last build ended."),
        ("build_seconds", "How long the last build took."),
        ("publication_number", "Publication that everybody reads."),
        ("publication_age_seconds", "Since that publication."),
        ("publications_held", "Publications held or failed since it."),
        ("indicators_withheld", "Indicators that keep their last good figures."),
        ("closings", "Closings."),
        ("warehouse_bytes", "Size of the warehouse."),
    )
    found += [
        Measure(name, says, float(value)) for (name, says), value in zip(named, row, strict=True) if value is not None
    ]
    found.append(Measure("deadlines_passed", "Deliveries that were due and have not come.", late[0]))
    found += [
        Measure("alerts_open", "What is wrong, by check.", 1, (("check", check), ("state", state)))
        for check, state in alerts
    ]
    found += [
        Measure("source_age_seconds", "Since a source was last pulled to its end.", float(age), (("source", name),))
        for name, age in sources
    ]
    return found


def _of_disks(settings: Settings) -> list[Measure]:
    places = {"home": settings.home}
    for name, url in (("landing", settings.landing_url), ("backups", settings.backup_url)):
        if url.startswith("file://"):
            places[name] = Path(url.removeprefix("file://"))
    return [
        Measure("disk_free_bytes", "Free on the disk of a place.", shutil.disk_usage(path).free, (("place", name),))
        for name, path in places.items()
        if path.is_dir()
    ]


def _of_backups(settings: Settings) -> list[Measure]:
    from ingestion.backups.store import Store

    last = Store(settings.backup_url).youngest()
    if last is None:
        return []
    age = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(last.snapshot_at)
    size = sum(archive.size for archive in last.archives.values())
    return [
        Measure("backup_age_seconds", "Since the snapshot of the last backup.", age.total_seconds()),
        Measure("backup_bytes", "Archives of the last backup, without the landing.", size),
    ]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
