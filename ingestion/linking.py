"""Who is who: connected components over the keyed hashes, with guards, worked out at each build and kept by build.

A node is the set of keys that a row names its person by (`ops.person_key`): rows with the same set are never told apart.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

import numpy as np
import polars as pl
import polars_hash as plh
from psycopg import sql
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    import psycopg

# who has more addresses and names than this is looked at by somebody
MOST_KEYS = 4
CROWD, HOMONYMS, CONTRADICTED = "PLUS_DE_4_CLES", "COMMUNES_DIFFERENTES", "DECISION_CONTREDITE"
PEOPLE = dict.fromkeys(("person_key", "person_key_1", "person_key_2", "person_key_3", "commune"), pl.String)
DECISIONS = {"decision_id": pl.Int64, "person_key": pl.String, "part": pl.Int32}
PREVIOUS = {"person_key": pl.String, "participant_id": pl.String}
RESIDENCE = "code_commune_residence"
# another number: other rules, so that everybody is linked again
RULES = "2"
_LINKED = "people_linked"


@dataclass(frozen=True, slots=True)
class Links:
    """Participants of one build.

    Args:
        participants: `person_key`, `participant_id`.
        reviews: what a person should look at: `person_keys` (sorted list) and `reason`.
    """

    participants: pl.DataFrame
    reviews: pl.DataFrame


def link(people: pl.DataFrame, decisions: pl.DataFrame, previous: pl.DataFrame, taken: Iterable[str] = ()) -> Links:
    """Join the sets of keys that are one person.

    K1 (address) joins rows of different K2 (names and year) only where K3 (first name and year) agrees. K2 joins rows of
    different K1 unless their communes of residence differ too. A row known by its address alone joins the one person of
    that address. Of a group of more than `MOST_KEYS` keys, or that unites what a person set apart, only the joins that a
    person decided hold. What is left out is to be reviewed, unless a decision covers it.

    Args:
        people: distinct rows, columns of `PEOPLE`; every set of keys whose group may have changed, with its whole group.
        decisions: those in force, columns of `DECISIONS`: the keys of one part are one person, other parts are not.
        previous: participants so far, columns of `PREVIOUS`: kept wherever they can be.
        taken: participants that ever were, so that no other person gets their identifier.
    """
    nodes = people.select(list(PEOPLE)[:4]).unique("person_key").sort("person_key").with_row_index("at")
    communes = people.select("person_key", "commune").drop_nulls().unique().join(nodes, on="person_key")
    decided = decisions.join(nodes.select("person_key", "at"), on="person_key")
    sure = _hubs(decided, "decision_id", "part")
    by_name, homonyms = _by_name(nodes, communes)
    edges = pl.concat([_hubs(nodes, "person_key_1", "person_key_3"), by_name, sure])
    edges = pl.concat([edges, _by_address_alone(nodes.with_columns(group=_components(nodes.height, edges)))])
    grouped = nodes.with_columns(group=_components(nodes.height, edges), sure=_components(nodes.height, sure))
    held = _held(grouped, decided)
    is_held = grouped.get_column("group").is_in(held.get_column("group").implode())
    loose = edges.filter(~is_held.gather(edges.get_column("left")))
    found = grouped.with_columns(person=_components(nodes.height, pl.concat([loose, sure])), is_held=is_held)
    return Links(_name(found, previous, taken), _unsettled(_reviews(found, held, homonyms), decisions))


def _hubs(rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Edges that join the rows where these columns agree; a row that lacks one is joined to none."""
    return rows.drop_nulls(columns).select(left="at", right=pl.col("at").min().over(columns))


def _components(count: int, edges: pl.DataFrame) -> pl.Series:
    left, right = edges.get_column("left").to_numpy(), edges.get_column("right").to_numpy()
    graph = coo_array((np.ones(edges.height, dtype=np.int8), (left, right)), shape=(count, count))
    return pl.Series(connected_components(graph, directed=False)[1], dtype=pl.Int32)


