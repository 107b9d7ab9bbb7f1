"""Forms: what people write is understood or asked about, and what was understood otherwise is told."""

from __future__ import annotations

import dataclasses
import random

import polars as pl
import pytest
from stdnum.fr import siren, siret

from ingestion.cells import Readers, scrubbed
from ingestion.codes import is_siren, is_siret
from ingestion.contracts import Column, load_contract
from ingestion.forms import plain_form
from ingestion.reading import NO_VALUE
from tests.unit.judging_rows import judge, minimal_row

DAY = Column("c", "Jour", "", "date", "2026-03-04")
MOMENT = Column("c", "Moment", "", "datetime", "2026-03-04T10:00:00")
WHOLE = Column("c", "Places", "", "integer", "20", minimum=0, maximum=1_000_000)
NUMBER = Column("c", "Montant", "", "number", "7.5", minimum=-10, maximum=1e12)
HOURS = Column("c", "Durée", "", "number", "7.5", maximum=400)
SHARE = Column("c", "Part", "", "number", "0.5", minimum=0, maximum=1)
SCORE = Column("c", "Score", "", "number", "50", minimum=0, maximum=100)
YES = Column("c", "Oui", "", "boolean", "OUI")
SIREN = Column("c", "SIREN", "", "string", "732829320", checks=("siren",))
SIRENS = Column("c", "SIREN", "", "string", "732829320", checks=("siren_list",))
SIRET = Column("c", "SIRET", "", "string", "73282932000074", checks=("siret",))
NAF = Column("c", "NAF", "", "string", "6201Z", checks=("naf",))
COUNTRY = Column("c", "Pays", "", "string", "FR", checks=("country",))
SIZE = Column("c", "Taille", "", "string", "1-9", enum=("0", "1-9", "10-49", "50-249", "250+"))
STATUS = Column("c", "Statut", "", "string", "SALARIE", enum=("SALARIE", "DEMANDEUR_EMPLOI", "AGENT_PUBLIC", "NR"))
IDENTIFIER = Column("c", "Identifiant", "", "string", "S-1", max_length=40, pattern="[^@]+")
FREE = Column("c", "Texte", "", "string", "Texte", checks=("free_text",))
NAME = Column("c", "Nom", "", "string", "Nom", treatment="hmac", checks=("person",))
LINK = Column("c", "Lien", "", "string", "https://exemple.fr", checks=("url",))

