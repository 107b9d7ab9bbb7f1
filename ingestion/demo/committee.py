"""What the committee's secretariat delivers: decisions (G04), proofs (G03), targets (G02) and milestones (G01)."""

from __future__ import annotations

import datetime as dt
import random

from ingestion.demo.files import Row
from ingestion.demo.making import QUARTERS, Making, bounds, draw

SECRETARIAT = "COMITE-MQ"
TARGETED = ("A1-01", "A1-02", "A1-06", "A1-08")
STEPS = ("Convention signée", "Comité installé", "Catalogue des modules publié", "Première enquête rendue")


def steer(making: Making) -> None:
    """Rows of the feeds of governance, one delivery a sitting."""
    rng = making.rng
    for at, quarter in enumerate(QUARTERS):
        making.rows[SECRETARIAT, "G04", quarter] = [make_decision(rng, quarter, number) for number in (1, 2, 3)]
        if at % 3 == 0:
            making.rows[SECRETARIAT, "G03", quarter] = [make_proof(rng, quarter, number) for number in (1, 2, 3)]
        if at % 4 == 0:
            making.rows[SECRETARIAT, "G02", quarter] = [make_target(rng, quarter, code) for code in TARGETED]
        making.rows[SECRETARIAT, "G01", quarter] = [
            make_milestone(rng, quarter, number, QUARTERS[at // 3 * 3]) for number in range(1, len(STEPS) + 1)
        ]


def make_decision(rng: random.Random, quarter: str, number: int) -> Row:
    """One decision of a sitting."""
    sat = bounds(quarter).start + dt.timedelta(days=70)
    state = draw(rng, (("OUVERTE", 40), ("EXECUTEE", 50), ("ABANDONNEE", 10)))
    row = Row(
        {
            "programme_code": "",
            "seance": sat.isoformat(),
            "seance_prevue": (sat - dt.timedelta(days=rng.choice((0, 0, 7)))).isoformat(),
            "decision_id": f"DEC-{quarter}-{number}",
            "libelle": f"Décision {number} de la séance du {sat:%d/%m/%Y}",
            "responsable": rng.choice(("Secrétariat du comité", "Cluster 972", "EPCI Centre")),
            "echeance": (sat + dt.timedelta(days=90)).isoformat(),
            "statut": state,
            "date_execution": (sat + dt.timedelta(days=10)).isoformat() if state == "EXECUTEE" else "",
            "cloture_id": "",
        }
    )
    # the secretariat writes on two lines of one cell
    row.written["libelle"] = row.cells["libelle"].replace(" de la séance", "\nde la séance")
    return row


def make_proof(rng: random.Random, quarter: str, number: int) -> Row:
    """One proof or benchmark."""
    return Row(
        {
            "programme_code": "",
            "repere_id": f"REP-{quarter}-{number}",
            "indicateur": rng.choice(("", *TARGETED)),
            "valeur": str(rng.randint(5, 95)),
            "unite": "%",
            "perimetre": "Entreprises de 10 salariés et plus",
            "periode": quarter[:4],
            "source": "Source de démonstration",
            "url": f"https://example.org/sources/{quarter}-{number}",
            "sha256": f"{rng.getrandbits(256):064x}",
            "niveau_preuve": rng.choice(("1", "2", "3", "4")),
        }
    )


def make_target(rng: random.Random, quarter: str, code: str) -> Row:
    """One target of an indicator, as decided in that quarter's sitting."""
    return Row(
        {
            "programme_code": "",
            "indicateur": code,
            "perimetre": "Région entière",
            "base": "",
            "date_base": "",
            "cible": str(rng.randint(2, 30) * 50) if code in {"A1-01", "A1-02"} else "0.8",
            "type_cible": "CUMUL" if code in {"A1-01", "A1-02"} else "ANNUELLE",
            "date_cible": f"{int(quarter[:4]) + 1}-12-31",
            "decision_id": f"DEC-{quarter}-1",
        }
    )


def make_milestone(rng: random.Random, quarter: str, number: int, proven_in: str) -> Row:
    """One milestone as it stands in a quarter."""
    told = bounds(quarter)
    is_done = QUARTERS.index(quarter) >= number * 2
    return Row(
        {
            "programme_code": "",
            "jalon_id": f"J-{number:02d}",
            "mesure_code": f"MQ-A{number}",
            "libelle": STEPS[number - 1],
            "echeance": f"2025-{number * 3:02d}-15",
            "etat": "LIVRE" if is_done else rng.choice(("NON_DEMARRE", "EN_COURS")),
            "date_livraison": (told.start + dt.timedelta(days=5)).isoformat() if is_done else "",
            "preuve_id": f"REP-{proven_in}-{(number - 1) % 3 + 1}" if is_done else "",
        }
    )
