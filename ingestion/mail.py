"""Mail to partners where SMTP is configured: queued with what it tells, sent afterwards, tried again. In French.

A partner's mail holds no value of a file and no file name: what was received, the word of its receipt, the counts, where to look.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from ingestion import pages
from ingestion.errors import ConfigurationError, LakouError
from ingestion.settings import Settings

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger(__name__)
SMTP_URL = "LAKOU_SMTP_URL"
OPERATORS = "LAKOU_OPERATOR_EMAIL"
COMMITTEE = "LAKOU_COMMITTEE_EMAIL"
TIMEOUT_SECONDS = 15
# one run sends so many at most, so that it never keeps the next files waiting for long
BATCH = 100
FIRST_WAIT = dt.timedelta(minutes=1)
LONGEST_WAIT = dt.timedelta(hours=6)
# with these waits: about two days of trying
MOST_ATTEMPTS = 16
ATTACHED = {".html": "text/html", ".pdf": "application/pdf"}


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed over.

    Args:
        sender: address in `From`.
        is_tls: TLS from the first byte (`smtps`).
        starttls: TLS asked for after the greeting; without it, no mail leaves.
    """

    host: str
    port: int
    sender: str
    user: str | None = None
    password: str | None = None
    is_tls: bool = False
    starttls: bool = False


def server() -> Server | None:
    """The server that `$LAKOU_SMTP_URL` names (`smtp://user:password@host:587?from=…&starttls=1`); none where unset.

    Raises:
        ConfigurationError: the text is no such URL; it is not shown, since it may hold a password.
    """
    text = os.environ.get(SMTP_URL, "").strip()
    if not text:
        return None
    form = f"write it as smtp://user:password@host:587?from=lakou@example.org&starttls=1 in {SMTP_URL}"
    try:
        url = urlsplit(text)
        options = parse_qs(url.query, strict_parsing=bool(url.query))
        port = url.port
    except ValueError as error:
        raise ConfigurationError("the address of the mail server is no URL", form) from error
    sender = parseaddr(options.get("from", [""])[0])[1]
    if url.scheme not in {"smtp", "smtps"} or not url.hostname or set(options) - {"from", "starttls"}:
        raise ConfigurationError("the address of the mail server is no smtp:// or smtps:// URL", form)
    if "@" not in sender:
        raise ConfigurationError("the address of the mail server does not say who sends (from=…)", form)
    is_tls = url.scheme == "smtps"
    return Server(
        host=url.hostname,
        port=port or (465 if is_tls else 25),
        sender=sender,
        user=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
        is_tls=is_tls,
        starttls=options.get("starttls", ["0"])[0].lower() in {"1", "true", "yes"},
    )


def queue(
    connection: psycopg.Connection[Any],
    partner_code: str,
    subject: str,
    body: str,
    receipt: tuple[str, int] | None = None,
) -> int | None:
    """Queue one mail for a partner, with what it tells: the caller commits both.

    Args:
        receipt: delivery id and revision, for the mail of a receipt; none for a reminder.

    Returns:
        Its id; none where no mail is to be sent: no server, no address, or that receipt has its mail already.
    """
    if not os.environ.get(SMTP_URL, "").strip():
        return None
    delivery_id, revision = receipt or (None, None)
    row = connection.execute(
        "insert into ops.mails (partner_code, kind, delivery_id, revision, recipient, subject, body)"
        " select partner_code, %s, %s, %s, email, %s, %s from ops.partners"
        " where partner_code = %s and email is not null on conflict (delivery_id, revision) do nothing"
        " returning mail_id",
        ["ACCUSE" if receipt else "RAPPEL", delivery_id, revision, subject, body, partner_code],
    ).fetchone()
    return int(row[0]) if row else None


def send_pending(settings: Settings, connection: psycopg.Connection[Any]) -> int:
    """Send what is queued and due, each mail in its own transaction; what fails is tried again later, ever less often.

    Args:
        settings: of the platform.
        connection: in autocommit.

    Returns:
        How many were sent. A server that does not answer is logged and stops nothing.
    """
    try:
        where = server()
    except ConfigurationError as error:
        log.error("no mail is sent: %s; %s", error.what, error.remedy)  # noqa: TRY400 - expected, one line says it all
        return 0
    if where is None or not _is_waiting(connection):
        return 0
    sent = 0
    try:
        with _session(where) as session:
            while sent < BATCH and _send_next(connection, where, session):
                sent += 1
    except (OSError, smtplib.SMTPException) as error:
        # nobody's mail in particular is at fault: all that is due waits
        log.warning("the mail server %s:%s does not take mail (%s)", where.host, where.port, _reason(error))
        with connection.transaction():
            _put_off(connection, _reason(error), None)
    return sent


def check() -> str:
    """See that the server lets us in; says so, or that none is configured.

    Raises:
        LakouError: it does not answer, or refuses the account.
    """
    where = server()
    if where is None:
        return f"no mail is sent ({SMTP_URL} is not set)"
    try:
        with _session(where) as session:
            session.noop()
    except (OSError, smtplib.SMTPException) as error:
        raise LakouError(
            f"the mail server {where.host}:{where.port} does not let us in ({_reason(error)})",
            f"check {SMTP_URL} and the server; receipts are in the partners' folders all the same",
        ) from error
    return f"{where.host}:{where.port} takes mail from {where.sender}"


