"""What the book shows, read as `lakou_reader` from `pub`: the publication that the closing pins, and nothing later."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

import psycopg
from psycopg.rows import class_row

from ingestion.closing import GRAINS
from ingestion.errors import LakouError
from ingestion.naming import Period

QUARTERS = 8
GRAIN_ORDER = ("month", "quarter", "semester", "year")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Edition:
    """Which figures a book is of.

    Args:
        closing_id: None for a draft.
        publication_id: the publication that the committee saw; the current one for a draft.
        closed_on: None for a draft, as `decision_id` where no decision dates the closing.
    """

    closing_id: str | None
    programme_code: str
    programme_label: str
    period: str
    period_label: str
    period_grain: str
    period_start: dt.date
    period_end: dt.date
    publication_id: int
    build_id: int
    business_date: dt.date
    is_synthetic: bool
    closed_on: dt.date | None
    decision_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One indicator in the period: the programme's own value, its target and its colour. `value` may be None."""

    indicator_code: str
    line_label: str
    label: str
    unit: str
    unit_label: str
    first_grain: str
    reference: str | None
    value: Decimal | None
    value_text: str | None
    state: str | None
    completeness_text: str
    low_text: str | None
    high_text: str | None
    previous: Decimal | None
    previous_state: str | None
    change_reading: str | None
    target_text: str
    due_on: dt.date | None
    target_decision: str | None
    reached_text: str | None
    reached_from: dt.date | None
    rag: str
    rag_reason: str
    is_provisional: bool
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Point:
    """One indicator in one quarter of the trend."""

    indicator_code: str
    period: str
    reference: str
    value: Decimal | None
    value_text: str
    state: str


@dataclass(frozen=True, slots=True)
class Restated:
    """One cause of one closed figure that was known otherwise when the closing's publication came out."""

    closing_id: str
    indicator_code: str
    period_label: str
    unit: str
    published_value: Decimal
    published_text: str
    known_text: str
    difference: Decimal
    cause: str
    cause_label: str
    share: Decimal


@dataclass(frozen=True, slots=True)
class Late:
    """What one partner owed by the end of the period and had not sent, feed by feed."""

    partner_label: str
    feed: str
    deliveries: int
    first_due_on: dt.date


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of the committee, as the publication knew it."""

    decision_id: str
    label: str
    responsible: str
    status: str
    decided_on: dt.date
    due_on: dt.date | None
    done_on: dt.date | None


@dataclass(frozen=True, slots=True)
class Promise:
    """One claim of the programme's document, and where it stands."""

    commitment_id: str
    action_line: str
    nature_label: str
    label: str
    value_text: str
    due: str
    indicator_codes: str
    state_label: str
    stands_on_label: str | None


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What one partner owed for the period, and what became of it."""

    partner_label: str
    due: int
    received: int
    accepted: int
    late: int
    rows_received: int
    rows_accepted: int
    rows_rejected: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Rows of the period that one rule refused to one partner."""

    partner_label: str
    feed: str
    rule_id: str
    rule_label: str
    rows_rejected: int


@dataclass(frozen=True, slots=True)
class Definition:
    """One indicator as it was defined then; `definition_hash` is the SHA-256 of its formula."""

    indicator_code: str
    label: str
    formula: str
    unit_label: str
    date_basis: str
    territory_basis: str
    threshold: str
    definition_hash: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """Figures that the publication kept from an earlier one, and why."""

    indicator_code: str
    kept_from_publication_id: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Contents:
    """All that one book shows."""

    edition: Edition
    figures: tuple[Figure, ...]
    quarters: tuple[tuple[str, str], ...]
    trend: tuple[Point, ...]
    restated: tuple[Restated, ...]
    late: tuple[Late, ...]
    decisions: tuple[Decision, ...]
    promises: tuple[Promise, ...]
    deliveries: tuple[Deliveries, ...]
    refused: tuple[Refused, ...]
    definitions: tuple[Definition, ...]
    withheld: tuple[Withheld, ...]


