"""The demonstration's twin: the same bytes each time, every kind of mistake, and a truth that holds together."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from ingestion.contracts import load_contracts
from ingestion.demo.habits import HABITS, OCCASIONS, STYLES
from ingestion.demo.in_force import files_in_force, rows_in_force
from ingestion.demo.making import BUSINESS_DATE, PARTNERS, File, bounds, expected_slots
from ingestion.demo.people import plain
from ingestion.demo.resending import reordered, resent, without_defects
from ingestion.demo.truth import indicator_values, write_truth
from ingestion.demo.truth_cells import KEYS, catalogue, members
from ingestion.demo.truth_links import linked
from ingestion.demo.truth_people import participations
from ingestion.demo.twin import LATE, MISSING, Twin, generate, personal_values, stored_name
from ingestion.settings import CHECKOUT

FILE_RULES = {
    "NOM-INCONNU", "PARTENAIRE-DIFFERENT", "FLUX-NON-PREVU", "PERIODE-CHEVAUCHE", "PERIODE-FUTURE", "VERSION-ANCIENNE",
    "FORMAT-NON-PRIS", "FICHIER-VIDE", "FICHIER-ILLISIBLE", "COLONNE-MANQUANTE", "COLONNE-DOUBLE",
    "CLE-ABSENTE-CONVENTION",
}  # fmt: skip
ROW_RULES = {
    "OBLIGATOIRE", "TYPE-DATE", "TYPE-DATE-HEURE", "TYPE-DECIMAL", "TYPE-ENTIER", "TYPE-BOOLEEN", "BORNES", "LONGUEUR",
    "LISTE", "MOTIF", "SIREN", "NAF", "PAYS", "EPCI", "DISPOSITIF", "INDICATEUR-INCONNU", "JETON-COURRIEL",
    "COMMUNE-PERIMETRE", "COMMUNE-COG", "CODE-POSTAL", "ORDRE-DATES", "PERSONNE-INCONNUE", "AGE-MINIMUM", "PROGRAMME",
    "ACTION-INCONNUE", "DOUBLON", "CLE-CONTRADICTOIRE", "ENREGISTREMENT-TRONQUE", "DUREE-EXCESSIVE",
    "REFERENCE-INCONNUE", "DATE-AVANT-PROGRAMME", "DATE-OBJET", "PLAFOND-COLONNE", "IDENTIQUES", "SOMME-QUOTES-PARTS",
    "VALEUR-TABLEUR", "FORMULE-SANS-VALEUR",
}  # fmt: skip


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    return generate(tmp_path_factory.mktemp("twin"))


@pytest.fixture(scope="module")
def values(twin: Twin) -> pl.DataFrame:
    return indicator_values(twin)


@pytest.fixture(scope="module")
def rejected(twin: Twin) -> list[dict[str, str]]:
    write_truth(twin)
    with (twin.directory / "truth" / "rejected_rows.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def digests(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def one(values: pl.DataFrame, **where: str) -> dict[str, str]:
    everything = {
        "measure": "counted", "territory_level": "region", "partner_code": "TOTAL", "axis": "TOTAL", "member": "TOTAL",
    }  # fmt: skip
    cells = values
    for name, value in (everything | where).items():
        cells = cells.filter(pl.col(name).cast(pl.String) == value)
    assert cells.height == 1
    return cells.row(0, named=True)


def ratio_of(cell: dict[str, str]) -> tuple[Decimal, Decimal]:
    return Decimal(cell["numerator"]), Decimal(cell["denominator"])


# ------------------------------------------------------------------------------------------------------------- files


def test_two_generations_are_the_same_bytes(twin: Twin, tmp_path: Path) -> None:
    write_truth(twin)
    write_truth(generate(tmp_path))
    assert digests(tmp_path) == digests(twin.directory)


def test_a_file_a_partner_feed_and_period_save_what_is_missing(twin: Twin) -> None:
    assert 800 <= len(twin.files) <= 900
    first = {file.key for file in twin.files if file.part == 0}
    due = {(slot.partner, slot.feed, slot.period) for slot in expected_slots() if slot.end < BUSINESS_DATE}
    quarter = {("CLUSTER972", feed, month) for feed in ("F01", "F02") for month in ("2025-04", "2025-05", "2025-06")}
    assert due - first - quarter == MISSING
    assert {file.feed for file in twin.files} == {*load_contracts(), ""}


def test_files_come_in_order_and_before_the_business_date(twin: Twin) -> None:
    moments = [file.received_at for file in twin.files]
    assert moments == sorted(moments)
    assert max(moments).date() <= BUSINESS_DATE
    for file in twin.files:
        if file.period and file.blocked != "PERIODE-FUTURE":
            assert file.received_on > bounds(file.period).end or file.key in LATE


def test_the_manifest_names_every_file(twin: Twin) -> None:
    with (twin.directory / "manifest.csv").open(encoding="utf-8", newline="") as text:
        manifest = list(csv.DictReader(text))
    assert [(row["partner"], row["file"]) for row in manifest] == [
        (file.partner, file.name) for file, *_ in twin.drops()
    ]
    assert all((twin.directory / "files" / row["partner"] / row["stored_as"]).is_file() for row in manifest)
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["received_at"]) for row in manifest)


def test_each_partner_writes_in_its_own_way(twin: Twin) -> None:
    def first(partner: str, feed: str = "F02") -> bytes:
        file = next(file for file in twin.files if file.partner == partner and file.feed == feed and file.rows)
        return (twin.directory / "files" / partner / stored_name(file)).read_bytes()

    assert first("FORMACARIB").startswith(b"PK")
    assert first("EPCI-CENTRE").startswith(b"PK")
    assert first("KABIA").startswith(b"\xef\xbb\xbf")
    assert b",SESSION," in first("LAB-SUD") or first("LAB-SUD").startswith(b"programme_code,")
    assert re.search(r"\d,\d", first("MADININUM").decode("cp1252"))
    assert re.search(r"\d{2}/\d{2}/\d{4}", first("MADININUM").decode("cp1252"))
    with pytest.raises(UnicodeDecodeError):
        first("CLUSTER972").decode("utf-8")
    assert "Identifiant de l'objet;" in first("CLUSTER972").decode("cp1252")
    assert first("EPCI-SUD", "F05b")[30:38] == b"mimetype"
    assert first("FEDERATION972", "F11").decode("utf-16").startswith("programme_code\taction_id")
    assert first("CLUSTER972", "F05").startswith(b"sep=;\r\n")
    assert b"\nTOTAL;" in first("FINANCE-MQ", "F13")
    assert "\u00a0" in first("FINANCE-MQ", "F13").decode("cp1252")
    assert "25,0\u00a0%" in first("LAB-SUD", "F10").decode("utf-8")


def test_a_template_filled_in_carries_three_feeds(twin: Twin) -> None:
    import openpyxl

    tables = next(tables for tables in twin.drops() if tables[0].is_template)
    assert [file.feed for file in tables] == ["F01", "F02", "F03"]
    book = openpyxl.load_workbook(twin.directory / "files" / "MADININUM" / stored_name(tables[0]))
    assert book.sheetnames[0] == "Envoi"
    assert [cell.value for cell in book["Envoi"]["B"]] == ["MADININUM", "2026-07", "1"]
    for sheet, file in zip(book.worksheets[1:], tables, strict=True):
        assert sheet["A1"].value == f"lakou:{file.feed}:{load_contracts()[file.feed].version}"
        assert sheet.row_dimensions[1].hidden
        assert sheet.max_row == max(row.line for row in file.rows)


def test_lines_are_those_of_a_text_editor(twin: Twin) -> None:
    file = next(file for file in twin.files if file.partner == "KABIA" and file.feed == "F02" and file.rows)
    path = twin.directory / "files" / "KABIA" / stored_name(file)
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    for row in file.rows:
        assert row.cells["objet_id"] in lines[row.line - 1]


# ------------------------------------------------------------------------------------------------------------ people


def test_people_are_about_twelve_hundred_and_hardly_ever_in_doubt(twin: Twin) -> None:
    rows = [(file, row) for file in twin.files for row in file.rows if row.person >= 0 and row.state == "accepted"]
    assert 1_200 <= len({row.person for _, row in rows}) <= 1_400
    owners: dict[str, set[int]] = {}
    addresses: dict[str, set[int]] = {}
    alone: set[str] = set()
    for _, row in rows:
        mail, parts = (
            row.cells["courriel"],
            [row.cells[name] for name in ("nom_naissance", "prenom", "annee_naissance")],
        )
        if all(parts):
            owners.setdefault("|".join(map(plain, parts[:2])) + parts[2], set()).add(row.person)
        else:
            alone.add(mail)
        if mail:
            addresses.setdefault(mail, set()).add(row.person)
    homonyms = [people for people in owners.values() if len(people) > 1]
    assert len(homonyms) == 1, "one name, first name and year is one person, save the two that the rules ask about"
    assert len({twin.people[number].commune for number in homonyms[0]}) == 2
    shared = {mail: people for mail, people in addresses.items() if len(people) > 1}
    assert shared, "relatives share an address"
    assert not set(shared) & alone, "a shared address alone says nobody"
    same_first_name = []
    for people in shared.values():
        first_names = {plain(twin.people[number].first_name) for number in people}
        if len(first_names) == len(people):
            continue
        assert len(first_names) == 1, "their first names tell them apart, or none does"
        same_first_name.append(len(people))
    assert sorted(same_first_name) == [2, 5], "two that are one to the rules, five that are a crowd"


def test_the_rules_join_and_part_the_hard_cases(twin: Twin) -> None:
    in_force = files_in_force(twin.files)
    pairs = {
        (before.person, after.person)
        for was, now in zip(in_force, linked(in_force), strict=True)
        for before, after in zip(was.rows, now.rows, strict=True)
        if before.state == "accepted" and was.feed in {"F02", "F03", "F09"}
    }
    people = Counter(after for _, after in pairs)
    numbers = Counter(before for before, _ in pairs)
    assert [number for number in people.values() if number > 1] == [2], "one pair is one person to the rules"
    assert max(numbers.values()) == 1, "nobody is two"


def test_some_are_known_by_their_address_some_by_their_name_some_by_both(twin: Twin) -> None:
    kinds: dict[int, set[str]] = {}
    for row in (row for file in twin.files for row in file.rows if row.person >= 0 and row.state == "accepted"):
        mail, name = bool(row.cells["courriel"]), bool(row.cells["nom_naissance"])
        kinds.setdefault(row.person, set()).add("both" if mail and name else "mail" if mail else "name")
    counts = Counter(frozenset(kind) for kind in kinds.values())
    for kind in ({"mail"}, {"name"}, {"both"}, {"both", "mail"}, {"both", "name"}):
        assert counts[frozenset(kind)] > 10, kind
    assert frozenset({"mail", "name"}) not in counts, "nothing would join these"


def test_a_first_entry_is_never_a_draw(twin: Twin) -> None:
    held = [row for row in participations(files_in_force(twin.files)) if row.kind == "SESSION"]
    profiles: dict[tuple[int, dt.date], set[tuple[str, ...]]] = {}
    for row in held:
        if row.is_participant:
            said = [row.cells[name] for name in ("sexe", "statut_pro", "niveau_diplome", "code_commune_residence")]
            profiles.setdefault((row.person, row.on), set()).add((row.age, *said))
    assert all(len(said) == 1 for said in profiles.values())
    speakers = {row.person for row in held if not row.is_participant}
    assert speakers
    assert not speakers & {person for person, _ in profiles}


def test_personal_values_are_unlike_anything_else(twin: Twin) -> None:
    personal = personal_values(twin)
    assert len(personal) > 1_000
    names = [value for value in personal if "@" not in value]
    assert all(len(plain(name)) >= 6 for name in names)
    mails = [value for value in personal if "@" in value]
    assert all(mail.endswith((".test", "@example.org", "@example.com", ".example.com")) for mail in mails)
    folders = (
        CHECKOUT / "dbt_project" / "seeds",
        CHECKOUT / "ingestion" / "feeds",
        CHECKOUT / "ingestion" / "reference",
    )
    texts = [
        path.read_text(encoding="utf-8").lower() for folder in folders for path in folder.rglob("*.*") if path.is_file()
    ]
    assert not [name for name in names if any(name.lower() in text for text in texts)]


# ---------------------------------------------------------------------------------------------------------- mistakes


def test_every_kind_of_mistake_is_there(rejected: list[dict[str, str]]) -> None:
    blocked = {row["rule_id"] for row in rejected if row["severity"] == "BLOQUE"}
    refused = {row["rule_id"] for row in rejected if row["severity"] == "REFUSE"}
    assert blocked == FILE_RULES
    assert refused == ROW_RULES
    rows = {(row["file_name"], row["row_number"]) for row in rejected if row["severity"] == "REFUSE"}
    assert 120 <= len(rows) <= 160
    assert max(Counter((row["file_name"], row["row_number"]) for row in rejected).values()) == 2, (
        "a row breaks two rules"
    )


def test_refused_rows_are_told_once_with_a_line(twin: Twin, rejected: list[dict[str, str]]) -> None:
    keys = [tuple(row.values()) for row in rejected]
    assert len(set(keys)) == len(keys)
    assert all((row["row_number"] == "0") == (row["severity"] == "BLOQUE") for row in rejected)
    for row in rejected:
        assert int(row["row_number"]) != 1, "line 1 is the header"
    refused = sum(row.state == "refused" for file in twin.files if not file.blocked for row in file.rows)
    assert refused == len({(row["file_name"], row["row_number"]) for row in rejected if row["severity"] == "REFUSE"})


def test_what_is_refused_says_why_and_nothing_else_does(twin: Twin) -> None:
    for row in (row for file in twin.files for row in file.rows):
        assert bool(row.rules) == (row.state == "refused")


def test_a_doublon_repeats_a_row_to_the_letter_and_a_contradiction_does_not(twin: Twin) -> None:
    for file in (file for file in twin.files if not file.blocked):
        for row in file.rows:
            same = [
                other
                for other in file.rows
                if other is not row and other.cells == row.cells and other.written == row.written
            ]
            assert bool(same) == (row.rules == (("", "DOUBLON"),)) or any(
                other.rules == (("", "DOUBLON"),) for other in same
            )


def test_versions_corrections_and_nil_reports(twin: Twin) -> None:
    second = {file.key for file in twin.files if file.version == 2}
    assert len(second) == 8
    for key in second:
        versions = {file.version: file for file in twin.files if file.key == key and not file.blocked}
        if 1 in versions:
            assert [row.cells for row in versions[1].rows] != [row.cells for row in versions[2].rows]
            # a change above 30 % of 20 rows or more is held until a person releases it
            before = len(versions[1].rows)
            is_small = before < 20 or abs(len(versions[2].rows) - before) / before < 0.3
            assert is_small != versions[2].is_held
    assert [file.key for file in twin.files if file.is_held] == [("FORMACARIB", "F02", "2026-08")]
    assert {(file.partner, file.part) for file in twin.files if file.part} == {
        ("KABIA", 1), ("MADININUM", 1), ("INSTITUT-SONDE", 1),
    }  # fmt: skip
    nil = [file for file in twin.files if not file.rows and not file.blocked]
    assert {("KABIA", "F03", "2025-08"), ("EPCI-CENTRE", "F01", "2026-08"), ("EPCI-CENTRE", "F02", "2026-08")} <= {
        file.key for file in nil
    }
    for file in nil:
        assert (twin.directory / "files" / file.partner / stored_name(file)).stat().st_size > 0


def test_accepted_rows_are_about_what_was_declared(twin: Twin) -> None:
    in_force = files_in_force(twin.files)
    contracts = load_contracts()
    known = {
        feed: {row.cells[contract.identifier] for _, row in rows_in_force(in_force, feed)}
        for feed, contract in contracts.items()
        if contract.identifier
    }
    counts: Counter[str] = Counter()
    for feed, contract in contracts.items():
        for column in (column for column in contract.columns if column.references):
            assert column.references is not None
            feeds = dict(column.references.feeds)
            for _, row in rows_in_force(in_force, feed):
                value = row.cells.get(column.name)
                if value:
                    by = column.references.by
                    target = feeds[row.cells[by] or contract.column(by).default or ""] if by else feeds[""]
                    assert value in known[target], (feed, column.name, value)
                    counts[f"{feed} {target}"] += 1
    assert set(counts) == {
        "F02 F01", "F02 F08", "F02 F11", "F03 F01", "F04 F01", "F06 F05", "F13 G05", "F13 F05b", "G01 G03", "G02 G04",
    }  # fmt: skip


def test_shares_and_weights_are_whole(twin: Twin) -> None:
    projects: dict[tuple[str, str], list[Decimal]] = {}
    for file in (file for file in twin.files if file.feed == "F10"):
        for row in file.rows:
            if not row.rules:
                projects.setdefault((file.period, row.cells["projet_id"]), []).append(Decimal(row.cells["quote_part"]))
    assert projects
    assert all(sum(shares) == 1 for shares in projects.values())
    for file in (file for file in twin.files if file.feed == "F12" and not file.part):
        weights = sum(Decimal(row.cells["poids"]) for row in file.rows if not row.rules)
        assert abs(weights - 300_000) <= 3_000


# ------------------------------------------------------------------------------------------------- mended, in another order


def test_what_is_mended_and_sent_again_makes_up_for_every_mistake(twin: Twin) -> None:
    again, clean = indicator_values(resent(twin)), indicator_values(without_defects(twin))
    assert not again.equals(clean), "what was refused at first counts among the rows received"
    # what was refused at first was refused all the same: in time or not, rows, hours until mended, people matched
    of_rows = pl.col("indicator_code").is_in(["T-02", "T-03", "T-04", "T-05"])
    assert again.filter(~of_rows).equals(clean.filter(~of_rows))
    assert not again.filter(~of_rows).equals(indicator_values(twin).filter(~of_rows))
    assert not [row for file in without_defects(twin).files if not file.blocked for row in file.rows if row.rules]


def test_another_order_holds_every_file_once_and_newer_versions_after_older_ones(twin: Twin) -> None:
    import random

    batches = reordered(twin, random.Random(5), 3)
    files = [file for batch in batches for file in batch]
    assert sorted(map(id, files)) == sorted(id(file) for file, *_ in twin.drops())
    assert [file.received_at for file in files] != sorted(file.received_at for file in files)
    for batch in batches:
        names = [(file.partner, file.name) for file in batch]
        assert len(set(names)) == len(names), "a name is there once at a time"
    for key in {file.key for file in files if file.version == 2}:
        assert [f.version for f in files if f.key == key and f.blocked != "VERSION-ANCIENNE"] == [1, 2]


def test_a_larger_twin_has_the_same_shape(twin: Twin, tmp_path: Path) -> None:
    larger = generate(tmp_path, 3)
    assert [file.key for file in larger.files] == [file.key for file in twin.files]
    rows = [sum(len(file.rows) for file in made.files) for made in (twin, larger)]
    assert 2.5 < rows[1] / rows[0] < 3.2
    assert [file.blocked for file in larger.files] == [file.blocked for file in twin.files]
    assert Counter(rule for file in larger.files for row in file.rows for rule in row.rules) >= Counter(
        rule for file in twin.files for row in file.rows for rule in row.rules
    )
    truth_of_larger = indicator_values(larger)
    assert truth_of_larger.height == indicator_values(twin).height


# ------------------------------------------------------------------------------------------------------------- truth


def test_cells_are_dense_and_unique(values: pl.DataFrame) -> None:
    key = ["indicator_code", *KEYS]
    assert values.select(key).is_duplicated().sum() == 0
    periods = values.group_by("period_grain").agg(pl.col("period_start").n_unique())
    assert dict(periods.iter_rows()) == {"month": 35, "quarter": 12, "semester": 6, "year": 3}
    since = {"month": 35 + 12 + 6 + 3, "quarter": 12 + 6 + 3, "semester": 6 + 3, "year": 3}
    territories = {"commune": 34, "epci": 3, "region": 1}
    by_indicator = dict(values.group_by("indicator_code").len().iter_rows())
    assert set(by_indicator) >= {indicator.code for indicator in catalogue()} - {"T-06", "T-09"}
    for indicator in catalogue():
        if indicator.code not in by_indicator:
            continue
        places = {
            level: territories[level] + (len(indicator.special) if level != "region" else 0)
            for level in indicator.levels
        }
        # what adds up over people or projects is also shared out between the partners
        by_partner = len(PARTNERS) * (1 + indicator.is_attributed) if indicator.by_partner else 0
        by_member = sum(len(members()[axis]) for axis in indicator.axes)
        margins = sum(places.values()) + by_partner + by_member * (places.get("epci", 0) + places["region"])
        assert by_indicator[indicator.code] == margins * since[indicator.first_grain], indicator.code


def test_every_state_that_the_demonstration_shows(values: pl.DataFrame) -> None:
    states = Counter(values["state"])
    for state in ("MESURE", "ZERO_MESURE", "NON_REMIS", "INCOMPLET", "SUPPRIME_K", "NON_APPLICABLE"):
        assert states[state] > 0, state
    assert set(states) == {"MESURE", "ZERO_MESURE", "NON_REMIS", "INCOMPLET", "SUPPRIME_K", "NON_APPLICABLE"}


def test_a_suppressed_cell_shows_no_figure(values: pl.DataFrame) -> None:
    hidden = values.filter(pl.col("state") == "SUPPRIME_K")
    for name in ("value", "numerator", "denominator", "n"):
        assert hidden[name].null_count() == hidden.height
    secret = {indicator.code: indicator.smallest for indicator in catalogue() if indicator.secrecy != "none"}
    for code, smallest in secret.items():
        shown = values.filter((pl.col("state") != "SUPPRIME_K") & (pl.col("indicator_code") == code))
        assert shown.filter((pl.col("n") > 0) & (pl.col("n") < smallest)).is_empty(), code
    assert {"A1-01", "A2-01", "A3-02", "A5-02b", "R-02"} <= set(hidden["indicator_code"]) <= set(secret)


def test_trained_people_counted_by_hand(twin: Twin, values: pl.DataFrame) -> None:
    """Quarter 3 of 2025: who finished with two hours or more, straight from the files' rows."""
    in_force = {}
    for file in twin.files:
        if file.feed == "F02" and not file.blocked and not file.is_held:
            in_force.setdefault((file.partner, file.period), {}).setdefault(file.version, []).append(file)
    ends = {
        (file.partner, row.cells["session_id"]): row.cells["date_fin"]
        for file in twin.files
        if file.feed == "F01" and not file.blocked
        for row in file.rows
        if row.state == "accepted"
    }
    anybody = {session: end for (_, session), end in ends.items()}
    people: dict[str, set[int]] = {}
    for versions in in_force.values():
        for file in versions[max(versions)]:
            for row in file.rows:
                cells = row.cells
                if row.state != "accepted" or cells["statut"] != "TERMINE" or float(cells["duree_suivie_h"]) < 2:
                    continue
                if cells["objet_type"] in {"EVENEMENT", "ACTION"}:
                    continue
                end = ends.get((file.partner, cells["objet_id"]), anybody[cells["objet_id"]])
                if (
                    "2025-07-01" <= (cells["date_fin_suivi"] or end) <= "2025-09-30"
                    and cells.get("role") != "ANIMATEUR"
                ):
                    people.setdefault(file.partner, set()).add(row.person)
    where = {"indicator_code": "A1-01", "period_grain": "quarter", "period_start": "2025-07-01"}
    total = set().union(*people.values())
    assert int(one(values, **where)["value"]) == len(total)
    assert len(people) == 6
    for partner, known in people.items():
        cell = one(values, **where, measure="contributed", partner_code=partner)
        assert cell["state"] == "SUPPRIME_K" if len(known) < 11 else int(cell["value"]) == len(known)
    assert len(total) < sum(map(len, people.values())), "people go to several partners"


