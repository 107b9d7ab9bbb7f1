"""`lakou doctor`: each thing that it looks at is broken, and it says so, how to mend it, and where that is written."""

from __future__ import annotations

import datetime as dt
import http.server
import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pyrage
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from expectations.cli import main
from ingestion.backups.keys import hand_over
from ingestion.backups.making import back_up
from ingestion.backups.retaining import Kept
from ingestion.connectors import mapping
from ingestion.errors import LakouError
from ingestion.health import machine, services, warehouse
from ingestion.health.checks import CHECKS
from ingestion.health.findings import RUNBOOK, ToSee
from ingestion.settings import CHECKOUT, Settings
from tests.integration.drop_box import TODAY, DropBox


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[DropBox]:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    monkeypatch.setenv("LAKOU_SOURCES_DIR", str(clean.home / "no-sources"))
    for name in ("LAKOU_SMTP_URL", "LAKOU_AIRFLOW_URL", "LAKOU_SUPERSET_URL", "LAKOU_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for path in clean.secrets.iterdir():
        path.chmod(0o600)
    before = set(clean.secrets.iterdir())
    yield DropBox(clean).open_account()
    for path in set(clean.secrets.iterdir()) - before:
        path.unlink()


def doctor() -> dict[str, dict[str, Any]]:
    result = CliRunner().invoke(main, ["doctor", "--json"])
    found = {item["check"]: item for item in json.loads(result.stdout)}
    assert result.exit_code == int(any(item["state"] == "en panne" for item in found.values()))
    return found


def test_a_platform_that_is_well(box: DropBox) -> None:
    box.put_sessions("S1")
    box.receive()
    found = doctor()
    assert [name for name, item in found.items() if item["state"] == "en panne"] == []
    assert len(found) == len(CHECKS)
    shown = CliRunner().invoke(main, ["doctor"])
    assert shown.exit_code == 0
    assert "PostgreSQL 18" in shown.output
    for line in shown.output.splitlines():
        assert line.startswith(("bon ", "à voir ", " "))


def test_every_page_of_the_runbook_is_there(box: DropBox) -> None:
    index = (CHECKOUT / RUNBOOK / "README.md").read_text(encoding="utf-8")
    for item in doctor().values():
        page = CHECKOUT / item["page"]
        assert len(page.read_text(encoding="utf-8")) > 300, page
        assert f"({page.name})" in index


# what is broken, the check that says so, its state and part of its sentence
BROKEN_IN_SQL = {
    "a migration not applied": (
        "with gone as (delete from public.migrations where name = '0018_retention.sql' returning *) select * from gone",
        "insert into public.migrations values ({0}, {1}, {2})",
        ("database", "en panne", "0018_retention.sql"),
    ),
    "the reader may read raw": (
        "grant select on raw.f01_sessions_formation to lakou_reader",
        "revoke select on raw.f01_sessions_formation from lakou_reader",
        ("rights", "en panne", "raw.f01_sessions_formation"),
    ),
    "everybody may read marts": (
        "grant select (banner) on published.publications to public",
        "revoke select (banner) on published.publications from public",
        ("rights", "en panne", "published.publications"),
    ),
    "a delivery never judged": (
        "insert into ops.deliveries (delivery_id, partner_code, file_name, sha256, size_bytes, received_at)"
        " values ('d', 'KABIA', 'f.csv', 's', 1, now() - interval '1 hour')",
        None,
        ("deliveries", "en panne", "never judged, such as f.csv"),
    ),
    "a build that failed": (
        "insert into ops.builds (build_id, business_date, state, error) values (1, '2026-10-05', 'ECHOUE', 'dbt: no')",
        None,
        ("deliveries", "en panne", "dbt: no"),
    ),
    "a publication held": (
        "with b as (insert into ops.builds (build_id, business_date, state) values (1, '2026-10-05', 'TERMINE')"
        " returning build_id) insert into ops.publications (build_id, state, reason)"
        " select build_id, 'RETENUE', 'sums differ' from b",
        None,
        ("publication", "en panne", "RETENUE: sums differ"),
    ),
    "a deadline passed": (
        "update ops.expected_deliveries set due_on = '2026-10-01'",
        None,
        ("deadlines", "à voir", "6 deliveries are past their deadline: KABIA 6"),
    ),
    "mails given up": (
        "insert into ops.mails (partner_code, kind, recipient, subject, body, last_error, given_up_at)"
        " values ('KABIA', 'RAPPEL', 'a@b.invalid', 's', 'b', 'refused, 550', clock_timestamp())",
        None,
        ("mail", "en panne", "refused, 550"),
    ),
}


@pytest.mark.parametrize("what", BROKEN_IN_SQL)
def test_what_is_wrong_in_the_warehouse_is_named(box: DropBox, what: str) -> None:
    breaking, mending, (check, state, said) = BROKEN_IN_SQL[what]
    with psycopg.connect(box.settings.dsn("lakou_admin"), autocommit=True) as admin:
        role = "lakou_publisher" if "published." in breaking else "lakou_admin"
        admin.execute(f"set role {role}".encode())
        done = admin.execute(breaking.encode())
        kept = done.fetchone() if done.description else None
        try:
            found = doctor()[check]
        finally:
            if mending and kept:
                admin.execute("insert into public.migrations values (%s, %s, %s)", kept)
            elif mending:
                admin.execute(mending.encode())
    assert (found["state"], said in found["what"], bool(found["remedy"])) == (state, True, True), found
    assert doctor()["rights"]["state"] == "bon"


def test_a_load_that_no_build_takes_and_what_is_held(box: DropBox) -> None:
    box.put_sessions("S1")
    box.receive()
    box.all("update ops.loads set committed_at = now() - interval '3 hours' returning 1")
    found = doctor()["deliveries"]
    assert (found["state"], "1 loads have waited" in found["what"]) == ("en panne", True)
    box.all(
        "insert into ops.holds (delivery_id, reason, opened_at)"
        " select delivery_id, 'r', now() - interval '5 days' from ops.deliveries returning 1"
    )
    found = doctor()["deliveries"]
    assert (found["state"], "until somebody decides, the first since" in found["what"]) == ("à voir", True)


def test_a_source_gone_quiet(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    source = SimpleNamespace(name="enquete", quiet_hours=26)
    monkeypatch.setattr(mapping, "load_sources", lambda: (source,))
    box.all(
        "insert into ops.sources (source_name, system, address, partner_code, mapping_sha256, created_at)"
        " values (%s, 's', 'a', 'KABIA', 'm', now() - interval '90 days') returning 1",
        source.name,
    )
    found = doctor()["sources"]
    assert (found["state"], f"not pulled to its end: {source.name}" in found["what"]) == ("en panne", True)


def test_the_database_away_is_said_once(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKOU_PG_PORT", "1")
    found = doctor()
    assert "does not let lakou_loader in" in found["database"]["what"]
    assert found["rights"]["what"].startswith("not looked at")
    assert [name for name, item in found.items() if item["state"] == "en panne"] == ["database"]


def test_an_old_server_is_named(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "LEAST_SERVER", 990000)
    assert "is too old: 99 or later is needed" in doctor()["database"]["what"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("changeme-changeme", "a word that is tried first"),
        ("short", "fewer than 12 characters"),
        ("aaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbb", "repeats a few characters"),
        ("Lakou2026!!!", "a word that is tried first"),
    ],
)
def test_a_weak_secret_is_named_and_not_shown(box: DropBox, text: str, said: str) -> None:
    path = box.settings.secrets / "airflow_admin"
    path.write_text(f"{text}\n")
    path.chmod(0o600)
    found = doctor()["secrets"]
    assert (found["state"], said in found["what"], str(path) in found["what"]) == ("en panne", True, True)
    assert text not in found["what"] + found["remedy"]


def test_secrets_that_are_drawn_at_random_are_not_weak(tmp_path: Path) -> None:
    import secrets

    path = tmp_path / "secret"
    for _ in range(500):
        for text in (secrets.token_urlsafe(12), secrets.token_hex(32), str(pyrage.x25519.Identity.generate())):
            path.write_text(text)
            assert machine.weakness(path) is None, text


def test_a_secret_gone_or_open_is_named(box: DropBox) -> None:
    path = box.settings.secrets / "landing.key"
    path.chmod(0o640)
    assert "can be read by others" in doctor()["secrets"]["what"]
    path.chmod(0o600)
    kept = path.read_text()
    path.unlink()
    try:
        assert "landing.key cannot be read" in doctor()["secrets"]["what"]
    finally:
        path.write_text(kept)
        path.chmod(0o600)


def test_a_drop_gone_or_open_is_named(box: DropBox) -> None:
    box.depot.chmod(0o777)
    found = doctor()["drop"]
    assert (found["state"], "is open to every account" in found["what"]) == ("en panne", True)
    box.depot.rmdir()
    assert "is missing or cannot be written" in doctor()["drop"]["what"]


def test_few_bytes_or_inodes_are_named(box: DropBox, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    usage = shutil.disk_usage(box.settings.home)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=3 << 30))
        assert doctor()["disk"]["state"] == "à voir"
    facts = os.statvfs(box.settings.home)
    names = [name for name in dir(facts) if name.startswith("f_")]
    few = type("Few", (), {name: getattr(facts, name) for name in names} | {"f_files": 1000, "f_favail": 5})
    monkeypatch.setattr(os, "statvfs", lambda _: few)
    found = doctor()["disk"]
    assert (found["state"], "of the inodes of" in found["what"]) == ("en panne", True)


@pytest.mark.parametrize(("drift", "state"), [(1, "bon"), (10, "à voir"), (120, "en panne")])
def test_a_clock_that_drifts_is_named(box: DropBox, monkeypatch: pytest.MonkeyPatch, drift: int, state: str) -> None:
    class Drifting(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime.now(tz) + dt.timedelta(seconds=drift)

    class Clock:
        datetime, UTC = Drifting, dt.UTC

    monkeypatch.setattr(machine, "dt", Clock)
    found = doctor()["clock"]
    assert found["state"] == state, found


@contextmanager
def web(pages: dict[str, tuple[int, Any]]) -> Iterator[str]:
    """A web server of a few pages; its address."""

    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = pages.get(self.path, (404, ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write((body if isinstance(body, str) else json.dumps(body)).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


HEALTH = "/api/v2/monitor/health"
WELL = {name: {"status": "healthy"} for name in services.COMPONENTS}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, WELL), None),
        (
            (200, WELL | {"scheduler": {"status": "unhealthy", "latest_scheduler_heartbeat": "2026-10-05T01:00"}}),
            "scheduler is not healthy (last sign of scheduler: 2026-10-05T01:00)",
        ),
        ((200, "<html>"), "answers 200"),
        ((500, ""), "answers 500"),
    ],
)
def test_an_airflow_that_is_ill_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, Any], said: str | None
) -> None:
    with web({HEALTH: answer}) as url:
        monkeypatch.setenv("LAKOU_AIRFLOW_URL", url)
        if said is None:
            assert services.check_airflow(settings) == f"{url}: healthy"
        else:
            with pytest.raises(LakouError) as error:
                services.check_airflow(settings)
            assert said in error.value.what
    with pytest.raises(LakouError, match="does not answer"):
        services.check_airflow(settings)


