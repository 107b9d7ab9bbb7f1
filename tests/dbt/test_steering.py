"""Targets, progress, commitments and roles on a real PostgreSQL, from raw rows to what is published."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

from ingestion.building import PROJECT, build, dbt_environment, dbt_target, environment
from ingestion.contracts import load_contracts
from ingestion.database import connect
from ingestion.demo.install import set_business_date
from ingestion.publishing import publish
from ingestion.settings import CHECKOUT, Settings
from ingestion.silencing import MARGIN, silence

QUARTERS = {
    "2025-T3": (dt.date(2025, 7, 1), dt.date(2025, 9, 30)),
    "2025-T4": (dt.date(2025, 10, 1), dt.date(2025, 12, 31)),
    "2026-T1": (dt.date(2026, 1, 1), dt.date(2026, 3, 31)),
}
Rows = list[tuple[Any, ...]]
Row = dict[str, str | None]


def _deliver(connection: psycopg.Connection, feed: str, period: str, rows: Sequence[Row]) -> None:
    """One accepted delivery of the partner that sends the feed, loaded and waiting for its build."""
    start, end = QUARTERS[period]
    partner = "COM" if feed.startswith("G") else "ORG"
    delivery = f"{feed}-{period}"
    connection.execute(
        "insert into ops.deliveries (delivery_id, feed, partner_code, file_name, period, period_start, period_end,"
        " version, sha256, size_bytes, received_at, state, rows_received, rows_accepted, rows_rejected)"
        " values (%s, %s, %s, 'f.csv', %s, %s, %s, 1, %s, 1, %s, 'ACCEPTÉ', %s, %s, 0)",
        [delivery, feed, partner, period, start, end, delivery, f"{end} 12:00Z", len(rows), len(rows)],
    )
    load = connection.execute(
        "insert into ops.loads (delivery_id, kind, rows_accepted) values (%s, 'LIVRAISON', %s) returning load_id",
        [delivery, len(rows)],
    ).fetchone()
    assert load is not None
    for number, row in enumerate(rows, start=2):
        technical = {
            "programme_code": "MQ",
            "_load_id": load[0],
            "_delivery_id": delivery,
            "_row_number": number,
            "_row_hash": f"{delivery}{number}",
        }
        values = row | technical
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        table = load_contracts()[feed].raw_table
        connection.execute(f"insert into raw.{table} ({names}) values ({marks})", list(values.values()))


def _session(period: str) -> Row:
    ends_on = QUARTERS[period][1].replace(day=15).isoformat()
    return {
        "session_id": f"S-{period}",
        "action_code": "MQ-A1",
        "intitule": "S",
        "modalite": "ATELIER",
        "date_debut": ends_on,
        "date_fin": ends_on,
        "duree_prevue_h": "7",
        "code_commune": "97209",
    }


def _participation(person: int, period: str) -> Row:
    return {
        "objet_type": "SESSION",
        "objet_id": f"S-{period}",
        "_object_partner_code": "ORG",
        "sexe": "F",
        "statut_pro": "SALARIE",
        "niveau_diplome": "5",
        "code_commune_residence": "97213",
        "statut": "TERMINE",
        "duree_suivie_h": "3.5",
        "tranche_age": "30-44",
        "canal_orientation": "EPCI",
        "person_key_1": f"k{person}",
    }


def _note(number: int) -> Row:
    return {
        "action_id": f"N{number}",
        "type": "NOTE_VEILLE",
        "theme": "USAGES",
        "statut": "TENU",
        "date": "2026-02-10",
        "public": "TOUT_PUBLIC",
    }


def _target(indicator: str, target: str) -> Row:
    return {
        "indicateur": indicator,
        "perimetre": "Région entière",
        "cible": target,
        "type_cible": "CUMUL",
        "date_cible": "2026-12-31",
        "decision_id": "DEC-1",
        "_object_partner_code": "COM",
    }


def _tell(connection: psycopg.Connection) -> None:
    """Three quarters: 12 people, the same 12 and three more, five others; no certification; no events' file; three notes."""
    connection.execute(
        "insert into ops.partners (partner_code, name, kind, programme_code, feeds) values"
        " ('ORG', 'Organisme', 'ORGANISME_FORMATION', 'MQ', array['F01', 'F02', 'F03', 'F08', 'F11']),"
        " ('COM', 'Comité', 'SECRETARIAT', 'MQ', array['G02', 'G04'])"
    )
    for period, (start, end) in QUARTERS.items():
        connection.execute(
            "insert into ops.expected_deliveries select 'ORG', feed, %s, %s, %s, %s"
            " from unnest(array['F01', 'F02', 'F03', 'F08', 'F11']) as feed",
            [period, start, end, end + dt.timedelta(days=10)],
        )
        people = {"2025-T3": range(12), "2025-T4": range(15), "2026-T1": range(20, 25)}[period]
        _deliver(connection, "F01", period, [_session(period)])
        _deliver(connection, "F02", period, [_participation(person, period) for person in people])
        _deliver(connection, "F03", period, [])
        _deliver(connection, "F11", period, [_note(n) for n in range(3)] if period == "2026-T1" else [])
    decision: Row = {
        "seance": "2025-09-10",
        "seance_prevue": "2025-09-10",
        "decision_id": "DEC-1",
        "libelle": "Fixer les cibles",
        "responsable": "Comité",
        "statut": "EXECUTEE",
        "date_execution": "2025-09-11",
    }
    _deliver(connection, "G04", "2025-T3", [decision])
    _deliver(connection, "G02", "2025-T3", [_target(code, "50") for code in ("A1-01", "A1-02", "A3-01")])


