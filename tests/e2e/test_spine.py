"""The spine as its users meet it: one command, then files, receipts, figures, and what happens when things break."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
import requests

from ingestion.demo.replay.serving import SYSTEMS, source_name
from ingestion.demo.sources import ACCOUNT
from tests.conftest import Platform

pytestmark = pytest.mark.platform

KEYS = (
    "programme_code, indicator_code, measure, period_grain, period_start, territory_level, territory_code, partner_code,"
    " axis, member"
)
FIGURES = "value, numerator, denominator, n, completeness, state"
FACTS = (
    "fct_sessions",
    "fct_participations",
    "fct_certifications",
    "fct_deliveries",
    "fct_rejected_rows",
    "fct_commitments",
)


# what is published of so few people may be hidden for the sake of others: the figure before secrecy tells
HOURS: LiteralString = (
    "select v.value from marts.fct_indicator_values as v where v.indicator_code = 'A1-05' and v.period_grain = 'month'"
    " and v.period_start = %s and v.partner_code = 'KABIA' and v.measure = 'contributed'"
)


def figures(platform: Platform, where: str = "true") -> list[tuple[Any, ...]]:
    """Every published figure, in the order of its margin."""
    with platform.admin() as connection:
        return connection.execute(
            f"select {KEYS}, {FIGURES} from pub.indicator_values where {where} order by {KEYS}"
        ).fetchall()


def rows_of(platform: Platform, table: str) -> list[str]:
    """Every row of one mart, as text, in an order of its own."""
    with platform.admin() as connection:
        return [row for (row,) in connection.execute(f"select t::text from marts.{table} as t order by 1")]


def sftp(platform: Platform, partner: str, *commands: str) -> str:
    """The stock `sftp` client as one partner."""
    access = platform.access["sftp"]
    account = access["partners"][partner]
    known = platform.home / "run" / "known_hosts"
    known.write_text(f"[{access['host']}]:{access['port']} {access['host_key']}\n")
    done = subprocess.run(
        [
            "sftp",
            "-q",
            "-b",
            "-",
            "-i",
            account["key"],
            "-P",
            str(access["port"]),
            "-o",
            f"UserKnownHostsFile={known}",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "IdentitiesOnly=yes",
            f"{account['user']}@{access['host']}",
        ],
        input="\n".join(commands) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True)
class Month:
    """Two files of one partner for the month of the business date: a session, and people known by their address alone."""

    sessions: Path
    people: Path
    rows: int


@pytest.fixture
def month(platform: Platform, tmp_path: Path) -> Month:
    """A new version of KABIA's month, with one row more than the version before."""
    period = platform.access["business_date"][:7]
    with platform.admin() as connection:
        row = connection.execute(
            "select coalesce(max(version), 0) + 1 from ops.deliveries where partner_code = 'KABIA' and period = %s",
            [period],
        ).fetchone()
    version = row[0] if row else 1
    rows = 15 + version
    sessions = tmp_path / f"F01_sessions_formation__KABIA__{period}__v{version}.csv"
    sessions.write_text(
        "session_id;action_code;intitule;modalite;date_debut;date_fin;duree_prevue_h;code_commune;places\n"
        f"S-PREUVE;MQ-A1;Atelier de la preuve;ATELIER;{period}-03;{period}-04;6;97209;40\n"
    )
    people = tmp_path / f"F02_participations__KABIA__{period}__v{version}.csv"
    people.write_text(
        "objet_type;objet_id;courriel;sexe;statut_pro;niveau_diplome;code_commune_residence;canal_orientation;statut;"
        "duree_suivie_h\n"
        + "".join(f"SESSION;S-PREUVE;preuve{i}@example.org;F;SALARIE;5;97209;DIRECT;TERMINE;6\n" for i in range(rows))
    )
    return Month(sessions, people, rows)


def shown_in_both(rows: list[tuple[Any, ...]], others: list[tuple[Any, ...]]) -> bool:
    """Whether two publications show the same; what one of them hides for the sake of others is not compared."""
    left, right = ({row[:10]: row[10:] for row in side} for side in (rows, others))
    hidden = {key for side in (left, right) for key, shown in side.items() if shown[-1] == "SUPPRIME_SECONDAIRE"}
    assert len(hidden) < len(left) / 2
    return {key: left[key] for key in left.keys() - hidden} == {key: right[key] for key in right.keys() - hidden}