def send_to_operators(subject: str, body: str, name: str) -> bool:
    """Send one mail, in English, to whoever runs the platform (`$LAKOU_OPERATOR_EMAIL`, several with commas), at once.

    Args:
        name: the same for the same mail: sent twice by a crash, it is shown once.

    Returns:
        False where no server or nobody to tell is configured.

    Raises:
        LakouError: the server does not take it.
    """
    return _send_at_once(OPERATORS, name, subject, body, language="en")


def send_to_committee(subject: str, body: str, name: str, files: Sequence[Path]) -> bool:
    """Send one mail, in French, to the committee (`$LAKOU_COMMITTEE_EMAIL`, several with commas), at once.

    Args:
        name: as for the operators.
        files: attached, under their own names; HTML and PDF.

    Returns:
        False where no server or nobody to tell is configured.

    Raises:
        LakouError: the server does not take it.
    """
    return _send_at_once(COMMITTEE, name, subject, body, language="fr", files=files)


def _send_at_once(
    variable: str, name: str, subject: str, body: str, *, language: str, files: Sequence[Path] = ()
) -> bool:
    where = server()
    recipients = [text.strip() for text in os.environ.get(variable, "").split(",") if text.strip()]
    if where is None or not recipients:
        return False
    message = _written(where, ", ".join(recipients), subject, body, name=name, language=language)
    for path in files:
        main_type, _, subtype = ATTACHED[path.suffix].partition("/")
        message.add_attachment(path.read_bytes(), maintype=main_type, subtype=subtype, filename=path.name)
    try:
        with _session(where) as session:
            session.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise LakouError(
            f"the mail server {where.host}:{where.port} does not take the mail of {variable} ({_reason(error)})",
            f"check {SMTP_URL} and {variable}; the next run tries again",
        ) from error
    return True


def _is_waiting(connection: psycopg.Connection[Any]) -> bool:
    return (
        connection.execute(
            "select 1 from ops.mails where sent_at is null and given_up_at is null"
            " and next_attempt_at <= clock_timestamp() limit 1"
        ).fetchone()
        is not None
    )


@contextmanager
def _session(where: Server) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    if where.is_tls:
        session: smtplib.SMTP = smtplib.SMTP_SSL(where.host, where.port, timeout=TIMEOUT_SECONDS, context=context)
    else:
        session = smtplib.SMTP(where.host, where.port, timeout=TIMEOUT_SECONDS)
    with session:
        if where.starttls:
            session.starttls(context=context)
        if where.user is not None:
            session.login(where.user, where.password or "")
        yield session


def _send_next(connection: psycopg.Connection[Any], where: Server, session: smtplib.SMTP) -> bool:
    """Send the mail that has waited longest; a mail refused waits or is given up, and the next one is tried.

    Returns:
        False when nothing is due.
    """
    while True:
        with connection.transaction():
            row = connection.execute(
                "select mail_id, recipient, subject, body from ops.mails where sent_at is null"
                " and given_up_at is null and next_attempt_at <= clock_timestamp()"
                " order by mail_id limit 1 for update skip locked"
            ).fetchone()
            if row is None:
                return False
            mail_id, recipient, subject, body = row
            try:
                session.send_message(_message(where, mail_id, recipient, subject, body))
            except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
                log.warning("mail %s was refused (%s)", mail_id, _reason(error))
                session.rset()
                _put_off(connection, _reason(error), mail_id)
                continue
            connection.execute(
                "update ops.mails set sent_at = clock_timestamp(), attempts = attempts + 1, last_error = null"
                " where mail_id = %s",
                [mail_id],
            )
            return True


def _message(where: Server, mail_id: int, recipient: str, subject: str, body: str) -> EmailMessage:
    return _written(where, recipient, subject, body, name=str(mail_id), language="fr")


def _written(where: Server, recipients: str, subject: str, body: str, *, name: str, language: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = where.sender
    message["To"] = recipients
    message["Subject"] = subject
    message["Date"] = format_datetime(dt.datetime.now(dt.UTC))
    # the same however often it is sent: a mail sent twice by a crash is shown once
    message["Message-ID"] = f"<lakou-{name}@{where.sender.rsplit('@', 1)[1]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    # to set contents takes the headers of others away
    message["Content-Language"] = language
    return message


def _put_off(connection: psycopg.Connection[Any], reason: str, mail_id: int | None) -> None:
    """Note a failure of one mail, or of all that are due; what was tried often enough is given up."""
    connection.execute(
        "update ops.mails set attempts = attempts + 1, last_error = %(reason)s, next_attempt_at = clock_timestamp()"
        " + least(%(first)s * power(2, least(attempts, 20)), %(longest)s),"
        " given_up_at = case when attempts + 1 >= %(most)s then clock_timestamp() end"
        " where sent_at is null and given_up_at is null and next_attempt_at <= clock_timestamp()"
        " and (%(mail)s::bigint is null or mail_id = %(mail)s)",
        {"reason": reason, "first": FIRST_WAIT, "longest": LONGEST_WAIT, "most": MOST_ATTEMPTS, "mail": mail_id},
    )


def _reason(error: OSError | smtplib.SMTPException) -> str:
    """What went wrong, without the address or the text of a mail."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = {code for code, _ in error.recipients.values()}
        return f"recipient refused, {', '.join(map(str, sorted(codes)))}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def signature() -> str:
    """Last lines of every mail."""
    whom = pages.contact()
    asked = f"Une question ? {whom}" if whom else "Une question ? Écrivez à l'équipe de pilotage du programme."
    return f"{asked}\nCe message est envoyé automatiquement : il ne contient aucune donnée de vos fichiers."
