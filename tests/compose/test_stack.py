"""The production stack as its users meet it, then as things break."""

from __future__ import annotations

import csv
import io
import json
import socket
import ssl
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.compose.conftest import ONCE, PYTHON, Stack

KEYS = (
    "programme_code, indicator_code, measure, period_grain, period_start, territory_level, territory_code, partner_code,"
    " axis, member"
)
FIGURES = "value, numerator, denominator, n, completeness, state"
# they count how late files came, and these come on the day of the test
BY_ARRIVAL = frozenset({"T-02", "T-04"})
# how much of what was closed is restated, and how much is proved: there is something to measure from the first build after a closing
BY_CLOSING = frozenset({"T-06", "T-09"})
OPEN = """
import json
from ingestion.settings import load_settings
from ingestion.demo.install import open_accounts, set_business_date
from ingestion.demo.twin import generate, stored_name
from ingestion.demo.truth import write_truth
from ingestion.demo.making import BUSINESS_DATE
settings = load_settings()
open_accounts(settings)
set_business_date(settings, BUSINESS_DATE)
twin = generate(settings.home / "demo", 1)
write_truth(twin)
print(json.dumps([[file.partner, file.name, stored_name(file)] for file, *_ in twin.drops()]))
"""


def figures(stack: Stack, where: str = "true") -> list[list[str]]:
    """Every published figure, in the order of its margin."""
    return stack.query(f"select {KEYS}, {FIGURES} from pub.indicator_values where {where} order by {KEYS};")


def rows(stack: Stack) -> list[list[str]]:
    """How many rows each raw table holds, and how many different ones."""
    tables = stack.query("select tablename from pg_tables where schemaname = 'raw' order by 1;")
    counts = "\n".join(
        f"select '{name}', count(*), count(distinct (_delivery_id, _row_number)) from raw.{name};" for (name,) in tables
    )
    return stack.query(counts)


def is_settled(stack: Stack) -> bool:
    """Whether everything that was dropped is judged, built and published, but for what waits for a person."""
    ((waiting, build, published),) = stack.query(
        "select (select count(*) from ops.loads where build_id is null and delivery_id not in"
        " (select delivery_id from ops.holds where released_at is null))"
        " + (select count(*) from ops.deliveries where judged_at is null),"
        " (select max(build_id) from ops.builds), (select max(build_id) from ops.publications where state = 'PUBLIEE');"
    )
    return waiting == "0" and build != "" and build == published


def compared(one: list[list[str]], other: list[list[str]], but: frozenset[str] = BY_ARRIVAL) -> tuple[int, list[Any]]:
    """How many figures two lists both show, and those that differ; what either hides for the sake of others is left out."""
    left, right = ({tuple(row[:10]): [_plain(text) for text in row[10:]] for row in side} for side in (one, other))
    assert left.keys() == right.keys()
    shown = [key for key in left if "SUPPRIME_SECONDAIRE" not in {left[key][-1], right[key][-1]} and key[1] not in but]
    return len(shown), [(key, left[key], right[key]) for key in shown if left[key] != right[key]]


def _plain(text: str) -> float | str:
    try:
        return round(float(text), 6)
    except ValueError:
        return text


