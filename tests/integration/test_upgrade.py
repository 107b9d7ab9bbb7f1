"""An upgrade keeps the data: a warehouse of the first state (migrations up to 0005) comes to the last, and back by its backup."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ingestion import database
from ingestion.backups.making import back_up
from ingestion.backups.restoring import read_manifest, restore
from ingestion.backups.retaining import Kept
from ingestion.database import connect, migrate
from ingestion.errors import LakouError
from ingestion.health.warehouse import check_database, check_rights
from ingestion.settings import Settings
from tests.conftest import new_platform

FIRST = 5
FILL = {"text": "x", "integer": 1, "bigint": 1, "boolean": True, "numeric": 1, "date": "2026-01-01",
        "timestamp with time zone": "2026-01-01 00:00Z", "double precision": 1.0, "jsonb": "{}", "ARRAY": "{F01}"}  # fmt: skip


@pytest.fixture
def first_files(tmp_path: Path) -> Path:
    """Roles and migrations as they were in the first state."""
    folder = tmp_path / "postgres"
    shutil.copytree(database.POSTGRES_FILES, folder)
    for path in (folder / "migrations").glob("*.sql"):
        if int(path.name[:4]) > FIRST:
            path.unlink()
    return folder


def fill(connection: psycopg.Connection[Any], table: str, **given: object) -> None:
    """One row, with something in every column that must hold something."""
    schema, _, name = table.partition(".")
    columns = connection.execute(
        "select column_name, data_type from information_schema.columns where table_schema = %s and table_name = %s"
        " and is_identity = 'NO' and (is_nullable = 'NO' and column_default is null or column_name = any(%s))",
        [schema, name, list(given)],
    ).fetchall()
    values = {column: given.get(column, FILL[kind]) for column, kind in columns}
    connection.execute(
        sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier(schema, name),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Placeholder, values)),
        ),
        values,
    )


def deliver(settings: Settings) -> None:
    """Two deliveries, received, built and published; nothing could be closed then."""
    with connect(settings, "lakou_admin") as admin:
        fill(admin, "ops.partners", partner_code="KABIA", kind="STARTUP", programme_code="MQ")
        fill(admin, "ops.builds", build_id=1, state="TERMINE")
        for feed, table in (("F01", "f01_sessions_formation"), ("F02", "f02_participations")):
            digest = hashlib.sha256(feed.encode()).hexdigest()
            fill(admin, "ops.deliveries", delivery_id=feed, feed=feed, partner_code="KABIA", state="ACCEPTÉ",
                 period="2026-01", period_start="2026-01-01", period_end="2026-01-31", version=1,
                 rows_received=1, rows_accepted=1, sha256=digest)  # fmt: skip
            fill(admin, "ops.landing_files", delivery_id=feed, path=f"KABIA/{feed}.age")
            fill(admin, "ops.loads", delivery_id=feed, kind="LIVRAISON", build_id=1)
            fill(admin, f"raw.{table}", _delivery_id=feed, _row_number=2, statut="TERMINE", session_id="S1")
        fill(admin, "ops.publications", build_id=1, state="PUBLIEE")
    with connect(settings, "lakou_publisher") as publisher:
        publisher.execute(
            "create table published.indicator_values_1 partition of published.indicator_values for values in (1)"
        )
        fill(publisher, "published.indicator_values", publication_id=1, indicator_code="A1-01", value=42, n=42)
        fill(publisher, "published.pointer", publication_id=1)


def told(settings: Settings) -> list[tuple[Any, ...]]:
    with connect(settings, "lakou_admin") as admin:
        return [
            *admin.execute(
                "select delivery_id, feed, state, rows_received, sha256 from ops.deliveries order by 1"
            ).fetchall(),
            *admin.execute("select session_id, _delivery_id, _row_number from raw.f01_sessions_formation").fetchall(),
            *admin.execute("select statut, _delivery_id, _row_number from raw.f02_participations").fetchall(),
            *admin.execute("select build_id, state from ops.publications").fetchall(),
            *admin.execute("select path from ops.landing_files order by 1").fetchall(),
        ]


def test_the_first_state_comes_to_the_last_with_its_data_and_back_by_its_backup(
    postgres: tuple[Path, int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_files: Path
) -> None:
    _, port, password = postgres
    with monkeypatch.context() as then:
        then.setattr(database, "POSTGRES_FILES", first_files)
        settings = new_platform(tmp_path / "home", port, password, "lakou_upgraded")
    deliver(settings)
    before = told(settings)
    with pytest.raises(LakouError, match=r"0006_steering_views\.sql"):
        check_database(settings)

    applied = migrate(settings)
    assert len(applied) == len(list((database.POSTGRES_FILES / "migrations").glob("*.sql"))) - FIRST
    assert migrate(settings) == [], "again changes nothing"
    assert told(settings) == before
    with connect(settings, "lakou_reader") as reader:
        rows = reader.execute("select indicator_code, value, n from pub.indicator_values").fetchall()
    assert [(code, int(value), n) for code, value, n in rows] == [("A1-01", 42, 42)]
    assert "answers every role" in check_database(settings)
    assert "reads pub and nothing else" in check_rights(settings)

    # back: what was saved before a migration that spoils things is put back, and migrated again when one is ready
    url = (tmp_path / "backups").as_uri()
    saved = back_up(settings, url, Kept(), print)
    with connect(settings, "lakou_admin") as admin:
        admin.execute("insert into public.migrations (name, sha256) values ('9999_spoils.sql', 'x')")
        admin.execute("update ops.deliveries set state = 'REFUSÉ'")
        admin.execute("alter table ops.deliveries drop column sha256")
    manifest = read_manifest(settings, url, saved.backup_id)
    restore(settings, url, manifest, replace=True, with_metadata=False, migrates=True, progress=print)
    assert told(settings) == before
    assert json.loads(json.dumps(manifest.migrations))[-1] != "9999_spoils.sql"


def test_the_version_that_saved_finds_its_tables_as_it_wants_them(
    postgres: tuple[Path, int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, port, password = postgres
    url = (tmp_path / "backups").as_uri()
    former = tmp_path / "postgres"
    shutil.copytree(database.POSTGRES_FILES, former)
    *kept, newest = sorted((former / "migrations").glob("*.sql"))
    newest.unlink()
    with monkeypatch.context() as then:
        then.setattr(database, "POSTGRES_FILES", former)
        settings = new_platform(tmp_path / "home", port, password, "lakou_went_back")
        saved = back_up(settings, url, Kept(), print)
    assert migrate(settings) == [newest.name]
    manifest = read_manifest(settings, url, saved.backup_id)
    done = restore(settings, url, manifest, replace=True, with_metadata=False, migrates=False, progress=print)
    assert done.migrated == ()
    with connect(settings, "lakou_admin") as admin:
        names = [name for (name,) in admin.execute("select name from public.migrations order by 1")]
    assert names == [path.name for path in kept]
