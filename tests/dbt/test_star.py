"""The star on a real PostgreSQL: what was known when, and full builds that equal incremental ones row for row."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from ingestion import building
from ingestion.building import PROJECT, dbt_environment, dbt_target, environment, run_dbt, subgraph
from ingestion.database import connect
from ingestion.people_erasing import finish
from ingestion.settings import CHECKOUT, Settings

FACTS = (
    "fct_sessions",
    "fct_participations",
    "fct_certifications",
    "fct_deliveries",
    "fct_rejected_rows",
    "fct_commitments",
    "fct_cell_sums",
    "fct_indicator_values",
)
HISTORIES = FACTS[:3]
# what each build is told of: only what is made from it runs
TOLD = {1: ("F01", "F02"), 2: ("F01", "F02", "F03"), 3: ("F01", "F02")}
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Story:
    """What the marts held after each step, by table: incremental builds 1 to 3, build 1 shown again, a full build."""

    settings: Settings
    built: dict[int, dict[str, Rows]]
    shown_again: dict[str, Rows]
    full: dict[str, Rows]


def _dump(settings: Settings) -> dict[str, Rows]:
    with connect(settings, "lakou_dbt") as connection:
        return {
            table: connection.execute(f"select t::text from marts.{table} as t order by 1").fetchall()
            for table in FACTS
        }


def _empty(connection: psycopg.Connection) -> None:
    tables = connection.execute(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('raw', 'quarantine', 'ops')"
    ).fetchall()
    connection.execute(f"truncate {', '.join(name for (name,) in tables)} restart identity cascade")


def _deliver(
    connection: psycopg.Connection,
    feed: str,
    month: str,
    version: int,
    build: int,
    rows: list[dict[str, Any]],
    rejected: int = 0,
) -> str:
    """One delivery of partner ORG, loaded and numbered; a higher version supersedes the lower one."""
    tables = {"F01": "f01_sessions_formation", "F02": "f02_participations", "F03": "f03_certifications"}
    start = dt.date.fromisoformat(f"{month}-01")
    end = (start + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)
    delivery = f"{feed}-ORG-{month}-v{version}"
    connection.execute(
        "insert into ops.deliveries (delivery_id, feed, partner_code, file_name, period, period_start, period_end,"
        " version, sha256, size_bytes, received_at, state, rows_received, rows_accepted, rows_rejected)"
        " values (%s, %s, 'ORG', 'f.csv', %s, %s, %s, %s, %s, 1, %s, 'ACCEPTÉ', %s, %s, %s)",
        [
            delivery,
            feed,
            month,
            start,
            end,
            version,
            delivery,
            f"{end} 12:00Z",
            len(rows) + rejected,
            len(rows),
            rejected,
        ],
    )
    load = connection.execute(
        "insert into ops.loads (delivery_id, kind, rows_accepted, build_id) values (%s, 'LIVRAISON', %s, %s)"
        " returning load_id",
        [delivery, len(rows), build],
    ).fetchone()
    assert load is not None
    if version > 1:
        connection.execute(
            "insert into ops.supersessions values (%s, %s, 'VERSION')", [f"{feed}-ORG-{month}-v{version - 1}", load[0]]
        )
    for number, row in enumerate(rows, start=2):
        technical = {
            "_load_id": load[0],
            "_delivery_id": delivery,
            "_row_number": number,
            "_row_hash": f"{delivery}{number}",
        }
        values = {"programme_code": "MQ"} | row | technical
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        connection.execute(f"insert into raw.{tables[feed]} ({names}) values ({marks})", list(values.values()))
    for number in range(rejected):
        connection.execute(
            "insert into quarantine.rejected_rows (delivery_id, row_number, feed, rule_id, severity, message, remedy)"
            " values (%s, %s, %s, 'LISTE', 'REFUSE', 'm', 'r')",
            [delivery, 100 + number, feed],
        )
    return delivery


def _session(session_id: str, ends_on: str, modality: str = "ATELIER", commune: str | None = "97209") -> dict[str, Any]:
    return {
        "session_id": session_id,
        "action_code": "MQ-A1",
        "intitule": session_id,
        "modalite": modality,
        "date_debut": ends_on,
        "date_fin": ends_on,
        "duree_prevue_h": "7",
        "code_commune": commune,
    }


def _participation(person: int, session_id: str, status: str = "TERMINE", hours: str = "3.5") -> dict[str, Any]:
    return {
        "objet_type": "SESSION",
        "objet_id": session_id,
        "_object_partner_code": "ORG",
        "sexe": "F" if person % 2 else "M",
        "statut_pro": "SALARIE",
        "niveau_diplome": "5",
        "code_commune_residence": "97213" if person % 3 else None,
        "statut": status,
        "duree_suivie_h": hours,
        "tranche_age": "30-44",
        "person_key_1": f"k{person}",
    }


def _certification(person: int) -> dict[str, Any]:
    return {
        "certification_code": "RS5000",
        "date_presentation": "2026-02-10",
        "resultat": "OBTENU" if person < 3 else "ECHEC",
        "date_obtention": "2026-02-12" if person < 3 else None,
        "tranche_age": "30-44",
        "person_key_1": f"k{person}",
    }


def _tell(connection: psycopg.Connection, build: int) -> None:
    """Raw rows and links of one build."""
    connection.execute(
        "insert into ops.builds (build_id, business_date, state) values (%s, '2026-03-15', 'TERMINE')", [build]
    )
    if build == 1:
        sessions = [_session("S1", "2026-01-20"), _session("S2", "2026-01-25", "WEBINAIRE", None)]
        _deliver(connection, "F01", "2026-01", 1, build, sessions)
        # person 13 is in a session that nobody has told of yet
        people = [*(_participation(n, "S1") for n in range(1, 13)), _participation(13, "S9")]
        _deliver(connection, "F02", "2026-01", 1, build, [*people, _participation(1, "S2", "ABANDON", "1")], rejected=2)
        people_known = range(1, 14)
    elif build == 2:
        # S1 told again by a later period, S9 told late, person 12 gone from the new version
        _deliver(
            connection,
            "F01",
            "2026-02",
            1,
            build,
            [_session("S9", "2026-02-20"), _session("S1", "2026-02-02", "HYBRIDE")],
        )
        people = [*(_participation(n, "S1") for n in range(1, 12)), _participation(13, "S9")]
        _deliver(connection, "F02", "2026-01", 2, build, people)
        _deliver(connection, "F03", "2026-02", 1, build, [_certification(n) for n in range(1, 5)])
        people_known = range(20, 20)
    else:
        # February's sessions again without S1: January's S1 is in force again
        _deliver(connection, "F01", "2026-02", 2, build, [_session("S9", "2026-02-20", commune=None)])
        _deliver(connection, "F02", "2026-02", 1, build, [_participation(n, "S9") for n in range(14, 30)], rejected=3)
        people_known = range(14, 30)
    for person in people_known:
        # persons 10 and 11 are one participant
        participant = f"P{10 if person == 11 else person}"
        connection.execute(
            "insert into ops.person_links values (%s, %s, %s, null, 'NOUVEAU')", [f"k{person}", participant, build]
        )


@pytest.fixture(scope="module")
def story(settings: Settings) -> Iterator[Story]:
    """Three incremental builds, build 1 shown again, and a full build."""
    with connect(settings, "lakou_admin") as connection:
        _empty(connection)
        connection.execute(
            "insert into ops.partners (partner_code, name, kind, programme_code, feeds)"
            " values ('ORG', 'Organisme', 'organisme de formation', 'MQ', array['F01', 'F02', 'F03'])"
        )
        connection.execute(
            "insert into ops.expected_deliveries select 'ORG', feed, to_char(m, 'YYYY-MM'), m,"
            " (m + interval '1 month - 1 day')::date, (m + interval '1 month 9 days')::date"
            " from unnest(array['F01', 'F02', 'F03']) as feed, unnest(array['2026-01-01', '2026-02-01']::date[]) as m"
        )
    built: dict[int, dict[str, Rows]] = {}
    for build in (1, 2, 3):
        with connect(settings, "lakou_admin") as connection:
            _tell(connection, build)
        touched = subgraph(TOLD[build], people_changed=True) if build > 1 else ()
        goes_on = build > 1
        run_dbt(settings, build, as_of=build, since=build - 1, full=build == 1, touched=touched, goes_on=goes_on)
        built[build] = _dump(settings)
    run_dbt(settings, 3, as_of=1, since=3, full=False)
    shown_again = _dump(settings)
    run_dbt(settings, 3, as_of=3, since=0, full=True)
    yield Story(settings, built, shown_again, _dump(settings))
    with connect(settings, "lakou_admin") as connection:
        _empty(connection)


def _query(story: Story, text: str) -> Rows:
    with connect(story.settings, "lakou_dbt") as connection:
        return connection.execute(text).fetchall()


@pytest.mark.parametrize("table", FACTS)
def test_a_full_build_equals_the_incremental_ones_row_for_row(story: Story, table: str) -> None:
    assert story.built[3][table], "an empty table proves nothing"
    assert story.full[table] == story.built[3][table]


@pytest.mark.parametrize("table", sorted(set(FACTS) - set(HISTORIES)))
def test_an_earlier_build_shown_again_is_as_it_was(story: Story, table: str) -> None:
    # what is expected and refused is counted in the state of then
    assert story.shown_again[table] == story.built[1][table]


@pytest.mark.parametrize("table", HISTORIES)
def test_showing_an_earlier_build_leaves_the_histories_alone(story: Story, table: str) -> None:
    assert story.shown_again[table] == story.built[3][table]


def test_a_key_superseded_and_revived_keeps_its_whole_history(story: Story) -> None:
    rows = _query(
        story,
        "select modality, delivery_id, known_from_build, known_to_build from marts.fct_sessions"
        " where session_id = 'S1' order by 3",
    )
    assert rows == [
        ("ATELIER", "F01-ORG-2026-01-v1", 1, 2),
        ("HYBRIDE", "F01-ORG-2026-02-v1", 2, 3),
        ("ATELIER", "F01-ORG-2026-01-v1", 3, None),
    ]


def test_a_participation_is_known_while_its_row_and_its_session_are(story: Story) -> None:
    rows = _query(
        story,
        "select person_key, object_id, modality, known_from_build, known_to_build from marts.fct_participations"
        " where person_key in ('k2', 'k12', 'k13') order by 1, 4",
    )
    assert rows == [
        ("k12", "S1", "ATELIER", 1, 2),
        ("k13", "S9", "ATELIER", 2, 3),
        ("k13", "S9", "ATELIER", 3, None),
        ("k2", "S1", "ATELIER", 1, 2),
        ("k2", "S1", "HYBRIDE", 2, 3),
        ("k2", "S1", "ATELIER", 3, None),
    ]


def test_figures_count_people_once_and_say_what_is_missing(story: Story) -> None:
    rows = _query(
        story,
        "select indicator_code, period_start::text, value::float, n, completeness::float, state"
        " from marts.fct_indicator_values"
        " where period_grain = 'month' and territory_level = 'region' and axis = 'TOTAL' and partner_code = 'TOTAL'"
        " and indicator_code in ('A1-01', 'A1-02', 'T-01') order by 1, 2",
    )
    assert rows == [
        # persons 10 and 11 are one: ten in S1 in January, 14 to 29 and 13 in S9 in February
        ("A1-01", "2026-01-01", 10.0, 10, 1.0, "SUPPRIME_K"),
        ("A1-01", "2026-02-01", 17.0, 17, 1.0, "MESURE"),
        ("A1-01", "2026-03-01", None, 0, None, "NON_APPLICABLE"),
        ("A1-02", "2026-01-01", None, 0, 0.0, "NON_REMIS"),
        ("A1-02", "2026-02-01", 2.0, 2, 1.0, "SUPPRIME_K"),
        ("A1-02", "2026-03-01", None, 0, None, "NON_APPLICABLE"),
        ("T-01", "2026-01-01", 0.666667, 3, 0.666667, "INCOMPLET"),
        ("T-01", "2026-02-01", 1.0, 3, 1.0, "MESURE"),
        ("T-01", "2026-03-01", None, 0, None, "NON_APPLICABLE"),
    ]


def test_contributions_sum_to_every_value(story: Story) -> None:
    cell = (
        "programme_code, indicator_code, measure, period_grain, period_start, territory_level, territory_code,"
        " partner_code, axis, member"
    )
    compared = _query(
        story,
        "select count(*), count(b.total),"
        " count(*) filter (where abs(coalesce(b.total, 0) - coalesce(v.value, 0)) > 0.0000011) from ("
        f" select {cell}, value from marts.fct_indicator_values where value is not null) as v left join ("
        f" select {cell}, sum(contribution) as total from marts.bridge_value_rows group by {cell}"
        f") as b using ({cell})",
    )
    [(cells, with_rows, wrong)] = compared
    assert wrong == 0
    assert 0 < with_rows < cells


def test_refused_rows_leave_with_their_delivery(story: Story) -> None:
    assert len(story.built[1]["fct_rejected_rows"]) == 2
    assert story.built[2]["fct_rejected_rows"] == []


def _dbt(settings: Settings, *arguments: str, **builds: int) -> Any:
    from dbt.cli.main import dbtRunner

    project = str(building.PROJECT)
    where = ["--project-dir", project, "--profiles-dir", project, "--target-path", str(dbt_target(settings))]
    with environment(dbt_environment(settings)), pytest.MonkeyPatch.context() as patch:
        for name in ("as_of_build", "since_build"):
            patch.delenv(f"LAKOU_{name.upper()}", raising=False)
            if name in builds:
                patch.setenv(f"LAKOU_{name.upper()}", str(builds[name]))
        return dbtRunner().invoke(["--quiet", "--log-path", str(settings.logs), *arguments, *where])


def test_without_the_builds_nothing_runs(story: Story) -> None:
    outcome = _dbt(story.settings, "run", "--select", "int_sessions_historised")
    assert not outcome.success
    assert "LAKOU_" in outcome.result.results[0].message


def test_a_fact_is_never_made_anew_from_a_part_of_its_keys(story: Story) -> None:
    with connect(story.settings, "lakou_dbt") as connection:
        connection.execute("alter table marts.fct_certifications rename to set_aside")
    try:
        outcome = _dbt(story.settings, "run", "--select", "fct_certifications", as_of_build=3, since_build=3)
    finally:
        with connect(story.settings, "lakou_dbt") as connection:
            connection.execute("alter table marts.set_aside rename to fct_certifications")
    assert not outcome.success
    assert "since_build is above 0" in outcome.result.results[0].message


def test_unit_tests_of_the_models_pass(story: Story) -> None:
    outcome = _dbt(story.settings, "test", "--select", "resource_type:unit_test", as_of_build=3, since_build=0)
    assert outcome.success
    assert len(outcome.result.results) >= 5


def test_only_what_is_made_from_a_feed_runs_when_it_arrives(story: Story) -> None:
    selected = subgraph({"F13"}, people_changed=False)
    outcome = _dbt(story.settings, "ls", "--resource-type", "model", "--output", "name", "--select", *selected)
    assert outcome.success
    models = set(outcome.result)
    assert {"stg_drop__funding", "fct_funding", "indicator_a4_05", "fct_cell_sums", "fct_indicator_values"} <= models
    # what no load brings is looked at each time
    assert {"fct_deliveries", "fct_rejected_rows", "dim_closing", "indicator_t_06"} <= models
    assert not {"stg_drop__participations", "fct_participations", "dim_participant", "indicator_a1_01"} & models


def test_every_model_and_every_column_of_the_warehouse_is_described(story: Story) -> None:
    assert _dbt(story.settings, "docs", "generate", as_of_build=3, since_build=3).success
    manifest, catalog = (
        json.loads((dbt_target(story.settings) / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("manifest", "catalog")
    )
    models = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] in ("model", "seed")}
    assert models.keys() == catalog["nodes"].keys()
    for name, node in models.items():
        described = {column for column, words in node["columns"].items() if words["description"]}
        assert node["description"], name
        assert catalog["nodes"][name]["columns"].keys() == described, name


def test_every_dashboard_is_an_exposure_and_every_exposure_a_dashboard() -> None:
    dashboards = (CHECKOUT / "infra" / "superset" / "assets" / "dashboards").glob("*.yaml")
    slugs = [yaml.safe_load(path.read_text(encoding="utf-8"))["slug"] for path in dashboards]
    exposures = yaml.safe_load((PROJECT / "models/marts/steering/_steering__exposures.yml").read_text(encoding="utf-8"))
    assert sorted(exposure["name"] for exposure in exposures["exposures"]) == sorted(slugs)


# ------------------------------------------------------------------------------------------- what a build adds, and sees

# what a build that goes on adds to, each without what says in which build that was
ADDED_TO = {
    "intermediate.int_participation_rows": "true",
    "marts.fct_participations": "true",
    "marts.dim_participant": "true",
    "marts.fct_counted_participations": "is_counted",
    "marts.fct_contribution_months": "contributions > 0",
    "marts.fct_cell_sums": "true",
    "marts.fct_indicator_values": "true",
}
REMADE = ("fct_sessions", *(table.partition(".")[2] for table in ADDED_TO))
# views name the build that they show, and go with the tables that they read when these are made anew
VIEWS = ("path:models/marts/steering/indicators", "path:models/intermediate")


@dataclass(frozen=True)
class Step:
    """What a build left, what the same build leaves when everything is made anew, and what it wrote."""

    built: dict[str, Rows]
    full: dict[str, Rows]
    # rows of fct_counted_participations, then months of A1-01
    written: tuple[Rows, Rows]


def _left(settings: Settings) -> dict[str, Rows]:
    with connect(settings, "lakou_dbt") as connection:
        return {
            table: connection.execute(
                f"select (to_jsonb(t) - 'changed_in_build')::text from {table} as t where {kept} order by 1"
            ).fetchall()
            for table, kept in ADDED_TO.items()
        }


def _make(settings: Settings, build: int, *models: str, since: int, goes_on: bool = False) -> None:
    """The models by themselves: their tests run with the builds of the story."""
    where = {"as_of_build": build, "since_build": since}
    full = ["--full-refresh"] if since == 0 else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKOU_GOES_ON", str(int(goes_on)))
        # what a build that runs everything gives the models: the hash of the project that it runs
        patch.setenv("LAKOU_PROJECT_HASH", building._project_hash())
        kinds = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
        outcome = _dbt(settings, "build", *kinds, *full, "--select", *models, **where)
    assert outcome.success, [result.message for result in outcome.result.results if str(result.status) == "error"]


def _step(settings: Settings, build: int, *, goes_on: bool, also: tuple[str, ...] = ()) -> Step:
    """The tables of `ADDED_TO` as this build leaves them, then as a full one does."""
    [(before,)] = _rows(settings, "select max(xmin::text::bigint) from marts.fct_contribution_months")
    _make(settings, build, *also, *REMADE, *VIEWS, since=build - 1, goes_on=goes_on)
    built = _left(settings)
    counted = _rows(
        settings,
        "select person_key, object_type, occurred_on::text, is_counted from marts.fct_counted_participations"
        f" where changed_in_build = {build} order by 1, 3",
    )
    months = _rows(
        settings,
        "select month_start::text from marts.fct_contribution_months"
        f" where indicator_code = 'A1-01' and xmin::text::bigint > {before} order by 1",
    )
    _make(settings, build, *also, *REMADE, *VIEWS, since=0)
    return Step(built, _left(settings), (counted, months))


def _rows(settings: Settings, text: str) -> Rows:
    with connect(settings, "lakou_dbt") as connection:
        return connection.execute(text.encode()).fetchall()


def _move(connection: psycopg.Connection, key: str, participant: str, cause: str, build: int) -> None:
    connection.execute(
        "update ops.person_links set known_to_build = %s where person_key = %s and known_to_build is null", [build, key]
    )
    connection.execute(
        "insert into ops.person_links (person_key, participant_id, known_from_build, cause, is_anonymous)"
        " values (%s, %s, %s, %s, %s)",
        [key, participant, build, cause, cause == "OPPOSITION"],
    )


def _much_changes(connection: psycopg.Connection) -> None:
    """Build 4: S1 moves to February; February's people are sent again; people are joined, parted and object."""
    _deliver(connection, "F01", "2026-03", 1, 4, [_session("S1", "2026-02-03"), _session("S10", "2026-01-05")])
    again = [_participation(n, "S9", "ABANDON" if n == 16 else "TERMINE") for n in range(15, 30)]
    _deliver(connection, "F02", "2026-02", 2, 4, again)
    # the first entry of person 20 is another one: so is the profile, in February too
    _deliver(connection, "F02", "2026-03", 1, 4, [_participation(20, "S10") | {"statut_pro": "ETUDIANT"}])
    _move(connection, "k5", "P4", "FUSION", 4)
    _move(connection, "k11", "P11", "SEPARATION", 4)
    _move(connection, "k7", "P7", "OPPOSITION", 4)


