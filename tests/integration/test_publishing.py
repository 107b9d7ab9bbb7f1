"""Publication: audited before it is seen, moved at once, and what fails keeps its last good figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from expectations.published import CHECKS
from expectations.runner import audit_publication
from ingestion.closing import close_period
from ingestion.database import connect
from ingestion.errors import LakouError, PublicationHeld
from ingestion.publishing import SOURCES, Failure, publish
from ingestion.retention import prune
from ingestion.settings import Settings
from tests.conftest import new_platform

INDICATORS = ("indicator_a1_01", "indicator_a1_06")
TABLES = ("indicator_values", "indicators", "territories", "partners", "deliveries", "commitments")
MARTS = {table: source.removeprefix("marts.") for table, source in SOURCES.items() if source.startswith("marts.")}


@pytest.fixture(scope="module")
def warehouse(postgres: tuple[Path, int, str], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A database of its own whose marts are hand-made: two indicators in one quarter."""
    _, port, password = postgres
    settings = new_platform(
        tmp_path_factory.getbasetemp() / "platforms0" / "publishing", port, password, "lakou_publishing"
    )
    with connect(settings, "lakou_admin") as connection:
        for table, mart in MARTS.items():
            dropped = "drop column publication_id" + (
                ", drop column origin_publication_id" if table == "indicator_values" else ""
            )
            connection.execute(f"create table marts.{mart} (like published.{table})".encode())
            connection.execute(f"alter table marts.{mart} {dropped}".encode())
        connection.execute(
            "create table marts.fct_rejected_rows (programme_code text, partner_code text, feed text, period text,"
            " rule_id text, delivery_id text, row_number int)"
        )
        connection.execute("create table marts.dim_parameter (parameter_code text, value text, is_current boolean)")
        connection.execute("alter table marts.dim_indicator add column smallest_n integer")
        for view in INDICATORS:
            connection.execute(
                f"create table marts.{view} (programme_code text, partner_code text, commune_code text, epci_code text,"
                " members text[], subject_key text, occurred_on date, counted_until date, num numeric)".encode()
            )
        for mart in (*MARTS.values(), *INDICATORS, "fct_rejected_rows", "dim_parameter"):
            connection.execute(f"alter table marts.{mart} owner to lakou_dbt".encode())
            connection.execute(f"grant select on marts.{mart} to lakou_publisher".encode())
    return settings


@pytest.fixture
def marts(warehouse: Settings, postgres: tuple[Path, int, str]) -> Iterator[Settings]:
    """The hand-made marts, filled and never published."""
    with connect(warehouse, "lakou_admin") as admin:
        admin.execute("truncate ops.builds, ops.publications, ops.marts_state, ops.partners restart identity cascade")
        admin.execute("insert into ops.builds (build_id, business_date, state) values (1, '2026-11-15', 'TERMINE')")
        admin.execute("insert into ops.marts_state (build_id, as_of_build, is_complete) values (1, 1, true)")
    with connect(warehouse, "lakou_publisher") as publisher:
        for (name,) in publisher.execute(
            "select tablename from pg_tables where schemaname = 'published' and tablename ~ '_p[0-9]+$'"
        ).fetchall():
            publisher.execute(f"drop table published.{name}".encode())
        publisher.execute(
            "truncate published.publications, published.pointer, published.withheld, published.hidden_figures"
        )
    with connect(warehouse, "lakou_dbt") as dbt:
        for mart in (*MARTS.values(), "fct_rejected_rows", "dim_parameter"):
            dbt.execute(f"truncate marts.{mart}".encode())
        dbt.execute(
            "insert into marts.dim_parameter values ('k', '11', true), ('k_firms', '3', true), ('dominance_share', '0.85', true)"
        )
        for code, unit, aggregation in (("A1-01", "personnes", "distinct"), ("A1-06", "ratio", "ratio")):
            dbt.execute(
                "insert into marts.dim_indicator values (%s, 'Libellé', 'formule', 'h', %s, '↑', %s, 'fin', 'lieu',"
                " 'data', 'n≥11', 1, %s, 'flow', 'quarter', 'persons', 'réalisation')",
                [code, unit, aggregation, code],
            )
        people, rate = "A1-01", "A1-06"
        for code, level, place, value, num, den, n, unit, state in (
            (people, "region", "02", 40, 40, None, 40, "personnes", "MESURE"),
            (people, "epci", "249720061", 30, 30, None, 30, "personnes", "MESURE"),
            (people, "epci", "249720053", 7, 7, None, 7, "personnes", "SUPPRIME_K"),
            (rate, "region", "02", 0.75, 30, 40, 35, "ratio", "MESURE"),
        ):
            dbt.execute(
                "insert into marts.fct_indicator_values values ('MQ', %s, 'h', 'counted', 'quarter', '2026-07-01', %s, %s,"
                " 'TOTAL', 'TOTAL', 'TOTAL', %s, %s, %s, %s, null, null, %s, null, 1, %s)",
                [code, level, place, value, num, den, n, unit, state],
            )
        dbt.execute("insert into marts.dim_territory values ('region', '02', 'Martinique', null, 1)")
        dbt.execute("insert into marts.dim_partner values ('KABIA', 'Kabia', 'CABINET', 'MQ', true)")
        dbt.execute(
            "insert into marts.fct_deliveries values ('MQ', 'KABIA', 'F02', '2026-09', '2026-09-01', '2026-09-30',"
            " '2026-10-10', 'D', now(), true, true, true, false, false, 'ACCEPTÉ', 10, 8, 1, 1)"
        )
        dbt.execute("insert into marts.fct_rejected_rows values ('MQ', 'KABIA', 'F02', '2026-09', 'LISTE', 'D', 4)")
        dbt.execute(
            "insert into marts.fct_commitments (commitment_id, programme_code, programme_label, action_line, kind, nature,"
            " label, excerpt, state, document_title, document_publisher)"
            " values ('MQ-1', 'MQ', 'M', 'a', 'k', 'promesse', 'l', 'extrait', 'x', 'titre', 'éditeur')"
        )
    return warehouse


