"""Closings: what was minuted stays to the byte, and what is known otherwise later is explained by cause to the last unit."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from dbt.cli.main import dbtRunner, dbtRunnerResult

from expectations.runner import audit_publication
from ingestion import building, publishing
from ingestion.cli import main
from ingestion.closing import ClosingSummary, close_period
from ingestion.database import connect
from ingestion.errors import LakouError
from ingestion.people import Keys
from ingestion.people_erasing import erase
from ingestion.receive import load_pseudonymiser
from ingestion.settings import Settings
from tests.conftest import new_platform

TODAY = "2026-08-15"
TABLES = {
    "F01": "f01_sessions_formation",
    "F02": "f02_participations",
    "G03": "g03_reperes_preuves",
    "G04": "g04_decisions",
}
CELL = (
    "closing_id, programme_code, indicator_code, measure, period_grain, period_start, territory_level, territory_code,"
    " partner_code, axis, member"
)
Rows = list[tuple[Any, ...]]
Row = dict[str, str | None]


@dataclass
class Story:
    """One platform: what the closings held and what was explained after each publication."""

    settings: Settings
    closings: dict[str, ClosingSummary] = field(default_factory=dict)
    frozen: dict[int, Rows] = field(default_factory=dict)
    compared: dict[int, Rows] = field(default_factory=dict)
    causes: dict[int, Rows] = field(default_factory=dict)
    participants: dict[str, str] = field(default_factory=dict)

    def read(self, query: str, **values: Any) -> Rows:
        """What Superset's role reads."""
        with connect(self.settings, "lakou_reader") as reader:
            return reader.execute(query.encode(), values).fetchall()

    def publish(self) -> int:
        """Build what was delivered, publish it, and keep what the closings say then."""
        building.build(self.settings, _accept, full=not self.frozen)
        number = publishing.publish(self.settings, _audit).publication_id
        self.frozen[number] = self.read(f"select f::text from ({FROZEN}) as f order by 1")
        self.compared[number] = self.read(
            f"select {CELL}, value, known_value, difference, state, known_state, restatement_state from pub.published_values"
        )
        self.causes[number] = self.read(f"select {CELL}, cause, share, difference from pub.restatements")
        return number

    def explained(self, publication: int, closing: str, indicator: str, start: str, grain: str) -> dict[str, Decimal]:
        """Shares of the causes in the programme's own figure."""
        return {
            row[11]: row[12]
            for row in self.causes[publication]
            if row[:3] == (closing, "MQ", indicator)
            and row[3:10] == ("counted", grain, dt.date.fromisoformat(start), "region", "02", "TOTAL", "TOTAL")
        }


FROZEN = (
    f"select {CELL}, definition_hash, value, numerator, denominator, n, low, high, unit, target, completeness, state"
    " from pub.published_values"
)


class _Models(dbtRunner):
    """dbt without the tests of its models."""

    def invoke(self, args: list[str], **kwargs: Any) -> dbtRunnerResult:
        return super().invoke([*args, "--exclude-resource-type", "test"], **kwargs)


def _accept(_settings: Settings, _loads: Sequence[int]) -> dict[str, str]:
    return {}


