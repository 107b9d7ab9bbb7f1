"""Rows that contracts allow, and readings of them that need no file."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from ingestion.contracts import ANY, Column, Contract, load_contract, load_contracts
from ingestion.findings import FINDINGS
from ingestion.judging import Context, FileJudge, Judgement, judge_reading, references_of
from ingestion.naming import parse_period
from ingestion.pseudonyms import Pseudonymiser
from ingestion.reading import Batch, Header, Reading
from ingestion.territory import load_epcis, load_indicator_codes

FEEDS = tuple(load_contracts())
PSEUDONYMISER = Pseudonymiser(b"0123456789abcdef" * 4)
PERIOD = parse_period("2026-03")
SIRENS = ("732829320", "552100554", "356000000", "005520135")
SIRETS = ("73282932000074", "35600000049837", "35600000000001", "00552013500012")
COMMUNES = ("97209", "97213", "97222", "97228", "97230")
# what other feeds say of anything that is asked of them
OBJECTS: Mapping[str, Mapping[str, str | None]] = {
    "F01": {"duree_prevue_h": "400", "modalite": "ATELIER", "places": None, "date_fin": "2025-12-25"},
    "F05": {"date_deploiement": "2025-09-01"},
    "F08": {"effectif_declare": None},
}
PLACEHOLDERS = ("valeur", "detail", "titre", "exemple", "liste", "longueur", "bornes", "borne", "cle")
PEOPLE = ("courriel", "nom_naissance", "prenom", "annee_naissance")


def known_to(objects: Mapping[str, Mapping[str, str | None]], unknown: Sequence[str] = ()) -> object:
    """A lookup that knows every identifier but a few, and says the same of each."""

    def lookup(feed: str, identifiers: Sequence[str]) -> pl.DataFrame:
        names = ["identifier", "partner_code", *load_contract(feed).raw_columns]
        rows = [
            {"identifier": identifier, "partner_code": "KABIA", **objects.get(feed, {})}
            for identifier in identifiers
            if identifier not in unknown
        ]
        return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String))

    return lookup


def context(
    feed: str, objects: Mapping[str, Mapping[str, str | None]] = OBJECTS, unknown: Sequence[str] = ()
) -> Context:
    programme = "MGP" if feed in {"F05b", "F13"} else "MQ"
    return Context(
        contract=load_contract(feed),
        partner_code="KABIA",
        programme_code=programme,
        period=PERIOD,
        pseudonymiser=PSEUDONYMISER,
        references=references_of(programme, known_to(objects, unknown)),  # type: ignore[arg-type]
        has_convention=True,
    )


@dataclass
class Rows(Reading):
    """A reading of rows that are in memory, in batches of `size`."""

    contract: Contract
    rows: Sequence[Mapping[str, str]]
    size: int = 1 << 30
    remarks: tuple[()] = ()
    header: Header = field(init=False)
    passes: int = 0

    def __post_init__(self) -> None:
        names = tuple(column.name for column in self.contract.columns)
        self.header = Header(names, {name: index for index, name in enumerate(names)}, 1)

    def batches(self) -> Iterator[Batch]:
        self.passes += 1
        names = self.header.cells
        schema = {f"c{index}": pl.String for index in range(len(names))}
        cut = {"text": pl.String, "rule_id": pl.String, "reason": pl.String, "cells": pl.List(pl.String)}
        for start in range(0, max(len(self.rows), 1), self.size):
            part = self.rows[start : start + self.size]
            cells = pl.DataFrame([[row.get(name, "") for name in names] for row in part], schema=schema, orient="row")
            lines = pl.int_range(start + 2, start + 2 + len(part), dtype=pl.Int32, eager=True)
            yield Batch(
                cells.with_columns(lines.alias("_row_number")),
                pl.DataFrame(schema={"_row_number": pl.Int32, **cut}),
                (),
            )


def judge(feed: str, *rows: Mapping[str, str], size: int = 1 << 30, within: Context | None = None) -> Judgement:
    """Judge rows, and see that they add up."""
    judgement = judge_reading(Rows(load_contract(feed), rows, size), within or context(feed))
    assert_sound(judgement, load_contract(feed), len(rows))
    return judgement


def judge_once(feed: str, rows: Sequence[Mapping[str, str]], size: int) -> tuple[FileJudge, list[Judgement]]:
    """One pass over rows."""
    judging = FileJudge(Rows(load_contract(feed), rows, size), context(feed))
    return judging, list(judging)


def assert_sound(judgement: Judgement, contract: Contract, received: int) -> None:
    """Rows add up, each is in one place, and every refusal has its sentence."""
    accepted, awaiting, rejected = judgement.accepted, judgement.awaiting, judgement.rejected
    assert judgement.rows_received == received == accepted.height + awaiting.height + rejected.height
    assert accepted.columns == [*contract.raw_columns, "_row_number", "_row_hash"]
    assert awaiting.columns == [*accepted.columns, "awaited_feed", "awaited_id", "awaited_column"]
    assert judgement.findings.columns == list(FINDINGS)
    numbers = [*accepted["_row_number"], *awaiting["_row_number"], *rejected["row_number"]]
    assert len(set(numbers)) == len(numbers)
    refused = judgement.findings.filter(pl.col("severity") == "REFUSE")["row_number"]
    assert set(refused) == set(rejected["row_number"]) == set(judgement.refused_source["_row_number"])
    assert judgement.findings["message"].null_count() == 0
    said = [*judgement.findings["message"], *judgement.findings["remedy"]]
    assert not any(f"{{{name}}}" in text for text in said for name in PLACEHOLDERS)


def found(judgement: Judgement, *severities: str) -> set[tuple[str, str]]:
    kept = judgement.findings.filter(pl.col("severity").is_in(severities or ("REFUSE",)))
    return set(kept.select("column", "rule_id").rows())


# --------------------------------------------------------------------------------------------------- valid rows


def minimal_row(contract: Contract, *filled: str) -> dict[str, str]:
    """The examples of what is required, and of the columns asked for; nothing else."""
    row = {column.name: "" for column in contract.columns}
    for column in contract.columns:
        if column.required or column.name in filled or column.name == "programme_code":
            row[column.name] = example(contract, column)
    if contract.has_people:
        row |= {name: contract.column(name).example for name in PEOPLE}
    return complete(contract, row)


def example(contract: Contract, column: Column) -> str:
    """A value of one column that no rule refuses."""
    programme = context(contract.feed).programme_code
    if "programme" in column.checks:
        return programme
    if "action" in column.checks:
        return "MGP-PH2" if programme == "MGP" else "MQ-A1"
    if "funding_scheme" in column.checks:
        return "MGP-TEST"
    if "commune_perimetre" in column.checks and programme == "MGP":
        return "93066"
    if column.type == "boolean":
        return "true"
    if column.type == "date":
        return "2026-03-10"
    if column.type == "datetime":
        return "2026-03-10T09:30:00"
    if any(rule.column == column.name for rule in contract.sums):
        return "1"
    return column.example


def complete(contract: Contract, row: dict[str, str]) -> dict[str, str]:
    """Fill what the row's own values make obligatory."""
    for _ in contract.columns:
        for column in contract.columns:
            needed = column.required_when and all(
                bool(row[name]) if allowed == (ANY,) else row[name] in allowed for name, allowed in column.required_when
            )
            if needed and not row[column.name]:
                row[column.name] = example(contract, column)
    return row


