"""Who is who: connected components over the keyed hashes, worked out at each build and kept by build."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
import psycopg
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# a person with more keys than this is looked at by somebody
MOST_KEYS = 4


@dataclass(frozen=True, slots=True)
class Links:
    """Participants of one build.

    Args:
        participants: node (K2, else K1) to participant id.
        reviews: groups of nodes that a person should look at, with the reason.
    """

    participants: Mapping[str, str]
    reviews: tuple[tuple[tuple[str, ...], str], ...]


def link(people: pl.DataFrame, previous: Mapping[str, str]) -> Links:
    """Join the nodes that are one person.

    K1 (e-mail) joins nodes only where K3 (first name and year) agrees, so that a shared address joins nobody;
    a row known by its e-mail alone joins the one person of that address, or stays apart when there are several.

    Args:
        people: distinct `person_key_1, person_key_2, person_key_3, residence` of the rows in force.
        previous: participant ids of the build before, by node: kept wherever they can be.
    """
    rows = people.with_columns(node=pl.coalesce("person_key_2", "person_key_1")).drop_nulls("node")
    nodes = rows.get_column("node").unique().sort()
    if nodes.is_empty():
        return Links({}, ())
    index = pl.DataFrame({"node": nodes, "at": np.arange(len(nodes))})
    named = rows.drop_nulls(["person_key_1", "person_key_2", "person_key_3"]).join(index, on="node")
    same_person = named.with_columns(first=pl.col("at").min().over("person_key_1", "person_key_3"))
    groups = _components(len(nodes), same_person.get_column("at"), same_person.get_column("first"))

    owners = (
        named.with_columns(group=pl.Series(groups)[named.get_column("at")])
        .group_by("person_key_1")
        .agg(pl.col("group").n_unique().alias("persons"), pl.col("at").min().alias("owner"))
        .filter(pl.col("persons") == 1)
    )
    lonely = (
        rows.filter(pl.col("person_key_2").is_null())
        .select("node", "person_key_1")
        .unique()
        .join(index, on="node")
        .join(owners, on="person_key_1")
    )
    groups = _components(
        len(nodes),
        pl.concat([same_person.get_column("at"), lonely.get_column("at")]),
        pl.concat([same_person.get_column("first"), lonely.get_column("owner")]),
    )
    members = index.with_columns(group=pl.Series(groups)).sort("node")
    return Links(_name(members, previous), _reviews(rows.join(members, on="node")))


def _components(count: int, left: pl.Series, right: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    ones = np.ones(len(left), dtype=np.int8)
    graph = coo_array((ones, (left.to_numpy(), right.to_numpy())), shape=(count, count))
    labels: np.ndarray[tuple[int], np.dtype[np.int32]] = connected_components(graph, directed=False)[1]
    return labels


def _name(members: pl.DataFrame, previous: Mapping[str, str]) -> dict[str, str]:
    """Keep a component's former id (that of its smallest node that had one); each id serves once."""
    former = pl.DataFrame(
        {"node": list(previous), "former": list(previous.values())}, schema={"node": pl.String, "former": pl.String}
    )
    kept = (
        members.join(former, on="node")
        .sort("node")
        .unique("former", keep="first", maintain_order=True)
        .unique("group", keep="first", maintain_order=True)
        .select("group", "former")
    )
    taken = set(previous.values())
    named = members.group_by("group").agg(pl.col("node").min().alias("smallest")).join(kept, on="group", how="left")
    ids = {
        group: former or _fresh(smallest, taken)
        for group, smallest, former in named.select("group", "smallest", "former").iter_rows()
    }
    return {node: ids[group] for node, group in members.select("node", "group").iter_rows()}


def _fresh(node: str, taken: set[str]) -> str:
    """An id for a new person, from its smallest node; salted where a split left that id to the other part."""
    salt = 0
    while True:
        name = "P" + hashlib.sha256(f"{node}/{salt}".encode()).hexdigest()[:20]
        if name not in taken:
            taken.add(name)
            return name
        salt += 1


def _reviews(rows: pl.DataFrame) -> tuple[tuple[tuple[str, ...], str], ...]:
    crowds = (
        rows.group_by("group")
        .agg(
            pl.concat([pl.col("person_key_1"), pl.col("person_key_2")]).drop_nulls().n_unique().alias("keys"),
            pl.col("node").unique().sort().alias("nodes"),
        )
        .filter(pl.col("keys") > MOST_KEYS)
    )
    homonyms = (
        rows.drop_nulls("person_key_2")
        .group_by("node")
        .agg(pl.col("person_key_1").drop_nulls().n_unique().alias("mails"), pl.col("residence").drop_nulls().n_unique())
        .filter((pl.col("mails") > 1) & (pl.col("residence") > 1))
    )
    found = [(tuple(nodes), "PLUS_DE_4_CLES") for nodes in crowds.get_column("nodes").to_list()]
    found += [((node,), "COMMUNES_DIFFERENTES") for node in homonyms.get_column("node").to_list()]
    return tuple(sorted(found))


def record_links(connection: psycopg.Connection, build_id: int) -> int:
    """Work out the links of the rows in force at `build_id` and write what changed since the build before.

    Returns:
        Number of nodes whose participant changed.
    """
    people = pl.DataFrame(connection.execute(_PEOPLE, {"build": build_id}).fetchall(), schema=_SCHEMA, orient="row")
    open_links: dict[str, str] = dict(
        connection.execute(
            "select person_key, participant_id from ops.person_links where known_to_build is null"
        ).fetchall()
    )
    links = link(people, open_links)
    used_before = set(open_links.values())
    changed = [
        (node, participant, _cause(open_links.get(node), participant, used_before))
        for node, participant in sorted(links.participants.items())
        if open_links.get(node) != participant
    ]
    _write(connection, build_id, changed)
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.person_reviews (person_keys, reason, opened_build) values (%s, %s, %s) on conflict do nothing",
            [(list(nodes), reason, build_id) for nodes, reason in links.reviews],
        )
    return len(changed)


def _cause(former: str | None, participant: str, used_before: set[str]) -> str:
    if former is None:
        return "NOUVEAU"
    return "FUSION" if participant in used_before else "SEPARATION"


def _write(connection: psycopg.Connection, build_id: int, changed: Iterable[tuple[str, str, str]]) -> None:
    rows = list(changed)
    connection.execute(
        "update ops.person_links set known_to_build = %s where known_to_build is null and person_key = any(%s)",
        [build_id, [node for node, _, _ in rows]],
    )
    with (
        connection.cursor() as cursor,
        cursor.copy("copy ops.person_links (person_key, participant_id, cause, known_from_build) from stdin") as copy,
    ):
        for node, participant, cause in rows:
            copy.write_row((node, participant, cause, build_id))


_SCHEMA = dict.fromkeys(("person_key_1", "person_key_2", "person_key_3", "residence"), pl.String)

_PEOPLE = """
with in_force as (
    select l.load_id
    from ops.loads as l
    where l.build_id <= %(build)s
      and not exists (
          select 1
          from ops.supersessions as s
          inner join ops.loads as later on s.superseding_load_id = later.load_id
          where s.superseded_delivery_id = l.delivery_id and later.build_id <= %(build)s
      )
)
select person_key_1, person_key_2, person_key_3, code_commune_residence
from raw.f02_participations
where _load_id in (select load_id from in_force)
union
select person_key_1, person_key_2, person_key_3, null
from raw.f03_certifications
where _load_id in (select load_id from in_force)
union
select person_key_1, person_key_2, person_key_3, null
from raw.f09_membres_reseau
where _load_id in (select load_id from in_force)
"""