def test_hours_add_up_over_partners(values: pl.DataFrame) -> None:
    hours = values.filter((pl.col("indicator_code") == "A1-05") & (pl.col("period_grain") == "year"))
    for start in ("2025-01-01", "2026-01-01"):
        partners = hours.filter(
            (pl.col("measure") == "contributed") & (pl.col("period_start").cast(pl.String) == start)
        )
        assert partners.height == len(PARTNERS)
        trainers = partners["value"].drop_nulls().to_list()
        # the federation delivers participations, and none of them in a session
        assert len(trainers) == 7
        total = one(hours, period_start=start)["value"]
        assert sum(map(Decimal, trainers)) == Decimal(total) > 0


def test_sums_over_communes_never_exceed_the_region(values: pl.DataFrame) -> None:
    for code in ("A1-01", "A1-02", "A1-05"):
        for level in ("commune", "epci"):
            parts = (
                values.filter(
                    (pl.col("indicator_code") == code)
                    & (pl.col("territory_level") == level)
                    & (pl.col("axis") == "TOTAL")
                )
                .group_by("period_grain", "period_start")
                .agg(pl.col("value").cast(pl.Float64).sum().alias("parts"))
            )
            region = values.filter(
                (pl.col("indicator_code") == code)
                & (pl.col("territory_level") == "region")
                & (pl.col("axis") == "TOTAL")
                & (pl.col("measure") == "counted")
                & (pl.col("state") != "SUPPRIME_K")
            )
            both = region.join(parts, on=["period_grain", "period_start"])
            assert both.filter(pl.col("parts") > pl.col("value").cast(pl.Float64) + 1e-9).is_empty()


