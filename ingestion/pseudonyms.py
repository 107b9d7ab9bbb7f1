"""Keyed hashes in place of names: HMAC-SHA256, made while reading, so that no name goes further."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingestion.errors import ConfigurationError
from ingestion.vocabulary import FEW, by_different

if TYPE_CHECKING:
    import polars as pl

# what Unicode does not take apart by itself
_LIGATURES = {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d"}


@dataclass(frozen=True, slots=True)
class Pseudonymiser:
    """Turns values into keyed hashes.

    Args:
        key: the secret's text as bytes (ASCII); never stored beside what it hashes.
    """

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < 16 or not self.key.isascii():
            raise ConfigurationError("the HMAC key is too short", "put hmac.key back: 64 hexadecimal digits")

    @property
    def key_id(self) -> str:
        """First 8 hexadecimal digits of the SHA-256 of the key: tells keys apart, gives nothing of them."""
        return hashlib.sha256(self.key).hexdigest()[:8]

    def digest(self, text: str) -> str:
        """HMAC-SHA256 of one text, 64 hexadecimal digits."""
        return hmac.digest(self.key, text.encode(), "sha256").hex()

    def hash_rows(self, values: pl.Series) -> pl.Series:
        """Hash a column of text, as `digest` does each; null stays null."""
        return values.alias("text").to_frame().select(self._hashed("text")).to_series().alias(values.name)

    def person_keys(self, people: pl.DataFrame) -> pl.DataFrame:
        """Keys of people.

        Args:
            people: text columns `courriel`, `nom_naissance`, `prenom`, `annee_naissance`; null where unknown.

        Returns:
            `person_key_1` (e-mail), `person_key_2` (birth name, first name, year), `person_key_3` (first name, year),
            null where a part is missing.
        """
        import polars as pl

        forms = {"courriel": _address, "nom_naissance": letters, "prenom": letters}
        if people.height < FEW:
            plain = people.select(*(form(pl.col(name)) for name, form in forms.items()), "annee_naissance")
        else:
            each = (_each(people[name], form) for name, form in forms.items())
            plain = pl.DataFrame([*each, people["annee_naissance"]])
        parts = plain.select(
            person_key_1="courriel",
            person_key_2=pl.concat_str("nom_naissance", "prenom", "annee_naissance", separator="|"),
            person_key_3=pl.concat_str("prenom", "annee_naissance", separator="|"),
        )
        if parts.height < FEW:
            return parts.select(self._hashed(name) for name in parts.columns)
        # whoever comes often is hashed once
        return pl.DataFrame([by_different(part, self.hash_rows) for part in parts.iter_columns()])

    def _hashed(self, name: str) -> pl.Expr:
        import polars_hash as plh

        hashed: pl.Expr = plh.col(name).chash.hmac_sha256(key=self.key.decode())
        return hashed


def _each(texts: pl.Series, form: Callable[[pl.Expr], pl.Expr]) -> pl.Series:
    import polars as pl

    made = by_different(texts, lambda once: once.to_frame("text").select(form(pl.col("text"))).to_series())
    return made.alias(texts.name)


def _address(email: pl.Expr) -> pl.Expr:
    return email.str.replace_all(r"\s", "").str.to_lowercase().replace("", None)


def letters(text: pl.Expr) -> pl.Expr:
    """Lower case, no accents, letters only; null where nothing is left."""
    plain = text.str.to_lowercase().str.replace_many(list(_LIGATURES), list(_LIGATURES.values()))
    return plain.str.normalize("NFKD").str.replace_all(r"[^\p{L}]", "").replace("", None)
