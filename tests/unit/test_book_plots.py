"""The plots of the book: the same bytes, a sign where there is no bar, and words that say the same."""

from base64 import b64decode
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from ingestion.book.plots import Plot, trend_plot
from ingestion.book.reading import Point

LABELS = ["T1 2025", "T2 2025", "T3 2025", "T4 2025", "T1 2026"]
SVG = "{http://www.w3.org/2000/svg}"


def point(value: str | None, state: str = "MESURE") -> Point:
    return Point("A1-01", "2025-01-01", "r", None if value is None else Decimal(value), value or state, state)


def drawing(plot: Plot | None) -> ElementTree.Element:
    assert plot is not None
    return ElementTree.fromstring(b64decode(plot.source.removeprefix("data:image/svg+xml;base64,")))


def test_what_has_no_bar_has_its_sign() -> None:
    points = [point("75"), None, point("0", "ZERO_MESURE"), point(None, "SUPPRIME_K"), point("50")]
    plot = trend_plot("A1-01", "personnes", points, LABELS)
    tree = drawing(plot)
    (columns,) = (group for group in tree.iter(f"{SVG}g") if group.get("class") == "series columns")
    highest, zero, last = (float(bar.get("height", "")) for bar in columns)
    # a measured zero is a bar of no height: it is there
    assert abs(zero) < 1e-9
    assert last / highest == pytest.approx(50 / 75)
    (axis,) = (group for group in tree.iter(f"{SVG}g") if group.get("class") == "axis bottom")
    assert ["".join(text.itertext()) for text in axis.iter(f"{SVG}text")] == ["", "·", "0", "×", ""]
    assert plot is not None
    assert plot.words == (
        "A1-01, barres par trimestre : 75 au T1 2025, 50 au T1 2026, le plus haut 75 au T1 2025 ; 2 trimestres sans valeur."
    )
    assert trend_plot("A1-01", "personnes", points, LABELS) == plot


def test_a_ratio_is_drawn_in_percent_and_a_fall_below_zero_goes_down() -> None:
    ratio = drawing(trend_plot("A1-06", "ratio", [point("0.5"), point("0.9")], LABELS[:2]))
    assert "75\u00a0%" in ["".join(text.itertext()) for text in ratio.iter(f"{SVG}text")]
    negative = drawing(trend_plot("A2-04", "points", [point("-2"), point("3")], LABELS[:2]))
    assert "\u22122" in ["".join(text.itertext()) for text in negative.iter(f"{SVG}text")]
    assert drawing(trend_plot("A4-09", "notes", [point("0"), point("0")], LABELS[:2])) is not None


def test_one_value_is_no_trend() -> None:
    assert trend_plot("A1-01", "personnes", [point("75"), point(None, "NON_REMIS")], LABELS[:2]) is None
