"""Closed figures as they are known now: each difference explained by cause, step by step, with nothing left over."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from ingestion.database import BUILD_LOCK
from ingestion.errors import LakouError

# parameters that say which territory a programme counts, and no formula
PERIMETER = "perimeter_region"

CONTRIBUTION = (
    "programme_code",
    "indicator_code",
    "entity_key",
    "subject_key",
    "occurred_on",
    "counted_until",
    "commune_code",
    "epci_code",
    "partner_code",
    "members",
    "num",
    "den",
    "delivery_id",
    "row_number",
    "row_hash",
)
# the order in which the causes are applied: what each changes after those before it is its share
CAUSES = ("DEFINITION", "PERIMETRE", "REMISE_TARDIVE", "CORRECTION", "PERSONNES", "EFFACEMENT")
CELL = (
    "programme_code",
    "indicator_code",
    "measure",
    "period_grain",
    "period_start",
    "territory_level",
    "territory_code",
    "partner_code",
    "axis",
    "member",
)

# rows that count in the period or a shorter one within it: a stock counts from its day on, until it ends
WITHIN = (
    "contributing.programme_code = %(programme)s and contributing.occurred_on <= %(end)s"
    " and (contributing.occurred_on >= %(start)s or (contributing.indicator_code in"
    " (select i.indicator_code from marts.dim_indicator as i where i.timing = 'stock')"
    " and (contributing.counted_until is null or contributing.counted_until > %(start)s)))"
)


def restate(connection: psycopg.Connection, publication_id: int, build_id: int) -> int:
    """Explain every closed value that the candidate publication shows otherwise.

    A value is a function of its contributing rows. Those of the closing were kept; those of the candidate are in the
    marts. Each source row that differs has one cause; applying the causes in turn and working the value out again
    after each gives shares that sum to the difference, for a ratio or a median as for a count. Whom an erasure took away
    is forgotten in the rows that were kept.

    Args:
        connection: the publisher's, in autocommit, with the publication's lock.
        publication_id: the candidate, its values copied and its secrets kept.
        build_id: what the marts must show.

    Returns:
        Number of shares written.

    Raises:
        LakouError: a build began since the candidate was copied.
    """
    closings = connection.execute(
        "select closing_id, programme_code as programme, build_id as closed_build, period_start as start,"
        ' period_end as "end", parameters_hash, perimeter_hash from ops.closings order by closing_id'
    )
    names = [column.name for column in closings.description or ()]
    rows = closings.fetchall()
    shares = 0
    for row in rows:
        closing = dict(zip(names, row, strict=True)) | {"publication": publication_id, "build": build_id}
        with connection.transaction():
            shares += _restate_one(connection, closing)
    if rows:
        with connection.transaction():
            connection.execute(_FORGET)
            connection.execute(_FORGOTTEN)
    return shares


def contributions(connection: psycopg.Connection) -> sql.Composable:
    """Contributing rows of every indicator at the build that the marts show, as one query."""
    names = [
        name
        for (name,) in connection.execute(
            "select table_name from information_schema.tables where table_schema = 'marts' and table_name in"
            " (select 'indicator_' || lower(replace(indicator_code, '-', '_')) from marts.dim_indicator) order by table_name"
        )
    ]
    columns = sql.SQL(", ").join(map(sql.Identifier, CONTRIBUTION))
    return sql.SQL(" union all ").join(
        sql.SQL("select {} from {}").format(columns, sql.Identifier("marts", name)) for name in names
    )


def parameters_hash() -> str:
    """Query of the hash of every parameter that a formula may use, of the programme `%(programme)s`."""
    return (
        "select md5(coalesce(string_agg(concat_ws('|', p.parameter_code, p.scope, p.value), chr(10)"
        " order by p.parameter_code, p.scope), '')) from marts.dim_parameter as p"
        f" where p.is_current and p.scope in ('TOUS', %(programme)s) and p.parameter_code <> '{PERIMETER}'"
    )


def perimeter_hash() -> str:
    """Query of the hash of the territories that the programme `%(programme)s` counts."""
    return (
        "select md5(concat_ws(chr(10), (select string_agg(p.value, ',' order by p.value) from marts.dim_parameter as p"
        f" where p.is_current and p.parameter_code = '{PERIMETER}' and p.scope = %(programme)s),"
        " string_agg(concat_ws('|', t.territory_level, t.territory_code, t.epci_code, t.region_code), chr(10)"
        " order by t.territory_level, t.territory_code))) from marts.dim_territory as t"
    )


def _restate_one(connection: psycopg.Connection, closing: dict[str, Any]) -> int:
    def run(statement: str, **names: sql.Composable) -> int:
        composed = sql.SQL(statement).format(columns=_list(CONTRIBUTION), cell=_list(CELL), **names)
        return connection.execute(composed, closing).rowcount

    candidates = {
        name: sql.Identifier("published", f"{name}_p{closing['publication']}")
        for name in ("indicator_values", "indicators", "restatements")
    }
    # sizes of what a restatement lays out are known to nobody: hash, as the models do
    connection.execute(
        "set local jit = off; set local enable_nestloop = off; set local enable_mergejoin = off; set local work_mem = '64MB'"
    )
    run(_DIFFERING, indicator_values=candidates["indicator_values"])
    closing["indicators"] = [
        code for (code,) in connection.execute("select distinct indicator_code from published.restatement_cells")
    ]
    if not closing["indicators"]:
        return 0
    connection.execute("analyze published.restatement_cells")
    _hold_marts(connection, closing["build"])
    run(_BEFORE)
    run(_AFTER, contributing=contributions(connection))
    run(_CHANGED)
    run(_HISTORY, histories=_histories(connection))
    for statement in (_ARRIVALS, _DEPARTURES, _BUILD_CAUSES, _REGROUPED):
        run(statement)
    run(_REDEFINED, indicators=candidates["indicators"], parameters=sql.SQL(parameters_hash()))
    run(_PERIMETER, perimeter=sql.SQL(perimeter_hash()))
    connection.execute("analyze before_rows, after_rows, changed, history, arrivals, departures, regrouped")
    run(_DIRECT)
    run(_INDIRECT)
    connection.execute("analyze causes")
    present = {cause for (cause,) in connection.execute("select distinct cause from causes")}
    shares = 0
    for at, cause in enumerate(CAUSES):
        # the first step also shows what another method makes of the very same rows
        if at > 0 and cause not in present:
            continue
        closing |= {"cause": cause, "applied": list(CAUSES[: at + 1])}
        run(_CLEAR_ROWS)
        run(_LAY_OUT)
        connection.execute("analyze published.restatement_rows")
        run(_REACH)
        shares += run(_SHARES, restatements=candidates["restatements"])
    run(_CLEAR_ROWS)
    run(_CLEAR_CELLS)
    return shares


def _list(names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _hold_marts(connection: psycopg.Connection, build_id: int) -> None:
    """Keep the marts at the build that was copied, until the transaction ends."""
    connection.execute("select pg_advisory_xact_lock_shared(%s)", [BUILD_LOCK])
    row = connection.execute("select as_of_build, is_complete from ops.marts_state").fetchone()
    if row != (build_id, True):
        raise LakouError(
            f"build {build_id} was followed by another one while it was being published", "run `lakou publish` again"
        )


def _histories(connection: psycopg.Connection) -> sql.Composable:
    """Every fact and bridge that says from and to which build it knew a row of a file, as one query."""
    columns = ("delivery_id", "row_hash", "known_from_build", "known_to_build")
    tables = connection.execute(
        "select c.table_name from information_schema.columns as c inner join information_schema.tables as t"
        " on c.table_schema = t.table_schema and c.table_name = t.table_name"
        " where c.table_schema = 'marts' and t.table_type = 'BASE TABLE' and c.column_name = any(%s)"
        " group by c.table_name having count(*) = %s order by c.table_name",
        [list(columns), len(columns)],
    ).fetchall()
    return sql.SQL(" union all ").join(
        sql.SQL("select {} from {}").format(_list(columns), sql.Identifier("marts", name)) for (name,) in tables
    )


# closed values that are otherwise now; a missing value counts as 0, its state says that it was missing
_DIFFERING = """
insert into published.restatement_cells
select {cell}, f.unit, f.definition_hash, coalesce(f.value, 0) as published_value, coalesce(v.value, 0) as known_value,
    coalesce(f.value, 0) as former, coalesce(f.value, 0) as reached