def test_a_superset_without_its_login_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with web({"/health": (200, "OK"), "/login/": (500, "")}) as url:
        monkeypatch.setenv("LAKOU_SUPERSET_URL", url)
        with pytest.raises(LakouError, match=r"/login/ at .* answers 500"):
            services.check_superset(settings)
    with web({"/health": (200, "OK"), "/login/": (200, "")}) as url:
        monkeypatch.setenv("LAKOU_SUPERSET_URL", url)
        assert "its pages open" in services.check_superset(settings)


def test_another_program_on_the_port_of_the_drop_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        greetings = [b"220 smtp\r\n", b"SSH-2.0-Lakou\r\n"]

        def greet() -> None:
            for greeting in greetings:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(greeting)

        threading.Thread(target=greet, daemon=True).start()
        monkeypatch.setenv("LAKOU_SFTP_CHECK_HOST", "127.0.0.1")
        monkeypatch.setenv("LAKOU_SFTP_CHECK_PORT", str(server.getsockname()[1]))
        with pytest.raises(LakouError, match="is not the drop"):
            services.check_sftp(settings)
        assert "greets" in services.check_sftp(settings)
    with pytest.raises(LakouError, match="does not answer"):
        services.check_sftp(settings)


def make_certificate(folder: Path, days: int) -> None:
    """A certificate of `localhost` that nobody has signed: `crt`, and its `key`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def test_a_certificate_that_ends_or_is_not_trusted_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    until = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    assert "in 60 days" in services.judge_certificate("https://x", dt.timedelta(days=60), until)
    with pytest.raises(ToSee, match="in 10 days"):
        services.judge_certificate("https://x", dt.timedelta(days=10), until)
    with pytest.raises(LakouError, match="in 1 days"):
        services.judge_certificate("https://x", dt.timedelta(days=1), until)
    make_certificate(tmp_path, days=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("LAKOU_BASE_URL", f"https://localhost:{server.server_address[1]}")
    try:
        with pytest.raises(LakouError, match="is not trusted"):
            services.check_certificate(settings)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "crt"))
        assert "in 29 days" in services.check_certificate(settings)
    finally:
        server.shutdown()
        server.server_close()


def test_a_backup_too_old_and_keys_that_nobody_has_are_named(
    box: DropBox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAKOU_BACKUP_URL", f"file://{tmp_path / 'backups'}")
    assert "there is no backup" in doctor()["backup"]["what"]
    assert "no backup key" in doctor()["custody of keys"]["what"]
    back_up(box.settings, box.settings.backup_url, Kept(), print)
    found = doctor()
    assert (found["backup"]["state"], found["custody of keys"]["state"]) == ("bon", "à voir")
    assert "nobody is noted" in found["custody of keys"]["what"]
    ada = str(pyrage.x25519.Identity.generate().to_public())
    hand_over(box.settings, tmp_path / "usb", custodian="Ada", public_key=ada)
    assert "Ada has the keys" in doctor()["custody of keys"]["what"]
    monkeypatch.setattr(services, "OLDEST_BACKUP", dt.timedelta(0))
    found = doctor()["backup"]
    assert (found["state"], "hours old" in found["what"]) == ("en panne", True)
    # another key: the copy that the custodian has is not of it
    (box.settings.secrets / "backup.key").write_text(str(pyrage.x25519.Identity.generate()))
    assert doctor()["custody of keys"]["state"] == "à voir"
