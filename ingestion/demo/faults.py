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
        cells: what is read of it all the same, where the record is accepted or waits.
        base: what the record holds before the mistake, where it is made for it.
    """

    written: dict[str, str] = field(default_factory=dict)
    rules: tuple[tuple[str, str], ...] = ()
    needs: dict[str, str] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    base: dict[str, str] = field(default_factory=dict)


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
    "autre programme": Fault({"programme_code": "IDF"}, (("programme_code", "PROGRAMME"),)),
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
    "formule vide": Fault({"duree_prevue_h": "=SOMME(Z1:Z9)"}, (("duree_prevue_h", "FORMULE-SANS-VALEUR"),)),
    "intitule vide": Fault({"intitule": ""}, (("intitule", "OBLIGATOIRE"),)),
    "intitule trop long": Fault({"intitule": "Découvrir l'IA " * 16}, (("intitule", "LONGUEUR"),)),
    "hors perimetre": Fault({"modalite": "ATELIER", "code_commune": "97105"}, (("code_commune", "COMMUNE-PERIMETRE"),)),
    "salle sans commune": Fault({"modalite": "ATELIER", "code_commune": ""}, (("code_commune", "OBLIGATOIRE"),)),
    "code postal": Fault({"modalite": "ATELIER", "code_commune": "97250"}, (("code_commune", "CODE-POSTAL"),)),
    "places en lettres": Fault({"places": "vingt"}, cells={"places": ""}),
    "partenaire faux": Fault({"partenaires_co": "732829321"}, cells={"partenaires_co": ""}),
    "courriel dans le titre": Fault(
        {"intitule": "Atelier ouvert, écrire à inscription.zurvalec@example.org"},
        cells={"intitule": "Atelier ouvert, écrire à •••"},
    ),
}

# the mistakes of the other feeds are made on records of their own, which nothing refers to
FEED_FAULTS: dict[str, dict[str, Fault]] = {
    "F04": {
        "heure impossible": Fault({"date_reponse": "hier soir"}, (("date_reponse", "TYPE-DATE-HEURE"),)),
        "note trop haute": Fault({"note_satisfaction": "7"}, (("note_satisfaction", "BORNES"),)),
        "note en lettres": Fault({"note_satisfaction": "bien"}, (("note_satisfaction", "TYPE-ENTIER"),)),
        "usage illisible": Fault(
            {"utilise_ia_travail": "parfois"}, (("utilise_ia_travail", "TYPE-BOOLEEN"),), base={"type": "FROID"}
        ),
        "trop tot": Fault(rules=(("date_reponse", "DATE-OBJET"),)),
        "courriel en jeton": Fault(
            {"jeton_participant": "jeton.zurvalec@example.org"}, (("jeton_participant", "JETON-COURRIEL"),)
        ),
        "inconnue": Fault(
            rules=(("session_id", "REFERENCE-INCONNUE"),), cells={"session_id": "FC-INCONNUE"}, base={"type": "AVANT"}
        ),
    },
    "F05": {
        "siren faux": Fault({"siren": "732829321"}, (("siren", "SIREN"),)),
        "naf faux": Fault({"naf": "99Z"}, (("naf", "NAF"),)),
        "naf du tableur": Fault({"naf": "#N/A"}, (("naf", "VALEUR-TABLEUR"),)),
        "taille du tableur": Fault({"taille_effectif": "01/09/2026"}, (("taille_effectif", "VALEUR-TABLEUR"),)),
        "hors perimetre": Fault({"code_commune": "97105"}, (("code_commune", "COMMUNE-PERIMETRE"),)),
        "arret avant": Fault(rules=(("date_arret", "ORDRE-DATES"),)),
        "orientation vide": Fault(
            {"date_orientation": ""},
            (("date_orientation", "OBLIGATOIRE"),),
            base={"oriente_par_epci": "249720061", "origine_decision": "EPCI"},
        ),
        "siret faux": Fault({"siret_etab": "73282932000073"}, cells={"siret_etab": ""}),
        "etapes en desordre": Fault(),
    },
    "F05b": {
        "meme commune": Fault(
            rules=(("commune_origine", "IDENTIQUES"),), base={"phase": "DEPLOYER", "cas_usage_id": "U-MEME"}
        ),
        "cas vide": Fault({"cas_usage_id": ""}, (("cas_usage_id", "OBLIGATOIRE"),), base={"cas_usage_id": "U-VIDE"}),
        "effectif negatif": Fault(
            {"agents_formes": "-3"}, cells={"agents_formes": ""}, base={"cas_usage_id": "U-NEGATIF"}
        ),
    },
    "F06": {
        "trop tot": Fault(rules=(("date_mesure", "DATE-OBJET"),)),
        "avant nul": Fault({"valeur_avant": "0"}, (("valeur_avant", "BORNES"),)),
        "inconnue": Fault(rules=(("parcours_id", "REFERENCE-INCONNUE"),), cells={"parcours_id": "P-INCONNU"}),
    },
    "F07": {
        "echeance avant": Fault(rules=(("echeance", "ORDRE-DATES"),)),
        "statut vide": Fault({"statut": ""}, (("statut", "OBLIGATOIRE"),), base={"statut": "PREVUE"}),
        "commune inconnue": Fault({"code_commune": "97299"}, (("code_commune", "COMMUNE-COG"),)),
        "poids nul": Fault({"poids": "0"}, cells={"poids": ""}),
    },
    "F08": {
        "organisateur faux": Fault({"organisateurs": "732829321"}, (("organisateurs", "SIREN"),)),
        "sans organisateur": Fault({"organisateurs": ""}, (("organisateurs", "OBLIGATOIRE"),)),
        "proposition apres": Fault(rules=(("date_proposition", "ORDRE-DATES"),)),
    },
    "F09": {
        "sortie avant": Fault(rules=(("date_sortie", "ORDRE-DATES"),)),
        "seance vide": Fault({"date_seance": ""}, (("date_seance", "OBLIGATOIRE"),), base={"binome_id": "B-VIDE"}),
        "personne vide": Fault(NOBODY, (("courriel", "PERSONNE-INCONNUE"),)),
    },
    "F10": {
        "quotes-parts": Fault({"quote_part": "0,95"}, (("quote_part", "SOMME-QUOTES-PARTS"),)),
        "pays faux": Fault({"pays": "XX"}, (("pays", "PAYS"),)),
        "livraison vide": Fault({"date_livraison": ""}, (("date_livraison", "OBLIGATOIRE"),), base={"etat": "LIVRE"}),
    },
    "F11": {
        "lieu vide": Fault({"code_commune": ""}, (("code_commune", "OBLIGATOIRE"),), base={"type": "SESSION"}),
        "public hors liste": Fault({"public": "FAMILLES"}, (("public", "LISTE"),)),
        "lien faux": Fault({"url_livrable": "voir notre site"}, cells={"url_livrable": ""}),
    },
    "F12": {
        "epci faux": Fault({"code_epci": "200054781"}, (("code_epci", "EPCI"),)),
        "courriel": Fault({"repondant_id": "sonde.zurvalec@example.org"}, (("repondant_id", "JETON-COURRIEL"),)),
        "poids nul": Fault({"poids": "0"}, (("poids", "BORNES"),)),
        "confiance hors liste": Fault({"confiance": "6"}, (("confiance", "LISTE"),)),
    },
    "F13": {
        "engage trop": Fault(rules=(("montant_engage", "PLAFOND-COLONNE"),)),
        "dispositif inconnu": Fault({"dispositif": "MQ-INVENTE"}, (("dispositif", "DISPOSITIF"),)),
        "ligne en lettres": Fault({"ligne": "deux"}, (("ligne", "TYPE-ENTIER"),)),
        "action inconnue": Fault({"action_code": "MQ-A9"}, (("action_code", "ACTION-INCONNUE"),)),
        "inconnue": Fault(rules=(("enveloppe_id", "REFERENCE-INCONNUE"),), cells={"enveloppe_id": "ENV-INCONNUE"}),
    },
    "F14": {
        "siren faux": Fault({"siren": "732829321"}, (("siren", "SIREN"),)),
        "role hors liste": Fault({"role": "MECENE"}, (("role", "LISTE"),)),
    },
    "F15": {
        "label illisible": Fault(
            {"label_qualite": "bientôt"}, (("label_qualite", "TYPE-BOOLEEN"),), base={"label_qualite": "false"}
        ),
        "label sans date": Fault(
            {"date_label": ""}, (("date_label", "OBLIGATOIRE"),),
            base={"label_qualite": "true", "date_label": "2024-02-15"},
        ),
    },
    "G01": {
        "livraison vide": Fault(
            {"date_livraison": ""}, (("date_livraison", "OBLIGATOIRE"),),
            base={"etat": "LIVRE", "date_livraison": "2025-05-05"},
        ),
    },
    "G02": {"indicateur inconnu": Fault({"indicateur": "A1-99"}, (("indicateur", "INDICATEUR-INCONNU"),))},
    "G03": {"source vide": Fault({"source": ""}, (("source", "OBLIGATOIRE"),))},
    "G04": {
        "libelle trop long": Fault({"libelle": "Le comité décide " * 26}, (("libelle", "LONGUEUR"),)),
        # read as cp1252 and written as UTF-8 by the tool that exported it
        "accents abimes": Fault(
            {"libelle": "Le comitÃ© dÃ©cide d'une enquÃªte"}, cells={"libelle": "Le comitÃ© dÃ©cide d'une enquÃªte"}
        ),
    },
    "G05": {"fin avant debut": Fault(rules=(("fin", "ORDRE-DATES"),))},
}  # fmt: skip


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
    elif kind == "fin avant debut" and "debut" in row.cells:
        row.cells["fin"] = _earlier(row.cells["debut"], 2)
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
    else:
        _shift(row, kind)


def _shift(row: Row, kind: str) -> None:
    """Mistakes between two values of a record of the later feeds."""
    cells = row.cells
    if kind == "trop tot" and "date_reponse" in cells:
        cells["date_reponse"] = f"{_earlier(row.session_end, 2)}T10:00:00"
    elif kind == "trop tot":
        cells["date_mesure"] = _earlier(row.session_end, -40)
    elif kind == "arret avant":
        cells["date_arret"] = _earlier(cells["date_deploiement"], 4)
    elif kind == "etapes en desordre":
        cells["date_diagnostic"] = _earlier(cells["date_sensibilisation"], 6)
    elif kind == "meme commune":
        cells["commune_origine"] = cells["code_commune"]
    elif kind == "echeance avant":
        cells["echeance"] = _earlier(cells["date_remise"], 9)
    elif kind == "proposition apres":
        cells["date_proposition"] = _earlier(cells["date"], -5)
    elif kind == "sortie avant":
        cells["date_sortie"] = _earlier(cells["date_adhesion"], 12)
    elif kind == "engage trop":
        cells["montant_engage"] = str(int(cells["montant_vote"]) + 500)


def _earlier(text: str, days: int) -> str:
    return (dt.date.fromisoformat(text) - dt.timedelta(days=days)).isoformat()