UNDERSTOOD = [
    # dates
    (DAY, "2026-03-04", "2026-03-04", None),
    (DAY, "2026-3-4", "2026-03-04", "DATE-FRANCAISE"),
    (DAY, "04/03/2026", "2026-03-04", "DATE-FRANCAISE"),
    (DAY, "4.3.2026", "2026-03-04", "DATE-FRANCAISE"),
    (DAY, "04-03-2026", "2026-03-04", "DATE-FRANCAISE"),
    (DAY, "2026/03/04", "2026-03-04", "DATE-FRANCAISE"),
    (DAY, "20260304", "2026-03-04", "DATE-FRANCAISE"),
    (DAY, "1er mars 2026", "2026-03-01", "DATE-FRANCAISE"),
    (DAY, "4 Août 2026", "2026-08-04", "DATE-FRANCAISE"),
    (DAY, "04-févr-2026", "2026-02-04", "DATE-FRANCAISE"),
    (DAY, "2026-03-04 00:00:00", "2026-03-04", "DATE-FRANCAISE"),
    (DAY, "2026-03-04T09:30:00+02:00", "2026-03-04", "DATE-FRANCAISE"),
    (MOMENT, "2026-03-04T10:05:00", "2026-03-04T10:05:00", None),
    (MOMENT, "2026-03-04 10:05", "2026-03-04T10:05:00", None),
    (MOMENT, "04/03/2026 10h05", "2026-03-04T10:05:00", "DATE-FRANCAISE"),
    (MOMENT, "2026-03-04", "2026-03-04T00:00:00", None),
    # four hours earlier where the programme is
    (MOMENT, "2026-03-04T02:05:00Z", "2026-03-03T22:05:00", "DATE-FRANCAISE"),
    (MOMENT, "2026-03-04T10:05:00+02:00", "2026-03-04T04:05:00", "DATE-FRANCAISE"),
    # numbers
    (WHOLE, "20", "20", None),
    (WHOLE, "20.0", "20", None),
    (WHOLE, "1 234", "1234", "MILLIERS-LUS"),
    (WHOLE, "1\u202f234", "1234", "MILLIERS-LUS"),
    (WHOLE, "1\u00a0234", "1234", "MILLIERS-LUS"),
    (WHOLE, "1'234", "1234", "MILLIERS-LUS"),
    (NUMBER, "7,50", "7.5", "DECIMALE-VIRGULE"),
    (NUMBER, "007.50", "7.5", None),
    (NUMBER, ",5", "0.5", "DECIMALE-VIRGULE"),
    (NUMBER, "−1,5", "-1.5", "DECIMALE-VIRGULE"),
    (NUMBER, "1 234,50", "1234.5", "MILLIERS-LUS"),
    (NUMBER, "1.234,50", "1234.5", "MILLIERS-LUS"),
    (NUMBER, "1,234.50", "1234.5", "MILLIERS-LUS"),
    (NUMBER, "1.234.567", "1234567", "MILLIERS-LUS"),
    (NUMBER, "1 250,50 €", "1250.5", "MILLIERS-LUS"),
    (NUMBER, "12 €", "12", "UNITE-LUE"),
    (NUMBER, "1.234", "1.234", None),
    (NUMBER, "0,125", "0.125", "DECIMALE-VIRGULE"),
    # only the decimal comma fits
    (HOURS, "7,125", "7.125", "DECIMALE-VIRGULE"),
    (SHARE, "12,5 %", "0.125", "POURCENTAGE-LU"),
    (SHARE, "100%", "1", "POURCENTAGE-LU"),
    (SHARE, "5 %", "0.05", "POURCENTAGE-LU"),
    (SHARE, "1,000", "1", "DECIMALE-VIRGULE"),
    (SCORE, "85 %", "85", "POURCENTAGE-LU"),
    # yes and no
    *((YES, text, "true", None) for text in ("OUI", "oui", "true", "Oui ")),
    *((YES, text, "true", "OUI-NON-LU") for text in ("O", "x", "1", "Vrai", "VRAI", "yes")),
    *((YES, text, "false", None) for text in ("NON", "false")),
    *((YES, text, "false", "OUI-NON-LU") for text in ("N", "0", "Faux", "no")),
    # numbers of identification
    (SIREN, "732 829 320", "732829320", None),
    (SIREN, "732\u00a0829\u202f320", "732829320", None),
    (SIREN, "732.829.320", "732829320", None),
    (SIREN, "'732829320", "732829320", None),
    (SIREN, "732829320.0", "732829320", None),
    (SIREN, "5520135", "005520135", "ZEROS-RENDUS"),
    (SIREN, "356000000", "356000000", None),
    (SIRENS, "732 829 320 ; 552100554, 356000000", "732829320;552100554;356000000", None),
    (SIRET, "732 829 320 00074", "73282932000074", None),
    (SIRET, "552013500012", "00552013500012", "ZEROS-RENDUS"),
    (SIRET, "35600000000001", "35600000000001", None),
    (NAF, "62.01z", "6201Z", None),
    (NAF, "62.01Z - Programmation informatique", "6201Z", "LIBELLE-LU"),
    (COUNTRY, "fr", "FR", None),
    (COUNTRY, "NA", "NA", None),
    (COUNTRY, "France", "FR", "LIBELLE-LU"),
    (COUNTRY, "DEU", "DE", "LIBELLE-LU"),
    # closed lists
    (SIZE, "1 - 9", "1-9", None),
    (SIZE, "1–9", "1-9", None),
    (SIZE, "de 1 à 9 salariés", "1-9", "LIBELLE-LU"),
    (SIZE, "0.0", "0", None),
    (STATUS, "salarie\u0301", "SALARIE", None),
    (STATUS, "Demandeur d'emploi", "DEMANDEUR_EMPLOI", "LIBELLE-LU"),
    (STATUS, "demandeur d’emploi", "DEMANDEUR_EMPLOI", "LIBELLE-LU"),
    (STATUS, "Salarié(e)", "SALARIE", "LIBELLE-LU"),
    (STATUS, "Salariés", "SALARIE", "LIBELLE-LU"),
    # texts
    (IDENTIFIER, "  S\u00a0 1\t", "S 1", None),
    (FREE, "Ate\u0301lier", "Atélier", None),
    (LINK, "https://exemple.fr/a?b=c", "https://exemple.fr/a?b=c", None),
    # nothing at all
    *((SIZE, text, None, "ABSENT-LU") for text in ("NC", "n/a", "-", "Néant", "sans objet", "N.D.")),
    *((WHOLE, text, None, "ABSENT-LU") for text in ("NC", "N/A", "—", "null")),
    (IDENTIFIER, "Non renseigné", None, "ABSENT-LU"),
    (DAY, "nc", None, "ABSENT-LU"),
    (YES, "-", None, "ABSENT-LU"),
    (STATUS, "NR", "NR", None),
    (NAME, "Null", "Null", None),
    (NAME, "NC", None, "ABSENT-LU"),
    (WHOLE, " \u00a0\u200b", None, None),
]
REFUSED = [
    (DAY, "31/02/2026", "TYPE-DATE", "le jour ou le mois n'existe pas"),
    (DAY, "03/25/2026", "TYPE-DATE", "le jour vient d'abord"),
    # which century, and is the year first or last: nobody knows
    (DAY, "04/03/26", "TYPE-DATE", "deux chiffres"),
    (DAY, "mars 2026", "TYPE-DATE", ""),
    (DAY, "46085", "VALEUR-TABLEUR", "04/03/2026"),
    (DAY, "46085,5", "VALEUR-TABLEUR", "04/03/2026"),
    (DAY, "#####", "VALEUR-TABLEUR", "calculer"),
    (DAY, "٢٠٢٦-٠٣-٠٤", "TYPE-DATE", ""),
    (MOMENT, "2026-03-04 25:00", "TYPE-DATE-HEURE", ""),
    (MOMENT, "2026-03-04 midi", "TYPE-DATE-HEURE", ""),
    (MOMENT, "46085.25", "VALEUR-TABLEUR", "04/03/2026"),
    (WHOLE, "1,234", "TYPE-ENTIER", "1234 (milliers) ou 1,234 (décimales)"),
    (WHOLE, "1.000", "TYPE-ENTIER", "milliers"),
    (WHOLE, "12 34", "TYPE-ENTIER", ""),
    (WHOLE, "12,5", "TYPE-ENTIER", ""),
    (WHOLE, "12 %", "TYPE-ENTIER", ""),
    (WHOLE, "١٢", "TYPE-ENTIER", ""),
    (WHOLE, "-1", "BORNES", ""),
    (NUMBER, "1,234", "TYPE-DECIMAL", "1234 (milliers) ou 1,234 (décimales)"),
    (NUMBER, "4,2E+13", "VALEUR-TABLEUR", "abrégé"),
    (NUMBER, "#DIV/0!", "VALEUR-TABLEUR", "calculer"),
    (NUMBER, "7 h", "TYPE-DECIMAL", ""),
    (NUMBER, NO_VALUE, "FORMULE-SANS-VALEUR", ""),
    (HOURS, "50 %", "TYPE-DECIMAL", ""),
    (SHARE, "112,5 %", "BORNES", ""),
    (YES, "peut-être", "TYPE-BOOLEEN", ""),
    (YES, "#REF!", "VALEUR-TABLEUR", ""),
    (SIREN, "732829321", "SIREN", ""),
    (SIREN, "73282932", "SIREN", ""),
    (SIREN, "7,33E+08", "VALEUR-TABLEUR", "abrégé"),
    (SIRENS, "732829320;12", "SIREN", ""),
    (SIRET, "73282932000075", "SIRET", ""),
    (SIRET, "4,2E+13", "VALEUR-TABLEUR", "abrégé"),
    (SIRET, "732829320", "SIRET", ""),
    (NAF, "0460Z", "NAF", ""),
    (NAF, "62", "NAF", ""),
    (COUNTRY, "Atlantide", "PAYS", ""),
    (SIZE, "2026-09-01", "VALEUR-TABLEUR", "« 1-9 »"),
    (SIZE, "01/09/2026", "VALEUR-TABLEUR", "« 1-9 »"),
    (SIZE, "01-sept", "VALEUR-TABLEUR", "« 1-9 »"),
    (SIZE, "1-sept.", "VALEUR-TABLEUR", "« 1-9 »"),
    (SIZE, "09/01/2026", "VALEUR-TABLEUR", "« 1-9 »"),
    (SIZE, "oct-49", "VALEUR-TABLEUR", "« 10-49 »"),
    (SIZE, "01/10/1949", "VALEUR-TABLEUR", "« 10-49 »"),
    (SIZE, "19", "LISTE", ""),
    (SIZE, "12", "LISTE", ""),
    (STATUS, "#N/A", "VALEUR-TABLEUR", "calculer"),
    (STATUS, "Emploi", "LISTE", ""),
    (IDENTIFIER, "4,2E+13", "VALEUR-TABLEUR", "abrégé"),
    (IDENTIFIER, "#NOM?", "VALEUR-TABLEUR", "calculer"),
    (IDENTIFIER, NO_VALUE, "FORMULE-SANS-VALEUR", ""),
    (LINK, "exemple.fr", "URL", ""),
]