def one(platform: Platform, query: LiteralString, *values: Any) -> Any:
    """The one value of a query that the administrator asks."""
    with platform.admin() as connection:
        row = connection.execute(query, values).fetchone()
    return row[0] if row else None


def test_every_figure_equals_the_truth_of_the_twin(platform: Platform) -> None:
    with (platform.home / "demo" / "truth" / "indicator_values.csv").open(newline="") as file:
        truth = {
            tuple(row[name.strip()] for name in KEYS.split(",")): tuple(
                row[name.strip()] for name in FIGURES.split(",")
            )
            for row in csv.DictReader(file)
        }
    published = {tuple(map(str, row[:10])): row[10:] for row in figures(platform)}
    assert set(published) == set(truth)
    # hidden for the sake of others: the truth knows small cells only
    silent = {key for key, shown in published.items() if shown[-1] == "SUPPRIME_SECONDAIRE"}
    assert {shown for key in silent for shown in published[key][:4]} == {None}
    assert not [key for key in silent if truth[key][-1] in {"SUPPRIME_K", "NON_REMIS", "NON_APPLICABLE"}]
    wrong = {
        key: (expected, published[key])
        for key, expected in truth.items()
        if key not in silent
        and tuple(_plain(text) for text in expected) != tuple(_plain(value) for value in published[key])
    }
    assert not wrong, f"{len(wrong)} of {len(truth)} cells differ: {list(wrong.items())[:5]}"
    assert len(truth) > 10_000


