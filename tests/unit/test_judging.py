"""Judging: each rule refuses what it should and nothing else, rows always add up, no personal value is shown."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.contracts import load_contract
from ingestion.errors import BlockedFile
from ingestion.findings import FINDINGS
from ingestion.judging import (
    Context,
    Judgement,
    Lookup,
    judge_awaited,
    judge_file,
    references_of,
    refuse_awaited,
)
from ingestion.naming import parse_period
from ingestion.pseudonyms import Pseudonymiser

PSEUDONYMISER = Pseudonymiser(bytes(range(32)))
SESSIONS = pl.DataFrame(
    {
        "partner_code": ["KABIA", "KABIA", "LAB-SUD", "LAB-SUD"],
        "session_id": ["S1", "S2", "S1", "S9"],
        "duree_prevue_h": ["7.5", "3", "2", "2"],
        "places": ["2", None, None, None],
        "modalite": ["ATELIER", "ELEARNING", "ATELIER", "WEBINAIRE"],
    }
)
GOOD = {
    "F01": {
        "session_id": "S1",
        "action_code": "MQ-A1",
        "intitule": "Découvrir l'IA",
        "modalite": "ATELIER",
        "module_id": "",
        "date_debut": "2026-03-04",
        "date_fin": "2026-03-05",
        "duree_prevue_h": "7.5",
        "code_commune": "97209",
        "nom_commune": "",
        "places": "20",
        "partenaires_co": "",
        "public_cible": "SENIORS",
        "secteur_cible": "TOURISME",
        "date_proposition": "2026-01-01",
        "programme_code": "",
    },
    "F02": {
        "objet_type": "SESSION",
        "objet_id": "S1",
        "courriel": "marise.zobel@exemple.fr",
        "nom_naissance": "Zobeline",
        "prenom": "Marise",
        "annee_naissance": "1988",
        "sexe": "F",
        "statut_pro": "SALARIE",
        "niveau_diplome": "5",
        "code_commune_residence": "97209",
        "siren_employeur": "732829320",
        "canal_orientation": "CLUSTER",
        "statut": "TERMINE",
        "duree_suivie_h": "7",
        "date_fin_suivi": "",
        "role": "",
        "programme_code": "MQ",
    },
    "F03": {
        "courriel": "marise.zobel@exemple.fr",
        "nom_naissance": "Zobeline",
        "prenom": "Marise",
        "annee_naissance": "1988",
        "certification_code": "RS6776",
        "date_presentation": "2026-03-20",
        "resultat": "OBTENU",
        "date_obtention": "2026-03-27",
        "session_id": "",
        "programme_code": "",
    },
}


def lookup_of(sessions: pl.DataFrame) -> Lookup:
    """What knows these sessions, and nothing of other feeds."""

    def lookup(feed: str, identifiers: Sequence[str]) -> pl.DataFrame:
        known = sessions.with_columns(identifier="session_id")
        return known.filter(pl.col("identifier").is_in(list(identifiers))) if feed == "F01" else known.clear()

    return lookup


NOBODY = {"courriel": "", "nom_naissance": "", "prenom": "", "annee_naissance": ""}


def context(feed: str, **changes: object) -> Context:
    made = Context(
        contract=load_contract(feed),
        partner_code="KABIA",
        programme_code="MQ",
        period=parse_period("2026-03"),
        pseudonymiser=PSEUDONYMISER,
        references=references_of("MQ", lookup_of(SESSIONS)),
        has_convention=True,
    )
    return dataclasses.replace(made, **changes)


def judge(folder: Path, feed: str, *changes: dict[str, str]) -> Judgement:
    """Judge a file of one row for each of `changes`, applied to a good row."""
    file = folder / "file.csv"
    rows = [GOOD[feed] | change for change in changes]
    text = [";".join(GOOD[feed]), *(";".join(f'"{cell}"' for cell in row.values()) for row in rows)]
    file.write_text("\n".join(text) + "\n", encoding="utf-8")
    judgement = judge_file(file, "csv", context(feed))
    assert_sound(judgement, feed)
    return judgement


def assert_sound(judgement: Judgement, feed: str) -> None:
    contract = load_contract(feed)
    accepted, awaiting, rejected = judgement.accepted, judgement.awaiting, judgement.rejected
    assert judgement.rows_received == accepted.height + awaiting.height + rejected.height
    assert accepted.columns == [*contract.raw_columns, "_row_number", "_row_hash"]
    assert awaiting.columns == [*accepted.columns, "awaited_feed", "awaited_id", "awaited_column"]
    assert judgement.findings.columns == list(FINDINGS)
    numbers = [*accepted["_row_number"], *awaiting["_row_number"], *rejected["row_number"]]
    assert len(set(numbers)) == len(numbers)
    refused = judgement.findings.filter(pl.col("severity") == "REFUSE")["row_number"]
    assert set(refused) == set(rejected["row_number"]) == set(judgement.refused_source["_row_number"])
    assert judgement.findings["message"].null_count() == 0
    assert not any("{" in text for text in judgement.findings["message"])
    assert not any("{" in text for text in judgement.findings["remedy"])


def found(judgement: Judgement, *severities: str) -> list[tuple[str, str]]:
    kept = judgement.findings.filter(pl.col("severity").is_in(severities or ("REFUSE",)))
    return sorted(kept.select("column", "rule_id").rows())


@pytest.mark.parametrize("feed", ["F01", "F02", "F03"])
def test_a_good_row_is_accepted_without_a_word(tmp_path: Path, feed: str) -> None:
    judgement = judge(tmp_path, feed, {})
    assert judgement.accepted.height == 1
    assert judgement.findings.is_empty()
    assert judgement.accepted["programme_code"].to_list() == ["MQ"]


REFUSALS = [
    ("F01", {"session_id": ""}, [("session_id", "OBLIGATOIRE")]),
    ("F01", {"session_id": "S" * 41}, [("session_id", "LONGUEUR")]),
    ("F01", {"session_id": "a@b.fr"}, [("session_id", "MOTIF")]),
    ("F01", {"action_code": "MQ-A9"}, [("action_code", "ACTION-INCONNUE")]),
    ("F01", {"action_code": "OCC-B5"}, [("action_code", "ACTION-INCONNUE")]),
    ("F01", {"modalite": "VISIO"}, [("modalite", "LISTE")]),
    ("F01", {"date_debut": "31/02/2026"}, [("date_debut", "TYPE-DATE")]),
    ("F01", {"date_debut": "04/03/26"}, [("date_debut", "TYPE-DATE")]),
    ("F01", {"date_fin": "2026-03-03"}, [("date_fin", "ORDRE-DATES")]),
    ("F01", {"date_proposition": "2026-03-06"}, [("date_proposition", "ORDRE-DATES")]),
    ("F01", {"date_debut": "2023-12-31", "date_proposition": ""}, [("date_debut", "DATE-AVANT-PROGRAMME")]),
    ("F01", {"duree_prevue_h": "sept"}, [("duree_prevue_h", "TYPE-DECIMAL")]),
    ("F01", {"duree_prevue_h": "0"}, [("duree_prevue_h", "BORNES")]),
    ("F01", {"duree_prevue_h": "400.5"}, [("duree_prevue_h", "BORNES")]),
    ("F01", {"code_commune": ""}, [("code_commune", "OBLIGATOIRE")]),
    ("F01", {"code_commune": "75056"}, [("code_commune", "COMMUNE-PERIMETRE")]),
    ("F01", {"code_commune": "97299"}, [("code_commune", "COMMUNE-COG")]),
    ("F01", {"code_commune": "Fort-de-France"}, [("code_commune", "COMMUNE-COG")]),
    ("F01", {"code_commune": "97250"}, [("code_commune", "CODE-POSTAL")]),
    ("F01", {"programme_code": "OCC"}, [("programme_code", "PROGRAMME")]),
    ("F02", {"sexe": ""}, [("sexe", "OBLIGATOIRE")]),
    ("F02", {"sexe": "H", "statut_pro": "?"}, [("sexe", "LISTE"), ("statut_pro", "LISTE")]),
    ("F02", {"objet_type": "STAGE"}, [("objet_type", "LISTE")]),
    ("F02", {"niveau_diplome": "9"}, [("niveau_diplome", "LISTE")]),
    ("F02", {"duree_suivie_h": ""}, [("duree_suivie_h", "OBLIGATOIRE")]),
    ("F02", {"duree_suivie_h": "-1"}, [("duree_suivie_h", "BORNES")]),
    ("F02", {"duree_suivie_h": "8.26"}, [("duree_suivie_h", "DUREE-EXCESSIVE")]),
    ("F02", {"objet_id": "S2", "duree_suivie_h": "2"}, [("date_fin_suivi", "OBLIGATOIRE")]),
    (
        "F02",
        {"objet_id": "S2", "duree_suivie_h": "2", "date_fin_suivi": "2026-02-31"},
        [("date_fin_suivi", "TYPE-DATE")],
    ),
    ("F02", {"code_commune_residence": "97299"}, [("code_commune_residence", "COMMUNE-COG")]),
    ("F02", NOBODY, [("courriel", "PERSONNE-INCONNUE")]),
    ("F02", NOBODY | {"nom_naissance": "Zobeline", "prenom": "Marise"}, [("courriel", "PERSONNE-INCONNUE")]),
    (
        "F02",
        NOBODY | {"courriel": "sans arobase"},
        [("courriel", "MOTIF"), ("courriel", "PERSONNE-INCONNUE")],
    ),
    ("F02", {"annee_naissance": "2012"}, [("annee_naissance", "AGE-MINIMUM")]),
    ("F03", {"certification_code": "TITRE-12"}, [("certification_code", "MOTIF")]),
    ("F03", {"date_obtention": ""}, [("date_obtention", "OBLIGATOIRE")]),
    ("F03", {"date_obtention": "2026-03-19"}, [("date_obtention", "ORDRE-DATES")]),
    ("F03", {"resultat": "REUSSI"}, [("resultat", "LISTE")]),
]


@pytest.mark.parametrize(("feed", "change", "rules"), REFUSALS)
def test_a_row_is_refused_for_every_rule_that_it_breaks_and_no_other(
    tmp_path: Path, feed: str, change: dict[str, str], rules: list[tuple[str, str]]
) -> None:
    judgement = judge(tmp_path, feed, change)
    assert found(judgement) == rules
    assert judgement.rejected["row_number"].to_list() == [2]


ACCEPTED = [
    ("F01", {"modalite": "Atelier"}, {"modalite": "ATELIER"}, None),
    ("F01", {"date_debut": "4/3/2026"}, {"date_debut": "2026-03-04"}, "DATE-FRANCAISE"),
    ("F01", {"duree_prevue_h": "7,50"}, {"duree_prevue_h": "7.5"}, "DECIMALE-VIRGULE"),
    ("F01", {"duree_prevue_h": "10"}, {"duree_prevue_h": "10"}, None),
    ("F01", {"code_commune": "97213"}, {"code_commune": "97213"}, "CODE-AMBIGU"),
    ("F01", {"code_commune": "97213", "nom_commune": "Le Lamentin"}, {"code_commune": "97213"}, None),
    ("F01", {"code_commune": "97213", "nom_commune": "gros morne"}, {"code_commune": "97212"}, "CODE-POSTAL-CONVERTI"),
    (
        "F01",
        {"code_commune": "97250", "nom_commune": "Saint-Pierre"},
        {"code_commune": "97225"},
        "CODE-POSTAL-CONVERTI",
    ),
    ("F01", {"code_commune": "97200"}, {"code_commune": "97209"}, "CODE-POSTAL-CONVERTI"),
    ("F01", {"modalite": "WEBINAIRE", "code_commune": ""}, {"code_commune": None}, None),
    ("F01", {"places": "20.0"}, {"places": "20"}, None),
    ("F01", {"partenaires_co": "732 829 320, 356000000"}, {"partenaires_co": "732829320;356000000"}, None),
    ("F02", {"objet_type": ""}, {"objet_type": "SESSION"}, None),
    ("F02", {"statut_pro": "salarié"}, {"statut_pro": "SALARIE"}, None),
    ("F02", {"statut_pro": "Demandeur emploi"}, {"statut_pro": "DEMANDEUR_EMPLOI"}, None),
    ("F02", {"code_commune_residence": "99999"}, {"code_commune_residence": "99999"}, None),
    ("F02", {"code_commune_residence": "1001"}, {"code_commune_residence": "01001"}, "ZEROS-RENDUS"),
    ("F02", {"siren_employeur": "732 829 320"}, {"siren_employeur": "732829320"}, None),
    ("F02", {"duree_suivie_h": "8.25"}, {"duree_suivie_h": "8.25"}, None),
    ("F02", {"annee_naissance": "2011"}, {"tranche_age": "15-29"}, None),
    ("F02", {"annee_naissance": "1996"}, {"tranche_age": "30-44"}, None),
    ("F02", {"annee_naissance": "1967"}, {"tranche_age": "45-59"}, None),
    ("F02", {"annee_naissance": "1966"}, {"tranche_age": "60+"}, None),
    ("F02", {"annee_naissance": ""}, {"tranche_age": None}, None),
    ("F02", {"objet_id": "S9", "duree_suivie_h": "2"}, {"_object_partner_code": "LAB-SUD"}, None),
    ("F02", {}, {"_object_partner_code": "KABIA"}, None),
    ("F03", {"certification_code": "rncp 1234"}, {"certification_code": "RNCP1234"}, None),
    ("F03", {"session_id": "S9"}, {"_object_partner_code": "LAB-SUD"}, None),
]


@pytest.mark.parametrize(("feed", "change", "canonical", "note"), ACCEPTED)
def test_a_row_is_accepted_in_its_canonical_form(
    tmp_path: Path, feed: str, change: dict[str, str], canonical: dict[str, str | None], note: str | None
) -> None:
    judgement = judge(tmp_path, feed, change)
    assert judgement.accepted.select(list(canonical)).rows() == [tuple(canonical.values())]
    assert judgement.findings.select("rule_id", "severity").rows() == ([(note, "NOTE")] if note else [])


WARNINGS = [
    ("F01", {"places": "douze"}, ("places", "VALEUR-OPTIONNELLE-ILLISIBLE"), {"places": None}),
    ("F01", {"places": "0"}, ("places", "VALEUR-OPTIONNELLE-ILLISIBLE"), {"places": None}),
    ("F01", {"secteur_cible": "SPORT"}, ("secteur_cible", "VALEUR-OPTIONNELLE-ILLISIBLE"), {"secteur_cible": None}),
    ("F01", {"partenaires_co": "732829321"}, ("partenaires_co", "VALEUR-OPTIONNELLE-ILLISIBLE"), {}),
    (
        "F01",
        {"intitule": "Écrire à a.b@exemple.fr ou 0696 12 34 56"},
        ("intitule", "DONNEE-PERSONNELLE-TEXTE"),
        {"intitule": "Écrire à ••• ou •••"},
    ),
    (
        "F01",
        {"intitule": "Dossier 2 85 05 97 209 123 45"},
        ("intitule", "DONNEE-PERSONNELLE-TEXTE"),
        {"intitule": "Dossier •••"},
    ),
    ("F01", {"date_debut": "2026-05-02", "date_fin": "2026-05-02"}, ("date_debut", "DATE-HORS-PERIODE"), {}),
    ("F02", {"siren_employeur": "12"}, ("siren_employeur", "VALEUR-OPTIONNELLE-ILLISIBLE"), {"siren_employeur": None}),
    ("F02", {"annee_naissance": "1900"}, ("annee_naissance", "VALEUR-OPTIONNELLE-ILLISIBLE"), {"tranche_age": None}),
    ("F02", {"courriel": "sans arobase"}, ("courriel", "VALEUR-OPTIONNELLE-ILLISIBLE"), {"person_key_1": None}),
    ("F02", {"date_fin_suivi": "hier"}, ("date_fin_suivi", "VALEUR-OPTIONNELLE-ILLISIBLE"), {"date_fin_suivi": None}),
    (
        "F02",
        {"statut": "INSCRIT", "duree_suivie_h": "sept"},
        ("duree_suivie_h", "VALEUR-OPTIONNELLE-ILLISIBLE"),
        {"duree_suivie_h": None},
    ),
    ("F03", {"date_presentation": "2026-01-29", "date_obtention": "2026-01-29"}, None, {}),
]


@pytest.mark.parametrize(("feed", "change", "warning", "canonical"), WARNINGS)
def test_a_warning_keeps_the_row(
    tmp_path: Path, feed: str, change: dict[str, str], warning: tuple[str, str] | None, canonical: dict[str, str | None]
) -> None:
    judgement = judge(tmp_path, feed, change)
    assert judgement.accepted.height == 1
    assert found(judgement, "AVERTISSEMENT") == ([warning] if warning else [])
    assert judgement.accepted.select(list(canonical)).rows() == ([tuple(canonical.values())] if canonical else [])


def test_a_repeated_row_is_refused_from_the_second_on(tmp_path: Path) -> None:
    judgement = judge(tmp_path, "F02", {}, {"statut_pro": "salarié"}, {"objet_id": "S9", "duree_suivie_h": "1"}, {})
    assert judgement.accepted["_row_number"].to_list() == [2, 4]
    refused = judgement.findings.select("row_number", "rule_id").rows()
    assert refused == [(3, "DOUBLON"), (5, "DOUBLON")]
    assert "ligne 2" in judgement.findings["message"][0]


def test_rows_of_one_key_that_differ_are_all_refused(tmp_path: Path) -> None:
    other = {"courriel": "autre@exemple.fr", "nom_naissance": "Autre"}
    judgement = judge(tmp_path, "F02", {}, {"courriel": ""}, other)
    assert judgement.findings.select("row_number", "rule_id").rows() == [
        (2, "CLE-CONTRADICTOIRE"),
        (3, "CLE-CONTRADICTOIRE"),
    ]
    assert judgement.accepted["_row_number"].to_list() == [4]


def test_a_column_of_postcodes_is_told_from_a_column_of_communes(tmp_path: Path) -> None:
    def communes(*codes: str) -> list[str | None]:
        changes = ({"session_id": f"S{index}", "code_commune": code} for index, code in enumerate(codes))
        return judge(tmp_path, "F01", *changes).accepted["code_commune"].to_list()

    # 97220 is Rivière-Pilote's own code and La Trinité's postcode
    assert communes("97220", "97213") == ["97220", "97213"]
    assert communes("97220", "97200") == ["97230", "97209"]
    assert communes("97220", "97209", "97200") == ["97220", "97209"]


def test_an_ambiguous_postcode_names_its_communes(tmp_path: Path) -> None:
    message = judge(tmp_path, "F01", {"code_commune": "97250"}).findings["message"][0]
    assert "Saint-Pierre (97225)" in message
    assert "Le Prêcheur (97219)" in message


def test_too_many_people_for_the_places_is_one_warning_a_session(tmp_path: Path) -> None:
    people = [{"courriel": f"p{index}@exemple.fr", "nom_naissance": ""} for index in range(4)]
    coach = {"courriel": "coach@exemple.fr", "nom_naissance": "", "role": "ANIMATEUR"}
    assert found(judge(tmp_path, "F02", *people[:2], coach), "AVERTISSEMENT") == []
    judgement = judge(tmp_path, "F02", *people)
    assert found(judgement, "AVERTISSEMENT") == [("objet_id", "EFFECTIF-PLACES")]
    assert "4 personnes pour 2 places" in judgement.findings["message"][0]
    assert judgement.accepted.height == 4


def test_a_row_waits_for_its_session_then_is_judged_again(tmp_path: Path) -> None:
    judgement = judge(tmp_path, "F02", {"objet_id": "S3"}, {"objet_type": "EVENEMENT"}, {"objet_id": "S4", "sexe": "?"})
    assert judgement.awaiting.select("_row_number", "awaited_feed", "awaited_id").rows() == [
        (2, "F01", "S3"),
        (3, "F08", "S1"),
    ]
    assert found(judgement, "ATTENTE") == [("objet_id", "REFERENCE-ATTENDUE")] * 2
    assert judgement.rejected["row_number"].to_list() == [4]

    still = judge_awaited(judgement.awaiting, context("F02"))
    assert_sound(still, "F02")
    assert still.awaiting.drop("awaited_feed").equals(judgement.awaiting.drop("awaited_feed"))

    def arrived(hours: float) -> Judgement:
        session = {**SESSIONS.row(0, named=True), "session_id": "S3", "duree_prevue_h": str(hours)}
        known = pl.concat([SESSIONS, pl.DataFrame([session], schema=SESSIONS.schema)])
        again = judge_awaited(judgement.awaiting, context("F02", references=references_of("MQ", lookup_of(known))))
        assert_sound(again, "F02")
        return again

    accepted = arrived(7).accepted
    assert accepted["_row_number"].to_list() == [2]
    assert accepted["_object_partner_code"].to_list() == ["KABIA"]
    kept = [name for name in accepted.columns if name != "_object_partner_code"]
    assert accepted.select(kept).rows() == judgement.awaiting.head(1).select(kept).rows()
    assert found(arrived(3)) == [("duree_suivie_h", "DUREE-EXCESSIVE")]

    refused = refuse_awaited(judgement.awaiting, context("F02"))
    assert_sound(refused, "F02")
    assert found(refused) == [("objet_id", "REFERENCE-INCONNUE")] * 2


def test_personal_columns_need_their_convention(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.write_text(";".join(GOOD["F02"]) + "\n")
    with pytest.raises(BlockedFile) as caught:
        judge_file(file, "csv", context("F02", has_convention=False))
    assert caught.value.rule_id == "CLE-ABSENTE-CONVENTION"
    file.write_text(";".join(GOOD["F01"]) + "\n")
    assert judge_file(file, "csv", context("F01", has_convention=False)).rows_received == 0


def test_no_personal_value_leaves_but_in_the_partner_s_own_rows(tmp_path: Path) -> None:
    shifted = {"sexe": "marise.zobel@exemple.fr"}
    judgement = judge(tmp_path, "F02", {}, {"objet_id": "S3"}, shifted, {"courriel": "marise zobel", "sexe": "?"})
    for frame in (judgement.accepted, judgement.awaiting, judgement.findings, judgement.rejected):
        text = frame.write_csv().lower()
        for word in ("marise", "zobel", "1988"):
            assert word not in text
    assert "Zobeline" in judgement.refused_source["nom_naissance"].to_list()
    assert "m•••@•••" in judgement.rejected["row_values"][0]


def test_a_record_cut_short_is_refused_and_handed_back_whole(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    good = ";".join(GOOD["F02"].values())
    file.write_text(f"{';'.join(GOOD['F02'])}\n{good}\nSESSION;S1;marise.zobel@exemple.fr\n{good};de;trop\n")
    judgement = judge_file(file, "csv", context("F02"))
    assert_sound(judgement, "F02")
    assert judgement.findings.select("row_number", "rule_id").rows() == [
        (3, "ENREGISTREMENT-TRONQUE"),
        (4, "ENREGISTREMENT-TRONQUE"),
    ]
    assert judgement.rejected["row_values"].to_list() == ['{"texte":"•••"}'] * 2
    assert judgement.refused_source["courriel"].to_list() == ["marise.zobel@exemple.fr"] * 2
    assert judgement.refused_source["programme_code"].to_list() == ["", "MQ de trop"]


def test_what_is_handed_back_can_be_corrected_and_dropped_again(tmp_path: Path) -> None:
    judgement = judge(tmp_path, "F02", {}, {"sexe": "H"})
    back = judgement.refused_source.drop("_row_number").with_columns(sexe=pl.lit("F"))
    file = tmp_path / "rejets.csv"
    back.write_csv(file, separator=";")
    assert judge_file(file, "csv", context("F02")).accepted.height == 1


def test_the_hash_of_a_row_tells_contents_apart_and_not_files(tmp_path: Path) -> None:
    first = judge(tmp_path, "F02", {}, {"objet_id": "S9", "duree_suivie_h": "1"}).accepted
    second = judge(tmp_path, "F02", {"duree_suivie_h": "7,0"}).accepted
    assert first["_row_hash"].n_unique() == 2
    assert first["_row_hash"][0] == second["_row_hash"][0]
    renamed = judge(tmp_path, "F02", {"prenom": "Maryse"}).accepted
    assert renamed["_row_hash"][0] != first["_row_hash"][0]


def test_the_period_decides_the_age_and_the_dates(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    row = GOOD["F03"] | {"annee_naissance": "2011"}
    file.write_text(";".join(row) + "\n" + ";".join(row.values()) + "\n")
    earlier = judge_file(file, "csv", context("F03", period=parse_period("2025")))
    assert found(earlier) == [("annee_naissance", "AGE-MINIMUM")]
    assert found(earlier, "AVERTISSEMENT") == [("date_presentation", "DATE-HORS-PERIODE")]
    assert parse_period("2025").end + dt.timedelta(days=31) < dt.date(2026, 3, 20)


CELLS = st.sampled_from([
    "", " ", "S1", "S3", "é;\"x", "deux\nlignes", "2026-03-04", "31/02/2026", "7,5", "-1", "F", "SESSION", "TERMINE",
    "97209", "97250", "732829320", "a@b.fr", "1988", "MQ", "MQ-A1", "Total", "\x00", "ATELIER", "RS1", "OBTENU", "NR",
])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["F01", "F02", "F03"]),
    st.lists(st.tuples(st.dictionaries(st.integers(0, 16), CELLS, max_size=5), st.integers(-2, 2)), max_size=8),
)
def test_rows_always_add_up(
    tmp_path_factory: pytest.TempPathFactory, feed: str, changes: list[tuple[dict[int, str], int]]
) -> None:
    def record(change: dict[int, str], extra: int) -> str:
        cells = list(GOOD[feed].values())
        for index, cell in change.items():
            cells[index % len(cells)] = cell.replace("\x00", "")
        cells = cells[:extra] if extra < 0 else cells + ["x"] * extra
        return ";".join('"' + cell.replace('"', '""') + '"' for cell in cells)

    file = tmp_path_factory.getbasetemp() / "identity.csv"
    records = [record(*change) for change in changes]
    file.write_text("\n".join([";".join(GOOD[feed]), *records]) + "\n", encoding="utf-8")
    judgement = judge_file(file, "csv", context(feed))
    assert_sound(judgement, feed)
    assert judgement.rows_received + judgement.findings["rule_id"].eq("LIGNE-TOTAL").sum() == len(records)
