"""One person's data: found by what they are known by, shown to them, counted without a profile if they object.

What is typed to recognise somebody becomes keyed hashes at once and goes nowhere else: no log, no table, no message.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl
from psycopg import sql
from psycopg.rows import dict_row

from ingestion import landing
from ingestion.contracts import PERSON_KEYS, load_contracts
from ingestion.erased_people import digests_of
from ingestion.errors import BlockedFile, LakouError
from ingestion.exports.opening import open_dropped

if TYPE_CHECKING:
    import psycopg

    from ingestion.contracts import Contract
    from ingestion.pseudonyms import Pseudonymiser
    from ingestion.reading import Batch, Header, Reading
    from ingestion.settings import Settings

IDENTIFIERS = ("courriel", "nom_naissance", "prenom", "annee_naissance")
_YEAR = r"((?:19|20)\d\d)"


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What somebody is known by, as they say it; shown by no representation.

    Raises:
        LakouError: neither an address nor a name with its first name and year is given.
    """

    courriel: str = field(default="", repr=False)
    nom_naissance: str = field(default="", repr=False)
    prenom: str = field(default="", repr=False)
    annee_naissance: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        named = bool(self.nom_naissance.strip() and self.prenom.strip() and self.annee_naissance.strip())
        if not named and not self.courriel.strip():
            raise LakouError(
                "personne ne peut être reconnu ainsi : il faut le courriel, ou le nom de naissance, le prénom et l'année",
                "donnez l'un des deux, ou tout",
            )
        if self.annee_naissance.strip() and not pl.Series([self.annee_naissance.strip()]).str.contains(f"^{_YEAR}$")[0]:
            raise LakouError("l'année de naissance n'est pas une année", "donnez ses quatre chiffres, comme 1984")


@dataclass(frozen=True, slots=True)
class Keys:
    """Keyed hashes of one person, null where not given."""

    mail: str | None
    name: str | None
    first: str | None


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One row that holds a person.

    Args:
        state: `COMPTEE`, `REMPLACEE`, `RETENUE` (in no build yet), `EN_ATTENTE`, `REFUSEE` or `EFFACEMENT` (in course).
        values: what the platform kept of the row, by column; nothing of a refused row.
    """

    feed: str
    partner_code: str
    delivery_id: str
    file_name: str
    period: str
    row_number: int
    state: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that the platform holds of one person.

    Args:
        participant_ids: whom the figures count them as; several where rules or a person keep rows apart.
        person_keys: the sets of keys of their rows.
        rows: by feed, partner, file and line.
        landed: paths of the landed files that hold them and can still be read.
        unread: files of people that could not be looked into.
        near: rows that bear the same name or address and are not linked to them.
    """

    participant_ids: tuple[str, ...]
    person_keys: tuple[str, ...]
    rows: tuple[PersonRow, ...]
    landed: tuple[str, ...]
    unread: int
    near: int


def keys_of(pseudonymiser: Pseudonymiser, who: Identifiers) -> Keys:
    """Keyed hashes of somebody, made as those of the rows of files are."""
    given = pl.DataFrame(
        {name: [getattr(who, name).strip() or None] for name in IDENTIFIERS},
        schema=dict.fromkeys(IDENTIFIERS, pl.String),
    )
    return Keys(*pseudonymiser.person_keys(given).row(0))


def people_contracts() -> list[Contract]:
    """Contracts of the feeds that name people."""
    return [contract for contract in load_contracts().values() if contract.has_people]


def find(settings: Settings, connection: psycopg.Connection[Any], pseudonymiser: Pseudonymiser, keys: Keys) -> Dossier:
    """Find all that is held of one person: in raw, in quarantine, and refused rows in the landing.

    Raises:
        LakouError: what is given is of several people.
    """
    candidates = _candidates(connection, keys)
    chosen = _choose(candidates, keys)
    participants = sorted({found.participant_id for found in chosen if found.participant_id})
    linked = connection.execute(
        "select person_key from ops.person_links where known_to_build is null and participant_id = any(%s)",
        [participants],
    ).fetchall()
    person_keys = sorted({key for (key,) in linked} | {found.person_key for found in chosen})
    rows = [*_raw_rows(connection, person_keys), *_awaiting_rows(connection, person_keys)]
    search = _search(connection, person_keys, keys, pseudonymiser)
    refused, paths, unread = _refused_rows(settings, connection, search)
    held = {row.delivery_id for row in rows} | {row.delivery_id for row in refused}
    landed = connection.execute(
        "select distinct path from ops.landing_files where delivery_id = any(%s) and wrapped_key is not null order by 1",
        [sorted(held)],
    ).fetchall()
    ordered = sorted((*rows, *refused), key=lambda row: (row.feed, row.partner_code, row.file_name, row.row_number))
    near = sum(found.rows for found in candidates if found.person_key not in set(person_keys))
    files = sorted({path for (path,) in landed} | paths)
    return Dossier(tuple(participants), tuple(person_keys), tuple(ordered), tuple(files), unread, near)


