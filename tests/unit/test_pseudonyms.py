"""Keyed hashes: the same person written in two ways has the same keys, and no key shows anything."""

from __future__ import annotations

import hashlib
import hmac

import polars as pl
import pytest

from ingestion.errors import ConfigurationError
from ingestion.pseudonyms import Pseudonymiser

KEY = bytes(range(32))
COLUMNS = ("courriel", "nom_naissance", "prenom", "annee_naissance")


def keys(*rows: tuple[str | None, ...], key: bytes = KEY) -> pl.DataFrame:
    people = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
    return Pseudonymiser(key).person_keys(people)


def expected(text: str) -> str:
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


def test_keys_are_the_hmac_of_normalised_values() -> None:
    found = keys((" Éa.B@Exemple.FR", "D'Œuvré-Lô", "Anne Élise", "1988")).row(0)
    assert found == (expected("éa.b@exemple.fr"), expected("doeuvrelo|anneelise|1988"), expected("anneelise|1988"))


def test_the_same_person_has_the_same_keys_however_written() -> None:
    found = keys(("A@B.FR", "DUPONT", "JOSÉ", "1990"), ("a @b.fr", "Du pont", "Jose", "1990"))
    assert found.row(0) == found.row(1)


def test_a_missing_part_gives_no_key() -> None:
    found = keys((None, "Nom", "Prénom", None), ("a@b.fr", None, "Prénom", "1990"), (None, "---", "Prénom", "1990"))
    assert found.rows() == [
        (None, None, None),
        (expected("a@b.fr"), None, expected("prenom|1990")),
        (None, None, expected("prenom|1990")),
    ]


def test_another_key_gives_other_hashes_and_another_name() -> None:
    row = ("a@b.fr", "Nom", "Prénom", "1990")
    assert not set(keys(row).row(0)) & set(keys(row, key=b"x" * 32).row(0))
    assert Pseudonymiser(KEY).key_id == hashlib.sha256(KEY).hexdigest()[:8]


def test_one_text_and_a_column_of_texts_are_hashed_alike() -> None:
    texts = pl.Series("x", ["a", "é", "", "a", None, "long" * 100])
    hashed = Pseudonymiser(KEY).hash_rows(texts)
    assert hashed.name == "x"
    assert hashed.to_list() == [None if text is None else expected(text) for text in texts]
    assert hashed[1] == Pseudonymiser(KEY).digest("é")


def test_many_people_have_the_keys_that_few_have() -> None:
    rows = [
        (f"P{index}@b.fr", f"Nom {'abc'[index % 3]}", None if index % 7 == 0 else "Zoé", "1990") for index in range(9)
    ]
    few = keys(*rows)
    assert keys(*rows * 300).head(9).equals(few)


def test_a_short_key_is_refused_and_a_key_is_never_shown() -> None:
    with pytest.raises(ConfigurationError):
        Pseudonymiser(b"short")
    with pytest.raises(ConfigurationError):
        Pseudonymiser(bytes(range(200, 250)))
    assert "key=" not in repr(Pseudonymiser(KEY))