def read_edition(connection: psycopg.Connection, programme_code: str, period: Period, *, draft: bool) -> Edition:
    """The last closing of a programme for a period; for a draft, the current publication.

    Raises:
        LakouError: nothing is published, no figure of the programme is, the period is not closed, or a draft of it is
            asked for though it is.
    """
    closing = connection.execute(
        "select closing_id, publication_id, closed_on, decision_id, reason from pub.closings"
        " where programme_code = %s and period = %s and is_current",
        [programme_code, period.text],
    ).fetchone()
    if closing is not None and draft:
        raise LakouError(
            f"{programme_code} {period.text} is closed ({closing[0]}): its figures do not move any more",
            f"write its book with `lakou book {programme_code} {period.text}`, without --draft",
        )
    published = connection.execute(
        "select p.publication_id, p.build_id, p.business_date, p.is_synthetic from pub.pinned_publications as p"
        " where p.publication_id = coalesce(%s, (select c.publication_id from pub.publication as c))",
        [closing[1] if closing else None],
    ).fetchone()
    if published is None:
        raise LakouError("nothing is published yet", "run `lakou publish`")
    publication_id, build_id, business_date, is_synthetic = published
    known = [
        code
        for (code,) in connection.execute(
            "select distinct programme_code from pub.pinned_indicator_values where publication_id = %s order by 1",
            [publication_id],
        )
    ]
    if programme_code not in known:
        raise LakouError(
            f"no figure of a programme {programme_code!r} is published",
            f"the programmes with figures are {', '.join(known) or 'none yet'}",
        )
    if closing is None and not draft:
        raise LakouError(
            f"{programme_code} {period.text} is not closed: its figures still move",
            f"close it with `lakou close {programme_code} {period.text}`, or write a provisional book with --draft",
        )
    if period.start > business_date:
        raise LakouError(
            f"{period.text} begins after {business_date}, the day that publication {publication_id} shows",
            "choose a period that has begun",
        )
    labels = connection.execute(
        "select coalesce(min(c.programme_label), %(code)s) from pub.pinned_commitments as c"
        " where c.publication_id = %(publication)s and c.programme_code = %(code)s",
        {"code": programme_code, "publication": publication_id},
    ).fetchone()
    assert labels is not None
    return Edition(
        closing_id=closing[0] if closing else None,
        programme_code=programme_code,
        programme_label=labels[0],
        period=period.text,
        period_label=period.label,
        period_grain=GRAINS[period.end.month - period.start.month + 1],
        period_start=period.start,
        period_end=period.end,
        publication_id=publication_id,
        build_id=build_id,
        business_date=business_date,
        is_synthetic=is_synthetic,
        closed_on=closing[2] if closing else None,
        decision_id=closing[3] if closing else None,
        reason=closing[4] if closing else "",
    )


def read_contents(connection: psycopg.Connection, edition: Edition) -> Contents:
    """All that the book of one edition shows; reads the publication of the edition only."""
    starts = _quarters(edition.period_end)
    given = {
        "programme": edition.programme_code,
        "publication": edition.publication_id,
        "closing": edition.closing_id,
        "grain": edition.period_grain,
        "start": edition.period_start,
        "end": edition.period_end,
        "previous": _previous(edition.period_start, edition.period_grain),
        "quarters": starts,
        "grains": list(GRAIN_ORDER[: GRAIN_ORDER.index(edition.period_grain) + 1]),
    }

    def rows(kind: type[Row], query: str) -> tuple[Row, ...]:
        with connection.cursor(row_factory=class_row(kind)) as cursor:
            return tuple(cursor.execute(query.encode(), given).fetchall())

    labels: dict[dt.date, str] = dict(connection.execute(_QUARTERS, given).fetchall())
    return Contents(
        edition=edition,
        figures=rows(Figure, _FIGURES),
        quarters=tuple((start.isoformat(), labels[start]) for start in starts),
        trend=rows(Point, _TREND),
        restated=rows(Restated, _RESTATED),
        late=rows(Late, _LATE),
        decisions=rows(Decision, _DECISIONS),
        promises=rows(Promise, _PROMISES),
        deliveries=rows(Deliveries, _DELIVERIES),
        refused=rows(Refused, _REFUSED),
        definitions=rows(Definition, _DEFINITIONS),
        withheld=rows(Withheld, _WITHHELD),
    )