@dataclass(frozen=True, slots=True)
class _Candidate:
    person_key: str
    keys: Keys
    participant_id: str | None
    rows: int

    def is_of(self, asked: Keys) -> bool:
        """Whether its rows may be of whom is asked for."""
        if asked.name is not None and self.keys.name == asked.name:
            return True
        if asked.mail is None or self.keys.mail != asked.mail:
            return False
        return asked.name is None or self.keys.first == asked.first or (self.keys.name, self.keys.first) == (None, None)


def _candidates(connection: psycopg.Connection[Any], keys: Keys) -> list[_Candidate]:
    """Every set of keys with that name or that address: in raw, built or not, and among rows that wait."""
    found = connection.execute(
        sql.SQL(
            "select s.person_key, s.k1, s.k2, s.k3, l.participant_id, s.number from ("
            " select ops.person_key(k1, k2, k3) as person_key, min(k1) as k1, min(k2) as k2, min(k3) as k3, count(*) as number"
            " from ({}) as rows (k1, k2, k3) where k1 = %(mail)s or k2 = %(name)s group by 1) as s"
            " left join ops.person_links as l on s.person_key = l.person_key and l.known_to_build is null order by 1"
        ).format(_named_rows()),
        {"mail": keys.mail, "name": keys.name},
    ).fetchall()
    return [_Candidate(key, Keys(*values), participant, number) for key, *values, participant, number in found]


def _named_rows() -> sql.Composable:
    columns = sql.SQL(", ").join(map(sql.Identifier, PERSON_KEYS))
    waiting = sql.SQL(", ").join(sql.SQL("row_values ->> {}").format(sql.Literal(name)) for name in PERSON_KEYS)
    tables = [
        sql.SQL("select {} from {}").format(columns, sql.Identifier("raw", contract.raw_table))
        for contract in people_contracts()
    ]
    return sql.SQL(" union all ").join([*tables, sql.SQL("select {} from quarantine.awaiting_rows").format(waiting)])


def _choose(candidates: list[_Candidate], asked: Keys) -> list[_Candidate]:
    """The sets of keys of the one person asked for: those of the exact name and address, else all that may be."""
    possible = [found for found in candidates if found.is_of(asked)]
    exact = [found for found in possible if found.keys == asked]
    persons = {found.participant_id for found in exact or possible if found.participant_id}
    firsts = {found.keys.first for found in possible if found.keys.first} if asked.first is None else set()
    if len(persons) > 1 or len(firsts) > 1:
        what = "ce nom" if asked.mail is None else "cette adresse" if asked.name is None else "ce qui est donné"
        raise LakouError(
            f"{max(len(persons), len(firsts))} personnes répondent à {what} : rien n'est montré ni changé",
            "donnez le courriel, le nom de naissance, le prénom et l'année, tels que le partenaire les a connus",
        )
    # rows that no build has linked yet are theirs where nobody else answers to what is given
    is_alone = len({found.participant_id for found in possible if found.participant_id}) <= 1
    return [
        found
        for found in possible
        if found.participant_id in persons or (found.participant_id is None and (is_alone or found in exact))
    ]


