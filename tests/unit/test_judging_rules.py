"""Judging, from the contracts: what a contract allows is accepted, and each rule refuses what it should, alone."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.checks import FORM_RULES
from ingestion.contracts import ANY, Column, Contract, load_contract
from ingestion.erased_people import digests_of
from ingestion.judging import judge_awaited, judge_overdue, judge_reading, refuse_awaited
from ingestion.objects import AWAITED
from ingestion.people import Identifiers, keys_of
from ingestion.reading import NO_VALUE, Batch
from ingestion.sentences import RULES, sentence
from tests.unit.judging_rows import (
    FEEDS,
    OBJECTS,
    PEOPLE,
    PSEUDONYMISER,
    Rows,
    assert_sound,
    context,
    found,
    judge,
    judge_once,
    minimal_row,
    random_row,
    siren_of,
)

REFUSED, WARNED = "REFUSE", "AVERTISSEMENT"
OPTIONAL = "VALEUR-OPTIONNELLE-ILLISIBLE"


@pytest.mark.parametrize("feed", FEEDS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 1 << 30))
def test_what_a_contract_allows_is_accepted(feed: str, seed: int) -> None:
    pick = random.Random(seed)
    rows = [random_row(load_contract(feed), index, pick) for index in range(pick.randint(1, 12))]
    judgement = judge(feed, *rows)
    assert found(judgement, REFUSED, WARNED) == set()
    assert judgement.accepted.height == len(rows)


@pytest.mark.parametrize("feed", FEEDS)
def test_a_row_of_what_is_required_is_accepted(feed: str) -> None:
    judgement = judge(feed, minimal_row(load_contract(feed)))
    assert found(judgement, REFUSED, WARNED, "ATTENTE") == set()


# ---------------------------------------------------------------------------------------- one mutation, one rule


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A row changed so that it breaks one rule; `unread` is that rule where the row needs the value."""

    feed: str
    column: str
    rule_id: str
    change: Mapping[str, str]
    severity: str = REFUSED
    unread: str | None = None

    def __str__(self) -> str:
        return f"{self.feed}-{self.column}-{self.rule_id}-{self.change.get(self.column, '')[:20]}"


def optional(contract: Contract, column: Column, rule_id: str, value: str) -> Mutation:
    """A value that cannot be read: it costs the row where the row needs one, else itself."""
    needed = column.required or "always" in column.checks
    if needed or rule_id not in FORM_RULES:
        return Mutation(contract.feed, column.name, rule_id, {column.name: value})
    return Mutation(contract.feed, column.name, OPTIONAL, {column.name: value}, WARNED, rule_id)


WRONG_TYPES = {
    "integer": ("TYPE-ENTIER", "douze"),
    "number": ("TYPE-DECIMAL", "sept"),
    "date": ("TYPE-DATE", "31/02/2026"),
    "datetime": ("TYPE-DATE-HEURE", "2026-03-04 25:61"),
    "boolean": ("TYPE-BOOLEEN", "peut-être"),
}
WRONG_CHECKS = {
    "programme": ("PROGRAMME", "XYZ"),
    "action": ("ACTION-INCONNUE", "MQ-A9"),
    "indicator": ("INDICATEUR-INCONNU", "Z9-99"),
    "funding_scheme": ("DISPOSITIF", "INCONNU-1"),
    "siren": ("SIREN", "732829321"),
    "siren_list": ("SIREN", "732829320;732829321"),
    "siret": ("SIRET", "73282932000075"),
    "naf": ("NAF", "ABCDE"),
    "country": ("PAYS", "QQ"),
    "url": ("URL", "page d'accueil"),
    "epci": ("EPCI", "732829320"),
    "not_email": ("JETON-COURRIEL", "marise@exemple.fr"),
    "commune_cog": ("COMMUNE-COG", "97299"),
    "commune_perimetre": ("COMMUNE-COG", "97299"),
}