def test_a_year_is_not_the_sum_of_its_months_for_people(values: pl.DataFrame) -> None:
    months = values.filter(
        (pl.col("indicator_code") == "A1-01")
        & (pl.col("period_grain") == "month")
        & (pl.col("period_start").dt.year() == 2025)
        & (pl.col("territory_level") == "region")
        & (pl.col("measure") == "counted")
        & (pl.col("axis") == "TOTAL")
    )
    year = one(values, indicator_code="A1-01", period_grain="year", period_start="2025-01-01")
    assert sum(map(int, months["value"].drop_nulls())) > int(year["value"])


def test_ratios_are_what_their_sums_say(values: pl.DataFrame) -> None:
    factors = {indicator.code: indicator.factor for indicator in catalogue()}
    ratios = values.filter(pl.col("denominator").is_not_null() & pl.col("value").is_not_null())
    assert ratios.height > 1_000
    for cell in ratios.sample(400, seed=1).iter_rows(named=True):
        exact = Decimal(cell["numerator"]) / Decimal(cell["denominator"]) * factors[cell["indicator_code"]]
        # what is divided is itself shown to six decimals
        assert abs(Decimal(cell["value"]) - exact) <= Decimal("0.000001")
        assert re.fullmatch(r"-?\d+\.\d{6}", cell["value"])


