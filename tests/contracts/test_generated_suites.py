"""The suites of the raw boundary, made from the contracts: good rows pass, and each way of being wrong holds its delivery."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import sql

from expectations.runner import Finding, _context, _inspect, inspect_loads
from ingestion.contracts import Contract, load_contract, load_contracts
from ingestion.database import connect
from ingestion.settings import Settings

GOOD, BAD = "bonne", "mauvaise"
KEY = {f"person_key_{number}": f"{number}" * 64 for number in (1, 2, 3)}


def canonical(contract: Contract) -> dict[str, str]:
    """A row of the raw table as judging writes it."""
    row = {}
    for name in contract.raw_columns:
        if name in KEY:
            row[name] = KEY[name]
        elif name == "_hmac_key_id":
            row[name] = "cle-1"
        elif name == "_object_partner_code":
            row[name] = "KABIA"
        elif name == "tranche_age" and contract.has_people:
            row[name] = "30-44"
        else:
            column = contract.column(name)
            example = {"OUI": "true", "NON": "false"}.get(column.example, column.example)
            row[name] = "a" * 64 if column.is_token else example
    return row


def load(settings: Settings, feed: str, delivery: str, rows: list[dict[str, str | None]], announced: int = -1) -> int:
    """Write rows as one load of a delivery; returns its number."""
    contract = load_contract(feed)
    with connect(settings, "lakou_admin") as connection:
        connection.execute(
            "insert into ops.partners (partner_code, name, kind, programme_code, feeds)"
            " values ('KABIA', 'Kabia', 'OF', 'MQ', '{}') on conflict do nothing"
        )
        connection.execute(
            "insert into ops.deliveries (delivery_id, feed, partner_code, file_name, sha256, size_bytes, received_at)"
            " values (%s, %s, 'KABIA', 'f', '0', 1, now())",
            [f"{feed}-{delivery}", feed],
        )
        number = connection.execute(
            "insert into ops.loads (delivery_id, kind, rows_accepted) values (%s, 'LIVRAISON', %s) returning load_id",
            [f"{feed}-{delivery}", len(rows) if announced < 0 else announced],
        ).fetchone()
        assert number is not None
        for index, row in enumerate(rows):
            values = {**row, "_row_number": index + 2, "_row_hash": "h", "_load_id": number[0]}
            values["_delivery_id"] = f"{feed}-{delivery}"
            connection.execute(
                sql.SQL("insert into {} ({}) values ({})").format(
                    sql.Identifier("raw", contract.raw_table),
                    sql.SQL(", ").join(map(sql.Identifier, values)),
                    sql.SQL(", ").join(sql.Placeholder() * len(values)),
                ),
                list(values.values()),
            )
    return int(number[0])


@pytest.fixture
def loads(clean: Settings) -> Iterator[Settings]:
    yield clean
    with connect(clean, "lakou_admin") as connection:
        for contract in load_contracts().values():
            connection.execute(sql.SQL("truncate {}").format(sql.Identifier("raw", contract.raw_table)))


def test_rows_as_judged_pass_every_suite(loads: Settings) -> None:
    numbers = [load(loads, feed, GOOD, [dict(canonical(contract))]) for feed, contract in load_contracts().items()]
    assert inspect_loads(loads, numbers) == {}
    with connect(loads) as connection:
        kept = connection.execute(
            "select count(distinct subject), bool_and(success), count(*) from ops.quality_results where boundary = 'BRUT'"
        ).fetchone()
    assert kept is not None
    assert kept[:2] == (21, True)
    assert kept[2] > 200


# feed, column, what is written there, what the finding is called
WRONG: list[tuple[str, str, str | None, str]] = [
    ("F05", "siren", None, "expect_column_values_to_not_be_null(siren)"),
    ("F05", "taille_effectif", "01/09/2026", "expect_column_values_to_be_in_set(taille_effectif)"),
    ("F05", "entreprise_individuelle", "OUI", "expect_column_values_to_be_in_set(entreprise_individuelle)"),
    ("F05", "date_diagnostic", "20/10/2025", "expect_column_values_to_match_regex(date_diagnostic)"),
    ("F05", "naf", "6201ZZ", "texts_have_their_length"),
    ("F05", "parcours_id", "a.b@exemple.fr", "no_mail_address"),
    ("F04", "date_reponse", "2026-03-05", "expect_column_values_to_match_regex(date_reponse)"),
    ("F04", "jeton_participant", "jean.dupont", "expect_column_values_to_match_regex(jeton_participant)"),
    ("F04", "jeton_participant", "abc", "tokens_are_whole"),
    ("F04", "note_satisfaction", "6", "numbers_are_within_bounds"),
    ("F04", "note_satisfaction", "3,5", "expect_column_values_to_match_regex(note_satisfaction)"),
    ("F06", "valeur_avant", "0", "numbers_are_within_bounds"),
    ("F12", "vague", "26", "numbers_are_within_bounds"),
    ("F13", "montant_vote", "-1", "numbers_are_within_bounds"),
    ("F09", "person_key_1", "Dupont", "expect_column_values_to_match_regex(person_key_1)"),
    ("F09", "person_key_2", "abc", "a_row_is_somebody"),
    ("F09", "_hmac_key_id", None, "expect_column_values_to_not_be_null(_hmac_key_id)"),
]


def found(settings: Settings, feed: str, numbers: list[int], retired: tuple[str, ...] = ()) -> dict[str, Finding]:
    """Findings that do not hold, by name."""
    with _context(settings, "lakou_dbt", "essai", "raw") as context:
        findings = _inspect(context, load_contract(feed), numbers, retired)
    return {finding.expectation: finding for finding in findings if not finding.success}


@pytest.mark.parametrize("feed", list(dict.fromkeys(feed for feed, *_ in WRONG)))
def test_each_wrong_value_is_found_with_its_delivery_only(loads: Settings, feed: str) -> None:
    good = canonical(load_contract(feed))
    numbers = [load(loads, feed, GOOD, [dict(good)])]
    expected = {}
    for index, (_, column, value, name) in enumerate(item for item in WRONG if item[0] == feed):
        numbers.append(load(loads, feed, f"{BAD}{index}", [{**good, column: value}]))
        expected.setdefault(name, set()).add(f"{feed}-{BAD}{index}")
    failed = found(loads, feed, numbers)
    for name, deliveries in expected.items():
        assert failed[name].guilty >= deliveries, name
        assert failed[name].severity == "critical"
        assert not failed[name].details["errors"]
    assert not any(f"{feed}-{GOOD}" in finding.guilty for finding in failed.values())


def test_rows_that_are_not_looked_at_hold_nothing(loads: Settings) -> None:
    good = canonical(load_contract("F05"))
    numbers = [load(loads, "F05", GOOD, [dict(good)])]
    load(loads, "F05", BAD, [{**good, "siren": None}])
    assert found(loads, "F05", numbers) == {}


def test_a_repeated_key_and_lost_rows_are_found(loads: Settings) -> None:
    good = canonical(load_contract("F09"))
    other = {**good, "person_key_2": None}
    numbers = [
        load(loads, "F09", GOOD, [dict(good), dict(other), {**good, "role": "AUTRE"}, {**good, "date_seance": None}]),
        # the same person, role and session in another delivery is another matter
        load(loads, "F09", "autre", [dict(good)]),
        load(loads, "F09", BAD, [dict(good), {**good, "domaine": "Autre"}]),
        load(
            loads, "F09", "nulles", [{**good, "date_seance": None}, {**good, "date_seance": None, "domaine": "Autre"}]
        ),
        load(loads, "F09", "perdue", [dict(good)], announced=2),
    ]
    failed = found(loads, "F09", numbers)
    assert set(failed) == {"the_key_is_not_repeated", "rows_are_those_of_the_load"}
    assert failed["the_key_is_not_repeated"].guilty == {f"F09-{BAD}", "F09-nulles"}
    assert failed["rows_are_those_of_the_load"].guilty == {"F09-perdue"}


def test_somebody_is_missing(loads: Settings) -> None:
    good = canonical(load_contract("F03"))
    numbers = [
        load(loads, "F03", GOOD, [{**good, "person_key_1": None}]),
        load(loads, "F03", BAD, [{**good, "person_key_1": None, "person_key_2": None}]),
    ]
    assert {name: finding.guilty for name, finding in found(loads, "F03", numbers).items()} == {
        "a_row_is_somebody": {f"F03-{BAD}"}
    }


def test_a_profile_that_nobody_gives_is_only_a_warning(loads: Settings) -> None:
    good = canonical(load_contract("F02"))
    rows = [{**good, "objet_id": f"S-{index}", "sexe": None} for index in range(3)]
    failed = found(loads, "F02", [load(loads, "F02", BAD, [dict(row) for row in rows])])
    warnings = [finding for finding in failed.values() if finding.severity == "warning"]
    assert [finding.description for finding in warnings] == [
        "le profil est renseigné pour la moitié des lignes au moins"
    ]


def test_a_column_that_nobody_asked_for_is_found(loads: Settings) -> None:
    number = load(loads, "F15", GOOD, [dict(canonical(load_contract("F15")))])
    with connect(loads, "lakou_admin") as connection:
        connection.execute("alter table raw.f15_modules_labels add column nom text")
    try:
        assert list(found(loads, "F15", [number])) == ["expect_table_columns_to_match_set"]
        assert found(loads, "F15", [number], retired=("nom",)) == {}
    finally:
        with connect(loads, "lakou_admin") as connection:
            connection.execute("alter table raw.f15_modules_labels drop column nom")


def test_more_wrong_deliveries_than_are_listed_are_all_held(loads: Settings) -> None:
    good = canonical(load_contract("F05"))
    first = load(loads, "F05", GOOD, [{**good, "parcours_id": "a.b@exemple.fr"}])
    with connect(loads, "lakou_admin") as connection:
        connection.execute(
            "insert into ops.deliveries (delivery_id, feed, partner_code, file_name, sha256, size_bytes, received_at)"
            " select 'F05-' || i, 'F05', 'KABIA', 'f', '0', 1, now() from generate_series(1, 250) as i"
        )
        connection.execute(
            "insert into ops.loads (delivery_id, kind, rows_accepted)"
            " select 'F05-' || i, 'LIVRAISON', 1 from generate_series(1, 250) as i"
        )
        columns = ", ".join(load_contract("F05").raw_columns)
        connection.execute(
            f"insert into raw.f05_parcours_entreprises ({columns}, _load_id, _delivery_id, _row_number, _row_hash)"
            f" select {columns}, load_id, l.delivery_id, 2, 'h' from raw.f05_parcours_entreprises as r"
            " cross join ops.loads as l where l.load_id > %s".encode(),
            [first],
        )
        numbers = [number for (number,) in connection.execute("select load_id from ops.loads").fetchall()]
    held = inspect_loads(loads, numbers)
    assert len(held) == 251
    assert all("adresse électronique" in reason for reason in held.values())
