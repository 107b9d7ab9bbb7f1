"""Sources pulled through a real socket into a real PostgreSQL, by the same receiving as dropped files."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import html
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from expectations.cli import main
from ingestion import drop, landing
from ingestion.connectors.mapping import Source, load_source
from ingestion.connectors.owners_page import tell_silence
from ingestion.connectors.pulling import PullSummary, pull
from ingestion.connectors.session import Limits
from ingestion.database import connect
from ingestion.demo.replay.limesurvey import PASSWORD, USER, LimeSurvey, answers_of
from ingestion.demo.replay.server import Faults, Replay
from ingestion.errors import ConfigurationError, LakouError, SourceError, SourceRefusal
from ingestion.landing import open_landed
from ingestion.settings import Settings
from tests.integration.drop_box import DropBox

TODAY = "2026-11-22"
CREDENTIALS = {"user": USER, "password": PASSWORD}
QUICK = Limits(
    read_seconds=0.4, attempts=8, first_wait_seconds=0.001, longest_wait_seconds=1, requests_per_second=10_000
)
MAPPING = """\
system: limesurvey
address: {address}
connection: barometre
partner: KABIA
zone: America/Martinique
options: {{page: "{page}"}}
feeds:
  - entity: 185393
    feed: F04
    when: {{submitdate: "*"}}
    columns:
      enquete_id: {{constant: SATISFACTION-2026-1}}
      reponse_id: {{field: id, prefix: R-}}
      type: {{constant: CHAUD}}
      session_id: {{constant: S1}}
      date_reponse: submitdate
      note_satisfaction: satis
      score_connaissance: gain
      utilise_ia_travail: {{field: certif, codes: {{Y: OUI, N: NON}}}}
"""
IN_FORCE = """
    select r.reponse_id, r.note_satisfaction, r.score_connaissance, r.utilise_ia_travail, left(r.date_reponse, 10)
    from raw.f04_enquetes_formation as r where not exists (
        select 1 from ops.supersessions as s where s.superseded_delivery_id = r._delivery_id
    ) order by length(r.reponse_id), 1
"""


@dataclass
class Bench:
    """One partner, one source."""

    box: DropBox
    folder: Path
    server: Replay
    survey: LimeSurvey

    def all(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.box.all(query, *parameters)

    def one(self, query: str, *parameters: Any) -> Any:
        return self.box.one(query, *parameters)

    def source(self, text: str = MAPPING, page: int = 20) -> Source:
        (self.folder / "barometre.yml").write_text(
            text.format(address=self.server.address, page=page), encoding="utf-8"
        )
        return load_source("barometre")

    def pull(self, source: Source | None = None, **given: Any) -> PullSummary:
        return pull(
            self.box.settings, source or self.source(), CREDENTIALS,
            **{"limits": QUICK, "sleep": lambda _: None} | given,
        )  # fmt: skip

    def rows(self) -> list[tuple[Any, ...]]:
        summary = self.box.receive()
        assert summary.failures == ()
        return self.box.all(IN_FORCE)

    def page(self) -> str:
        return (self.box.receipts / "source_barometre.html").read_text(encoding="utf-8")


def expected(answers: dict[int, dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What the warehouse should hold of a survey's answers, worked out apart: an answer without a note is refused."""
    kept = [row for row in answers.values() if row["submitdate"] and row["satis"]]
    yes = {"Y": "true", "N": "false", "": None}
    return [
        (f"R-{row['id']}", row["satis"], row["gain"] or None, yes[row["certif"]], row["submitdate"][:10])
        for row in sorted(kept, key=lambda row: int(row["id"]))
    ]


@pytest.fixture
def bench(clean: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bench]:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    monkeypatch.setenv("LAKOU_SOURCES_DIR", str(tmp_path))
    box = DropBox(clean).open_account(feeds=("F01", "F04"))
    box.put_sessions("S1", period="2026-01", date_debut="2026-01-02", date_fin="2026-01-02")
    assert box.receive().failures == ()
    survey = LimeSurvey(answers=answers_of("17"))
    with Replay(survey, has_length=False) as server:
        yield Bench(box, tmp_path, server, survey)