def _somebody_is_erased(connection: psycopg.Connection) -> None:
    """Build 5: the rows of person 3."""
    rows = "select _delivery_id, _row_number from raw.f02_participations where person_key_1 = 'k3'"
    delivery = "F02-ORG-2026-01-v2"
    (load,) = connection.execute(
        "insert into ops.loads (delivery_id, kind, rows_accepted, build_id) values (%s, 'EFFACEMENT', 0, 5)"
        " returning load_id",
        [delivery],
    ).fetchall()[0]
    (erasure,) = connection.execute(
        "insert into ops.erasures (reference, requested_by, participant_ids, person_keys, landed_files, rows_accepted,"
        " rows_awaiting, rows_rejected) values ('2026-1', 'DPO', array['P3'], array['k3'], 0, 2, 0, 0)"
        " returning erasure_id"
    ).fetchall()[0]
    connection.execute(
        f"insert into ops.erased_rows (delivery_id, row_number, load_id, erasure_id)"
        f" select _delivery_id, _row_number, {load}, {erasure} from ({rows}) as r"
    )
    connection.execute("update ops.person_links set known_to_build = 5 where person_key = 'k3'")


def _somebody_comes(connection: psycopg.Connection) -> None:
    """Build 6: one more person, in one month; nothing else."""
    _deliver(connection, "F02", "2026-04", 1, 6, [_participation(40, "S9")])
    connection.execute("insert into ops.person_links values ('k40', 'P40', 6, null, 'NOUVEAU')")


