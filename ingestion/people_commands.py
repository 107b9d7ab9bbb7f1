"""`lakou person`: unique people to review, and what one person may ask for. It answers in French: a person is being answered."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from ingestion.errors import LakouError

if TYPE_CHECKING:
    from ingestion.people import Dossier, Identifiers, PersonRow
    from ingestion.people_reviews import Review
    from ingestion.settings import Settings

LABELS = {
    "courriel": "Courriel",
    "nom_naissance": "Nom de naissance",
    "prenom": "Prénom",
    "annee_naissance": "Année de naissance",
}
# of one row, and of several
STATES = {
    "COMPTEE": ("comptée", "comptées"),
    "EN_ATTENTE": ("en attente", "en attente"),
    "REFUSEE": ("refusée", "refusées"),
    "REMPLACEE": ("remplacée par un envoi plus récent", "remplacées par un envoi plus récent"),
    "RETENUE": ("dans aucun build", "dans aucun build"),
    "EFFACEMENT": ("en cours d'effacement", "en cours d'effacement"),
}
REASONS = {
    "PLUS_DE_4_CLES": "plus de quatre adresses et noms réunis",
    "COMMUNES_DIFFERENTES": "même nom, adresses et communes différentes",
    "DECISION_CONTREDITE": "une décision les sépare et de nouvelles lignes les réunissent",
}
VERDICTS = {"REUNIR": "une seule personne", "SEPARER": "des personnes différentes"}

_json = click.option("--json", "is_json", is_flag=True, help="Répondre en JSON.")
_by = click.option("--by", required=True, metavar="NOM", help="Qui en décide ou traite la demande.")
_reference = click.option("--reference", default="", help="Référence de la demande écrite, sans nom ni adresse.")
_from = click.option(
    "--from",
    "file",
    type=click.File("r", encoding="utf-8"),
    help="Fichier JSON (ou - pour l'entrée standard) de courriel, nom_naissance, prenom, annee_naissance ; sinon, on demande.",
)
_yes = click.option("--yes", "is_sure", is_flag=True, help="Ne pas demander de confirmation.")


@click.group()
def person() -> None:
    """Personnes uniques à revoir ; accès, opposition et effacement d'une personne.

    Ce qui permet de reconnaître une personne n'est jamais un argument : cela se tape ou se lit d'un fichier, et n'est
    écrit nulle part.
    """


@person.command()
@_from
@_by
@_reference
@_json
@click.pass_obj
def access(settings: Settings, /, file: Any, by: str, reference: str, *, is_json: bool) -> None:
    """Montrer tout ce que la plateforme détient d'une personne : remises, lignes et valeurs gardées."""
    from ingestion import people
    from ingestion.database import connect
    from ingestion.receive import load_pseudonymiser

    pseudonymiser = load_pseudonymiser(settings)
    keys = people.keys_of(pseudonymiser, _identifiers(file))
    with connect(settings) as connection:
        dossier = people.find(settings, connection, pseudonymiser, keys)
        people.note(connection, by, "ACCES", reference, rows=len(dossier.rows))
    if is_json:
        _print_json([dataclasses.asdict(row) for row in dossier.rows])
        return
    _show(dossier)
    for row in dossier.rows:
        for name, value in row.values.items():
            click.echo(f"    {_place(row)}  {name} = {value}")


@person.command("object")
@_from
@_by
@_reference
@click.option("--lift", is_flag=True, help="La personne ne s'oppose plus.")
@_yes
@click.pass_obj
def object_command(settings: Settings, /, file: Any, by: str, reference: str, *, lift: bool, is_sure: bool) -> None:
    """Noter qu'une personne s'oppose : dès le prochain build elle est comptée sans profil (âge, sexe, commune…)."""
    from ingestion import people
    from ingestion.database import connect
    from ingestion.receive import load_pseudonymiser

    pseudonymiser = load_pseudonymiser(settings)
    keys = people.keys_of(pseudonymiser, _identifiers(file))
    with connect(settings) as connection:
        # refuses what is of several people
        dossier = people.find(settings, connection, pseudonymiser, keys)
        _show(dossier)
        _confirm(
            "Lever l'opposition de cette personne ?" if lift else "Compter cette personne sans profil ?",
            is_sure=is_sure,
        )
        changed = people.object_to(connection, keys, pseudonymiser.key_id, by=by, reference=reference, lift=lift)
    word = "levée" if lift else "notée"
    click.echo(
        f"Opposition {word} ; le prochain `lakou build` en tient compte." if changed else f"Elle était déjà {word}."
    )