def _empty(connection: psycopg.Connection) -> None:
    tables = connection.execute(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('raw', 'quarantine', 'ops')"
    ).fetchall()
    connection.execute(f"truncate {', '.join(name for (name,) in tables)} restart identity cascade")


@pytest.fixture(scope="module")
def published(settings: Settings) -> Iterator[Settings]:
    """The story of `_tell`, built on 20 April 2026 and published."""
    with connect(settings, "lakou_admin") as connection:
        _empty(connection)
        connection.execute("delete from published.pointer")
        _tell(connection)
    set_business_date(settings, dt.date(2026, 4, 20))
    build(settings, lambda *_: {}, full=True)
    publish(settings, lambda *_: [])
    yield settings
    with connect(settings, "lakou_admin") as connection:
        _empty(connection)


def _query(settings: Settings, text: str, role: str = "lakou_reader") -> Rows:
    with connect(settings, role) as connection:
        return connection.execute(text).fetchall()


def _dbt(settings: Settings, *arguments: str) -> Any:
    from dbt.cli.main import dbtRunner

    where = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(dbt_target(settings))]
    with environment(dbt_environment(settings)), pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKOU_AS_OF_BUILD", "1")
        patch.setenv("LAKOU_SINCE_BUILD", "1")
        return dbtRunner().invoke(["--quiet", "--log-path", str(settings.logs), *arguments, *where])


# --------------------------------------------------------------------------------------------------------- the states

REGION = "territory_level = 'region' and partner_code = 'TOTAL' and axis = 'TOTAL' and measure = 'counted'"
QUARTER = "period_grain = 'quarter' and period_start = '2026-01-01'"