def read(column: Column, *texts: str) -> list[tuple[str | None, str | None, str | None, str | None]]:
    """Value, fault, detail and note of some cells of a column."""
    cells = Readers().read({"c": pl.Series(texts, dtype=pl.String)}, {"c": plain_form(column)}, len(texts))["c"]
    every = pl.int_range(0, len(texts), dtype=pl.UInt32, eager=True)
    fields = [cells.at(name, every).to_list() for name in ("value", "fault", "detail", "note")]
    return list(zip(*fields, strict=True))


@pytest.mark.parametrize(("column", "text", "value", "note"), UNDERSTOOD)
def test_what_is_written_is_understood(column: Column, text: str, value: str | None, note: str | None) -> None:
    # alone, beside one that is canonical already, and in a column that is long enough to be read by its different values
    for texts in ((text,), (text, column.example), (text, column.example) * 1_200):
        found = read(column, *texts)
        assert (found[0][0], found[0][1], found[0][3]) == (value, None, note)
        assert found[0] == found[-2 if len(texts) > 1 else 0]


@pytest.mark.parametrize(("column", "text", "rule_id", "detail"), REFUSED)
def test_what_is_wrong_or_has_two_readings_is_refused(column: Column, text: str, rule_id: str, detail: str) -> None:
    for texts in ((text,), (text, column.example), (text, column.example) * 1_200):
        found = read(column, *texts)
        assert found[0][:2] == (None, rule_id)
        assert detail in (found[0][2] or "")