@person.command()
@_from
@_by
@_reference
@click.option("--dry-run", is_flag=True, help="Montrer ce qui serait effacé, et ne rien changer.")
@_yes
@_json
@click.pass_obj
def erase(
    settings: Settings, /, file: Any, by: str, reference: str, *, dry_run: bool, is_sure: bool, is_json: bool
) -> None:
    """Effacer une personne : lignes chargées, en attente et refusées, fichiers gardés, liens ; jamais une clôture.

    Ce qui serait effacé est d'abord montré. Le prochain build achève l'effacement ; la commande peut être reprise.
    """
    from ingestion import people
    from ingestion.database import connect
    from ingestion.people_erasing import erase as erase_person
    from ingestion.receive import load_pseudonymiser

    pseudonymiser = load_pseudonymiser(settings)
    keys = people.keys_of(pseudonymiser, _identifiers(file))
    with connect(settings) as connection:
        dossier = people.find(settings, connection, pseudonymiser, keys)
    if not is_json:
        _show(dossier)
    if dry_run:
        if is_json:
            _print_json({"rows": len(dossier.rows), "landed_files": len(dossier.landed), "unread": dossier.unread})
        return
    if dossier.rows or dossier.landed:
        _confirm("Effacer cette personne, sans retour ?", is_sure=is_sure)
    erasure, _ = erase_person(settings, pseudonymiser, keys, by=by, reference=reference)
    if is_json:
        _print_json(dataclasses.asdict(erasure))
    elif erasure.erasure_id is None:
        click.echo("Rien à effacer de plus.")
    else:
        click.echo(
            f"Effacement {erasure.erasure_id} : le prochain `lakou build` l'achève, la publication suivante le montre."
        )
        click.echo(
            "  une ligne qui nommerait encore cette personne, pour une période commencée à ce jour, sera refusée"
            " (PERSONNE-EFFACEE)"
        )
        for partner, number in sorted(Counter(row.partner_code for row in dossier.rows).items()):
            click.echo(
                f"  à dire à {partner} : {_count(number, 'ligne')} à ôter de ses propres fichiers, /depot et /traites compris"
            )


@person.group()
def review() -> None:
    """Questions que les règles laissent à quelqu'un : une personne, ou plusieurs ?"""


@review.command("list")
@click.option("--answered", is_flag=True, help="Celles qui ont une réponse.")
@_json
@click.pass_obj
def review_list(settings: Settings, /, *, answered: bool, is_json: bool) -> None:
    """Montrer les questions, et où sont les lignes : le partenaire sait qui elles nomment."""
    from ingestion.database import connect
    from ingestion.people_reviews import reviews

    with connect(settings) as connection:
        found = reviews(connection, answered=answered)
    if is_json:
        _print_json([dataclasses.asdict(question) for question in found])
        return
    for question in found:
        _show_review(question)
    if not found:
        click.echo("Aucune réponse en vigueur." if answered else "Aucune question.")


@review.command("join")
@click.argument("review_id", type=int)
@_by
@click.option("--reason", default="", help="Pourquoi, sans nom ni adresse.")
@click.pass_obj
def review_join(settings: Settings, /, review_id: int, by: str, reason: str) -> None:
    """Répondre à la question REVIEW_ID : c'est une seule personne."""
    _answer(settings, review_id, "REUNIR", by, reason)


