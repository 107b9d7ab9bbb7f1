"""What a partner reads about a row: for each rule, a French sentence and how to mend it."""

from __future__ import annotations

from ingestion.contracts import PERSON, Column, Contract

# replaced row by row: what was written (masked where personal), and what judging knows besides
VALUE = "{valeur}"
DETAIL = "{detail}"


def sentence(contract: Contract, name: str, rule_id: str) -> tuple[str, str]:
    """Message and remedy of one rule on one column; `VALUE` and `DETAIL` stand for what differs by row."""
    column = next((column for column in contract.columns if column.name == name), None)
    if column is not None and rule_id in _BY_COLUMN:
        message, remedy = _BY_COLUMN[rule_id]
        bound = column.not_before or column.not_after
        message = message.replace("{borne}", contract.column(bound).title if bound else "")
        return _fill(message, column), _fill(_own_remedy(column, rule_id) or remedy, column)
    message, remedy = _BY_ROW[rule_id]
    title = column.title if column else ""
    return message.replace("{titre}", title), remedy.replace("{cle}", _key(contract)).replace("{titre}", title)


def _fill(text: str, column: Column) -> str:
    return (
        text.replace("{titre}", column.title)
        .replace("{exemple}", column.example)
        .replace("{liste}", ", ".join(column.enum))
        .replace("{longueur}", str(column.max_length or ""))
        .replace("{bornes}", _bounds(column))
    )


def _own_remedy(column: Column, rule_id: str) -> str | None:
    if rule_id == "OBLIGATOIRE" and column.enum:
        return "Choisissez une valeur : {liste}."
    if rule_id == "OBLIGATOIRE" and column.name_column:
        return "Indiquez le code INSEE de la commune où la session se tient (un ATELIER ou un HYBRIDE a un lieu)."
    if rule_id == "OBLIGATOIRE" and "planned_duration" in column.checks:
        return "Indiquez les heures suivies : la participation est déclarée terminée."
    if rule_id == "OBLIGATOIRE" and "end_of_elearning" in column.checks:
        return "Indiquez le jour où la personne a fini : la session est un ELEARNING terminé."
    if rule_id == "MOTIF" and column.pattern and column.pattern.startswith("RNCP"):
        return "Écrivez RNCP ou RS suivi du numéro (RS6776), ou INT- suivi du code interne labellisé."
    return None


def _bounds(column: Column) -> str:
    low = "" if column.minimum is None else f"au moins {_number(column.minimum)}"
    high = "" if column.maximum is None else f"au plus {_number(column.maximum)}"
    return " et ".join(part for part in (low, high) if part)


def _number(value: float) -> str:
    return f"{value:g}".replace(".", ",")


def _key(contract: Contract) -> str:
    titles = {column.name: column.title.lower() for column in contract.columns} | {PERSON: "personne"}
    return ", ".join(titles[name] for name in contract.key)