def mutations_of_column(contract: Contract, column: Column) -> list[Mutation]:
    feed, name = contract.feed, column.name
    made: list[Mutation] = []
    if "person" in column.checks:
        return []
    if column.required:
        made.append(Mutation(feed, name, "OBLIGATOIRE", {name: ""}))
    if column.required_when:
        condition = {other: "" if allowed == (ANY,) else allowed[0] for other, allowed in column.required_when}
        made.append(Mutation(feed, name, "OBLIGATOIRE", {**condition, name: ""}))
    if column.type in WRONG_TYPES:
        made.append(optional(contract, column, *WRONG_TYPES[column.type]))
    wrong = [WRONG_CHECKS[check] for check in column.checks if check in WRONG_CHECKS]
    made += [optional(contract, column, *pair) for pair in wrong]
    if column.enum and "programme" not in column.checks:
        made.append(optional(contract, column, "LISTE", "autre chose"))
    if column.type in {"integer", "number"}:
        if column.minimum is not None:
            made.append(optional(contract, column, "BORNES", str(int(column.minimum) - 1)))
        if column.maximum is not None and column.maximum < 1e9:
            made.append(optional(contract, column, "BORNES", str(int(column.maximum) + 1)))
        if column.exclusive_minimum is not None:
            made.append(optional(contract, column, "BORNES", f"{column.exclusive_minimum:g}"))
    if column.type == "string" and not column.enum and set(column.checks) <= {"free_text", "upper", "not_email"}:
        if column.max_length is not None and column.pattern in {None, "[^@]+"}:
            made.append(optional(contract, column, "LONGUEUR", "a" * (column.max_length + 1)))
        if column.pattern is not None:
            made.append(optional(contract, column, "MOTIF", "@"))
    made.append(Mutation(feed, name, "VALEUR-TABLEUR", {name: "#N/A"}))
    made.append(Mutation(feed, name, "FORMULE-SANS-VALEUR", {name: NO_VALUE}))
    if "free_text" in column.checks:
        # not every free text is long enough for more than a telephone
        made.append(Mutation(feed, name, "DONNEE-PERSONNELLE-TEXTE", {name: "0696 12 34 56"}, WARNED))
    if "programme_start" in column.checks:
        made.append(Mutation(feed, name, "DATE-AVANT-PROGRAMME", {name: "2019-12-31"}))
    if "period" in column.checks:
        late = "2026-05-20T10:00" if column.type == "datetime" else "2026-05-20"
        made.append(Mutation(feed, name, "DATE-HORS-PERIODE", {name: late}, WARNED))
    if column.not_before:
        made.append(Mutation(feed, name, "ORDRE-DATES", {column.not_before: "2026-03-10", name: "2026-03-09"}))
    if column.not_after:
        made.append(Mutation(feed, name, "ORDRE-DATES", {column.not_after: "2026-03-10", name: "2026-03-11"}))
    if column.at_most:
        made.append(Mutation(feed, name, "PLAFOND-COLONNE", {column.at_most: "100", name: "100,02"}))
    if column.differs_from:
        made.append(Mutation(feed, name, "IDENTIQUES", {column.differs_from: "93066", name: "93066"}))
    if column.references is not None:
        made.append(Mutation(feed, name, "REFERENCE-ATTENDUE", {name: "JAMAIS-VU"}, "ATTENTE"))
    return made


def mutations_of(contract: Contract) -> list[Mutation]:
    made = [mutation for column in contract.columns for mutation in mutations_of_column(contract, column)]
    for earlier, later in zip(contract.milestones, contract.milestones[1:], strict=False):
        change = {earlier: "2026-03-10", later: "2026-03-09"}
        made.append(Mutation(contract.feed, later, "ETAPES-DESORDRE", change, WARNED))
    return made


MUTATIONS = [mutation for feed in FEEDS for mutation in mutations_of(load_contract(feed))]


