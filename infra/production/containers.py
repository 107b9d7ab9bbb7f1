"""What each container of the stack runs, with which environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.airflow.environment import celery_environment
from infra.local.layout import CHECKOUT
from infra.local.services import QUIET, SUPERSET, shared_superset_environment
from infra.production.stack import Stack
from ingestion.errors import ConfigurationError

# folders that a container makes in its state when they are not there
FOLDERS = ("drop", "landing", "logs", "sftp/authorized_keys", "sftp/keys", "airflow", "superset", "run")

JOURNAL_ROLE = "lakou_journal"


@dataclass(frozen=True, slots=True)
class Container:
    """One container.

    Args:
        command: program and arguments; the program is looked for beside the running Python.
        environment: what it needs beyond `base_environment`.
    """

    command: tuple[str, ...]
    environment: Callable[[Stack], Mapping[str, str]]


def base_environment(stack: Stack) -> dict[str, str]:
    """Environment of everything that the stack's containers run."""
    return QUIET | {
        "LAKOU_HOME": str(stack.home),
        "LAKOU_SECRETS_DIR": str(stack.secrets),
        "LAKOU_PG_HOST": stack.pg_host,
        "LAKOU_PG_PORT": str(stack.pg_port),
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "PYTHONPATH": str(CHECKOUT),
        "HOME": "/tmp",  # noqa: S108 - a file system of the container's own, in memory
        "TZ": "UTC",
    }


def airflow(stack: Stack) -> dict[str, str]:
    """Environment of Airflow's containers and of the `lakou` command."""
    environment = celery_environment(stack, stack.redis(0), stack.url("airflow"))
    # what `lakou doctor` asks
    environment |= {"LAKOU_AIRFLOW_URL": "http://airflow-api:8080", "LAKOU_SUPERSET_URL": "http://superset:8088"}
    environment |= {"LAKOU_PG_JOURNAL_ROLE": JOURNAL_ROLE}
    if stack.domain != "localhost":
        environment |= {"LAKOU_BASE_URL": stack.url("superset")}
    if config := os.environ.get("LAKOU_AIRFLOW_CONFIG"):
        environment |= {"AIRFLOW__FAB__CONFIG_FILE": config}
    if host := os.environ.get("LAKOU_STATSD_HOST"):
        environment |= {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": host,
            "AIRFLOW__METRICS__STATSD_PORT": "8125",
            "AIRFLOW__METRICS__STATSD_PREFIX": "airflow",
        }
    return environment


def superset(stack: Stack) -> dict[str, str]:
    """Environment of Superset's containers."""
    return shared_superset_environment(stack) | {
        "SUPERSET_CONFIG_PATH": os.environ.get("LAKOU_SUPERSET_CONFIG") or str(SUPERSET / "superset_config.py"),
        "SUPERSET_REDIS_URL": stack.redis(1),
        "LAKOU_PARTNERS_FILE": str(stack.home / "superset" / "partners.json"),
    }


def nothing(_: Stack) -> dict[str, str]:
    """The drop needs its key and its folders, and no password of anything."""
    return {"LAKOU_SFTP_PORT": "2222", "LAKOU_SFTP_LISTEN": "0.0.0.0"}  # noqa: S104 - which addresses reach it is Docker's affair


def _worker(queue: str, concurrency: int) -> Container:
    command = ("airflow", "celery", "worker", "--queues", queue, "--celery-hostname", f"{queue}@%h")
    return Container((*command, "--concurrency", str(concurrency)), airflow)


_CELERY = ("celery", "--app=superset.tasks.celery_app:app")
_GUNICORN = ("gunicorn", "--bind", "0.0.0.0:8088", "--workers", "2", "--worker-class", "gthread", "--threads", "8")
CONTAINERS: Mapping[str, Container] = {
    "airflow-api": Container(("airflow", "api-server", "--proxy-headers"), airflow),
    "airflow-scheduler": Container(("airflow", "scheduler", "--skip-serve-logs"), airflow),
    "airflow-dags": Container(("airflow", "dag-processor"), airflow),
    "airflow-triggerer": Container(("airflow", "triggerer", "--skip-serve-logs"), airflow),
    "worker-ingestion": _worker("ingestion", 2),
    "worker-transformation": _worker("transformation", 1),
    "drop": Container(("python", "-m", "infra.sftp.server"), nothing),
    "superset": Container(
        (*_GUNICORN, "--timeout", "120", "--no-control-socket", "superset.app:create_app()"), superset
    ),
    "superset-worker": Container(
        (*_CELERY, "worker", "--pool=prefork", "--concurrency=1", "--loglevel=INFO", "--hostname=superset@%h"), superset
    ),
    "superset-beat": Container(
        (*_CELERY, "beat", "--loglevel=INFO", "--pidfile=", "--schedule=/tmp/beat-schedule"),
        superset,
    ),
    "superset-setup": Container(("python", str(SUPERSET / "bootstrap.py")), superset),
}


def environment_of(stack: Stack, container: Container) -> dict[str, str]:
    """Whole environment of one container's program."""
    return dict(os.environ) | base_environment(stack) | dict(container.environment(stack))


def become(stack: Stack, arguments: list[str]) -> None:
    """Become a container's program, or any other with Airflow's environment (`lakou …`, `airflow …`); never returns.

    Raises:
        ConfigurationError: a secret is missing, or the program is not there.
    """
    container = CONTAINERS.get(arguments[0]) if len(arguments) == 1 else None
    container = container or Container(tuple(arguments), airflow)
    for folder in FOLDERS:
        path = stack.home / folder
        # a container without the volume that holds it has no use for it
        if os.access(path.parent, os.W_OK):
            path.mkdir(parents=True, exist_ok=True)
    environment = environment_of(stack, container)
    try:
        os.execvpe(container.command[0], container.command, environment)  # noqa: S606 - nothing goes through a shell
    except OSError as error:
        raise ConfigurationError(
            f"{container.command[0]} cannot be run ({error.strerror})", "build the images again: docker compose build"
        ) from error