def _quarters(until: dt.date) -> list[dt.date]:
    """First days of the last quarters that are over at the end of a day, the earliest first."""
    months = (until + dt.timedelta(days=1)).year * 12 + (until + dt.timedelta(days=1)).month - 1
    first = months // 3 * 3 - 3 * QUARTERS
    return [dt.date((first + 3 * n) // 12, (first + 3 * n) % 12 + 1, 1) for n in range(QUARTERS)]


def _previous(start: dt.date, grain: str) -> dt.date:
    length = next(months for months, name in GRAINS.items() if name == grain)
    months = start.year * 12 + start.month - 1 - length
    return dt.date(months // 12, months % 12 + 1, 1)


_OWN = (
    "v.measure = 'counted' and v.territory_level = 'region' and v.territory_code not in ('NR', 'HORS', 'DIST')"
    " and v.partner_code = 'TOTAL' and v.axis = 'TOTAL' and v.member = 'TOTAL'"
)
_REFERENCE = (
    "pub.value_reference(v.programme_code, v.period_grain, v.period_start, v.indicator_code, v.measure,"
    " v.territory_level, v.territory_code, v.partner_code, v.axis, v.member, v.publication_id)"
)
# a later publication held back whole says so of the one that stays: the committee did not see that
_KEPT = "(%(closing)s::text is null or w.kept_from_publication_id is distinct from w.publication_id)"
_PARTNERS = """(
    select p.partner_code, min(p.label) as label
    from pub.pinned_partners as p
    where p.publication_id = %(publication)s
    group by p.partner_code
)"""


def _here(alias: str) -> str:
    return f"{alias}.publication_id = %(publication)s and {alias}.programme_code = %(programme)s"


# T-06 and T-09, which speak of closings, are not frozen: a closing has no value of them
_FIGURES = f"""
with
shown as (
    select
        v.publication_id, v.programme_code, v.indicator_code, v.measure, v.period_grain, v.period_start,
        v.territory_level, v.territory_code, v.partner_code, v.axis, v.member, v.value, v.unit, v.low, v.high,
        v.completeness, v.state
    from pub.published_values as v
    where v.closing_id = %(closing)s::text and v.period_grain = %(grain)s and v.period_start = %(start)s and {_OWN}
    union all
    select
        v.publication_id, v.programme_code, v.indicator_code, v.measure, v.period_grain, v.period_start,
        v.territory_level, v.territory_code, v.partner_code, v.axis, v.member, v.value, v.unit, v.low, v.high,
        v.completeness, v.state
    from pub.pinned_indicator_values as v
    where
        %(closing)s::text is null and {_here("v")} and v.period_grain = %(grain)s and v.period_start = %(start)s
        and {_OWN}
),

before as (
    select v.indicator_code, v.value, v.state
    from pub.pinned_indicator_values as v
    where {_here("v")} and v.period_grain = %(grain)s and v.period_start = %(previous)s and {_OWN}
),

progress as (
    select distinct on (v.indicator_code) v.*
    from pub.pinned_progress as v
    where
        {_here("v")} and v.period_grain = %(grain)s and v.period_start = %(start)s and {_OWN}
        and v.is_main
    order by v.indicator_code, v.target_key
),

changes as (
    select v.indicator_code, v.reading
    from pub.pinned_survey_changes as v
    where
        {_here("v")} and v.period_grain = %(grain)s and v.period_start = %(start)s
        and v.previous_period_start = %(previous)s and {_OWN}
)

select
    i.indicator_code,
    pub.line_label(split_part(i.indicator_code, '-', 1)) as line_label,
    i.label,
    i.unit,
    pub.unit_label(i.unit) as unit_label,
    coalesce(i.first_grain, 'month') as first_grain,
    case when v.indicator_code is not null then {_REFERENCE} end as reference,
    v.value,
    pub.value_text(v.value, v.unit, v.state) as value_text,
    v.state,
    coalesce(pub.french_number(100 * v.completeness, 0) || U&'\\00A0%%', 'sans objet') as completeness_text,
    case when v.low is not null then pub.value_text(v.low, v.unit, 'MESURE') end as low_text,
    case when v.high is not null then pub.value_text(v.high, v.unit, 'MESURE') end as high_text,
    before.value as previous,
    before.state as previous_state,
    changes.reading as change_reading,
    -- targets are followed by quarter and longer
    case
        when progress.indicator_code is null and %(grain)s = 'month' then 'suivie au trimestre'
        when progress.target is null then 'cible non fixée'
        else pub.value_text(progress.target, v.unit, 'MESURE')
    end as target_text,
    case when progress.target is not null then progress.due_on end as due_on,
    case when progress.target is not null then progress.decision_id end as target_decision,
    case
        when progress.target is not null and progress.actual <> v.value then pub.value_text(progress.actual, v.unit, 'MESURE')
    end as reached_text,
    case when progress.target is not null and progress.actual <> v.value then progress.counted_from end as reached_from,
    coalesce(progress.rag, 'GRIS') as rag,
    case when progress.target is not null then progress.reason else '' end as rag_reason,
    coalesce(progress.rag <> 'GRIS' and progress.is_provisional, false) as is_provisional,
    v.indicator_code is not null and exists (
        select from pub.pinned_withheld as w
        where
            w.publication_id = %(publication)s and w.programme_code in (v.programme_code, 'TOUS')
            and w.indicator_code in (v.indicator_code, 'TOUS') and {_KEPT}
    ) as is_kept
from pub.pinned_indicators as i
left join shown as v on i.indicator_code = v.indicator_code
left join before on i.indicator_code = before.indicator_code
left join progress on i.indicator_code = progress.indicator_code
left join changes on i.indicator_code = changes.indicator_code
where i.publication_id = %(publication)s
order by i.display_order, i.indicator_code
"""

_QUARTERS = """
select q.start, pub.french_period(pub.period_code('quarter', q.start)) from unnest(%(quarters)s::date[]) as q (start)
"""

_TREND = f"""
select
    v.indicator_code,
    v.period_start::text as period,
    {_REFERENCE} as reference,
    v.value,
    pub.value_text(v.value, v.unit, v.state) as value_text,
    v.state
from pub.pinned_indicator_values as v
where
    {_here("v")} and v.period_grain = 'quarter' and v.period_start = any(%(quarters)s::date[])
    and {_OWN}
order by v.indicator_code, v.period_start
"""

_RESTATED = f"""
select
    v.closing_id,
    v.indicator_code,
    pub.french_period(pub.period_code(v.period_grain, v.period_start)) as period_label,
    v.unit,
    v.published_value,
    pub.value_text(v.published_value, v.unit, 'MESURE') as published_text,
    pub.value_text(v.known_value, v.unit, 'MESURE') as known_text,
    v.difference,
    v.cause,
    pub.cause_label(v.cause) as cause_label,
    v.share
from pub.pinned_restatements as v
inner join pub.closings as c on v.closing_id = c.closing_id and c.period_grain = v.period_grain
where {_here("v")} and {_OWN} and c.period_start = v.period_start
order by v.closing_id desc, v.indicator_code, v.period_start, v.cause
"""

_LATE = f"""
select coalesce(k.label, d.partner_code) as partner_label, d.feed, count(*) as deliveries, min(d.due_on) as first_due_on
from pub.pinned_deliveries as d
left join {_PARTNERS} as k on d.partner_code = k.partner_code
where {_here("d")} and d.is_due and not d.is_received and d.period_end <= %(end)s
group by 1, 2
order by 1, 2
"""

_DECISIONS = f"""
select
    coalesce(d.decision_id, '') as decision_id, coalesce(d.label, '') as label, coalesce(d.responsible, '') as responsible,
    d.status, d.decided_on, d.due_on, d.done_on
from pub.pinned_decisions as d
where {_here("d")} and d.known_to_build is null
order by d.decided_on desc, d.decision_id, d.label
"""

_PROMISES = f"""
select
    c.commitment_id, c.action_line, pub.nature_label(c.nature) as nature_label, c.label,
    case
        when c.value is null then 'non chiffrée'
        else
            case when c.operator in ('=', '↑') then '' else coalesce(c.operator || ' ', '') end
            || pub.french_number(c.value, case when c.value = trunc(c.value) then 0 else 2 end)
            || coalesce(U&'\\00A0' || c.unit, '')
    end as value_text,
    case
        when c.starts is not null and c.ends is not null and c.starts <> c.ends then c.starts || ' à ' || c.ends
        else coalesce(c.ends, c.starts, 'non datée')
    end as due,
    coalesce(replace(c.indicator_codes, ';', ', '), '') as indicator_codes,
    pub.promise_state_label(c.state) as state_label,
    pub.stands_on_label(c.stands_on_kind) as stands_on_label
from pub.pinned_commitments as c
where {_here("c")}
order by c.action_line, c.commitment_id
"""

_DELIVERIES = f"""
select
    coalesce(k.label, d.partner_code) as partner_label,
    count(*) filter (where d.is_due) as due,
    count(*) filter (where d.is_received) as received,
    count(*) filter (where d.is_accepted) as accepted,
    count(*) filter (where d.is_late and d.is_received) as late,
    coalesce(sum(d.rows_received), 0)::bigint as rows_received,
    coalesce(sum(d.rows_accepted), 0)::bigint as rows_accepted,
    coalesce(sum(d.rows_rejected), 0)::bigint as rows_rejected
from pub.pinned_deliveries as d
left join {_PARTNERS} as k on d.partner_code = k.partner_code
where {_here("d")} and d.period_start >= %(start)s and d.period_end <= %(end)s
group by 1
order by 1
"""

_REFUSED = f"""
select
    coalesce(k.label, r.partner_code) as partner_label, r.feed, r.rule_id, coalesce(l.rule_label, r.rule_id) as rule_label,
    sum(r.rows_rejected)::bigint as rows_rejected
from pub.pinned_rejections as r
left join {_PARTNERS} as k on r.partner_code = k.partner_code
left join pub.rule_labels as l on r.rule_id = l.rule_id
where
    {_here("r")}
    and r.period in (
        select d.period
        from pub.pinned_deliveries as d
        where {_here("d")} and d.period_start >= %(start)s and d.period_end <= %(end)s
    )
group by 1, 2, 3, 4
order by 5 desc, 1, 2, 3
"""

_DEFINITIONS = """
select
    i.indicator_code, i.label, i.formula, pub.unit_label(i.unit) as unit_label, i.date_basis,
    i.territory_basis, i.threshold, i.definition_hash
from pub.pinned_indicators as i
where i.publication_id = %(publication)s
order by i.display_order, i.indicator_code
"""

_WITHHELD = f"""
select w.indicator_code, w.kept_from_publication_id, w.reason
from pub.pinned_withheld as w
where w.publication_id = %(publication)s and w.programme_code in (%(programme)s, 'TOUS') and {_KEPT}
order by 1, 3
"""