@pytest.fixture(scope="module")
def twin(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """The twin's files, dropped over SFTP by their partners and taken by the workers; those that were dropped."""
    return drop_twin(stack, tmp_path_factory.mktemp("files"))


def drop_twin(stack: Stack, folder: Path) -> list[list[str]]:
    """Have the twin's partners drop their files, and wait until all are published; partner, name sent and name kept of each."""
    dropped: list[list[str]] = json.loads(stack.python(OPEN).splitlines()[-1])
    name = stack.docker(
        "run", "--detach", "--volume", f"{stack.project}_state:/state", "debian:bookworm-slim", "sleep", "60"
    )
    stack.docker("cp", f"{name}:/state/demo/files", str(folder))
    stack.docker("rm", "--force", name)
    first = [drop for drop in dropped if drop[1] == drop[2]]
    for batch in (first, [drop for drop in dropped if drop[1] != drop[2]]):
        for partner in sorted({drop[0] for drop in batch}):
            puts = [
                f'put "{folder}/files/{partner}/{stored}" "/depot/{sent}"'
                for code, sent, stored in batch
                if code == partner
            ]
            stack.sftp(partner, *puts)
        stack.wait(lambda: not left(stack), 900, "everything dropped is taken")
    stack.wait(lambda: is_settled(stack), 600, "the twin is published")
    return dropped


def left(stack: Stack) -> str:
    """What still lies in the partners' depots."""
    listed = stack.compose(
        "exec",
        "-T",
        "drop",
        "sh",
        "-c",
        "ls -A /var/lib/lakou/drop/*/depot | grep -v ':$' | grep . || true",
        check=False,
    )
    return listed.stdout.strip() if listed.returncode == 0 else "the drop does not answer"


def page(stack: Stack, host: str, path: str) -> int:
    """Status of a page through the proxy."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = int(stack.environment["LAKOU_HTTPS_PORT"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        secure.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        return int(secure.makefile("rb").readline().split()[1])


def test_from_nothing_everything_is_healthy(stack: Stack) -> None:
    found = stack.containers()
    assert {name for name, row in found.items() if row["State"] == "exited"} == ONCE
    assert all(row["ExitCode"] == 0 for row in found.values() if row["State"] == "exited")
    assert all(row["Health"] == "healthy" for row in found.values() if row["State"] == "running")
    assert page(stack, "localhost", "/login/") == 200
    assert page(stack, "airflow.localhost", "/api/v2/version") == 200
    assert page(stack, "airflow.localhost", "/execution/health") == 404


def test_the_twin_dropped_by_sftp_gives_the_figures_of_the_truth(stack: Stack, twin: list[list[str]]) -> None:
    text = stack.python("print(open('/var/lib/lakou/demo/truth/indicator_values.csv').read())")
    columns = [name.strip() for name in f"{KEYS}, {FIGURES}".split(",")]
    truth = [[row[name] for name in columns] for row in csv.DictReader(io.StringIO(text))]
    count, wrong = compared(truth, figures(stack))
    assert not wrong, f"{len(wrong)} of {count} differ: {wrong[:5]}"
    assert count > 100_000
    both = ("worker-ingestion", "worker-transformation")
    assert all("succeeded" in stack.compose("logs", "--tail", "400", name).stdout for name in both)


def test_a_partner_has_no_shell_no_way_on_and_its_own_files_only(stack: Stack, twin: list[list[str]]) -> None:
    partner = twin[0][0]
    others = {drop[0] for drop in twin} - {partner}
    assert sorted(stack.sftp(partner, "ls -1 /").stdout.split()[-4:]) == ["/accuses", "/depot", "/modeles", "/traites"]
    for path in (
        *(f"/../{other}" for other in others),
        "/../../sftp/authorized_keys",
        "/../../../../run/lakou/secrets",
    ):
        # above its folder is its folder again
        assert stack.sftp(partner, f"ls {path}/depot", check=False).returncode != 0
    entry = (
        "-i",
        str(stack.key(partner)),
        "-p",
        stack.environment["LAKOU_SFTP_PORT"],
        "-o",
        "StrictHostKeyChecking=no",
    )
    entry = (
        *entry,
        "-o",
        f"UserKnownHostsFile={stack.folder / 'known_hosts'}",
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "BatchMode=yes",
    )
    for command in ("id", "sh", "cat /run/lakou/secrets/sftp_host_key"):
        shell = subprocess.run(
            ["ssh", *entry, f"{partner}@127.0.0.1", command], capture_output=True, text=True, check=False
        )
        assert shell.returncode != 0
        assert "uid=" not in shell.stdout
    asked = ["ssh", *entry, "-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", f"{partner}@127.0.0.1"]
    assert subprocess.run(asked, capture_output=True, timeout=60, check=False).returncode != 0
    for target in ("postgres:5432", "redis:6379", "airflow-api:8080"):
        through = subprocess.run(
            ["ssh", *entry, "-W", target, f"{partner}@127.0.0.1"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert through.returncode != 0
        assert not through.stdout
    password = subprocess.run(
        ["ssh", *entry[:-2], "-o", "PreferredAuthentications=password", "-o", "BatchMode=yes", "-p", entry[3], "nobody@127.0.0.1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Permission denied (publickey)" in password.stderr


def test_from_beside_the_drop_nothing_else_is_reached(stack: Stack) -> None:
    """A container on the drop's own network: what somebody who took the drop over would have."""
    names = ("postgres", "redis", "airflow-api", "superset", "proxy")
    addresses = {}
    for service in names:
        shown = json.loads(stack.docker("inspect", stack.containers()[service]["Name"]))[0]["NetworkSettings"][
            "Networks"
        ]
        addresses |= {f"{service} in {network}": found["IPAddress"] for network, found in shown.items()}
    code = (
        "import json,socket,sys\n"
        "found={}\n"
        "for name,address in json.loads(sys.argv[1]).items():\n"
        "    for port in (22,80,443,2222,5432,6379,8080,8081,8088,8443,8793):\n"
        "        try:\n"
        "            socket.create_connection((address,port),1).close(); found.setdefault(name,[]).append(port)\n"
        "        except OSError: pass\n"
        "    try:\n"
        "        socket.getaddrinfo(name.split()[0],1); found.setdefault('names',[]).append(name)\n"
        "    except OSError: pass\n"
        "print(json.dumps(found))\n"
    )
    run = ("run", "--rm", "--network", f"{stack.project}_drop", "--entrypoint", PYTHON, "lakou-platform:local")
    assert json.loads(stack.docker(*run, "-c", code, json.dumps(addresses))) == {}


def test_from_outside_the_proxy_and_the_drop_are_all_there_is(stack: Stack) -> None:
    published = {
        int(port["PublishedPort"])
        for row in stack.containers().values()
        for port in row.get("Publishers") or []
        if port["PublishedPort"]
    }
    wanted = {int(stack.environment[name]) for name in ("LAKOU_HTTPS_PORT", "LAKOU_HTTP_PORT", "LAKOU_SFTP_PORT")}
    assert published == wanted


def drop_again(stack: Stack, twin: list[list[str]], version: int) -> tuple[str, str]:
    """A partner sends a period again as a higher version: the same rows, and something to do for every part of the stack."""
    names = [sent for partner, sent, _ in twin if partner == "KABIA" and sent.startswith("F01_")]
    periods = Counter(name.split("__")[2] for name in names)
    # one that came once, whole
    name = next(name for name in names if name.endswith("__v1.csv") and periods[name.split("__")[2]] == 1)
    again = stack.folder / "again.csv"
    stack.sftp("KABIA", f"get /traites/{name} {again}")
    with again.open("ab") as file:
        # another file for the receiver, the same rows for the figures
        file.write(b"\n" * version)
    stack.sftp("KABIA", f"put {again} /depot/{name.replace('__v1.csv', f'__v{version}.csv')}")
    return "KABIA", name.split("__")[2]


VICTIMS = (
    *("worker-ingestion", "worker-transformation", "airflow-scheduler", "postgres", "redis", "superset", "drop"),
    *("airflow-api", "airflow-dags", "superset-worker", "proxy"),
)


@pytest.mark.parametrize(("version", "service"), [(11 + number, name) for number, name in enumerate(VICTIMS)])
def test_a_container_killed_under_load_comes_back_and_the_figures_are_the_same(
    stack: Stack, twin: list[list[str]], version: int, service: str
) -> None:
    before = figures(stack)
    publications = int(stack.query("select max(publication_id) from ops.publications;")[0][0])
    partner, period = drop_again(stack, twin, version)
    if service == "worker-transformation":
        stack.wait(lambda: not left(stack), 300, "the file is taken")
    stack.kill(service)
    stack.wait(stack.is_well, 300, f"everything is healthy after {service} was killed")
    received = (
        f"select count(*) from ops.deliveries where partner_code = '{partner}' and feed = 'F01' and period = '{period}'"
        f" and version = {version} and state like 'ACCEPT%';"
    )
    # it leaves the depot a moment before it is loaded
    stack.wait(lambda: stack.query(received) == [["1"]], 600, "the file is received")
    stack.wait(lambda: is_settled(stack), 900, "it is published")
    assert int(stack.query("select max(publication_id) from ops.publications;")[0][0]) > publications
    assert compared(before, figures(stack))[1] == []


def test_a_worker_cut_from_the_network_for_two_minutes_loses_nothing(stack: Stack, twin: list[list[str]]) -> None:
    before = figures(stack)
    name = stack.containers()["worker-ingestion"]["Name"]
    drop_again(stack, twin, 40)
    stack.docker("network", "disconnect", f"{stack.project}_inside", name)
    time.sleep(120)
    stack.docker("network", "connect", f"{stack.project}_inside", name)
    stack.wait(lambda: not left(stack), 900, "the file is taken")
    stack.wait(lambda: is_settled(stack), 900, "it is published")
    assert compared(before, figures(stack))[1] == []


def test_a_full_disk_of_the_warehouse_costs_nothing_but_time(stack: Stack, twin: list[list[str]]) -> None:
    before = figures(stack)
    volume = ("run", "--rm", "--volume", f"{stack.project}_warehouse:/data", "debian:bookworm-slim", "sh", "-c")
    stack.docker(*volume, "head -c 20G /dev/zero > /data/filler; ls -l /data/filler", check=False)
    drop_again(stack, twin, 41)
    time.sleep(120)
    # the one thing that the runbook asks for: room (infra/runbook/disk.md)
    stack.docker(*volume, "rm /data/filler")
    stack.wait(stack.is_well, 600, "everything is healthy again")
    stack.wait(lambda: not left(stack), 600, "the file is taken")
    stack.wait(lambda: is_settled(stack), 900, "it is published")
    assert compared(before, figures(stack))[1] == []


def test_restored_into_an_empty_stack_every_figure_and_every_closing_is_the_same(
    stack: Stack, twin: list[list[str]], tmp_path: Path
) -> None:
    stack.lakou("close", "MQ", "2026-T1")
    closed = "select * from pub.published_values order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13;"
    before = figures(stack), stack.query(closed), rows(stack)
    assert before[1]
    places = {name: tmp_path / name for name in ("backups", "custodian")}
    for place in places.values():
        place.mkdir()
        place.chmod(0o777)
    stack.lakou("backup")
    keys = ("run", "--rm", "--no-TTY", "--env", "LAKOU_KEYS_PASSPHRASE=une phrase assez longue pour cela")
    keys = (*keys, "--volume", f"{places['custodian']}:/custodian", "lakou", "backup")
    stack.compose(*keys, "keys", "--to", "/custodian", "--custodian", "la notaire")
    (package,) = places["custodian"].iterdir()
    copy = ("run", "--rm", "--volume", f"{stack.project}_backups:/inside", "--volume", f"{places['backups']}:/outside")
    stack.docker(*copy, "debian:bookworm-slim", "cp", "-a", "/inside/.", "/outside")

    stack.destroy()
    stack.compose("up", "--detach", "--wait")
    assert figures(stack) == []
    stack.docker(*copy, "debian:bookworm-slim", "cp", "-a", "/outside/.", "/inside")
    refused = stack.lakou("restore", "last", check=False)
    assert refused.returncode == 1
    assert "put-back" in refused.stderr
    stack.compose(*keys, "put-back", "--replace", f"/custodian/{package.name}")
    stack.lakou("restore", "last")
    assert (figures(stack), stack.query(closed), rows(stack)) == before
    # and it goes on
    (stack.folder / "known_hosts").unlink(missing_ok=True)
    drop_again(stack, twin, 60)
    stack.wait(lambda: not left(stack), 300, "the next file is taken")
    stack.wait(lambda: is_settled(stack), 900, "it is published")
    assert compared(before[0], figures(stack), BY_ARRIVAL | BY_CLOSING)[1] == []
