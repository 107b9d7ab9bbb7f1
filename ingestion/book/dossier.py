"""What the one page of the meeting says: what moved and why, what is late and from whom, what to decide, what was decided."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ingestion.book.reading import Contents, Decision, Edition, Figure, Restated
from ingestion.pages import NO_BREAK, agreed, day, number, plural

MOST_MOVED = 5
MOST_RESTATED = 3
MOST_LATE = 4
MOST_DECISIONS = 4
MOST_CODES = 4
# a count below it moves by large shares for nothing
SMALL = 10
# families of the catalogue that say what the programme does; the others say how well it is known or governed
STEERED = ("A", "O", "R", "G")
RATIOS = ("ratio", "%")
# what a colour is called, and its shape: never the colour alone
LIGHTS = {"VERT": ("vert", "●"), "ORANGE": ("orange", "▲"), "ROUGE": ("rouge", "■"), "GRIS": ("gris", "○")}


@dataclass(frozen=True, slots=True)
class Move:
    """How one figure changed since the period before."""

    figure: Figure
    change_text: str


@dataclass(frozen=True, slots=True)
class Retreatment:
    """One closed figure known otherwise, with the share of each cause."""

    closing_id: str
    indicator_code: str
    period_label: str
    published_text: str
    known_text: str
    causes: str


@dataclass(frozen=True, slots=True)
class Lateness:
    """What one partner has not sent."""

    partner_label: str
    deliveries: int
    feeds: str
    first_due_on: dt.date


@dataclass(frozen=True, slots=True)
class Outcome:
    """One decision and what became of it."""

    decision: Decision
    word: str
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class Dossier:
    """The page of the meeting; each list is cut to what one page holds, and `*_left` says how many more there are."""

    moves: tuple[Move, ...]
    moves_left: int
    restated: tuple[Retreatment, ...]
    restated_left: int
    restated_total: int
    late: tuple[Lateness, ...]
    late_left: int
    late_deliveries: int
    proposals: tuple[str, ...]
    last_session_on: dt.date | None
    outcomes: tuple[Outcome, ...]
    outcomes_left: int


def dossier(contents: Contents) -> Dossier:
    """The page of the meeting, from what the book shows."""
    moved = _moved(contents.figures)
    restated = retreatments(contents.restated)
    late = lateness(contents)
    last = _last_session(contents.decisions, contents.edition)
    taken = [
        outcome(decision, contents.edition.business_date)
        for decision in contents.decisions
        if decision.decided_on == last
    ]
    return Dossier(
        moves=tuple(moved[:MOST_MOVED]),
        moves_left=max(0, len(moved) - MOST_MOVED),
        restated=tuple(restated[:MOST_RESTATED]),
        restated_left=max(0, len(restated) - MOST_RESTATED),
        restated_total=len(restated),
        late=tuple(late[:MOST_LATE]),
        late_left=max(0, len(late) - MOST_LATE),
        late_deliveries=sum(item.deliveries for item in late),
        proposals=tuple(_proposals(contents, late, restated)),
        last_session_on=last,
        outcomes=tuple(taken[:MOST_DECISIONS]),
        outcomes_left=max(0, len(taken) - MOST_DECISIONS),
    )


def change_text(figure: Figure) -> str:
    """How a figure changed since the period before: `+12 (+8 %)`, `−1,4 point`, `stable`, or that it cannot be said."""
    if figure.change_reading:
        return figure.change_reading
    if figure.value is None or figure.previous is None:
        return "non comparable"
    difference = figure.value - figure.previous
    provisional = " (provisoire)" if "INCOMPLET" in {figure.state, figure.previous_state} else ""
    if figure.unit in RATIOS:
        points = round(100 * difference, 1)
        return f"{signed(points)} {agreed(abs(int(points)), 'point', 'points')}{provisional}" if points else "stable"
    if not round(difference, 2):
        return "stable"
    share = round(100 * difference / abs(figure.previous)) if figure.previous else None
    beside = f" ({signed(share)}{NO_BREAK}%)" if share else ""
    return f"{signed(round(difference, 2))}{beside}{provisional}"


def signed(value: Decimal | int) -> str:
    """`+12` or `−1,5`."""
    return ("+" if value > 0 else "") + number(float(value))


def retreatments(shares: Iterable[Restated]) -> list[Retreatment]:
    """Closed figures known otherwise, the ones that changed most first, each with the share of its causes."""
    cells: dict[tuple[str, str, str], list[Restated]] = {}
    for share in shares:
        cells.setdefault((share.closing_id, share.indicator_code, share.period_label), []).append(share)
    return [_retreatment(causes) for causes in sorted(cells.values(), key=lambda causes: -_relative(causes[0]))]


def lateness(contents: Contents) -> list[Lateness]:
    """Partners that owe deliveries, the one that owes most first."""
    partners: dict[str, list[tuple[str, int, dt.date]]] = {}
    for item in contents.late:
        partners.setdefault(item.partner_label, []).append((item.feed, item.deliveries, item.first_due_on))
    found = [
        Lateness(label, sum(n for _, n, _ in owed), _codes([feed for feed, _, _ in owed]), min(d for *_, d in owed))
        for label, owed in partners.items()
    ]
    return sorted(found, key=lambda item: (-item.deliveries, item.first_due_on, item.partner_label))


def outcome(decision: Decision, shown_on: dt.date) -> Outcome:
    """What became of a decision by the day that the publication shows."""
    if decision.status == "EXECUTEE":
        done = f"exécutée le {day(decision.done_on)}" if decision.done_on else "exécutée"
        after = decision.done_on and decision.due_on and decision.done_on > decision.due_on
        return Outcome(decision, f"{done}, après l'échéance" if after else done, is_overdue=False)
    if decision.status == "ABANDONNEE":
        return Outcome(decision, "abandonnée", is_overdue=False)
    if decision.due_on is None:
        return Outcome(decision, "ouverte, sans échéance", is_overdue=False)
    if decision.due_on < shown_on:
        late = plural((shown_on - decision.due_on).days, "jour", "jours")
        return Outcome(decision, f"ouverte, en retard de {late} (échéance le {day(decision.due_on)})", is_overdue=True)
    return Outcome(decision, f"ouverte, échéance le {day(decision.due_on)}", is_overdue=False)


def _moved(figures: Sequence[Figure]) -> list[Move]:
    """Figures that moved, the largest relative change first, without small counts and what a survey cannot tell."""
    found = []
    for figure in figures:
        if not figure.indicator_code.startswith(STEERED) or figure.value is None or figure.previous is None:
            continue
        if figure.value == figure.previous or "non significative" in (figure.change_reading or ""):
            continue
        if figure.unit not in RATIOS and max(abs(figure.value), abs(figure.previous)) < SMALL:
            continue
        size = abs(figure.value - figure.previous)
        relative = size / abs(figure.previous) if figure.previous else Decimal("Infinity")
        if (text := change_text(figure)) != "stable":
            found.append((relative, Move(figure, text)))
    # `sorted` is stable: equal changes stay in the order of the catalogue
    return [move for _, move in sorted(found, key=lambda item: -item[0])]


def _retreatment(causes: Sequence[Restated]) -> Retreatment:
    first = causes[0]
    ordered = sorted(causes, key=lambda cause: (-abs(cause.share), cause.cause))
    return Retreatment(
        closing_id=first.closing_id,
        indicator_code=first.indicator_code,
        period_label=first.period_label,
        published_text=first.published_text,
        known_text=first.known_text,
        causes=", ".join(f"{cause.cause_label}{NO_BREAK}: {_share(cause)}" for cause in ordered),
    )


def _relative(share: Restated) -> Decimal:
    """How much a closed figure changed, as a part of itself; from nothing, it is the largest change."""
    if not share.published_value:
        return Decimal("Infinity")
    return abs(share.difference / share.published_value)


def _share(cause: Restated) -> str:
    """A cause's share in the unit of the figure; points for a ratio."""
    amount = round(100 * cause.share, 1) if cause.unit in RATIOS else round(cause.share, 2)
    if not amount:
        least = "0,1 point" if cause.unit in RATIOS else "0,01"
        return f"moins de {least} en {'plus' if cause.share > 0 else 'moins'}"
    return f"{signed(amount)} {agreed(int(abs(amount)), 'point', 'points')}" if cause.unit in RATIOS else signed(amount)


