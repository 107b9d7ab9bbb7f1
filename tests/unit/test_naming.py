"""Names of dropped files, as people really write them."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from ingestion.errors import BlockedFile
from ingestion.naming import parse_file_name, parse_period


@pytest.mark.parametrize(
    ("text", "canonical", "label", "start", "end"),
    [
        ("2026-03", "2026-03", "mars 2026", dt.date(2026, 3, 1), dt.date(2026, 3, 31)),
        ("2024-02", "2024-02", "février 2024", dt.date(2024, 2, 1), dt.date(2024, 2, 29)),
        ("2026-t1", "2026-T1", "1er trimestre 2026", dt.date(2026, 1, 1), dt.date(2026, 3, 31)),
        ("2026 T4", "2026-T4", "4e trimestre 2026", dt.date(2026, 10, 1), dt.date(2026, 12, 31)),
        ("2026-S2", "2026-S2", "2e semestre 2026", dt.date(2026, 7, 1), dt.date(2026, 12, 31)),
        ("2026", "2026", "année 2026", dt.date(2026, 1, 1), dt.date(2026, 12, 31)),
    ],
)
def test_a_period_is_read(text: str, canonical: str, label: str, start: dt.date, end: dt.date) -> None:
    period = parse_period(text)
    assert (period.text, period.label, period.start, period.end) == (canonical, label, start, end)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("mars 2026", "2026-03"),
        ("Août 2026", "2026-08"),
        (" 3/2026 ", "2026-03"),
        ("T1 2026", "2026-T1"),
        ("S2-2026", "2026-S2"),
        # what a spreadsheet makes of 2026-03
        ("2026-03-01", "2026-03"),
        ("2026-03-01 00:00:00", "2026-03"),
    ],
)
def test_a_period_is_read_as_people_write_it(text: str, canonical: str) -> None:
    assert parse_period(text).text == canonical


@pytest.mark.parametrize(
    "text", ["2026-03-15", "13/2026", "marsouin 2026", "03/26", "2026-13", "26-03", "2026-T5", "2026-S3", "", "mars"]
)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(BlockedFile) as caught:
        parse_period(text)
    assert caught.value.rule_id == "NOM-INCONNU"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("F02_participations__KABIA__2026-03__v1.csv", ("F02", "KABIA", "2026-03", 1, 0, "csv")),
        ("F01_sessions_formation__EPCI-CENTRE__2026-T1__v12.xlsx", ("F01", "EPCI-CENTRE", "2026-T1", 12, 0, "xlsx")),
        ("F03_certifications__LAB-SUD__2026__v2.rejets3.ods", ("F03", "LAB-SUD", "2026", 2, 3, "ods")),
        ("f02 Participations - kabia - 2026 03 - V1.CSV", ("F02", "KABIA", "2026-03", 1, 0, "csv")),
        ("  F02_Participations__KABIÀ__2026-S1__V1.Xlsx", ("F02", "KABIA", "2026-S1", 1, 0, "xlsx")),
        ("F02_participations__CLUSTER972__2026-03__v1.csv", ("F02", "CLUSTER972", "2026-03", 1, 0, "csv")),
        ("F02__LAB-SUD__2026-03__v1.csv", ("F02", "LAB-SUD", "2026-03", 1, 0, "csv")),
    ],
)
def test_a_name_is_understood(name: str, expected: tuple[str, str, str, int, int, str]) -> None:
    found = parse_file_name(name)
    assert (
        found.feed,
        found.partner_code,
        found.period.text,
        found.version,
        found.part,
        found.extension,
    ) == expected


@pytest.mark.parametrize(
    "name",
    [
        "export.csv",
        "F99_inconnu__KABIA__2026-03__v1.csv",
        "F02_participations__KABIA__2026-03.csv",
        "F02_participations__KABIA__2026-14__v1.csv",
        "F02_participations__CODE-BEAUCOUP-TROP-LONG__2026-03__v1.csv",
    ],
)
def test_an_unknown_name_says_what_is_expected(name: str) -> None:
    with pytest.raises(BlockedFile) as caught:
        parse_file_name(name)
    assert caught.value.rule_id == "NOM-INCONNU"
    assert "F02_participations__VOTRE-CODE__2026-03__v1.csv" in caught.value.remedy
    assert "modeles" in caught.value.remedy


@pytest.mark.parametrize("name", ["F02_participations__KABIA__2026-03__v1.pdf", "F02_participations__KABIA", ".csv~"])
def test_another_format_is_refused(name: str) -> None:
    with pytest.raises(BlockedFile) as caught:
        parse_file_name(name)
    assert caught.value.rule_id == "FORMAT-NON-PRIS"


def test_a_hostile_name_costs_no_time() -> None:
    started = time.perf_counter()
    for stem in ("F02" + "_A" * 98, "F02" + "_-" * 98, "F02_" + "A" * 190, "F02_" + "A-" * 95 + "__2026-03__v1"):
        with pytest.raises(BlockedFile):
            parse_file_name(f"{stem}.csv")
    assert time.perf_counter() - started < 1
