"""Who is who: the joins, the guards, and ids that stay."""

from __future__ import annotations

import polars as pl

from ingestion.linking import link

Row = tuple[str | None, str | None, str | None, str | None]


def people(*rows: Row) -> pl.DataFrame:
    names = ("person_key_1", "person_key_2", "person_key_3", "residence")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def test_one_address_and_one_first_name_is_one_person() -> None:
    links = link(people(("mail", "name-a", "first", None), ("mail", "name-b", "first", None)), {})
    assert links.participants["name-a"] == links.participants["name-b"]


def test_a_family_address_joins_nobody() -> None:
    links = link(people(("mail", "name-a", "first-a", None), ("mail", "name-b", "first-b", None)), {})
    assert links.participants["name-a"] != links.participants["name-b"]


def test_an_address_alone_joins_its_one_owner() -> None:
    links = link(people(("mail", "name", "first", None), ("mail", None, None, None)), {})
    assert links.participants == {"mail": links.participants["name"], "name": links.participants["name"]}


def test_an_address_alone_stays_apart_from_a_family() -> None:
    rows = people(("mail", "a", "x", None), ("mail", "b", "y", None), ("mail", None, None, None))
    assert len(set(link(rows, {}).participants.values())) == 3


def test_two_addresses_of_one_name_are_one_person_and_looked_at_when_the_communes_differ() -> None:
    rows = people(("mail-1", "name", "first", "97209"), ("mail-2", "name", "first", "97213"))
    links = link(rows, {})
    assert set(links.participants) == {"name"}
    assert links.reviews == ((("name",), "COMMUNES_DIFFERENTES"),)


def test_a_crowd_is_looked_at() -> None:
    rows = people(*[("mail", f"name-{i}", "first", None) for i in range(4)])
    links = link(rows, {})
    assert len(set(links.participants.values())) == 1
    assert links.reviews == ((("name-0", "name-1", "name-2", "name-3"), "PLUS_DE_4_CLES"),)


def test_a_person_keeps_its_id_through_a_merge_and_a_split() -> None:
    before = link(people(("m1", "a", "x", None), ("m2", "b", "x", None)), {}).participants
    joined = people(("m1", "a", "x", None), ("m2", "b", "x", None), ("m1", "b", "x", None))
    merged = link(joined, before).participants
    assert merged == {"a": before["a"], "b": before["a"]}
    again = link(people(("m1", "a", "x", None), ("m2", "b", "x", None)), merged).participants
    assert again["a"] == before["a"]
    assert again["b"] not in set(merged.values())


def test_the_order_of_rows_changes_nothing() -> None:
    rows = people(("m1", "a", "x", None), ("m2", "b", "x", None), ("m1", "b", "x", None), ("m9", None, None, None))
    assert link(rows, {}) == link(rows.reverse(), {})


def test_nobody_is_nobody() -> None:
    assert link(people(), {}).participants == {}
    assert link(people((None, None, None, None)), {}).participants == {}