@pytest.mark.parametrize("column", [DAY, WHOLE, NUMBER, SIREN, SIRET, IDENTIFIER, FREE, MOMENT, NAF])
def test_a_long_column_of_different_values_is_read_like_a_short_one(column: Column) -> None:
    pick = random.Random(1)
    odd = [text for other, text, *_ in (*UNDERSTOOD, *REFUSED) if other is column]
    made = [f"{pick.randint(0, 10**9)}" for _ in range(3_000)]
    together = made + odd
    pick.shuffle(together)
    alone = {text: found for part in range(0, len(together), 500) for text, found in
             zip(together[part : part + 500], read(column, *together[part : part + 500]), strict=True)}  # fmt: skip
    for text, found in zip(together, read(column, *together), strict=True):
        # what would be told of a fault matters where there is one
        assert found[:2] + found[3:] == alone[text][:2] + alone[text][3:], text
        assert found[1] is None or found[2] == alone[text][2], text


def test_keys_of_companies_are_those_of_stdnum() -> None:
    pick = random.Random(2)
    for length, ours, theirs in ((9, is_siren, siren), (14, is_siret, siret)):
        column = SIREN if length == 9 else SIRET
        numbers = [f"{pick.randrange(10**length):0{length}d}" for _ in range(3_000)]
        numbers += [f"356000000{pick.randrange(10**5):05d}" for _ in range(300) if length == 14]
        valid = [theirs.is_valid(number) for number in numbers]
        assert [ours(number) for number in numbers] == valid
        assert [found[0] is not None for found in read(column, *numbers)] == valid


