"""What runs: each service's command, its environment and how to ask it whether it is well."""

from __future__ import annotations

import json
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.airflow.environment import Site, airflow_environment
from infra.local.layout import CHECKOUT, Platform
from infra.local.postgres import administrator, server_command
from ingestion.demo.replay.serving import SYSTEMS
from ingestion.errors import LakouError

# every process of the platform carries it, and nothing else does: `make down` finds them all by it
MARKER = "LAKOU_SERVICE_OF"
SUPERSET = CHECKOUT / "infra" / "superset"
# one language and one clock everywhere, and nobody told of what runs here
QUIET = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONUNBUFFERED": "1",
    "SCARF_ANALYTICS": "false",
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
    "GX_ANALYTICS_ENABLED": "False",
    "TQDM_DISABLE": "1",
}
NOT_INHERITED = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
)


@dataclass(frozen=True, slots=True)
class Service:
    """One service under the supervisor.

    Args:
        name: as in the supervisor and in the name of its log.
        title: as shown.
        command: what to run, made when it starts.
        environment: what it needs beyond `base_environment`, made when it starts.
        probe: asks the service whether it is well; raises when it is not.
        options: what the supervisor should do otherwise than usual.
    """

    name: str
    title: str
    command: Callable[[Platform], list[str]]
    environment: Callable[[Platform], dict[str, str]]
    probe: Callable[[Platform], None]
    options: tuple[str, ...] = ()


def base_environment(platform: Platform) -> dict[str, str]:
    """Environment of everything that the platform starts."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED and "AIRFLOW__" not in name}
    ports = platform.ports
    return kept | {
        MARKER: str(platform.home),
        "LAKOU_HOME": str(platform.home),
        "LAKOU_SECRETS_DIR": str(platform.secrets),
        "LAKOU_PG_HOST": platform.pg_host,
        **{f"LAKOU_{service.upper()}_PORT": str(port) for service, port in ports.items()},
        "PATH": f"{platform.venv('pipeline') / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        **QUIET,
    }


def superset_environment(platform: Platform) -> dict[str, str]:
    """Environment of Superset and of its bootstrap."""
    return {
        "PATH": f"{platform.venv('superset') / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        **shared_superset_environment(platform),
        "LAKOU_PARTNERS_FILE": str(platform.run / "partners.json"),
    }


def shared_superset_environment(site: Site) -> dict[str, str]:
    """What Superset needs wherever it runs."""
    return {
        "FLASK_APP": "superset.app:create_app()",
        # its configuration names classes of this folder
        "PYTHONPATH": str(CHECKOUT),
        "SUPERSET_HOME": str(site.home / "superset"),
        "SUPERSET_CONFIG_PATH": str(SUPERSET / "superset_config.py"),
        "SUPERSET_METADATA_URI": site.dsn("superset", "superset_metadata", "superset", "postgresql+psycopg2"),
        "SUPERSET_BASE_URL": site.url("superset"),
        "LAKOU_READER_URI": site.dsn("lakou_reader", "lakou_reader", driver="postgresql+psycopg2"),
    }


def http(url: str, timeout: float = 5, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Ask an address of this machine; returns the HTTP status and the answer's bytes.

    Raises:
        LakouError: nobody answers.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"} | (headers or {}))  # noqa: S310
    # a proxy of the environment must not come between
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise LakouError(f"{url} does not answer ({reason})") from error


def _probe_postgres(platform: Platform) -> None:
    import psycopg

    try:
        with administrator(platform) as connection:
            connection.execute("select 1")
    except psycopg.Error as error:
        raise LakouError(str(error).strip().splitlines()[-1]) from error


def _probe_sftp(platform: Platform) -> None:
    port = platform.ports["sftp"]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            banner = connection.recv(64)
    except OSError as error:
        raise LakouError(f"port {port} does not answer ({error.strerror or error})") from error
    if b"Lakou" not in banner:
        raise LakouError(f"port {port} answers something else: {banner[:40]!r}")


def _probe_airflow(*components: str) -> Callable[[Platform], None]:
    def probe(platform: Platform) -> None:
        status, answer = http(f"{platform.url('airflow')}/api/v2/monitor/health")
        if status != 200:
            raise LakouError(f"Airflow's health page answers {status}")
        health = json.loads(answer)
        for component in components:
            if (health.get(component) or {}).get("status") != "healthy":
                raise LakouError(f"Airflow says that its {component} is not healthy")

    return probe


def _probe_superset(platform: Platform) -> None:
    for page in ("/health", "/login/"):
        status, _ = http(platform.url("superset") + page, timeout=20)
        if status != 200:
            raise LakouError(f"Superset's page {page} answers {status}")


def _airflow(*arguments: str) -> Callable[[Platform], list[str]]:
    return lambda platform: [str(platform.venv("pipeline") / "bin" / "airflow"), *arguments]


def _sftp_command(platform: Platform) -> list[str]:
    return [str(platform.venv("pipeline") / "bin" / "python"), "-m", "infra.sftp.server"]


def _superset_command(platform: Platform) -> list[str]:
    server = [str(platform.venv("superset") / "bin" / "gunicorn"), "--bind", f"127.0.0.1:{platform.ports['superset']}"]
    server += ["--workers", "1", "--worker-class", "gthread", "--threads", "8", "--timeout", "120"]
    return [*server, "--no-control-socket", "superset.app:create_app()"]


def _replay(system: str) -> Service:
    """One of the systems that the demonstration's sources pull."""

    def command(platform: Platform) -> list[str]:
        python = str(platform.venv("pipeline") / "bin" / "python")
        port = str(platform.ports[f"replay_{system}"])
        return [python, "-m", "ingestion.demo.replay", system, port, str(platform.secrets)]

    def probe(platform: Platform) -> None:
        # whatever it answers to somebody without an account, it is there
        http(platform.url(f"replay_{system}"))

    return Service(f"replay-{system}", SYSTEMS[system].title, command, lambda _: {}, probe)