def _by_name(nodes: pl.DataFrame, communes: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Edges by K2, and the names that two addresses of different communes share (`person_key_2`).

    Of such a name, addresses that share a commune are one side; rows without an address join the side of their commune.
    """
    lived = communes.drop_nulls("person_key_2")
    addressed = lived.drop_nulls("person_key_1")
    side = _components(nodes.height, _hubs(addressed, "person_key_2", "commune"))
    lived = lived.with_columns(side=side.gather(lived.get_column("at")))
    sides = lived.drop_nulls("person_key_1").group_by("person_key_2").agg(pl.col("side").n_unique())
    homonyms = sides.filter(pl.col("side") > 1).select("person_key_2")
    plain = _hubs(nodes.join(homonyms, on="person_key_2", how="anti"), "person_key_2")
    of_sides = _hubs(addressed.join(homonyms, on="person_key_2"), "person_key_2", "commune")
    places = lived.drop_nulls("person_key_1").group_by("person_key_2", "commune").agg(pl.col("side").min())
    anchors = lived.drop_nulls("person_key_1").group_by("side").agg(right=pl.col("at").min())
    nameless = (
        communes.filter(pl.col("person_key_1").is_null())
        .join(homonyms, on="person_key_2")
        .join(places, on=["person_key_2", "commune"])
        .group_by("at")
        .agg(pl.col("side").n_unique().alias("sides"), pl.col("side").min())
        .filter(pl.col("sides") == 1)
        .join(anchors, on="side")
        .select(left="at", right="right")
    )
    return pl.concat([plain, of_sides, nameless]), homonyms


def _by_address_alone(grouped: pl.DataFrame) -> pl.DataFrame:
    """Edges from what is known by its address alone to the one person of that address."""
    alone = pl.col("person_key_2").is_null() & pl.col("person_key_3").is_null()
    owners = (
        grouped.filter(~alone)
        .drop_nulls("person_key_1")
        .group_by("person_key_1")
        .agg(pl.col("group").n_unique().alias("persons"), right=pl.col("at").min())
        .filter(pl.col("persons") == 1)
    )
    return grouped.filter(alone).join(owners, on="person_key_1").select(left="at", right="right")


def _held(grouped: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    """Groups whose joins wait for a person, unless a person made them all: `group`, `reason`."""
    keys = pl.concat([pl.col("person_key_1"), pl.col("person_key_2")]).drop_nulls().n_unique()
    crowds = (
        grouped.group_by("group")
        .agg(keys.alias("keys"), pl.col("sure").n_unique().alias("parts"))
        .filter((pl.col("keys") > MOST_KEYS) & (pl.col("parts") > 1))
        .select("group", reason=pl.lit(CROWD))
    )
    # parts of one decision in one group, and no later decision that joined them
    contradicted = (
        decided.join(grouped.select("at", "group", "sure"), on="at")
        .group_by("decision_id", "group")
        .agg(pl.col("part").n_unique().alias("parts"), pl.col("sure").n_unique().alias("pieces"))
        .filter((pl.col("parts") > 1) & (pl.col("pieces") > 1))
        .select("group", reason=pl.lit(CONTRADICTED))
        .unique("group")
    )
    return pl.concat([crowds, contradicted.join(crowds, on="group", how="anti")])


def _reviews(found: pl.DataFrame, held: pl.DataFrame, homonyms: pl.DataFrame) -> pl.DataFrame:
    persons, keys = pl.col("person").n_unique().alias("persons"), pl.col("person_key").sort().alias("person_keys")
    of_groups = found.join(held, on="group").group_by("group", "reason").agg(persons, keys)
    of_names = (
        found.join(homonyms, on="person_key_2")
        .group_by("person_key_2")
        .agg(persons, keys, pl.col("is_held").all())
        .filter(~pl.col("is_held"))
        .with_columns(reason=pl.lit(HOMONYMS))
    )
    wanted = ["person_keys", "reason"]
    both = pl.concat([frame.filter(pl.col("persons") > 1).select(wanted) for frame in (of_groups, of_names)])
    return both.sort("reason", pl.col("person_keys").list.join(" "))


def _unsettled(reviews: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Reviews that no single decision covers."""
    indexed = reviews.with_row_index("review")
    settled = (
        indexed.select("review", pl.col("person_keys").alias("person_key"))
        .explode("person_key")
        .join(decisions, on="person_key")
        .group_by("review", "decision_id")
        .len()
        .join(indexed, on="review")
        .filter(pl.col("len") == pl.col("person_keys").list.len())
    )
    return indexed.join(settled, on="review", how="anti").drop("review")


def _name(found: pl.DataFrame, previous: pl.DataFrame, taken: Iterable[str]) -> pl.DataFrame:
    """Keep a person's former identifier (that of its smallest set of keys that had one); each serves once."""
    kept = (
        found.join(previous, on="person_key")
        .sort("person_key")
        .unique("participant_id", keep="first", maintain_order=True)
        .unique("person", keep="first", maintain_order=True)
        .select("person", former="participant_id")
    )
    named = found.group_by("person").agg(pl.col("person_key").min()).join(kept, on="person", how="left")
    used = pl.Series("participant_id", sorted({*taken, *previous.get_column("participant_id")}), pl.String)
    nameless, salt, made = named.filter(pl.col("former").is_null()).drop("former"), 0, []
    # where a split left the name to another part, the next one is taken
    while nameless.height:
        hashed = plh.concat_str(pl.col("person_key"), pl.lit(f"/{salt}")).chash.sha2_256()
        tried = nameless.with_columns(participant_id="P" + hashed.str.head(20))
        is_used = pl.col("participant_id").is_in(used.implode())
        made.append(tried.filter(~is_used).select("person", "participant_id"))
        nameless, salt = tried.filter(is_used).drop("participant_id"), salt + 1
    ids = pl.concat([named.drop_nulls("former").select("person", participant_id="former"), *made])
    return found.join(ids, on="person").select("person_key", "participant_id").sort("person_key")


# ------------------------------------------------------------------------------------------------------- books of links


def links_are_of_other_rules(connection: psycopg.Connection) -> bool:
    """Whether the links were made by other rules than these: then facts and links are made anew."""
    row = connection.execute("select split_part(value, '/', 1) from ops.settings where name = %s", [_LINKED]).fetchone()
    return row is None or row[0] != RULES


def has_waiting_answers(connection: psycopg.Connection) -> bool:
    """Whether what a person decided, or somebody's objection, is in no build yet."""
    row = connection.execute(
        "select exists (select from ops.person_decisions where applied_build is null"
        " or (revoked_at is not null and revoked_build is null))"
        " or exists (select from ops.person_objections where applied_build is null"
        " or (lifted_at is not null and lifted_build is null))"
    ).fetchone()
    return bool(row and row[0])


def record_links(connection: psycopg.Connection, build_id: int) -> int:
    """Bring the links up to a build: only the groups are worked out again in which something came, went or was decided.

    Args:
        connection: the loader's, in a transaction: links stand or fall together.

    Returns:
        Number of sets of keys whose participant changed.
    """
    is_anew = links_are_of_other_rules(connection)
    since = 0 if is_anew else _linked_build(connection)
    if is_anew:
        connection.execute("delete from ops.person_sightings")
    for statement in _PREPARE:
        connection.execute(statement)
    moment = {"since": since, "build": build_id}
    for statement in (_LEFT, _ERASED, _LOADS_CAME, _CAME.format(sightings=_sightings()), *_ANSWERED):
        connection.execute(statement, moment)
    if is_anew:
        connection.execute(_EVERYBODY)
    else:
        _reach(connection)
    people = _frame(connection, _PEOPLE_REACHED, PEOPLE)
    former = _frame(connection, _FORMER, PREVIOUS | {"is_anonymous": pl.String}).with_columns(
        pl.col("is_anonymous") == "t"
    )
    ever = _frame(connection, _EVER, {"participant_id": pl.String}).get_column("participant_id")
    decisions = _frame(connection, _DECISIONS, DECISIONS)
    links = link(people, decisions, former.drop("is_anonymous"), ever)
    changed, gone = _changes(links.participants, former, _anonymous(connection, links.participants))
    _write(connection, build_id, changed, gone)
    _log(connection, build_id, changed, is_anew=is_anew)
    _ask(connection, build_id, links.reviews, is_anew=is_anew)
    connection.execute(
        "insert into ops.settings values (%s, %s) on conflict (name) do update set value = excluded.value",
        [_LINKED, f"{RULES}/{build_id}"],
    )
    return changed.height


def _linked_build(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "select split_part(value, '/', 2)::int from ops.settings where name = %s", [_LINKED]
    ).fetchone()
    return int(row[0]) if row else 0


def _sightings() -> str:
    """Query of every row of raw that names a person."""
    from ingestion.contracts import PERSON_KEYS, load_contracts

    return " union all ".join(
        "select r._load_id, r._delivery_id, r._row_number, r.person_key_1, r.person_key_2, r.person_key_3,"
        f" {'r.' + RESIDENCE if RESIDENCE in contract.raw_columns else 'null'} as commune from raw.{contract.raw_table} as r"
        " where r._load_id in (select c.load_id from loads_came as c)"
        for contract in load_contracts().values()
        if set(PERSON_KEYS) <= set(contract.raw_columns)
    )


def _reach(connection: psycopg.Connection) -> None:
    """Follow addresses, names and decisions from what was touched to the whole of each group."""
    step, found = 0, 1
    while found:
        step += 1
        found = connection.execute(_NEXT, {"step": step}).rowcount


def _frame(
    connection: psycopg.Connection, query: LiteralString, schema: Mapping[str, type[pl.DataType]]
) -> pl.DataFrame:
    """Rows of a query, without a Python object for each."""
    buffer = io.BytesIO()
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("copy ({}) to stdout (format csv)").format(sql.SQL(query))) as rows,
    ):
        for chunk in rows:
            buffer.write(chunk)
    if not buffer.tell():
        return pl.DataFrame(schema=dict(schema))
    buffer.seek(0)
    return pl.read_csv(buffer, has_header=False, schema=dict(schema))


