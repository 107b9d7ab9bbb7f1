"""Builds: what is numbered and when, what is held, what a failure leaves to the next one."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from expectations.runner import inspect_loads
from ingestion import building
from ingestion.building import build, dbt_target
from ingestion.database import connect
from ingestion.errors import LakouError
from ingestion.holding import release
from ingestion.partners import Partner, add
from ingestion.receive import receive
from ingestion.settings import Settings

SESSIONS = "session_id;action_code;intitule;modalite;date_debut;date_fin;duree_prevue_h;code_commune;places\n"
PEOPLE = "objet_type;objet_id;courriel;sexe;statut_pro;niveau_diplome;canal_orientation;statut;duree_suivie_h\n"
CONVENTION = {
    "notice_version": "1",
    "legal_basis": "INTERET_PUBLIC",
    "processing_contract": "C-1",
    "processing_country": "FR",
}


@pytest.fixture
def partner(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two partners with an empty drop, on a fixed business date."""
    monkeypatch.setenv("LAKOU_TODAY", "2026-11-15")
    with connect(clean) as connection:
        for code in ("KABIA", "MADININUM"):
            add(clean, connection, Partner(code, code.title(), "CABINET", "MQ", ("F01", "F02", "F03"), **CONVENTION))
    return clean


def drop(settings: Settings, partner: str, feed: str, period: str, text: str, version: int = 1) -> None:
    """What a partner puts in its `depot/`, settled."""
    path = settings.drop / partner / "depot" / f"{feed}__{partner}__{period}__v{version}.csv"
    path.write_text(text, encoding="utf-8")
    os.utime(path, (time.time() - 60, time.time() - 60))


def month(settings: Settings, partner: str, period: str, people: int = 3) -> None:
    """One session of a month and its people."""
    drop(
        settings,
        partner,
        "F01_sessions_formation",
        period,
        SESSIONS + f"S-{period};MQ-A1;Atelier;ATELIER;{period}-03;{period}-04;6;97209;20\n",
    )
    rows = [f"SESSION;S-{period};p{i}@example.org;F;SALARIE;5;DIRECT;TERMINE;6\n" for i in range(people)]
    drop(settings, partner, "F02_participations", period, PEOPLE + "".join(rows))


def one(settings: Settings, query: str) -> Any:
    """First value of a query."""
    with connect(settings) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def test_a_load_committed_after_a_build_began_is_in_the_next_one(partner: Settings) -> None:
    month(partner, "KABIA", "2026-09")
    receive(partner, quiet_seconds=0)

    def late(settings: Settings, loads: Sequence[int]) -> dict[str, str]:
        month(partner, "MADININUM", "2026-09")
        receive(settings, quiet_seconds=0)
        return inspect_loads(settings, loads)

    first = build(partner, late, full=True)
    assert first.loads == 2
    assert one(partner, "select count(*) from ops.loads where build_id is null") == 2
    assert one(partner, "select count(*) from marts.fct_participations") == 3
    second = build(partner, inspect_loads)
    assert (second.build_id, second.loads) == (first.build_id + 1, 2)
    assert one(partner, "select count(*) from marts.fct_participations") == 6
    third = build(partner, inspect_loads)
    assert (third.build_id, third.is_new) == (second.build_id, False)


