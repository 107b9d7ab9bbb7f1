"""Each recorded exchange, given again through a real socket, gives what was documented of it."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Mapping

import pytest

from ingestion.connectors import connect
from ingestion.connectors.interface import Complete, Connector, Page, Record, Watermark
from ingestion.connectors.session import Limits, Session
from ingestion.demo.replay.exchanges import Reply, Request, recorded
from ingestion.demo.replay.pretix import Pretix
from ingestion.demo.replay.server import Faults, Replay
from ingestion.errors import ConfigurationError, SourceError, SourceMissing, SourceRefusal
from tests.integration.connector_days import LIVES, Clock, Life, Mirror

FAST = Limits(requests_per_second=100_000, first_wait_seconds=0.01, longest_wait_seconds=0.02, attempts=3)
FOLDERS = {"odk": "odk-central", "dolibarr": "dolibarr", "espocrm": "espocrm", "pretix": "pretix"}
NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
ROWS_OF_NOTHING = {"value": [{}], "results": [{}], "list": [{}], "next": None}
SINCE = "2026-11-21T22:55:47.524000+00:00"


class InTurn:
    """Answers of a system one after the other, whatever is asked."""

    def __init__(self, system: str, *numbers: str) -> None:
        self._waiting = [recorded(FOLDERS[system])[number].reply for number in numbers]

    def respond(self, _: Request) -> Reply:
        """The next one."""
        return self._waiting.pop(0)


EVERY = [
    pytest.param(folder, number, id=f"{folder}-{number}")
    for folder in ("dolibarr", "espocrm", "limesurvey", "odk-central", "pretix")
    for number in recorded(folder)
]
# what becomes of an answer with this status; all others but success are a `SourceError`
BY_STATUS = {401: SourceRefusal, 403: SourceRefusal, 404: SourceMissing, 410: SourceMissing}
MAY_PASS = {408, 429, 500, 502, 503, 504}


def of(system: str) -> type[Life]:
    return next(life for life in LIVES if life.system == system)


def made(system: str, server: Replay, options: Mapping[str, str] | None = None) -> Connector:
    life = of(system)
    return connect(system, Session(server.address, limits=FAST), life.credentials, options or {})


def pulled(
    system: str, entity: str, *numbers: str, since: Watermark | None = None
) -> tuple[list[Page], Complete, Replay]:
    """What a pull makes of answers given in turn."""
    with Replay(InTurn(system, *numbers)) as server:
        items = list(made(system, server).pull(entity, since or {}))
    pages = [item for item in items if isinstance(item, Page)]
    end = items[-1]
    assert isinstance(end, Complete)
    return pages, end, server


def own(pages: list[Page]) -> list[Record]:
    return [record for page in pages for record in page.records if record.parent_id is None]


@pytest.mark.parametrize(("folder", "number"), EVERY)
def test_every_recorded_answer_reaches_us_to_the_byte_or_as_the_error_that_it_is(folder: str, number: str):
    exchange = recorded(folder)[number]
    reply = exchange.reply

    class Alone:
        def respond(self, _: Request) -> Reply:
            return reply

    with Replay(Alone()) as server:
        session = Session(server.address, limits=FAST)
        ask = session.post if exchange.method == "POST" else session.get
        if reply.status in {200, 201}:
            answer = ask(exchange.asked, expect=(reply.status,))
            assert answer.body == reply.body
            named = {name.lower(): text for name, text in reply.headers.items()}
            assert answer.media_type == named["content-type"].partition(";")[0]
        else:
            with pytest.raises(SourceError) as raised:
                ask(exchange.asked)
            assert type(raised.value) is BY_STATUS.get(reply.status, SourceError)
        session.close()
    assert len(server.requests) == (FAST.attempts if reply.status in MAY_PASS else 1)


def test_odk_follows_its_pages_on_the_address_that_we_call():
    pages, end, server = pulled("odk", "1/seance_ia", "02", "12", "13", "16", "64", "16")
    assert [len(own([page])) for page in pages] == [5, 5, 0]
    assert {request.headers["host"] for request in server.requests} == {server.address.removeprefix("http://")}
    tokens = [request.query.get("$skiptoken", "") for request in server.requests[1:4]]
    assert [bool(token) for token in tokens] == [False, True, True]
    assert end.listing == {"uuid:c997acd1-aa7d-4f60-a9fe-83ad3d6d71de", "uuid:aa637846-9ce0-42da-a897-cf0dc2cc9ef0"}
    assert [page.body for page in end.pages] == [recorded("odk-central")[number].reply.body for number in ("64", "16")]


def test_odk_makes_records_of_repeats_and_keeps_what_telephones_wrote():
    pages, _, _ = pulled("odk", "1/seance_ia", "02", "14", "16")
    assert len(own(pages)) == 49
    children = [record for record in pages[0].records if record.parent_id]
    assert len(children) == 115
    first = own(pages)[0]
    assert first.fields["debut"] == "2026-05-21T09:02:11.123-04:00"
    assert first.fields["themes"] == "automat donnees"
    assert (first.fields["note"], first.fields["gain"], first.fields["emargement"]) == ("5", "11.7", None)
    assert first.updated_at == dt.datetime(2026, 11, 21, 22, 55, 47, 522_000, dt.UTC)
    child = children[0]
    assert (child.table, child.fields["nom"], child.fields["../commune"]) == (
        "1/seance_ia.participants",
        "Éloïse Louis-Joseph",
        "97230",
    )
    assert child.parent_id == child.fields["../__id"]


def test_odk_asks_for_edits_and_an_edited_submission_keeps_its_identifier():
    pages, end, server = pulled("odk", "1/seance_ia", "02", "18", "61", since={"at": SINCE, "etag": "W/x"})
    assert server.requests[1].query["$filter"] == (
        "__system/submissionDate gt 2026-11-21T22:25:47.524Z or __system/updatedAt gt 2026-11-21T22:25:47.524Z"
    )
    edited = own(pages)[0]
    assert edited.record_id == "uuid:5cc59cd6-311a-4a9a-a5f9-5e9a5d35bdf5"
    assert edited.fields["meta/instanceID"] == "uuid:fb162c9a-4511-4dda-be5b-53366f78fa30"
    assert edited.fields["commentaire"] == "CORRIGÉ par le partenaire"
    assert server.requests[2].headers["if-none-match"] == "W/x"
    assert end == Complete({"at": "2026-11-21T22:55:48.786000+00:00", "etag": "W/x"})


def test_odk_shows_a_new_question_as_soon_as_the_server_does():
    before, _, _ = pulled("odk", "1/seance_ia", "02", "16", "16")
    pages, _, _ = pulled("odk", "1/seance_ia", "02", "68", "16", "16")
    assert before[0].records == ()
    assert own(pages)[0].fields["ville_libre"] is None


def test_odk_begins_again_where_the_place_of_a_stopped_pull_is_gone():
    stopped = {"at": SINCE, "position": "01abc", "began": SINCE}
    pages, end, server = pulled("odk", "1/seance_ia", "02", "65", "17", "16", "16", since=stopped)
    assert ["$skiptoken" in request.query for request in server.requests[1:]] == [True, False, False, False]
    assert len(own(pages)) == 3
    assert end.listing == frozenset()


@pytest.mark.parametrize("number", ["41", "42", "49"])
def test_odk_opens_a_session_again_once_when_it_ended(number: str):
    pages, _, server = pulled("odk", "1/seance_ia", "02", "14", number, "02", "16")
    assert len(own(pages)) == 49
    assert [request.path for request in server.requests].count("/v1/sessions") == 2
    # a dead token must not go with the login: the server would refuse both
    assert "authorization" not in server.requests[3].headers
    # a new one that is refused at once is not tried a second time
    with Replay(InTurn("odk", "02", "14", number, "02", number)) as server, pytest.raises(SourceRefusal):
        list(made("odk", server).pull("1/seance_ia", {}))
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("system", "entity", "numbers", "error"),
    [
        ("odk", "1/seance_ia", ["01"], SourceRefusal),
        ("odk", "1/seance_ia", ["02", "47"], SourceRefusal),
        ("odk", "999/none", ["02", "43"], SourceMissing),
        ("odk", "1/none", ["02", "44"], SourceMissing),
        ("odk", "1/seance_ia", ["02", "21"], SourceError),
        ("odk", "1/seance_ia", ["02", "22"], SourceError),
        ("dolibarr", "thirdparties", ["02"], SourceRefusal),
        ("dolibarr", "thirdparties", ["03"], SourceRefusal),
        ("dolibarr", "invoices", ["22"], SourceRefusal),
        ("dolibarr", "thirdparties", ["15"], SourceError),
        ("dolibarr", "thirdparties", ["09"], SourceError),
        # the JSON of a missing record, not that of an empty list
        ("dolibarr", "thirdparties", ["18"], SourceMissing),
        ("dolibarr", "thirdparties", ["10"], SourceError),
        ("dolibarr", "inconnu", ["19"], SourceError),
        ("espocrm", "Account", ["21"], SourceRefusal),
        ("espocrm", "Account", ["22"], SourceRefusal),
        ("espocrm", "Account", ["46"], SourceRefusal),
        ("espocrm", "Lead", ["20"], SourceRefusal),
        ("espocrm", "Account", ["10"], SourceRefusal),
        ("espocrm", "Inconnu", ["19"], SourceMissing),
        ("espocrm", "Account", ["05"], SourceError),
        ("pretix", "cci/atelier1", ["01"], SourceRefusal),
        ("pretix", "cci/atelier1", ["02"], SourceRefusal),
        ("pretix", "cci/inconnu", ["18"], SourceRefusal),
        ("pretix", "cci/atelier1", ["16"], SourceMissing),
    ],
)
def test_what_is_refused_is_asked_once(system: str, entity: str, numbers: list[str], error: type[SourceError]):
    with Replay(InTurn(system, *numbers)) as server, pytest.raises(SourceError) as raised:
        list(made(system, server).pull(entity, {}))
    assert type(raised.value) is error
    assert len(server.requests) == len(numbers)
    for secret in of(system).credentials.values():
        assert secret not in str(raised.value)


def test_dolibarr_ends_at_the_404_that_is_an_empty_list():
    pages, end, server = pulled("dolibarr", "thirdparties", "11", "12", "44", "12")
    assert [record.record_id for record in own(pages)] == ["51"]
    assert own(pages)[0].fields["town"] == "Sainte-Marie"
    assert server.requests[1].query["sqlfilters"] == "(t.rowid:>:51)"
    assert end.listing == {str(number) for number in range(2, 52)}
    assert server.requests[3].query["sqlfilters"] == "(t.rowid:>:51)"
    assert server.requests[2].query["properties"] == "id"


def test_dolibarr_asks_widely_since_it_does_not_know_the_zone_and_keeps_what_changed():
    since = {"at": "2026-11-21T23:00:00+00:00"}
    pages, end, server = pulled("dolibarr", "thirdparties", "13", "14", "44", "12", since=since)
    assert server.requests[0].query["sqlfilters"] == "(t.rowid:>:0) and (t.tms:>=:'2026-11-20 20:30:00')"
    changed = own(pages)[0]
    assert (changed.record_id, changed.fields["town"]) == ("5", "Le Carbet (corrigé)")
    assert changed.updated_at == dt.datetime(2026, 11, 21, 22, 59, 56, tzinfo=dt.UTC)
    assert end.watermark == since
    later = {"at": "2026-11-22T12:00:00+00:00"}
    assert own(pulled("dolibarr", "thirdparties", "13", "14", "44", "12", since=later)[0]) == []


@pytest.mark.parametrize(("entity", "number", "name"), [("contacts", "21", "Maïtrot"), ("projects", "20", None)])
def test_dolibarr_reads_its_other_lists(entity: str, number: str, name: str | None):
    # contacts past the end are an empty list, and no 404
    with Replay(Listed(number)) as server:
        items = list(made("dolibarr", server).pull(entity, {}))
    first = items[0].records[0]
    assert first.updated_at is not None
    assert first.fields.get("lastname") == name
    assert items[-1].listing == {record.record_id for record in items[0].records}


class Listed:
    """Rows of a recorded list once, then an empty list, which is a 200 for contacts."""

    def __init__(self, number: str) -> None:
        self._reply = recorded("dolibarr")[number].reply

    def respond(self, request: Request) -> Reply:
        """The rows where the first ones are asked for."""
        return self._reply if request.query["sqlfilters"] == "(t.rowid:>:0)" else self._reply.saying([])


@pytest.mark.parametrize("numbers", [("17", "42"), ("17", "18")])
def test_dolibarr_fetches_what_is_still_there(numbers: tuple[str, str]):
    with Replay(InTurn("dolibarr", *numbers)) as server:
        pages = list(made("dolibarr", server).fetch("thirdparties", ["6", "999999"]))
    assert [record.record_id for record in own(pages)] == ["6"]


def test_dolibarr_describes_itself_by_what_it_shows_where_we_are_no_administrator():
    with Replay(InTurn("dolibarr", "11", "22")) as server:
        table = made("dolibarr", server).describe("thirdparties").tables[0]
    fields = {field.name: field for field in table.fields}
    assert fields["idprof2"].labels == {"fr": "SIRET"}
    assert fields["date_modification"].type == "datetime"


class Administered:
    """What the documentation says that an administrator is told of custom fields: it was not recorded."""

    def respond(self, request: Request) -> Reply:
        """Custom fields of third parties, and a row."""
        reply = recorded("dolibarr")["11"].reply
        options = {"options": {"n": "Numérique", "t": "Tourisme"}}
        told = {"secteur": {"label": "Secteur", "type": "select", "param": options}, "visite": {"type": "date"}}
        return reply.saying({"societe": told}) if "setup" in request.path else reply


def test_dolibarr_describes_custom_fields_to_an_administrator():
    with Replay(Administered()) as server:
        table = made("dolibarr", server).describe("thirdparties").tables[0]
    secteur, visite = table.fields[-2:]
    assert (secteur.name, secteur.type) == ("array_options/options_secteur", "choice")
    assert {choice.code: choice.labels["fr"] for choice in secteur.choices} == {"n": "Numérique", "t": "Tourisme"}
    assert (visite.type, visite.labels) == ("date", {"fr": "visite"})


def test_espocrm_reads_its_accounts_whole_and_slides_along_their_dates():
    pages, end, server = pulled("espocrm", "Account", "11", "09")
    assert len(own(pages)) == 49
    assert own(pages)[0].fields["industry"] == "Agriculture"
    assert end.watermark == {"at": "2026-11-21T23:00:20+00:00"}
    assert end.listing is not None
    assert len(end.listing) == 5
    assert [request.query["orderBy"] for request in server.requests] == ["modifiedAt", "createdAt"]


def test_espocrm_goes_on_from_the_last_date_of_a_full_page():
    with Replay(InTurn("espocrm", "08", "16", "12", "12")) as server:
        pages = [item for item in made("espocrm", server, {"page": "5"}).pull("Account", {}) if isinstance(item, Page)]
    assert [len(page.records) for page in pages] == [5, 5, 0]
    where = [request.query.get("where[0][value]") for request in server.requests]
    # the second of the last record is asked for again: others of it may follow
    assert where == [None, "2026-11-21 23:00:01", "2026-11-21 23:00:15", None]


def test_espocrm_asks_for_changes_only():
    pages, _, server = pulled("espocrm", "Account", "13", "12", since={"at": "2026-11-21T23:00:18+00:00"})
    asked = server.requests[0].query
    assert (asked["where[0][type]"], asked["where[0][attribute]"]) == ("after", "modifiedAt")
    assert asked["where[0][value]"] == "2026-11-21 22:30:17"
    assert own(pages)[0].fields["billingAddressCity"] == "Le Carbet (corrigé)"
    assert pulled("espocrm", "Account", "12", "12")[0][0].records == ()


@pytest.mark.parametrize("number", ["17", "18"])
def test_espocrm_leaves_out_what_is_deleted(number: str):
    with Replay(InTurn("espocrm", number)) as server:
        assert list(made("espocrm", server).fetch("Account", ["6b022272423b02281"])) == []


def test_espocrm_describes_its_fields_and_options():
    with Replay(InTurn("espocrm", "29", "20")) as server:
        table = made("espocrm", server).describe("Account").tables[0]
    fields = {field.name: field for field in table.fields}
    assert [choice.code for choice in fields["type"].choices] == ["Customer", "Investor", "Partner", "Reseller"]
    assert fields["modifiedAt"].type == "datetime"
    assert {"assignedUserId", "assignedUserName", "billingAddressCity"} <= set(fields)
    # not in a list of records
    assert {"billingAddress", "teams", "contactRole", "billingAddressMap"}.isdisjoint(fields)
    row = json.loads(recorded("espocrm")["11"].reply.body)["list"][0]
    assert set(fields) <= set(row)


def test_pretix_slides_along_the_last_changes():
    pages, end, server = pulled("pretix", "cci/atelier1", "12", "13", "14")
    assert [len(own([page])) for page in pages] == [5, 5, 2]
    since = [request.query.get("modified_since") for request in server.requests]
    assert since[0] is None
    assert since[1] == "2026-11-21T23:24:08.244042+00:00"
    assert since[1] == own(pages[:1])[-1].updated_at.isoformat()
    cancelled = own(pages)[10]
    assert (cancelled.record_id, cancelled.fields["status"]) == ("CGR3S", "c")
    assert end.listing is None


def test_pretix_gives_people_their_answers_by_their_stable_names():
    pages, _, _ = pulled("pretix", "cci/atelier1", "14")
    people = [record for record in pages[0].records if record.parent_id]
    assert people[0].fields["answers/THEMES"] == "IAGEN DATA"
    assert people[0].fields["answers/SIRET"] == "27723881200014"
    assert people[0].fields["attendee_name_parts/family_name"] == "Larcher"
    assert people[0].fields["../status"] == "c"


def test_pretix_leaves_out_an_order_that_is_not_there():
    with Replay(InTurn("pretix", "17")) as server:
        assert list(made("pretix", server).fetch("cci/atelier1", ["ZZZZZ"])) == []


def test_pretix_describes_the_questions_of_an_event():
    with Replay(Pretix(of("pretix").credentials["token"], Clock(NOW))) as server:
        described = made("pretix", server).describe("cci/atelier1")
    assert described.title == "Atelier IA générative – Fort-de-France"
    fields = {field.name: field for field in described.tables[1].fields}
    themes = fields["answers/THEMES"]
    assert (themes.type, themes.labels) == ("choices", {"en": "Topics", "fr": "Thèmes souhaités"})
    assert {choice.code: choice.labels["fr"] for choice in themes.choices}["IAGEN"] == "IA générative"


@pytest.mark.parametrize("life", LIVES)
def test_a_server_describes_what_its_records_carry(life: type[Life]):
    source = life(Clock(NOW), dt.timedelta(0), random.Random(1))
    for _ in range(30):
        source.happen()
    with Replay(source) as server:
        connector = connect(life.system, Session(server.address, limits=FAST), life.credentials, life.options)
        assert life.entity in [entity for entity, _ in connector.entities()]
        described = connector.describe(life.entity)
        mirror = Mirror()
        assert mirror.pull(connector, life.entity)
        connector.close()
    assert described.title
    names = {table.name: {field.name for field in table.fields} for table in described.tables}
    assert set(mirror.tables) <= set(names)
    for table, fields in life.shown.items():
        assert {name for name in fields if not name.startswith("../")} <= names[table]


@pytest.mark.parametrize("life", LIVES)
def test_a_bad_network_changes_nothing_but_the_time_it_takes(life: type[Life]):
    source = life(Clock(NOW), dt.timedelta(0), random.Random(2))
    for _ in range(60):
        source.happen()
    mirror, attempts, is_done = Mirror(), 0, False
    with Replay(source, faults=Faults(0.3, seed=3, silence_seconds=0.01)) as server:
        while not is_done:
            attempts += 1
            connector = connect(life.system, Session(server.address, limits=FAST), life.credentials, life.options)
            try:
                is_done = mirror.pull(connector, life.entity)
            except SourceError:
                assert attempts < 60
            finally:
                connector.close()
    assert mirror.state(life.shown) == source.state()


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("page", ["0", "-1", "beaucoup", "1000000"])
def test_a_size_of_pages_that_no_server_gives_is_refused(life: type[Life], page: str):
    with pytest.raises(ConfigurationError, match="page"):
        connect(life.system, Session("http://127.0.0.1:9"), life.credentials, {**life.options, "page": page})


@pytest.mark.parametrize("life", LIVES)
def test_a_connection_without_its_secret_is_refused(life: type[Life]):
    with pytest.raises(ConfigurationError, match=r"no (token|user)"):
        connect(life.system, Session("http://127.0.0.1:9"), {}, life.options)


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize(
    "said", [None, "Bonjour", {}, {"value": None, "results": 3, "list": "x"}, ROWS_OF_NOTHING, [3]]
)
def test_an_answer_of_another_shape_is_told_and_takes_nothing(life: type[Life], said: object):
    login = recorded("odk-central")["02"].reply

    class Other:
        def respond(self, request: Request) -> Reply:
            return login if request.method == "POST" else login.saying(said)

    with Replay(Other()) as server:
        connector = connect(life.system, Session(server.address, limits=FAST), life.credentials, life.options)
        for ask in (
            lambda: list(connector.pull(life.entity, {})),
            lambda: connector.describe(life.entity),
            lambda: list(connector.fetch(life.entity, ["1"])),
        ):
            with pytest.raises(SourceError):
                ask()


@pytest.mark.parametrize(("life", "most"), list(zip(LIVES, (3, 4, 4, 4, 2, 1, 2), strict=True)))
def test_a_pull_with_nothing_new_costs_a_few_requests(life: type[Life], most: int):
    source, mirror = life(Clock(NOW), dt.timedelta(0), random.Random(4)), Mirror()
    for _ in range(5):
        source.happen()
    source.clock.now += dt.timedelta(days=1)
    with Replay(source) as server:
        for _ in range(2):
            server.requests.clear()
            options = {name: text for name, text in life.options.items() if name != "page"}
            connector = connect(life.system, Session(server.address, limits=FAST), life.credentials, options)
            assert mirror.pull(connector, life.entity)
    assert len(server.requests) <= most
