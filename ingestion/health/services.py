"""What answers on the network: Airflow, Superset, the drop, the certificate; and the backups."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import ssl
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from ingestion.errors import LakouError
from ingestion.health.findings import ToSee
from ingestion.settings import Settings

TIMEOUT_SECONDS = 10
OLDEST_BACKUP = dt.timedelta(hours=36)
CERTIFICATE_SOON, CERTIFICATE_NOW = dt.timedelta(days=21), dt.timedelta(days=3)
COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


def check_airflow(settings: Settings) -> str:
    """Airflow's own health page: its database, scheduler, DAG processor and triggerer."""
    url = _address(settings, "airflow")
    if url is None:
        return "no address is configured (LAKOU_AIRFLOW_URL)"
    status, body = _get(f"{url}/api/v2/monitor/health", "see the logs of airflow-api; start it again")
    try:
        health = json.loads(body) if status == 200 else {}
    except ValueError:
        health = {}
    if not health:
        raise LakouError(f"Airflow's health page at {url} answers {status}", "see the logs of airflow-api")
    ill = [
        name for name in COMPONENTS if name in health and (health[name] or {}).get("status") not in {"healthy", None}
    ]
    if ill:
        beat = (health[ill[0]] or {}).get(f"latest_{ill[0]}_heartbeat") or "never"
        raise LakouError(
            f"Airflow says that {', '.join(ill)} is not healthy (last sign of {ill[0]}: {beat})",
            f"see the log of airflow-{ill[0].replace('_', '-')} and start it again; what waits is then done",
        )
    return f"{url}: healthy"


def check_superset(settings: Settings) -> str:
    """Superset's health page, and the one that people enter by."""
    url = _address(settings, "superset")
    if url is None:
        return "no address is configured (LAKOU_SUPERSET_URL)"
    for page in ("/health", "/login/"):
        status, _ = _get(url + page, "see the log of superset; start it again")
        if status != 200:
            raise LakouError(
                f"Superset's page {page} at {url} answers {status}",
                "see the log of superset; `/login/` alone failing is its database or its key",
            )
    return f"{url}: its pages open"


def check_sftp(settings: Settings) -> str:
    """The drop greets as an SSH server does."""
    ports = _ports(settings)
    host = os.environ.get("LAKOU_SFTP_CHECK_HOST") or ("127.0.0.1" if ports else None)
    if host is None:
        return "no address is configured (LAKOU_SFTP_CHECK_HOST)"
    port = int(
        os.environ.get("LAKOU_SFTP_CHECK_PORT") or ports.get("sftp") or os.environ.get("LAKOU_SFTP_PORT", "2222")
    )
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_SECONDS) as connection:
            connection.settimeout(TIMEOUT_SECONDS)
            banner = connection.recv(64)
    except OSError as error:
        raise LakouError(
            f"the drop at {host}:{port} does not answer ({error.strerror or error})",
            "see the log of sftp; start it again",
        ) from error
    if not banner.startswith(b"SSH-2.0"):
        raise LakouError(f"{host}:{port} is not the drop: it says {banner[:40]!r}", "another program has its port")
    return f"{host}:{port} greets"


def check_certificate(_settings: Settings) -> str:
    """The certificate of the address that people type, where it is HTTPS."""
    url = os.environ.get("LAKOU_BASE_URL", "")
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        return "no HTTPS address is configured (LAKOU_BASE_URL)"
    where = (parts.hostname, parts.port or 443)
    try:
        with (
            socket.create_connection(where, timeout=TIMEOUT_SECONDS) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname) as secured,
        ):
            certificate = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        raise LakouError(
            f"the certificate of {url} is not trusted: {error.verify_message}", "renew it; see the proxy's log"
        ) from error
    except OSError as error:
        raise LakouError(f"{url} does not answer ({error.strerror or error})", "see the proxy's log") from error
    until = dt.datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), dt.UTC)
    return judge_certificate(url, until - dt.datetime.now(dt.UTC), until)


def judge_certificate(url: str, left: dt.timedelta, until: dt.datetime) -> str:
    """Say whether a certificate lasts long enough.

    Raises:
        LakouError: it ends within days; `ToSee` where it ends within weeks.
    """
    text = f"the certificate of {url} ends on {until:%Y-%m-%d}, in {left.days} days"
    remedy = "it should renew itself: see the proxy's log, port 80 and the DNS"
    if left < CERTIFICATE_NOW:
        raise LakouError(text, remedy)
    if left < CERTIFICATE_SOON:
        raise ToSee(text, remedy)
    return text


def check_backup(settings: Settings) -> str:
    """There is a young backup, and nothing is missing from it."""
    from ingestion.backups.making import has_something
    from ingestion.backups.store import Store

    last = Store(settings.backup_url).youngest()
    if last is None and not has_something(settings):
        return "nothing to save yet"
    if last is None:
        raise ToSee(
            f"there is no backup in {settings.backup_url}", "run `lakou backup`; the DAG backup does it each night"
        )
    age = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(last.snapshot_at)
    text = f"the last backup, {last.backup_id}, is {age.total_seconds() / 3600:.0f} hours old"
    if age > OLDEST_BACKUP:
        raise LakouError(text, "run `lakou backup`, and see the log of the DAG backup")
    if last.landing["missing"]:
        raise ToSee(f"{text} and lacks {len(last.landing['missing'])} landed files", "see infra/runbook/backup.md")
    return f"{text}, build {last.last['build']}, publication {last.last['publication']}"


def check_custody(settings: Settings) -> str:
    """Somebody else has the keys in use."""
    from ingestion.backups.keys import BACKUP_KEY, RECIPIENT, custody

    if not (settings.secrets / BACKUP_KEY).exists() and not os.environ.get(RECIPIENT):
        raise ToSee("there is no backup key yet", "run `lakou backup`: it makes one")
    found = custody(settings)
    if found is None:
        raise ToSee(
            "nobody is noted to have a copy of the keys in use: with this machine, all would be lost",
            "lakou backup keys --to FOLDER --custodian NAME, then carry the file elsewhere",
        )
    return f"{found[0]} has the keys since {found[1]:%Y-%m-%d}"


def _ports(settings: Settings) -> dict[str, int]:
    """Ports of the embedded platform, as its last start chose them; none elsewhere."""
    path = settings.home / "run" / "ports.json"
    return {name: int(port) for name, port in json.loads(path.read_text()).items()} if path.exists() else {}


def _address(settings: Settings, service: str) -> str | None:
    given = os.environ.get(f"LAKOU_{service.upper()}_URL")
    if given:
        return given.rstrip("/")
    port = _ports(settings).get(service)
    return f"http://127.0.0.1:{port}" if port else None


def _get(url: str, remedy: str) -> tuple[int, bytes]:
    """Ask a page; a proxy of the environment does not come between."""
    if urlsplit(url).scheme not in {"http", "https"}:
        raise LakouError(f"{url} is no address of a page", "write it as http://host:port")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        # asked as the proxy would: behind one, Superset sends anybody else to the https address
        request = urllib.request.Request(url, headers={"X-Forwarded-Proto": "https"})  # noqa: S310
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        raise LakouError(f"{url} does not answer ({getattr(error, 'reason', error)})", remedy) from error