def _deliver(
    connection: psycopg.Connection,
    partner: str,
    feed: str,
    month: str,
    rows: Sequence[Row],
    *,
    version: int = 1,
) -> str:
    """One delivery, loaded and not yet numbered; a higher version supersedes what was there."""
    start = dt.date.fromisoformat(f"{month}-01")
    end = (start + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)
    delivery = f"{feed}-{partner}-{month}-v{version}"
    connection.execute(
        "insert into ops.deliveries (delivery_id, feed, partner_code, file_name, period, period_start, period_end,"
        " version, sha256, size_bytes, received_at, state, rows_received, rows_accepted)"
        " values (%s, %s, %s, 'f.csv', %s, %s, %s, %s, %s, 1, %s, 'ACCEPTÉ', %s, %s)",
        [delivery, feed, partner, month, start, end, version, delivery, f"{end} 12:00Z", len(rows), len(rows)],
    )
    loaded = connection.execute(
        "insert into ops.loads (delivery_id, kind, rows_accepted) values (%s, 'LIVRAISON', %s) returning load_id",
        [delivery, len(rows)],
    ).fetchone()
    assert loaded is not None
    if version > 1:
        replaced = f"{feed}-{partner}-{month}-v{version - 1}"
        connection.execute("insert into ops.supersessions values (%s, %s, 'VERSION')", [replaced, loaded[0]])
    for number, row in enumerate(rows, start=2):
        technical = {"_load_id": loaded[0], "_delivery_id": delivery, "_row_number": number, "_row_hash": str(row)}
        values = {"programme_code": "MQ"} | row | technical
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        connection.execute(f"insert into raw.{TABLES[feed]} ({names}) values ({marks})".encode(), list(values.values()))
    return delivery


def _session(session_id: str, ends_on: str, days: int) -> Row:
    day = dt.date.fromisoformat(ends_on)
    return {
        "session_id": session_id,
        "action_code": "MQ-A1",
        "intitule": session_id,
        "modalite": "ATELIER",
        "date_debut": ends_on,
        "date_fin": ends_on,
        "date_proposition": str(day - dt.timedelta(days=days)),
        "duree_prevue_h": "7",
        "code_commune": "97209",
        "public_cible": "TOUT_PUBLIC",
        "secteur_cible": "TOUS",
    }


def _participation(person: str, session_id: str, partner: str, hours: str, mail: str | None = None) -> Row:
    number = int(person[1:])
    return {
        "objet_type": "SESSION",
        "objet_id": session_id,
        "_object_partner_code": partner,
        "sexe": "F" if number % 2 else "M",
        "statut_pro": "SALARIE",
        "niveau_diplome": "5",
        "code_commune_residence": "97213" if number % 3 else "97209",
        "canal_orientation": "DIRECT",
        "statut": "TERMINE" if number % 7 else "ABANDON",
        "duree_suivie_h": hours,
        "tranche_age": "60+" if number % 5 == 0 else "30-44",
        # two rows are one person where the address and the first name and year agree: p2 and p3 share the latter
        "person_key_1": mail or f"mail-{person}",
        "person_key_2": person,
        "person_key_3": "first-2" if person in {"p2", "p3"} else f"first-{person}",
    }


def _audit(settings: Settings, publication_id: int, build_id: int) -> list[publishing.Failure]:
    """The audit, but what it says of cells that nobody hides here for the sake of others."""
    failures = audit_publication(settings, publication_id, build_id)
    return [failure for failure in failures if "se déduit de son total" not in failure.reason]


def _people(letter: str, numbers: Sequence[int], session_id: str, partner: str, hours: str) -> list[Row]:
    return [_participation(f"{letter}{n}", session_id, partner, hours) for n in numbers]


# a multiple of 7 gave up: not trained
def _trained(numbers: Sequence[int]) -> int:
    return sum(1 for n in numbers if n % 7)


