"""How the book is laid out: indicators by line of action, promises by line of the document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingestion.book.plots import Plot, trend_plot
from ingestion.book.reading import GRAIN_ORDER, Contents, Figure, Point, Promise

GRAIN_WORDS = {"month": "au mois", "quarter": "au trimestre", "semester": "au semestre", "year": "à l'année"}


@dataclass(frozen=True, slots=True)
class TrendLine:
    """One indicator over the quarters of the trend; a quarter without a value is None, and so is a plot of too few."""

    figure: Figure
    points: tuple[Point | None, ...]
    plot: Plot | None


@dataclass(frozen=True, slots=True)
class Section:
    """One line of action, or one family of the catalogue.

    Args:
        code: `A1`, `O`… ; anchors are made of it.
        document_label: what the programme's document calls this line of action; empty where it names none.
        is_action: a line of action, which begins on a page of its own.
        figures: what has a value or a state in the period.
        trend: indicators of which some quarter has a value or a state.
        later: by grain, indicators that a longer period measures.
        silent: indicators that the publication says nothing of.
    """

    code: str
    title: str
    document_label: str
    is_action: bool
    figures: tuple[Figure, ...]
    trend: tuple[TrendLine, ...]
    later: tuple[tuple[str, tuple[Figure, ...]], ...]
    silent: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class PromiseGroup:
    """The claims of one line of the programme's document."""

    title: str
    promises: tuple[Promise, ...]


def sections(contents: Contents) -> tuple[Section, ...]:
    """The sections that have something to say, in the order of the catalogue."""
    families: dict[str, list[Figure]] = {}
    for figure in contents.figures:
        families.setdefault(figure.indicator_code.split("-", 1)[0], []).append(figure)
    labels = _document_labels(contents)
    found = [_section(code, figures, labels.get(code, ""), contents) for code, figures in families.items()]
    return tuple(section for section in found if section.figures or section.trend)


def promise_groups(promises: Iterable[Promise]) -> tuple[PromiseGroup, ...]:
    """Claims by line of the document, in the order of reading."""
    groups: dict[str, list[Promise]] = {}
    for promise in promises:
        groups.setdefault(promise.action_line, []).append(promise)
    return tuple(PromiseGroup(title[:1].upper() + title[1:], tuple(group)) for title, group in groups.items())


def _section(code: str, figures: Sequence[Figure], document_label: str, contents: Contents) -> Section:
    grain = GRAIN_ORDER.index(contents.edition.period_grain)
    points = {(point.indicator_code, point.period): point for point in contents.trend}
    labels = [label for _, label in contents.quarters]
    lines = []
    for figure in figures:
        quarters = tuple(points.get((figure.indicator_code, period)) for period, _ in contents.quarters)
        lines.append(TrendLine(figure, quarters, trend_plot(figure.indicator_code, figure.unit, quarters, labels)))
    silent = [figure for figure in figures if figure.state is None]
    later = {
        name: tuple(figure for figure in silent if figure.first_grain == name) for name in GRAIN_ORDER[grain + 1 :]
    }
    return Section(
        code=code,
        title=figures[0].line_label,
        document_label=document_label,
        is_action=code.startswith("A"),
        figures=tuple(figure for figure in figures if figure.state is not None),
        trend=tuple(line for line in lines if any(line.points)),
        later=tuple((GRAIN_WORDS[name], group) for name, group in later.items() if group),
        silent=tuple(figure for figure in silent if figure.first_grain not in later),
    )


def _document_labels(contents: Contents) -> dict[str, str]:
    """Lines of action in the words of the programme's document."""
    prefix = f"{contents.edition.programme_code}-"
    return {
        promise.commitment_id.removeprefix(prefix): promise.label
        for promise in contents.promises
        if promise.commitment_id.startswith(f"{prefix}A") and "." not in promise.commitment_id
    }
