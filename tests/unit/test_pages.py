"""French as partners read it: numbers, plurals, dates, lists of lines."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import pages


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7.5, "7,5"),
        (7.25, "7,25"),
        (1234, "1 234"),
        (1_234_567.891, "1 234 567,89"),
        (-3, "−3"),
        (-0.001, "0"),
        (100, "100"),
        (1e6, "1 000 000"),
    ],
)
def test_numbers_have_narrow_spaces_and_a_comma(value: float, text: str) -> None:
    assert pages.number(value).replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 ligne"), (1, "1 ligne"), (2, "2 lignes"), (1000, "1\u202f000 lignes")]
)
def test_zero_and_one_are_singular(value: int, text: str) -> None:
    assert pages.plural(value, "ligne", "lignes") == text


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([], ""),
        ([3], "3"),
        ([9, 3], "3 et 9"),
        ([3, 4], "3 à 4"),
        ([12, 7, 8, 9, 3, 3], "3, 7 à 9 et 12"),
        (range(2, 452), "2 à 451"),
        ([12345], "12345"),
    ],
)
def test_lines_are_listed_as_one_would_say_them(lines: list[int], text: str) -> None:
    assert pages.ranges(lines) == text


@given(st.sets(st.integers(1, 500)), st.integers(1, 10))
def test_no_line_is_lost_from_a_list(lines: set[int], shown: int) -> None:
    text = pages.ranges(lines, shown)
    left = int(found[1]) if (found := re.search(r"(\d+) autres?$", text)) else 0
    spans = re.sub(r" et \d+ autres?$", "", text)
    named = {
        line
        for first, last in re.findall(r"(\d+)(?: à (\d+))?", spans)
        for line in range(int(first), int(last or first) + 1)
    }
    assert named <= lines
    assert len(named) + left == len(lines)


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (3, 3, "inchangé"),
        (0, 12, "+12"),
        (100, 112.5, "+12,5 (+12 %)"),
        (25, 12, "−13 (−52 %)"),
        (0, 0, "inchangé"),
        (1000, 1001, "+1 (moins de 1 %)"),
    ],
)
def test_a_change_is_said_with_its_share(before: float, after: float, text: str) -> None:
    assert pages.change(before, after).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("period", "text"),
    [
        ("2026-03", "de mars 2026"),
        ("2026-04", "d'avril 2026"),
        ("2026-08", "d'août 2026"),
        ("2026-10", "d'octobre 2026"),
        ("2026-T1", "du 1er trimestre 2026"),
        ("2026-S2", "du 2e semestre 2026"),
        ("2026", "de l'année 2026"),
    ],
)
def test_periods_are_elided(period: str, text: str) -> None:
    assert pages.of_period(period) == text


def test_dates_and_moments_are_those_of_martinique() -> None:
    assert pages.day(dt.date(2026, 3, 1)) == "1er mars 2026"
    moment = dt.datetime(2026, 10, 5, 2, 5, tzinfo=dt.UTC)
    assert pages.moment(moment) == "4 octobre 2026 à 22 h 05 (heure de Martinique)"
    assert pages.short_moment(moment) == "04/10/2026 22:05"


def test_french_marks_stay_with_their_word() -> None:
    assert pages.spaced("« a » : 5 % ; b ?") == "«\u00a0a\u00a0»\u00a0: 5\u00a0%\u00a0; b\u00a0?"


def test_every_template_is_french_and_loads_nothing() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages.TEMPLATES.glob("*.j2"))
    assert '<html lang="fr">' in text
    assert not re.findall(r"""(?:src|href)=["']https?://|url\(|@import|<script|<link""", text)


@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        *((ink, ground) for ink in ("ink", "soft", "link", "good", "mixed", "bad", "wait", "note") for ground in ("paper", "ground")),
        *((tone, f"{tone}-bg") for tone in ("good", "mixed", "bad", "wait")),
        *(("ink", f"{tone}-bg") for tone in ("good", "mixed", "bad", "wait", "note")),
    ],
)  # fmt: skip
def test_every_text_stands_out_from_its_ground(ink: str, ground: str) -> None:
    css = (pages.TEMPLATES / "page.html.j2").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})\b", css))
    light, dark = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.1."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
