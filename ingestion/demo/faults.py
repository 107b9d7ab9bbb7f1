"""Mistakes that the demonstration's partners make, each with the rules that must answer it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from ingestion.demo.files import Row


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake on a record.

    Args:
        written: what the file says, by column.
        rules: rules broken, as (column, rule id); none for a mistake that only warns.
        needs: values that the record must have to make it; `*` is any value, `!x` any other than x.
        cells: what is read of it all the same, where the record is accepted.
    """

    written: dict[str, str] = field(default_factory=dict)
    rules: tuple[tuple[str, str], ...] = ()
    needs: dict[str, str] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)


NAMED = {"courriel": "*", "nom_naissance": "*"}
DONE = {"statut": "TERMINE", "role": "!ANIMATEUR"}
AT_HOME = {"statut": "TERMINE", "date_fin_suivi": "*"}
IN_ROOM = {"date_fin_suivi": ""}
OBTAINED = {"resultat": "OBTENU"}
NOBODY = {"courriel": "", "nom_naissance": "", "prenom": "", "annee_naissance": ""}

PARTICIPATION_FAULTS = {
    "sexe vide": Fault({"sexe": ""}, (("sexe", "OBLIGATOIRE"),)),
    "sexe hors liste": Fault({"sexe": "FEMME"}, (("sexe", "LISTE"),)),
    "statut vide": Fault({"statut": ""}, (("statut", "OBLIGATOIRE"),), {"statut": "!TERMINE"}),
    "statut hors liste": Fault({"statut": "PRESENT"}, (("statut", "LISTE"),), {"statut": "!TERMINE"}),
    "canal hors liste": Fault({"canal_orientation": "BOUCHE A OREILLE"}, (("canal_orientation", "LISTE"),)),
    "niveau hors liste": Fault({"niveau_diplome": "BAC+2"}, (("niveau_diplome", "LISTE"),)),
    "duree vide": Fault({"duree_suivie_h": ""}, (("duree_suivie_h", "OBLIGATOIRE"),), DONE),
    "duree en lettres": Fault({"duree_suivie_h": "trois heures"}, (("duree_suivie_h", "TYPE-DECIMAL"),), DONE),
    "duree negative": Fault({"duree_suivie_h": "-2"}, (("duree_suivie_h", "BORNES"),), DONE),
    "duree excessive": Fault({"duree_suivie_h": "60"}, (("duree_suivie_h", "DUREE-EXCESSIVE"),), DONE),
    "date impossible": Fault({"date_fin_suivi": "31/02/2026"}, (("date_fin_suivi", "TYPE-DATE"),), AT_HOME),
    "date vide": Fault({"date_fin_suivi": ""}, (("date_fin_suivi", "OBLIGATOIRE"),), AT_HOME),
    "personne vide": Fault(NOBODY, (("courriel", "PERSONNE-INCONNUE"),)),
    "trop jeune": Fault({"annee_naissance": "2015"}, (("annee_naissance", "AGE-MINIMUM"),), NAMED),
    "commune inconnue": Fault({"code_commune_residence": "97299"}, (("code_commune_residence", "COMMUNE-COG"),)),
    "deux fautes": Fault(
        {"sexe": "ZZ", "canal_orientation": ""}, (("sexe", "LISTE"), ("canal_orientation", "OBLIGATOIRE"))
    ),
    "siren faux": Fault({"siren_employeur": "732829321"}, cells={"siren_employeur": ""}),
    "date en lettres": Fault({"date_fin_suivi": "hier"}, needs=IN_ROOM),
    "hors periode": Fault(needs={"statut": "ABSENT", "date_fin_suivi": ""}),
}
CERTIFICATION_FAULTS = {
    "date impossible": Fault({"date_presentation": "2026-13-04"}, (("date_presentation", "TYPE-DATE"),)),
    "code inconnu": Fault({"certification_code": "TITRE-12"}, (("certification_code", "MOTIF"),)),
    "resultat hors liste": Fault({"resultat": "REUSSI"}, (("resultat", "LISTE"),), {"resultat": "ECHEC"}),
    "obtention vide": Fault({"date_obtention": ""}, (("date_obtention", "OBLIGATOIRE"),), OBTAINED),
    "obtention avant": Fault(rules=(("date_obtention", "ORDRE-DATES"),), needs=OBTAINED),
    "personne vide": Fault(NOBODY, (("courriel", "PERSONNE-INCONNUE"),)),
    "trop jeune": Fault({"annee_naissance": "2015"}, (("annee_naissance", "AGE-MINIMUM"),), NAMED),
    "hors periode": Fault(),
}
ROOM = {"modalite": "ATELIER", "code_commune": "97209", "nom_commune": "Fort-de-France"}
SESSION_FAULTS = {
    "date impossible": Fault({"date_debut": "2025-02-30"}, (("date_debut", "TYPE-DATE"),)),
    "fin avant debut": Fault(rules=(("date_fin", "ORDRE-DATES"),)),
    "avant programme": Fault(rules=(("date_debut", "DATE-AVANT-PROGRAMME"),)),
    "action inconnue": Fault({"action_code": "MQ-A9"}, (("action_code", "ACTION-INCONNUE"),)),
    "modalite hors liste": Fault({"modalite": "VISIO"}, (("modalite", "LISTE"),)),
    "duree trop longue": Fault({"duree_prevue_h": "500"}, (("duree_prevue_h", "BORNES"),)),
    "duree en lettres": Fault({"duree_prevue_h": "deux heures"}, (("duree_prevue_h", "TYPE-DECIMAL"),)),
    "intitule vide": Fault({"intitule": ""}, (("intitule", "OBLIGATOIRE"),)),
    "intitule trop long": Fault({"intitule": "Découvrir l'IA " * 16}, (("intitule", "LONGUEUR"),)),
    "hors perimetre": Fault({"modalite": "ATELIER", "code_commune": "97105"}, (("code_commune", "COMMUNE-PERIMETRE"),)),
    "salle sans commune": Fault({"modalite": "ATELIER", "code_commune": ""}, (("code_commune", "OBLIGATOIRE"),)),
    "code postal": Fault({"modalite": "ATELIER", "code_commune": "97250"}, (("code_commune", "CODE-POSTAL"),)),
    "places en lettres": Fault({"places": "vingt"}, cells={"places": ""}),
    "partenaire faux": Fault({"partenaires_co": "732829321"}, cells={"partenaires_co": ""}),
    "courriel dans le titre": Fault({"intitule": "Atelier ouvert, écrire à inscription.zurvalec@example.org"}),
}