@review.command("split")
@click.argument("review_id", type=int)
@_by
@click.option("--reason", default="", help="Pourquoi, sans nom ni adresse.")
@click.pass_obj
def review_split(settings: Settings, /, review_id: int, by: str, reason: str) -> None:
    """Répondre à la question REVIEW_ID : ce sont les personnes différentes qu'elle montre."""
    _answer(settings, review_id, "SEPARER", by, reason)


@review.command("undo")
@click.argument("review_id", type=int)
@_by
@click.pass_obj
def review_undo(settings: Settings, /, review_id: int, by: str) -> None:
    """Annuler la réponse à la question REVIEW_ID : les règles reprennent au prochain build."""
    from ingestion.database import connect
    from ingestion.people_reviews import undo

    with connect(settings) as connection:
        undo(connection, review_id, by=by)
    click.echo(f"Question {review_id} : réponse annulée ; le prochain `lakou build` en tient compte.")


def _answer(settings: Settings, review_id: int, verdict: str, by: str, reason: str) -> None:
    from ingestion.database import connect
    from ingestion.people_reviews import decide

    with connect(settings) as connection:
        is_new = decide(connection, review_id, verdict, by=by, reason=reason)
    said = f"Question {review_id} : {VERDICTS[verdict]}"
    click.echo(f"{said} ; le prochain `lakou build` en tient compte." if is_new else f"{said}, comme déjà dit.")


def _identifiers(file: Any) -> Identifiers:
    """What is typed, or read from a file of JSON.

    Raises:
        LakouError: the file is no such JSON.
    """
    from ingestion.people import Identifiers

    if file is None:
        return Identifiers(
            **{name: click.prompt(label, default="", show_default=False, err=True) for name, label in LABELS.items()}
        )
    try:
        given = json.load(file)
    except ValueError:
        given = None
    if not isinstance(given, dict) or not given.keys() <= LABELS.keys():
        raise LakouError(
            "le fichier n'est pas un objet JSON de courriel, nom_naissance, prenom et annee_naissance",
            'écrivez par exemple {"courriel": "…"} et rien d\'autre',
        )
    return Identifiers(**{name: str(value or "") for name, value in given.items()})


def _confirm(question: str, *, is_sure: bool) -> None:
    if not is_sure:
        click.confirm(question, abort=True, err=True)


def _show(dossier: Dossier) -> None:
    states = Counter(row.state for row in dossier.rows)
    counted = ", ".join(
        f"{states[state]} {forms[states[state] > 1]}" for state, forms in STATES.items() if states[state]
    )
    click.echo(
        f"{_count(len(dossier.rows), 'ligne')}{f' ({counted})' if counted else ''}, {_count(len(dossier.landed), 'fichier gardé')}."
    )
    for row in dossier.rows:
        click.echo(f"  {_place(row)}  {STATES[row.state][0]}")
    if dossier.unread:
        click.echo(f"{_count(dossier.unread, 'fichier')} sans table lisible : impossible d'y regarder.")
    if dossier.near:
        click.echo(f"{_count(dossier.near, 'ligne')} d'autres personnes portent ce nom ou cette adresse.")


def _place(row: PersonRow) -> str:
    return f"{row.feed} {row.partner_code} {row.period} {row.file_name}:{row.row_number}"


def _show_review(question: Review) -> None:
    click.echo(f"{question.review_id}. {REASONS[question.reason]} (depuis le build {question.opened_build})")
    if question.verdict is not None:
        applied = "" if question.is_applied else ", au prochain build"
        click.echo(f"   {VERDICTS[question.verdict]}, dit {question.decided_by}{applied}")
    for group in question.groups:
        about = "; ".join(
            f"{label} {', '.join(values)}"
            for label, values in (("communes", group.communes), ("âges", group.age_bands))
            if values
        )
        click.echo(
            f"   {group.participant_id}: {_count(group.rows, 'ligne')} de {', '.join(group.partners)}{f' ({about})' if about else ''}"
        )
        for place in group.files:
            click.echo(f"      {place}")


def _count(number: int, noun: str) -> str:
    plural = " ".join(f"{word}s" for word in noun.split()) if number > 1 else noun
    return f"{number} {plural}"


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