def _raw_rows(connection: psycopg.Connection[Any], person_keys: list[str]) -> Iterator[PersonRow]:
    for contract in people_contracts():
        kept = [name for name in contract.raw_columns if not name.startswith("_") and name not in PERSON_KEYS]
        query = sql.SQL(
            "select d.feed, d.partner_code, d.delivery_id, d.file_name, d.period, r._row_number as row_number,"
            " case when e.row_number is not null then 'EFFACEMENT' when l.build_id is null then 'RETENUE'"
            " when exists (select from ops.supersessions as s where s.superseded_delivery_id = d.delivery_id)"
            " then 'REMPLACEE' else 'COMPTEE' end as state, {} from {} as r"
            " inner join ops.deliveries as d on r._delivery_id = d.delivery_id"
            " inner join ops.loads as l on r._load_id = l.load_id"
            " left join ops.erased_rows as e on e.delivery_id = r._delivery_id and e.row_number = r._row_number"
            " where ops.person_key(r.person_key_1, r.person_key_2, r.person_key_3) = any(%s)"
        ).format(
            sql.SQL(", ").join(
                sql.SQL("r.{} as {}").format(*[sql.Identifier(n) for n in (name, f"v_{name}")]) for name in kept
            ),
            sql.Identifier("raw", contract.raw_table),
        )
        with connection.cursor(row_factory=dict_row) as cursor:
            for row in cursor.execute(query, [person_keys]):
                values = {name: row.pop(f"v_{name}") for name in kept}
                yield PersonRow(**row, values={name: value for name, value in values.items() if value is not None})


def _awaiting_rows(connection: psycopg.Connection[Any], person_keys: list[str]) -> Iterator[PersonRow]:
    rows = connection.execute(
        "select d.feed, d.partner_code, d.delivery_id, d.file_name, d.period, a.row_number, a.row_values"
        " from quarantine.awaiting_rows as a inner join ops.deliveries as d using (delivery_id)"
        " where a.outcome is null and ops.person_key(a.row_values ->> 'person_key_1', a.row_values ->> 'person_key_2',"
        " a.row_values ->> 'person_key_3') = any(%s)",
        [person_keys],
    )
    for feed, partner, delivery, name, period, number, values in rows:
        shown = {column: value for column, value in values.items() if value is not None and not column.startswith("_")}
        kept = {column: value for column, value in shown.items() if column not in PERSON_KEYS}
        yield PersonRow(feed, partner, delivery, name, period, number, "EN_ATTENTE", kept)


# ---------------------------------------------------------------------------------- refused rows: only the landing knows


@dataclass(frozen=True, slots=True)
class _Search:
    """Hashes that tell a person's rows; `mails_alone` are addresses of nobody else."""

    pseudonymiser: Pseudonymiser
    mails: frozenset[str]
    names: frozenset[str]
    firsts: frozenset[str]
    mails_alone: frozenset[str]

    def lines(self, header: Header, batch: Batch, contract: Contract) -> list[int]:
        """Lines of a batch that are of the person."""
        keys = self.pseudonymiser.person_keys(_identities(header, batch, contract))
        mail, name, first = (pl.col(column) for column in PERSON_KEYS)
        is_theirs = (
            _in(name, self.names)
            | (_in(mail, self.mails) & _in(first, self.firsts))
            | (_in(mail, self.mails_alone) & name.is_null() & first.is_null())
        )
        numbers = batch.cells.select("_row_number").hstack(keys).filter(is_theirs).get_column("_row_number")
        return [int(number) for number in numbers]


def digests_to_refuse(
    connection: psycopg.Connection[Any], dossier: Dossier, asked: Keys, pseudonymiser: Pseudonymiser
) -> frozenset[str]:
    """Digests by which rows of one person are told again once nothing of them is left."""
    search = _search(connection, list(dossier.person_keys), asked, pseudonymiser)
    return digests_of(
        pseudonymiser,
        names=search.names,
        mails_and_firsts=itertools.product(search.mails, search.firsts),
        mails_alone=search.mails_alone,
    )


def _search(
    connection: psycopg.Connection[Any], person_keys: list[str], asked: Keys, pseudonymiser: Pseudonymiser
) -> _Search:
    rows = connection.execute(
        sql.SQL(
            "select distinct k1, k2, k3 from ({}) as rows (k1, k2, k3) where ops.person_key(k1, k2, k3) = any(%s)"
        ).format(_named_rows()),
        [person_keys],
    ).fetchall()
    mails, names, firsts = (
        frozenset(filter(None, (*column, given)))
        for column, given in zip(
            zip(*rows, strict=True) if rows else ((), (), ()), (asked.mail, asked.name, asked.first), strict=True
        )
    )
    shared = connection.execute(
        sql.SQL(
            "select distinct k1 from ({}) as rows (k1, k2, k3)"
            " where k1 = any(%s) and not ops.person_key(k1, k2, k3) = any(%s)"
        ).format(_named_rows()),
        [sorted(mails), person_keys],
    ).fetchall()
    return _Search(pseudonymiser, mails, names, firsts, mails - {key for (key,) in shared})