def suits(row: Row, fault: Fault) -> bool:
    """Whether the mistake can be made on this record, so that its rules are the only ones broken."""
    for column, wanted in fault.needs.items():
        value = row.cells.get(column, "")
        if wanted == "*" and not value:
            return False
        if wanted.startswith("!") and value == wanted[1:]:
            return False
        if wanted != "*" and not wanted.startswith("!") and value != wanted:
            return False
    return True


def spoil(row: Row, fault: Fault, kind: str) -> None:
    """Make the mistake on the record."""
    row.mended = row.copy()
    row.written.update(fault.written)
    row.cells.update(fault.cells)
    row.rules = fault.rules
    if fault.rules:
        row.state = "refused"
    # dates are written in the partner's own way, so that only their order is wrong
    if kind == "obtention avant":
        row.cells["date_obtention"] = _earlier(row.cells["date_presentation"], 3)
    elif kind == "fin avant debut":
        row.cells["date_fin"] = _earlier(row.cells["date_debut"], 2)
    elif kind == "avant programme":
        row.cells["date_debut"] = "2019-03-04"
    elif kind == "hors periode" and "date_presentation" in row.cells:
        row.cells["date_presentation"] = _earlier(row.cells["date_presentation"], 75)
        if row.cells["date_obtention"]:
            row.cells["date_obtention"] = _earlier(row.cells["date_obtention"], 75)
    elif kind == "hors periode":
        row.cells["date_fin_suivi"] = _earlier(row.session_end, 80)


def _earlier(text: str, days: int) -> str:
    return (dt.date.fromisoformat(text) - dt.timedelta(days=days)).isoformat()