@pytest.fixture(scope="module")
def story(postgres: tuple[Path, int, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Closed after build 1; then late, corrected, merged and erased, all in one build; then another definition."""
    _, port, password = postgres
    settings = new_platform(tmp_path_factory.mktemp("closing") / "home", port, password, "lakou_closing")
    story = Story(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKOU_TODAY", TODAY)
        patch.setenv("LAKOU_HOME", str(settings.home))
        patch.setenv("LAKOU_PG_PORT", str(port))
        patch.setenv("LAKOU_PG_DATABASE", settings.pg_database)
        patch.delenv("LAKOU_SECRETS_DIR", raising=False)
        # what is hidden for the sake of other cells depends on all of them, and the figures here are counted by hand
        patch.setattr(publishing, "protect", lambda *_: 0)
        # the models' own tests run elsewhere
        patch.setattr("dbt.cli.main.dbtRunner", _Models)
        with connect(settings, "lakou_admin") as admin:
            _first(admin)
        assert story.publish() == 1
        story.closings["S1"] = close_period(settings, "MQ", "2026-S1", decision_id="D-7")
        story.closings["T1"] = close_period(settings, "MQ", "2026-T1")
        with connect(settings, "lakou_admin") as admin:
            _later(admin)
            story.participants = dict(
                admin.execute(
                    "select r.person_key_2, l.participant_id from raw.f02_participations as r inner join ops.person_links as l"
                    " on l.person_key = ops.person_key(r.person_key_1, r.person_key_2, r.person_key_3)"
                    " and l.known_to_build is null where r.person_key_2 in ('p4', 'p5')"
                ).fetchall()
            )
        keys = Keys("mail-p4", "p4", "first-p4")
        erase(settings, load_pseudonymiser(settings), keys, by="DPO", reference="2026-1")
        story.publish()
        _redefine(patch, tmp_path_factory.mktemp("project") / "dbt_project")
        story.publish()
        yield story


def _first(admin: psycopg.Connection) -> None:
    for code in ("ORG", "OTHER"):
        admin.execute(
            "insert into ops.partners (partner_code, name, kind, programme_code, feeds)"
            " values (%s, %s, 'ORGANISME_FORMATION', 'MQ', array['F01', 'F02'])",
            [code, code.title()],
        )
    admin.execute(
        "insert into ops.expected_deliveries select partner, feed, to_char(m, 'YYYY-MM'), m,"
        " (m + interval '1 month - 1 day')::date, (m + interval '1 month 9 days')::date"
        " from unnest(array['ORG', 'OTHER']) as partner, unnest(array['F01', 'F02']) as feed,"
        " unnest(array['2026-01-01', '2026-02-01', '2026-03-01']::date[]) as m"
    )
    _deliver(admin, "ORG", "F01", "2026-01", [_session("S1", "2026-01-20", 10)])
    _deliver(admin, "ORG", "F01", "2026-02", [_session("S2", "2026-02-20", 20)])
    _deliver(admin, "ORG", "F02", "2026-01", _people("p", range(1, 31), "S1", "ORG", "3.5"))
    _deliver(admin, "ORG", "F02", "2026-02", _people("p", range(21, 51), "S2", "ORG", "6"))
    decision = {"seance": "2026-07-20", "decision_id": "D-7", "libelle": "Clore", "statut": "EXECUTEE"}
    _deliver(admin, "ORG", "G04", "2026-07", [decision])


def _later(admin: psycopg.Connection) -> None:
    """March at last, February corrected, a row of July that tells that p2 and p3 are one."""
    _deliver(admin, "OTHER", "F01", "2026-03", [_session("S3", "2026-03-20", 40)])
    late = [*_people("q", range(61, 76), "S3", "OTHER", "6"), _participation("p1", "S3", "OTHER", "6")]
    _deliver(admin, "OTHER", "F02", "2026-03", late)
    corrected = _people("p", [*range(21, 48), 51], "S2", "ORG", "6")
    _deliver(admin, "ORG", "F02", "2026-02", corrected, version=2)
    _deliver(admin, "ORG", "F01", "2026-07", [_session("S9", "2026-07-10", 5)])
    _deliver(admin, "ORG", "F02", "2026-07", [_participation("p2", "S9", "ORG", "6", mail="mail-p3")])
    proof: Row = {
        "repere_id": "P1",
        "indicateur": "T-01",
        "source": "Registre",
        "sha256": "a" * 64,
        "niveau_preuve": "3",
    }
    _deliver(admin, "ORG", "G03", "2026-07", [proof])


def _redefine(patch: pytest.MonkeyPatch, copy: Path) -> None:
    """Trained is four hours from now on, not two."""
    shutil.copytree(building.PROJECT, copy, ignore=shutil.ignore_patterns("target", "logs"))
    seed = copy / "seeds" / "catalogue" / "parameters.csv"
    line = next(
        line for line in seed.read_text(encoding="utf-8").splitlines() if line.startswith("training_min_hours,")
    )
    code, scope, _, _, rest = line.split(",", 4)
    seed.write_text(f"{seed.read_text(encoding='utf-8').rstrip()}\n{code},{scope},2,4,{rest}\n", encoding="utf-8")
    patch.setattr(building, "PROJECT", copy)


def test_a_closing_pins_what_the_committee_saw_and_is_dated_by_its_decision(story: Story) -> None:
    closed = story.closings["S1"]
    assert (closed.closing_id, closed.version, closed.publication_id, closed.is_new) == ("MQ-2026-S1-v1", 1, 1, True)
    assert closed.closed_on == dt.date(2026, 7, 20)
    assert story.closings["T1"].closed_on == dt.date.fromisoformat(TODAY)
    rows = story.read("select closing_id, decision_id, decided_on, closed_on, is_current from pub.closings order by 1")
    assert rows[0] == ("MQ-2026-S1-v1", "D-7", dt.date(2026, 7, 20), dt.date(2026, 7, 20), True)
    grains = story.read(
        "select period_grain, min(period_start)::text, max(period_start)::text from pub.published_values"
        " where closing_id = 'MQ-2026-T1-v1' group by 1 order by 1"
    )
    assert grains == [("month", "2026-01-01", "2026-03-01"), ("quarter", "2026-01-01", "2026-01-01")]


def test_closed_figures_stay_to_the_byte_whatever_comes(story: Story) -> None:
    with connect(story.settings, "lakou_publisher") as connection:
        shown_then = connection.execute(
            "select count(*), count(*) filter (where row(v.value, v.numerator, v.denominator, v.n, v.low, v.high, v.state,"
            " v.completeness, v.definition_hash) is distinct from row(f.value, f.numerator, f.denominator, f.n, f.low,"
            " f.high, f.state, f.completeness, f.definition_hash)) from published.published_values as f"
            " left join published.indicator_values as v using (publication_id, programme_code, indicator_code, measure,"
            " period_grain, period_start, territory_level, territory_code, partner_code, axis, member)"
            " where f.closing_id like '%-v1'"
        ).fetchone()
    assert shown_then is not None
    assert shown_then[0] > 1000
    assert shown_then[1] == 0
    assert story.frozen[2] == story.frozen[3]
    assert len(story.frozen[3]) == shown_then[0]


def test_the_causes_sum_to_the_difference_of_every_restated_value(story: Story) -> None:
    for publication in (2, 3):
        differences = {row[:11]: row[13] for row in story.compared[publication] if row[16] == "RETRAITE"}
        sums: dict[tuple[Any, ...], Decimal] = {}
        for row in story.causes[publication]:
            sums[row[:11]] = sums.get(row[:11], Decimal(0)) + row[12]
            assert row[12] != 0
        assert sums == differences
        kinds = {key[2] for key in differences}
        # a count of people, a sum, a ratio, a share of people and a median
        assert {"A1-01", "A1-05", "A1-06", "A1-09", "T-11"} <= kinds, publication


def test_each_cause_has_the_share_that_one_counts_by_hand(story: Story) -> None:
    late, removed, added = _trained(range(61, 76)), _trained(range(48, 51)), _trained([51])
    assert story.explained(2, "MQ-2026-S1-v1", "A1-01", "2026-01-01", "semester") == {
        "REMISE_TARDIVE": late,
        "CORRECTION": added - removed,
        "PERSONNES": -1,
        "EFFACEMENT": -1,
    }
    # four hours: of those whose rows are still there, February's only were trained; March's p1 is one more who was not
    assert story.explained(3, "MQ-2026-S1-v1", "A1-01", "2026-01-01", "semester") == {
        "DEFINITION": -_trained([1, 2, 3, *range(5, 21)]),
        "REMISE_TARDIVE": late + 1,
        "CORRECTION": added - removed,
        "EFFACEMENT": -1,
    }
    # January is a month of the quarter: nothing late in it, and nobody corrected
    assert story.explained(2, "MQ-2026-T1-v1", "A1-01", "2026-01-01", "month") == {"PERSONNES": -1, "EFFACEMENT": -1}
    # hours: no person is counted, so that a merge changes nothing
    hours = story.explained(2, "MQ-2026-S1-v1", "A1-05", "2026-01-01", "semester")
    assert hours == {
        "REMISE_TARDIVE": Decimal(16 * 6),
        "CORRECTION": Decimal(-2 * 6),
        "EFFACEMENT": Decimal("-3.5"),
    }


def test_what_is_secret_then_or_now_has_no_difference(story: Story) -> None:
    for publication in (2, 3):
        explained = {row[:11] for row in story.causes[publication]}
        secret = [row for row in story.compared[publication] if row[16] == "SECRET"]
        assert any(row[14].startswith("SUPPRIME") for row in secret)
        assert any(not row[14].startswith("SUPPRIME") for row in secret), "one that is secret only now"
        for row in secret:
            assert row[13] is None
            assert row[:11] not in explained
            if row[14].startswith("SUPPRIME"):
                assert row[11] is None


def test_restatements_and_proofs_are_indicators_of_the_next_build(story: Story) -> None:
    # the marts of build 3 measure what publication 2 restated
    whole = [
        row
        for row in story.compared[2]
        if row[0] == "MQ-2026-S1-v1"
        and row[3:5] == ("counted", "semester")
        and row[6:11] == ("region", "02", "TOTAL", "TOTAL", "TOTAL")
        and row[11] is not None
    ]
    size = sum((abs(row[11]) for row in whole), Decimal(0))
    differences = sum((abs(row[13]) for row in whole if row[13]), Decimal(0))
    assert differences > 0
    with connect(story.settings, "lakou_dbt") as connection:
        shares = connection.execute(
            "select sum(num), sum(den), sum(num) filter (where 'CAUSE:REMISE_TARDIVE' = any(members))"
            " from marts.indicator_t_06 where entity_key like 'MQ-2026-S1-v1|%'"
        ).fetchone()
        proven = dict(
            connection.execute(
                "select split_part(entity_key, '|', 2), num from marts.indicator_t_09"
                " where entity_key like 'MQ-2026-S1-v1|%'"
            ).fetchall()
        )
    assert shares is not None
    assert (shares[0], shares[1]) == (differences, size)
    assert shares[2] > 0
    # its rows lead to files; a delivery that never came does not, but a document proves the count
    assert (proven["A1-01"], proven["T-01"]) == (1, 1)
    assert proven["T-02"] == 0


def test_whom_an_erasure_took_away_is_in_no_row_that_a_closing_keeps(story: Story) -> None:
    with connect(story.settings, "lakou_publisher") as connection:
        kept = connection.execute(
            "select p.name, count(r.closing_id) from unnest(%s::text[], %s::text[]) as p (name, participant_id)"
            " left join published.closing_rows as r on p.participant_id in (r.entity_key, r.subject_key)"
            " group by 1 order by 1",
            [list(story.participants), list(story.participants.values())],
        ).fetchall()
        forgotten = connection.execute(
            "select participant_ids, person_keys, finished_build from ops.erasures"
        ).fetchall()
    assert kept[0] == ("p4", 0)
    assert kept[1][1] > 0
    assert forgotten == [(None, None, 2)]


def test_nobody_updates_or_deletes_a_closing(story: Story) -> None:
    for role in ("lakou_publisher", "lakou_loader", "lakou_dbt", "lakou_admin"):
        for statement in (
            "update published.published_values set value = 1",
            "delete from published.published_values",
            "truncate published.published_values",
            "update ops.closings set reason = 'x'",
            "delete from ops.closings",
        ):
            with (
                pytest.raises(psycopg.Error, match=r"permission denied|is written once"),
                connect(story.settings, role) as connection,
            ):
                connection.execute(statement.encode())


def test_the_same_publication_closes_once_and_a_reopening_is_a_new_version(story: Story) -> None:
    again = CliRunner().invoke(main, ["close", "mq", "2026-S1", "--publication", "1", "--json"])
    assert again.exit_code == 0, again.output
    assert "closed already" in again.stderr
    assert json.loads(again.stdout)["is_new"] is False
    silent = CliRunner().invoke(main, ["close", "MQ", "2026-T1"])
    assert silent.exit_code == 1
    assert "--reason" in silent.stderr
    before = story.read(f"select f::text from ({FROZEN}) as f order by 1")
    reopened = CliRunner().invoke(main, ["close", "MQ", "2026-T1", "--reason", "Mars est arrivé", "--json"])
    assert reopened.exit_code == 0, reopened.output
    assert (json.loads(reopened.stdout)["closing_id"], json.loads(reopened.stdout)["version"]) == ("MQ-2026-T1-v2", 2)
    after = story.read(f"select f::text from ({FROZEN}) as f order by 1")
    assert set(before) < set(after)
    assert story.read("select version, is_current from pub.closings where period = '2026-T1' order by 1") == [
        (1, False),
        (2, True),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["XX", "2026-T1"], "no figure of a programme"),
        (["MQ", "2026-T5"], "is not a period"),
        (["MQ", "2026-T3"], "is not over"),
        (["MQ", "2026-01", "--decision", "D-99"], "no decision"),
        (["MQ", "2026-01", "--publication", "99"], "there is no publication 99"),
        # the marts are at another build by now
        (["MQ", "2026-01", "--publication", "2"], "--as-of 2"),
    ],
)
def test_what_cannot_be_closed_says_why(story: Story, arguments: list[str], said: str) -> None:
    refused = CliRunner().invoke(main, ["close", *arguments])
    assert refused.exit_code == 1
    assert said in refused.stderr
    assert "to mend it" in refused.stderr


def test_a_publication_that_keeps_older_figures_is_closed_on_purpose_only(story: Story) -> None:
    with connect(story.settings, "lakou_publisher") as publisher:
        publisher.execute("insert into published.withheld values (3, 'MQ', 'A1-01', 2, 'un total a chuté')")
    with pytest.raises(LakouError, match="un total a chuté"):
        close_period(story.settings, "MQ", "2026-02")
    assert close_period(story.settings, "MQ", "2026-02", accept_withheld=True).is_new


def test_what_is_not_explained_or_tells_a_secret_is_held(story: Story) -> None:
    columns = "programme_code, indicator_code, measure, period_grain, period_start, territory_level, territory_code"
    with connect(story.settings, "lakou_publisher") as publisher:
        for statement in (
            "update published.restatements_p3 set share = share + 1 where indicator_code = 'A1-05'",
            "delete from published.restatements_p3 where indicator_code = 'A1-06'",
            f"insert into published.restatements_p3 select 3, closing_id, {columns}, partner_code, axis, member, unit, 0, 1, 1,"
            " 'CORRECTION', 1 from published.published_values where indicator_code = 'A1-01' and state = 'SUPPRIME_K' limit 1",
        ):
            assert publisher.execute(statement.encode()).rowcount > 0
    failures = {(failure.indicator_code, failure.reason) for failure in _audit(story.settings, 3, 3)}
    assert failures == {
        ("A1-05", "les causes d'un retraitement n'en font pas la différence"),
        ("A1-06", "une valeur close est connue autrement sans que rien ne l'explique"),
        ("A1-01", "un retraitement parle d'une case soumise au secret statistique"),
    }