def test_zero_missing_suppressed_and_no_target_are_four_states(published: Settings) -> None:
    figures = _query(
        published,
        "select indicator_code, value::float, state from pub.indicator_values"
        f" where indicator_code in ('A1-01', 'A1-02', 'A3-01', 'A4-09') and {REGION} and {QUARTER} order by 1",
    )
    assert figures == [
        ("A1-01", None, "SUPPRIME_K"),
        ("A1-02", 0.0, "ZERO_MESURE"),
        ("A3-01", None, "NON_REMIS"),
        ("A4-09", 3.0, "MESURE"),
    ]
    progress = _query(
        published,
        "select indicator_code, actual::float, progress::float, state, rag, reason from pub.progress"
        f" where indicator_code in ('A1-01', 'A1-02', 'A3-01', 'A4-09') and {REGION} and {QUARTER} order by 1",
    )
    assert progress == [
        ("A1-01", None, None, "SUPPRIME_K", "GRIS", "secret statistique"),
        # nothing done for the third period is a zero, and red; nothing told is grey
        ("A1-02", 0.0, 0.0, "ZERO_MESURE", "ROUGE", "en retard deux périodes de suite"),
        ("A3-01", None, None, "NON_REMIS", "GRIS", "données non remises"),
        ("A4-09", 3.0, None, "CIBLE_NON_FIXEE", "GRIS", "cible non fixée"),
    ]


def test_a_cumulated_target_counts_people_once(published: Settings) -> None:
    rows = _query(
        published,
        "select period_start::text, actual::float, target::float, state, is_provisional from marts.fct_indicator_progress"
        f" where indicator_code = 'A1-01' and period_grain = 'quarter' and {REGION} order by 1",
        "lakou_dbt",
    )
    assert rows == [
        ("2025-07-01", 12.0, 50.0, "MESURE", False),
        # the same twelve people and three more are 15 in all, not 27
        ("2025-10-01", 15.0, 50.0, "MESURE", False),
        ("2026-01-01", None, 50.0, "SUPPRIME_K", False),
        ("2026-04-01", None, 50.0, "NON_APPLICABLE", True),
    ]


def test_the_target_in_force_names_its_decision(published: Settings) -> None:
    rows = _query(
        published,
        "select distinct decision_id, decided_on::text, due_on::text, counted_from::text from pub.progress"
        " where indicator_code = 'A1-02' and target is not null",
    )
    assert rows == [("DEC-1", "2025-09-10", "2026-12-31", "2024-01-01")]


def test_a_short_history_makes_no_forecast(published: Settings) -> None:
    rows = _query(published, "select state, median, probability from pub.forecasts where indicator_code = 'A1-01'")
    assert rows == [("HISTORIQUE_INSUFFISANT", None, None)]


# ------------------------------------------------------------------------------------------------------ the programmes


@pytest.fixture(scope="module")
def ledger_check(published: Settings) -> str:
    """The dbt test of the ledger, as SQL: the rows that it finds."""
    assert _dbt(published, "compile", "--select", "commitments_stand_on_rows").success
    [path] = (dbt_target(published) / "compiled").rglob("commitments_stand_on_rows.sql")
    return path.read_text(encoding="utf-8")


def test_every_claim_has_a_state_and_a_row(published: Settings, ledger_check: str) -> None:
    assert _query(published, "select count(*), count(stands_on_kind), count(stands_on) from pub.commitments") == [
        (117, 117, 117)
    ]
    assert _query(published, ledger_check, "lakou_dbt") == []


@pytest.mark.parametrize(
    ("table", "lost", "claim"),
    [
        ("fct_commitments", "commitment_id = 'IDF-M6'", "IDF-M6"),
        ("fct_indicator_values", "indicator_code = 'A1-08' and territory_level = 'region'", "MQ-A1.W1"),
        ("fct_targets", "indicator_code in ('A1-01', 'A1-02')", "MQ-A1.I1"),
        ("fct_roles", "commitment_id = 'MQ-A3.R2'", "MQ-A3.R2"),
        ("dim_action_line", "action_code = 'MQ-A1'", "MQ-A1"),
    ],
)
def test_a_claim_that_loses_its_state_or_its_row_is_found(
    published: Settings, ledger_check: str, table: str, lost: str, claim: str
) -> None:
    with connect(published, "lakou_dbt") as connection, connection.transaction(force_rollback=True):
        connection.execute(f"delete from marts.{table} where {lost}")
        assert claim in {found[0] for found in connection.execute(ledger_check).fetchall()}