from published.published_values as f
left join {indicator_values} as v using ({cell})
where f.closing_id = %(closing_id)s
    and f.state not like 'SUPPRIME%%' and coalesce(v.state, '') not like 'SUPPRIME%%'
    and coalesce(f.value, 0) <> coalesce(v.value, 0)
"""

# a row sent again to the letter, by a higher version or what an erasure left, is the same row; what is counted without a
# row of a file (a delivery that never came) is known by its own key
_SOURCE = (
    "coalesce(partner_code || '#' || row_hash, delivery_id || '#' || row_number, '#' || entity_key, '#') as source"
)

_BEFORE = f"""
create temporary table before_rows on commit drop as
select {{columns}}, {_SOURCE}
from published.closing_rows
where closing_id = %(closing_id)s and indicator_code = any(%(indicators)s)
"""

_AFTER = f"""
create temporary table after_rows on commit drop as
select {{columns}}, {_SOURCE}
from ({{contributing}}) as contributing
where {WITHIN} and contributing.indicator_code = any(%(indicators)s)
"""

# source rows that contribute otherwise than they did
_CHANGED = """
create temporary table changed on commit drop as
select
    indicator_code, source,
    min(partner_code) as partner_code,
    min(row_hash) as row_hash,
    min(delivery_id) filter (where is_before) as former_delivery_id,
    min(delivery_id) filter (where not is_before) as delivery_id,
    count(*) filter (where is_before) > 0 as was_there,
    count(*) filter (where not is_before) > 0 as is_there,
    array_agg(distinct entity_key) as entities,
    array_agg(distinct entity_key) filter (where is_before)
        is distinct from array_agg(distinct entity_key) filter (where not is_before) as has_other_entity,
    string_agg(measure, chr(10) order by measure) filter (where is_before)
        is not distinct from string_agg(measure, chr(10) order by measure) filter (where not is_before)
        as has_same_measure,
    string_agg(who || content, chr(10) order by who || content) filter (where is_before)
        is not distinct from string_agg(who || content, chr(10) order by who || content) filter (where not is_before)
        as differs_by_place