def read(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    """What Superset's role reads."""
    with connect(settings, "lakou_reader") as reader:
        return reader.execute(query.encode()).fetchall()


def change(settings: Settings, statement: str) -> None:
    """Break something in the marts."""
    with connect(settings, "lakou_dbt") as dbt:
        assert dbt.execute(statement.encode()).rowcount > 0


def next_build(settings: Settings, build: int) -> None:
    """Pretend that a build ended."""
    with connect(settings, "lakou_admin") as admin:
        admin.execute(
            "insert into ops.builds (build_id, business_date, state) values (%s, '2026-11-15', 'TERMINE')", [build]
        )
        admin.execute("update ops.marts_state set build_id = %s, as_of_build = %s", [build, build])


def test_a_publication_is_seen_whole_and_its_secrets_are_not(marts: Settings) -> None:
    summary = publish(marts, audit_publication)
    assert summary.values == 4
    shown = read(
        marts, "select indicator_code, territory_code, value, n, state from pub.indicator_values order by 1, 2"
    )
    assert ("A1-01", "249720053", None, None, "SUPPRIME_K") in shown
    assert [row[2] for row in shown if row[1] == "02"] == [40, pytest.approx(0.75)]
    assert read(marts, "select state, withheld_indicators from pub.publication") == [("PUBLIEE", 0)]
    assert read(marts, "select rule_id, rows_rejected from pub.rejections") == [("LISTE", 1)]
    again = publish(marts, audit_publication)
    assert (again.publication_id, again.is_new) == (summary.publication_id, False)


BREAKS = {
    "every_indicator_has_values": ("delete from marts.fct_indicator_values where indicator_code = 'A1-06'", "TOUS"),
    "values_exist": ("delete from marts.fct_indicator_values", "TOUS"),
    "margins_are_unique": (
        "insert into marts.fct_indicator_values select * from marts.fct_indicator_values where indicator_code = 'A1-06'",
        "A1-06",
    ),
    "state_is_known": ("update marts.fct_indicator_values set state = 'AUTRE' where indicator_code = 'A1-06'", "A1-06"),
    "value_is_not_negative": (
        "update marts.fct_indicator_values set numerator = -1 where territory_level = 'epci' and state = 'MESURE'",
        "A1-01",
    ),
    "ratio_is_within_bounds": (
        "update marts.fct_indicator_values set value = 1.5, numerator = 60 where indicator_code = 'A1-06'",
        "A1-06",
    ),
    "ratio_is_its_parts": ("update marts.fct_indicator_values set value = 0.5 where indicator_code = 'A1-06'", "A1-06"),
    "completeness_is_a_share": (
        "update marts.fct_indicator_values set completeness = 1.2 where indicator_code = 'A1-06'",
        "A1-06",
    ),
    "small_cells_are_suppressed": (
        # with other figures: what was hidden stays hidden while it does not change
        "update marts.fct_indicator_values set state = 'MESURE', n = 6, value = 6, numerator = 6"
        " where state = 'SUPPRIME_K'",
        "A1-01",
    ),
    "a_figure_has_a_state_that_says_so": (
        "update marts.fct_indicator_values set state = 'NON_REMIS' where indicator_code = 'A1-06'",
        "A1-06",
    ),
    "no_part_exceeds_the_whole": (
        "update marts.fct_indicator_values set value = 50, numerator = 50, n = 50 where territory_code = '249720061'",
        "A1-01",
    ),
    "deliveries_add_up": ("update marts.fct_deliveries set rows_accepted = 9", "TOUS"),
    "promises_have_a_source": ("update marts.fct_commitments set excerpt = ''", "TOUS"),
}


BROKEN_WITH_CLOSINGS = {
    "causes_explain_the_difference",
    "a_restatement_tells_no_secret",
    "every_restatement_is_explained",
}


def test_every_critical_check_is_broken_below() -> None:
    # what is suppressed is emptied by the copy itself: the next test breaks that check in the candidate; those that
    # look at closings are broken where there are some
    critical = {check.name for check in CHECKS if check.severity == "critical"}
    assert critical == set(BREAKS) | {"secret_is_kept", "no_secret_is_left_alone"} | BROKEN_WITH_CLOSINGS


@pytest.mark.parametrize("check", BREAKS)
def test_what_a_failed_check_concerns_keeps_its_last_good_figures(marts: Settings, check: str) -> None:
    publish(marts, audit_publication)
    good = read(marts, "select * from pub.indicator_values order by indicator_code, territory_code")
    statement, concerned = BREAKS[check]
    change(marts, statement)
    next_build(marts, 2)
    with pytest.raises(PublicationHeld) as held:
        publish(marts, audit_publication)
    reason = next(one.reason for one in CHECKS if one.name == check)
    assert reason in str(held.value)
    now = read(marts, "select * from pub.indicator_values order by indicator_code, territory_code")
    assert [row[1:] for row in now if concerned in {"TOUS", row[2]}] == [
        row[1:] for row in good if concerned in {"TOUS", row[2]}
    ]
    state, banner = read(marts, "select state, banner from pub.publication")[0]
    assert state == ("RETENUE" if concerned == "TOUS" else "PARTIELLE")
    assert reason in banner
    assert (concerned,) in read(marts, "select indicator_code from pub.withheld")
    with connect(marts, "lakou_admin") as admin:
        assert admin.execute(
            "select success from ops.quality_results where expectation = %s order by result_id desc", [check]
        ).fetchone() == (False,)


def test_a_secret_that_the_copy_would_show_is_held(marts: Settings) -> None:
    publish(marts, audit_publication)
    next_build(marts, 2)

    def leak(settings: Settings, publication_id: int, build_id: int) -> list[Failure]:
        with connect(settings, "lakou_publisher") as publisher:
            publisher.execute(
                f"update published.indicator_values_p{publication_id} set value = 7 where state = 'SUPPRIME_K'".encode()
            )
        return audit_publication(settings, publication_id, build_id)

    with pytest.raises(PublicationHeld, match="secret statistique"):
        publish(marts, leak)
    assert read(marts, "select value from pub.indicator_values where state = 'SUPPRIME_K'") == [(None,)]


def test_a_secret_that_its_total_gives_back_is_held(marts: Settings) -> None:
    change(
        marts,
        "update marts.fct_indicator_values set value = 37, numerator = 37, n = 37"
        " where indicator_code = 'A1-01' and territory_level = 'region'",
    )

    def leak(settings: Settings, publication_id: int, build_id: int) -> list[Failure]:
        with connect(settings, "lakou_publisher") as publisher:
            shown = publisher.execute(
                f"update published.indicator_values_p{publication_id} as v set state = 'MESURE', value = m.value,"
                " numerator = m.numerator, n = m.n from marts.fct_indicator_values as m"
                " where v.state = 'SUPPRIME_SECONDAIRE' and v.territory_code = m.territory_code"
                " and v.indicator_code = m.indicator_code".encode()
            )
            assert shown.rowcount == 1
        return audit_publication(settings, publication_id, build_id)

    with pytest.raises(PublicationHeld, match="se déduit de son total"):
        publish(marts, leak)
    next_build(marts, 2)
    publish(marts, audit_publication)
    assert read(marts, "select state from pub.indicator_values where territory_code = '249720061'") == [
        ("SUPPRIME_SECONDAIRE",)
    ]
    for schema in ("published", "marts"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            read(
                marts, f"select * from {schema}.{'hidden_figures' if schema == 'published' else 'fct_indicator_values'}"
            )


def test_mended_figures_are_published_and_the_banner_goes(marts: Settings) -> None:
    publish(marts, audit_publication)
    change(marts, "update marts.fct_indicator_values set value = 0.5 where indicator_code = 'A1-06'")
    next_build(marts, 2)
    with pytest.raises(PublicationHeld):
        publish(marts, audit_publication)
    change(marts, "update marts.fct_indicator_values set numerator = 20 where indicator_code = 'A1-06'")
    publish(marts, audit_publication)
    assert read(marts, "select state, banner, withheld_indicators from pub.publication") == [("PUBLIEE", "", 0)]
    assert read(marts, "select value from pub.indicator_values where indicator_code = 'A1-06'") == [
        (pytest.approx(0.5),)
    ]


def test_a_publication_killed_half_way_shows_nothing_and_leaves_nothing(marts: Settings) -> None:
    publish(marts, audit_publication)
    next_build(marts, 2)

    def die(settings: Settings, publication_id: int, build_id: int) -> list[Failure]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(marts, die)
    assert read(marts, "select publication_id, build_id from pub.publication") == [(1, 1)]
    publish(marts, audit_publication)
    assert read(marts, "select publication_id, build_id from pub.publication") == [(3, 2)]
    with connect(marts, "lakou_admin") as admin:
        assert admin.execute("select to_regclass('published.indicator_values_p2')").fetchone() == (None,)


def test_a_reader_in_the_middle_keeps_its_publication_and_blocks_nobody(marts: Settings) -> None:
    publish(marts, audit_publication)
    with connect(marts, "lakou_reader") as reader:
        reader.execute("declare c cursor for select publication_id from pub.indicator_values")
        first = reader.execute("fetch 1 from c").fetchall()
        next_build(marts, 2)
        publish(marts, audit_publication)
        assert {number for (number,) in first + reader.execute("fetch all from c").fetchall()} == {1}
    assert read(marts, "select distinct publication_id from pub.indicator_values") == [(2,)]


def test_an_earlier_build_or_an_unfinished_one_is_not_published(marts: Settings) -> None:
    next_build(marts, 2)
    with connect(marts, "lakou_admin") as admin:
        admin.execute("update ops.marts_state set as_of_build = 1")
    with pytest.raises(LakouError, match="build 1 again"):
        publish(marts, audit_publication)
    with connect(marts, "lakou_admin") as admin:
        admin.execute("update ops.marts_state set as_of_build = 2, is_complete = false")
    with pytest.raises(LakouError, match="has not ended well"):
        publish(marts, audit_publication)


def test_the_reader_can_neither_write_nor_see_behind_pub(marts: Settings) -> None:
    publish(marts, audit_publication)
    for statement in (
        "select * from published.indicator_values",
        "select * from marts.fct_indicator_values",
        "select * from ops.partners",
        "create table public.x ()",
        "delete from pub.indicator_values",
    ):
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
            read(marts, statement)


def test_a_check_that_cannot_be_evaluated_has_failed(marts: Settings) -> None:
    publish(marts, audit_publication)
    next_build(marts, 2)
    # which of two thresholds?
    change(marts, "insert into marts.dim_parameter values ('k', '12', true)")
    with pytest.raises(PublicationHeld, match="n'a pas pu être évalué"):
        publish(marts, audit_publication)
    assert read(marts, "select state from pub.publication") == [("RETENUE",)]


def _publications(settings: Settings) -> set[int]:
    """Publications whose figures are there."""
    with connect(settings, "lakou_publisher") as publisher:
        names = publisher.execute(
            "select tablename from pg_tables where schemaname = 'published' and tablename ~ '_p[0-9]+$'"
        ).fetchall()
    return {int(name.rpartition("_p")[2]) for (name,) in names}


@pytest.fixture
def five_publications(marts: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Two old ones, one of which a closing pins, an old one of the last day kept, a young one and the current one."""
    monkeypatch.setenv("LAKOU_TODAY", "2026-11-15")
    for build in range(1, 6):
        if build > 1:
            next_build(marts, build)
        publish(marts, audit_publication)
    with connect(marts, "lakou_admin") as admin:
        for number, day in enumerate(("2026-08-14", "2026-08-14", "2026-08-15", "2026-11-01", "2026-08-14"), start=1):
            admin.execute(
                "update published.publications set business_date = %s where publication_id = %s", [day, number]
            )
        admin.execute(
            "insert into ops.closings (closing_id, programme_code, period, version, period_grain, period_start, period_end,"
            " publication_id, build_id, closed_after_build, closed_on, reason, parameters_hash, perimeter_hash) values"
            " ('MQ-2026-T2-v1', 'MQ', '2026-T2', 1, 'quarter', '2026-04-01', '2026-06-30', 2, 2, 2, '2026-08-14', '', '', '')"
        )
    yield marts
    with connect(marts, "lakou_admin") as admin:
        admin.execute("alter table ops.closings disable trigger user")
        admin.execute("delete from ops.closings")
        admin.execute("alter table ops.closings enable trigger user")


def test_old_publications_go_but_those_that_a_closing_pins_or_everybody_reads(five_publications: Settings) -> None:
    settings = five_publications
    before = read(settings, "select * from pub.indicator_values order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")
    assert prune(settings, dry_run=True).publications == (1,)
    assert _publications(settings) == {1, 2, 3, 4, 5}
    assert prune(settings).publications == (1,)
    assert _publications(settings) == {2, 3, 4, 5}
    assert prune(settings).publications == ()
    assert read(settings, "select * from pub.indicator_values order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11") == before
    change(settings, "insert into marts.dim_parameter values ('publications_kept_days', '10', true)")
    assert prune(settings).publications == (3, 4)
    with pytest.raises(LakouError, match="kept no longer"):
        close_period(settings, "MQ", "2026-T1", publication_id=3)


def test_a_reader_holds_no_pruning_up_for_ever_and_a_pruning_killed_half_way_is_taken_up(
    five_publications: Settings,
) -> None:
    settings = five_publications
    with connect(settings, "lakou_reader") as reader:
        reader.execute("select * from pub.indicator_values")
        with connect(settings, "lakou_publisher") as killed:
            killed.autocommit = True
            killed.execute("set statement_timeout = '500ms'")
            # it waits for the reader, and dies there
            with pytest.raises(psycopg.errors.QueryCanceled):
                killed.execute(
                    "alter table published.indicator_values detach partition published.indicator_values_p1 concurrently"
                )
        assert reader.execute("select count(*) from pub.indicator_values").fetchone() == (4,)
    assert prune(settings).publications == (1,)
    assert _publications(settings) == {2, 3, 4, 5}


def test_old_landed_files_lose_their_keys_unless_a_row_still_waits(clean: Settings) -> None:
    with connect(clean, "lakou_admin") as admin:
        for name, age, awaiting, path in (
            ("OLD", 91, 0, "a.age"),
            ("YOUNG", 89, 0, "b.age"),
            ("WAITS", 91, 1, "c.age"),
            ("SHARED", 91, 0, "d.age"),
            ("SHARES", 1, 0, "d.age"),
        ):
            admin.execute(
                "insert into ops.partners (partner_code, name, kind, programme_code, feeds) values"
                " ('ORG', 'O', 'ORGANISME_FORMATION', 'MQ', array['F02']) on conflict do nothing"
            )
            admin.execute(
                "insert into ops.deliveries (delivery_id, feed, partner_code, file_name, period, period_start, period_end,"
                " version, sha256, size_bytes, received_at, state, rows_received, rows_accepted, rows_awaiting, rows_rejected)"
                " values (%s, 'F02', 'ORG', 'f.csv', '2026-01', '2026-01-01', '2026-01-31', 1, %s, 1, now(), 'ACCEPTÉ', 1, %s, %s, 0)",
                [name, name, 1 - awaiting, awaiting],
            )
            admin.execute(
                "insert into ops.landing_files (delivery_id, path, wrapped_key, stored_at)"
                " values (%s, %s, 'k', now() - make_interval(days => %s))",
                [name, path, age],
            )
    assert prune(clean, dry_run=True).landed_files == 1
    assert prune(clean).landed_files == 1
    with connect(clean) as connection:
        gone = connection.execute("select delivery_id from ops.landing_files where wrapped_key is null").fetchall()
    assert gone == [("OLD",)]
    assert prune(clean).landed_files == 0
