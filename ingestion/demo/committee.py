"""What the committee's secretariat delivers: decisions (G04), proofs (G03), targets (G02) and milestones (G01)."""

from __future__ import annotations

import datetime as dt
import random

from ingestion.demo.files import Row
from ingestion.demo.making import QUARTERS, Making, bounds, draw

SECRETARIAT = "COMITE-MQ"
TARGETED = ("A1-01", "A1-02", "A1-06", "A1-08")
# companies by size, in the reference series of the first year
ACTIVE_UNITS = {"0": 41_200, "1-9": 9_350, "10-49": 1_480, "50-249": 262}
STEPS = ("Convention signée", "Comité installé", "Catalogue des modules publié", "Première enquête rendue")
# quarter from which it is known, measure, label, due date, state and day of the delivery
LATER_STEPS = (
    ("2025-T1", "MQ-A1", "Rapport de l'étude d'impact", "2026-06-30", "LIVRE", "2026-05-18"),
    ("2025-T1", "MQ-A2", "Guide du déploiement remis", "2026-03-31", "EN_COURS", ""),
    ("2025-T4", "MQ-A5", "Charte de confiance adoptée", "2027-03-31", "NON_DEMARRE", ""),
)


def steer(making: Making) -> None:
    """Rows of the feeds of governance, one delivery a sitting."""
    rng = making.rng
    for at, quarter in enumerate(QUARTERS):
        making.rows[SECRETARIAT, "G04", quarter] = [make_decision(rng, quarter, number) for number in (1, 2, 3)]
        if at % 3 == 0:
            making.rows[SECRETARIAT, "G03", quarter] = [
                *(make_proof(rng, quarter, number) for number in (1, 2, 3)),
                *(make_active_units(quarter, size) for size in ACTIVE_UNITS),
            ]
        if at % 4 == 0:
            making.rows[SECRETARIAT, "G02", quarter] = [make_target(rng, quarter, code) for code in TARGETED]
        making.rows[SECRETARIAT, "G01", quarter] = [
            *(make_milestone(rng, quarter, number, QUARTERS[at // 3 * 3]) for number in range(1, len(STEPS) + 1)),
            *make_later_steps(quarter),
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


def make_active_units(quarter: str, size: str) -> Row:
    """Companies of one size in the year of a quarter; told again, the later quarter's number holds."""
    year = quarter[:4]
    return Row(
        {
            "programme_code": "",
            "repere_id": f"UNITES-{year}-{size}",
            "indicateur": "A2-02",
            "valeur": str(ACTIVE_UNITS[size] * (100 + QUARTERS.index(quarter)) // 100),
            "unite": "unités actives",
            "perimetre": f"TAILLE={size}",
            "periode": year,
            "source": "Répertoire des entreprises (série de démonstration)",
            "url": "",
            "sha256": "",
            "niveau_preuve": "3",
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
    is_done = QUARTERS.index(quarter) >= number * 2
    done_on = bounds(QUARTERS[number * 2]).start + dt.timedelta(days=5)
    return Row(
        {
            "programme_code": "",
            "jalon_id": f"J-{number:02d}",
            "mesure_code": f"MQ-A{number}",
            "libelle": STEPS[number - 1],
            "echeance": f"2025-{number * 3:02d}-15",
            "etat": "LIVRE" if is_done else rng.choice(("NON_DEMARRE", "EN_COURS")),
            "date_livraison": done_on.isoformat() if is_done else "",
            "preuve_id": f"REP-{proven_in}-{(number - 1) % 3 + 1}" if is_done else "",
        }
    )


def make_later_steps(quarter: str) -> list[Row]:
    """The other milestones, as they stand in a quarter."""
    rows = []
    for number, (since, action, label, due_on, state, done_on) in enumerate(LATER_STEPS, len(STEPS) + 1):
        if quarter < since:
            continue
        is_done = bool(done_on) and done_on <= bounds(quarter).end.isoformat()
        rows.append(
            Row(
                {
                    "programme_code": "",
                    "jalon_id": f"J-{number:02d}",
                    "mesure_code": action,
                    "libelle": label,
                    "echeance": due_on,
                    "etat": "EN_COURS" if done_on and not is_done else state,
                    "date_livraison": done_on if is_done else "",
                    "preuve_id": "",
                }
            )
        )
    return rows
