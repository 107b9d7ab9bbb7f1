"""The synthetic twin: nearly three years of partners' files, the same bytes every time, mistakes included."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingestion.contracts import load_contract
from ingestion.demo.committee import steer
from ingestion.demo.companies import work_with_companies
from ingestion.demo.defects import DELIBERATE, make_mistakes
from ingestion.demo.files import Row, Sheet, write_text
from ingestion.demo.habits import style_of
from ingestion.demo.making import (
    BUSINESS_DATE,
    BY_CODE,
    CERTIFIED_ONLY,
    LATER,
    SEED,
    SPEAKERS,
    TRAINEES,
    File,
    Making,
    bounds,
)
from ingestion.demo.network import meet
from ingestion.demo.people import Person, make_people
from ingestion.demo.training import MISSING as UNTRAINED
from ingestion.demo.training import train
from ingestion.demo.workbooks import write_ods, write_template, write_workbook

MISSING = UNTRAINED | {
    ("CAP-CONSEIL", "F07", "2025-12"), ("CLUSTER972", "F09", "2026-T1"), ("LAB-SUD", "F05", "2026-03"),
    ("EPCI-SUD", "F05b", "2025-T3"),
}  # fmt: skip
LATE = {
    ("KABIA", "F01", "2026-03"): dt.date(2026, 5, 12),
    ("KABIA", "F02", "2026-03"): dt.date(2026, 5, 12),
    ("KABIA", "F03", "2026-03"): dt.date(2026, 5, 12),
    # its participations came in time and wait for it, until day 20
    ("LAB-SUD", "F01", "2025-10"): dt.date(2025, 11, 17),
    ("CLUSTER972", "F14", "2025-T3"): dt.date(2025, 11, 20),
    # a year's envelopes are voted at its beginning; in 2025 the first fundings wait for them
    ("FINANCE-MQ", "G05", "2024"): dt.date(2024, 2, 12),
    ("FINANCE-MQ", "G05", "2025"): dt.date(2025, 5, 5),
    ("FINANCE-MQ", "G05", "2026"): dt.date(2026, 2, 9),
}
QUARTER, QUARTER_MONTHS = "2025-T2", ("2025-04", "2025-05", "2025-06")
LACKS_COLUMN = {("EPCI-CENTRE", "F02", "2025-03"): "statut", ("MADININUM", "F03", "2025-02"): "resultat"}
# from then on one workbook a month, made from the template
TEMPLATES_FROM = ("MADININUM", "2026-07")
DAYS_AFTER = {"quarter": 15, "semester": 25, "year": 20, "any": 19}


@dataclass(frozen=True, slots=True)
class Twin:
    """What was made: the tables in the order of their reception, the people in them, and how many times the usual."""

    directory: Path
    files: list[File]
    people: list[Person]
    scale: int = 1

    def drops(self) -> list[list[File]]:
        """The files as they are dropped: tables of one workbook together."""
        return [list(group) for _, group in itertools.groupby(self.files, key=_place)]


def _place(file: File) -> tuple[dt.date, str, str, str]:
    return (file.received_on, file.partner, file.name, stored_name(file))


def generate(directory: Path, scale: int = 1) -> Twin:
    """Write the twin's files under `directory/files/<PARTNER>/` and `directory/manifest.csv`.

    Args:
        scale: how many times the people, sessions, companies and the like.

    Returns:
        The twin, with what each record is worth.
    """
    rng = random.Random(SEED)  # noqa: S311 - reproducible on purpose
    making = Making(rng, make_people((TRAINEES + CERTIFIED_ONLY + SPEAKERS) * scale, rng), scale)
    train(making)
    meet(making)
    work_with_companies(making)
    steer(making)
    make_mistakes(making)
    files = sorted(_files(making), key=lambda file: (*_place(file), file.feed))
    _let_wait(files)
    _leave_out(files)
    twin = Twin(directory, files, making.people, scale)
    write(twin)
    return twin


def personal_values(twin: Twin) -> list[str]:
    """Every e-mail, birth name and first name that a file of the twin holds, as it is written there."""
    values = set(DELIBERATE)
    for row in itertools.chain.from_iterable(file.rows for file in twin.files):
        for column in ("courriel", "nom_naissance", "prenom"):
            text = row.written.get(column, row.cells.get(column, "")).strip()
            if text:
                values.add(text)
    return sorted(values)


# --------------------------------------------------------------------------------------------------------------- files


def _files(making: Making) -> Iterable[File]:
    for (partner, feed, period), rows in making.rows.items():
        key = (partner, feed, period)
        if key in MISSING or (partner == "CLUSTER972" and feed in {"F01", "F02"} and period in QUARTER_MONTHS):
            continue
        file = make_file(key, rows, LATE.get(key) or _comes_on(partner, feed, period))
        yield from _as_it_went(file)
    for feed in ("F01", "F02"):
        rows = [row for month in QUARTER_MONTHS for row in making.rows["CLUSTER972", feed, month]]
        yield make_file(("CLUSTER972", feed, QUARTER), rows, dt.date(2025, 7, 9))
    yield from _wrong_files(making)


def make_file(
    key: tuple[str, str, str], rows: list[Row], received_on: dt.date, *, version: int = 1, part: int = 0
) -> File:
    """A file of that partner, feed and period, under the name that is due to it."""
    partner, feed, period = key
    contract = load_contract(feed)
    suffix = f".rejets{part}" if part else ""
    extension = style_of(*key).extension
    name = f"{feed}_{contract.name}__{partner}__{period}__v{version}{suffix}.{extension}"
    is_template = partner == TEMPLATES_FROM[0] and period >= TEMPLATES_FROM[1] and not part and version == 1
    if is_template:
        name = f"Envoi de {partner} pour {period}.xlsx"
    if key == ("MADININUM", "F02", "2025-03"):
        name = name.lower().replace("__", " __ ")
    return File(partner, feed, name, period, received_on, rows, version, part, is_template=is_template)


def _comes_on(partner: str, feed: str, period: str) -> dt.date:
    grain = load_contract(feed).grain
    days = BY_CODE[partner].delivers_on if grain == "month" else LATER.get(feed, DAYS_AFTER[grain])
    return bounds(period).end + dt.timedelta(days=days)


def _as_it_went(file: File) -> Iterable[File]:
    """The file, and what follows it: a corrected version, the refused rows mended, or a first try that failed."""
    key = file.key
    again = [row.mended or row.copy() for row in file.rows if not row.is_copy]
    if key in LACKS_COLUMN:
        file.blocked, file.without = "COLONNE-MANQUANTE", LACKS_COLUMN[key]
        if file.feed == "F02":
            yield make_file(key, again, file.received_on + dt.timedelta(days=3), version=2)
    elif key == ("CAP-CONSEIL", "F07", "2025-10"):
        file.blocked, file.twice = "COLONNE-DOUBLE", "siren"
        yield make_file(key, again, file.received_on + dt.timedelta(days=2), version=2)
    elif key == ("LAB-SUD", "F03", "2025-09"):
        file.blocked, file.content, file.rows = "FICHIER-VIDE", b"", []
    elif key == ("FORMACARIB", "F03", "2026-02"):
        file.blocked, file.content, file.rows = "FICHIER-ILLISIBLE", b"PK\x03\x04" + bytes(range(256)) * 8, []
        yield make_file(key, again, file.received_on + dt.timedelta(days=2), version=2)
    elif key in {("KABIA", "F02", "2025-12"), ("MADININUM", "F02", "2026-05"), ("INSTITUT-SONDE", "F12", "2025")}:
        mended = [row.mended for row in file.rows if row.state == "refused" and row.mended is not None]
        yield make_file(key, mended, file.received_on + dt.timedelta(days=6), part=1)
    elif key in _REVISED:
        yield from _revised(file, again)
    yield file


_REVISED = {
    ("FORMACARIB", "F02", "2025-04"), ("MADININUM", "F01", "2026-01"), ("LAB-SUD", "F03", "2026-03"),
    ("CAP-CONSEIL", "F07", "2026-03"), ("FORMACARIB", "F02", "2026-08"),
}  # fmt: skip


def _revised(file: File, again: list[Row]) -> Iterable[File]:
    """A second version that says something else."""
    key = file.key
    if key == ("FORMACARIB", "F02", "2025-04"):
        del again[5:7]
        done = next(row for row in again if row.cells["statut"] == "TERMINE" and row.cells["duree_suivie_h"] != "1")
        done.cells["duree_suivie_h"] = "1"
        yield make_file(key, again, dt.date(2025, 6, 5), version=2)
    elif key == ("MADININUM", "F01", "2026-01"):
        for row in again:
            row.cells["secteur_cible"] = "SANTE"
        first_again = [row.copy() for row in file.rows]
        yield make_file(key, again, dt.date(2026, 2, 20), version=2)
        older = make_file(key, first_again[:-1], dt.date(2026, 3, 2))
        older.blocked = "VERSION-ANCIENNE"
        yield older
    elif key == ("LAB-SUD", "F03", "2026-03"):
        changed = next(row for row in again if row.cells["resultat"] == "OBTENU")
        changed.cells |= {"resultat": "ECHEC", "date_obtention": ""}
        yield make_file(key, again, dt.date(2026, 5, 20), version=2)
    elif key == ("CAP-CONSEIL", "F07", "2026-03"):
        for row in again:
            row.cells["secteur_strategique"] = "AUTRE"
        yield make_file(key, again, dt.date(2026, 5, 18), version=2)
    else:
        # half of the month is gone: a person has to say whether that is right
        held = make_file(key, again[: len(again) // 2], dt.date(2026, 11, 12), version=2)
        held.is_held = True
        yield held


def _wrong_files(making: Making) -> Iterable[File]:
    """Files that are refused as a whole, beside those that were expected."""
    rows = making.rows
    unreadable: list[tuple[str, str, dt.date, str, bytes]] = [
        ("LAB-SUD", "liste des inscrits mars.csv", dt.date(2025, 4, 6), "NOM-INCONNU", b"nom,session\nmars,1\n"),
        ("KABIA", "F99_inscriptions__KABIA__2025-06__v1.csv", dt.date(2025, 7, 4), "NOM-INCONNU", b"nom;session\r\n"),
        (
            "EPCI-CENTRE",
            "F02_participations__EPCI-CENTRE__2025-10__v1.pdf",
            dt.date(2025, 11, 9),
            "FORMAT-NON-PRIS",
            b"%PDF-1.4\n",
        ),
    ]
    for partner, name, day, rule_id, content in unreadable:
        yield File(partner, "", name, "", day, [], blocked=rule_id, content=content)
    # partner, the code and the period that the name says, the day, the rule and the rows
    misplaced: list[tuple[str, tuple[str, str, str], dt.date, str, list[Row]]] = [
        (
            "KABIA",
            ("FORMACARIB", "F01", "2025-05"),
            dt.date(2025, 6, 4),
            "PARTENAIRE-DIFFERENT",
            rows["FORMACARIB", "F01", "2025-05"],
        ),
        (
            "CLUSTER972",
            ("CLUSTER972", "F03", "2025-11"),
            dt.date(2025, 12, 9),
            "FLUX-NON-PREVU",
            rows["LAB-SUD", "F03", "2025-11"],
        ),
        (
            "CLUSTER972",
            ("CLUSTER972", "F02", "2025-05"),
            dt.date(2025, 7, 15),
            "PERIODE-CHEVAUCHE",
            rows["CLUSTER972", "F02", "2025-05"],
        ),
        ("FORMACARIB", ("FORMACARIB", "F01", "2027-01"), dt.date(2026, 11, 4), "PERIODE-FUTURE", []),
        # its account has no convention yet
        (
            "EPCI-SUD",
            ("EPCI-SUD", "F02", "2026-02"),
            dt.date(2026, 3, 9),
            "CLE-ABSENTE-CONVENTION",
            rows["EPCI-CENTRE", "F02", "2026-02"][:6],
        ),
    ]
    for partner, (named, feed, period), day, rule_id, copied in misplaced:
        extension = style_of(partner, feed, period).extension
        name = f"{feed}_{load_contract(feed).name}__{named}__{period}__v1.{extension}"
        yield File(partner, feed, name, period, day, [row.copy() for row in copied], blocked=rule_id)


def _let_wait(files: Sequence[File]) -> None:
    """Rows about something unknown wait on where their last day has not come."""
    for file in files:
        if file.blocked:
            continue
        end = bounds(file.period).end
        last = max((end + dt.timedelta(days=1)).replace(day=20), file.received_on + dt.timedelta(days=20))
        if last < BUSINESS_DATE:
            continue
        for row in file.rows:
            if [rule_id for _, rule_id in row.rules] == ["REFERENCE-INCONNUE"]:
                row.rules, row.state = (), "awaiting"


def _leave_out(files: Sequence[File]) -> None:
    """What a file has no column for counts nowhere."""
    for file in (file for file in files if file.feed and not file.is_template):
        for row in file.rows:
            for said in filter(None, (row, row.mended)):
                said.cells |= dict.fromkeys(style_of(*file.key).leaves_out & said.cells.keys(), "")


# --------------------------------------------------------------------------------------------------------------- bytes


def write(twin: Twin) -> None:
    """Write the files of a twin and its manifest; sets the line of each record."""
    for partner in BY_CODE:
        (twin.directory / "files" / partner).mkdir(parents=True, exist_ok=True)
    for tables in twin.drops():
        path = twin.directory / "files" / tables[0].partner / stored_name(tables[0])
        path.write_bytes(_bytes(tables))
    with (twin.directory / "manifest.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["partner", "file", "stored_as", "received_at"])
        writer.writerows(
            [file.partner, file.name, stored_name(file), file.received_at.strftime("%Y-%m-%dT%H:%M:%SZ")]
            for file, *_ in twin.drops()
        )


def _bytes(tables: Sequence[File]) -> bytes:
    first = tables[0]
    if first.content is not None:
        return first.content
    sheets = [Sheet(file.feed, file.rows, file.without, file.twice) for file in tables]
    if first.is_template:
        return write_template(sheets, first.partner, first.period, first.version)
    style = style_of(*first.key)
    if style.extension == "xlsx":
        return write_workbook(sheets, style)
    return write_ods(sheets[0], style) if style.extension == "ods" else write_text(sheets[0], style)


def stored_name(file: File) -> str:
    """Name under `files/`: the drop's, save for a name that comes twice."""
    return f"{file.name}.2" if file.blocked == "VERSION-ANCIENNE" else file.name
