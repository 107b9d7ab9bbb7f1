"""LimeSurvey's recorded exchanges, replayed through a real socket: each gives what was documented."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from ingestion.connectors.interface import Complete, Page
from ingestion.connectors.limesurvey import LimeSurvey, connect
from ingestion.connectors.session import Limits, Session
from ingestion.demo.replay.exchanges import Reply, Request, recorded
from ingestion.demo.replay.limesurvey import LimeSurvey as Server
from ingestion.demo.replay.limesurvey import answers_of
from ingestion.demo.replay.server import Replay
from ingestion.errors import ConfigurationError, SourceError, SourceMissing, SourceRefusal

QUICK = Limits(attempts=2, first_wait_seconds=0.001, requests_per_second=1e6)
SURVEY = "185393"


@dataclass
class Recorded:
    """Answers each method with one recorded exchange, exactly."""

    numbers: dict[str, str]
    asked: list[str] = field(default_factory=list)

    def respond(self, request: Request) -> Reply:
        method = json.loads(request.body)["method"]
        self.asked.append(method)
        return recorded("limesurvey")[self.numbers[method]].reply


@contextmanager
def talking(behaviour: Recorded | Server, **options: str) -> Iterator[LimeSurvey]:
    with Replay(behaviour, has_length=False) as server:
        session = Session(server.address, limits=QUICK, sleep=lambda _: None)
        yield connect(session, {"user": "admin", "password": "Admin-Pass1"}, options)
        session.close()


def said_of(export: str) -> tuple[Recorded, list[Page | Complete]]:
    server = Recorded({"get_session_key": "03", "export_responses": export})
    with talking(server) as connector:
        return server, list(connector.pull(SURVEY, {}))


def test_no_response_yet_is_no_row_and_no_error() -> None:
    _, (page, done) = said_of("13")
    assert isinstance(page, Page)
    assert (page.records, page.span) == ((), (1, None))
    assert isinstance(done, Complete)
    assert page.body == recorded("limesurvey")["13"].reply.body, "exactly what was received"


@pytest.mark.parametrize(
    ("export", "error", "text"),
    [
        ("07", SourceMissing, "survey table does not exist"),
        ("37", SourceRefusal, "No permission"),
        ("29", SourceError, "Language code not found"),
        ("30", SourceError, "Writer for parquet should implement IWriter"),
        ("38", SourceError, "answers 500"),
        ("39", SourceError, "unable to decode malformed json"),
    ],
)
def test_an_error_in_a_200_is_an_error(export: str, error: type[SourceError], text: str) -> None:
    with pytest.raises(error, match=text) as raised:
        said_of(export)
    assert type(raised.value) is error


@pytest.mark.parametrize(("login", "text"), [("01", "Invalid user name"), ("46", "Invalid user"), ("49", "maximum login"),
                                             ("50", "maximum login")])  # fmt: skip
def test_a_refused_login_is_tried_once(login: str, text: str) -> None:
    server = Recorded({"get_session_key": login})
    with talking(server) as connector, pytest.raises(SourceRefusal, match=text):
        list(connector.pull(SURVEY, {}))
    assert server.asked == ["get_session_key"]


@pytest.mark.parametrize("export", ["02", "45"])
def test_a_session_that_never_holds_ends(export: str) -> None:
    server = Recorded({"get_session_key": "03", "export_responses": export})
    with talking(server) as connector, pytest.raises(SourceError, match="Invalid session key"):
        list(connector.pull(SURVEY, {}))
    assert server.asked.count("get_session_key") == 5


def test_answers_are_text_as_they_are_written_whichever_form_they_were_exported_in() -> None:
    server = Server(answers=answers_of("17"))
    with talking(server) as connector:
        page = next(item for item in connector.pull(SURVEY, {}) if isinstance(item, Page))
    first = page.records[0]
    assert (first.record_id, first.table) == ("1", SURVEY)
    assert first.fields["submitdate"] == "", "an incomplete answer"
    assert (first.fields["satis"], first.fields["gain"], first.fields["siret"]) == ("5", "31.8", "06493596800012")
    assert first.fields["lastpage"] == "1"
    assert first.fields["comm"] == "L’IA m’a fait gagner ½ journée/semaine – 30 % de temps"
    # `long` writes numbers as text: the record is the same, but for labels instead of codes
    long = answers_of("18")[1]
    assert str(long["id"]) == first.record_id


def test_chunks_holes_and_the_end() -> None:
    answers = {number: {**answers_of("17")[2], "id": number} for number in (1, 2, 3, 41, 42, 9_000)}
    with talking(Server(answers=answers), page="2") as connector:
        *pages, done = connector.pull(SURVEY, {})
    assert isinstance(done, Complete)
    found = [page for page in pages if isinstance(page, Page)]
    assert [record.record_id for page in found for record in page.records] == ["1", "2", "3", "41", "42", "9000"]
    # together the spans cover every id: what is absent was deleted
    spans = [page.span for page in found if page.span]
    assert spans[0][0] == 1
    assert all(before[1] == after[0] - 1 for before, after in itertools.pairwise(spans) if before[1])
    assert spans[-1][1] is None
    assert len(found) < 12, "a hole of nine thousand ids is not walked through"


def test_a_pull_goes_on_where_another_was_stopped_and_reads_what_that_one_had_read() -> None:
    answers = {number: {**answers_of("17")[2], "id": number} for number in range(1, 8)}
    with talking(Server(answers=answers), page="3") as connector:
        first = next(iter(connector.pull(SURVEY, {})))
        assert isinstance(first, Page)
        assert first.watermark == {"next": 4}
        rest = [item for item in connector.pull(SURVEY, first.watermark) if isinstance(item, Page)]
    ids = [record.record_id for page in rest for record in page.records]
    assert ids == ["4", "5", "6", "7", "1", "2", "3"]


def test_a_survey_describes_itself_without_markup_and_with_its_choices() -> None:
    server = Server(answers={}, options={1: {"dir": "Dirigeant·e", "dem": "Demandeur d&#039;emploi"}})
    with talking(server) as connector:
        assert connector.entities() == [(SURVEY, "Baromètre IA Martinique")]
        description = connector.describe(SURVEY)
    fields = {item.name: item for item in description.tables[0].fields}
    recorded_names = set(answers_of("17")[1])
    assert set(fields) == recorded_names, "the names under which the answers come"
    assert fields["themes[SQ02]"].labels["fr"] == "Thèmes suivis : Données & « open data »"
    assert [choice.code for choice in fields["profil"].choices] == ["dir", "dem", "-oth-"]
    assert fields["profil"].choices[1].labels["fr"] == "Demandeur d'emploi"
    assert (fields["submitdate"].type, fields["gain"].type, fields["certif"].type) == ("datetime", "number", "choice")


@pytest.mark.parametrize("page", ["0", "2001", "beaucoup"])
def test_a_chunk_stays_where_the_server_s_time_is_linear(page: str) -> None:
    with pytest.raises(ConfigurationError):
        connect(Session("http://127.0.0.1:1"), {"user": "a", "password": "b"}, {"page": page})
