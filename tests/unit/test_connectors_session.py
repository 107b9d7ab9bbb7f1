"""How connectors speak HTTP, through a real socket: what is repeated, what is not, and what is never shown."""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ingestion.connectors.session import Limits, Session
from ingestion.demo.replay.exchanges import Reply, Request
from ingestion.demo.replay.server import Faults, Replay
from ingestion.errors import ConfigurationError, SourceError, SourceMissing, SourceRefusal

QUICK = Limits(read_seconds=0.5, attempts=4, first_wait_seconds=0.001, longest_wait_seconds=30, requests_per_second=1e6)
JSON = {"Content-Type": "application/json"}
OK = Reply(200, JSON, b'{"ok": true}')


@dataclass
class Script:
    """Answers in their order; the last one again and again."""

    replies: list[Reply]
    asked: list[Request] = field(default_factory=list)

    def respond(self, request: Request) -> Reply:
        self.asked.append(request)
        return self.replies[min(len(self.asked), len(self.replies)) - 1]


@dataclass
class Wire:
    """A server with a script, and a session to it that notes its waits instead of waiting."""

    script: Script
    server: Replay
    session: Session
    waits: list[float]


Connect = Callable[..., Wire]


@pytest.fixture
def wire() -> Iterator[Connect]:
    with ExitStack() as stack:

        def make(*replies: Reply, limits: Limits = QUICK, secrets: tuple[str, ...] = (), **server: object) -> Wire:
            script, waits = Script(list(replies)), list[float]()
            running = stack.enter_context(Replay(script, **server))  # type: ignore[arg-type]
            session = Session(running.address, limits=limits, secrets=secrets, sleep=waits.append)
            stack.callback(session.close)
            return Wire(script, running, session, waits)

        yield make


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(wire: Connect, status: int) -> None:
    line = wire(Reply(status, {"Content-Type": "text/html"}, b"<html>non</html>"), OK)
    assert line.session.get("/a").json() == {"ok": True}
    assert len(line.script.asked) == 2
    assert len(line.waits) == 1


def test_what_never_passes_is_tried_so_many_times_and_waits_double_and_vary(wire: Connect) -> None:
    limits = Limits(attempts=6, first_wait_seconds=1, longest_wait_seconds=100, requests_per_second=1e6)
    line = wire(Reply(503, JSON, b"{}"), limits=limits)
    with pytest.raises(SourceError, match="answers 503 to /a"):
        line.session.get("/a")
    assert len(line.script.asked) == 6
    assert len(line.waits) == 5
    assert line.waits[-1] > 2 * line.waits[1]
    other = wire(Reply(503, JSON, b"{}"), limits=limits)
    with pytest.raises(SourceError):
        other.session.get("/a")
    assert other.waits != line.waits, "two that wait for the same server do not come back together"


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, SourceRefusal), (403, SourceRefusal), (404, SourceMissing), (410, SourceMissing), (400, SourceError),
     (409, SourceError), (501, SourceError)],
)  # fmt: skip
def test_what_will_not_pass_is_tried_once(wire: Connect, status: int, error: type[SourceError]) -> None:
    line = wire(Reply(status, JSON, b'{"message": "non"}'), OK)
    with pytest.raises(error) as raised:
        line.session.get("/a")
    assert type(raised.value) is error
    assert len(line.script.asked) == 1


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ({"X-Status-Reason": "No read access."}, b"", "(No read access.)"),
        ({}, b'{"message": "The form is closed", "code": 404.1}', "(The form is closed)"),
        ({}, b'{"error": {"code": 401, "message": "not valid"}}', "(not valid)"),
        ({}, b'{"detail": "Invalid\\n token."}', "(Invalid token.)"),
        ({}, b'{"message": "no user zyzomyst@courrier.invalid with clef-secrete"}', "(no user *** with ***)"),
        ({}, b'{"message": "' + b"x" * 195 + b' clef-secrete"}', f"({'x' * 195} ***)"),
        ({}, b"<html>non</html>", ""),
        ({}, b'["non"]', ""),
    ],
)
def test_what_the_server_says_of_its_refusal_is_told_without_secrets(
    wire: Connect, headers: dict[str, str], body: bytes, said: str
) -> None:
    line = wire(Reply(403, JSON | headers, body), secrets=("clef-secrete",))
    with pytest.raises(SourceRefusal) as raised:
        line.session.get("/a")
    assert raised.value.what.partition(" to /a")[2].partition(":")[0].strip() == said


