"""Whether a container is well: what Docker asks every few seconds. Nothing heavy is imported."""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.production.stack import Stack
from ingestion.errors import LakouError

BEAT_SECONDS = 600


def get(url: str, headers: Mapping[str, str] | None = None, timeout: float = 10) -> bytes:
    """Body of a page.

    Raises:
        LakouError: it does not answer, or not with 200.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(urllib.request.Request(url, headers=dict(headers or {})), timeout=timeout) as answer:  # noqa: S310
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as error:
        raise LakouError(f"{url} answers {error.code}") from error
    except OSError as error:
        raise LakouError(f"{url} does not answer ({getattr(error, 'reason', error)})") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A page that sends elsewhere is not the page."""

    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


def _airflow(component: str) -> Callable[[Stack], None]:
    def probe(_: Stack) -> None:
        health = json.loads(get("http://airflow-api:8080/api/v2/monitor/health"))
        if (health.get(component) or {}).get("status") != "healthy":
            raise LakouError(f"Airflow says that its {component} is not healthy")

    return probe


def _airflow_api(_: Stack) -> None:
    get("http://127.0.0.1:8080/api/v2/version")


def _superset(_: Stack) -> None:
    # the proxy speaks https; asked without it, Superset sends there
    for page in ("/health", "/login/"):
        get(f"http://127.0.0.1:8088{page}", {"X-Forwarded-Proto": "https"}, timeout=20)


def _drop(_: Stack) -> None:
    try:
        with socket.create_connection(("127.0.0.1", 2222), timeout=5) as connection:
            banner = connection.recv(64)
    except OSError as error:
        raise LakouError(f"the drop does not answer ({error.strerror or error})") from error
    if b"Lakou" not in banner:
        raise LakouError(f"port 2222 answers something else: {banner[:40]!r}")


def _celery(name: str, database: int) -> Callable[[Stack], None]:
    def probe(stack: Stack) -> None:
        from celery import Celery

        application = Celery(broker=stack.redis(database))
        application.conf.broker_connection_retry = False
        here = f"{name}@{socket.gethostname()}"
        if not application.control.inspect(destination=[here], timeout=5).ping():
            raise LakouError(f"the worker {here} does not answer")

    return probe


def _beat(_: Stack) -> None:
    schedules = list(Path("/tmp").glob("beat-schedule*"))  # noqa: S108
    newest = max((path.stat().st_mtime for path in schedules), default=0.0)
    if time.time() - newest > BEAT_SECONDS:
        raise LakouError("Superset's beat has written no schedule for ten minutes")


PROBES: Mapping[str, Callable[[Stack], None]] = {
    "airflow-api": _airflow_api,
    "airflow-scheduler": _airflow("scheduler"),
    "airflow-dags": _airflow("dag_processor"),
    "airflow-triggerer": _airflow("triggerer"),
    "worker-ingestion": _celery("ingestion", 0),
    "worker-transformation": _celery("transformation", 0),
    "drop": _drop,
    "superset": _superset,
    "superset-worker": _celery("superset", 1),
    "superset-beat": _beat,
}


def probe(stack: Stack, name: str) -> None:
    """Ask a container whether it is well.

    Raises:
        LakouError: it is not; the text says why.
    """
    os.environ.pop("http_proxy", None)
    PROBES[name](stack)
