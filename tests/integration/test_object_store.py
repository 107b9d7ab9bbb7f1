"""The landing and the backups in an object store: an S3 server in a process of its own, asked over the network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import s3fs
from click.testing import CliRunner

from expectations.cli import main
from ingestion import landing
from ingestion.database import connect
from ingestion.errors import LakouError
from ingestion.receive import receive
from ingestion.settings import Settings
from tests.conftest import free_port, new_platform
from tests.integration.drop_box import SURNAMES, TODAY, DropBox

KEYS = ("hmac.key", "landing.key", "backup.key")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            requests.get(address, timeout=5)
            break
        except requests.ConnectionError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield address
    process.terminate()
    process.wait()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> s3fs.S3FileSystem:
    """An empty bucket, as another program sees it; what Lakou reads of it is in the environment."""
    given = {"AWS_ENDPOINT_URL": server, "AWS_ACCESS_KEY_ID": "lakou", "AWS_SECRET_ACCESS_KEY": "a secret of S3"}
    for name, text in (given | {"AWS_DEFAULT_REGION": "us-east-1"}).items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("LAKOU_LANDING_URL", "s3://lakou/landing")
    monkeypatch.setenv("LAKOU_BACKUP_URL", "s3://lakou/backups")
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    found = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    if found.exists("lakou"):
        found.rm("lakou", recursive=True)
    found.mkdir("lakou")
    return found


@pytest.fixture
def box(clean: Settings, bucket: s3fs.S3FileSystem) -> DropBox:
    (clean.secrets / "backup.key").unlink(missing_ok=True)
    found = DropBox(clean).open_account()
    found.put_sessions("S1")
    found.put_people(("S1", SURNAMES[0]), ("S1", f"{SURNAMES[1]},Q"))
    return found


def lakou(settings: Settings, *arguments: str) -> str:
    where = {
        "LAKOU_HOME": str(settings.home),
        "LAKOU_PG_PORT": str(settings.pg_port),
        "LAKOU_PG_DATABASE": settings.pg_database,
    }
    done = CliRunner().invoke(main, arguments, env=where)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_files_land_in_the_store_encrypted_and_are_judged_from_it(box: DropBox, bucket: s3fs.S3FileSystem) -> None:
    taken = box.receive()
    assert (taken.failures, taken.accepted, taken.reserved) == ((), 1, 1)
    landed = {path for (path,) in box.all("select path from ops.landing_files")}
    assert {f"lakou/landing/{path}" for path in landed} == set(bucket.find("lakou/landing"))
    assert len(landed) == 2
    for path in landed:
        content = bucket.cat_file(f"lakou/landing/{path}")
        assert content.startswith(b"age-encryption.org/v1")
        assert SURNAMES[0].encode() not in content
    for path, key in box.all("select path, wrapped_key from ops.landing_files"):
        with landing.open_landed(box.settings, path, key) as clear:
            assert clear.read_bytes().startswith("\ufeff".encode())


def test_what_a_killed_receiver_left_is_swept(box: DropBox, bucket: s3fs.S3FileSystem) -> None:
    bucket.pipe_file(f"lakou/landing/{landing.ARRIVING}/left.age", b"half")
    box.receive()
    assert not bucket.exists(f"lakou/landing/{landing.ARRIVING}/left.age")


@pytest.mark.parametrize("harm", ["away", "no key"])
def test_a_store_that_does_not_take_files_loses_none(
    box: DropBox, bucket: s3fs.S3FileSystem, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    with monkeypatch.context() as broken:
        if harm == "away":
            broken.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
        if harm == "no key":
            broken.delenv("AWS_ACCESS_KEY_ID")
            broken.setenv("AWS_EC2_METADATA_DISABLED", "true")
            broken.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(LakouError, match="cannot be written"):
            receive(box.settings, quiet_seconds=0)
    s3fs.S3FileSystem.clear_instance_cache()
    assert len(list(box.depot.iterdir())) == 2
    assert box.receive().files == 2


def test_a_backup_in_the_store_is_restored_into_another(
    box: DropBox, bucket: s3fs.S3FileSystem, postgres: tuple[Path, int, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    box.receive()
    saved = json.loads(lakou(box.settings, "backup", "--json"))
    assert (saved["landed_files"], saved["missing"]) == (2, [])
    assert json.loads(lakou(box.settings, "backup", "--json"))["copied_files"] == 0
    assert len(json.loads(lakou(box.settings, "backup", "list", "--json"))) == 2
    _, port, password = postgres
    fresh = new_platform(tmp_path / "home", port, password, "lakou_of_store")
    for key in KEYS:
        shutil.copy(box.settings.secrets / key, fresh.secrets / key)
    monkeypatch.setenv("LAKOU_LANDING_URL", "s3://lakou/other")
    restored = json.loads(lakou(fresh, "restore", "last", "--json"))
    assert restored["landed_files"] == 2
    assert {path.removeprefix("lakou/other/") for path in bucket.find("lakou/other")} == {
        path.removeprefix("lakou/landing/") for path in bucket.find("lakou/landing")
    }
    with connect(fresh, "lakou_admin") as connection:
        assert connection.execute("select count(*) from raw.f02_participations").fetchone() == (1,)
    answers = json.loads(CliRunner().invoke(main, ["doctor", "--json"], env=os.environ | {
        "LAKOU_HOME": str(fresh.home), "LAKOU_PG_DATABASE": fresh.pg_database}).stdout)  # fmt: skip
    assert {item["check"]: item["ok"] for item in answers}["landing"], "landed files open"
