"""`lakou build`: number what was loaded, link people, let dbt transform. System time is a build number."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from ingestion.database import BUILD_LOCK, business_date, connect
from ingestion.errors import LakouError
from ingestion.logs import about
from ingestion.settings import CHECKOUT, Settings

log = logging.getLogger(__name__)
PROJECT = CHECKOUT / "dbt_project"
# staging models of what changes without a load too
WITHOUT_LOADS = ("ops", "published", "quarantine")
# of which these do not: a build that goes on is of the same day, links are recorded before the models run, and what
# a load changes is known by its feed
BUILDS, LINKS, CHANGES = "stg_ops__builds", "stg_ops__person_links", "stg_ops__load_changes"
# tables of the marts as a build that adds to them expects them; others are made anew
SHAPE = ("marts_shape", "2")

# judges the loads about to be numbered; returns the deliveries to hold, each with its reason
Inspect = Callable[[Settings, Sequence[int]], dict[str, str]]


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """What one build did. `build_id` is the state that the marts now hold as of `as_of_build`."""

    build_id: int
    as_of_build: int
    loads: int
    held: int
    people_changed: int
    models: int
    seconds: float
    is_new: bool


def build(
    settings: Settings,
    inspect: Inspect,
    *,
    full: bool = False,
    as_of: int | None = None,
    progress: Callable[[str], None] = log.info,
) -> BuildSummary:
    """Bring the marts up to date with the committed loads, or show an earlier build again.

    Args:
        settings: the platform.
        inspect: the raw boundary's judge, called on the loads not numbered yet.
        full: rebuild every model from raw instead of adding what is new.
        as_of: show the figures as they were known at this build; numbers nothing.

    Raises:
        LakouError: the build asked for does not exist, or a model or a test of it fails.
    """
    started = dt.datetime.now(dt.UTC)
    with _alone(settings) as connection, ExitStack() as numbers:
        if as_of is not None:
            return _show(settings, connection, as_of, started, progress)
        from ingestion.people_erasing import finish

        newest, built = _newest(connection), _built(connection)
        # a build killed between its end and this
        finish(settings, connection, built)
        loads = _waiting(connection)
        held = _hold(settings, connection, inspect(settings, loads)) if loads else set()
        today = business_date(connection, started)
        from ingestion.linking import has_waiting_answers, links_are_of_other_rules, record_links

        is_answered = has_waiting_answers(connection)
        if not full and not is_answered and set(loads) <= held and _up_to_date(connection, newest, today):
            progress(f"Nothing new since build {newest}")
            return BuildSummary(newest, newest, 0, len(held), 0, 0, _since(started), is_new=False)
        full = full or (built > 0 and (links_are_of_other_rules(connection) or not _has_setting(connection, *SHAPE)))
        # after a failure, another day, other models or an earlier build shown, everything is looked at again
        is_continued = not full and _up_to_date(connection, newest, today)
        goes_on = not full and _goes_on(connection, newest)
        build_id = newest + 1
        numbers.enter_context(about(build_id=build_id))
        numbered = _number(connection, build_id, [load for load in loads if load not in held], today, full=full)
        progress(f"Build {build_id}: {numbered} new loads, {len(held)} held")
        try:
            with connection.transaction():
                people = record_links(connection, build_id)
            progress(f"Build {build_id}: {people} sets of person keys linked anew")
            if built:
                _set_marts(connection, built, built, is_complete=False)
            touched = _touched(connection, build_id, people) if is_continued else ()
            models = run_dbt(
                settings,
                build_id,
                as_of=build_id,
                since=0 if full else built,
                full=full,
                touched=touched,
                goes_on=goes_on and not _erases(connection, build_id),
            )
        except Exception as error:
            connection.execute(
                "update ops.builds set state = 'ECHOUE', finished_at = clock_timestamp(), error = %s where build_id = %s",
                [str(error), build_id],
            )
            raise
        with connection.transaction():
            connection.execute(
                "update ops.builds set state = 'TERMINE', finished_at = clock_timestamp() where build_id = %s",
                [build_id],
            )
            _set_marts(connection, build_id, build_id, is_complete=True)
            for name, value in (("project_hash", _project_hash()), SHAPE):
                connection.execute(
                    "insert into ops.settings values (%s, %s) on conflict (name) do update set value = excluded.value",
                    [name, value],
                )
        finish(settings, connection, build_id)
        progress(f"Build {build_id}: {models} models and tests, {_since(started):.1f} s")
        return BuildSummary(build_id, build_id, numbered, len(held), people, models, _since(started), is_new=True)


def has_waiting_loads(settings: Settings) -> bool:
    """Whether a committed load waits for its build: also one taken by hand, or whose receiver was killed right after."""
    with connect(settings) as connection:
        return bool(_waiting(connection))


def _waiting(connection: psycopg.Connection) -> list[int]:
    """Loads that no build has numbered and nobody holds."""
    return [
        load
        for (load,) in connection.execute(
            "select l.load_id from ops.loads as l where l.build_id is null and (l.kind = 'EFFACEMENT' or not exists ("
            "select 1 from ops.holds as h where h.delivery_id = l.delivery_id and h.released_at is null)) order by l.load_id"
        )
    ]


def _show(
    settings: Settings,
    connection: psycopg.Connection,
    as_of: int,
    started: dt.datetime,
    progress: Callable[[str], None],
) -> BuildSummary:
    built = _built(connection)
    if not 1 <= as_of <= built:
        raise LakouError(
            f"there is no build {as_of} to show: the marts know the builds 1 to {built}", "see `lakou status`"
        )
    _set_marts(connection, built, as_of, is_complete=False)
    models = run_dbt(settings, built, as_of=as_of, since=built, full=False)
    _set_marts(connection, built, as_of, is_complete=True)
    progress(f"The marts show build {as_of} again (the newest is {built}); `lakou build` brings them back")
    return BuildSummary(built, as_of, 0, 0, 0, models, _since(started), is_new=False)


@contextmanager
def _alone(settings: Settings) -> Iterator[psycopg.Connection]:
    """A connection of the loader in autocommit that holds the build lock, given back by PostgreSQL should we die."""
    with connect(settings, "lakou_loader") as connection:
        connection.autocommit = True
        connection.execute("select pg_advisory_lock(%s)", [BUILD_LOCK])
        yield connection


def _number(connection: psycopg.Connection, build_id: int, loads: list[int], today: dt.date, *, full: bool) -> int:
    """Give the loads their build number; a load committed after this statement began waits for the next build."""
    with connection.transaction():
        connection.execute(
            "insert into ops.builds (build_id, business_date, is_full, loads) values (%s, %s, %s, %s)",
            [build_id, today, full, len(loads)],
        )
        connection.execute("update ops.loads set build_id = %s where load_id = any(%s)", [build_id, loads])
    return len(loads)


def _hold(settings: Settings, connection: psycopg.Connection, failures: dict[str, str]) -> set[int]:
    """Hold the deliveries that the raw boundary refuses; the loads that are held now."""
    from ingestion.holding import hold

    hold(settings, connection, failures)
    held = connection.execute(
        "select l.load_id from ops.loads as l inner join ops.holds as h using (delivery_id)"
        " where h.released_at is null and l.build_id is null and l.kind <> 'EFFACEMENT'"
    )
    return {load for (load,) in held}


def dbt_environment(settings: Settings) -> dict[str, str]:
    """What dbt's profile reads: where the warehouse is, and the password of the role that transforms."""
    return {
        "LAKOU_PG_HOST": settings.pg_host,
        "LAKOU_PG_PORT": str(settings.pg_port),
        "LAKOU_PG_DATABASE": settings.pg_database,
        "LAKOU_DBT_PASSWORD": settings.secret("lakou_dbt"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """The environment with these values, and as it was before behind it: a password stays no longer than needed."""
    before = dict(os.environ)
    os.environ |= values
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def _touched(connection: psycopg.Connection, build_id: int, people: int) -> tuple[str, ...]:
    """What a build that goes on from the last one has to make again, as dbt selects it; empty: everything.

    Args:
        connection: the loader's.
        build_id: the build, its loads numbered.
        people: number of sets of person keys that it linked otherwise.
    """
    arrived = connection.execute(
        "select distinct d.feed from ops.loads as l inner join ops.deliveries as d using (delivery_id)"
        " where l.build_id = %(build)s"
        " union select d.feed from ops.loads as l"
        " inner join ops.supersessions as s on s.superseding_load_id = l.load_id"
        " inner join ops.deliveries as d on d.delivery_id = s.superseded_delivery_id where l.build_id = %(build)s",
        {"build": build_id},
    ).fetchall()
    # an erasure takes rows of whatever delivery
    if _erases(connection, build_id):
        return ()
    return subgraph({feed for (feed,) in arrived}, people_changed=people > 0)


def _erases(connection: psycopg.Connection, build_id: int) -> bool:
    """Whether a build takes rows away on a person's demand."""
    found = connection.execute("select from ops.loads where build_id = %s and kind = 'EFFACEMENT'", [build_id])
    return found.fetchone() is not None


def subgraph(feeds: Collection[str], *, people_changed: bool) -> tuple[str, ...]:
    """The models that read these feeds, or what changes without any load, and all that is made from them.

    Args:
        feeds: codes of the feeds that arrived.
        people_changed: whether somebody is linked otherwise than before.

    Returns:
        Selectors of `dbt build --select`.
    """
    from ingestion.contracts import load_contracts

    tables = sorted({contract.raw_table for contract in load_contracts().values() if contract.feed in feeds})
    staging = PROJECT / "models" / "staging"
    always = sorted(path.stem for folder in WITHOUT_LOADS for path in (staging / folder).glob("*.sql"))
    unchanged = {BUILDS, CHANGES} if people_changed else {BUILDS, CHANGES, LINKS}
    return (
        *(f"source:raw.{table}+" for table in tables),
        *(f"{model}+" for model in always if model not in unchanged),
    )


def run_dbt(
    settings: Settings,
    build_id: int,
    *,
    as_of: int,
    since: int,
    full: bool,
    touched: Sequence[str] = (),
    goes_on: bool = False,
) -> int:
    """Run `dbt build` in this process; per-model results go to `ops.model_runs`.

    Args:
        settings: the platform.
        build_id: the build that the results are kept of.
        as_of: the build to show.
        since: the last build already in the facts, 0 when they are empty.
        full: make every model anew.
        touched: selectors of the models to run; all of them when empty.
        goes_on: the marts are those of the build `since`, made by these models: they may be added to.

    Returns:
        Number of nodes that ran.

    Raises:
        LakouError: a model, a seed or a test failed.
    """
    from dbt.cli.main import dbtRunner

    settings.logs.mkdir(parents=True, exist_ok=True)
    arguments = [
        *("--quiet", "--no-use-colors", "--log-path", str(settings.logs), "build"),
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
        *("--target-path", str(_own_target(settings)), "--exclude-resource-type", "unit_test"),
        *(["--full-refresh"] if full else []),
        *(["--select", *touched] if touched else []),
    ]
    builds = {
        "LAKOU_AS_OF_BUILD": str(as_of),
        "LAKOU_SINCE_BUILD": str(since),
        "LAKOU_GOES_ON": str(int(goes_on)),
        "LAKOU_PROJECT_HASH": _project_hash(),
    }
    with environment(dbt_environment(settings) | builds):
        outcome = dbtRunner().invoke(arguments)
    results = list(outcome.result) if outcome.result is not None else []
    with connect(settings, "lakou_loader") as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.model_runs (build_id, node_id, status, seconds, rows_affected, message)"
            " values (%s, %s, %s, %s, %s, %s)",
            [
                (build_id, r.node.unique_id, str(r.status), r.execution_time, _rows(r.adapter_response), r.message)
                for r in results
            ],
        )
    if not outcome.success:
        failed = [f"{r.node.name} ({r.message})" for r in results if str(r.status) in ("error", "fail")]
        reason = "; ".join(failed[:3]) or str(outcome.exception)
        raise LakouError(
            f"dbt failed: {reason}",
            f"read {settings.logs / 'dbt.log'}; the published figures are unchanged and the loads keep their numbers",
        )
    return len(results)


def dbt_target(settings: Settings) -> Path:
    """Where dbt keeps what it parsed and compiled of this version of the project.

    Each version has its own: dbt takes nodes of another one for its own, when an upgrade is taken back.
    """
    return settings.home / "dbt" / _project_hash()[:12]


def _own_target(settings: Settings) -> Path:
    """This version's folder; what other versions left is removed."""
    target = dbt_target(settings)
    target.mkdir(parents=True, exist_ok=True)
    for other in target.parent.iterdir():
        if other == target:
            continue
        if other.is_dir():
            shutil.rmtree(other)
        else:
            other.unlink()
    return target


def _rows(response: dict[str, Any]) -> int | None:
    rows = response.get("rows_affected")
    return rows if isinstance(rows, int) and rows >= 0 else None


def _newest(connection: psycopg.Connection) -> int:
    row = connection.execute("select coalesce(max(build_id), 0) from ops.builds").fetchone()
    return int(row[0]) if row else 0


def _built(connection: psycopg.Connection) -> int:
    """The newest build that the marts hold; a build that failed after it is made up for by the next one."""
    row = connection.execute("select build_id from ops.marts_state").fetchone()
    return int(row[0]) if row else 0


def _goes_on(connection: psycopg.Connection, newest: int) -> bool:
    """Whether the marts hold the newest build, whole and made by these models."""
    row = connection.execute(
        "select m.is_complete and m.build_id = %s and m.as_of_build = m.build_id from ops.marts_state as m", [newest]
    ).fetchone()
    return bool(row and row[0]) and _has_setting(connection, "project_hash", _project_hash())


def _up_to_date(connection: psycopg.Connection, newest: int, today: dt.date) -> bool:
    """Whether the marts hold the newest build as of today too: what counts days is what it was."""
    row = connection.execute(
        "select business_date = %s from ops.builds where build_id = %s", [today, newest]
    ).fetchone()
    return bool(row and row[0]) and _goes_on(connection, newest)


def _has_setting(connection: psycopg.Connection, name: str, value: str) -> bool:
    row = connection.execute("select value = %s from ops.settings where name = %s", [value, name]).fetchone()
    return bool(row and row[0])


def _set_marts(connection: psycopg.Connection, build_id: int, as_of: int, *, is_complete: bool) -> None:
    connection.execute(
        "insert into ops.marts_state (build_id, as_of_build, is_complete) values (%s, %s, %s)"
        " on conflict (only_row) do update set build_id = excluded.build_id, as_of_build = excluded.as_of_build,"
        " is_complete = excluded.is_complete, changed_at = clock_timestamp()",
        [build_id, as_of, is_complete],
    )


def _project_hash() -> str:
    """Hash of the models, their tests and the seeds: a changed project is built again though no load is new."""
    digest = hashlib.sha256()
    for path in sorted(_project_files()):
        digest.update(str(path.relative_to(PROJECT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _project_files() -> Iterator[Path]:
    for folder in ("models", "seeds", "macros", "tests"):
        yield from (path for path in (PROJECT / folder).rglob("*") if path.suffix in {".sql", ".yml", ".csv"})


def _since(started: dt.datetime) -> float:
    return (dt.datetime.now(dt.UTC) - started).total_seconds()
