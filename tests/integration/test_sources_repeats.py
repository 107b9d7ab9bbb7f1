"""What a mirror keeps of records with repeats, of deletions told in each way, and of records that only a listing names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingestion import connectors
from ingestion.connectors.interface import Complete, Description, Field, Page, Record, Table, Watermark
from ingestion.connectors.mapping import load_source
from ingestion.connectors.pulling import PullSummary, pull
from ingestion.settings import Settings
from tests.integration.drop_box import DropBox

MAPPING = """\
system: odk
address: http://127.0.0.1:1
connection: formulaire
partner: KABIA
zone: UTC
feeds:
  - entity: forme
    table: forme.seances
    feed: F01
    period: "../jour"
    columns:
      session_id: numero
      action_code: {constant: MQ-A1}
      intitule: "../titre"
      modalite: {constant: ATELIER}
      date_debut: "../jour"
      date_fin: "../jour"
      duree_prevue_h: heures
      code_commune: {constant: "97209"}
"""
Answers = dict[str, tuple[str, dict[str, str]]]


@dataclass
class Form:
    """A form with a repeat: title and hours of its sessions by record; what is new is told, what is gone in one way."""

    records: Answers = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    deleted: tuple[str, ...] = ()
    has_listing: bool = False
    fetched: list[str] = field(default_factory=list)

    def entities(self) -> Sequence[tuple[str, str]]:
        return [("forme", "Séances")]

    def describe(self, entity: str) -> Description:
        own, repeat = (
            tuple(Field(name, {}, "text") for name in names) for names in (("titre", "jour"), ("numero", "heures"))
        )
        return Description(entity, "Séances", "1", (Table("forme", own), Table("forme.seances", repeat)))

    def pull(self, entity: str, since: Watermark) -> Iterator[Page | Complete]:
        for number, identifier in enumerate(self.changed):
            yield self._page([identifier], self.deleted if not number else ())
        if self.deleted and not self.changed:
            yield self._page([], self.deleted)
        self.changed, self.deleted = [], ()
        yield Complete({"seen": True}, frozenset(self.records) if self.has_listing else None)

    def fetch(self, entity: str, record_ids: Sequence[str]) -> Iterator[Page]:
        self.fetched += record_ids
        yield self._page([identifier for identifier in record_ids if identifier in self.records], ())

    def close(self) -> None:
        pass

    def _page(self, identifiers: Sequence[str], deleted: tuple[str, ...]) -> Page:
        found = []
        for identifier in identifiers:
            title, sessions = self.records[identifier]
            own = {"titre": title, "jour": "2026-09-03"}
            found.append(Record(identifier, "forme", own))
            above = {f"../{name}": value for name, value in own.items()}
            for number, hours in sessions.items():
                found.append(
                    Record(f"{identifier}/{number}", "forme.seances", {**above, "numero": number, "heures": hours},
                           parent_id=identifier)
                )  # fmt: skip
        body = json.dumps([identifiers, deleted, [dict(record.fields) for record in found]]).encode()
        return Page(body, "application/json", "/forme", tuple(found), deleted)


@pytest.fixture
def form(clean: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Form, DropBox]:
    monkeypatch.setenv("LAKOU_TODAY", "2026-10-05")
    monkeypatch.setenv("LAKOU_SOURCES_DIR", str(tmp_path))
    (tmp_path / "seances.yml").write_text(MAPPING)
    made = Form({"A": ("Un", {"S1": "7", "S2": "3"}), "B": ("Deux", {"S3": "2"})}, ["A", "B"])
    monkeypatch.setattr(connectors, "connect", lambda *_: made)
    return made, DropBox(clean).open_account(feeds=("F01",))


def loaded(box: DropBox) -> tuple[PullSummary, list[tuple[str, str, str]]]:
    summary = pull(box.settings, load_source("seances"), {})
    assert box.receive().failures == ()
    rows = box.all(
        "select session_id, intitule, duree_prevue_h from raw.f01_sessions_formation as r where not exists"
        " (select 1 from ops.supersessions as s where s.superseded_delivery_id = r._delivery_id) order by 1"
    )
    return summary, rows


def test_repeats_follow_the_record_that_they_belong_to(form: tuple[Form, DropBox]) -> None:
    source, box = form
    assert loaded(box)[1] == [("S1", "Un", "7"), ("S2", "Un", "3"), ("S3", "Deux", "2")]
    # an edit of the record alone changes its repeats' rows, and a repeat taken out is gone
    source.records["A"], source.changed = ("Un bis", {"S1": "7"}), ["A"]
    summary, rows = loaded(box)
    assert summary.deleted == 1
    assert rows == [("S1", "Un bis", "7"), ("S3", "Deux", "2")]


@pytest.mark.parametrize("has_listing", [True, False])
def test_a_record_that_is_gone_takes_its_repeats_with_it(form: tuple[Form, DropBox], *, has_listing: bool) -> None:
    source, box = form
    loaded(box)
    del source.records["B"]
    source.has_listing = has_listing
    source.deleted = () if has_listing else ("B",)
    summary, rows = loaded(box)
    assert summary.deleted == 2, "the record and its repeat"
    assert rows == [("S1", "Un", "7"), ("S2", "Un", "3")]


def test_a_record_that_only_the_listing_names_is_asked_for(form: tuple[Form, DropBox]) -> None:
    source, box = form
    source.has_listing = True
    loaded(box)
    assert source.fetched == []
    # restored at the source: in no increment
    source.records["C"] = ("Trois", {"S9": "1"})
    assert loaded(box)[1][-1] == ("S9", "Trois", "1")
    assert source.fetched == ["C"]
    assert loaded(box)[0].files == ()
    assert source.fetched == ["C"], "it is known by now"


def test_what_is_kept_of_a_record_is_what_the_mapping_names(form: tuple[Form, DropBox]) -> None:
    _, box = form
    loaded(box)
    assert box.one("select count(*) from ops.source_records where places = '{}'") == 2, "the records above the repeats"
    columns = box.all(
        "select table_name, column_name from information_schema.columns where table_schema = 'ops' and table_name ~ '^source'"
    )
    texts = " ".join(
        str(row) for table in {table for table, _ in columns} for row in box.all(f"select * from ops.{table}")
    )
    assert "forme.seances" in texts
    assert "Deux" not in texts, "no value of a record is in the database's books"
