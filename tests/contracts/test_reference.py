"""The reference seeds say what their sources say: form, sums and references."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
import yaml

REFERENCE = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds" / "reference"
SEEDS = ("programmes", "source_documents", "commitments", "action_lines", "territories")
PROGRAMMES = {"MQ", "AMP", "MGP", "OCC", "IDF"}


def read(name: str) -> list[dict[str, str]]:
    with (REFERENCE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    assert all(None not in row and None not in row.values() for row in rows), "a row has the wrong number of cells"
    return rows


@pytest.mark.parametrize("name", SEEDS)
def test_columns_are_all_typed_and_described(name: str) -> None:
    (seed,) = yaml.safe_load((REFERENCE / f"{name}.yml").read_text(encoding="utf-8"))["seeds"]
    columns = list(read(name)[0])
    assert list(seed["config"]["column_types"]) == columns
    assert [column["name"] for column in seed["columns"]] == columns
    assert all(column["description"] for column in seed["columns"])


@pytest.mark.parametrize("name", SEEDS)
def test_text_is_plain(name: str) -> None:
    for row in read(name):
        for value in row.values():
            assert value == value.strip()
            assert "\n" not in value
            assert "\ufeff" not in value


def test_five_programmes_and_their_documents_name_each_other() -> None:
    programmes, documents = read("programmes"), read("source_documents")
    assert {row["programme_code"] for row in programmes} == PROGRAMMES
    assert {row["document_id"]: row["programme_code"] for row in documents} == {
        row["document_id"]: row["programme_code"] for row in programmes
    }
    assert all(row["title"] and row["publisher"] for row in documents)


def test_only_the_document_that_gives_its_date_has_one() -> None:
    assert {row["document_id"]: row["document_date"] for row in read("source_documents") if row["document_date"]} == {
        "001": "2020-01"
    }


def test_the_ledger_holds_117_claims() -> None:
    claims = read("commitments")
    assert len(claims) == 117
    assert len({claim["commitment_id"] for claim in claims}) == 117
    counts: dict[str, Counter[str]] = {}
    for claim in claims:
        counts.setdefault(claim["programme_code"], Counter())[claim["nature"]] += 1
    assert counts == {
        "MQ": {"promesse": 14, "cadre": 24, "constat": 4, "hypothese": 10},
        "AMP": {"promesse": 5, "cadre": 5, "base": 1},
        "MGP": {"promesse": 7, "cadre": 3, "base": 1},
        "OCC": {"promesse": 14, "cadre": 3, "constat": 1, "base": 3},
        "IDF": {"promesse": 18, "cadre": 2, "base": 2},
    }


def test_each_claim_quotes_a_document_of_its_programme() -> None:
    documents = {row["document_id"]: row["programme_code"] for row in read("source_documents")}
    for claim in read("commitments"):
        assert documents[claim["document_id"]] == claim["programme_code"], claim["commitment_id"]
        assert claim["excerpt"], claim["commitment_id"]
        assert claim["commitment_id"].startswith(claim["programme_code"] + "-")


def test_values_are_numbers_and_martinique_has_no_target() -> None:
    claims = read("commitments")
    for claim in claims:
        if claim["value"]:
            assert float(claim["value"]) > 0, claim["commitment_id"]
            assert claim["unit"], claim["commitment_id"]
    martinique = [claim for claim in claims if claim["programme_code"] == "MQ" and claim["nature"] == "promesse"]
    assert martinique
    assert not any(claim["value"] for claim in martinique)


def test_the_lines_of_occitanie_that_do_not_add_up_are_shown_as_they_are() -> None:
    value = {claim["commitment_id"]: int(claim["value"] or 0) for claim in read("commitments")}
    note = {claim["commitment_id"]: claim["note"] for claim in read("commitments")}
    assert value["OCC-B55"] + value["OCC-B5"] == value["OCC-B60"]
    lines = sum(value[line] for line in ("OCC-B9", "OCC-B22", "OCC-B10a", "OCC-B10f"))
    assert value["OCC-B55"] - lines == 4_000_000
    assert value["OCC-B55"] - (lines - value["OCC-B10f"]) == 14_000_000
    assert "4 ou 14 M€ non ventilés" in note["OCC-B10a"]
    assert "AMBIGU" in note["OCC-B10f"]


def test_action_codes_of_each_programme() -> None:
    actions = read("action_lines")
    assert Counter(row["programme_code"] for row in actions) == {"MQ": 5, "AMP": 3, "MGP": 3, "OCC": 5, "IDF": 15}
    assert len({row["action_code"] for row in actions}) == len(actions)
    claims = {claim["commitment_id"]: claim["label"] for claim in read("commitments")}
    for row in actions:
        assert row["action_code"].startswith(row["programme_code"] + "-")
        # the ledger's IDF-M15 is the count of measures; the fifteenth measure itself is its two claims M15g and M15e
        if row["action_code"] != "IDF-M15":
            assert row["label"] == claims[row["action_code"]]
    assert {row["action_code"] for row in actions if row["programme_code"] == "MQ"} == {f"MQ-A{n}" for n in range(1, 6)}


def test_martinique_has_34_communes_in_three_epci() -> None:
    rows = read("territories")
    assert Counter(row["territory_level"] for row in rows) == {"commune": 34, "epci": 3, "region": 1}
    communes = [row for row in rows if row["territory_level"] == "commune"]
    assert Counter(row["epci_code"] for row in communes) == {"249720061": 4, "249720053": 12, "200041788": 18}
    assert {row["territory_code"] for row in communes} == {f"972{n:02d}" for n in range(1, 35)}
    assert {row["region_code"] for row in rows} == {"02"}
    assert {row["cog_vintage"] for row in rows} == {"2026"}
    names = {row["territory_code"]: row["label"] for row in communes}
    assert (names["97209"], names["97213"], names["97229"]) == ("Fort-de-France", "Le Lamentin", "Schœlcher")


def test_populations_add_up() -> None:
    rows = read("territories")
    by_level = {
        level: {row["territory_code"]: int(row["population"]) for row in rows if row["territory_level"] == level}
        for level in ("commune", "epci", "region")
    }
    for epci, population in by_level["epci"].items():
        assert population == sum(
            int(row["population"]) for row in rows if row["territory_level"] == "commune" and row["epci_code"] == epci
        )
    assert sum(by_level["commune"].values()) == sum(by_level["epci"].values()) == by_level["region"]["02"]
    assert min(by_level["commune"].values()) > 0
