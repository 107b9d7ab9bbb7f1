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
        bound = column.not_before or column.not_after or column.at_most or column.differs_from
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
    """A remedy that fits one kind of column better than the rule's own."""
    remedy = None
    if rule_id == "OBLIGATOIRE" and column.enum:
        remedy = "Choisissez une valeur : {liste}."
    elif rule_id == "OBLIGATOIRE" and column.type == "boolean":
        remedy = "Écrivez OUI ou NON."
    elif rule_id == "OBLIGATOIRE" and column.name_column:
        remedy = "Indiquez le code INSEE de la commune où la session se tient (un ATELIER ou un HYBRIDE a un lieu)."
    elif rule_id == "OBLIGATOIRE" and "planned_duration" in column.checks:
        remedy = "Indiquez les heures suivies : la participation est déclarée terminée."
    elif rule_id == "OBLIGATOIRE" and "end_of_elearning" in column.checks:
        remedy = "Indiquez le jour où la personne a fini : la session est un ELEARNING terminé."
    elif rule_id == "MOTIF" and column.pattern and column.pattern.startswith("RNCP"):
        remedy = "Écrivez RNCP ou RS suivi du numéro (RS6776), ou INT- suivi du code interne labellisé."
    return remedy


def _bounds(column: Column) -> str:
    low = "" if column.minimum is None else f"au moins {_number(column.minimum)}"
    above = "" if column.exclusive_minimum is None else f"plus grande que {_number(column.exclusive_minimum)}"
    high = "" if column.maximum is None else f"au plus {_number(column.maximum)}"
    return " et ".join(part for part in (low, above, high) if part)


def _number(value: float) -> str:
    return f"{value:.12g}".replace(".", ",")


def _key(contract: Contract) -> str:
    titles = {column.name: column.title.lower() for column in contract.columns} | {PERSON: "personne"}
    return ", ".join(titles[name] for name in contract.key)