from (
    select *, row(entity_key, subject_key)::text as who, row(commune_code, epci_code)::text as place,
        row(occurred_on, counted_until, partner_code, trim_scale(num), trim_scale(den))::text as measure,
        row(occurred_on, counted_until, partner_code, members, trim_scale(num), trim_scale(den))::text as content
    from (
        select *, true as is_before from before_rows
        union all
        select *, false as is_before from after_rows
    ) as sides
) as told
group by indicator_code, source
having string_agg(who || place || content, chr(10) order by who || place || content) filter (where is_before)
    is distinct from
    string_agg(who || place || content, chr(10) order by who || place || content) filter (where not is_before)
"""

# whether the facts knew a row at the closing and know it now, in the same delivery or another one, and the last build
# since at which they changed it; no line: they have never known it
_HISTORY = """
create temporary table history on commit drop as
select
    row_hash, changed_build,
    former_delivery_id is not null as was_known,
    delivery_id is not null as is_known,
    coalesce(former_delivery_id <> delivery_id, false) as is_moved
from (
    select
        h.row_hash,
        min(h.delivery_id) filter (
            where h.known_from_build <= %(closed_build)s
                and (h.known_to_build is null or h.known_to_build > %(closed_build)s)
        ) as former_delivery_id,
        min(h.delivery_id) filter (
            where h.known_from_build <= %(build)s and (h.known_to_build is null or h.known_to_build > %(build)s)
        ) as delivery_id,
        greatest(
            max(h.known_from_build)
                filter (where h.known_from_build > %(closed_build)s and h.known_from_build <= %(build)s),
            max(h.known_to_build)
                filter (where h.known_to_build > %(closed_build)s and h.known_to_build <= %(build)s)
        ) as changed_build
    from ({histories}) as h
    where h.row_hash in (select c.row_hash from changed as c)
    group by h.row_hash
) as known
"""

# deliveries that came since: a correction where the closing knew one of the same partner, feed and period
_ARRIVALS = """
create temporary table arrivals on commit drop as
with numbered as (
    select delivery_id, min(build_id) as build_id, (array_agg(kind order by load_id))[1] as kind
    from ops.loads
    where build_id <= %(build)s
    group by delivery_id
)
select
    d.delivery_id, d.partner_code,
    case
        when n.kind = 'EFFACEMENT' then 'EFFACEMENT'
        when exists (
            select from ops.deliveries as e
            inner join numbered as m on e.delivery_id = m.delivery_id
            where e.partner_code = d.partner_code and e.feed = d.feed
                and e.period_start = d.period_start and e.period_end = d.period_end and m.build_id <= %(closed_build)s
        ) then 'CORRECTION'
        else 'REMISE_TARDIVE'
    end as cause