def mutated(contract: Contract, mutation: Mutation, index: int) -> dict[str, str]:
    """A row of its own that breaks the rule of one mutation and no other."""
    column = contract.column(mutation.column)
    others = [other for other, _ in column.required_when]
    row = alone(contract, minimal_row(contract, *mutation.change, *others), index)
    row |= {name: value for name, value in mutation.change.items() if value or name == mutation.column}
    if mutation.rule_id in {"DATE-AVANT-PROGRAMME", "DATE-HORS-PERIODE"}:
        after = [item.name for item in contract.columns if item.not_before == column.name]
        row |= dict.fromkeys(after, row[column.name])
    if mutation.rule_id == "PLAFOND-COLONNE":
        row |= {item.name: "0" for item in contract.columns if item.at_most == column.name}
    for other in contract.columns:
        if other.name not in mutation.change and not row[other.name] and is_needed(other, row):
            row[other.name] = minimal_row(contract, other.name)[other.name]
    return row


def alone(contract: Contract, row: dict[str, str], index: int) -> dict[str, str]:
    """A row whose key no other row of the file has."""
    free = [name for name in contract.key if name in row and not contract.column(name).checks]
    texts = [name for name in free if contract.column(name).type == "string" and not contract.column(name).enum]
    if contract.has_people:
        return row | {"courriel": f"p{index}@exemple.fr", "nom_naissance": ""}
    if "code_commune" in contract.key:
        # the first communes of the perimeter are for those that name one
        return row | {"code_commune": sorted(context(contract.feed).references.perimeter - {"93066"})[index]}
    if texts:
        return row | {texts[0]: f"N-{index}"}
    tokens = [name for name in contract.key if name in row and contract.column(name).is_token]
    if tokens:
        return row | {tokens[0]: f"jeton-{index}"}
    return row | {"siren": siren_of(index)}


def is_needed(column: Column, row: Mapping[str, str]) -> bool:
    return bool(column.required_when) and all(
        bool(row[name]) if allowed == (ANY,) else row[name] in allowed for name, allowed in column.required_when
    )


@pytest.mark.parametrize("feed", FEEDS)
def test_one_change_breaks_one_rule(feed: str) -> None:
    contract = load_contract(feed)
    mutations = mutations_of(contract)
    assert len(mutations) > len(contract.columns)
    rows = [mutated(contract, mutation, index) for index, mutation in enumerate(mutations)]
    judgement = judge(feed, *rows, within=context(feed, unknown=["JAMAIS-VU"]))
    said = [*judgement.findings["message"], *judgement.findings["remedy"]]
    assert [text for text in said if any(hole in text for hole in (" : .", "()", "« »"))] == []
    told: dict[int, set[tuple[str, str, str]]] = {}
    for line, *fault in judgement.findings.select("row_number", "column", "rule_id", "severity").rows():
        if fault[2] != "NOTE":
            told.setdefault(line, set()).add((fault[0], fault[1], fault[2]))
    wrong = []
    for index, (mutation, row) in enumerate(zip(mutations, rows, strict=True)):
        column = contract.column(mutation.column)
        expected = (mutation.column, mutation.rule_id, mutation.severity)
        if mutation.unread is not None and is_needed(column, row):
            expected = (mutation.column, mutation.unread, REFUSED)
        also = {(mutation.column, "DATE-HORS-PERIODE", WARNED)} if mutation.rule_id == "DATE-AVANT-PROGRAMME" else set()
        if told.get(index + 2, set()) - also != {expected}:
            wrong.append((str(mutation), expected, told.get(index + 2)))
    assert wrong == []


# --------------------------------------------------------------------------------------------- rules across rows

F02 = minimal_row(load_contract("F02"))
F04 = minimal_row(load_contract("F04"))
F05B = minimal_row(load_contract("F05b"))
F10 = minimal_row(load_contract("F10"))
F13 = minimal_row(load_contract("F13"))
G05 = minimal_row(load_contract("G05"))


def people(count: int, **change: str) -> list[dict[str, str]]:
    row = F02 | {"nom_naissance": ""} | change
    return [row | {"courriel": f"p{index}@exemple.fr"} for index in range(count)]