def test_sums_of_the_source_that_do_not_add_up_are_shown(published: Settings) -> None:
    rows = _query(
        published,
        "select envelope_id, low_gap_eur::int, high_gap_eur::int, adds_up from pub.envelope_balances"
        " where programme_code = 'OCC' order by amount_eur desc",
    )
    assert rows == [
        ("OCC-B60", 0, 0, True),
        ("OCC-B55", 4_000_000, 14_000_000, False),
        ("OCC-B22", 12_000_000, 22_000_000, False),
    ]


def test_roles_promised_stand_beside_roles_done(published: Settings) -> None:
    rows = _query(
        published, "select commitment_id, acts_at_least, state from pub.roles where state = 'TENU' order by 1"
    )
    assert rows == [("MQ-A1.R1", 0, "TENU"), ("MQ-A1.R3", 30, "TENU")]
    assert _query(published, "select action_code, count(distinct actor) from pub.roles group by 1 order by 1") == [
        (f"MQ-A{number}", 3) for number in range(1, 6)
    ]


def test_programmes_that_count_differently_are_not_compared(published: Settings) -> None:
    rows = _query(
        published,
        "select is_comparable, reason from pub.comparability"
        " where indicator_code = 'A1-01' and programme_code = 'MQ' and other_code = 'MGP'",
    )
    [(is_comparable, reason)] = rows
    assert not is_comparable
    assert "Agents publics des communes" in reason
    assert _query(
        published,
        "select count(*) from pub.comparability where other_kind = 'REPERE' and is_comparable"
        " and (coalesce(other_field, '') = '' or coalesce(other_vintage, '') = '')",
    ) == [(0,)]


def test_the_committee_s_sessions_are_held_or_missed(published: Settings) -> None:
    rows = _query(
        published,
        "select span_start::text, sessions_held, executed_in_time, state from pub.committee_sessions"
        " where span_start >= '2025-07-01' order by 1",
    )
    assert rows == [
        ("2025-07-01", 1, 1, "TENUE"),
        ("2025-10-01", 0, 0, "NON_TENUE"),
        ("2026-01-01", 0, 0, "NON_TENUE"),
        ("2026-04-01", 0, 0, "A_VENIR"),
    ]


# ------------------------------------------------------------------------------------------------------------ secrecy


def _hidden(connection: psycopg.Connection, publication: int, hidden: str) -> None:
    """Candidate tables of a publication: three quarters of a sum with a target, one of them hidden, and a survey."""
    for table in ("indicator_values", "progress", "forecasts", "survey_changes"):
        connection.execute(f"create table published.{table}_p{publication} (like published.{table})")
    margin = "'MQ', %s, 'counted', 'region', '02', 'TOTAL', 'TOTAL', 'TOTAL'"
    for start in ("2026-01-01", "2026-04-01", "2026-07-01"):
        state = "SUPPRIME_SECONDAIRE" if start == hidden else "MESURE"
        for indicator in ("A1-05", "A5-03"):
            connection.execute(
                f"insert into published.indicator_values_p{publication} (publication_id, {', '.join(MARGIN)}, period_grain,"
                " period_start, definition_hash, unit, state, origin_publication_id)"
                f" values (%s, {margin}, 'quarter', %s, 'h', 'u', %s, %s)",
                [publication, indicator, start, state, publication],
            )
        connection.execute(
            f"insert into published.progress_p{publication} (publication_id, {', '.join(MARGIN)}, period_grain,"
            " period_start, target_key, is_main, target, counted_from, rule, unit, actual, progress, ratio, value_state, state, rag,"
            f" reason, is_provisional) values (%s, {margin}, 'quarter', %s, 'T', true, 100, '2026-01-01', 'CHEMIN', 'u',"
            " 10, 0.1, 1, 'MESURE', 'MESURE', 'VERT', 'dans les temps', false)",
            [publication, "A1-05", start],
        )
    connection.execute(
        f"insert into published.forecasts_p{publication} values (%s, 'MQ', 'A1-05', 'T', 'CUMUL', 100, '2026-12-31', 'u', 8,"
        " 'PREVU', 'r', 40, 30, 50, 0.1)",
        [publication],
    )
    for start, before in (("2026-04-01", "2026-01-01"), ("2026-07-01", "2026-04-01")):
        connection.execute(
            f"insert into published.survey_changes_p{publication} (publication_id, {', '.join(MARGIN)}, period_grain,"
            " period_start, previous_period_start, previous_value, value, previous_n_effective, n_effective, change, margin,"
            f" is_significant, reading) values (%s, {margin}, 'quarter', %s, %s, 0.4, 0.5, 500, 500, 0.1, 0.06, true, 'r')",
            [publication, "A5-03", start, before],
        )