@pytest.fixture(scope="module")
def steps(story: Story, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Step]:
    """Builds 4 to 7, told on top of the story; the last one by a changed parameter and a changed definition."""
    settings, done = story.settings, {}
    for build, tell in ((4, _much_changes), (5, _somebody_is_erased), (6, _somebody_comes), (7, None)):
        with connect(settings, "lakou_admin") as connection:
            connection.execute(
                "insert into ops.builds (build_id, business_date, state) values (%s, '2026-04-20', 'TERMINE')", [build]
            )
            if tell:
                tell(connection)
        if tell:
            # what an erasure takes is seen by a build that makes everything anew
            done[build] = _step(settings, build, goes_on=build != 5)
            with connect(settings) as loader:
                loader.autocommit = True
                finish(settings, loader, build)
            continue
        other = tmp_path_factory.mktemp("other") / "dbt_project"
        shutil.copytree(PROJECT, other, ignore=shutil.ignore_patterns("target", "logs"))
        _replace(
            other / "seeds/catalogue/parameters.csv", "training_min_hours,TOUS,1,2,", "training_min_hours,TOUS,1,4,"
        )
        _replace(
            other / "seeds/catalogue/indicator_catalogue.csv", "Somme des heures suivies", "Total des heures suivies"
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(building, "PROJECT", other)
            seeds = ("parameters", "dim_parameter", "indicator_catalogue", "dim_indicator")
            done[build] = _step(settings, build, goes_on=False, also=seeds)
    return done


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("build", [4, 5, 6, 7])
@pytest.mark.parametrize("table", ADDED_TO)
def test_what_a_build_adds_to_is_what_a_full_build_makes(steps: dict[int, Step], build: int, table: str) -> None:
    assert steps[build].full[table], "an empty table proves nothing"
    assert steps[build].built[table] == steps[build].full[table]


def test_one_more_person_writes_one_row_and_reads_one_month_again(steps: dict[int, Step]) -> None:
    assert steps[6].written == ([("k40", "SESSION", "2026-02-20", True)], [("2026-02-01",)])


def test_what_changed_otherwise_is_seen(steps: dict[int, Step]) -> None:
    counted, months = steps[4].written
    # S1 moved: what its people were counted for stays to say that January changed
    assert {("k1", "SESSION", "2026-01-20", False), ("k1", "SESSION", "2026-02-03", True)} <= set(counted)
    # 14 is in the new version of no file
    assert ("k14", "SESSION", "2026-02-20", False) in counted
    # the others of the new version are told by another row; 13 is of a delivery that stays
    assert {key for key, _, day, _ in counted if day == "2026-02-20"} == {f"k{n}" for n in range(14, 30)}
    assert months == [("2026-01-01",), ("2026-02-01",)]
    people = [json.loads(row) for (row,) in steps[4].built["marts.dim_participant"]]
    known = {person["participant_id"]: person for person in people}
    assert known["P20"]["employment_status"] == "ETUDIANT"
    assert known["P7"]["employment_status"] == "NR"
    assert "P11" in known
    assert "P5" not in known
    assert not any('"P3"' in row for rows in steps[6].built.values() for (row,) in rows)
    assert steps[7].built["marts.fct_cell_sums"] != steps[6].built["marts.fct_cell_sums"]
    hashes = [
        {json.loads(row)["definition_hash"] for (row,) in steps[b].built["marts.fct_indicator_values"]} for b in (6, 7)
    ]
    assert len(hashes[0] ^ hashes[1]) == 2


def test_indicators_by_month_read_nothing_else_than_what_their_months_are_known_by(story: Story) -> None:
    manifest = json.loads((dbt_target(story.settings) / "manifest.json").read_text(encoding="utf-8"))
    text = (PROJECT / "macros" / "contribution_months.sql").read_text(encoding="utf-8")
    names = set(
        re.findall(r"'(indicator_[a-z0-9_]+)'", text.split("macro indicators_by_month()")[1].split("endmacro")[0])
    )
    assert len(names) == 12
    read = {name: manifest["nodes"][f"model.lakou.{name}"]["depends_on"]["nodes"] for name in names}
    allowed = {"fct_counted_participations", "fct_funding", "dim_parameter", "dim_programme", "dim_territory"}
    assert {node.rpartition(".")[2] for nodes in read.values() for node in nodes} == allowed
    others = {
        name.rpartition(".")[2]
        for name, node in manifest["nodes"].items()
        if "/indicators/" in node["original_file_path"]
        and node["resource_type"] == "model"
        and "model.lakou.fct_counted_participations" in node["depends_on"]["nodes"]
    } - names
    # these join people with what came elsewhere: all of their rows are read at each build
    assert others == {
        "indicator_a1_04b",
        "indicator_a3_02",
        "indicator_a3_04",
        "indicator_a3_04b",
        "indicator_a3_04c",
        "indicator_a5_02",
        "indicator_a5_04",
        "indicator_a5_07",
    }