def within(feed: str, **objects: dict[str, str | None]) -> dict[str, object]:
    return {"within": context(feed, {**OBJECTS, **objects})}


def with_erased(row: Mapping[str, str]) -> dict[str, object]:
    """A context in which the person of a row of F02 was erased."""
    name = keys_of(PSEUDONYMISER, Identifiers(**{name: row[name] for name in PEOPLE})).name
    digests = digests_of(PSEUDONYMISER, names=[name or ""], mails_and_firsts=[], mails_alone=[])
    return {"within": dataclasses.replace(context("F02"), erased=digests)}


ACROSS = [
    ("PERSONNE-EFFACEE", "F02", [F02 | {"nom_naissance": "Zobel"}, F02], with_erased(F02), REFUSED, [3]),
    ("DOUBLON", "F02", [F02, F02], {}, REFUSED, [3]),
    ("CLE-CONTRADICTOIRE", "F02", [F02, F02 | {"canal_orientation": "EPCI"}], {}, REFUSED, [2, 3]),
    ("PERSONNE-INCONNUE", "F02", [F02 | {"courriel": "", "prenom": ""}], {}, REFUSED, [2]),
    ("AGE-MINIMUM", "F02", [F02 | {"annee_naissance": "2012"}], {}, REFUSED, [2]),
    (
        "DUREE-EXCESSIVE", "F02", [F02 | {"duree_suivie_h": "8"}],
        within("F02", F01={"duree_prevue_h": "7", "modalite": "ATELIER"}), REFUSED, [2],
    ),
    (
        "OBLIGATOIRE", "F02", [F02 | {"statut": "TERMINE", "duree_suivie_h": "2", "date_fin_suivi": ""}],
        within("F02", F01={"modalite": "ELEARNING"}), REFUSED, [2],
    ),
    ("EFFECTIF-PLACES", "F02", people(4), within("F02", F01={"places": "3"}), WARNED, [2]),
    (
        "EFFECTIF-DECLARE", "F02", people(3, objet_type="EVENEMENT", statut="TERMINE", duree_suivie_h="2"),
        within("F02", F08={"effectif_declare": "2"}), WARNED, [2],
    ),
    ("COMMUNE-PERIMETRE", "F05", [minimal_row(load_contract("F05")) | {"code_commune": "75056"}], {}, REFUSED, [2]),
    ("CODE-POSTAL", "F05", [minimal_row(load_contract("F05")) | {"code_commune": "97250"}], {}, REFUSED, [2]),
    ("DATE-OBJET", "F04", [F04 | {"type": "CHAUD", "note_satisfaction": "4", "date_reponse": "2026-03-09"}],
     within("F04", F01={"date_fin": "2026-03-10"}), REFUSED, [2]),
    ("DATE-OBJET", "F04", [F04 | {"type": "FROID", "utilise_ia_travail": "OUI", "date_reponse": "2026-03-30 10:00"}],
     within("F04", F01={"date_fin": "2026-02-10"}), REFUSED, [2]),
    ("DATE-OBJET", "F06", [minimal_row(load_contract("F06"))],
     within("F06", F05={"date_deploiement": "2026-01-01"}), REFUSED, [2]),
    (
        "SOMME-QUOTES-PARTS", "F10",
        [F10 | {"quote_part": "0,6"}, F10 | {"quote_part": "0,3", "siren": "552100554"}, F10 | {"projet_id": "AUTRE"}],
        {}, REFUSED, [2, 3],
    ),
    (
        "SOMME-ENVELOPPE", "G05",
        [
            G05 | {"enveloppe_id": "E", "parent_id": "", "montant": "100"},
            G05 | {"enveloppe_id": "E1", "parent_id": "E", "montant": "60"},
            G05 | {"enveloppe_id": "E2", "parent_id": "E", "montant": "60"},
        ],
        {}, WARNED, [2],
    ),
    (
        "ETAPES-DESORDRE", "F05b",
        [
            F05B | {"cas_usage_id": "C", "phase": "EXPERIMENTER", "bilan": "CONCLUANT", "date_phase": "2026-03-10"},
            F05B | {"cas_usage_id": "C", "phase": "DEPLOYER", "commune_origine": "97209", "date_phase": "2026-03-09"},
        ],
        {}, WARNED, [3],
    ),
    ("AIDE-TAUX", "F13", [F13 | {"dispositif": "MGP-TEST", "cout_eligible": "100", "montant_vote": "50,02"}
                          | {"montant_engage": "0", "montant_mandate": "0"}], {}, WARNED, [2]),
    ("ENREGISTREMENT-TRONQUE", "", [], {}, REFUSED, []),
    ("REFERENCE-INCONNUE", "", [], {}, REFUSED, []),
    ("AIDE-PLAFOND", "", [], {}, WARNED, []),
]  # fmt: skip
# what was understood differently: `test_forms.py`
NOTES = {
    *("DECIMALE-VIRGULE", "MILLIERS-LUS", "POURCENTAGE-LU", "UNITE-LUE", "DATE-FRANCAISE", "ZEROS-RENDUS"),
    *("ABSENT-LU", "OUI-NON-LU", "LIBELLE-LU", "CODE-AMBIGU", "CODE-POSTAL-CONVERTI"),
}