def random_row(contract: Contract, index: int, pick: random.Random) -> dict[str, str]:
    """Some row that the contract allows, unlike the others of its file."""
    row = {column.name: random_value(contract, column, index, pick) for column in contract.columns}
    for column in contract.columns:
        is_key = column.name in contract.key or column.name == contract.identifier
        if not (column.required or is_key) and pick.random() < 0.3:
            row[column.name] = ""
    if contract.has_people:
        row |= {"courriel": f"personne{index}@exemple.fr", "nom_naissance": f"Nom {letters(index)}"}
        row |= {
            "prenom": pick.choice(["Élise", "Jean-Luc", "Ananda"]),
            "annee_naissance": str(pick.randint(1930, 2010)),
        }
    row = complete(contract, row)
    return in_order(contract, row, pick)


def in_order(contract: Contract, row: dict[str, str], pick: random.Random) -> dict[str, str]:
    """Put dates and amounts in the order that rules ask for, and codes apart that may not be the same."""
    dated = [column for column in contract.columns if column.type == "date"]
    before: dict[str, set[str]] = {column.name: set() for column in dated}
    for column in dated:
        if column.not_before:
            before[column.name].add(column.not_before)
        if column.not_after:
            before[column.not_after].add(column.name)
    for earlier, later in zip(contract.milestones, contract.milestones[1:], strict=False):
        before[later].add(earlier)
    rank = dict.fromkeys(before, 0)
    for _ in before:
        rank = {name: max([rank[other] + 1 for other in others], default=0) for name, others in before.items()}
    for name, place in rank.items():
        if row[name]:
            row[name] = (dt.date(2026, 3, 1) + dt.timedelta(days=3 * place + pick.randint(0, 2))).isoformat()
    if "cout_eligible" in row:
        row |= {"cout_eligible": "1000", "montant_vote": str(pick.randint(0, 500))}
    for column in contract.columns:
        if column.at_most and row[column.name]:
            row[column.name] = row[column.at_most]
        if column.differs_from and row[column.name] == row[column.differs_from]:
            row[column.name] = "97209"
    return row


