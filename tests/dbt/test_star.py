"""The star on a real PostgreSQL: what was known when, and full builds that equal incremental ones row for row."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
import yaml

from ingestion.building import PROJECT, dbt_environment, environment, run_dbt, subgraph
from ingestion.database import connect
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
        run_dbt(settings, build, as_of=build, since=build - 1, full=build == 1, touched=touched)
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

    where = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(settings.home / "dbt")]
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
        json.loads((story.settings.home / "dbt" / f"{name}.json").read_text(encoding="utf-8"))
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