_BY_COLUMN = {
    "OBLIGATOIRE": ("« {titre} » est vide alors que cette ligne en a besoin.", "Renseignez-la, par exemple {exemple}."),
    "TYPE-DATE": (
        "« {valeur} » n'est pas une date qui existe{detail}.",
        "Écrivez le jour, le mois et l'année à quatre chiffres : 04/03/2026 ou 2026-03-04.",
    ),
    "TYPE-DATE-HEURE": (
        "« {valeur} » n'est pas un jour et une heure qui existent{detail}.",
        "Écrivez le jour puis l'heure : 04/03/2026 14:30, ou le jour seul.",
    ),
    "TYPE-ENTIER": (
        "« {valeur} » n'est pas un nombre entier{detail}.",
        "Écrivez des chiffres seulement, par exemple {exemple}.",
    ),
    "TYPE-DECIMAL": (
        "« {valeur} » n'est pas un nombre que l'on puisse lire sans se tromper{detail}.",
        "Écrivez un nombre sans unité ni séparateur de milliers, avec une virgule ou un point : 7,5.",
    ),
    "TYPE-BOOLEEN": ("« {valeur} » ne dit ni oui ni non.", "Écrivez OUI ou NON."),
    "BORNES": ("« {valeur} » est hors des bornes de « {titre} ».", "La valeur doit être {bornes}."),
    "LONGUEUR": ("La valeur de « {titre} » est trop longue.", "Gardez {longueur} caractères au plus."),
    "LISTE": ("« {valeur} » n'est pas une valeur de « {titre} ».", "Valeurs admises : {liste}."),
    "MOTIF": ("« {valeur} » n'a pas la forme attendue pour « {titre} ».", "Suivez cet exemple : {exemple}."),
    "URL": (
        "« {valeur} » n'est pas une adresse de page web.",
        "Copiez l'adresse entière depuis votre navigateur ; elle commence par https://.",
    ),
    "SIREN": (
        "« {valeur} » n'est pas un SIREN : il compte neuf chiffres dont le dernier vérifie les autres.",
        "Vérifiez les neuf chiffres sur l'annuaire des entreprises.",
    ),
    "SIRET": (
        "« {valeur} » n'est pas un SIRET : il compte quatorze chiffres dont le dernier vérifie les autres.",
        "Vérifiez les quatorze chiffres sur l'annuaire des entreprises.",
    ),
    "NAF": (
        "« {valeur} » n'est pas un code NAF : quatre chiffres et une lettre.",
        "Reprenez le code APE de l'établissement, par exemple {exemple}.",
    ),
    "PAYS": ("« {valeur} » n'est pas un code de pays.", "Écrivez les deux lettres du pays : FR pour la France."),
    "EPCI": (
        "« {valeur} » n'est pas le SIREN d'une intercommunalité du programme.",
        "Écrivez l'un de ces SIREN : {detail}.",
    ),
    "DISPOSITIF": (
        "« {valeur} » n'est pas un dispositif d'aide du programme.",
        "Choisissez un code de dispositif : {detail}.",
    ),
    "INDICATEUR-INCONNU": (
        "« {valeur} » n'est pas un indicateur du catalogue.",
        "Choisissez un code du catalogue des indicateurs : {detail}.",
    ),
    "JETON-COURRIEL": (
        "« {titre} » ressemble à une adresse de courriel : un jeton ne doit désigner personne.",
        "Remplacez-la par un numéro tiré au hasard, le même pour toutes les réponses d'une personne.",
    ),
    "VALEUR-TABLEUR": (
        "« {valeur} » n'est sans doute pas ce que vous aviez écrit : {detail}.",
        "Mettez la colonne « {titre} » au format Texte, écrivez de nouveau la valeur (par exemple {exemple}), puis"
        " enregistrez.",
    ),
    "FORMULE-SANS-VALEUR": (
        "« {titre} » contient une formule dont le résultat n'est pas enregistré dans le fichier.",
        "Ouvrez le classeur dans votre tableur, remplacez la formule par sa valeur (collage spécial, valeurs) et"
        " enregistrez.",
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
    "PLAFOND-COLONNE": (
        "« {titre} » ({valeur}) dépasse « {borne} » ({detail}).",
        "Vérifiez les deux montants : le premier ne peut pas dépasser le second.",
    ),
    "IDENTIQUES": (
        "« {titre} » et « {borne} » sont les mêmes ({valeur}).",
        "Indiquez deux valeurs différentes.",
    ),
    "DATE-OBJET": (
        "« {titre} » ({valeur}) ne convient pas : la date attendue est {detail}.",
        "Vérifiez cette date, ou celle de la ligne à laquelle elle renvoie.",
    ),
    "ETAPES-DESORDRE": (
        "« {titre} » ({valeur}) est antérieure à une étape précédente ({detail}).",
        "Vérifiez l'ordre des dates ; la ligne est acceptée.",
    ),
    "SOMME-QUOTES-PARTS": (
        "Les valeurs de « {titre} » font {detail} : toutes les lignes du groupe sont refusées ensemble.",
        "Corrigez les parts pour que leur somme soit juste, puis déposez de nouveau toutes les lignes du groupe.",
    ),
    "SOMME-ENVELOPPE": (
        "Les parts de l'enveloppe « {valeur} » dépassent son montant : {detail}.",
        "Vérifiez les montants ; les lignes sont acceptées et l'écart est montré tel quel.",
    ),
    "AIDE-TAUX": (
        "L'aide votée ({valeur}) dépasse le taux maximal du dispositif ({detail} du coût éligible).",
        "Vérifiez le montant voté, le coût éligible et le dispositif ; la ligne est acceptée.",
    ),
    "AIDE-PLAFOND": (
        "L'aide votée ({valeur}) dépasse le plafond du dispositif ({detail}).",
        "Vérifiez le montant voté et le dispositif ; la ligne est acceptée.",
    ),
    "AGE-MINIMUM": (
        "La personne a moins de 15 ans : elle ne peut pas figurer ligne à ligne.",
        "Retirez la ligne et comptez la personne dans un effectif anonyme.",
    ),
    "PERSONNE-EFFACEE": (
        "La personne a demandé l'effacement de ses données : sa ligne n'est pas reprise.",
        "Supprimez-la de votre outil et de vos fichiers. Si elle participe de nouveau après sa demande, elle est comptée"
        " comme une nouvelle personne dès la période suivante.",
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
    "EFFECTIF-DECLARE": (
        "« {valeur} » compte {detail} : l'effectif déclaré ne peut pas être plus petit.",
        "Vérifiez l'effectif déclaré (F08) ou l'identifiant de l'événement ; les lignes sont acceptées.",
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
    "MILLIERS-LUS": ("Séparateurs de milliers lus dans « {titre} » ({detail}).", ""),
    "POURCENTAGE-LU": ("Pourcentages lus dans « {titre} » ({detail}).", ""),
    "UNITE-LUE": ("Unité monétaire laissée de côté dans « {titre} » ({detail}).", ""),
    "DATE-FRANCAISE": ("Dates remises sous la forme année-mois-jour dans « {titre} » ({detail}).", ""),
    "ZEROS-RENDUS": ("Zéros de tête perdus, rendus à « {titre} » ({detail}).", ""),
    "ABSENT-LU": ("« {titre} » : mentions qui veulent dire « pas de valeur » ({detail}).", ""),
    "OUI-NON-LU": ("« {titre} » : réponses lues comme oui ou non ({detail}).", ""),
    "LIBELLE-LU": ("« {titre} » : libellés lus comme des codes ({detail}).", ""),
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
# what judging may say of rows; reading and receiving have rules of their own
RULES = (*_BY_COLUMN, *_BY_ROW)
