"""docker-compose.yml and its images: closed to the outside, no more rights than needed, nothing secret, one code with `make up`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.airflow.environment import airflow_environment, celery_environment, shared_environment
from infra.local import postgres
from infra.local.layout import CHECKOUT, Platform
from infra.local.secret_files import KEPT, RENEWABLE
from infra.local.services import SERVICES as LOCAL
from infra.local.services import superset_environment
from infra.production.containers import CONTAINERS, environment_of, superset
from infra.production.probes import PROBES
from infra.production.secret_shares import DERIVED, SHARES, ensure_shares, is_weak
from infra.production.stack import Stack, load_stack
from ingestion.errors import ConfigurationError

DOCKER = CHECKOUT / "infra" / "docker"
BASE_IMAGES = {"python:3.12-slim-bookworm", "debian:bookworm-slim"}
IMAGES = {"postgres:17", "redis:7-bookworm"}
TEXT = (CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = {name for name, service in SERVICES.items() if service["restart"] != "unless-stopped"}
FILES = [CHECKOUT / name for name in ("docker-compose.yml", ".dockerignore", ".env.example")] + sorted(DOCKER.iterdir())
SECRET = re.compile(r"password|passwd|secret|token|private|credential|_key$|dsn|fernet|jwt", re.IGNORECASE)

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def environment(service: dict[str, Any]) -> dict[str, str]:
    """Variables of a service."""
    return {name: str(value) for name, value in (service.get("environment") or {}).items()}


def volumes(service: dict[str, Any]) -> dict[str, str]:
    """Where each volume of a service is mounted."""
    return {mount.split(":")[0]: mount.split(":")[1] for mount in service.get("volumes", [])}


def networks(service: dict[str, Any]) -> set[str]:
    """Networks of a service."""
    return set(service.get("networks") or [])


# -- what the outside reaches


def test_only_the_proxy_and_the_drop_are_published_and_on_this_machine_by_default() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if service.get("ports")}
    assert {name for name in published if "profiles" not in SERVICES[name]} == {"proxy", "drop"}
    for name, ports in published.items():
        address = "127.0.0.1:" if "profiles" in SERVICES[name] else "${LAKOU_BIND:-127.0.0.1}:"
        assert all(port.startswith(address) for port in ports), name


def test_from_the_drop_there_is_no_way_to_anything() -> None:
    assert networks(SERVICES["drop"]) == {"drop"}
    assert [name for name, service in SERVICES.items() if "drop" in networks(service)] == ["drop"]
    assert environment(SERVICES["drop"]) == {}
    assert set(volumes(SERVICES["drop"])) == {"secrets-drop", "drop", "accounts"}


def test_what_holds_data_has_no_way_out() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert COMPOSE["networks"]["pages"]["internal"] is True
    for name in ("postgres", "redis"):
        assert networks(SERVICES[name]) == {"inside"}
    outgoing = {name for name, service in SERVICES.items() if "outside" in networks(service)}
    assert outgoing == {"worker-ingestion", "lakou"}
    assert networks(SERVICES["proxy"]) == {"edge", "pages"}


def test_what_is_measured_has_a_name_a_label_and_a_place_on_the_board() -> None:
    """Every number that the board shows is one that Lakou or Airflow sends."""
    from ingestion.health import measures

    sent = set(re.findall(r'Measure\(\s*"(\w+)"', Path(measures.__file__).read_text(encoding="utf-8")))
    sent |= set(re.findall(r'^        \("(\w+)", "', Path(measures.__file__).read_text(encoding="utf-8"), re.MULTILINE))
    mapped = yaml.safe_load((CHECKOUT / "infra" / "monitoring" / "statsd.yml").read_text(encoding="utf-8"))["mappings"]
    assert {
        rule["name"].removeprefix("lakou_")
        for rule in mapped
        if rule["match"].count(".") > 1 and "lakou" in rule["name"]
    } <= sent
    board = (CHECKOUT / "infra" / "monitoring" / "grafana" / "lakou.json").read_text(encoding="utf-8")
    assert set(re.findall(r"\blakou_(\w+)", board)) <= sent


# -- rights


@every_service
def test_no_more_rights_than_needed(service: dict[str, Any]) -> None:
    assert not service.get("privileged")
    assert service["cap_drop"] == ["ALL"]
    assert not service.get("cap_add")
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["read_only"] is True
    assert service.get("pid") != "host"
    assert service.get("network_mode") in {None, "none"}
    assert service.get("user", "10001").split(":")[0] not in {"root", "0"}
    assert not [mount for mount in service.get("volumes", []) if mount.startswith((".", "/"))]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONCE))
def test_a_service_is_watched_bounded_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"max-size", "max-file"} <= service["logging"]["options"].keys()
    assert {"memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()


def test_each_program_is_the_one_that_its_probe_asks() -> None:
    asked = {name: service["healthcheck"]["test"][-1] for name, service in SERVICES.items() if name in PROBES}
    assert asked == {name: name for name in PROBES}
    run = {
        name: service["command"][1] for name, service in SERVICES.items() if service.get("command", [""])[0] == "run"
    }
    assert {name: program for name, program in run.items() if name != "demonstration"} == {
        name: name for name in CONTAINERS
    }


def test_two_queues_have_a_worker_each_and_every_dag_names_its_own() -> None:
    served = {CONTAINERS[name].command[4] for name in CONTAINERS if name.startswith("worker-")}
    assert served == {"ingestion", "transformation"}
    for path in sorted((CHECKOUT / "dags").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "@dag(" in text:
            named = re.findall(r'"queue": "(\w+)"', text)
            assert named, path.name
            assert set(named) <= served, path.name


# -- secrets


@every_service
def test_no_secret_value_is_written_down(service: dict[str, Any]) -> None:
    for name, value in environment(service).items():
        assert not SECRET.search(name) or re.fullmatch(r"\$\{\w+(:?[?-][^}]*)?\}|/run/lakou/secrets/\S+", value), name
        assert not re.search(r"://[^/\s:]+:[^@\s]+@", value), name


def test_each_service_reads_its_own_secrets_and_no_others() -> None:
    for name, service in SERVICES.items():
        shares = {volume for volume, place in volumes(service).items() if place == "/run/lakou/secrets"}
        assert len(shares) <= 1, name
    held = {
        name: next((v for v, place in volumes(s).items() if place == "/run/lakou/secrets"), "")
        for name, s in SERVICES.items()
    }
    assert {name for name, share in held.items() if share == "secrets-setup"} == {"setup"}
    assert {name for name, share in held.items() if share == "secrets-postgres"} == {"postgres"}
    # the key of pseudonyms and the landing's go to the platform's containers alone
    assert [share for share, names in SHARES.items() if "hmac.key" in names] == ["platform"]
    assert "lakou_loader" not in SHARES["superset"]
    assert "postgres" not in SHARES["platform"]
    handed = {name for names in SHARES.values() for name in names}
    assert handed - set(DERIVED) - {"redis", "backup.key", "lakou_journal"} == set(KEPT) | set(RENEWABLE)


@pytest.fixture
def shares(tmp_path: Path) -> Path:
    """Folders of the shares, as the volumes are."""
    for name in SHARES:
        (tmp_path / name).mkdir()
    return tmp_path


def contents(shares: Path) -> dict[str, str]:
    """Every secret file."""
    return {str(path.relative_to(shares)): path.read_text() for path in sorted(shares.rglob("*")) if path.is_file()}


def test_secrets_are_made_once(shares: Path) -> None:
    assert "made" in ensure_shares(shares)
    made = contents(shares)
    assert made["setup/lakou_admin"] == made["platform/lakou_admin"]
    assert made["redis/redis.conf"] == f"requirepass {made['superset/redis']}"
    assert made["platform/sftp_host_key.pub"].startswith("ssh-ed25519 ")
    assert not [text for name, text in made.items() if name.split("/")[1] not in DERIVED and is_weak(text)]
    assert {path.stat().st_mode & 0o777 for path in (shares / "platform").iterdir()} == {0o600}
    assert "there" in ensure_shares(shares)
    assert contents(shares) == made


def test_a_secret_that_is_lost_is_never_made_again(shares: Path) -> None:
    ensure_shares(shares)
    (shares / "platform" / "hmac.key").unlink()
    before = contents(shares)
    with pytest.raises(ConfigurationError, match=r"hmac\.key"):
        ensure_shares(shares)
    assert contents(shares) == before


def test_a_volume_that_is_lost_is_filled_again_from_the_others(shares: Path) -> None:
    ensure_shares(shares)
    made = contents(shares)
    (shares / "redis" / "redis").unlink()
    (shares / "redis" / "redis.conf").unlink()
    ensure_shares(shares)
    assert contents(shares) == made


@pytest.mark.parametrize("weak", ["changeme", "password1234567890", "aaaaaaaaaaaaaaaaaaaaaaaa", "a1B2c3"])
def test_a_weak_secret_is_refused_by_its_name(shares: Path, weak: str) -> None:
    ensure_shares(shares)
    (shares / "superset" / "superset_comite").write_text(weak)
    with pytest.raises(ConfigurationError, match="superset_comite"):
        ensure_shares(shares)


def test_two_answers_to_one_question_are_refused(shares: Path) -> None:
    ensure_shares(shares)
    (shares / "setup" / "lakou_dbt").write_text("another-password-of-a-good-length")
    with pytest.raises(ConfigurationError, match="lakou_dbt"):
        ensure_shares(shares)


@pytest.mark.parametrize("name", sorted(set(CONTAINERS) - {"drop"}))
def test_a_container_without_its_secrets_does_not_start_and_says_which(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKOU_SECRETS_DIR", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"the secret .* cannot be read"):
        environment_of(load_stack(), CONTAINERS[name])


# -- one code with `make up`


@pytest.fixture
def stack(shares: Path) -> Stack:
    """The stack as a container that may read everything would see it."""
    ensure_shares(shares)
    everything = shares / "everything"
    everything.mkdir()
    for path in [path for name in SHARES for path in (shares / name).iterdir()]:
        (everything / path.name).write_text(path.read_text())
    return Stack(shares, everything, "lakou.example.org", 443, "postgres", 5432, "redis")


def test_both_platforms_give_airflow_the_same_settings_but_for_what_separates_them(stack: Stack) -> None:
    platform = Platform(stack.home, stack.secrets)
    local, production = airflow_environment(platform), celery_environment(stack, stack.redis(0), stack.url("airflow"))
    of_the_site = {"AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"}
    for name in set(shared_environment(stack)) - of_the_site:
        assert local[name] == production[name], name
    differing = {name for name in local.keys() & production.keys() if local[name] != production[name]}
    assert differing == of_the_site | {
        "AIRFLOW__CORE__EXECUTOR",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
        "AIRFLOW__CORE__PARALLELISM",
        "AIRFLOW__API__BASE_URL",
        "AIRFLOW__API__HOST",
    }
    assert "SimpleAuthManager" not in str(production)
    assert not [name for name in production if "SIMPLE_AUTH" in name]


def test_both_give_superset_the_same_configuration(stack: Stack) -> None:
    local, production = superset_environment(Platform(stack.home, stack.secrets)), superset(stack)
    assert local.keys() - production.keys() == {"PATH"}
    assert local["SUPERSET_CONFIG_PATH"] == production["SUPERSET_CONFIG_PATH"]
    assert production["SUPERSET_BASE_URL"] == "https://lakou.example.org"
    assert local["LAKOU_READER_URI"].split("@")[0] == production["LAKOU_READER_URI"].split("@")[0]


def test_both_give_postgresql_the_same_settings() -> None:
    given = dict(option.removeprefix("-c").split("=", 1) for option in SERVICES["postgres"]["command"][1:])
    given = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in given.items()}
    # which addresses reach it is Docker's affair
    local = {name: value for name, value in postgres.SETTINGS.items() if "socket" not in name and "listen" not in name}
    assert {name: given[name] for name in local} == local


def test_both_serve_the_drop_with_the_same_program() -> None:
    platform = Platform(Path("/nowhere"), Path("/nowhere"))
    assert LOCAL["sftp"].command(platform)[1:] == list(CONTAINERS["drop"].command[1:])


# -- images


def test_the_images_are_debians_and_not_root() -> None:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    stages = re.findall(r"^FROM\s+(\S+)\s+AS\s+(\S+)", text, re.MULTILINE)
    names = {name for _, name in stages}
    assert {base for base, _ in stages} - names == BASE_IMAGES
    foreign = {
        service["image"] for service in SERVICES.values() if "build" not in service and "profiles" not in service
    }
    assert foreign == IMAGES
    assert {service["build"]["target"] for service in SERVICES.values() if "build" in service} == names - {"base"}
    assert text.count("\nUSER 10001\n") == len(names) - 1
    assert not re.search(r"^#\s*syntax\s*=", text, re.MULTILINE | re.IGNORECASE)


def test_state_and_history_stay_out_of_the_image() -> None:
    rules = [line for line in (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line]
    assert "*" in rules
    assert not {"!.lakou", "!.git", "!.", "!.env"} & set(rules)


def test_every_setting_is_documented_and_has_a_default() -> None:
    used = set(re.findall(r"\$\{(\w+)[:}-]", TEXT))
    documented = dict(re.findall(r"(?m)^(\w+)=(.*)$", (CHECKOUT / ".env.example").read_text(encoding="utf-8")))
    assert used == set(documented)
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))
    assert {name: value for name, value in defaults.items() if documented[name] != value} == {}
    assert not re.search(r"\$\{\w+\}", TEXT)


@every_file
def test_no_digest_and_no_address_of_a_registry(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "@sha256:" not in text
    assert not re.search(
        r"\b(index[-_]url|find[-_]links|pypi\.org|docker\.io|ghcr\.io|quay\.io)\b", text, re.IGNORECASE
    )


def test_the_installation_finds_what_its_image_has_at_that_point(tmp_path: Path) -> None:
    base = (DOCKER / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")[1]
    copied = [line.split()[1:] for line in base.splitlines() if line.startswith("COPY ")]
    assert copied
    for *paths, place in copied:
        for name in paths:
            source = CHECKOUT / name
            target = tmp_path / place / source.name if place.endswith("/") else tmp_path / place
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    # without the packages that it is about to install
    command = [sys.executable, "-S", "-c", "import infra.local.bootstrap as found; print(found.__file__)"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env={})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))
