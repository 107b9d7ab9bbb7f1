"""A build after a small delivery beside a build of everything, on many participations (`make bench`).

`LAKOU_BENCH_PARTICIPATIONS` sets how many for a whole build: 100,000 by default, some five minutes on two cores. There, what a
model costs whatever it reads (dbt's own statements, half a second a model) is most of the small build, so that the facts are
built once more by themselves, on as many as `LAKOU_BENCH_FACTS` says: a million by default, ten million in half an hour and 20 GB.
No time is asserted: only what was written, and that it is all there.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult

from ingestion.building import BuildSummary, build, dbt_target
from ingestion.database import connect
from ingestion.demo.install import set_business_date
from ingestion.settings import Settings
from tests.conftest import new_platform

ROWS = int(os.environ.get("LAKOU_BENCH_PARTICIPATIONS", "100000"))
FACT_ROWS = int(os.environ.get("LAKOU_BENCH_FACTS", "1000000"))
MONTHS = 30
SESSIONS = 20
FACTS = ("int_participation_rows", "fct_participations", "dim_participant", "fct_counted_participations")
SUMS = "fct_cell_sums"
VALUES = ("fct_contribution_months", SUMS, "fct_indicator_values")
# what the models set for themselves before they read
HASHED = ("enable_nestloop = off", "enable_mergejoin = off", "enable_sort = off", "work_mem = '256MB'")
SOUGHT = ("enable_hashjoin = off", "enable_mergejoin = off", "work_mem = '256MB'")
# thirty months from January 2024 on, and the month that comes last
DELIVERY = """
with delivery as (
    insert into ops.deliveries (delivery_id, feed, partner_code, file_name, period, period_start, period_end, version,
        sha256, size_bytes, received_at, state, rows_received, rows_accepted, rows_rejected)
    select %(feed)s || to_char(m, '-YYYY-MM'), %(feed)s, 'BANC', 'f.csv', to_char(m, 'YYYY-MM'), m,
        (m + interval '1 month - 1 day')::date, 1, %(feed)s || to_char(m, '-YYYY-MM'), 1, m + interval '40 days',
        'ACCEPTÉ', %(rows)s, %(rows)s, 0
    from (select (date '2024-01-01' + make_interval(months => %(month)s))::date as m) as months
    returning delivery_id
)
insert into ops.loads (delivery_id, kind, rows_accepted)
select delivery_id, 'LIVRAISON', %(rows)s from delivery returning load_id, delivery_id
"""
SESSIONS_OF = """
insert into raw.f01_sessions_formation (programme_code, session_id, action_code, intitule, modalite, date_debut, date_fin,
    duree_prevue_h, code_commune, _load_id, _delivery_id, _row_number, _row_hash)
select 'MQ', format('S%%s-%%s', %(month)s, i), 'MQ-A1', 'Session', 'ATELIER', day, day, '7',
    (array['97209', '97213', '97210', '97222'])[1 + i %% 4], %(load)s, %(delivery)s, i + 2, %(delivery)s || i
from generate_series(0, %(sessions)s - 1) as i,
    lateral (select to_char(date '2024-01-05' + make_interval(months => %(month)s), 'YYYY-MM-DD') as day) as days
"""
PEOPLE_OF = """
insert into raw.f02_participations (programme_code, objet_type, objet_id, sexe, statut_pro, niveau_diplome,
    code_commune_residence, canal_orientation, statut, duree_suivie_h, tranche_age, person_key_1, _object_partner_code,
    _load_id, _delivery_id, _row_number, _row_hash)
select 'MQ', 'SESSION', format('S%%s-%%s', %(month)s, i %% %(sessions)s), (array['F', 'M'])[1 + i %% 2],
    (array['SALARIE', 'DEMANDEUR_EMPLOI', 'ETUDIANT'])[1 + i %% 3], '5',
    (array['97209', '97213', '97210', '97222', '97224'])[1 + i %% 5], 'DIRECT', 'TERMINE', '7',
    (array['15-29', '30-44', '45-59'])[1 + i %% 3], 'k' || (i::bigint * 7919 + %(month)s * 104729) %% %(people)s, 'BANC',
    %(load)s, %(delivery)s, i + 2, %(delivery)s || i
