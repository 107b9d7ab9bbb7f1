"""Events as JSON: one object a line, with the numbers of what is worked on."""

from __future__ import annotations

import json
import subprocess
import sys

from ingestion.settings import CHECKOUT

SCRIPT = """
import logging
from ingestion.logs import about, configure
configure(verbose={verbose}, as_json={as_json})
log = logging.getLogger("ingestion.essai")
with about(delivery_id="D1", build_id=7):
    log.info("%s lignes reçues", 12)
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("raté")
log.warning("après")
"""


def events(*, verbose: bool, as_json: bool) -> list[str]:
    script = SCRIPT.format(verbose=verbose, as_json=as_json)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_each_event_is_one_object_with_its_numbers() -> None:
    received, failed, after = map(json.loads, events(verbose=True, as_json=True))
    assert received.pop("at").endswith("Z")
    assert received == {
        "event": "12 lignes reçues",
        "level": "info",
        "logger": "ingestion.essai",
        "delivery_id": "D1",
        "build_id": 7,
    }
    assert "ZeroDivisionError" in failed["exception"]
    assert failed["build_id"] == 7
    assert "delivery_id" not in after


def test_a_person_reads_warnings_only_and_a_line_each() -> None:
    lines = events(verbose=False, as_json=False)
    assert "ERROR ingestion.essai: raté" in lines[0]
    assert lines[-1].endswith("WARNING ingestion.essai: après")
