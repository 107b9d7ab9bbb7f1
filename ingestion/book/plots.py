"""The quarters of one indicator as a small plot: the table beside it says every value, the plot how they go."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import leather
import leather.theme

from ingestion.book.reading import Point
from ingestion.pages import NO_BREAK, number, plural

WIDTH, HEIGHT = 230, 110
INK = "#0b4f8a"
RATIOS = ("ratio", "%")

leather.theme.background_color = "#ffffff"
leather.theme.margin = 0.03
leather.theme.tick_font_family = "Liberation Sans, Arial, sans-serif"
leather.theme.tick_font_size = 9
leather.theme.tick_font_char_height = 9
leather.theme.tick_font_char_width = 5
leather.theme.label_color = "#46525d"
leather.theme.tick_color = "#e3e7ea"
leather.theme.zero_color = "#46525d"


@dataclass(frozen=True, slots=True)
class Plot:
    """An image that a page holds within itself.

    Args:
        source: a `data:` address of SVG, the same for the same points.
        words: what is said in its place.
    """

    source: str
    words: str


def trend_plot(code: str, unit: str, points: Sequence[Point | None], labels: Sequence[str]) -> Plot | None:
    """Bars from zero, one a quarter; where there is none a sign under the axis says why.

    Args:
        code: the indicator's.
        unit: of its values; ratios are drawn in percent.
        points: one a quarter, the oldest first; None where the publication says nothing.
        labels: what each quarter is called, as many as points.

    Returns:
        None where fewer than two quarters have a value.
    """
    quarters = list(zip(points, labels, strict=True))
    shown = [(point.value, point.value_text, label) for point, label in quarters if point and point.value is not None]
    if len(shown) < 2:
        return None
    factor = 100 if unit in RATIOS else 1
    percent = f"{NO_BREAK}%" if unit in RATIOS else ""
    heights = [None if point is None or point.value is None else factor * point.value for point, _ in quarters]
    chart = leather.Chart()
    chart.add_columns(list(zip(labels, heights, strict=True)), fill_color=INK)
    known = [height for height in heights if height is not None]
    # a scale of its own: leather gives none to figures that are all zero
    chart.add_y_scale(min(Decimal(0), *known), max(*known, Decimal(1) if not any(known) else Decimal(0)))
    chart.add_x_axis(tick_formatter=lambda _value, index, _count: _sign(points[index]))
    chart.add_y_axis(tick_formatter=lambda value, _index, _count: f"{number(float(value))}{percent}")
    svg = chart.to_svg(width=WIDTH, height=HEIGHT)
    first, last = shown[0], shown[-1]
    highest = max(shown, key=lambda item: item[0])
    words = (
        f"{code}, barres par trimestre : {first[1]} au {first[2]}, {last[1]} au {last[2]}, le plus haut {highest[1]}"
    )
    words += f" au {highest[2]}"
    if without := len(quarters) - len(shown):
        words += f" ; {plural(without, 'trimestre', 'trimestres')} sans valeur"
    return Plot(f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}", f"{words}.")


def _sign(point: Point | None) -> str:
    """Why a quarter has no bar: the signs of the dashboards."""
    if point is None:
        return "\u00b7"
    if point.state.startswith("SUPPRIME"):
        return "\u00d7"
    if point.value is None:
        return "\u00b7"
    return "" if point.value else "0"