from generate_series(0, %(rows)s - 1) as i
"""


@contextmanager
def opened(postgres: tuple[Path, int, str], home: Path, rows: int) -> Iterator[Settings]:
    """Thirty months of one partner, received but not built."""
    _, port, password = postgres
    settings = new_platform(home, port, password, f"lakou_bench_{rows}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKOU_HOME", str(settings.home))
        patch.setenv("LAKOU_PG_PORT", str(port))
        patch.setenv("LAKOU_PG_DATABASE", settings.pg_database)
        patch.delenv("LAKOU_SECRETS_DIR", raising=False)
        set_business_date(settings, dt.date(2026, 8, 15))
        with connect(settings, "lakou_admin") as admin:
            admin.execute(
                "insert into ops.partners (partner_code, name, kind, programme_code, feeds)"
                " values ('BANC', 'Banc d''essai', 'ORGANISME_FORMATION', 'MQ', array['F01', 'F02'])"
            )
            # a period has values from the first delivery expected on
            admin.execute(
                "insert into ops.expected_deliveries select 'BANC', feed, to_char(m, 'YYYY-MM'), m,"
                " (m + interval '1 month - 1 day')::date, (m + interval '1 month 9 days')::date"
                " from unnest(array['F01', 'F02']) as feed,"
                " generate_series(date '2024-01-01', date '2026-07-01', interval '1 month') as m"
            )
            for month in range(MONTHS):
                _deliver(admin, month, rows // MONTHS, rows // 3)
            admin.execute("analyze")
        yield settings


def _deliver(admin: psycopg.Connection, month: int, rows: int, people: int) -> None:
    given = {"month": month, "rows": rows, "sessions": SESSIONS, "people": max(people, 1)}
    for feed, insert in (("F01", SESSIONS_OF), ("F02", PEOPLE_OF)):
        load = admin.execute(DELIVERY, given | {"feed": feed}).fetchone()
        assert load is not None
        admin.execute(insert, given | {"load": load[0], "delivery": load[1]})


def _seconds(settings: Settings, build_id: int, *models: str) -> float:
    with connect(settings, "lakou_dbt") as connection:
        row = connection.execute(
            "select sum(seconds) from ops.model_runs where build_id = %s and node_id = any(%s)",
            [build_id, [f"model.lakou.{model}" for model in models]],
        ).fetchone()
    assert row is not None
    return float(row[0] or 0)


def _built(settings: Settings, label: str) -> tuple[BuildSummary, float, float, float]:
    begun = time.perf_counter()
    summary = build(settings, lambda _settings, _loads: {})
    wall = time.perf_counter() - begun
    facts, values = (
        (_seconds(settings, summary.build_id, *names) for names in (FACTS, VALUES)) if summary.models else (0.0, 0.0)
    )
    print(
        f"{label:<46}{wall:>9.2f} s   facts {facts:>8.2f} s   values {values:>8.2f} s   {summary.models} models and tests"
    )
    return summary, wall, facts, values


def _alone(settings: Settings, models: Sequence[str], planning: Sequence[str] = ()) -> float:
    """Seconds that the compiled SQL of models takes as the last build ran it, without dbt around it."""
    compiled = dbt_target(settings) / "compiled"
    begun = time.perf_counter()
    for model in models:
        text = next(compiled.rglob(f"{model}.sql")).read_text(encoding="utf-8")
        with connect(settings, "lakou_dbt") as connection:
            for setting in planning:
                connection.execute(f"set local {setting}".encode())
            connection.execute(f"create temporary table alone on commit drop as {text}".encode())
    return time.perf_counter() - begun


class FactsAlone(dbtRunner):
    """dbt as a build starts it, but for the facts and what they are made of, without the tests."""

    def invoke(self, args: list[str], **given: Any) -> dbtRunnerResult:
        place = args.index("--select") if "--select" in args else len(args)
        touched = args[place + 1 :]
        chosen = [f"{one},+{fact}" for one in touched for fact in FACTS] or [f"+{fact}" for fact in FACTS]
        return super().invoke([*args[:place], "--exclude-resource-type", "test", "--select", *chosen], **given)


def _shares(settings: Settings, rows: int) -> tuple[BuildSummary, BuildSummary]:
    """Everything, then a thousandth more: built, told, and beside the same SQL by itself."""
    print(f"\n{rows:,} participations of thirty months".replace(",", "\u202f"))
    beside = "  the compiled SQL by itself"
    whole, _, facts, values = _built(settings, "everything")
    sums = f"   sums   {_alone(settings, [SUMS], HASHED):>8.2f} s" if values else ""
    print(f"{beside:<46}{'':>11}   facts {_alone(settings, FACTS):>8.2f} s{sums}")
    with connect(settings, "lakou_admin") as admin:
        _deliver(admin, MONTHS, max(rows // 1000, 1), rows // 3)
    little, _, more_facts, more_values = _built(settings, "0.1 % more, in a month of its own")
    print(f"{beside:<46}{'':>11}   facts {_alone(settings, FACTS, SOUGHT):>8.2f} s")
    share = f", values {more_values / values:.1%}" if values else ""
    print(f"  a part of everything: facts {more_facts / facts:.1%} (wanted: 3 %){share}")
    with connect(settings, "lakou_dbt") as connection:
        counted = connection.execute("select count(*) from marts.fct_participations").fetchone()
        written = connection.execute(
            "select count(*) from marts.fct_counted_participations where changed_in_build = %s", [little.build_id]
        ).fetchone()
    assert counted == (rows // MONTHS * MONTHS + max(rows // 1000, 1),)
    assert written == (max(rows // 1000, 1),)
    return whole, little


def test_a_small_delivery_against_everything(
    postgres: tuple[Path, int, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with opened(postgres, tmp_path_factory.mktemp("bench") / "home", ROWS) as settings:
        whole, little = _shares(settings, ROWS)
        nothing, *_ = _built(settings, "no new load")
        assert (whole.models > 0, little.models > 0, nothing.models) == (True, True, 0)
        with connect(settings, "lakou_dbt") as connection:
            people = connection.execute(
                "select sum(value) from marts.fct_indicator_values where indicator_code = 'A1-01'"
                " and measure = 'counted' and period_grain = 'month' and territory_level = 'region'"
                " and territory_code = '02' and axis = 'TOTAL'"
            ).fetchone()
    assert people is not None
    assert people[0] > ROWS / MONTHS


def test_the_facts_of_many_participations(
    postgres: tuple[Path, int, str], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbt.cli.main.dbtRunner", FactsAlone)
    with opened(postgres, tmp_path_factory.mktemp("facts") / "home", FACT_ROWS) as settings:
        _shares(settings, FACT_ROWS)
