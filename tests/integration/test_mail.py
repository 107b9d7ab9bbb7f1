"""Mail to partners: one a receipt, whatever the server does meanwhile, and never a value of a file."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from ingestion import mail, reminders
from ingestion.database import connect
from ingestion.errors import ConfigurationError, LakouError
from ingestion.settings import Settings
from tests.conftest import free_port
from tests.integration.mail_box import Box, open_box
from tests.integration.receipt_books import Books, bad_sex

ADDRESS = "donnees@kabia.invalid"
SURNAME = "Zyzomyst"


@pytest.fixture
def box() -> Iterator[Box]:
    with open_box() as made:
        yield made


@pytest.fixture
def books(clean: Settings, box: Box, monkeypatch: pytest.MonkeyPatch) -> Books:
    monkeypatch.setenv("LAKOU_SMTP_URL", box.url)
    monkeypatch.delenv("LAKOU_CONTACT", raising=False)
    return Books(clean, email=ADDRESS).open_account()


def send(books: Books) -> int:
    with connect(books.settings) as connection:
        connection.autocommit = True
        return mail.send_pending(books.settings, connection)


def make_due(books: Books) -> None:
    books.all("update ops.mails set next_attempt_at = clock_timestamp() where sent_at is null returning 1")


def test_a_receipt_has_one_mail_that_says_where_to_look_and_no_value(books: Books, box: Box) -> None:
    delivery = books.record(
        state="ACCEPTÉ AVEC RÉSERVES", rows_accepted=9, rows_rejected=1, file_name=f"inscrits {SURNAME}.csv"
    )
    books.issue(delivery, [bad_sex(3, SURNAME)])
    assert send(books) == 1
    assert send(books) == 0
    (message,) = box.taken
    assert (message["To"], message["From"]) == (ADDRESS, "lakou@lakou.invalid")
    assert message["Subject"] == "Accusé F02, septembre 2026, version 1 : ACCEPTÉ AVEC RÉSERVES"
    body = message.get_content().replace("\u202f", " ")
    assert "9 lignes sur 10 sont prises en compte ; 1 ligne est refusée." in body
    assert "- 1 refusée" in body
    assert "« accuses »" in body
    assert SURNAME not in message.as_string()
    assert SURNAME not in body
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "fr"


def test_a_revised_receipt_is_said_to_be_one(books: Books, box: Box) -> None:
    delivery = books.record()
    books.issue(delivery)
    books.issue(delivery)
    assert send(books) == 2
    assert [message["Subject"].split(" F02")[0] for message in box.taken] == ["Accusé", "Accusé révisé"]


def test_one_mail_a_receipt_even_when_sending_fails_first(books: Books, box: Box) -> None:
    books.issue(books.record())
    box.refusals = ["451 come back later", "554 not today"]
    assert send(books) == 0
    assert send(books) == 0, "it waits before it tries again"
    ((attempts, error, waits),) = books.all(
        "select attempts, last_error, next_attempt_at > clock_timestamp() + interval '50 seconds' from ops.mails"
    )
    assert (attempts, error, waits) == (1, "SMTPDataError 451", True)
    make_due(books)
    assert send(books) == 0
    make_due(books)
    assert send(books) == 1
    make_due(books)
    assert send(books) == 0
    assert len(box.taken) == 1
    assert books.all("select attempts, last_error, sent_at is not null from ops.mails") == [(3, None, True)]


def test_one_refused_mail_keeps_no_other_back(books: Books, box: Box) -> None:
    for version in (1, 2, 3):
        books.issue(books.record(version=version))
    box.refusals = ["554 not this one"]
    assert send(books) == 2
    assert len(box.taken) == 2


def test_a_server_that_is_away_loses_nothing(books: Books, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKOU_SMTP_URL", f"smtp://127.0.0.1:{free_port()}?from=lakou@lakou.invalid")
    books.issue(books.record())
    assert send(books) == 0
    assert books.all("select attempts, sent_at from ops.mails") == [(1, None)]
    monkeypatch.setenv("LAKOU_SMTP_URL", box.url)
    make_due(books)
    assert send(books) == 1


def test_what_is_never_taken_is_given_up_and_said(books: Books, box: Box) -> None:
    books.issue(books.record())
    books.all("update ops.mails set attempts = %s returning 1", mail.MOST_ATTEMPTS - 1)
    box.refusals = ["550 no such person"]
    assert send(books) == 0
    make_due(books)
    assert send(books) == 0
    assert books.all("select given_up_at is not null from ops.mails") == [(True,)]


def test_a_receipt_that_is_not_committed_has_no_mail(books: Books, box: Box) -> None:
    with connect(books.settings) as connection:
        assert mail.queue(connection, books.code, "Accusé", "Bonjour") is not None
        connection.rollback()
    assert send(books) == 0


@pytest.mark.parametrize("missing", ["server", "address"])
def test_without_a_server_or_an_address_nothing_is_queued(
    books: Books, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing == "server":
        monkeypatch.delenv("LAKOU_SMTP_URL")
    else:
        books.open_account(email=None)
    books.issue(books.record())
    assert books.all("select 1 from ops.mails") == []
    assert send(books) == 0
    assert (books.folder / "F02_participations__KABIA__2026-09__v1.csv.accuse.html").exists()


def test_what_is_late_is_recalled_on_days_1_7_and_14(books: Books, box: Box) -> None:
    books.expect(dt.date(2026, 9, 1), dt.date(2026, 9, 1))
    books.issue(books.record("F01"))
    books.all("delete from ops.mails returning 1")
    sent = {}
    for number in range(20):
        today = dt.date(2026, 10, 9) + dt.timedelta(days=number)
        with connect(books.settings) as connection:
            connection.autocommit = True
            reminders.write(books.settings, connection, today)
        if count := send(books):
            sent[today.day] = count
    assert sent == {11: 1, 17: 1, 24: 1}, "one mail for all that is late"
    first = box.taken[0]
    assert first["Subject"] == "Rappel : 2 fichiers en retard"
    body = first.get_content().replace("\u202f", " ")
    assert "F02, Participations, septembre 2026 : attendu le 10 octobre 2026, en retard de 1 jour" in body
    assert "F01" not in body


def test_a_platform_that_was_away_recalls_once(books: Books, box: Box) -> None:
    books.expect(dt.date(2026, 1, 1), dt.date(2026, 6, 1))
    with connect(books.settings) as connection:
        connection.autocommit = True
        for _ in range(2):
            reminders.write(books.settings, connection, dt.date(2026, 10, 5))
    assert send(books) == 1
    assert "18 fichiers en retard" in box.taken[0]["Subject"]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_the_server_is_asked_who_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def authenticate(*arguments: Any) -> AuthResult:
        data = arguments[-1]
        assert isinstance(data, LoginPassword)
        asked.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss:w/rd")

    made = Box()
    controller = Controller(
        made,
        hostname="127.0.0.1",
        port=made.port,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    try:
        monkeypatch.setenv("LAKOU_SMTP_URL", f"smtp://us%40er:p%40ss%3Aw%2Frd@127.0.0.1:{made.port}?from=a@b.invalid")
        assert "takes mail from a@b.invalid" in mail.check()
        monkeypatch.setenv("LAKOU_SMTP_URL", f"smtp://us%40er:wrong@127.0.0.1:{made.port}?from=a@b.invalid")
        with pytest.raises(LakouError, match="does not let us in") as refused:
            mail.check()
    finally:
        controller.stop()
    assert asked[0] == (b"us@er", b"p@ss:w/rd")
    assert "wrong" not in str(refused.value), "no password in a message"


def test_a_server_asked_for_tls_and_without_it_gets_nothing(
    books: Books, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKOU_SMTP_URL", f"{box.url}&starttls=1")
    books.issue(books.record())
    assert send(books) == 0
    assert box.taken == []


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "http://host?from=a@b",
        "smtp://host",
        "smtp://host?from=us",
        "smtp://h:x?from=a@b",
        "smtp://h?fr=a@b",
    ],
)
def test_an_address_that_is_none_is_refused_without_being_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKOU_SMTP_URL", url)
    with pytest.raises(ConfigurationError) as refused:
        mail.server()
    assert url not in str(refused.value)


def test_two_receivers_at_once_recall_once(books: Books, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    books.expect(dt.date(2026, 8, 1), dt.date(2026, 8, 1))
    together = threading.Barrier(2)
    look = reminders.overview

    def side_by_side(*arguments: Any) -> reminders.Overview:
        with suppress(threading.BrokenBarrierError):
            together.wait(1)
        return look(*arguments)

    monkeypatch.setattr(reminders, "overview", side_by_side)
    with connect(books.settings) as one, connect(books.settings) as two:
        one.autocommit = two.autocommit = True
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda each: reminders.write(books.settings, each, dt.date(2026, 10, 5)), (one, two)))
    assert send(books) == 1