from numbered as n
inner join ops.deliveries as d on n.delivery_id = d.delivery_id
where n.build_id > %(closed_build)s
"""

# deliveries replaced or erased since
_DEPARTURES = """
create temporary table departures on commit drop as
select distinct on (s.superseded_delivery_id)
    s.superseded_delivery_id as delivery_id,
    case s.cause when 'EFFACEMENT' then 'EFFACEMENT' else 'CORRECTION' end as cause
from ops.supersessions as s
inner join ops.loads as l on s.superseding_load_id = l.load_id
where l.build_id > %(closed_build)s and l.build_id <= %(build)s
order by s.superseded_delivery_id, l.build_id, l.load_id
"""

# what came with each build since, by partner; where several causes did, the lower rank speaks for what they changed
_BUILD_CAUSES = """
create temporary table build_causes on commit drop as
select distinct
    came.build_id, came.partner_code, came.cause,
    array_position(array['CORRECTION', 'REMISE_TARDIVE', 'EFFACEMENT'], came.cause) as rank
from (
    select l.build_id, d.partner_code,
        case l.kind
            when 'EFFACEMENT' then 'EFFACEMENT'
            when 'ATTENTE_RESOLUE' then 'REMISE_TARDIVE'
            else coalesce(a.cause, 'REMISE_TARDIVE')
        end as cause
    from ops.loads as l
    inner join ops.deliveries as d on l.delivery_id = d.delivery_id
    left join arrivals as a on l.delivery_id = a.delivery_id
    where l.build_id > %(closed_build)s and l.build_id <= %(build)s
) as came
"""

# changed rows of people whom a merge, a split or an objection since the closing has touched
_REGROUPED = """
create temporary table regrouped on commit drop as
select distinct c.indicator_code, c.source
from changed as c
cross join lateral unnest(c.entities) as e (entity_key)
where e.entity_key in (
    select l.participant_id
    from ops.person_links as l
    where l.person_key in (
        select m.person_key
        from ops.person_links as m
        where m.cause in ('FUSION', 'SEPARATION', 'OPPOSITION')
            and m.known_from_build > %(closed_build)s and m.known_from_build <= %(build)s
    )
)
"""

_REDEFINED = """
create temporary table redefined on commit drop as
select distinct d.indicator_code
from published.restatement_cells as d
left join {indicators} as i on d.indicator_code = i.indicator_code
where i.definition_hash is distinct from d.definition_hash or %(parameters_hash)s <> ({parameters})
"""

_PERIMETER = """
create temporary table perimeter on commit drop as
select %(perimeter_hash)s <> ({perimeter}) as is_changed
"""

# what a row's own file, people and facts say of its change
_DIRECT = """
create temporary table causes on commit drop as
select
    c.indicator_code, c.source, c.partner_code, c.entities,
    c.was_there and c.is_there as is_both,
    c.differs_by_place,
    g.source is not null as is_regrouped,
    r.indicator_code is not null as is_redefined,
    p.is_changed as has_other_perimeter,
    case
        when g.source is not null and c.was_there and c.is_there and c.has_same_measure
            and (c.has_other_entity or h.is_moved) then 'PERSONNES'
        when not c.is_there and h.is_known is not true and left_since.cause is not null then left_since.cause
        when not c.was_there and h.was_known is not true and a.cause is not null then a.cause
        when h.changed_build is not null and not h.is_moved then (
            select b.cause from build_causes as b
            where b.build_id = h.changed_build
            order by b.partner_code is not distinct from c.partner_code desc, b.rank
            limit 1
        )
        when not c.is_there and c.row_hash is not null and h.row_hash is null then 'EFFACEMENT'
        when not (c.was_there and c.is_there) and r.indicator_code is not null then 'DEFINITION'
        when not (c.was_there and c.is_there) and p.is_changed then 'PERIMETRE'
    end as cause