def _plain(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"{float(text):.6f}" if re.fullmatch(r"-?\d+(\.\d+)?", text) else text


def test_every_defect_is_refused_with_its_rule_and_nothing_else(platform: Platform) -> None:
    with (platform.home / "demo" / "truth" / "rejected_rows.csv").open(newline="") as file:
        truth = {
            (row["partner_code"], row["feed"], row["file_name"], row["row_number"], row["column"], row["rule_id"])
            for row in csv.DictReader(file)
            if row["severity"] in {"BLOQUE", "REFUSE"}
        }
    with platform.admin() as connection:
        refused = {
            tuple(map(str, row))
            for row in connection.execute(
                "select d.partner_code, r.feed, d.file_name, r.row_number, r.column_name, r.rule_id"
                " from quarantine.rejected_rows as r inner join ops.deliveries as d using (delivery_id)"
                " where d.received_at < %s and d.source = 'DEPOT'",
                [dt.datetime.fromisoformat(platform.access["business_date"]).replace(tzinfo=dt.UTC)],
            )
        }
    assert refused == truth
    assert len(truth) > 130


def test_trace_names_the_rows_of_the_files(platform: Platform) -> None:
    printed = platform.lakou("trace", "A1-01", "--period", "2026-T3").stdout.splitlines()
    head = re.fullmatch(r"A1-01 2026-T3: (\d+)(?:\.0+)? \(\w+\), (\d+) rows", printed[0])
    assert head, printed[0]
    assert len(printed) == int(head[2]) + 1
    assert sum(float(line.split()[0]) for line in printed[1:]) == pytest.approx(float(head[1]), abs=1e-3)


def test_up_again_reloads_nothing(platform: Platform) -> None:
    with platform.admin() as connection:
        before = connection.execute("select count(*), max(load_id) from ops.loads").fetchone()
    platform.make("up")
    with platform.admin() as connection:
        assert connection.execute("select count(*), max(load_id) from ops.loads").fetchone() == before


def test_a_dropped_file_gets_its_receipt_and_changes_the_figure_by_the_scheduler_alone(
    platform: Platform, month: Month, tmp_path: Path
) -> None:
    period = platform.access["business_date"][:7]
    before = one(platform, HOURS, f"{period}-01") or 0
    sftp(platform, "KABIA", "cd depot", f"put {month.sessions}", f"put {month.people}")
    platform.lakou("wait", month.people.name, "--timeout", "180")
    sftp(
        platform,
        "KABIA",
        "cd accuses",
        f"get {month.people.name}.accuse.csv {tmp_path / 'accuse.csv'}",
        f"get {month.people.name}.accuse.html {tmp_path / 'accuse.html'}",
        f"get index.html {tmp_path / 'index.html'}",
    )
    text = (tmp_path / "accuse.csv").read_text(encoding="utf-8-sig")
    assert text.splitlines()[0] == "ligne;colonne;valeur;regle;gravite;message;correction"
    assert ">ACCEPTÉ<" in re.sub(r"\s+", "", (tmp_path / "accuse.html").read_text(encoding="utf-8"))
    platform.lakou("wait", month.people.name, "--published", "--timeout", "240")
    assert one(platform, HOURS, f"{period}-01") == 6 * month.rows != before


def test_full_equals_incremental_row_for_row_and_as_of_gives_that_builds_figures(platform: Platform) -> None:
    names = (*FACTS, "dim_participant", "fct_cell_sums", "fct_indicator_values")
    incremental = {table: rows_of(platform, table) for table in names}
    with platform.admin() as connection:
        (newest,) = connection.execute("select build_id from ops.marts_state").fetchone() or (0,)
    assert newest > 1, "a build after the first one is what makes it incremental"
    made = one(platform, "select count(distinct xmin::text) from marts.fct_cell_sums")
    assert made > 1, "a build makes the sums of the periods touched again, and no others"
    platform.lakou("build", "--full")
    full = {table: rows_of(platform, table) for table in names}
    assert {table: len(rows) for table, rows in full.items()} == {t: len(rows) for t, rows in incremental.items()}
    assert full == incremental
    platform.lakou("build", "--as-of", str(newest))
    assert rows_of(platform, "fct_indicator_values") == incremental["fct_indicator_values"]
    platform.lakou("build", "--as-of", "1")
    with platform.admin() as connection:
        first = connection.execute(
            f"select {KEYS}, {FIGURES} from published.indicator_values where publication_id = 1 order by {KEYS}"
        ).fetchall()
        shown = connection.execute(
            f"select {KEYS}, case when state not like 'SUPPRIME%' then value end from marts.fct_indicator_values order by {KEYS}"
        ).fetchall()
    assert [
        row[:11] if row[-1] != "SUPPRIME_SECONDAIRE" else known for row, known in zip(first, shown, strict=True)
    ] == shown
    held = platform.lakou("publish", check=False)
    assert held.returncode == 1
    assert "build 1 again" in held.stderr
    platform.lakou("build")
    assert rows_of(platform, "fct_indicator_values") == incremental["fct_indicator_values"]


@contextmanager
def spoiled(platform: Platform, *mistakes: LiteralString) -> Iterator[None]:
    """A build whose figures are wrong, as a mistake in a model would make them; mended and published at the end."""
    platform.lakou("build", "--full")
    with platform.admin() as connection:
        connection.execute("create table public.right_values as table marts.fct_indicator_values")
        for mistake in mistakes:
            connection.execute(mistake)
    yield
    with platform.admin() as connection, connection.transaction():
        connection.execute("delete from marts.fct_indicator_values")
        connection.execute("insert into marts.fct_indicator_values table public.right_values")
        connection.execute("drop table public.right_values")
    platform.lakou("publish")


def test_what_fails_its_audit_keeps_its_last_good_figures(platform: Platform) -> None:
    platform.lakou("publish")
    good = figures(platform)
    with spoiled(
        platform,
        "update marts.fct_indicator_values set value = 3 where indicator_code = 'A1-06' and state = 'MESURE'",
        "update marts.fct_indicator_values set value = value + 1000, numerator = numerator + 1000"
        " where indicator_code = 'A1-05' and territory_level = 'region' and state = 'MESURE'",
    ):
        held = platform.lakou("publish", check=False)
        assert held.returncode == 1
        assert "un taux sort de l'intervalle" in held.stderr
        now = figures(platform)
        assert [row for row in now if row[1] == "A1-06"] == [row for row in good if row[1] == "A1-06"]
        assert [row for row in now if row[1] == "A1-05"] != [row for row in good if row[1] == "A1-05"]
        with platform.admin() as connection:
            state, banner = connection.execute("select state, banner from pub.publication").fetchone() or ("", "")
            failed = connection.execute(
                "select count(*) from ops.quality_results where not success and severity = 'critical' and boundary = 'PUBLIE'"
            ).fetchone()
        assert state == "PARTIELLE"
        assert "A1-06" in banner
        assert failed != (0,)
    assert shown_in_both(figures(platform), good)


def test_a_run_that_holds_a_publication_is_marked_failed_with_the_reason(platform: Platform) -> None:
    airflow = platform.access["airflow"]
    account = {"username": airflow["user"], "password": airflow["password"]}
    token = requests.post(f"{airflow['url']}/auth/token", json=account, timeout=30).json()["access_token"]
    runs = f"{airflow['url']}/api/v2/dags/publish/dagRuns"
    headers = {"Authorization": f"Bearer {token}"}
    with spoiled(
        platform, "update marts.fct_indicator_values set n = -1 where indicator_code = 'A1-07' and state = 'MESURE'"
    ):
        started = requests.post(runs, json={"logical_date": None}, headers=headers, timeout=30)
        assert started.ok, started.text
        run = f"{runs}/{started.json()['dag_run_id']}"
        deadline = time.monotonic() + 120
        while (state := requests.get(run, headers=headers, timeout=30).json()["state"]) not in {"success", "failed"}:
            assert time.monotonic() < deadline, state
            time.sleep(1)
        assert state == "failed"
        log = requests.get(f"{run}/taskInstances/publish_marts/logs/1", headers=headers, timeout=30).text
        # the log is JSON, with its accents escaped
        assert "une valeur est n" in log


def test_a_reader_sees_one_publication_whole(platform: Platform) -> None:
    with psycopg.connect(platform.access["postgres"]["reader_dsn"]) as reader:
        reader.execute("declare open_query cursor for select publication_id, value from pub.indicator_values")
        first = reader.execute("fetch 10 from open_query").fetchall()
        platform.lakou("build", "--full")
        platform.lakou("publish")
        rest = reader.execute("fetch all from open_query").fetchall()
        assert {number for number, _ in first + rest} == {first[0][0]}
        assert len(first) + len(rest) > 10_000
    with psycopg.connect(platform.access["postgres"]["reader_dsn"]) as reader:
        assert reader.execute("select publication_id from pub.publication").fetchone() != (first[0][0],)


def test_the_reader_reads_pub_and_nothing_else(platform: Platform) -> None:
    with psycopg.connect(platform.access["postgres"]["reader_dsn"], autocommit=True) as reader:
        for relation in (
            "raw.f02_participations",
            "marts.fct_participations",
            "published.indicator_values",
            "ops.partners",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(f"select 1 from {relation}")


def test_no_name_and_no_address_is_anywhere(
    platform: Platform, postgres: tuple[Path, int, str], tmp_path: Path
) -> None:
    from ingestion.demo.twin import generate, personal_values

    values = personal_values(generate(tmp_path / "twin"))
    assert len(values) > 500
    spellings = {form for value in values for form in (value, value.lower(), value.upper(), value.capitalize())}
    (tmp_path / "values").write_text("\n".join(sorted(spellings)) + "\n", encoding="utf-8")
    searched = tmp_path / "searched"
    searched.mkdir()
    subprocess.run(
        [postgres[0] / "pg_dump", "--dbname", platform.access["postgres"]["admin_dsn"], "--file", searched / "dump.sql"]
        + [f"--schema={schema}" for schema in ("raw", "quarantine", "ops", "staging", "marts", "published")],
        check=True,
    )
    assert (searched / "dump.sql").stat().st_size > 1_000_000
    # what a partner's own folder keeps of its own people (the files it sent, the rows to mend) is not a receipt
    only = [
        "--include=*.accuse.csv",
        "--include=*.html",
        "--include=*.log*",
        "--include=dump.sql",
        "--include=*.json",
    ]
    folders = [searched, *(platform.home / name for name in ("drop", "logs", "data_docs", "run"))]
    search = ["grep", "--recursive", "--files-with-matches", "--fixed-strings", f"--file={tmp_path / 'values'}", *only]
    found = subprocess.run([*search, *folders], env={"LC_ALL": "C"}, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (1, "", "")
    # the search itself must be able to find
    (searched / "index.html").write_text(f"<p>{values[0].upper()}</p>", encoding="utf-8")
    assert subprocess.run([*search, searched], env={"LC_ALL": "C"}, capture_output=True, check=False).returncode == 0


def test_without_the_key_nothing_loads_and_the_message_says_why(platform: Platform, month: Month) -> None:
    key = platform.home / "secrets" / "hmac.key"
    aside = key.with_suffix(".aside")
    with platform.admin() as connection:
        before = connection.execute("select count(*) from raw.f02_participations").fetchone()
    key.rename(aside)
    try:
        sftp(platform, "KABIA", "cd depot", f"put {month.sessions}", f"put {month.people}")
        time.sleep(6)
        refused = platform.lakou("receive", check=False)
        assert refused.returncode == 1
        assert "hmac.key" in refused.stderr
        with platform.admin() as connection:
            assert connection.execute("select count(*) from raw.f02_participations").fetchone() == before
    finally:
        aside.rename(key)
    platform.lakou("receive")
    platform.lakou("wait", month.people.name, "--timeout", "60")
    with platform.admin() as connection:
        after = connection.execute("select count(*) from raw.f02_participations").fetchone()
    assert after == ((before or (0,))[0] + month.rows,)


def test_postgres_and_the_loader_killed_in_the_middle_of_a_load_lose_nothing_and_double_nothing(
    platform: Platform, month: Month
) -> None:
    period = platform.access["business_date"][:7]
    earlier = f"period_grain = 'month' and period_start < '{period}-01'"
    untouched = figures(platform, earlier)
    with platform.admin() as connection:
        before = connection.execute("select count(*) from raw.f02_participations").fetchone() or (0,)
    blocker = psycopg.connect(platform.access["postgres"]["admin_dsn"])
    blocker.execute("lock table raw.f02_participations in access exclusive mode")
    sftp(platform, "KABIA", "cd depot", f"put {month.sessions}", f"put {month.people}")
    loader = subprocess.Popen(
        [str(platform.home / "venvs" / "pipeline" / "bin" / "lakou"), "receive"],
        env=platform.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # whoever receives it, the scheduler or this loader, now stands inside the transaction that loads
    deadline = time.monotonic() + 120
    waiting = (
        "select count(*) from pg_locks where relation = 'raw.f02_participations'::regclass and not granted"
        " and mode = 'RowExclusiveLock'"
    )
    with platform.admin() as connection:
        while connection.execute(waiting).fetchone() == (0,):
            assert time.monotonic() < deadline, "no load began"
            time.sleep(0.1)
    os.kill(_process(platform, "bin/postgres", str(platform.home / "pg" / "data")), signal.SIGKILL)
    loader.kill()
    loader.wait()
    blocker.close()
    platform.make("up")
    platform.lakou("receive")
    platform.lakou("wait", month.people.name, "--timeout", "60")
    platform.lakou("build")
    platform.lakou("publish")
    with platform.admin() as connection:
        after = connection.execute(
            "select count(*), count(distinct (_delivery_id, _row_number)) from raw.f02_participations"
        )
        assert after.fetchone() == (before[0] + month.rows, before[0] + month.rows)
    assert shown_in_both(figures(platform, earlier), untouched)
    assert one(platform, HOURS, f"{period}-01") == 6 * month.rows


def test_the_replayed_tools_are_pulled_by_their_dags_and_are_in_no_figure(platform: Platform) -> None:
    names = [source_name(system) for system in SYSTEMS]
    told = platform.make("status", check=False).stdout
    assert all(replayed.title in told for replayed in SYSTEMS.values())
    listed = platform.lakou("source", "list").stdout
    assert all(name in listed for name in names)
    assert "never pulled" not in listed
    with platform.admin() as connection:
        loads = connection.execute("select count(*), max(load_id) from ops.loads").fetchone()
        accepted = connection.execute(
            "select source, sum(rows_accepted) from ops.deliveries where partner_code = %s and source <> 'DEPOT'"
            " group by 1 order by 1",
            [ACCOUNT.partner_code],
        ).fetchall()
        assert [name for name, rows in accepted if rows > 40] == sorted(names)
        pulled = "select count(*) from ops.source_pulls where source_name = %s and state = 'TERMINE'"
        airflow = platform.access["airflow"]
        account = {"username": airflow["user"], "password": airflow["password"]}
        token = requests.post(f"{airflow['url']}/auth/token", json=account, timeout=30).json()["access_token"]
        for name in names:
            before = connection.execute(pulled, [name]).fetchone() or (0,)
            runs = f"{airflow['url']}/api/v2/dags/ingest_{name}/dagRuns"
            headers = {"Authorization": f"Bearer {token}"}
            started = requests.post(runs, json={"logical_date": None}, headers=headers, timeout=30)
            assert started.ok, started.text
            run = f"{runs}/{started.json()['dag_run_id']}"
            deadline = time.monotonic() + 180
            while (state := requests.get(run, headers=headers, timeout=30).json()["state"]) not in {
                "success",
                "failed",
            }:
                assert time.monotonic() < deadline, (name, state)
                time.sleep(1)
            assert state == "success", name
            assert (connection.execute(pulled, [name]).fetchone() or (0,))[0] > before[0]
        # nothing was new, so nothing was loaded
        assert connection.execute("select count(*), max(load_id) from ops.loads").fetchone() == loads
    assert figures(platform, f"programme_code = '{ACCOUNT.programme_code}'") == []
    receipts = sftp(platform, ACCOUNT.partner_code, "ls accuses")
    assert all(f"source_{name}.html" in receipts for name in names)
    assert "F14_structures__OUTILS-AMP__2026-T4__v1.csv.accuse.html" in receipts


def _process(platform: Platform, *words: str) -> int:
    """The process of this platform whose command has these words."""
    home = str(platform.home).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                ours = home in command or home in (entry / "environ").read_bytes()
            except OSError:
                continue
            if ours and all(word.encode() in command for word in words):
                return int(entry.name)
    raise AssertionError(f"no process of {platform.home} runs {words}")


def well(platform: Platform) -> bool:
    """Whether every service answers within two minutes: some notice late that PostgreSQL was killed, and start again."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if platform.make("status", check=False).returncode == 0:
            return True
        time.sleep(2)
    return False


def test_status_tells_the_truth_when_one_service_is_dead(platform: Platform) -> None:
    assert well(platform)
    sftp_server = _process(platform, "infra.sftp.server")
    os.kill(sftp_server, signal.SIGSTOP)
    try:
        told = platform.make("status", check=False)
    finally:
        os.kill(sftp_server, signal.SIGCONT)
    assert told.returncode != 0
    dead = [line for line in told.stdout.splitlines() if line.startswith("✗")]
    assert len(dead) == 1, told.stdout
    assert "SFTP" in dead[0]
    assert well(platform)


def test_down_leaves_no_process_and_up_finds_everything_again(platform: Platform) -> None:
    with platform.admin() as connection:
        before = connection.execute("select count(*) from ops.loads").fetchone()
    platform.make("down")
    assert platform.make("status", check=False).returncode != 0
    mark = f"LAKOU_HOME={platform.home}".encode()
    left = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    left.append((entry / "cmdline").read_text())
            except OSError:
                continue
    assert left == []
    platform.make("up")
    with platform.admin() as connection:
        assert connection.execute("select count(*) from ops.loads").fetchone() == before


def test_reset_asks_before_it_deletes(platform: Platform) -> None:
    refused = platform.make("reset", check=False)
    assert refused.returncode != 0
    assert (platform.home / "pg" / "data").is_dir()


def test_the_receipt_index_lists_every_delivery(platform: Platform) -> None:
    with platform.admin() as connection:
        names = [
            name
            for (name,) in connection.execute(
                "select file_name from ops.deliveries where partner_code = 'KABIA'"
            ).fetchall()
        ]
    page = io.StringIO((platform.home / "drop" / "KABIA" / "accuses" / "index.html").read_text(encoding="utf-8")).read()
    assert [name for name in names if name not in page] == []