def _refused_rows(
    settings: Settings, connection: psycopg.Connection[Any], search: _Search
) -> tuple[list[PersonRow], set[str], int]:
    """Rows of landed files that no table names: refused, of a blocked file, or not judged yet.

    Returns:
        The refused rows, the files that hold the person, and how many files could not be looked into.
    """
    contracts = {contract.feed: contract for contract in people_contracts()}
    files = connection.execute(
        "select d.feed, d.partner_code, d.delivery_id, d.file_name, d.period, d.sheet, d.size_bytes, f.path, f.wrapped_key,"
        " array(select distinct q.row_number from quarantine.rejected_rows as q where q.delivery_id = d.delivery_id) as refused"
        " from ops.deliveries as d inner join ops.landing_files as f using (delivery_id)"
        " where f.wrapped_key is not null and (d.feed = any(%s) or d.feed is null)"
        " and (d.rows_rejected > 0 or d.is_blocked or d.judged_at is null) order by d.delivery_id",
        [sorted(contracts)],
    ).fetchall()
    rows: list[PersonRow] = []
    paths: set[str] = set()
    unread = 0
    for feed, partner, delivery, name, period, sheet, size, path, key, refused in files:
        numbers: list[int] | None = None
        if feed is not None:
            with landing.open_landed(settings, path, key, size) as clear:
                opened = partial(
                    open_dropped,
                    clear,
                    contracts[feed],
                    file_name=name,
                    partner_code=partner,
                    period=period,
                    sheet=sheet,
                )
                numbers = _lines_of(opened, contracts[feed], search)
        if numbers is None:
            unread += 1
            continue
        if numbers:
            paths.add(path)
        rows += [
            PersonRow(feed, partner, delivery, name, period or "", number, "REFUSEE", {})
            for number in sorted(set(numbers) & (set(refused) or set(numbers)))
        ]
    return rows, paths, unread


def _lines_of(opened: Callable[[], Reading], contract: Contract, search: _Search) -> list[int] | None:
    """Lines of a file that are of the person; none where it has no table."""
    try:
        reading = opened()
        return [line for batch in reading.batches() for line in search.lines(reading.header, batch, contract)]
    except BlockedFile:
        return None


def _in(column: pl.Expr, keys: Iterable[str]) -> pl.Expr:
    return column.is_in(pl.Series(sorted(keys), dtype=pl.String).implode()).fill_null(value=False)


def _identities(header: Header, batch: Batch, contract: Contract) -> pl.DataFrame:
    """What the rows of a file name people by, as written."""
    texts = {
        column.name: pl.col(f"c{header.positions[column.name]}").str.strip_chars()
        for column in contract.columns
        if column.name in IDENTIFIERS and column.name in header.positions
    }
    named = [texts.get(name, pl.lit(None, pl.String)).alias(name) for name in IDENTIFIERS]
    return batch.cells.select(*named).with_columns(
        pl.col(*IDENTIFIERS[:3]).replace("", None), pl.col("annee_naissance").str.extract(_YEAR)
    )


# ------------------------------------------------------------------------------------------------------------ objection


def object_to(
    connection: psycopg.Connection[Any], keys: Keys, key_id: str, *, by: str, reference: str, lift: bool = False
) -> bool:
    """Write down that a person objects, or objects no more; the next build counts them accordingly.

    Returns:
        False where it was so already.
    """
    same = "person_key_1 is not distinct from %(mail)s and person_key_2 is not distinct from %(name)s and lifted_at is null"
    values = {"mail": keys.mail, "name": keys.name, "first": keys.first, "key_id": key_id, "by": by}
    if lift:
        changed = connection.execute(
            f"update ops.person_objections set lifted_by = %(by)s, lifted_at = clock_timestamp() where {same}", values
        ).rowcount
    else:
        changed = connection.execute(
            "insert into ops.person_objections (person_key_1, person_key_2, person_key_3, hmac_key_id, recorded_by)"
            " select %(mail)s, %(name)s, %(first)s, %(key_id)s, %(by)s"
            f" where not exists (select from ops.person_objections where {same})",
            values,
        ).rowcount
    if changed:
        note(connection, by, "OPPOSITION_LEVEE" if lift else "OPPOSITION", reference)
    return changed > 0


def note(connection: psycopg.Connection[Any], by: str, action: str, reference: str, **details: int) -> None:
    """Write in the audit log that a person's right was exercised; nothing says whose."""
    connection.execute(
        "insert into ops.audit_log (actor, action, subject, details) values (%s, %s, %s, %s)",
        [by, action, reference, json.dumps(details)],
    )