from changed as c
cross join perimeter as p
left join departures as left_since on c.former_delivery_id = left_since.delivery_id
left join arrivals as a on c.delivery_id = a.delivery_id
left join history as h on c.row_hash = h.row_hash
left join regrouped as g on c.indicator_code = g.indicator_code and c.source = g.source
left join redefined as r on c.indicator_code = r.indicator_code
"""

# a row changed by others (the profile of its person, its company, its territory): by what they changed
_INDIRECT = """
update causes as c
set cause = found.cause
from (
    select
        u.indicator_code, u.source,
        coalesce(
            case when u.is_both and u.is_regrouped then 'PERSONNES' end,
            case when u.is_both and u.differs_by_place and u.has_other_perimeter then 'PERIMETRE' end,
            kin.cause,
            case when u.is_redefined then 'DEFINITION' end,
            (
                select b.cause from build_causes as b
                order by b.partner_code is not distinct from u.partner_code desc, b.rank
                limit 1
            ),
            'DEFINITION'
        ) as cause
    from causes as u
    left join (
        select k.indicator_code, m.source,
            (array_agg(k.cause order by array_position(
                array['PERSONNES', 'CORRECTION', 'REMISE_TARDIVE', 'EFFACEMENT'], k.cause
            )))[1] as cause
        from (
            select d.indicator_code, e.entity_key, d.cause
            from causes as d cross join lateral unnest(d.entities) as e (entity_key)
            where d.cause in ('PERSONNES', 'CORRECTION', 'REMISE_TARDIVE', 'EFFACEMENT')
        ) as k
        inner join (
            select d.indicator_code, d.source, e.entity_key
            from causes as d cross join lateral unnest(d.entities) as e (entity_key)
            where d.cause is null
        ) as m on k.indicator_code = m.indicator_code and k.entity_key = m.entity_key
        group by k.indicator_code, m.source
    ) as kin on u.indicator_code = kin.indicator_code and u.source = kin.source
    where u.cause is null
) as found
where c.indicator_code = found.indicator_code and c.source = found.source
"""

_CLEAR_ROWS = "delete from published.restatement_rows"
_CLEAR_CELLS = "delete from published.restatement_cells"

# the rows of the closing, those changed by the causes applied so far as they are now
_LAY_OUT = """
insert into published.restatement_rows ({columns})
select {columns} from before_rows as b
where not exists (
    select from causes as c
    where c.indicator_code = b.indicator_code and c.source = b.source and c.cause = any(%(applied)s)
)
union all
select {columns} from after_rows as a
where exists (
    select from causes as c
    where c.indicator_code = a.indicator_code and c.source = a.source and c.cause = any(%(applied)s)
)
"""

_REACH = """
update published.restatement_cells as d
set former = d.reached, reached = coalesce(s.value, 0)
from published.restatement_cells as same
left join marts.fct_restatement_steps as s using ({cell})
where d.ctid = same.ctid
"""

_SHARES = """
insert into {restatements} (
    publication_id, closing_id, {cell}, unit, published_value, known_value, difference, cause, share
)
select
    %(publication)s, %(closing_id)s, {cell}, unit, published_value, known_value, known_value - published_value,
    %(cause)s, reached - former
from published.restatement_cells
where reached <> former
"""

# whom an erasure took away: their rows still count, and lead to nobody
_FORGET = """
with gone as materialized (
    select taken.participant_id, 'E' || md5(gen_random_uuid()::text) as token
    from (
        select distinct unnest(e.participant_ids) as participant_id
        from ops.erasures as e
        where e.finished_at is not null
    ) as taken
    where taken.participant_id not in (select p.participant_id from marts.dim_participant as p)
)
update published.closing_rows as r
set entity_key = case when r.entity_key = r.subject_key then gone.token else r.entity_key end, subject_key = gone.token
from gone
where r.subject_key = gone.participant_id
"""

_FORGOTTEN = (
    "update ops.erasures set participant_ids = null where participant_ids is not null and finished_at is not null"
)
