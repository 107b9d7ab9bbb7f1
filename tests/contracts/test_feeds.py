"""The contracts hold what partners were told to send (`tests/fixtures/flux_partenaires.csv`), and are valid Table Schemas.

The fixture is the programme's own table of the 21 feeds: columns, obligations, rules and sensitivity, as agreed.
"""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import frictionless
import polars as pl
import pytest
import yaml

from ingestion.contracts import (
    ANY,
    FEEDS,
    PERSON,
    Contract,
    Measure,
    Reference,
    check_references,
    feed_order,
    load_contract,
    load_contracts,
    order_by_references,
    read_contract,
)
from ingestion.errors import ConfigurationError
from ingestion.judging import Context, Judgement, judge_file, references_of
from ingestion.naming import parse_period
from ingestion.pseudonyms import Pseudonymiser
from ingestion.settings import CHECKOUT
from ingestion.territory import (
    load_cog,
    load_communes,
    load_countries,
    load_epcis,
    load_funding_schemes,
    load_indicator_codes,
    load_programmes,
)

PEOPLE = ("courriel", "nom_naissance", "prenom", "annee_naissance")
TYPES = {
    "entier": "integer",
    "décimal": "number",
    "date": "date",
    "date-heure": "datetime",
    "bool": "boolean",
    "AAAA": "integer",
}
GRAINS = {
    "mensuelle": "month",
    "continue": "month",
    "trimestrielle": "quarter",
    "semestrielle": "semester",
    "annuelle": "year",
    "par comité": "any",
    "au besoin": "any",
}
# what the table leaves open: a default makes an obligatory column one that may be left empty
HAS_DEFAULT = {("F02", "objet_type")}
# `sauf` and `avant`, as conditions on the values that they leave
CONDITIONS = {
    ("F01", "code_commune"): (("modalite", ("ATELIER", "HYBRIDE")),),
    ("F02", "duree_suivie_h"): (("statut", ("TERMINE",)),),
    # the modality is the session's: a rule across feeds
    ("F02", "date_fin_suivi"): (),
    ("F03", "date_obtention"): (("resultat", ("OBTENU",)),),
    ("F04", "note_satisfaction"): (("type", ("CHAUD",)),),
    ("F04", "utilise_ia_travail"): (("type", ("FROID",)),),
    ("F05", "date_orientation"): (("oriente_par_epci", (ANY,)),),
    ("F05b", "cas_usage_id"): (("phase", ("EXPERIMENTER", "DEPLOYER")),),
    ("F05b", "bilan"): (("phase", ("EXPERIMENTER",)),),
    ("F05b", "commune_origine"): (("phase", ("DEPLOYER",)),),
    ("F07", "echeance"): (("action_fr_id", (ANY,)),),
    ("F07", "statut"): (("action_fr_id", (ANY,)),),
    ("F07", "date_realisation"): (("statut", ("REALISEE",)),),
    ("F07", "date_lancement_projet"): (("projet_ia_id", (ANY,)),),
    # no column says whether an event is held in a place
    ("F08", "code_commune"): (),
    ("F09", "date_seance"): (("binome_id", (ANY,)),),
    ("F10", "date_lancement"): (("etat", ("LANCE", "LIVRE")),),
    ("F10", "date_livraison"): (("etat", ("LIVRE",)),),
    ("F11", "code_commune"): (("type", ("SESSION",)),),
    ("F15", "date_label"): (("label_qualite", ("true",)),),
    ("G01", "date_livraison"): (("etat", ("LIVRE",)),),
    ("G02", "base"): (("type_cible", ("RELATIVE",)),),
    ("G02", "date_base"): (("base", (ANY,)),),
    ("G04", "date_execution"): (("statut", ("EXECUTEE",)),),
}
REFERENCES = {
    ("F02", "objet_id"): Reference((("SESSION", "F01"), ("EVENEMENT", "F08"), ("ACTION", "F11")), "objet_type"),
    ("F03", "session_id"): Reference((("", "F01"),)),
    ("F04", "session_id"): Reference((("", "F01"),)),
    ("F06", "parcours_id"): Reference((("", "F05"),)),
    ("F13", "enveloppe_id"): Reference((("", "G05"),)),
    ("F13", "cas_usage_id"): Reference((("", "F05b"),)),
    ("G01", "preuve_id"): Reference((("", "G03"),)),
    ("G02", "decision_id"): Reference((("", "G04"),)),
}