def test_a_status_that_is_expected_is_an_answer(wire: Connect) -> None:
    answer = wire(Reply(404, JSON, b"[]")).session.get("/liste", expect=(200, 404))
    assert (answer.status, answer.json(), answer.media_type) == (404, [], "application/json")


def test_a_login_is_sent_once_whatever_becomes_of_it(wire: Connect) -> None:
    line = wire(Reply(502, JSON, b"{}"), OK)
    with pytest.raises(SourceError):
        line.session.post("/login", json={"password": "x"}, is_login=True)
    assert len(line.script.asked) == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_server_says_when_to_come_again(wire: Connect, form: str) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=25), usegmt=True)
    line = wire(Reply(429, {**JSON, "Retry-After": "20" if form == "seconds" else at}, b"{}"), OK)
    line.session.get("/a")
    assert 10 <= line.waits[0] <= 25


def test_a_server_that_asks_for_too_much_patience_is_left_to_the_next_pull(wire: Connect) -> None:
    line = wire(Reply(503, {**JSON, "Retry-After": "3600"}, b"{}"), OK)
    with pytest.raises(SourceError):
        line.session.get("/a")
    assert (len(line.script.asked), line.waits) == (1, [])


def test_a_body_cut_short_is_asked_for_again_whether_its_length_was_told_or_not(wire: Connect) -> None:
    body = json.dumps({"rows": ["é" * 50] * 200}, ensure_ascii=False).encode()
    for has_length in (True, False):
        line = wire(
            Reply(200, JSON, body), has_length=has_length, faults=Faults(0.5, seed=3, kinds=("cut",)), limits=Limits(
                attempts=30, first_wait_seconds=0.001, requests_per_second=1e6
            ),
        )  # fmt: skip
        for _ in range(20):
            assert line.session.get("/a").body == body
        assert len(line.script.asked) > 25


def test_a_silent_server_and_one_that_drips_are_given_up(wire: Connect) -> None:
    silent = wire(OK, faults=Faults(1, kinds=("silence",), silence_seconds=1.0), limits=Limits(
        read_seconds=0.2, attempts=2, first_wait_seconds=0.001, requests_per_second=1e6))  # fmt: skip
    with pytest.raises(SourceError, match="too slow"):
        silent.session.get("/a")
    dripping = wire(
        Reply(200, JSON, b" " * 64 * 40 + b"{}"), waits_seconds=0.05,
        limits=Limits(read_seconds=5, answer_seconds=0.3, attempts=1, requests_per_second=1e6),
    )  # fmt: skip
    with pytest.raises(SourceError, match="too slow"):
        dripping.session.get("/a")


def test_an_answer_that_is_too_long_is_not_read_to_its_end(wire: Connect) -> None:
    line = wire(Reply(200, JSON, b'"' + b"x" * 3_000_000 + b'"'), limits=Limits(answer_bytes=1_000_000))
    with pytest.raises(SourceError, match="longer than 1000000 bytes"):
        line.session.get("/a")
    assert len(line.script.asked) == 1


