"""What the rules leave to a person: rows that may be one person or several, the answer given, and its undoing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingestion.errors import LakouError
from ingestion.people import note, people_contracts

if TYPE_CHECKING:
    import psycopg

JOIN, SPLIT = "REUNIR", "SEPARER"
SHOWN_FILES = 3


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that count as one person now.

    Args:
        files: some of the lines where they are, as `partner file:line`.
    """

    participant_id: str
    rows: int
    partners: tuple[str, ...]
    communes: tuple[str, ...]
    age_bands: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """One question.

    Args:
        reason: `PLUS_DE_4_CLES`, `COMMUNES_DIFFERENTES` or `DECISION_CONTREDITE`.
        verdict: of the answer in force, if any; `is_applied` once a build knows it.
    """

    review_id: int
    reason: str
    opened_build: int
    groups: tuple[Group, ...]
    verdict: str | None
    decided_by: str | None
    decided_at: dt.datetime | None
    is_applied: bool


def reviews(connection: psycopg.Connection[Any], *, answered: bool = False) -> list[Review]:
    """The questions that wait for an answer, or with `answered` those that have one in force."""
    condition = "d.decision_id is not null" if answered else "d.decision_id is null and r.closed_build is null"
    rows = connection.execute(
        "select r.review_id, r.reason, r.opened_build, r.person_keys, d.verdict, d.decided_by, d.decided_at,"
        " d.applied_build is not null from ops.person_reviews as r left join ops.person_decisions as d"
        f" on r.review_id = d.review_id and d.revoked_at is null where {condition} order by r.review_id"
    ).fetchall()
    return [
        Review(review, reason, opened, _groups(connection, keys), *answer)
        for review, reason, opened, keys, *answer in rows
    ]


def decide(connection: psycopg.Connection[Any], review_id: int, verdict: str, *, by: str, reason: str) -> bool:
    """Answer a question: one person (`REUNIR`), or those that they are counted as now (`SEPARER`).

    Returns:
        False where that was the answer already.

    Raises:
        LakouError: there is no such question, it is answered otherwise, or the rules ask it no more.
    """
    keys, closed, former = _question(connection, review_id)
    if former is not None and former[1] == verdict:
        return False
    if former is not None:
        raise LakouError(
            f"la question {review_id} a déjà une réponse ({'réunir' if former[1] == JOIN else 'séparer'})",
            f"annulez-la d'abord : `lakou person review undo {review_id} --by …`",
        )
    if closed is not None:
        raise LakouError(
            f"la question {review_id} ne se pose plus depuis le build {closed}", "voyez `lakou person review list`"
        )
    row = connection.execute(
        "insert into ops.person_decisions (review_id, verdict, decided_by, reason) values (%s, %s, %s, %s)"
        " returning decision_id",
        [review_id, verdict, by, reason],
    ).fetchone()
    assert row is not None
    part = "0" if verdict == JOIN else "dense_rank() over (order by l.participant_id)"
    connection.execute(
        "insert into ops.person_decision_keys (decision_id, person_key, part)"
        f" select %s, l.person_key, {part} from ops.person_links as l"
        " where l.known_to_build is null and l.person_key = any(%s)",
        [row[0], keys],
    )
    note(connection, by, f"PERSONNES_{verdict}", f"question {review_id}")
    return True


def undo(connection: psycopg.Connection[Any], review_id: int, *, by: str) -> None:
    """Take an answer back: the next build counts by the rules again, and asks again if they do.

    Raises:
        LakouError: there is no such question, or it has no answer.
    """
    former = _question(connection, review_id)[2]
    if former is None:
        raise LakouError(f"la question {review_id} n'a pas de réponse", "voyez `lakou person review list --answered`")
    connection.execute(
        "update ops.person_decisions set revoked_by = %s, revoked_at = clock_timestamp() where decision_id = %s",
        [by, former[0]],
    )
    note(connection, by, "PERSONNES_ANNULER", f"question {review_id}")


def _question(
    connection: psycopg.Connection[Any], review_id: int
) -> tuple[list[str], int | None, tuple[int, str] | None]:
    row = connection.execute(
        "select r.person_keys, r.closed_build, d.decision_id, d.verdict from ops.person_reviews as r"
        " left join ops.person_decisions as d on r.review_id = d.review_id and d.revoked_at is null"
        " where r.review_id = %s for update of r",
        [review_id],
    ).fetchone()
    if row is None:
        raise LakouError(f"il n'y a pas de question {review_id}", "voyez `lakou person review list`")
    return row[0], row[1], (row[2], row[3]) if row[2] is not None else None


def _groups(connection: psycopg.Connection[Any], person_keys: list[str]) -> tuple[Group, ...]:
    """Those that the rows count as now, with where they are: nobody's name is known here, the partner knows it."""
    rows = " union all ".join(
        "select ops.person_key(person_key_1, person_key_2, person_key_3) as person_key, _delivery_id, _row_number,"
        f" tranche_age, {'code_commune_residence' if 'code_commune_residence' in contract.raw_columns else 'null'} as commune"
        f" from raw.{contract.raw_table} where _load_id in (select load_id from ops.person_sightings"
        " where person_key = any(%(keys)s))"
        for contract in people_contracts()
    )
    found = connection.execute(
        "select l.participant_id, count(*), array_agg(distinct d.partner_code),"
        " array_remove(array_agg(distinct r.commune), null), array_remove(array_agg(distinct r.tranche_age), null),"
        " (array_agg(d.partner_code || ' ' || d.file_name || ':' || r._row_number order by d.received_at desc, r._row_number))"
        f"[1:{SHOWN_FILES}] from ({rows}) as r inner join ops.person_links as l on l.person_key = r.person_key"
        " and l.known_to_build is null inner join ops.deliveries as d on d.delivery_id = r._delivery_id"
        " where r.person_key = any(%(keys)s) group by 1 order by 1",
        {"keys": person_keys},
    ).fetchall()
    return tuple(Group(participant, number, *map(tuple, lists)) for participant, number, *lists in found)