@pytest.mark.parametrize(
    ("rule_id", "feed", "rows", "how", "severity", "lines"), [case for case in ACROSS if case[1]],
    ids=[f"{case[0]}-{case[1]}" for case in ACROSS if case[1]],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 1000])
def test_a_rule_across_rows_or_feeds_concerns_these_rows(
    rule_id: str,
    feed: str,
    rows: list[dict[str, str]],
    how: dict[str, object],
    severity: str,
    lines: list[int],
    size: int,
) -> None:
    judgement = judge(feed, *rows, size=size, **how)  # type: ignore[arg-type]
    told = judgement.findings.filter(pl.col("severity").is_in([REFUSED, WARNED]))
    assert set(told["rule_id"]) == {rule_id}
    assert set(told["severity"]) == {severity}
    assert told["row_number"].to_list() == lines


def test_the_ceiling_of_a_scheme_is_a_warning() -> None:
    usual = context("F13")
    scheme = dataclasses.replace(usual.references.funding_schemes["MGP-TEST"], ceiling=1000.0, max_rate=None)
    references = dataclasses.replace(usual.references, funding_schemes={"MGP-TEST": scheme})
    row = F13 | {"dispositif": "MGP-TEST", "montant_vote": "1000,02", "montant_engage": "0", "montant_mandate": "0"}
    judgement = judge("F13", row, within=dataclasses.replace(usual, references=references))
    assert found(judgement, REFUSED, WARNED) == {("montant_vote", "AIDE-PLAFOND")}
    assert "1000 €" in judgement.findings["message"][0]


def test_every_rule_has_its_test() -> None:
    tested = (
        {name for mutation in MUTATIONS for name in (mutation.rule_id, mutation.unread) if name}
        | {case[0] for case in ACROSS}
        | NOTES
    )
    assert tested - {OPTIONAL} == set(RULES)


# ------------------------------------------------------------------------------------------- batches and any input


def spoilt(feed: str, seed: int, count: int) -> list[dict[str, str]]:
    """Valid rows, some repeated, some contradicted, some wrong."""
    pick = random.Random(seed)
    contract = load_contract(feed)
    rows = [random_row(contract, index, pick) for index in range(count)]
    for _ in range(count):
        kind, row = pick.randint(0, 4), dict(pick.choice(rows))
        column = pick.choice(contract.columns)
        if kind == 1:
            row[column.name] = pick.choice(CELLS)
        elif kind == 2:
            row[column.name] = random_row(contract, 0, pick)[column.name]
        rows.append(row)
    pick.shuffle(rows)
    return rows