def test_personal_data_in_a_free_text_is_masked() -> None:
    texts = {
        "Écrire à a.b@exemple.fr": "Écrire à •••",
        "Appeler le 06 96 12 34 56 le soir": "Appeler le ••• le soir",
        "ou +596 696 12 34 56": "ou •••",
        "Dossier 2 85 05 97 209 123 45": "Dossier •••",
        "Salle 12, 20 places, le 04/03/2026": "Salle 12, 20 places, le 04/03/2026",
    }
    for text, masked in texts.items():
        value, fault, _, note = read(FREE, text)[0]
        assert (value, fault) == (masked, None)
        assert note == ("DONNEE-PERSONNELLE-TEXTE" if masked != text else None)
    assert pl.select(scrubbed(pl.lit("a@b.fr"))).item() == "•••"


def test_a_note_names_its_column_and_shows_an_example() -> None:
    row = minimal_row(load_contract("F13")) | {"cout_eligible": "1 250,50", "montant_vote": "0", "date": "04/03/2026"}
    row |= {"montant_engage": "0", "montant_mandate": "0"}
    rows = [row, row | {"ligne": "2", "cout_eligible": "2 000,00"}]
    told = dict(judge("F13", *rows).findings.select("rule_id", "message").rows())
    assert told["MILLIERS-LUS"] == (
        "Séparateurs de milliers lus dans « Coût éligible » (2 lignes : « 1 250,50 » compris comme « 1250.5 »)."
        .replace("Coût éligible", load_contract("F13").column("cout_eligible").title)
    )  # fmt: skip
    assert "« 04/03/2026 » compris comme « 2026-03-04 »" in told["DATE-FRANCAISE"]


def test_a_note_about_a_personal_column_shows_no_value() -> None:
    row = minimal_row(load_contract("F02")) | {"annee_naissance": "1988,0"}
    text = " ".join(judge("F02", row).findings["message"])
    assert "« ••• » compris comme « ••• »" in text
    assert "1988" not in text


def test_a_postcode_is_shown_with_the_commune_that_it_was_taken_for() -> None:
    row = minimal_row(load_contract("F05"))
    judged = judge("F05", row | {"code_commune": "97200"}, row | {"parcours_id": "P2", "code_commune": "97220"})
    text = judged.findings.filter(pl.col("rule_id") == "CODE-POSTAL-CONVERTI")["message"][0]
    assert "« 97200 » compris comme « 97209 (Fort-de-France) »" in text
    assert "« 97220 » compris comme « 97230 (La Trinité) »" in text


def test_a_default_stands_for_an_empty_cell_only() -> None:
    column = dataclasses.replace(NUMBER, default="1")
    assert [found[0] for found in read(column, "", "NC", "2", "deux")] == ["1", "1", "2", None]