def test_a_survey_is_pulled_landed_and_loaded_as_dropped_files_are(bench: Bench) -> None:
    summary = bench.pull()
    assert (summary.records, summary.changed, summary.deleted, summary.undated) == (51, 51, 0, 0)
    assert bench.rows() == expected(bench.survey.answers)
    assert bench.all("select distinct source from ops.deliveries where feed = 'F04'") == [("barometre",)]
    # every page is there, whole and exact, and opens with its own key only
    pages = bench.all("select path, wrapped_key, sha256 from ops.source_pages")
    assert len(pages) == summary.pages
    for path, key, digest in pages:
        with open_landed(bench.box.settings, path, key) as clear:
            assert hashlib.sha256(clear.read_bytes()).hexdigest() == digest
        raw = (bench.box.settings.home / "landing" / path).read_bytes()
        assert b"responses" not in raw
        assert b"result" not in raw
    assert "Lecture faite" in bench.page()
    assert 'href="source_barometre.html"' in (bench.box.receipts / "index.html").read_text(encoding="utf-8")
    # the answer without a note is mended in the tool, not by a file that the next pull would undo
    receipt = html.unescape(bench.box.receipt("F04_enquetes_formation__KABIA__2026-11__v1.csv"))
    assert "dans votre outil" in receipt
    assert "Déposez" not in receipt
    assert not list(bench.box.receipts.glob("*rejets*"))
    assert "51" in bench.page()


def test_nothing_new_makes_no_file_and_lands_nothing_twice(bench: Bench) -> None:
    bench.pull()
    before = bench.one("select count(*) from ops.source_pages"), bench.one("select count(*) from ops.source_blocks")
    again = bench.pull()
    assert (again.changed, again.deleted, again.files) == (0, 0, ())
    assert before == (
        bench.one("select count(*) from ops.source_pages"),
        bench.one("select count(*) from ops.source_blocks"),
    )
    # login and logout, title, languages, fields, one question's choices each, three chunks and the two of the end
    assert again.requests == 13
    choices = [request for request in bench.server.requests if b"get_question_properties" in request.body]
    assert len(choices) == 2 * 3
    assert "Rien n'a changé" in html.unescape(bench.page())


def test_an_edit_a_late_answer_and_a_deletion_are_a_new_version_of_their_periods_only(bench: Bench) -> None:
    bench.pull()
    bench.rows()
    answers = bench.survey.answers
    edited = next(row for row in answers.values() if row["submitdate"].startswith("2026-03") and row["satis"])
    # as recorded: an edit moves neither datestamp nor submitdate
    edited["satis"] = "1" if edited["satis"] != "1" else "2"
    gone = next(number for number, row in answers.items() if row["submitdate"].startswith("2026-06") and row["satis"])
    del answers[gone]
    answers[60] = {**edited, "id": 60, "submitdate": "2026-01-15 09:00:00", "datestamp": "2026-01-15 09:00:00"}
    summary = bench.pull()
    assert (summary.changed, summary.deleted) == (2, 1)
    assert {name.split("__")[2] for name in summary.files} == {"2026-01", "2026-03", "2026-06"}
    assert all("__v2." in name for name in summary.files)
    assert bench.rows() == expected(answers)
    assert bench.one("select count(*) from ops.supersessions where cause = 'VERSION'") == 3
    # a deletion leaves the mirror, too
    assert bench.one("select count(*) from ops.source_records where record_id = %s", str(gone)) == 0
    assert bench.one("select count(*) from ops.source_records") == len(answers)


def test_an_edit_of_the_date_moves_a_row_from_one_period_to_another(bench: Bench) -> None:
    bench.pull()
    row = next(row for row in bench.survey.answers.values() if row["submitdate"].startswith("2026-05") and row["satis"])
    row["submitdate"] = row["submitdate"].replace("2026-05", "2026-08")
    assert {name.split("__")[2] for name in bench.pull().files} == {"2026-05", "2026-08"}
    assert bench.rows() == expected(bench.survey.answers)


def test_a_period_that_loses_all_its_answers_gets_a_nil_report(bench: Bench) -> None:
    answers = bench.survey.answers
    for number in [number for number, row in answers.items() if not row["submitdate"].startswith("2026-07")]:
        del answers[number]
    bench.pull()
    assert bench.rows() == expected(answers)
    answers.clear()
    # as recorded, a survey without any answer says that it has no greatest id
    assert bench.pull().deleted > 0
    assert bench.rows() == []


