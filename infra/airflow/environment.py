"""Airflow's settings: what both platforms share, then what one machine or the production stack has of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from infra.local.layout import CHECKOUT, Platform, write_atomically

ADMIN = "admin"


class Site(Protocol):
    """What the settings ask of a platform, the embedded one or the production stack."""

    @property
    def home(self) -> Path:
        """Folder of its state."""

    @property
    def logs(self) -> Path:
        """Folder of its logs."""

    def secret(self, name: str) -> str:
        """Text of one secret file."""

    def dsn(self, role: str, secret: str, database: str = "lakou", driver: str = "postgresql") -> str:
        """Connection URL of a role whose password is in the secret file `secret`."""

    def url(self, service: str) -> str:
        """Address of Airflow or Superset as people write it."""


def shared_environment(site: Site) -> dict[str, str]:
    """Settings of every Airflow process, wherever it runs (secrets go here, never on a command line)."""
    return {
        "AIRFLOW_HOME": str(site.home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": site.secret("airflow_fernet"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": site.dsn(
            "airflow", "airflow_metadata", "airflow", "postgresql+psycopg2"
        ),
        "AIRFLOW__API__SECRET_KEY": site.secret("airflow_api"),
        "AIRFLOW__API__INSTANCE_NAME": "Lakou",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": site.secret("airflow_jwt"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(site.logs / "airflow"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(site.logs / "airflow" / "dag_processor"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT": "False",
        # a task whose process was killed is given up after so many seconds, and what it did is done again
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def airflow_environment(platform: Platform) -> dict[str, str]:
    """Airflow on one machine: LocalExecutor, one account, everything on 127.0.0.1."""
    port = platform.ports["airflow"]
    return shared_environment(platform) | {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(platform)),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": platform.url("airflow"),
        # keeps /proc/<pid>/environ readable, by which `make down` finds every process of the platform
        "SPT_NOENV": "1",
    }


def celery_environment(site: Site, broker: str, base_url: str) -> dict[str, str]:
    """Airflow of the production stack: Celery workers, accounts of its own (FAB), reached through the proxy.

    Args:
        site: the stack.
        broker: URL of Redis.
        base_url: address of Airflow's pages as people write it.
    """
    return shared_environment(site) | {
        # what Airflow writes there is its own defaults again; the containers' file system is read-only
        "AIRFLOW_HOME": "/tmp/airflow",  # noqa: S108
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__PARALLELISM": "16",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://airflow-api:8080/execution/",
        "AIRFLOW__API__HOST": "0.0.0.0",  # noqa: S104 - inside its container; only the proxy reaches it
        "AIRFLOW__API__PORT": "8080",
        "AIRFLOW__API__BASE_URL": base_url,
        "AIRFLOW__FAB__CONFIG_FILE": str(CHECKOUT / "infra" / "airflow" / "webserver_config.py"),
        "AIRFLOW__CELERY__BROKER_URL": broker,
        "AIRFLOW__CELERY__RESULT_BACKEND": site.dsn("airflow", "airflow_metadata", "airflow", "db+postgresql"),
        "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
        "AIRFLOW__OPERATORS__DEFAULT_QUEUE": "ingestion",
        "AIRFLOW__LOGGING__JSON_LOGS": "True",
        # a message that died with Redis or a worker: the scheduler queues its task again
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "180",
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "7200",
        "FORWARDED_ALLOW_IPS": "*",
    }


def passwords_file(platform: Platform) -> Path:
    """File of the accounts' passwords, in the form that SimpleAuthManager reads."""
    return platform.secrets / "airflow_passwords.json"


def write_passwords(platform: Platform) -> None:
    """Give the administrator the generated password."""
    write_atomically(passwords_file(platform), json.dumps({ADMIN: platform.secret("airflow_admin")}) + "\n")