def test_deliveries_and_rows_counted_by_hand(twin: Twin, values: pl.DataFrame) -> None:
    month = {"period_grain": "month", "period_start": "2026-04-01"}
    completeness = one(values, indicator_code="T-01", **month)
    assert (ratio_of(completeness), completeness["state"]) == ((30, 31), "INCOMPLET")
    nothing = one(values, indicator_code="T-01", **month, axis="FLUX", member="F03", measure="counted")
    assert nothing["value"] == "0.750000"
    rows = one(values, indicator_code="T-03", period_grain="month", period_start="2025-01-01")
    starting = {"2025-01", "2025-T1", "2025-S1", "2025"}
    files = [file for file in twin.files if file.period in starting and not file.blocked]
    taken = sum(row.state == "accepted" for file in files for row in file.rows)
    assert ratio_of(rows) == (taken, sum(len(file.rows) for file in files))
    running = one(values, indicator_code="T-01", period_grain="month", period_start="2026-11-01")
    assert (running["state"], running["value"], running["completeness"]) == ("NON_REMIS", None, "0.000000")


def test_zero_missing_and_not_applicable_are_three_things(values: pl.DataFrame) -> None:
    def certified(partner: str, month: str) -> dict[str, str]:
        return one(
            values, indicator_code="A1-02", period_grain="month", period_start=f"{month}-01", measure="contributed",
            partner_code=partner,
        )  # fmt: skip

    assert certified("KABIA", "2025-08")["state"] in {"ZERO_MESURE", "SUPPRIME_K"}
    missing = certified("MADININUM", "2026-04")
    assert missing["state"] in {"NON_REMIS", "SUPPRIME_K"}
    never = certified("CLUSTER972", "2025-01")
    assert (never["state"], never["value"], never["completeness"]) == ("NON_APPLICABLE", None, None)
    empty = one(
        values, indicator_code="A1-01", period_grain="month", period_start="2025-08-01", measure="contributed",
        partner_code="CLUSTER972",
    )  # fmt: skip
    assert (empty["state"], empty["value"], empty["completeness"]) == ("NON_REMIS", None, "0.000000")


def test_all_styles_belong_to_a_partner() -> None:
    feeds = {partner.code: set(partner.feeds) for partner in PARTNERS}
    assert set(STYLES) == set(feeds)
    assert all(feed in feeds[partner] for partner, feed, *_ in (*HABITS, *OCCASIONS))


def test_a_file_blocked_counts_for_no_expected_delivery(twin: Twin, values: pl.DataFrame) -> None:
    blocked: list[File] = [
        file for file in twin.files if (file.partner, file.feed, file.period) == ("LAB-SUD", "F03", "2025-09")
    ]
    assert [file.blocked for file in blocked] == ["FICHIER-VIDE"]
    cell = one(
        values, indicator_code="T-01", period_grain="month", period_start="2025-09-01", measure="contributed",
        partner_code="LAB-SUD",
    )  # fmt: skip
    assert ratio_of(cell) == (3, 4)
    refused = one(
        values, indicator_code="T-01", period_grain="month", period_start="2025-05-01", measure="contributed",
        partner_code="LAB-SUD",
    )  # fmt: skip
    assert ratio_of(refused) == (3, 4), "every row of that file is refused"
