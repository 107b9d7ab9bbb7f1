"""Keyed hashes in place of names: HMAC-SHA256, made while reading, so that no name goes further."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingestion.errors import ConfigurationError

if TYPE_CHECKING:
    import polars as pl

# what Unicode does not take apart by itself
_LIGATURES = {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d"}


@dataclass(frozen=True, slots=True)
class Pseudonymiser:
    """Turns values into keyed hashes.

    Args:
        key: bytes of the secret; never stored beside what it hashes.
    """

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < 16:
            raise ConfigurationError("the HMAC key is too short", "put hmac.key back: 64 hexadecimal digits")

    @property
    def key_id(self) -> str:
        """First 8 hexadecimal digits of the SHA-256 of the key: tells keys apart, gives nothing of them."""
        return hashlib.sha256(self.key).hexdigest()[:8]

    def digest(self, text: str) -> str:
        """HMAC-SHA256 of one text, 64 hexadecimal digits."""
        return hmac.digest(self.key, text.encode(), "sha256").hex()

    def hash_unique(self, values: pl.Series) -> pl.Series:
        """Hash a column of text; each different value is hashed once, null stays null."""
        import polars as pl

        hashed = {text: self.digest(text) for text in values.unique() if text is not None}
        return pl.Series(values.name, map(hashed.get, values), dtype=pl.String)

    def hash_rows(self, values: pl.Series) -> pl.Series:
        """Hash a column of text whose values are all but unique."""
        import polars as pl

        return pl.Series(values.name, map(self.digest, values), dtype=pl.String)

    def person_keys(self, people: pl.DataFrame) -> pl.DataFrame:
        """Keys of people.

        Args:
            people: text columns `courriel`, `nom_naissance`, `prenom`, `annee_naissance`; null where unknown.

        Returns:
            `person_key_1` (e-mail), `person_key_2` (birth name, first name, year), `person_key_3` (first name, year),
            null where a part is missing.
        """
        import polars as pl

        parts = people.select(
            email=pl.col("courriel").str.replace_all(r"\s", "").str.to_lowercase().replace("", None),
            surname=letters(pl.col("nom_naissance")),
            forename=letters(pl.col("prenom")),
            year=pl.col("annee_naissance"),
        ).select(
            person_key_1="email",
            person_key_2=pl.concat_str("surname", "forename", "year", separator="|"),
            person_key_3=pl.concat_str("forename", "year", separator="|"),
        )
        return pl.DataFrame([self.hash_unique(parts[name]) for name in parts.columns])


def letters(text: pl.Expr) -> pl.Expr:
    """Lower case, no accents, letters only; null where nothing is left."""
    plain = text.str.to_lowercase().str.replace_many(list(_LIGATURES), list(_LIGATURES.values()))
    return plain.str.normalize("NFKD").str.replace_all(r"[^\p{L}]", "").replace("", None)