def random_value(contract: Contract, column: Column, index: int, pick: random.Random) -> str:
    name, checks = column.name, column.checks
    programme = context(contract.feed).programme_code
    if name == contract.identifier or (
        name in contract.key and column.type == "string" and not column.enum and not checks
    ):
        value = f"{name[:4].upper()}-{index:05d}"
    elif "programme" in checks or "action" in checks or "funding_scheme" in checks:
        value = example(contract, column)
    elif "commune_perimetre" in checks:
        value = pick.choice(["93066", "75056", "92012"] if programme == "MGP" else COMMUNES)
    elif "commune_cog" in checks:
        value = pick.choice(["97209", "01001", "2A004", "99999"])
    elif "epci" in checks:
        value = pick.choice(sorted(load_epcis(programme)))
    elif "indicator" in checks:
        value = pick.choice(sorted(load_indicator_codes()))
    elif "siren" in checks:
        value = f"{siren_of(index)}" if name in contract.key else pick.choice(SIRENS)
    elif "siret" in checks:
        value = pick.choice(SIRETS)
    elif "siren_list" in checks:
        value = ";".join(pick.sample(SIRENS, pick.randint(1, 3)))
    elif "naf" in checks:
        value = pick.choice(["6201Z", "0111Z", "9609Z"])
    elif "country" in checks:
        value = pick.choice(["FR", "NA", "HT"])
    elif "url" in checks:
        value = f"https://exemple.fr/{index}?a=b"
    elif "period" in checks or column.type == "date":
        value = f"2026-03-{pick.randint(1, 28):02d}" + ("T08:05:00" if column.type == "datetime" else "")
    elif column.enum:
        value = pick.choice(column.enum)
    elif column.type == "boolean":
        value = pick.choice(["true", "false"])
    elif any(rule.column == name for rule in contract.sums):
        value = "1"
    elif column.type in {"integer", "number"}:
        value = _number(column, index if name in contract.key else pick.randint(1, 400))
    elif "not_email" in checks:
        value = f"jeton-{index}"
    elif column.pattern or column.references:
        value = column.example
    else:
        value = pick.choice(["Découvrir l'IA", "Atelier n° 3 : textes", column.example])[: column.max_length or 40]
    return value


def _number(column: Column, number: int) -> str:
    low, high = column.minimum or 0, column.maximum or 1e9
    return str(int(min(max(number, low + 1), high)))


def siren_of(index: int) -> str:
    """A SIREN for a number."""
    return next(text for key in range(10) if sum(_luhn(text := f"{10_000_000 + index}{key}")) % 10 == 0)


def _luhn(text: str) -> Iterator[int]:
    for place, digit in enumerate(reversed(text)):
        doubled = int(digit) * (2 if place % 2 else 1)
        yield doubled - 9 if doubled > 9 else doubled


def letters(number: int) -> str:
    """A word for a number: names of people are told apart by their letters."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))