@lru_cache(maxsize=1)
def agreed() -> dict[str, list[dict[str, str]]]:
    """Rows of the table of feeds, by feed."""
    feeds: dict[str, list[dict[str, str]]] = {}
    with (CHECKOUT / "tests" / "fixtures" / "flux_partenaires.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            feeds.setdefault(row["flux"], []).append(row)
    return feeds


def columns() -> list[tuple[str, dict[str, str]]]:
    return [(feed, row) for feed, rows in agreed().items() for row in rows]


def test_the_feeds_are_those_agreed() -> None:
    assert len(load_contracts()) == 21
    assert list(load_contracts()) == list(agreed())
    for feed, contract in load_contracts().items():
        first = agreed()[feed][0]
        assert contract.raw_table == f"{feed.lower()}_{first['fichier']}"
        cadence, _, due = first["frequence"].partition(", J+")
        assert contract.grain == GRAINS[cadence]
        assert contract.cadence == cadence
        assert contract.due_days == (int(due) if due else {"continue": 10, "annuelle": 30}.get(cadence))


@pytest.mark.parametrize("feed", list(agreed()))
def test_the_columns_are_those_agreed(feed: str) -> None:
    contract = load_contract(feed)
    assert [column.name for column in contract.columns] == [row["colonne"] for row in agreed()[feed]]


@pytest.mark.parametrize("feed", list(agreed()))
def test_the_key_is_the_one_agreed(feed: str) -> None:
    contract = load_contract(feed)
    told = re.sub(r"[\[\]]", "", agreed()[feed][0]["cle"]).split(",")
    key = [name.strip() for name in told if name.strip() != "partenaire_id"]
    # a target's version is the decision that fixes it
    assert list(contract.key) == ["decision_id" if name == "version" else name for name in key]
    may_be_empty = {
        name
        for name in contract.key
        if name != PERSON and not contract.column(name).required and not contract.column(name).default
    }
    assert set(contract.optional_key) == may_be_empty


@pytest.mark.parametrize(("feed", "row"), columns(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_column_is_as_agreed(feed: str, row: dict[str, str]) -> None:
    column = load_contract(feed).column(row["colonne"])
    kind = row["type"]
    if kind.startswith("enum"):
        values = kind.removeprefix("enum ")
        for short, long in (("0..8", "0|1|2|3|4|5|6|7|8"), ("1..5", "1|2|3|4|5")):
            values = values.replace(short, long)
        assert list(column.enum) == values.split("|")
        assert column.type == "string"
    else:
        assert column.type == TYPES.get(kind.split("(")[0], "string")
        length = re.search(r"(?:texte|hex)\(([0-9]+)\)", kind)
        assert length is None or column.max_length == int(length[1])
    is_optional = row["obligatoire"] != "O" or (feed, column.name) in HAS_DEFAULT
    assert column.required is not is_optional
    condition = CONDITIONS.get((feed, column.name))
    assert (condition is not None) is row["obligatoire"].startswith(("O si", "O sauf", "O avant"))
    assert column.required_when == (condition or ())
    assert (column.name in PEOPLE and "person" in column.checks) is (row["obligatoire"] == "O*")
    assert column.references == REFERENCES.get((feed, column.name))
    assert column.is_secret is row["sensibilite"].startswith("SA")


def test_the_rules_agreed_are_in_the_contracts() -> None:
    """Each rule of the table that is one of a kind: its column and the property that says it."""
    rules: list[tuple[str, str, str, object]] = [
        ("F01", "date_debut", "checks", ("programme_start", "period")),
        ("F01", "date_fin", "not_before", "date_debut"),
        ("F01", "date_proposition", "not_after", "date_debut"),
        ("F03", "date_obtention", "not_before", "date_presentation"),
        ("F05", "siret_etab", "checks", ("siret",)),
        ("F05", "siret_fournisseur", "checks", ("siret",)),
        ("F05", "naf", "checks", ("naf",)),
        ("F05", "oriente_par_epci", "checks", ("epci",)),
        ("F05", "date_arret", "not_before", "date_deploiement"),
        ("F05b", "date_fin_test", "not_before", "date_phase"),
        ("F05b", "commune_origine", "differs_from", "code_commune"),
        ("F05b", "agents_formes", "minimum", 0),
        ("F06", "valeur_avant", "exclusive_minimum", 0),
        ("F06", "valeur_apres", "minimum", 0),
        ("F07", "poids", "exclusive_minimum", 0),
        ("F07", "poids", "default", "1"),
        ("F07", "echeance", "not_before", "date_remise"),
        ("F08", "date_proposition", "not_after", "date"),
        ("F08", "organisateurs", "checks", ("siren_list",)),
        ("F09", "date_sortie", "not_before", "date_adhesion"),
        ("F10", "pays", "checks", ("country",)),
        ("F11", "url_livrable", "checks", ("url",)),
        ("F12", "poids", "exclusive_minimum", 0),
        ("F12", "code_epci", "checks", ("epci",)),
        ("F13", "dispositif", "checks", ("funding_scheme",)),
        ("F13", "cout_eligible", "exclusive_minimum", 0),
        ("F13", "montant_engage", "at_most", "montant_vote"),
        ("F13", "montant_mandate", "at_most", "montant_engage"),
        ("F15", "date_retrait", "not_before", "date_label"),
        ("G02", "indicateur", "checks", ("indicator",)),
        ("G05", "fin", "not_before", "debut"),
    ]
    for feed, name, rule, value in rules:
        assert getattr(load_contract(feed).column(name), rule) == value, (feed, name, rule)
    assert len(load_contract("F05").milestones) == 6
    assert [(rule.column, rule.by, rule.equals, rule.tolerance) for rule in load_contract("F10").sums] == [
        ("quote_part", "projet_id", 1, 0.001)
    ]
    assert [(rule.minimum_days, rule.maximum_days, rule.when) for rule in load_contract("F04").object_dates] == [
        (0, None, (("type", ("CHAUD",)),)),
        (60, 120, (("type", ("FROID",)),)),
    ]
    assert [(rule.of, rule.minimum_days) for rule in load_contract("F06").object_dates] == [("date_deploiement", 90)]
    assert load_contract("G05").hierarchy == ("enveloppe_id", "parent_id", "montant")
    assert load_contract("F05b").transitions == (
        "phase",
        ("FORMER", "EXPERIMENTER", "DEPLOYER"),
        "date_phase",
        ("code_commune", "cas_usage_id"),
    )


@pytest.mark.parametrize("feed", list(agreed()))
def test_no_identity_reaches_the_raw_table(feed: str) -> None:
    contract = load_contract(feed)
    names = {row["colonne"] for row in agreed()[feed]}
    identities = {row["colonne"] for row in agreed()[feed] if row["sensibilite"] == "DPI"}
    assert identities <= {column.name for column in contract.columns if column.is_personal}
    assert not (set(PEOPLE) & names) & set(contract.raw_columns)
    assert ("person_key_2" in contract.raw_columns) is bool(identities)
    assert contract.has_people is bool(identities)
    tokens = {column.name for column in contract.columns if column.is_token}
    assert tokens == {"F04": {"jeton_participant"}, "F12": {"repondant_id"}}.get(feed, set())
    assert tokens <= set(contract.raw_columns)
    assert ("_hmac_key_id" in contract.raw_columns) is contract.has_personal
    assert ("_object_partner_code" in contract.raw_columns) is bool(contract.references_feeds)
    assert len(set(contract.raw_columns)) == len(contract.raw_columns)


def test_every_identifier_of_a_free_text_or_a_token_refuses_an_address() -> None:
    for contract in load_contracts().values():
        for column in contract.columns:
            closed = column.enum or column.checks or column.type != "string" or "person" in column.checks
            if not closed and column.references is None and column.name not in {"periode"}:
                assert column.pattern is not None, (contract.feed, column.name)
                assert not re.fullmatch(column.pattern, "a@exemple.fr"), (contract.feed, column.name)


@pytest.mark.parametrize("path", sorted(FEEDS.glob("*.yml")), ids=lambda path: path.stem)
def test_a_contract_is_a_valid_table_schema(path: Path) -> None:
    descriptor = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert frictionless.Schema.validate_descriptor(descriptor).valid
    schema = frictionless.Schema.from_descriptor(descriptor)
    assert schema.field_names == [column.name for column in read_contract(path).columns]
    row = {field["name"]: field["example"] for field in descriptor["fields"]}
    resource = frictionless.Resource(data=[list(row), list(row.values())], schema=schema)
    report = frictionless.validate(resource)
    assert report.valid, report.flatten(["message"])
    # the standard's own key is only claimed where none of its fields is made or may be empty
    key = read_contract(path).key
    is_whole = PERSON not in key and not read_contract(path).optional_key
    assert descriptor.get("primaryKey") == (list(key) if is_whole else None)


# ------------------------------------------------------------------------------------------------------ examples

PERIODS = {"month": "2026-03", "quarter": "2026-T1", "semester": "2026-S1", "year": "2026", "any": "2026-03"}


def judged(folder: Path, feed: str, known: dict[str, pl.DataFrame]) -> Judgement:
    """What becomes of a file of one row, made of the examples, where these rows of other feeds are known."""
    contract = load_contract(feed)
    path = folder / f"{feed}.csv"
    cells = (f'"{column.example}"' for column in contract.columns)
    titles = (column.title for column in contract.columns)
    path.write_text(f"{';'.join(titles)}\n{';'.join(cells)}\n", encoding="utf-8")

    def lookup(other: str, identifiers: Sequence[str]) -> pl.DataFrame:
        names = ("identifier", "partner_code", *load_contract(other).raw_columns)
        rows = known.get(other, pl.DataFrame(schema=dict.fromkeys(names, pl.String)))
        return rows.filter(pl.col("identifier").is_in(list(identifiers)))

    context = Context(
        contract=contract,
        partner_code="KABIA",
        programme_code="MQ",
        period=parse_period(PERIODS[contract.grain]),
        pseudonymiser=Pseudonymiser(b"0" * 64),
        references=references_of("MQ", lookup),
        has_convention=True,
    )
    return judge_file(path, "csv", context)


@pytest.mark.parametrize("feed", list(agreed()))
def test_a_row_of_examples_is_accepted_or_waits(tmp_path: Path, feed: str) -> None:
    judgement = judged(tmp_path, feed, {})
    refers = bool(load_contract(feed).references_feeds)
    assert (judgement.accepted.height, judgement.awaiting.height) == ((0, 1) if refers else (1, 0)), judgement.findings
    assert judgement.accepted.columns[:-2] == list(load_contract(feed).raw_columns)


def test_the_examples_are_one_story(tmp_path: Path) -> None:
    """Taken in the order of the references, each example row finds the ones that it refers to, and raises no warning."""
    known: dict[str, pl.DataFrame] = {}
    for feed in feed_order():
        judgement = judged(tmp_path, feed, known)
        assert judgement.accepted.height == 1, (feed, judgement.findings.rows())
        assert set(judgement.findings["severity"]) <= {"NOTE"}, (feed, judgement.findings.rows())
        identifier = load_contract(feed).identifier
        if identifier is not None:
            known[feed] = judgement.accepted.select(
                *load_contract(feed).raw_columns, identifier=identifier, partner_code=pl.lit("KABIA")
            )


# --------------------------------------------------------------------------------------------------- what they say


@pytest.mark.parametrize("feed", list(agreed()))
def test_a_feed_has_measures_in_french(feed: str) -> None:
    contract = load_contract(feed)
    assert 1 <= len(contract.measures) <= 3
    assert len({measure.title for measure in contract.measures}) == len(contract.measures)
    for measure in contract.measures:
        assert measure.title[0].isupper()
        assert measure.unit == measure.unit.lower()
        if measure.kind == "sum":
            assert contract.column(measure.column or "").type in {"integer", "number"}


@pytest.mark.parametrize("feed", list(agreed()))
def test_the_words_are_whole(feed: str) -> None:
    contract = load_contract(feed)
    assert contract.description.endswith(".")
    titles = [column.title for column in contract.columns]
    assert len(set(titles)) == len(titles)
    for column in contract.columns:
        assert column.title[0].isupper()
        assert column.description.endswith("."), column.name
        assert "’" not in column.title + column.description


def test_feeds_come_after_those_they_refer_to() -> None:
    order = feed_order()
    assert sorted(order) == sorted(load_contracts())
    for feed, contract in load_contracts().items():
        for other in contract.references_feeds:
            assert order.index(other) < order.index(feed)
            assert load_contract(other).identifier is not None
    identified = {feed for feed, contract in load_contracts().items() if contract.identifier}
    assert identified == {feed for contract in load_contracts().values() for feed in contract.references_feeds}


def refer(contract: Contract, name: str, feed: str) -> Contract:
    pointed = [
        dataclasses.replace(column, references=Reference((("", feed),))) if column.name == name else column
        for column in contract.columns
    ]
    return dataclasses.replace(contract, columns=tuple(pointed))


def test_a_circle_and_a_reference_to_nothing_are_told() -> None:
    contracts = dict(load_contracts())
    contracts["G04"] = refer(contracts["G04"], "cloture_id", "G01")
    contracts["G03"] = refer(contracts["G03"], "periode", "G04")
    with pytest.raises(ConfigurationError, match="refer to one another") as caught:
        order_by_references({**contracts, "G01": dataclasses.replace(contracts["G01"], identifier="jalon_id")})
    assert "G03" in caught.value.what
    contracts = dict(load_contracts())
    contracts["F08"] = refer(contracts["F08"], "reseau_id", "F09")
    with pytest.raises(ConfigurationError, match=r"f08_evenements\.yml: it refers to the feed 'F09'"):
        check_references(contracts)
    contracts = dict(load_contracts())
    contracts["F06"] = dataclasses.replace(contracts["F06"], workbook="formation")
    with pytest.raises(ConfigurationError, match="two grains"):
        check_references(contracts)


Spoil = Callable[[str], str]
BAD: list[tuple[str, Spoil, str]] = [
    ("f02_participations", lambda text: "- nothing", "`fields`"),
    ("f02_participations", lambda text: "fields: [", "cannot be read"),
    ("f02_participations", lambda text: text.replace("  feed: F02\n", ""), "`feed`"),
    ("f02_participations", lambda text: text.replace("  due_days: 10", "  due_days: 400"), "due_days"),
    ("f02_participations", lambda text: text.replace("  grain: month", "  grain: week"), "grain"),
    ("f02_participations", lambda text: text.replace("  workbook: formation\n", ""), "`workbook`"),
    ("f02_participations", lambda text: text.replace('version: "1.0"', 'version: "one"'), "lakou.version"),
    ("f02_participations", lambda text: text.replace("  owner:", "  ownr:"), "'ownr'"),
    ("f02_participations", lambda text: text.replace("    title: Sexe\n", ""), "'sexe'"),
    ("f02_participations", lambda text: text.replace("title: Sexe\n", "title: Statut\n"), "'statut'"),
    ("f02_participations", lambda text: text.replace("type: date\n", "type: datum\n"), "'date_fin_suivi'"),
    ("f02_participations", lambda text: text.replace("treatment: coarsen", "treatment: keep-it"), "'annee_naissance'"),
    ("f02_participations", lambda text: text.replace("checks: [siren]", "checks: [sirene]"), "'siren_employeur'"),
    ("f02_participations", lambda text: text.replace("checks: [siren]", "checks: siren"), "'siren_employeur'"),
    ("f02_participations", lambda text: text.replace("{statut: [TERM", "{status: [TERM"), "'status'"),
    ("f02_participations", lambda text: text.replace("required_when: {statut: [TERMINE]}", "required_when: x"), "'dur"),
    ("f02_participations", lambda text: text.replace("n: {statut: [TERMINE]}\n", "n: {statut: [FINI]}\n"), "'duree"),
    ("f02_participations", lambda text: text.replace("when: {statut: [TERMINE]}}", "when: {statut: [FINI]}}"), "meas"),
    ("f02_participations", lambda text: text.replace("kind: distinct", "kind: mean"), "`kind`"),
    ("f02_participations", lambda text: text.replace("kind: count", "kind: sum"), "'Participations terminées'"),
    ("f02_participations", lambda text: text.replace("column: duree_suivie_h", "column: statut"), "'statut'"),
    ("f02_participations", lambda text: text.replace("name: role", "name: statut"), "twice"),
    ("f02_participations", lambda text: text.replace("name: role", "name: person_key_1"), "'person_key_1'"),
    (
        "f02_participations",
        lambda text: text.replace("key: [objet_type, objet_id", "key: [objet_type, objet"),
        "'objet'",
    ),
    ("f02_participations", lambda text: text.replace('"0", "1"', '0, "1"'), "'niveau_diplome'"),
    ("f02_participations", lambda text: text.replace("maxLength: 9", "maxLen: 9"), "'siren_employeur'"),
    ("f02_participations", lambda text: text.replace('"[^@]+"', '"[^@"'), "'objet_id'"),
    ("f02_participations", lambda text: text.replace("by: objet_type", "by: objet"), "'objet'"),
    ("f02_participations", lambda text: text.replace("EVENEMENT: F08", "EVENT: F08"), "'objet_id'"),
    ("f02_participations", lambda text: text.replace("default: PARTICIPANT", "default: PERSONNE"), "'role'"),
    ("f02_participations", lambda text: text.replace("feed: F02", "feed: F04"), "F04"),
    ("f04_enquetes_formation", lambda text: text.replace("minimum_days: 0, ", ""), "object_dates"),
    ("f04_enquetes_formation", lambda text: text.replace("severity: REFUSE", "severity: GRAVE"), "`severity`"),
    ("f04_enquetes_formation", lambda text: text.replace("{references: F01}", "{references: [F01]}"), "'session_id'"),
    ("f05_parcours_entreprises", lambda text: text.replace("    - date_prototype\n", "    - naf\n"), "'naf'"),
    ("f05_parcours_entreprises", lambda text: text.replace("    - date_prototype\n", "    - dat\n"), "milestones"),
    ("f05_parcours_entreprises", lambda text: text.replace("identifier: parcours_id", "identifier: id"), "identifier"),
    ("f05b_experimentations_communes", lambda text: text.replace("[FORMER, EXP", "[APPRENDRE, EXP", 1), "transitions"),
    ("f05b_experimentations_communes", lambda text: text.replace("    date: date_phase", "    date: bilan"), "'bilan'"),
    ("f05b_experimentations_communes", lambda text: text.replace("from: code_commune", "from: code"), "'code'"),
    (
        "f05b_experimentations_communes",
        lambda text: text.replace("key: [cas_usage_id]", "key: [bilan]"),
        "optional_key",
    ),
    ("f10_projets_collaboratifs", lambda text: text.replace("equals: 1", "equals: one"), "sums"),
    ("f13_financements", lambda text: text.replace("at_most: montant_vote", "at_most: source"), "'source'"),
    ("g05_enveloppes", lambda text: text.replace("parent: parent_id", "parent: pere_id"), "hierarchy"),
]


@pytest.mark.parametrize(("stem", "spoil", "named"), BAD)
def test_a_wrong_contract_names_its_file_and_field(tmp_path: Path, stem: str, spoil: Spoil, named: str) -> None:
    good = (FEEDS / f"{stem}.yml").read_text(encoding="utf-8")
    path = tmp_path / f"{stem}.yml"
    path.write_text(good, encoding="utf-8")
    assert read_contract(path) == load_contracts()[read_contract(path).feed]
    assert spoil(good) != good
    path.write_text(spoil(good), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_contract(path)
    assert f"{stem}.yml" in caught.value.what
    assert named in caught.value.what


def test_measures_are_read() -> None:
    assert load_contract("F02").measures[0] == Measure(
        "Personnes ayant terminé", "personnes", "distinct", PERSON, (("statut", ("TERMINE",)),)
    )


def test_the_territory_is_whole() -> None:
    programmes = load_programmes()
    assert set(programmes) == {"MQ", "AMP", "MGP", "OCC", "IDF"}
    assert len(programmes["MQ"].perimeter) == 34
    assert len(programmes["MGP"].perimeter) == 130
    assert programmes["MQ"].action_codes == {f"MQ-A{number}" for number in range(1, 6)}
    assert sum(len(programme.action_codes) for programme in programmes.values()) == 31
    for programme in programmes.values():
        assert programme.perimeter <= load_cog()
    assert len(load_cog()) > 34_000
    assert load_communes()["97209"].postcodes == ("97200", "97234")
    assert load_epcis("MQ") == {"249720061", "249720053", "200041788"}
    assert load_epcis("MGP") == {"200054781"}
    assert {"FR", "MQ", "DM", "LC"} <= set(load_countries())


def test_indicators_and_schemes_are_those_of_the_documents() -> None:
    assert len(load_indicator_codes()) == 86
    assert load_indicator_codes()["A1-01"] == "Personnes formées (uniques)"
    with (CHECKOUT / "dbt_project/seeds/catalogue/indicator_catalogue.csv").open(encoding="utf-8") as file:
        assert {row["base_code"] for row in csv.DictReader(file)} == set(load_indicator_codes())
    with (CHECKOUT / "dbt_project/seeds/reference/commitments.csv").open(encoding="utf-8") as file:
        claims = {row["commitment_id"]: row for row in csv.DictReader(file)}
    schemes = load_funding_schemes()
    assert {scheme.programme for scheme in schemes.values()} == set(load_programmes())
    for scheme in schemes.values():
        if scheme.source_claim is None:
            assert (scheme.max_rate, scheme.ceiling) == (None, None)
            continue
        claim = claims[scheme.source_claim]
        assert claim["programme_code"] == scheme.programme
        published = scheme.ceiling if scheme.max_rate is None else scheme.max_rate * 100
        assert float(claim["value"]) == published