CELLS = [
    "", " ", "NC", "1", "1,5", "1 234,50", "1,234", "12,5 %", "Oui", "x", "2026-03-04", "04/03/2026", "04/03/26", "46085",
    "31/02/2026", "2026-03-04T10:00", "97209", "97250", "97200", "97220", "732829320", "4,2E+13", "#REF!", "a@b.fr",
    "MQ", "MQ-A1", "SESSION", "1-9", "01/09/2026", "é\u0301", "=1+1", "١٢", "²", "\u00a0", "0696123456", "A" * 500, "-1",
]  # fmt: skip


@pytest.mark.parametrize("feed", FEEDS)
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 1 << 30))
def test_tiny_batches_are_judged_as_one(feed: str, seed: int) -> None:
    rows = spoilt(feed, seed, 8)
    whole, parts = judge(feed, *rows), judge(feed, *rows, size=3)
    for name in ("accepted", "awaiting", "rejected", "refused_source"):
        assert getattr(whole, name).equals(getattr(parts, name)), name
    order = ["row_number", "column", "rule_id", "message"]
    assert whole.findings.sort(order).equals(parts.findings.sort(order))


@pytest.mark.parametrize("feed", FEEDS)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_rows_add_up_whatever_they_hold(feed: str, data: st.DataObject) -> None:
    contract = load_contract(feed)
    names = [column.name for column in contract.columns]
    cell = st.one_of(st.sampled_from(CELLS), st.text(max_size=6))
    changes = data.draw(st.lists(st.dictionaries(st.sampled_from(names), cell, max_size=6), max_size=6))
    rows = [minimal_row(contract) | change for change in changes]
    judgement = judge(feed, *rows, size=data.draw(st.sampled_from([2, 100])))
    assert judgement.rows_received == len(rows)


def test_a_file_of_several_batches_is_read_again_only_where_rows_repeat_across_them() -> None:
    rows = [F02 | {"courriel": f"p{index}@exemple.fr", "nom_naissance": ""} for index in range(9)]
    judging, _ = judge_once("F02", rows, 3)
    assert judging.is_settled
    judging, parts = judge_once("F02", [*rows[:4], rows[3], *rows[4:]], 100)
    assert judging.is_settled
    assert sum(part.rejected.height for part in parts) == 1
    judging, parts = judge_once("F02", [*rows, rows[0]], 3)
    assert not judging.is_settled
    assert judging.facts.faults.select("_row_number", "rule_id", "detail").rows() == [(11, "DOUBLON", "2")]


def test_equal_hashes_alone_refuse_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.Series, "hash", lambda series, *_: pl.Series([7] * series.len(), dtype=pl.UInt64))
    reading = Rows(load_contract("F02"), people(6), 2)
    judgement = judge_reading(reading, context("F02"))
    assert judgement.accepted.height == 6
    assert reading.passes == 2


def test_a_column_of_postcodes_is_known_from_the_whole_file() -> None:
    row = minimal_row(load_contract("F05"))
    rows = [row | {"parcours_id": f"P{index}", "code_commune": code} for index, code in enumerate(["97220", "97200"])]
    for size in (1, 10):
        assert judge("F05", *rows, size=size).accepted["code_commune"].to_list() == ["97230", "97209"]


def test_large_columns_are_read_like_small_ones() -> None:
    """Past a few thousand rows different values are read once, or in vectors: nothing else may change."""
    for feed in ("F02", "F05", "F13"):
        rows = spoilt(feed, 5, 40)
        small = judge(feed, *rows)
        many = [row | {load_contract(feed).key[0]: row[load_contract(feed).key[0]]} for row in rows] * 60
        large = judge_reading(Rows(load_contract(feed), many), context(feed))
        assert_sound(large, load_contract(feed), len(many))
        firsts = large.accepted.head(small.accepted.height)
        assert firsts.drop("_row_hash").equals(small.accepted.drop("_row_hash"))


# ------------------------------------------------------------------------------------------------------ sentences


