"""The demonstration, installed for real: what is refused is what its truth says, and twice changes nothing."""

from __future__ import annotations

import csv
import stat

import pytest

from ingestion.database import connect
from ingestion.demo.install import install
from ingestion.demo.making import BUSINESS_DATE, PARTNERS, expected_slots
from ingestion.errors import LakouError
from ingestion.settings import Settings

REFUSED = (
    "select d.partner_code, r.feed, d.file_name, r.row_number::text, r.column_name, r.rule_id, r.severity"
    " from quarantine.rejected_rows as r inner join ops.deliveries as d using (delivery_id)"
)
BOOKS = (
    "select (select count(*) from ops.deliveries), (select count(*) from ops.loads),"
    " (select count(*) from ops.receipts), (select count(*) from raw.f02_participations),"
    " (select count(*) from ops.expected_deliveries)"
)


def test_installed_twice_it_refuses_what_the_truth_says(clean: Settings) -> None:
    install(clean)
    with (clean.home / "demo" / "truth" / "rejected_rows.csv").open(encoding="utf-8", newline="") as file:
        truth = sorted(tuple(row.values()) for row in csv.DictReader(file))
    with connect(clean) as connection:
        assert sorted(connection.execute(REFUSED).fetchall()) == truth
        open_rows = connection.execute("select count(*) from quarantine.awaiting_rows where outcome is null").fetchone()
        assert open_rows == (3,), "the deadline of the last month has not come"
        held = connection.execute("select delivery_id from ops.holds where released_at is null").fetchall()
        assert [delivery_id[:25] for (delivery_id,) in held] == ["F02-FORMACARIB-2026-08-v2"]
        day = connection.execute("select value from ops.settings where name = 'business_date'").fetchone()
        assert day == (BUSINESS_DATE.isoformat(),)
        expected = connection.execute(
            "select partner_code, feed, period, period_start, period_end, due_on from ops.expected_deliveries"
        ).fetchall()
        assert sorted(expected) == sorted(
            (slot.partner, slot.feed, slot.period, slot.start, slot.end, slot.due_on) for slot in expected_slots()
        )
        accounts = connection.execute("select partner_code, is_synthetic from ops.partners").fetchall()
        assert sorted(accounts) == sorted((partner.code, True) for partner in PARTNERS)
        before = connection.execute(BOOKS).fetchone()
    for partner in PARTNERS:
        assert not list((clean.drop / partner.code / "depot").iterdir())
        key = clean.home / "sftp" / "keys" / partner.code
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert len((clean.home / "sftp" / "authorized_keys" / partner.code).read_text().splitlines()) == 1
    install(clean)
    with connect(clean) as connection:
        assert connection.execute(BOOKS).fetchone() == before
    with pytest.raises(LakouError, match="scale 1"):
        install(clean, scale=2)
    for partner in PARTNERS:
        assert len((clean.home / "sftp" / "authorized_keys" / partner.code).read_text().splitlines()) == 1