# the log server of scheduler and triggerer listens on every address: off, the API server reads the files themselves
SERVICES = {
    service.name: service
    for service in (
        Service(
            "postgres",
            "PostgreSQL",
            server_command,
            lambda _: {},
            _probe_postgres,
            # INT is the fast stop; stopped last; its children end by themselves
            (
                "stopsignal=INT",
                "priority=1",
                "stopwaitsecs=60",
                "stopasgroup=false",
                "killasgroup=false",
                "startretries=20",
            ),
        ),
        Service("sftp", "SFTP", _sftp_command, lambda _: {}, _probe_sftp),
        Service("airflow-api", "Airflow: API and pages", _airflow("api-server"), airflow_environment, _probe_airflow()),
        Service(
            "airflow-scheduler",
            "Airflow: scheduler",
            _airflow("scheduler", "--skip-serve-logs"),
            airflow_environment,
            _probe_airflow("metadatabase", "scheduler"),
        ),
        Service(
            "airflow-dags",
            "Airflow: DAG processor",
            _airflow("dag-processor"),
            airflow_environment,
            _probe_airflow("dag_processor"),
        ),
        Service(
            "airflow-triggerer",
            "Airflow: triggerer",
            _airflow("triggerer", "--skip-serve-logs"),
            airflow_environment,
            _probe_airflow("triggerer"),
        ),
        Service("superset", "Superset", _superset_command, superset_environment, _probe_superset),
        *map(_replay, SYSTEMS),
    )
}


def environment_of(platform: Platform, service: Service) -> dict[str, str]:
    """Whole environment of one service."""
    return base_environment(platform) | service.environment(platform)


def launch(platform: Platform, arguments: list[str]) -> None:
    """Become a service, or any program with the platform's environment; never returns.

    Args:
        platform: the platform.
        arguments: the name of a service, or a program and its arguments (`airflow dags list`, `superset …`, `lakou …`).

    Raises:
        LakouError: the program is not there.
    """
    service = SERVICES.get(arguments[0]) if len(arguments) == 1 else None
    if service:
        command, environment = service.command(platform), environment_of(platform, service)
    else:
        own = superset_environment if arguments[0] == "superset" else airflow_environment
        command, environment = arguments, base_environment(platform) | own(platform)
        environment.pop(MARKER)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 - nothing goes through a shell
    except OSError as error:
        raise LakouError(f"{command[0]} cannot be run ({error.strerror})", "install it with `make up`") from error