@pytest.mark.parametrize(
    ("hidden", "told", "changes"),
    [
        ("", ["2026-01-01", "2026-04-01", "2026-07-01"], ["2026-04-01", "2026-07-01"]),
        # the sum of the third quarter less the third and the first would give the second
        ("2026-04-01", ["2026-01-01"], []),
        ("2026-07-01", ["2026-01-01", "2026-04-01"], ["2026-04-01"]),
    ],
)
def test_what_is_worked_out_says_nothing_of_a_hidden_cell(
    settings: Settings, hidden: str, told: list[str], changes: list[str]
) -> None:
    with connect(settings, "lakou_publisher") as connection, connection.transaction(force_rollback=True):
        _hidden(connection, 990004, hidden)
        silence(connection, 990004)
        shown = connection.execute(
            "select period_start::text from published.progress_p990004"
            " where num_nonnulls(actual, progress, ratio) > 0 and rag = 'VERT' and state = 'MESURE' order by 1"
        ).fetchall()
        silent = connection.execute(
            "select count(*) from published.progress_p990004 where actual is null and rag = 'GRIS'"
            " and state = 'SUPPRIME_SECONDAIRE' and reason = 'secret statistique'"
        ).fetchone()
        forecast = connection.execute(
            "select state, num_nonnulls(median, low, high, probability) from published.forecasts_p990004"
        ).fetchone()
        left = connection.execute(
            "select period_start::text from published.survey_changes_p990004 order by 1"
        ).fetchall()
    assert [start for (start,) in shown] == told
    assert silent == (3 - len(told),)
    assert forecast == (("SUPPRIME_SECONDAIRE", 0) if hidden else ("PREVU", 4))
    assert [start for (start,) in left] == changes


# ----------------------------------------------------------------------------------------------------- reference data


def _seed(name: str) -> list[dict[str, str]]:
    with (PROJECT / "seeds" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_of_roles_is_that_of_the_document() -> None:
    claims = {row["commitment_id"]: row for row in _seed("reference/commitments.csv")}
    roles = _seed("reference/roles_promised.csv")
    assert len({(row["action_code"], row["actor"]) for row in roles}) == len(roles) == 15
    for row in roles:
        assert row["role_label"] == claims[row["commitment_id"]]["label"].replace("d’év", "d'év")
        assert row["commitment_id"].startswith(row["action_code"])


def test_programmes_begin_on_the_day_that_judging_knows() -> None:
    with (CHECKOUT / "ingestion" / "reference" / "programmes.csv").open(encoding="utf-8", newline="") as file:
        judged = {row["code"]: row["start"] for row in csv.DictReader(file)}
    parameters = _seed("catalogue/parameters.csv")
    assert {row["scope"]: row["value"] for row in parameters if row["parameter_code"] == "programme_start"} == judged


def test_every_benchmark_has_its_field_and_its_vintage() -> None:
    assert all(
        row["field"] and row["vintage"] and row["publisher"] for row in _seed("reference/external_benchmarks.csv")
    )