def _copy(connection: psycopg.Connection, table: LiteralString, rows: pl.DataFrame) -> None:
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.SQL(table), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for part in rows.iter_slices(100_000):
            copy.write(part.write_csv(include_header=False))


def _anonymous(connection: psycopg.Connection, participants: pl.DataFrame) -> pl.Series:
    """Participants who objected, by any of their sets of keys."""
    objectors = _frame(connection, _OBJECTORS, {"person_key": pl.String})
    return participants.join(objectors, on="person_key").get_column("participant_id").unique()


def _changes(
    participants: pl.DataFrame, former: pl.DataFrame, anonymous: pl.Series
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Links that are otherwise than they were, each with its cause, and those whose keys are in no row any more."""
    before = former.rename({"participant_id": "former", "is_anonymous": "was_anonymous"})
    named = pl.col("participant_id").is_in(former.get_column("participant_id").implode())
    now = participants.with_columns(is_anonymous=pl.col("participant_id").is_in(anonymous.implode()))
    changed = now.join(before, on="person_key", how="left").filter(
        pl.col("former").ne_missing(pl.col("participant_id"))
        | pl.col("was_anonymous").ne_missing(pl.col("is_anonymous"))
    )
    cause = (
        pl.when(pl.col("former").is_null())
        .then(pl.lit("NOUVEAU"))
        .when(pl.col("former") == pl.col("participant_id"))
        .then(pl.lit("OPPOSITION"))
        .when(named)
        .then(pl.lit("FUSION"))
        .otherwise(pl.lit("SEPARATION"))
    )
    return changed.with_columns(cause=cause), former.join(participants, on="person_key", how="anti")


def _write(connection: psycopg.Connection, build_id: int, changed: pl.DataFrame, gone: pl.DataFrame) -> None:
    connection.execute("create temporary table closing (person_key text) on commit drop")
    _copy(connection, "closing", pl.concat([changed.select("person_key"), gone.select("person_key")]))
    connection.execute("analyze closing")
    connection.execute(_CLOSE, [build_id])
    columns = ["person_key", "participant_id", "is_anonymous", "cause"]
    _copy(connection, "ops.person_links", changed.select(columns).with_columns(known_from_build=pl.lit(build_id)))


def _log(connection: psycopg.Connection, build_id: int, changed: pl.DataFrame, *, is_anew: bool) -> None:
    """Write down each merge and each split with what caused it."""
    moved = changed.filter(pl.col("cause").is_in(["FUSION", "SEPARATION"]))
    if moved.is_empty():
        return
    reached = _frame(connection, _REACHED, dict.fromkeys(("person_key", *list(PEOPLE)[1:3], "why"), pl.String))
    nodes = reached.select("person_key").unique().sort("person_key").with_row_index("at")
    rows = reached.join(nodes, on="person_key")
    decided = _frame(connection, _DECISIONS, DECISIONS).join(nodes, on="person_key")
    edges = [_hubs(rows, name) for name in ("person_key_1", "person_key_2")]
    group = _components(nodes.height, pl.concat([*edges, _hubs(decided, "decision_id")]))
    whys = rows.with_columns(group=group.gather(rows.get_column("at"))).group_by("group").agg(pl.col("why").unique())
    events = (
        moved.join(nodes.with_columns(group=group), on="person_key", how="left")
        .join(whys, on="group", how="left")
        .group_by(event="cause", from_participant="former", to_participant="participant_id")
        .agg(keys_moved=pl.len(), why=pl.col("why").list.explode().unique())
    )

    def has(why: str) -> pl.Expr:
        return pl.col("why").list.contains(why)

    first, second = ("LIGNES_NOUVELLES", "LIGNES_RETIREES")
    arrives = (pl.col("event") == "FUSION") & has(first)
    cause = (
        pl.when(pl.lit(is_anew))
        .then(pl.lit("REGLES"))
        .when(has("DECISION"))
        .then(pl.lit("DECISION"))
        .when(has("EFFACEMENT"))
        .then(pl.lit("EFFACEMENT"))
        .when(arrives | ~has(second))
        .then(pl.lit(first))
        .otherwise(pl.lit(second))
    )
    written = events.with_columns(cause=cause, build_id=pl.lit(build_id)).drop("why").sort(pl.all())
    _copy(connection, "ops.person_link_events", written)


def _ask(connection: psycopg.Connection, build_id: int, reviews: pl.DataFrame, *, is_anew: bool) -> None:
    """Open the reviews that the rules ask for, and close those that they ask no more."""
    asked = reviews.select(
        person_keys=pl.concat_str(pl.lit("{"), pl.col("person_keys").list.join(","), pl.lit("}")), reason="reason"
    )
    connection.execute("create temporary table asked (person_keys text[], reason text) on commit drop")
    _copy(connection, "asked", asked)
    connection.execute(_CLOSE_REVIEWS, {"build": build_id, "anew": is_anew})
    connection.execute(_OPEN_REVIEWS, [build_id])


_PREPARE: tuple[LiteralString, ...] = (
    # why: what happened to the set of keys; null where it is only of the group of one to which something happened
    "create temporary table reached (person_key text, person_key_1 text, person_key_2 text, why text, step integer)"
    " on commit drop",
    "create index on reached (step)",
    "create index on reached (person_key)",
    "create temporary table loads_came (load_id bigint) on commit drop",
)

_LEFT = """
with gone as (
    delete from ops.person_sightings as s
    using ops.loads as l, ops.supersessions as u, ops.loads as later
    where s.load_id = l.load_id and u.superseded_delivery_id = l.delivery_id and u.superseding_load_id = later.load_id
        and later.build_id > %(since)s and later.build_id <= %(build)s
    returning s.person_key, s.person_key_1, s.person_key_2
)
insert into reached select distinct person_key, person_key_1, person_key_2, 'LIGNES_RETIREES', 0 from gone
"""

_ERASED = """
with gone as (
    delete from ops.person_sightings as s
    using (
        select distinct o.load_id, unnest(x.person_keys) as person_key
        from ops.erased_rows as e
        inner join ops.loads as l on e.load_id = l.load_id
        inner join ops.loads as o on e.delivery_id = o.delivery_id
        inner join ops.erasures as x on e.erasure_id = x.erasure_id
        where l.build_id > %(since)s and l.build_id <= %(build)s
    ) as e
    where s.load_id = e.load_id and s.person_key = e.person_key
    returning s.person_key, s.person_key_1, s.person_key_2
)
insert into reached select distinct person_key, person_key_1, person_key_2, 'EFFACEMENT', 0 from gone
"""

_LOADS_CAME = """
insert into loads_came
select l.load_id
from ops.loads as l
where l.build_id > %(since)s and l.build_id <= %(build)s
    and not exists (
        select from ops.supersessions as s
        inner join ops.loads as later on s.superseding_load_id = later.load_id
        where s.superseded_delivery_id = l.delivery_id and later.build_id <= %(build)s
    )
"""

_CAME = """
with seen as (
    insert into ops.person_sightings (load_id, person_key, person_key_1, person_key_2, person_key_3, commune)
    select distinct
        r._load_id, ops.person_key(r.person_key_1, r.person_key_2, r.person_key_3), r.person_key_1, r.person_key_2,
        r.person_key_3, r.commune
    from ({sightings}) as r
    where coalesce(r.person_key_1, r.person_key_2) is not null
        and not exists (
            select from ops.erased_rows as e where e.delivery_id = r._delivery_id and e.row_number = r._row_number
        )
    returning person_key, person_key_1, person_key_2
)
insert into reached select distinct person_key, person_key_1, person_key_2, 'LIGNES_NOUVELLES', 0 from seen
"""

_ANSWERED: tuple[LiteralString, ...] = (
    """
    with answered as (
        update ops.person_decisions
        set applied_build = coalesce(applied_build, %(build)s),
            revoked_build = case when revoked_at is not null then %(build)s end
        where applied_build is null or (revoked_at is not null and revoked_build is null)
        returning decision_id
    )
    insert into reached
    select distinct s.person_key, s.person_key_1, s.person_key_2, 'DECISION', 0
    from answered
    inner join ops.person_decision_keys as k using (decision_id)
    inner join ops.person_sightings as s on k.person_key = s.person_key
    """,
    """
    with answered as (
        update ops.person_objections
        set applied_build = coalesce(applied_build, %(build)s),
            lifted_build = case when lifted_at is not null then %(build)s end
        where applied_build is null or (lifted_at is not null and lifted_build is null)
        returning person_key_1, person_key_2
    )
    insert into reached
    select distinct s.person_key, s.person_key_1, s.person_key_2, 'OPPOSITION', 0
    from answered as a
    cross join lateral (
        select o.person_key, o.person_key_1, o.person_key_2
        from ops.person_sightings as o where o.person_key_1 = a.person_key_1
        union
        select o.person_key, o.person_key_1, o.person_key_2
        from ops.person_sightings as o where o.person_key_2 = a.person_key_2
    ) as s
    """,
    "analyze reached",
)

_EVERYBODY = """
insert into reached
select l.person_key, null, null, null, 1 from ops.person_links as l where l.known_to_build is null
"""

# each address and each name is followed once
_NEXT = """
insert into reached
select distinct s.person_key, s.person_key_1, s.person_key_2, null, %(step)s::int
from (
    select m.person_key
    from (select distinct r.person_key_1 from reached as r where r.step = %(step)s - 1) as f
    inner join ops.person_sightings as m on f.person_key_1 = m.person_key_1
    union
    select m.person_key
    from (select distinct r.person_key_2 from reached as r where r.step = %(step)s - 1) as f
    inner join ops.person_sightings as m on f.person_key_2 = m.person_key_2
    union
    select other.person_key
    from (select distinct r.person_key from reached as r where r.step = %(step)s - 1) as f
    inner join ops.person_decision_keys as k on f.person_key = k.person_key
    inner join ops.person_decision_keys as other on k.decision_id = other.decision_id
) as near
inner join ops.person_sightings as s on near.person_key = s.person_key
where not exists (select from reached as r where r.person_key = s.person_key)
"""

_REACHED = "select distinct person_key, person_key_1, person_key_2, why from reached"

_PEOPLE_REACHED = """
select distinct s.person_key, s.person_key_1, s.person_key_2, s.person_key_3, s.commune
from ops.person_sightings as s
where s.person_key in (select r.person_key from reached as r)
"""

_FORMER = """
select l.person_key, l.participant_id, l.is_anonymous
from ops.person_links as l
where l.known_to_build is null and l.person_key in (select r.person_key from reached as r)
"""

_EVER = """
select distinct l.participant_id from ops.person_links as l where l.person_key in (select r.person_key from reached as r)
"""

_DECISIONS = """
select k.decision_id, k.person_key, k.part
from ops.person_decision_keys as k
inner join ops.person_decisions as d on k.decision_id = d.decision_id
where d.revoked_at is null and k.person_key in (select r.person_key from reached as r)
"""

# whose address alone is known objects for the one person of that address
_OBJECTORS = """
select distinct s.person_key
from ops.person_objections as o
inner join ops.person_sightings as s
    on s.person_key_2 = o.person_key_2
    or (
        s.person_key_1 = o.person_key_1
        and (s.person_key_3 = o.person_key_3 or s.person_key_3 is null or o.person_key_2 is null)
    )
where o.lifted_at is null and s.person_key in (select r.person_key from reached as r)
"""

_CLOSE = """
update ops.person_links as l
set known_to_build = %s
from closing as c
where l.known_to_build is null and l.person_key = c.person_key
"""

_CLOSE_REVIEWS = """
update ops.person_reviews as r
set closed_build = %(build)s
where r.closed_build is null
    and (
        %(anew)s
        or r.person_keys && (select coalesce(array_agg(distinct t.person_key), array[]::text[]) from reached as t)
    )
    and not exists (select from asked as a where a.person_keys = r.person_keys and a.reason = r.reason)
"""

_OPEN_REVIEWS = """
insert into ops.person_reviews (person_keys, reason, opened_build)
select a.person_keys, a.reason, %s from asked as a
on conflict (person_keys, reason) where closed_build is null do nothing
"""