def _last_session(decisions: Iterable[Decision], edition: Edition) -> dt.date | None:
    """The session before the one that the closing is made for."""
    of_closing = {d.decided_on for d in decisions if edition.decision_id and d.decision_id == edition.decision_id}
    until = min(of_closing) if of_closing else edition.business_date + dt.timedelta(days=1)
    return max((d.decided_on for d in decisions if d.decided_on < until), default=None)


def _proposals(contents: Contents, late: Sequence[Lateness], restated: Sequence[Retreatment]) -> list[str]:
    """What the figures ask the committee to decide, by rule."""
    found = []
    measured = [figure for figure in contents.figures if figure.state is not None]
    red = [figure.indicator_code for figure in measured if figure.rag == "ROUGE"]
    if red:
        found.append(
            f"Arrêter ce qui remet sur leur trajectoire {plural(len(red), 'indicateur', 'indicateurs')} en rouge"
            f" ({_codes(red)})."
        )
    amber = [figure.indicator_code for figure in measured if figure.rag == "ORANGE"]
    if amber:
        found.append(f"Examiner {plural(len(amber), 'indicateur', 'indicateurs')} en orange ({_codes(amber)}).")
    without = [figure.indicator_code for figure in measured if figure.target_text == "cible non fixée"]
    if without:
        found.append(
            f"Fixer une cible, ou dire qu'il n'en faut pas, pour {plural(len(without), 'indicateur', 'indicateurs')}"
            f" ({_codes(without)})."
        )
    if late:
        owed = sum(item.deliveries for item in late)
        found.append(
            f"Obtenir {plural(owed, 'remise', 'remises')} en retard de"
            f" {_listed([item.partner_label for item in late], 'partenaire', 'partenaires')}."
        )
    overdue = [
        decision.decision_id
        for decision in contents.decisions
        if outcome(decision, contents.edition.business_date).is_overdue
    ]
    if overdue:
        found.append(
            f"Exécuter, reporter ou abandonner {plural(len(overdue), 'décision échue', 'décisions échues')}"
            f" ({_codes(overdue)})."
        )
    if restated:
        closings = sorted(Counter(item.closing_id for item in restated))
        found.append(
            f"Prendre acte de {plural(len(restated), 'chiffre clos connu', 'chiffres clos connus')} autrement depuis,"
            f" ou clore de nouveau ({_codes(closings)})."
        )
    return found


def _codes(codes: Sequence[str]) -> str:
    left = len(codes) - MOST_CODES
    more = f" et {plural(left, 'autre', 'autres')}" if left > 0 else ""
    return ", ".join(codes[:MOST_CODES]) + more


def _listed(names: Sequence[str], one: str, many: str) -> str:
    if len(names) <= MOST_CODES - 1:
        return " et ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
    return f"{plural(len(names), one, many)}"
