"""Airflow's settings on one machine: LocalExecutor, metadata in PostgreSQL, everything on 127.0.0.1."""

from __future__ import annotations

import json
from pathlib import Path

from infra.local.layout import CHECKOUT, Platform, write_atomically

ADMIN = "admin"


def airflow_environment(platform: Platform) -> dict[str, str]:
    """Environment of every Airflow process (secrets go here, never on a command line)."""
    port = platform.ports["airflow"]
    return {
        "AIRFLOW_HOME": str(platform.home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": platform.secret("airflow_fernet"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(platform)),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": platform.dsn(
            "airflow", "airflow_metadata", "airflow", "postgresql+psycopg2"
        ),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": platform.url("airflow"),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": platform.secret("airflow_api"),
        "AIRFLOW__API__INSTANCE_NAME": "Lakou",
        "AIRFLOW__API_AUTH__JWT_SECRET": platform.secret("airflow_jwt"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(platform.logs / "airflow"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(platform.logs / "airflow" / "dag_processor"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # keeps /proc/<pid>/environ readable, by which `make down` finds every process of the platform
        "SPT_NOENV": "1",
    }


def passwords_file(platform: Platform) -> Path:
    """File of the accounts' passwords, in the form that SimpleAuthManager reads."""
    return platform.secrets / "airflow_passwords.json"


def write_passwords(platform: Platform) -> None:
    """Give the administrator the generated password."""
    write_atomically(passwords_file(platform), json.dumps({ADMIN: platform.secret("airflow_admin")}) + "\n")