@pytest.mark.parametrize("feed", FEEDS)
def test_every_rule_has_a_sentence_and_a_remedy(feed: str) -> None:
    contract = load_contract(feed)
    for rule_id in RULES:
        for column in contract.columns:
            message, remedy = sentence(contract, column.name, rule_id)
            text = message + remedy
            for known in ("{valeur}", "{detail}"):
                text = text.replace(known, "")
            assert "{" not in text, (rule_id, column.name)
            assert message.endswith(".") or message.endswith("?"), rule_id
            assert remedy or rule_id in NOTES, rule_id


@pytest.mark.parametrize("feed", [feed for feed in FEEDS if load_contract(feed).has_personal])
def test_personal_values_are_masked_in_every_sentence(feed: str) -> None:
    contract = load_contract(feed)
    secret = "Zobeline-Marise"
    for column in contract.columns:
        if not column.is_personal:
            continue
        row = minimal_row(contract) | {column.name: f"{secret}@exemple.fr" * 10}
        judgement = judge(feed, row, minimal_row(contract) | {column.name: f"NC{secret} "})
        for frame in (judgement.accepted, judgement.awaiting, judgement.findings, judgement.rejected):
            assert secret.lower() not in frame.write_csv().lower(), column.name


# -------------------------------------------------------------------------------------------------- waiting rows


def test_a_row_waits_for_one_thing_after_another() -> None:
    row = F13 | {"enveloppe_id": "ENV", "cas_usage_id": "CAS"}
    waiting = judge("F13", row, within=context("F13", unknown=["ENV", "CAS"])).awaiting
    assert waiting.select("awaited_feed", "awaited_id").rows() == [("G05", "ENV")]
    still = judge_awaited(waiting, context("F13", unknown=["CAS"]))
    assert still.awaiting.select("awaited_feed", "awaited_id").rows() == [("F05b", "CAS")]
    assert still.accepted.is_empty()
    assert found(still, "ATTENTE") == {("cas_usage_id", "REFERENCE-ATTENDUE")}
    done = judge_awaited(still.awaiting, context("F13"))
    assert done.accepted["_object_partner_code"].to_list() == ["KABIA"]
    assert done.findings.is_empty()
    refused = refuse_awaited(still.awaiting, context("F13"))
    assert found(refused) == {("cas_usage_id", "REFERENCE-INCONNUE")}
    assert refused.rejected.height == refused.refused_source.height == 1


def test_a_row_that_waited_is_judged_against_what_has_come() -> None:
    row = minimal_row(load_contract("F06")) | {"parcours_id": "NOUVEAU", "date_mesure": "2026-03-10"}
    waiting = judge("F06", row, within=context("F06", unknown=["NOUVEAU"])).awaiting
    for day, told in (("2025-12-10", set()), ("2025-12-11", {("date_mesure", "DATE-OBJET")})):
        again = judge_awaited(waiting, context("F06", {"F05": {"date_deploiement": day}}))
        assert_sound(again, load_contract("F06"), 1)
        assert found(again) == told


def test_a_row_waits_for_the_date_that_its_own_is_judged_against() -> None:
    row = minimal_row(load_contract("F06")) | {"parcours_id": "EN-COURS", "date_mesure": "2026-03-10"}
    undated = context("F06", {"F05": {"date_deploiement": None}})
    waiting = judge("F06", row, within=undated)
    assert found(waiting, "ATTENTE") == {("date_mesure", "REFERENCE-ATTENDUE")}
    assert waiting.awaiting.select(AWAITED).rows() == [("F05", "EN-COURS", "date_mesure")]
    assert judge_awaited(waiting.awaiting, undated).awaiting.height == 1
    dated = judge_awaited(waiting.awaiting, context("F06", {"F05": {"date_deploiement": "2025-12-10"}}))
    assert (dated.accepted.height, dated.awaiting.height) == (1, 0)
    refused = judge_overdue(waiting.awaiting, undated)
    assert found(refused) == {("date_mesure", "DATE-OBJET")}
    assert "« Date de déploiement » (flux F05)" in refused.findings["message"][0]
    # a journey that nobody knows is refused as such
    unknown = judge("F06", row, within=context("F06", unknown=["EN-COURS"])).awaiting
    assert found(judge_overdue(unknown, context("F06", unknown=["EN-COURS"]))) == {
        ("parcours_id", "REFERENCE-INCONNUE")
    }


