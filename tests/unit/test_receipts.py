"""What a receipt says, from its counts and findings alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from ingestion import receipts
from ingestion.contracts import load_contract
from ingestion.loading import Delivery

DELIVERY = Delivery(
    "F02-KABIA-2026-09-v1", "F02", "KABIA", "f.csv", "2026-09", dt.date(2026, 9, 1), dt.date(2026, 9, 30), 1, 0, "s", 1,
    dt.datetime(2026, 10, 5, tzinfo=dt.UTC),
)  # fmt: skip


def said(*, warnings: int = 0, is_held: bool = False, **values: Any) -> str:
    return receipts.meaning(replace(DELIVERY, **values), warnings=warnings, is_held=is_held).replace("\u202f", " ")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"rows_received": 1, "rows_accepted": 1}, "Votre ligne est prise en compte."),
        ({"rows_received": 2, "rows_accepted": 2}, "Toutes vos lignes sont prises en compte."),
        (
            {"rows_received": 2, "rows_accepted": 2, "warnings": 1},
            "Toutes vos lignes sont prises en compte, avec 1 avertissement à vérifier.",
        ),
        (
            {"rows_received": 1500, "rows_accepted": 1, "rows_awaiting": 1, "rows_rejected": 1498},
            "1 ligne sur 1 500 est prise en compte ; 1 498 lignes sont refusées et 1 ligne est en attente.",
        ),
        (
            {"rows_received": 2, "rows_accepted": 0, "rows_awaiting": 2},
            "Aucune ligne n'est encore prise en compte : 2 lignes sont en attente.",
        ),
        (
            {"rows_received": 1, "rows_accepted": 0, "rows_rejected": 1, "state": "REFUSÉ"},
            "La seule ligne du fichier est refusée : le fichier n'est pas pris en compte et ne remplace rien.",
        ),
    ],
)
def test_the_word_is_explained_with_its_numbers(values: dict[str, Any], text: str) -> None:
    assert said(**values) == text


def body(**values: Any) -> dict[str, Any]:
    return {"state": "X", "rows_awaiting": 0, "rows_accepted": 0, "rows_rejected": 0, "is_held": False} | values


@pytest.mark.parametrize(
    ("first", "last", "sentences"),
    [
        (body(), body(), ["Les comptes sont les mêmes qu'au premier accusé."]),
        (
            body(rows_awaiting=1),
            body(rows_accepted=1),
            ["1 ligne qui attendait est réglée : 1 acceptée."],
        ),
        (
            body(rows_awaiting=5, rows_accepted=4),
            body(rows_awaiting=1, rows_accepted=6, rows_rejected=2),
            ["4 lignes qui attendaient sont réglées : 2 acceptées et 2 refusées."],
        ),
        (body(), body(is_held=True), ["Le fichier est désormais soumis à une validation."]),
        (
            body(state="A", is_held=True),
            body(state="B"),
            [
                "L'état était A, il est maintenant B.",
                "La validation a été donnée : le fichier compte dans les prochains chiffres.",
            ],
        ),
    ],
)
def test_a_revision_says_what_became_of_the_first(
    first: dict[str, Any], last: dict[str, Any], sentences: list[str]
) -> None:
    assert receipts.changes(first, last) == sentences


def grouped(*findings: tuple[Any, ...]) -> list[receipts.Group]:
    return receipts.groups(pl.DataFrame(list(findings), schema=receipts.FINDINGS, orient="row"), load_contract("F02"))


def test_a_rule_is_said_once_with_its_lines_and_what_was_written() -> None:
    (group,) = grouped(
        (9, "sexe", "Q", "LISTE", "REFUSE", "« Q » n'est pas une valeur.", "Valeurs : F, M."),
        (3, "sexe", "Q", "LISTE", "REFUSE", "« Q » n'est pas une valeur.", "Valeurs : F, M."),
        (4, "sexe", "Homme", "LISTE", "REFUSE", "« Homme » n'est pas une valeur.", "Valeurs : F, M."),
    )
    assert (group.message, group.remedy, group.example_line) == ("« … » n'est pas une valeur.", "Valeurs : F, M.", None)
    assert (group.title, group.lines, group.values) == ("Sexe", (3, 4, 9), (("Q", 2), ("Homme", 1)))


def test_a_single_value_is_named_in_the_sentence() -> None:
    (group,) = grouped(
        (3, "sexe", "Q", "LISTE", "REFUSE", "« Q » n'est pas une valeur.", ""),
        (9, "sexe", "Q", "LISTE", "REFUSE", "« Q » n'est pas une valeur.", ""),
    )
    assert group.message == "« Q » n'est pas une valeur."


def test_sentences_that_differ_by_more_than_the_value_show_one_and_its_line() -> None:
    (group,) = grouped(
        (9, "", "", "DOUBLON", "REFUSE", "Répète la ligne 8.", "Retirez-la."),
        (7, "", "", "DOUBLON", "REFUSE", "Répète la ligne 2.", "Retirez-la."),
    )
    assert (group.message, group.example_line, group.lines) == ("Répète la ligne 2.", 7, (7, 9))


def test_the_gravest_come_first_and_columns_are_told_apart() -> None:
    found = grouped(
        (2, "sexe", "", "N", "NOTE", "n", ""),
        (2, "sexe", "", "A", "AVERTISSEMENT", "a", ""),
        (2, "objet_id", "", "W", "ATTENTE", "w", ""),
        (2, "statut", "", "LISTE", "REFUSE", "r", ""),
        (2, "sexe", "", "LISTE", "REFUSE", "r", ""),
        (0, "inconnue", None, "B", "BLOQUE", "b", None),
    )
    assert [(group.severity, group.column) for group in found] == [
        ("BLOQUE", "inconnue"),
        ("REFUSE", "sexe"),
        ("REFUSE", "statut"),
        ("ATTENTE", "objet_id"),
        ("AVERTISSEMENT", "sexe"),
        ("NOTE", "sexe"),
    ]
    assert (found[0].title, found[0].lines, found[0].remedy) == ("inconnue", (), "")


def test_nothing_found_is_no_group() -> None:
    assert grouped() == []
