"""People who were erased, told again when a source still names them: their rows are refused, and nothing of them comes back.

What is kept of them is digests of their keyed hashes, which are equal to nothing else that the platform keeps. They hold for
the periods that began before the erasure was asked for: whoever comes again later is a new person.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.contracts import PERSON_KEYS

if TYPE_CHECKING:
    import datetime as dt

    import psycopg

    from ingestion.pseudonyms import Pseudonymiser

RULE = "PERSONNE-EFFACEE"


def digests_of(
    pseudonymiser: Pseudonymiser,
    *,
    names: Iterable[str],
    mails_and_firsts: Iterable[tuple[str, str]],
    mails_alone: Iterable[str],
) -> frozenset[str]:
    """Digests by which rows of one person are told.

    Args:
        names: keyed hashes of their name, first name and year.
        mails_and_firsts: keyed hashes of an address, with that of the first name and year that goes with it.
        mails_alone: keyed hashes of addresses that nobody else has, for rows that say no name.
    """
    rows = [
        *((None, name, None) for name in names),
        *((mail, None, first) for mail, first in mails_and_firsts),
        *((mail, None, None) for mail in mails_alone),
    ]
    people = pl.DataFrame(rows, schema=dict.fromkeys(PERSON_KEYS, pl.String), orient="row")
    return frozenset(text for column in _digests(people, pseudonymiser) for text in column.drop_nulls())


def are_erased(keys: pl.DataFrame, erased: frozenset[str], pseudonymiser: Pseudonymiser) -> pl.Series:
    """Which rows are of people who were erased.

    Args:
        keys: columns `person_key_1` to `person_key_3`.
        erased: digests that hold for the period of these rows.
    """
    found = pl.repeat(False, keys.height, dtype=pl.Boolean, eager=True)
    if erased:
        wanted = pl.Series(sorted(erased), dtype=pl.String).implode()
        for digests in _digests(keys, pseudonymiser):
            found = found | digests.is_in(wanted).fill_null(value=False)
    return found


def erased_for(connection: psycopg.Connection[Any], first_day: dt.date) -> frozenset[str]:
    """Digests that hold for a period, by its first day."""
    rows = connection.execute(
        "select distinct digest from ops.erased_people where erased_on >= %s", [first_day]
    ).fetchall()
    return frozenset(digest for (digest,) in rows)


def keep(
    connection: psycopg.Connection[Any],
    erasure_id: int,
    digests: Iterable[str],
    pseudonymiser: Pseudonymiser,
    erased_on: dt.date,
) -> None:
    """Write down by what a person is told again; the caller commits."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.erased_people (erasure_id, digest, hmac_key_id, erased_on) values (%s, %s, %s, %s)",
            [(erasure_id, digest, pseudonymiser.key_id, erased_on) for digest in sorted(digests)],
        )


def _digests(keys: pl.DataFrame, pseudonymiser: Pseudonymiser) -> list[pl.Series]:
    """Digests of each row by its name, by its address with the first name, and by its address where it says no name."""
    mail, name, first = (pl.col(column) for column in PERSON_KEYS)
    texts = keys.select(
        by_name=pl.lit("effacement|nom|") + name,
        by_mail_and_first=pl.lit("effacement|courriel et prénom|") + mail + pl.lit("|") + first,
        by_mail=pl.when(name.is_null() & first.is_null()).then(pl.lit("effacement|courriel|") + mail),
    )
    return [pseudonymiser.hash_rows(column) for column in texts.iter_columns()]
