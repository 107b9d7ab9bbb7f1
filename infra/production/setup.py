"""The stack's first start and every one after an upgrade: databases, roles, migrations, Airflow's tables and account."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from infra.airflow.environment import ADMIN
from infra.local.postgres import administrator, ensure_databases, wait_until_ready
from infra.production.containers import JOURNAL_ROLE, airflow, base_environment
from infra.production.stack import Stack
from ingestion.errors import LakouError

# FAB has no command that takes a password otherwise than on the command line
ACCOUNT = """
import sys
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

name, password = sys.stdin.read().split("\\n")[:2]
with get_application_builder() as builder:
    manager = builder.sm
    user = manager.find_user(name)
    if user is None:
        role = manager.find_role("Admin")
        assert manager.add_user(name, "Lakou", "Administration", f"{name}@lakou.invalid", role, password)
"""


def set_up(stack: Stack, say: Callable[[str], None]) -> None:
    """Bring PostgreSQL and Airflow to what this version needs; again, it changes nothing.

    Raises:
        LakouError: a step failed; with its last lines.
    """
    wait_until_ready(stack, lambda: True)
    ensure_databases(stack)
    _ensure_journal_role(stack)
    say("PostgreSQL: databases and roles")
    _run(stack, ["lakou", "migrate"])
    say("warehouse: migrations")
    _run(stack, ["airflow", "db", "migrate"])
    say("Airflow: tables")
    _run(stack, [sys.executable, "-c", ACCOUNT], f"{ADMIN}\n{stack.secret('airflow_admin')}\n")
    say(f"Airflow: the account {ADMIN}")


def _ensure_journal_role(stack: Stack) -> None:
    """A role that may copy the server and its journal (`lakou backup base`) and read nothing else."""
    from psycopg import sql

    name = sql.Identifier(JOURNAL_ROLE)
    with administrator(stack) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = %s", [JOURNAL_ROLE]).fetchone():
            connection.execute(sql.SQL("create role {} login replication").format(name))
        connection.execute(sql.SQL("alter role {} password {}").format(name, sql.Literal(stack.secret(JOURNAL_ROLE))))
        connection.execute(sql.SQL("grant execute on function pg_switch_wal() to {}").format(name))


def _run(stack: Stack, command: list[str], given: str | None = None) -> None:
    environment = base_environment(stack) | airflow(stack)
    done = subprocess.run(
        command, env=environment, input=given, capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode:
        shown = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise LakouError(
            f"{' '.join(command[:3])} ended with code {done.returncode}:\n{shown}", "see above; run it again"
        )
