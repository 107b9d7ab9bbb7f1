"""What a partner reads of each delivery: the page, the CSV and the workbook of rows to mend."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import replace
from urllib.parse import quote

import openpyxl
import polars as pl
import pytest

from ingestion import receipts, rejects
from ingestion.contracts import load_contract
from ingestion.database import connect
from ingestion.loading import Delivery
from ingestion.settings import Settings
from tests.integration.receipt_books import RECEIVED_AT, TODAY, Books, Finding, Page, bad_sex, read_page

WAITING: Finding = (
    12,
    "objet_id",
    "S-9",
    "REFERENCE-ATTENDUE",
    "ATTENTE",
    "« S-9 » n'est pas encore connu : la ligne attend, sans être comptée.",
    "Rien à renvoyer si le flux F01 le déclare au plus tard le 25/10/2026 ; sinon la ligne sera refusée.",
)
WARNING: Finding = (
    4,
    "date_fin",
    "2027-03-04",
    "DATE-HORS-PERIODE",
    "AVERTISSEMENT",
    "« Date de fin » (2027-03-04) est à plus de 31 jours de la période du fichier (septembre 2026).",
    "Vérifiez la date.",
)
COMMA: Finding = (
    0,
    "duree_suivie_h",
    "",
    "DECIMALE-VIRGULE",
    "NOTE",
    "Virgule décimale lue (« 7,5 » compris comme 7.5).",
    "",
)
BLOCKED: Finding = (
    0,
    "",
    "",
    "COLONNES-MANQUANTES",
    "BLOQUE",
    "Il manque la colonne « Sexe ».",
    "Repartez du modèle F02.",
)
SOURCE = pl.DataFrame(
    {"_row_number": [3, 7], "Objet": ["S1", "007"], "Courriel": ["a@b.invalid", "=1+1"], " Sexe ": ["Q", "Q"]},
    schema_overrides={"_row_number": pl.Int32},
)


@pytest.fixture
def books(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> Books:
    monkeypatch.delenv("LAKOU_CONTACT", raising=False)
    monkeypatch.delenv("LAKOU_SMTP_URL", raising=False)
    opened = Books(clean).open_account()
    opened.expect(dt.date(2026, 9, 1), dt.date(2026, 12, 1))
    with connect(clean) as connection:
        receipts.write_index(clean, connection, opened.code, "Kabia", TODAY)
    return opened


def checked(books: Books, text: str) -> Page:
    page = read_page(text, books.folder)
    assert page.faults == []
    return page


def words(books: Books, text: str) -> str:
    return checked(books, text).words().replace("\u202f", " ")


def test_an_accepted_file_needs_nothing_more(books: Books) -> None:
    said = words(books, books.issue(books.record()))
    assert "ACCEPTÉ Toutes vos lignes sont prises en compte." in said
    assert "Rien de plus pour ce fichier." in said
    assert "10 lignes reçues" in said.replace("lignes reçues 10", "10 lignes reçues")
    assert "Sessions de formation (F01) de septembre 2026 : au plus tard le 10 octobre 2026" in said
    assert "Participations (F02) de septembre" not in said.split("échéances")[1], "it is there"
    assert "Ce qui ne va pas" not in said
    assert "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" in said
    assert "équipe de pilotage" in said


def test_a_reserved_file_says_what_to_do_rule_by_rule_and_line_by_line(books: Books) -> None:
    delivery = books.record(
        state="ACCEPTÉ AVEC RÉSERVES", rows_received=1_234, rows_accepted=1_231, rows_awaiting=1, rows_rejected=2
    )
    said = words(books, books.issue(delivery, [bad_sex(7), bad_sex(3), WAITING, WARNING, COMMA], SOURCE))
    assert "1 231 lignes sur 1 234 sont prises en compte ; 2 lignes sont refusées et 1 ligne est en attente." in said
    assert said.count("« Q » n'est pas une valeur de « Sexe ».") == 3, "once by rule, then on each of two lines"
    assert "Lignes 3 et 7" in said
    assert "Identifiant de l'objet" in said, "columns are called as people call them"
    assert "1 ligne en attente" in said
    assert "Vérifiez 1 avertissement" in said
    assert "Ce que nous avons compris" in said
    assert "Virgule décimale lue" in said.split("Ce que nous avons compris")[1].split("Ligne par ligne")[0]
    assert "Virgule" not in said.split("Ligne par ligne")[1], "a note is nothing to correct"
    assert "F02_participations__KABIA__2026-09__v1.rejets1.xlsx" in said


def test_a_blocked_file_says_what_blocks_and_gives_no_counts(books: Books) -> None:
    delivery = books.record(state="REFUSÉ", is_blocked=True, rows_received=0, rows_accepted=0)
    said = words(books, books.issue(delivery, [BLOCKED]))
    assert "REFUSÉ Le fichier entier est refusé : aucune de ses lignes n'est prise en compte" in said
    assert "Ce qui bloque le fichier" in said
    assert said.count("Repartez du modèle F02.") == 1, "said where it is to be done"
    assert "lignes reçues" not in said


def test_a_file_of_which_nothing_is_known_has_its_receipt(books: Books) -> None:
    delivery = books.record(feed=None, state="REFUSÉ", is_blocked=True, rows_received=0, rows_accepted=0)
    unknown: Finding = (0, "", "", "NOM-INCONNU", "BLOQUE", "Le nom n'a pas la forme attendue.", "Nommez-le autrement.")
    said = words(books, books.issue(delivery, [unknown]))
    assert "Fichier non reconnu" in said
    assert "Nommez-le autrement." in said


def test_all_rows_refused_is_no_blocked_file(books: Books) -> None:
    delivery = books.record(state="REFUSÉ", rows_received=2, rows_accepted=0, rows_rejected=2)
    said = words(books, books.issue(delivery, [bad_sex(3), bad_sex(7)], SOURCE))
    assert "Toutes les lignes sont refusées : le fichier n'est pas pris en compte et ne remplace rien." in said
    assert "rejets1.xlsx" in said


def test_a_nil_report_is_noted(books: Books) -> None:
    said = words(books, books.issue(books.record(rows_received=0, rows_accepted=0)))
    assert "c'est noté, vous n'avez rien à déclarer pour cette période" in said


def test_a_held_delivery_says_that_it_waits_and_why(books: Books) -> None:
    delivery = books.record(state="ACCEPTÉ AVEC RÉSERVES")
    held: Finding = (
        0,
        "",
        "",
        receipts.HELD,
        "AVERTISSEMENT",
        "Le fichier entier attend une validation : heures : +45 %.",
        "",
    )
    said = words(books, books.issue(delivery, [held]))
    assert "d'ici là, il ne compte dans aucun chiffre. Heures : +45 %." in said
    assert "Attendez" in said
    assert "Vérifiez" not in said, "there is nothing for the partner to check"
    assert "Ce qui ne va pas" not in said
    released = words(books, books.issue(replace(delivery, state="ACCEPTÉ"), []))
    assert "attend une validation" not in released
    assert "La validation a été donnée" in released
    assert "L'état était ACCEPTÉ AVEC RÉSERVES, il est maintenant ACCEPTÉ." in released


def test_a_revised_receipt_says_what_changed(books: Books) -> None:
    delivery = books.record(
        state="ACCEPTÉ AVEC RÉSERVES", rows_received=10, rows_accepted=7, rows_awaiting=3, rows_rejected=0
    )
    first = books.issue(delivery, [WAITING])
    assert "premier accusé" not in first
    settled = replace(delivery, rows_accepted=9, rows_awaiting=0, rows_rejected=1)
    said = words(books, books.issue(settled, [bad_sex(3)], SOURCE.head(1)))
    assert "révisé (n° 2)" in said
    assert "3 lignes qui attendaient sont réglées : 2 acceptées et 1 refusée." in said
    assert "n° 1 5 octobre 2026 ACCEPTÉ AVEC RÉSERVES 7 3 0" in said


def test_the_same_file_again_is_answered_under_its_new_name(books: Books) -> None:
    delivery = books.record()
    first = books.issue(delivery)
    assert "déjà" not in first
    with connect(books.settings) as connection:
        receipts.answer_again(
            books.settings,
            connection,
            delivery=delivery,
            today=TODAY,
            file_name="copie (2).csv",
        )
    said = words(books, books.page(delivery, "copie (2).csv"))
    assert "Ce fichier a déjà été reçu le 5 octobre 2026 à 10 h 03 (heure de Martinique) : rien ne change." in said
    assert "copie (2).csv" in said
    assert books.page(delivery) == first


def test_of_two_files_of_one_name_each_keeps_its_receipt(books: Books) -> None:
    first = books.record(sha256="a1" * 32)
    second = books.record(
        sha256="b2" * 32, state="REFUSÉ", is_blocked=True, received_at=RECEIVED_AT + dt.timedelta(days=1)
    )
    books.issue(first)
    latest = books.issue(second)
    assert "REFUSÉ" in words(books, latest)

    def aside(delivery: Delivery) -> str:
        return f"{delivery.file_name}.{delivery.sha256[:8]}.accuse"

    said = words(books, (books.folder / f"{aside(first)}.html").read_text(encoding="utf-8"))
    assert "Un autre fichier du même nom a été reçu le 6 octobre 2026 à 10 h 03" in said
    assert "Toutes vos lignes sont prises en compte" in said
    assert (books.folder / f"{aside(first)}.csv").exists()
    # a revision keeps to its place
    revised = replace(first, state="ACCEPTÉ AVEC RÉSERVES", rows_accepted=9, rows_rejected=1)
    books.issue(revised, [bad_sex(3)])
    assert books.page(second) == latest
    assert "9 lignes sur 10" in (books.folder / f"{aside(first)}.html").read_text(encoding="utf-8")
    with connect(books.settings) as connection:
        receipts.write_index(books.settings, connection, books.code, "Kabia", TODAY)
    index = read_page((books.folder / "index.html").read_text(encoding="utf-8"), books.folder)
    links = [element.attributes.get("href", "") for element in index.elements]
    assert {quote(f"{aside(first)}.html"), quote(f"{second.file_name}.accuse.html")} <= set(links)
    # the first one again: what its name tells is its own receipt
    with connect(books.settings) as connection:
        receipts.answer_again(books.settings, connection, delivery=revised, today=TODAY, file_name=first.file_name)
    assert "Ce fichier a déjà été reçu" in books.page(first)
    assert "REFUSÉ" in (books.folder / f"{aside(second)}.html").read_text(encoding="utf-8")


def test_a_sheet_of_a_workbook_has_a_receipt_of_its_own(books: Books) -> None:
    names = set()
    for feed in ("F01", "F02"):
        delivery = books.record(feed=feed, file_name="envoi septembre.xlsx", sheet=f"{feed} feuille")
        books.issue(delivery)
        names.add(receipts.receipt_stem(delivery))
    assert names == {"envoi septembre.xlsx.F01", "envoi septembre.xlsx.F02"}
    assert {f"{name}.accuse.{kind}" for name in names for kind in ("html", "csv")} <= {
        path.name for path in books.folder.iterdir()
    }


def test_two_hundred_problems_are_shown_and_all_are_in_the_csv(books: Books) -> None:
    rows = 450
    delivery = books.record(
        state="ACCEPTÉ AVEC RÉSERVES", rows_received=10_000, rows_accepted=10_000 - rows, rows_rejected=rows
    )
    text = books.issue(delivery, [bad_sex(line) for line in range(2, rows + 2)], SOURCE)
    page = checked(books, text)
    assert "Les 200 premières remarques sur 450" in page.words()
    assert "Lignes 2 à 451" in page.words(), "all the lines by rule all the same"
    (table,) = [element for element in page.all("table") if "premières remarques" in element.text]
    assert table.text.count("refusée") == receipts.SHOWN_PROBLEMS
    assert len(lines(books, delivery.file_name)) == rows


def test_counts_of_a_file_too_large_to_keep_are_those_of_the_whole_file(books: Books) -> None:
    delivery = books.record(
        state="ACCEPTÉ AVEC RÉSERVES", rows_received=900_000, rows_accepted=500_000, rows_rejected=400_000
    )
    rules = [receipts.RuleCount("LISTE", "REFUSE", 400_000, 400_000), receipts.RuleCount("X", "AVERTISSEMENT", 12, 9)]
    said = words(books, books.issue(delivery, [bad_sex(2), bad_sex(3)], SOURCE, rules))
    assert "LISTE refusée 400 000" in said
    assert "sur 400 012" in said
    assert "Elles sont trop nombreuses pour un classeur de lignes à corriger." in said
    assert "…__2026-09__v2" in said
    assert not list(books.folder.glob("*.xlsx"))
    assert books.all("select body -> 'warnings' from ops.receipts") == [(12,)]


def test_texts_of_partners_are_shown_and_never_run(books: Books) -> None:
    evil = "<script>alert(1)</script>\"'&{{7*7}}"
    delivery = books.record(
        state="ACCEPTÉ AVEC RÉSERVES", rows_accepted=9, rows_rejected=1, file_name='F02 "<b>KABIA</b>" & co.csv'
    )
    text = books.issue(delivery, [bad_sex(3, evil)])
    page = checked(books, text)
    assert evil in page.words()
    assert "<script" not in text
    assert "default-src 'none'" in text, "whatever slipped through would not run either"


@pytest.mark.parametrize("value", ["=1+1", "+cmd|x", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1+1"])
def test_a_formula_does_not_run_from_the_csv(books: Books, value: str) -> None:
    delivery = books.record(state="ACCEPTÉ AVEC RÉSERVES", rows_accepted=9, rows_rejected=1)
    books.issue(delivery, [bad_sex(3, value)])
    ((_, _, shown, *_),) = lines(books, delivery.file_name)
    assert shown == "'" + value


@pytest.mark.parametrize("value", ["-5", "+596596123456", "-7,5", "-12 %", "-1 234,50", "texte", "12-03"])
def test_a_number_stays_one_in_the_csv(books: Books, value: str) -> None:
    delivery = books.record(state="ACCEPTÉ AVEC RÉSERVES", rows_accepted=9, rows_rejected=1)
    books.issue(delivery, [bad_sex(3, value)])
    ((_, _, shown, *_),) = lines(books, delivery.file_name)
    assert shown == value


def test_the_csv_opens_in_a_french_excel(books: Books) -> None:
    delivery = books.record(state="ACCEPTÉ AVEC RÉSERVES", rows_accepted=9, rows_rejected=1)
    books.issue(delivery, [bad_sex(3, 'a;b"c')])
    data = (books.folder / f"{delivery.file_name}.accuse.csv").read_bytes()
    assert data.startswith("\ufeffligne;colonne;valeur;regle;gravite;message;correction\r\n".encode())
    assert data.replace(b"\r\n", b"").count(b"\n") == 0
    assert lines(books, delivery.file_name) == [
        [
            "3",
            "sexe",
            'a;b"c',
            "LISTE",
            "REFUSE",
            "« a;b\"c » n'est pas une valeur de « Sexe ».",
            "Valeurs admises : F, M, X, NR.",
        ]
    ]


def lines(books: Books, file_name: str) -> list[list[str]]:
    text = (books.folder / f"{file_name}.accuse.csv").read_bytes().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))[1:]


def test_the_rows_to_mend_come_back_marked(books: Books) -> None:
    delivery = books.record(state="ACCEPTÉ AVEC RÉSERVES", rows_accepted=8, rows_rejected=2)
    both: Finding = (7, "", "", "DOUBLON", "REFUSE", "Cette ligne répète à la lettre la ligne 6.", "Retirez-la.")
    books.issue(delivery, [bad_sex(3), bad_sex(7), both], SOURCE)
    path = books.folder / "F02_participations__KABIA__2026-09__v1.rejets1.xlsx"
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    assert sheet["A1"].value == f"lakou:F02:{load_contract('F02').version}:KABIA:2026-09:v1:rejets1"
    assert sheet.row_dimensions[1].hidden
    assert [cell.value for cell in sheet[2]] == [rejects.REASON_HEADER, "Objet", "Courriel", " Sexe "]
    assert [cell.value for cell in sheet[3]][1:] == ["S1", "a@b.invalid", "Q"]
    assert [cell.value for cell in sheet[4]][1:] == ["007", "=1+1", "Q"]
    assert "n'est pas une valeur de « Sexe »" in sheet["A3"].value
    assert "répète à la lettre" in sheet["A4"].value
    assert "Valeurs admises" in sheet["A4"].value
    bad, good = sheet["D3"], sheet["B3"]
    assert "Valeurs admises" in bad.comment.text
    assert bad.fill.fgColor.rgb == "FFFBD5D0"
    assert good.comment is None
    assert good.fill.fill_type is None
    assert {cell.number_format for row in sheet.iter_rows(min_row=3) for cell in row} == {"@"}, "codes keep their zeros"
    assert (sheet["C4"].data_type, sheet["C4"].quotePrefix) == ("s", True), "a formula is text, and stays what it was"
    assert not sheet["C3"].quotePrefix
    assert sheet.freeze_panes == "B3"
    (choice,) = sheet.data_validations.dataValidation
    assert (str(choice.sqref), choice.formula1) == ("D3:D4", '"F,M,X,NR"'), (
        "what « Sexe » may be is there to choose from"
    )


def test_the_rows_to_mend_are_numbered_from_one_receipt_to_the_next(books: Books) -> None:
    delivery = books.record(state="ACCEPTÉ AVEC RÉSERVES", rows_accepted=8, rows_rejected=1, rows_awaiting=1)
    books.issue(delivery, [bad_sex(3)], SOURCE.head(1))
    later = replace(delivery, rows_awaiting=0, rows_rejected=2)
    said = words(books, books.issue(later, [bad_sex(3), bad_sex(7)], SOURCE.tail(1)))
    assert "Ouvrez les classeurs des lignes refusées" in said
    assert sorted(path.name.split("__v1")[1] for path in books.folder.glob("*.xlsx")) == [
        ".rejets1.xlsx",
        ".rejets2.xlsx",
    ]
    books.record(part=1, received_at=RECEIVED_AT + dt.timedelta(days=1))
    books.record(part=2, received_at=RECEIVED_AT + dt.timedelta(days=1))
    said = words(books, books.issue(later, [bad_sex(3), bad_sex(7)]))
    assert "Vous avez déjà renvoyé les lignes refusées : voyez l'accusé de ce complément." in said


def test_the_figures_of_the_partner_are_shown_before_and_after(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = [
        {"title": "Heures suivies", "unit": "heures", "before": 1200.0, "after": 1290.5},
        {"title": "Personnes", "unit": "personnes", "before": 0.0, "after": 12.0},
        {"title": "Certifiés", "unit": "personnes", "before": 3.0, "after": 3.0},
    ]
    monkeypatch.setattr(receipts, "_figures", lambda *_: figures)
    said = words(books, books.issue(books.record()))
    assert "Vos chiffres de septembre 2026" in said
    assert "Heures suivies (heures) 1 200 1 290,5 +90,5 (+8 %)" in said
    assert "Personnes (personnes) 0 12 +12" in said
    assert "Certifiés (personnes) 3 3 inchangé" in said


def test_figures_are_measured_on_the_rows_loaded(books: Books) -> None:
    for version, hours in ((1, "6"), (2, "7.5")):
        delivery = books.record(
            "F01",
            version=version,
            rows_received=1,
            rows_accepted=1,
            received_at=RECEIVED_AT + dt.timedelta(hours=version),
        )
        (load,) = books.all(
            "insert into ops.loads (delivery_id, kind, rows_accepted) values (%s, 'LIVRAISON', 1) returning load_id",
            delivery.delivery_id,
        )
        books.all(
            "insert into raw.f01_sessions_formation (session_id, duree_prevue_h, _load_id, _delivery_id, _row_number,"
            " _row_hash) values ('S1', %s, %s, %s, 2, 'x') returning 1",
            hours,
            load[0],
            delivery.delivery_id,
        )
        said = words(books, books.issue(delivery))
    assert "Heures prévues (heures) 6 7,5 +1,5 (+25 %)" in said


def test_a_check_before_sending_gives_the_same_pages_in_a_folder(books: Books, tmp_path: object) -> None:
    delivery = books.record(state="ACCEPTÉ AVEC RÉSERVES", rows_accepted=8, rows_rejected=2)
    folder = books.settings.home / "check"
    path = receipts.preview(
        folder,
        contract=load_contract("F02"),
        delivery=delivery,
        findings=pl.DataFrame([bad_sex(3), bad_sex(7)], schema=receipts.FINDINGS, orient="row"),
        refused_source=SOURCE,
        today=TODAY,
    )
    page = read_page(path.read_text(encoding="utf-8"), folder)
    assert page.faults == []
    assert "Ceci est une vérification : rien n'a été envoyé ni enregistré." in page.words()
    assert {item.suffix for item in folder.iterdir()} == {".html", ".csv", ".xlsx"}
    assert books.all("select 1 from ops.receipts") == []


def test_whom_to_ask_is_said_in_every_page(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKOU_CONTACT", "donnees@lakou.invalid")
    page = checked(books, books.issue(books.record()))
    assert "mailto:donnees@lakou.invalid" in {link.attributes["href"] for link in page.all("a")}
