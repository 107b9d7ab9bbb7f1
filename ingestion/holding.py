"""What waits for a person: a delivery held is in no build, and its partner is told so."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import psycopg

from ingestion import loading, receipts
from ingestion.contracts import load_contract
from ingestion.database import business_date
from ingestion.errors import LakouError
from ingestion.settings import Settings


def hold(settings: Settings, connection: psycopg.Connection[Any], reasons: Mapping[str, str]) -> None:
    """Hold deliveries, each for its reason (French), unless a person has already released it from that very one."""
    for delivery_id, reason in reasons.items():
        with connection.transaction():
            if open_hold(connection, delivery_id, reason):
                _tell(settings, connection, delivery_id)


def open_hold(connection: psycopg.Connection[Any], delivery_id: str, reason: str) -> bool:
    """Write down that a delivery waits for a person; the caller commits, and tells its partner.

    Returns:
        False where a person has already released it from that very reason.
    """
    opened = connection.execute(
        "insert into ops.holds (delivery_id, reason) select %(delivery)s, %(reason)s where not exists ("
        "select 1 from ops.holds where delivery_id = %(delivery)s and reason = %(reason)s) returning hold_id",
        {"delivery": delivery_id, "reason": reason},
    ).fetchone()
    return opened is not None


def release(settings: Settings, connection: psycopg.Connection[Any], delivery_id: str, released_by: str) -> None:
    """Let the next build take a delivery; the caller commits.

    Raises:
        LakouError: nothing holds it.
    """
    released = connection.execute(
        "update ops.holds set released_at = clock_timestamp(), released_by = %s"
        " where delivery_id = %s and released_at is null returning hold_id, reason",
        [released_by, delivery_id],
    ).fetchall()
    if not released:
        raise LakouError(f"nothing holds the delivery {delivery_id!r}", "see `lakou hold list`")
    connection.execute(
        "insert into ops.audit_log (actor, action, subject, details) values (%s, 'HOLD_RELEASED', %s, %s)",
        [released_by, delivery_id, json.dumps({"holds": [list(row) for row in released]}, ensure_ascii=False)],
    )
    _tell(settings, connection, delivery_id)


def _tell(settings: Settings, connection: psycopg.Connection[Any], delivery_id: str) -> None:
    """Revise the receipt: what holds a delivery is a reserve, and one released has it no more."""
    delivery = loading.find(connection, delivery_id)
    if delivery is None or delivery.feed is None:
        return
    contract = load_contract(delivery.feed)
    findings = receipts.findings_in_books(connection, contract, delivery_id)
    warnings = findings.filter(findings["severity"] == "AVERTISSEMENT").height
    changed = replace(delivery, state=loading.state_word(delivery, warnings))
    loading.save(connection, changed)
    receipts.issue(
        settings,
        connection,
        contract=contract,
        delivery=changed,
        findings=findings,
        refused_source=None,
        today=business_date(connection, dt.datetime.now(dt.UTC)),
    )