def test_a_delivery_that_fails_a_critical_expectation_is_held_and_the_rest_goes_on(partner: Settings) -> None:
    month(partner, "KABIA", "2026-09")
    month(partner, "MADININUM", "2026-09")
    receive(partner, quiet_seconds=0)
    with connect(partner, "lakou_admin") as admin:
        admin.execute(
            "update raw.f02_participations set objet_id = 'quelqu.un@example.org' where _row_number = 2"
            " and _delivery_id like 'F02-KABIA%'"
        )
    done = build(partner, inspect_loads, full=True)
    assert (done.loads, done.held) == (3, 1)
    reason = one(partner, "select reason from ops.holds where released_at is null and delivery_id like 'F02-KABIA%'")
    assert "adresse électronique" in reason
    assert one(partner, "select count(*) from marts.fct_participations where partner_code = 'KABIA'") == 0
    assert one(partner, "select count(*) from marts.fct_participations where partner_code = 'MADININUM'") == 3
    failed = (
        "select count(*) from ops.quality_results where boundary = 'BRUT' and severity = 'critical' and not success"
    )
    assert one(partner, failed) > 0
    receipt = partner.drop / "KABIA" / "accuses" / "F02_participations__KABIA__2026-09__v1.csv.accuse.html"
    assert "attend une validation" in receipt.read_text(encoding="utf-8")
    assert "ACCEPTÉ AVEC RÉSERVES" in receipt.read_text(encoding="utf-8")
    assert build(partner, inspect_loads).is_new is False
    with connect(partner) as connection:
        (delivery,) = connection.execute("select delivery_id from ops.holds").fetchone() or ("",)
        release(partner, connection, delivery, "le comité")
    assert "attend une validation" not in receipt.read_text(encoding="utf-8")
    assert one(partner, f"select state from ops.deliveries where delivery_id = '{delivery}'") == "ACCEPTÉ"
    assert build(partner, inspect_loads).loads == 1


def test_a_build_that_failed_is_made_up_for_by_the_next_one(partner: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    month(partner, "KABIA", "2026-08")
    receive(partner, quiet_seconds=0)
    first = build(partner, inspect_loads, full=True)
    month(partner, "KABIA", "2026-09")
    receive(partner, quiet_seconds=0)

    def fail(*_: Any, **__: Any) -> int:
        raise LakouError("dbt failed: a model", "mend it")

    with monkeypatch.context() as broken:
        broken.setattr(building, "run_dbt", fail)
        with pytest.raises(LakouError, match="a model"):
            build(partner, inspect_loads)
    assert one(partner, "select is_complete from ops.marts_state") is False
    assert one(partner, f"select state from ops.builds where build_id = {first.build_id + 1}") == "ECHOUE"
    assert one(partner, "select count(*) from ops.loads where build_id is null") == 0
    second = build(partner, inspect_loads)
    assert second.build_id == first.build_id + 2
    assert one(partner, "select count(*) from marts.fct_participations") == 6


def test_the_former_version_builds_after_a_newer_one(
    partner: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    former = tmp_path / "dbt_project"
    shutil.copytree(building.PROJECT, former, ignore=shutil.ignore_patterns("target", "logs"))
    takes, gives = (
        former / "tests" / "generic" / "unique_combination.sql",
        former / "models" / "marts" / "steering" / "bridge_value_rows.yml",
    )
    takes.write_text(takes.read_text(encoding="utf-8").replace("held_by_grouping", "formerly"), encoding="utf-8")
    gives.write_text(gives.read_text(encoding="utf-8").replace("held_by_grouping", "formerly"), encoding="utf-8")
    month(partner, "KABIA", "2026-08")
    receive(partner, quiet_seconds=0)
    build(partner, inspect_loads, full=True)
    newer = dbt_target(partner)
    assert (newer / "manifest.json").exists()
    monkeypatch.setattr(building, "PROJECT", former)
    assert build(partner, inspect_loads).models > 0
    assert (dbt_target(partner) / "manifest.json").exists()
    assert not newer.exists(), "what another version left goes"


def test_a_build_that_does_not_exist_cannot_be_shown(partner: Settings) -> None:
    with pytest.raises(LakouError, match="no build 7"):
        build(partner, inspect_loads, as_of=7)


def test_a_contract_without_its_column_is_seen_at_the_raw_boundary(partner: Settings, tmp_path: Path) -> None:
    month(partner, "KABIA", "2026-09")
    receive(partner, quiet_seconds=0)
    with connect(partner, "lakou_admin") as admin:
        admin.execute("alter table raw.f01_sessions_formation add column intrus text")
    try:
        with connect(partner) as connection:
            loads = [load for (load,) in connection.execute("select load_id from ops.loads order by 1")]
        held = inspect_loads(partner, loads)
        assert [reason for delivery, reason in held.items() if delivery.startswith("F01")] != []
        assert [delivery for delivery in held if delivery.startswith("F02")] == []
    finally:
        with connect(partner, "lakou_admin") as admin:
            admin.execute("alter table raw.f01_sessions_formation drop column intrus")