def test_faults_on_a_third_of_the_answers_change_nothing_of_what_is_loaded(bench: Bench) -> None:
    source, answers = bench.source(page=2), bench.survey.answers
    for seed in (5, 6, 7):
        answers[2]["satis"] = str(seed - 2)
        del answers[40 + seed]
        bench.server.faults = Faults(0.3, seed=seed, silence_seconds=0.6)
        for _ in range(20):
            # a login is sent once: where it is spoilt, the next pull goes on
            with contextlib.suppress(SourceError):
                bench.pull(source)
                break
        bench.server.faults = None
        assert bench.rows() == expected(answers)
    assert bench.server.spoilt >= 15
    # what an undisturbed pull would have taken is what is known
    undisturbed = bench.pull(source, is_full=True)
    assert (undisturbed.changed, undisturbed.deleted, undisturbed.files) == (0, 0, ())
    assert bench.one("select count(*), count(distinct record_id) from ops.source_records") == (len(answers),) * 2


@pytest.mark.parametrize("at", [0, 4, 9])
def test_a_pull_killed_anywhere_goes_on_and_ends_as_if_it_had_not_been(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Killed at the nth thing that it keeps: pages and blocks in the landing, files in the drop."""

    class Killed(BaseException):
        pass

    left = [at]

    def dying(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            done = function(*given, **named)
            left[0] -= 1
            if left[0] == -1:
                raise Killed
            return done

        return run

    with monkeypatch.context() as patch:
        patch.setattr("ingestion.landing.store", dying(landing.store))
        patch.setattr("ingestion.connectors.pulling.write_atomically", dying(drop.write_atomically))
        with pytest.raises(Killed):
            bench.pull()
    bench.pull()
    assert bench.rows() == expected(bench.survey.answers)
    assert bench.pull().files == ()
    assert bench.one("select count(*) from ops.deliveries where feed = 'F04' and state = 'REFUSÉ'") == 1, "the one note"


def test_a_year_pulled_forty_times_is_the_survey_as_it_stands_each_time(bench: Bench) -> None:
    """Answers come, are corrected and go, between pulls of which some are spoilt; loaded whenever ten have passed."""
    survey, chance = bench.survey, random.Random(2026)
    model = dict(survey.answers[2])
    survey.answers.clear()
    source = bench.source(page=25)
    for day in range(40):
        for _ in range(chance.randrange(6)):
            when = f"2026-{1 + day // 4:02d}-{chance.randrange(3, 28):02d} {chance.randrange(24):02d}:00:00"
            survey.add({**model, "submitdate": chance.choice([when, when, ""]), "satis": str(chance.randrange(1, 6))})
        for number in chance.sample(sorted(survey.answers), min(2, len(survey.answers))):
            if chance.random() < 0.3:
                del survey.answers[number]
            else:
                survey.answers[number]["satis"] = str(chance.randrange(1, 6))
        if day % 10 == 3:
            bench.server.faults = Faults(0.4, seed=day, kinds=("cut", "502"))
            with contextlib.suppress(SourceError):
                bench.pull(source)
            bench.server.faults = None
            # it goes on where the other was stopped; what changed behind it meanwhile is the next one's
            bench.pull(source)
        bench.pull(source)
        known = bench.all("select record_id from ops.source_records order by record_id::int")
        assert [int(number) for (number,) in known] == sorted(survey.answers)
        if day in {19, 39}:
            assert bench.rows() == expected(survey.answers)
    assert bench.one("select count(*) from ops.source_blocks") < 20, "small blocks are put together"


# ----------------------------------------------------------------------------------------------------- who may not


def test_a_wrong_password_is_tried_once_told_to_the_owner_and_kept_out_of_every_log(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(SourceRefusal) as refusal:
        pull(bench.box.settings, bench.source(), {"user": USER, "password": "mauvais-secret"}, limits=QUICK)
    assert bench.survey.logins == 1
    assert "Invalid user name or password" in refusal.value.what
    assert "mauvais-secret" not in caplog.text + str(refusal.value) + str(
        bench.all("select error from ops.source_pulls")
    )
    assert "refuse notre compte" in bench.page()
    assert bench.one("select state from ops.source_pulls") == "ECHOUE"
    # the right one still gets in: we did not lock the address
    assert bench.pull().records == 51


def test_a_locked_address_a_missing_survey_and_an_inactive_one_are_told_apart(bench: Bench) -> None:
    survey = bench.survey
    with pytest.raises(SourceRefusal, match="No permission"):
        bench.pull(bench.source(MAPPING.replace("185393", "999999")))
    for _ in range(3):
        with pytest.raises(SourceRefusal):
            pull(bench.box.settings, bench.source(), {"user": USER, "password": "mauvais-secret"}, limits=QUICK)
    with pytest.raises(SourceRefusal, match="exceeded the number of maximum login"):
        bench.pull()
    assert survey.logins == 5
    assert bench.all("select 1 from ops.deliveries where feed = 'F04'") == []


def test_a_session_that_expires_in_mid_pull_is_opened_again(bench: Bench) -> None:
    bench.survey.calls_a_session = 4
    assert bench.pull().records == 51
    assert 2 <= bench.survey.logins <= 5


def test_a_period_is_fed_by_hand_or_by_a_source_never_by_both(bench: Bench) -> None:
    name = "F04_enquetes_formation__KABIA__2026-02__v1.csv"
    bench.box.put_examples("F04", {"session_id": "S1", "date_reponse": "2026-02-05T10:00:00"}, period="2026-02")
    bench.box.receive()
    assert bench.box.states()[name] != "REFUSÉ"
    with pytest.raises(LakouError, match="2026-02 was also sent by hand"):
        bench.pull()
    bench.rows()
    assert (name, None) not in bench.all(
        "select d.file_name, null from ops.source_files as f join ops.deliveries as d using (sha256)"
    )
    assert bench.one("select count(distinct period) from ops.source_files") == 10
    assert f"de février 2026 : le fichier <code>{name}</code> a été déposé à la main" in html.unescape(bench.page())
    # and the other way round
    bench.box.put_examples(
        "F04", {"session_id": "S1", "date_reponse": "2026-03-05T10:00:00"}, period="2026-03", suffix="v7"
    )
    bench.box.receive()
    assert bench.box.states()["F04_enquetes_formation__KABIA__2026-03__v7.csv"] == "REFUSÉ"
    assert "barometre" in bench.box.receipt("F04_enquetes_formation__KABIA__2026-03__v7.csv")


def test_a_survey_that_is_gone_stops_its_own_feed_only_and_its_owner_is_written_to_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKOU_SMTP_URL", "smtp://127.0.0.1:1?from=lakou@example.org")
    bench.box.open_account(feeds=("F01", "F04"), email="donnees@example.org")
    bench.pull()
    loaded = bench.rows()
    bench.survey.is_active = False
    for _ in range(2):
        with pytest.raises(LakouError, match="survey table does not exist"):
            bench.pull()
    assert bench.rows() == loaded
    assert "185393 : ce que nous lisions sous ce nom" in html.unescape(bench.page()).replace("\u00a0", " ")
    assert bench.one("select count(*) from ops.mails where subject like '%%demande votre attention%%'") == 1
    bench.survey.is_active = True
    assert bench.pull().files == ()
    assert "Lecture faite" in bench.page()


# ------------------------------------------------------------------------------------------------- what may change


def test_a_new_question_and_a_new_answer_are_told_and_lose_nothing(bench: Bench) -> None:
    bench.pull()
    fieldmap = bench.survey.fieldmap
    bench.survey.fieldmap = {
        **fieldmap, "185393X1X99": {"type": "T", "title": "avis", "aid": "", "qid": 99, "question": "Votre avis&nbsp;?"},
    }  # fmt: skip
    row = next(row for row in bench.survey.answers.values() if row["submitdate"].startswith("2026-04") and row["satis"])
    row["certif"] = "PEUT-ETRE"
    summary = bench.pull()
    assert [(item.field, item.kind, item.stops) for item in summary.drift] == [("avis", "nouveau", ())]
    page = bench.page()
    assert "Votre avis ?" in page.replace("\u00a0", " ")
    assert "PEUT-ETRE" in page
    row["certif"] = ""
    assert bench.rows() == expected(bench.survey.answers), "the value that nobody agreed on is left out, the row is not"


def test_a_renamed_field_stops_its_feed_and_keeps_what_was_loaded(bench: Bench) -> None:
    bench.pull()
    loaded = bench.rows()
    old = bench.survey.fieldmap
    bench.survey.fieldmap = {
        name: {**item, "title": "note"} if item.get("title") == "satis" else item for name, item in old.items()
    }
    for row in bench.survey.answers.values():
        row["note"] = row.pop("satis")
    summary = bench.pull()
    assert [(item.field, item.kind, item.detail, item.stops) for item in summary.drift] == [
        ("satis", "renomme", "note", ("F04",))
    ]
    assert summary.files == ()
    assert bench.rows() == loaded
    assert "F04 ne sera plus mis à jour" in html.unescape(bench.page()).replace("\u00a0", " ")
    # the mapping mended, all goes on
    mended = bench.pull(bench.source(MAPPING.replace("note_satisfaction: satis", "note_satisfaction: note")))
    assert (mended.drift, mended.files) == ((), ())
    assert bench.rows() == loaded


def test_a_field_that_the_server_does_not_know_is_an_error_with_its_line(bench: Bench) -> None:
    with pytest.raises(ConfigurationError, match=r"barometre.yml:17: 185393 has no field 'satisf'"):
        bench.pull(bench.source(MAPPING.replace("note_satisfaction: satis", "note_satisfaction: satisf")))
    assert bench.all("select 1 from ops.source_records") == []


def test_a_month_that_fills_is_not_held_and_one_that_loses_a_third_is(bench: Bench) -> None:
    survey, model = bench.survey, dict(bench.survey.answers[2])
    survey.answers.clear()
    for number in range(1, 31):
        survey.answers[number] = {**model, "id": number, "submitdate": "2026-02-10 10:00:00"}
    bench.pull()
    bench.rows()
    for number in range(31, 61):
        survey.answers[number] = {**model, "id": number, "submitdate": "2026-02-11 10:00:00"}
    bench.pull()
    bench.rows()
    assert bench.all("select 1 from ops.holds") == []
    for number in range(1, 30):
        del survey.answers[number]
    bench.pull()
    bench.rows()
    assert bench.one("select count(*) from ops.holds where released_at is null") == 1


def test_a_source_that_has_gone_quiet_is_told_once_a_day(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKOU_SMTP_URL", "smtp://127.0.0.1:1?from=lakou@example.org")
    bench.box.open_account(feeds=("F01", "F04"), email="donnees@example.org")
    source = bench.source()
    bench.pull(source)
    now = dt.datetime.now(dt.UTC)
    with connect(bench.box.settings) as connection:
        assert tell_silence(connection, source, now + dt.timedelta(hours=71)) is None
        late = now + dt.timedelta(hours=73)
        assert "has not been pulled" in (tell_silence(connection, source, late) or "")
        assert tell_silence(connection, source, late + dt.timedelta(hours=2)) is not None
    assert bench.one("select count(*) from ops.mails where subject like '%%plus de nouvelles%%'") == 1


# -------------------------------------------------------------------------------------------------- what is typed


def test_a_draft_loads_once_its_columns_are_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _give_credentials(monkeypatch)
    options = ["--system", "limesurvey", "--address", bench.server.address, "--connection", "barometre",
               "--partner", "KABIA", "--feed", "F04"]  # fmt: skip
    which = CliRunner().invoke(main, ["source", "add", "barometre", *options])
    assert which.exit_code == 1
    assert "185393" in which.output
    done = CliRunner().invoke(main, ["source", "add", "barometre", *options, "--entity", "185393"])
    assert done.exit_code == 0, done.output
    path = bench.folder / "barometre.yml"
    text = path.read_text(encoding="utf-8")
    assert "satis : Satisfaction globale (choice)" in text
    names = {"enquete_id": "{constant: E1}", "reponse_id": "id", "type": "{constant: CHAUD}", "session_id": "{constant: S1}",
             "date_reponse": "submitdate", "note_satisfaction": "satis"}  # fmt: skip
    for column, what in names.items():
        text = text.replace(f"# {column}: <champ>", f"{column}: {what}")
    path.write_text(text, encoding="utf-8")
    tried = CliRunner().invoke(main, ["source", "test", "barometre"])
    assert tried.exit_code == 0, tried.output
    assert "51 enregistrements lus, rien n'est gardé." in tried.output
    assert "lignes seraient chargées" in tried.output
    assert bench.all("select 1 from ops.sources") == []
    pulled = CliRunner().invoke(main, ["pull", "barometre"])
    assert pulled.exit_code == 0, pulled.output
    assert len(bench.rows()) >= 40
    listed = CliRunner().invoke(main, ["source", "list"])
    assert "barometre" in listed.output
    assert "never pulled" not in listed.output


def _give_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BAROMETRE", json.dumps({"login": USER, "password": PASSWORD}))