def test_a_wrong_charset_is_told_and_never_guessed(wire: Connect) -> None:
    latin = Reply(200, {"Content-Type": "application/json; charset=utf-8"}, '{"a": "é"}'.encode("latin-1"))
    with pytest.raises(SourceError, match="is not in the charset 'utf-8'"):
        wire(latin).session.get("/a")
    told = Reply(200, {"Content-Type": "application/json; charset=iso-8859-1"}, '{"a": "é"}'.encode("latin-1"))
    assert wire(told).session.get("/a").json() == {"a": "é"}
    marked = Reply(200, {"Content-Type": "text/csv"}, "﻿é;è".encode())
    assert wire(marked).session.get("/a").text() == "é;è"


def test_a_redirection_stays_on_our_server_or_is_refused_with_our_key_kept(wire: Connect) -> None:
    other = wire(OK)
    away = wire(Reply(302, {"Location": f"{other.server.address}/vol"}, b""), OK, secrets=("clef-secrete",))
    with pytest.raises(SourceError, match="sends us elsewhere"):
        away.session.get("/a")
    assert other.script.asked == []
    inside = wire(Reply(302, {"Location": "/b?x=1"}, b""), OK)
    assert inside.session.get("/a").path == "/b?x=1"
    endless = wire(Reply(302, {"Location": "/a"}, b""))
    with pytest.raises(SourceError, match="again and again"):
        endless.session.get("/a")


def test_a_link_that_the_server_writes_is_asked_of_our_server(wire: Connect) -> None:
    line = wire(OK)
    line.session.get("https://odk.example.org/v1/suite?$skiptoken=abc")
    assert (line.script.asked[0].path, dict(line.script.asked[0].query)) == ("/v1/suite", {"$skiptoken": "abc"})


def test_a_secret_is_in_no_log_no_error_and_no_path(wire: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    line = wire(Reply(500, JSON, b"{}"), Reply(400, JSON, b"{}"), secrets=("mot de passe/é",))
    line.session.set_header("Authorization", "Bearer jeton-tres-secret")
    with pytest.raises(SourceError) as raised:
        line.session.get("/a", params={"k": "mot de passe/é", "t": "jeton-tres-secret"})
    said = caplog.text + str(raised.value)
    assert "/a?k=***&t=***" in said
    assert "secret" not in said
    assert "mot" not in said
    assert line.script.asked[0].headers["authorization"] == "Bearer jeton-tres-secret"


def test_no_cookie_and_no_account_of_the_machine_is_sent(
    wire: Connect, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path_factory.mktemp("home") / ".netrc"
    netrc.write_text("machine 127.0.0.1 login moi password rien\n")
    monkeypatch.setenv("NETRC", str(netrc))
    line = wire(Reply(200, {**JSON, "Set-Cookie": "PHPSESSID=1; path=/"}, b"{}"), OK)
    line.session.get("/a")
    line.session.get("/b")
    assert [set(request.headers) & {"cookie", "authorization"} for request in line.script.asked] == [set(), set()]


def test_a_certificate_that_does_not_hold_ends_it_before_anything_is_said(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
    pem = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "pem").write_bytes(secret + pem.sign(key, SHA256()).public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    script = Script([OK])
    server = Replay(script)
    with server:
        server.listener.socket = context.wrap_socket(server.listener.socket, server_side=True)
        waits: list[float] = []
        session = Session(f"https://127.0.0.1:{server.port}", limits=QUICK, sleep=waits.append)
        with pytest.raises(SourceError, match="the certificate of the server does not hold"):
            session.get("/a")
    assert (script.asked, waits) == ([], [])


@pytest.mark.parametrize(
    "address",
    ["http://enquetes.example.org", "ftp://127.0.0.1", "https://moi:rien@example.org", "https://", "https://h/?a=1"],
)
def test_an_address_that_would_show_a_secret_or_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError):
        Session(address)


def test_the_rate_is_kept(wire: Connect) -> None:
    line = wire(OK, limits=Limits(requests_per_second=2))
    for _ in range(3):
        line.session.get("/a")
    assert [0.3 < wait <= 0.5 for wait in line.waits] == [True, True]