_BY_COLUMN = {
    "OBLIGATOIRE": ("« {titre} » est vide alors que cette ligne en a besoin.", "Renseignez-la, par exemple {exemple}."),
    "TYPE-DATE": (
        "« {valeur} » n'est pas une date qui existe.",
        "Écrivez le jour, le mois et l'année : 04/03/2026 ou 2026-03-04.",
    ),
    "TYPE-ENTIER": (
        "« {valeur} » n'est pas un nombre entier.",
        "Écrivez des chiffres seulement, par exemple {exemple}.",
    ),
    "TYPE-DECIMAL": (
        "« {valeur} » n'est pas un nombre.",
        "Écrivez un nombre sans unité, avec une virgule ou un point : 7,5.",
    ),
    "BORNES": ("« {valeur} » est hors des bornes de « {titre} ».", "La valeur doit être {bornes}."),
    "LONGUEUR": ("La valeur de « {titre} » est trop longue.", "Gardez {longueur} caractères au plus."),
    "LISTE": ("« {valeur} » n'est pas une valeur de « {titre} ».", "Valeurs admises : {liste}."),
    "MOTIF": ("« {valeur} » n'a pas la forme attendue pour « {titre} ».", "Suivez cet exemple : {exemple}."),
    "SIREN": (
        "« {valeur} » n'est pas un SIREN : sa clé de contrôle est fausse.",
        "Vérifiez les neuf chiffres sur l'annuaire des entreprises.",
    ),
    "PROGRAMME": (
        "« {valeur} » n'est pas le programme de votre compte.",
        "Laissez la colonne vide, ou écrivez {detail}.",
    ),
    "ACTION-INCONNUE": ("« {valeur} » n'est pas une action du programme.", "Choisissez un code d'action : {detail}."),
    "COMMUNE-PERIMETRE": (
        "« {valeur} » est une commune hors du périmètre du programme.",
        "Indiquez le code INSEE d'une commune du périmètre{detail}.",
    ),
    "COMMUNE-COG": (
        "« {valeur} » n'est pas un code de commune.",
        "Indiquez le code INSEE à cinq caractères{detail}.",
    ),
    "CODE-POSTAL": (
        "« {valeur} » est un code postal, non un code commune : il peut désigner {detail}.",
        "Indiquez le code INSEE de la commune.",
    ),
    "ORDRE-DATES": (
        "« {titre} » ({valeur}) et « {borne} » ({detail}) ne sont pas dans l'ordre.",
        "Vérifiez les deux dates.",
    ),
    "AGE-MINIMUM": (
        "La personne a moins de 15 ans : elle ne peut pas figurer ligne à ligne.",
        "Retirez la ligne et comptez la personne dans un effectif anonyme.",
    ),
    "DATE-AVANT-PROGRAMME": (
        "« {titre} » ({valeur}) est antérieure au début du programme ({detail}).",
        "Vérifiez l'année.",
    ),
    "DATE-HORS-PERIODE": (
        "« {titre} » ({valeur}) est à plus de 31 jours de la période du fichier ({detail}).",
        "Vérifiez la date ; si elle est juste, il n'y a rien à faire : la ligne compte à sa date.",
    ),
    "DONNEE-PERSONNELLE-TEXTE": (
        "« {titre} » contient une adresse, un téléphone ou un numéro de sécurité sociale : il a été masqué.",
        "N'écrivez pas de donnée personnelle dans un texte libre.",
    ),
    "DUREE-EXCESSIVE": (
        "{valeur} h suivies dépassent de plus de 10 % la durée prévue de la session ({detail} h).",
        "Corrigez la durée suivie, ou la durée prévue dans le fichier des sessions (F01).",
    ),
    "EFFECTIF-PLACES": (
        "La session « {valeur} » compte {detail}.",
        "Vérifiez le nombre de places (F01) ou l'identifiant de la session ; les lignes sont acceptées.",
    ),
    "REFERENCE-ATTENDUE": (
        "« {valeur} » n'est pas encore connue : la ligne est en attente et ne compte dans aucun chiffre.",
        "Déposez le fichier {detail} qui la décrit, ou corrigez l'identifiant.",
    ),
    "REFERENCE-INCONNUE": (
        "« {valeur} » n'a été décrite par aucun fichier {detail} dans le délai : la ligne est refusée.",
        "Déposez le fichier {detail}, puis cette ligne de nouveau.",
    ),
    "DECIMALE-VIRGULE": ("Virgule décimale lue dans « {titre} » ({detail}).", ""),
    "DATE-FRANCAISE": ("Dates lues comme jour/mois/année dans « {titre} » ({detail}).", ""),
    "CODE-AMBIGU": (
        "« {titre} » : codes lus comme codes INSEE, bien qu'ils soient aussi les codes postaux d'autres communes"
        " ({detail}).",
        "",
    ),
    "CODE-POSTAL-CONVERTI": ("« {titre} » : codes postaux convertis en codes INSEE ({detail}).", ""),
}
_BY_ROW = {
    "PERSONNE-INCONNUE": (
        "Rien ne permet de savoir de qui il s'agit.",
        "Renseignez le courriel, ou bien le nom de naissance, le prénom et l'année de naissance.",
    ),
    "DOUBLON": ("Cette ligne répète à la lettre la ligne {detail}.", "Retirez-la ; la première est gardée."),
    "CLE-CONTRADICTOIRE": (
        "Plusieurs lignes portent la même clé avec des contenus différents : laquelle est juste ?",
        "Gardez une seule ligne par clé ({cle}).",
    ),
    "ENREGISTREMENT-TRONQUE": (
        "La ligne ne se lit pas en entier : {detail}.",
        "Vérifiez ses séparateurs, ses guillemets et l'encodage du fichier (CSV UTF-8).",
    ),
}
