"""A source's file: what is wrong in it is told with its line, before anything is pulled."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.connectors import mapping
from ingestion.connectors.mapping import Source, load_pulled, load_source, load_sources, pulled_files
from ingestion.connectors.rows import file_of, moment, period_of, row_of, unknown_codes
from ingestion.contracts import load_contract
from ingestion.errors import ConfigurationError

F04 = """\
system: limesurvey
address: https://enquetes.example.org
connection: enquetes
partner: KABIA
zone: America/Martinique
feeds:
  - entity: 185393
    feed: F04
    columns:
      enquete_id: {constant: E-1}
      reponse_id: {field: id, prefix: R-}
      type: {field: moment, codes: {c: CHAUD, f: FROID}, default: AVANT}
      session_id: session
      date_reponse: {field: submitdate, clock: server}
      utilise_ia_travail: {field: ia, codes: {Y: OUI, N: NON}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKOU_SOURCES_DIR", str(tmp_path))
    return tmp_path


def load(folder: Path, text: str, name: str = "enquetes") -> Source:
    (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return load_source(name)


def test_a_source_says_which_field_gives_which_column(folder: Path) -> None:
    source = load(folder, F04)
    (feed,) = source.feeds
    assert (feed.entity, feed.table, feed.grain, feed.period.field) == ("185393", "185393", "month", "submitdate")
    assert feed.fields == {"id", "moment", "session", "submitdate", "ia"}
    fields = {"id": "12", "moment": "c", "session": "S1", "submitdate": "2026-03-31 23:30:00", "ia": "Y"}
    zone = "America/Martinique"
    assert row_of(feed, load_contract("F04"), fields, zone, zone) == (
        "E-1", "R-12", "CHAUD", "S1", "2026-03-31T23:30:00", "OUI",
    )  # fmt: skip
    assert period_of(feed, fields, zone, zone) == "2026-03"
    assert period_of(feed, {**fields, "submitdate": "hier"}, zone, zone) == ""
    assert row_of(feed, load_contract("F04"), {"id": "1", "moment": ""}, zone, zone)[2] == "AVANT"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("system: limesurvey\n", "", "enquetes.yml:1: `system:` is missing"),
        ("limesurvey", "excel", "there is no connector for the system 'excel'"),
        ("partner: KABIA", "partner: kabia", "enquetes.yml:4: 'kabia' does not have the form expected"),
        ("America/Martinique", "Fort-de-France", "enquetes.yml:5: 'Fort-de-France' is no time zone"),
        ("partner: KABIA", "partner: KABIA\ncouleur: bleu", "enquetes.yml:5: 'couleur' is not known here"),
        ("partner: KABIA", "partner: KABIA\npartner: AUTRE", "enquetes.yml:5: 'partner' is said twice"),
        ("feed: F04", "feed: F99", "enquetes.yml:8: 'F99' is not known here"),
        ("session_id: session", "session: session", "enquetes.yml:13: F04 has no column 'session'"),
        ("      session_id: session\n", "", "enquetes.yml:7: nothing gives the column 'session_id'"),
        ("c: CHAUD", "c: TIEDE", "enquetes.yml:12: type cannot be 'TIEDE'"),
        ("session_id: session", "session_id: {field: a, constant: b}", "enquetes.yml:13: session_id needs a field or"),
        ("session_id: session", "session_id:", "enquetes.yml:13: session_id has no field"),
        ("clock: server", "clock: horloge", "enquetes.yml:14: 'horloge' is not known here"),
        ("feed: F04", "feed: F04\n    grain: year", "enquetes.yml:7: a file of F04 is of one month"),
        ("feeds:", "schedule: tous les jours\nfeeds:", "enquetes.yml:6: 'tous les jours' does not have the form"),
        ("      date_reponse: {field: submitdate, clock: server}\n", "", "enquetes.yml:7: nothing says of which period"),
        ("zone:", "zone: [", "enquetes.yml cannot be read"),
        ("session_id: session", "jeton_participant: token\n      session_id: session",
         "enquetes.yml:13: jeton_participant is personal, and the field 'token' is not declared so"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(folder: Path, before: str, after: str, said: str) -> None:
    assert before in F04
    with pytest.raises(ConfigurationError) as raised:
        load(folder, F04.replace(before, after))
    assert said in raised.value.what


def test_personal_fields_need_the_country_of_processing_and_the_contract(folder: Path) -> None:
    text = F04.replace("feeds:", "personal: [token]\nfeeds:") + "      jeton_participant: token\n"
    with pytest.raises(ConfigurationError, match="says neither where they are processed nor under which contract"):
        load(folder, text)
    complete = text.replace("feeds:", "processing: {country: France, contract: DPA-2026-4}\nfeeds:")
    assert load(folder, complete).contract == "DPA-2026-4"


def test_one_feed_of_a_partner_has_one_source(folder: Path) -> None:
    load(folder, F04)
    load(folder, F04, "autre")
    with pytest.raises(ConfigurationError, match=r"fed by autre\.yml already"):
        load_sources()


@pytest.mark.parametrize(
    ("text", "clock", "zone", "shown"),
    [
        # the device said where it was
        ("2026-05-21T20:15:00-04:00", "device", "UTC", "2026-05-21T20:15:00"),
        ("2026-05-22T00:15:00Z", "utc", "UTC", "2026-05-21T20:15:00"),
        ("2026-05-22T00:15:00", "utc", "Europe/Paris", "2026-05-21T20:15:00"),
        # the last evening of a month in Martinique is the next month on a server in Paris
        ("2026-04-01 03:30:00", "server", "Europe/Paris", "2026-03-31T21:30:00"),
        ("2026-03-31 23:30:00", "server", "America/Martinique", "2026-03-31T23:30:00"),
        ("2026-05-21T20:15:00", "device", "UTC", None),
        # a day is that day, wherever it is read, also where it is kept as local midnight
        ("2026-05-21", "server", "Europe/Paris", "2026-05-21T00:00:00"),
        ("1779314400", "wall", "Europe/Paris", "2026-05-21T00:00:00"),
        ("1779314400", "server", "Europe/Paris", "2026-05-20T18:00:00"),
        ("2026-03-07 00:00:00", "wall", "UTC", "2026-03-07T00:00:00"),
        ("bientôt", "server", "UTC", None),
        ("2026", "server", "UTC", None),
    ],
)
def test_a_moment_is_shown_by_the_programme_s_clock(text: str, clock: str, zone: str, shown: str | None) -> None:
    found = moment(text, clock, zone, "America/Martinique")
    assert (found.isoformat() if found else None) == shown


def test_the_same_rows_are_the_same_bytes_and_any_text_is_kept() -> None:
    rows = [("a;b", 'dit "oui"'), ("deux\nlignes", "\ud800")]
    assert file_of(["x", "y"], rows) == file_of(["x", "y"], rows)
    assert file_of(["x", "y"], rows).decode("utf-8-sig").splitlines()[1] == '"a;b";"dit ""oui"""'


@pytest.mark.parametrize(
    ("value", "cell", "unknown"),
    [
        ('["c","f"]', "CHAUD;FROID", []),
        ('["c","a b"]', "CHAUD;a b", ["a b"]),
        ("[]", "AVANT", []),
        ('[{"title": "x"}]', '[{"title": "x"}]', ['[{"title": "x"}]']),
        ("[c", "[c", ["[c"]),
    ],
)
def test_several_answers_of_a_field_are_coded_one_by_one(
    folder: Path, value: str, cell: str, unknown: list[str]
) -> None:
    (feed,) = load(folder, F04).feeds
    fields = {"id": "1", "moment": value}
    zone = "America/Martinique"
    assert row_of(feed, load_contract("F04"), fields, zone, zone)[2] == cell
    assert [item for name, item in unknown_codes(feed, fields) if name == "moment"] == unknown


def test_what_every_value_begins_with_can_be_taken_off(folder: Path) -> None:
    zone = "America/Martinique"
    text = F04.replace("reponse_id: {field: id, prefix: R-}", 'reponse_id: {field: id, prefix: R-, without: "uuid:"}')
    assert text != F04
    (feed,) = load(folder, text).feeds
    values = {
        value: row_of(feed, load_contract("F04"), {"id": value}, zone, zone)[1] for value in ("uuid:1-2", "3", "uuid:")
    }
    assert values == {"uuid:1-2": "R-1-2", "3": "R-3", "uuid:": ""}


def test_a_machine_s_own_sources_stand_beside_those_of_people(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home, people = tmp_path_factory.mktemp("home"), folder
    (home / "sources").mkdir()
    for name in ("demo_outil", "commune"):
        (home / "sources" / f"{name}.yml").write_text(F04.replace("KABIA", "MACHINE"), "utf-8")
    (people / "commune.yml").write_text(F04, "utf-8")
    monkeypatch.setenv("LAKOU_HOME", str(home))
    # a folder that is asked for is the only one
    assert [path.stem for path in pulled_files()] == ["commune"]
    monkeypatch.delenv("LAKOU_SOURCES_DIR")
    monkeypatch.setattr(mapping, "FOLDER", people)
    assert [path.stem for path in pulled_files()] == ["commune", "demo_outil"]
    assert [load_source(name).partner for name in ("commune", "demo_outil")] == ["KABIA", "MACHINE"]


BY_HAND = F04.replace("address: https://enquetes.example.org\nconnection: enquetes\n", "")


def test_a_tool_whose_files_are_exported_by_hand_has_no_server(folder: Path) -> None:
    source = load(folder, BY_HAND.replace("limesurvey", "google_forms"), "avis")
    assert (source.is_pulled, source.address, source.connection) == (False, "", "")
    load(folder, F04.replace("KABIA", "AUTRE"))
    assert [path.stem for path in pulled_files()] == ["enquetes"]
    with pytest.raises(ConfigurationError, match="is not pulled"):
        load_pulled("avis")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BY_HAND.replace("limesurvey", "carnet"), "no exported file of 'carnet' is recognised"),
        (F04.replace("limesurvey", "google_forms"), "there is no connector for the system 'google_forms'"),
        (F04.replace("connection: enquetes\n", ""), "`connection:` is missing"),
    ],
)
def test_a_source_is_pulled_or_exported_by_hand(folder: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load(folder, text)