def test_rows_refer_to_the_feed_that_their_type_says() -> None:
    rows = [
        F02 | {"objet_type": kind, "objet_id": "X", "statut": "INSCRIT"} for kind in ("SESSION", "EVENEMENT", "ACTION")
    ]
    waiting = judge("F02", *rows, within=context("F02", unknown=["X"])).awaiting
    assert waiting["awaited_feed"].to_list() == ["F01", "F08", "F11"]


def test_an_object_of_one_s_own_comes_before_another_partner_s() -> None:
    def lookup(feed: str, identifiers: Sequence[str]) -> pl.DataFrame:
        hours = {"AUTRE": "1", "KABIA": "400", "ZED": "1"}
        rows = [(identifier, code, text) for identifier in identifiers for code, text in hours.items()]
        return pl.DataFrame(rows, schema=["identifier", "partner_code", "duree_prevue_h"], orient="row")

    usual = context("F02")
    own = dataclasses.replace(usual, references=dataclasses.replace(usual.references, lookup=lookup))
    row = F02 | {"statut": "TERMINE", "duree_suivie_h": "7"}
    assert judge("F02", row, within=own).accepted["_object_partner_code"].to_list() == ["KABIA"]
    assert found(judge("F02", row, within=dataclasses.replace(own, partner_code="ZED"))) == {
        ("duree_suivie_h", "DUREE-EXCESSIVE")
    }


def test_tokens_are_kept_as_keyed_hashes() -> None:
    row = F04 | {"jeton_participant": " jeton-12 "}
    accepted = judge("F04", row, F04 | {"reponse_id": "R2"}).accepted
    assert accepted["jeton_participant"].to_list() == [PSEUDONYMISER.digest("jeton-12"), None]
    assert accepted["_hmac_key_id"].to_list() == [PSEUDONYMISER.key_id] * 2


def test_an_optional_part_of_a_key_may_be_empty_once() -> None:
    row = minimal_row(load_contract("F07"))
    assert (
        judge("F07", row, row | {"action_fr_id": "A1", "echeance": "2026-05-01", "statut": "PREVUE"}).accepted.height
        == 2
    )
    assert found(judge("F07", row, row | {"prestation": "VEILLE"})) == {("", "CLE-CONTRADICTOIRE")}


def test_one_share_that_cannot_be_read_refuses_its_whole_group() -> None:
    """What is handed back can then be mended and dropped again by itself."""
    rows = [
        F10 | {"quote_part": "0,5"},
        F10 | {"quote_part": "la moitié", "siren": "552100554"},
        F10 | {"projet_id": "B"},
    ]
    judgement = judge("F10", *rows)
    assert judgement.accepted["projet_id"].to_list() == ["B"]
    told = set(judgement.findings.filter(pl.col("severity") == REFUSED).select("row_number", "rule_id").rows())
    assert told == {(2, "SOMME-QUOTES-PARTS"), (3, "TYPE-DECIMAL")}
    assert "0,5 au lieu de 1" in " ".join(judgement.findings["message"])


def test_reasons_of_an_earlier_refusal_are_not_handed_back() -> None:
    reading = Rows(load_contract("F01"), [minimal_row(load_contract("F01")) | {"modalite": "?"}])
    names = (*reading.header.cells, "Motif du refus (ne pas remplir)")
    reading.header = dataclasses.replace(reading.header, cells=names)
    plain = reading.batches

    def batches() -> Iterator[Batch]:
        for batch in plain():
            cells = batch.cells.with_columns(pl.lit("LISTE").alias(f"c{len(names) - 1}"))
            yield dataclasses.replace(batch, cells=cells)

    reading.batches = batches  # type: ignore[method-assign]
    handed_back = judge_reading(reading, context("F01")).refused_source
    assert handed_back.height == 1
    assert handed_back.columns == [*names[:-1], "_row_number"]
