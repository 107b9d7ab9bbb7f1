"""The other feeds on a real PostgreSQL: from raw to the star, incrementally as in full; the bus matrix and the seeds."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from ingestion.building import PROJECT, run_dbt, subgraph
from ingestion.contracts import load_contracts
from ingestion.database import connect
from ingestion.linking import record_links
from ingestion.settings import CHECKOUT, Settings

ACTIONS = (
    "bridge_action_partners",
    "bridge_company_roles",
    "bridge_deliverable_publics",
    "bridge_project_partners",
    "fct_commune_phases",
    "fct_deliverables",
    "fct_diagnostics",
    "fct_events",
    "fct_funding",
    "fct_memberships",
    "fct_mentoring_sessions",
    "fct_participations",
    "fct_projects",
    "fct_roadmap_actions",
)
OUTCOMES = ("fct_adoptions", "fct_gains", "fct_survey_answers")
STEERING = ("fct_benchmarks", "fct_decisions", "fct_envelopes", "fct_milestones", "fct_targets")
HISTORIES = (*ACTIONS, *OUTCOMES, *STEERING)
DIMENSIONS = ("dim_company", "dim_module", "dim_participant")
OURS, THEIRS, OTHER = "732829320", "552100554", "542065479"
Rows = list[tuple[Any, ...]]
Row = dict[str, str | None]


@dataclass(frozen=True)
class Story:
    """What the marts held after builds 1 and 2, and after a full build 2."""

    settings: Settings
    built: dict[int, dict[str, Rows]]
    full: dict[str, Rows]


# ------------------------------------------------------------------------------------------------------------ raw rows


def _journey(siren: str, size: str, **dates: str) -> Row:
    return {
        "parcours_id": f"J-{siren}",
        "siren": siren,
        "code_commune": "97209",
        "entreprise_individuelle": "false",
        "taille_effectif": size,
        "naf": "5510Z",
        "solution_famille": "CHATBOT",
        "siren_fournisseur": OTHER,
        "siret_fournisseur": f"{OTHER}00012",
        "origine_decision": "CONSEIL",
        **dates,
    }


def _diagnostic(action: str | None, **cells: str) -> Row:
    return {
        "diagnostic_id": "D1",
        "siren": THEIRS,
        "code_commune": "97213",
        "taille_effectif": "10-49",
        "secteur_strategique": "SANTE",
        "prestation": "AUDIT",
        "date_commande": "2026-01-08",
        "date_remise": "2026-02-16",
        "action_fr_id": action,
        **cells,
    }


def _project(siren: str, share: str, status: str) -> Row:
    return {
        "projet_id": "P1",
        "titre": "Eau",
        "filiere": "EAU",
        "etat": status,
        "siren": siren,
        "role": "PARTENAIRE",
        "quote_part": share,
        "pays": "FR",
        "nature": "PRIVE",
        "acceptable": "true",
        "fiable": "false",
        "date_lancement": "2026-01-15",
    }


def _action(public: str, headcount: str | None, status: str = "TENU") -> Row:
    return {
        "action_id": "A1",
        "type": "SESSION",
        "theme": "USAGES",
        "statut": status,
        "date": "2026-03-12",
        "code_commune": "97209",
        "public": public,
        "effectif_anonyme": headcount,
    }


def _member(person: str, role: str, **cells: str) -> Row:
    return {
        "reseau_id": "R1",
        "role": role,
        "date_adhesion": "2026-02-10",
        "tranche_age": "45-59",
        "person_key_1": person,
        **cells,
    }


def _participation(person: str, kind: str, object_id: str) -> Row:
    return {
        "objet_type": kind,
        "objet_id": object_id,
        "_object_partner_code": "ORG",
        "sexe": "F",
        "statut_pro": "SALARIE",
        "niveau_diplome": "5",
        "statut": "TERMINE",
        "duree_suivie_h": "2",
        "tranche_age": "30-44",
        "person_key_1": person,
    }


def _event(event_id: str) -> Row:
    return {
        "evenement_id": event_id,
        "reseau_id": "R1",
        "type": "FORUM",
        "date": "2026-03-05",
        "code_commune": "97209",
        "statut": "TENU",
        "organisateurs": f"{OURS};{THEIRS}",
        "soutiens": OTHER,
        "effectif_declare": "40",
    }


def _phase(phase: str, on: str, **cells: str) -> Row:
    return {
        "code_commune": "97209",
        "cas_usage_id": "U1",
        "domaine": "EAU",
        "phase": phase,
        "date_phase": on,
        **cells,
    }


def _funding(voted: str, committed: str, paid: str) -> Row:
    return {
        "_object_partner_code": "ORG",
        "convention_id": "C1",
        "ligne": "1",
        "dispositif": "MQ-DIVERS",
        "enveloppe_id": "E1",
        "beneficiaire_siren": THEIRS,
        "cout_eligible": "1000",
        "montant_vote": voted,
        "montant_engage": committed,
        "montant_mandate": paid,
        "source": "PROGRAMME",
        "date": "2026-03-01",
        "action_code": "MQ-A4",
    }


def _target(decision: str, value: str) -> Row:
    return {
        "_object_partner_code": "ORG",
        "indicateur": "A1-01",
        "perimetre": "TOUT",
        "cible": value,
        "type_cible": "CUMUL",
        "date_cible": "2026-12-31",
        "decision_id": decision,
    }


def _decision(decision: str, status: str, done: str | None = None) -> Row:
    return {
        "seance": "2026-02-02",
        "decision_id": decision,
        "libelle": "Fixer une cible",
        "responsable": "Secrétariat",
        "echeance": "2026-06-30",
        "statut": status,
        "date_execution": done,
    }


FIRST: dict[str, list[Row]] = {
    "F01": [
        {
            "session_id": "S1",
            "action_code": "MQ-A1",
            "intitule": "S1",
            "modalite": "ATELIER",
            "date_debut": "2026-03-20",
            "date_fin": "2026-03-20",
            "duree_prevue_h": "7",
            "code_commune": "97209",
            "partenaires_co": f"{OURS};{THEIRS}",
        }
    ],
    "F02": [
        _participation("k1", "SESSION", "S1"),
        _participation("k2", "EVENEMENT", "V1"),
        _participation("k3", "ACTION", "A1"),
        # nobody has told of that event yet
        _participation("k4", "EVENEMENT", "V2"),
    ],
    "F04": [
        {
            "enquete_id": "Q1",
            "reponse_id": "1",
            "type": "CHAUD",
            "session_id": "S1",
            "_object_partner_code": "ORG",
            "jeton_participant": "t1",
            "date_reponse": "2026-03-20T18:00:00",
            "note_satisfaction": "4",
            "score_connaissance": "62.5",
        }
    ],
    "F05": [
        _journey(OURS, "1-9", date_sensibilisation="2026-01-05", date_prototype="2026-02-05"),
        _journey(THEIRS, "10-49", date_sensibilisation="2026-02-05", date_diagnostic="2026-01-05"),
    ],
    "F05b": [_phase("FORMER", "2026-01-10", agents_formes="12")],
    "F06": [
        {
            "parcours_id": f"J-{OURS}",
            "_object_partner_code": "ORG",
            "type": "TEMPS",
            "unite": "heures/mois",
            "valeur_avant": "40",
            "valeur_apres": "30",
            "date_avant": "2026-01-01",
            "date_mesure": "2026-03-01",
            "methode": "MESURE",
        }
    ],
    "F07": [
        _diagnostic("A1", echeance="2026-06-01", statut="PREVUE"),
        _diagnostic("A2", echeance="2026-06-01", statut="PREVUE", poids="2"),
    ],
    "F08": [_event("V1")],
    "F09": [
        _member("k5", "EXPERT"),
        _member("k5", "AUTRE", binome_id="B1", date_seance="2026-03-02"),
        _member("k5", "AUTRE", binome_id="B1", date_seance="2026-03-09"),
    ],
    "F10": [_project(OURS, "0.5", "LANCE"), _project(THEIRS, "0.5", "LANCE")],
    "F11": [_action("SENIORS", "12"), _action("JEUNES", None)],
    "F12": [
        {
            "vague": "2026",
            "repondant_id": "r1",
            "poids": "12.5",
            "tranche_age": "18-29",
            "sexe": "F",
            "code_epci": "249720061",
            "utilise_ia": "HEBDO",
            "confiance": "NSP",
            "plan_sondage": "QUOTAS",
        }
    ],
    "F13": [_funding("500", "200", "0")],
    "F14": [
        {
            "siren": OURS,
            "denomination": "Nous",
            "role": role,
            "code_commune": "97209",
            "naf": "6201Z",
            "offre_ia": "true",
            "date_debut": "2025-01-01",
        }
        for role in ("STARTUP", "OF")
    ],
    "F15": [{"module_id": "M1", "intitule": "M1", "siren_concepteur": OURS, "label_qualite": "false"}],
    "G01": [{"jalon_id": "J1", "libelle": "Jalon", "etat": "EN_COURS", "echeance": "2026-05-01"}],
    "G02": [_target("DEC1", "100")],
    "G03": [{"repere_id": "R1", "indicateur": "A2-02", "valeur": "350000", "source": "Insee", "niveau_preuve": "3"}],
    "G04": [_decision("DEC1", "OUVERTE")],
    "G05": [
        {"enveloppe_id": "E0", "libelle": "Tout", "montant": "1000", "debut": "2026-01-01", "fin": "2026-12-31"},
        {
            "enveloppe_id": "E1",
            "parent_id": "E0",
            "libelle": "Part",
            "montant": "600",
            "debut": "2026-01-01",
            "fin": "2026-12-31",
        },
    ],
}
# what the next period's files say: the same things further on, and what they no longer name
SECOND: dict[str, list[Row]] = {
    "F05": [_journey(OURS, "10-49", date_sensibilisation="2026-01-05", date_deploiement="2026-04-05")],
    "F05b": [_phase("EXPERIMENTER", "2026-04-10", bilan="EN_COURS")],
    "F07": [_diagnostic("A1", echeance="2026-06-01", statut="REALISEE", date_realisation="2026-04-15")],
    "F08": [_event("V2")],
    "F09": [_member("k5", "EXPERT", date_sortie="2026-05-03")],
    "F10": [_project(OURS, "0.25", "LIVRE"), _project(OTHER, "0.75", "LIVRE")],
    "F11": [_action("TOUT_PUBLIC", "20")],
    "F13": [_funding("500", "500", "300")],
    "F15": [{"module_id": "M1", "siren_concepteur": OURS, "intitule": "M1", "label_qualite": "true", "date_label": "2026-04-02"}],
    "G01": [{"jalon_id": "J1", "libelle": "Jalon", "etat": "LIVRE", "date_livraison": "2026-04-30", "preuve_id": "R1",
             "_object_partner_code": "ORG"}],
    "G02": [_target("DEC2", "120")],
    "G04": [_decision("DEC1", "EXECUTEE", "2026-05-02"), _decision("DEC2", "OUVERTE")],
}  # fmt: skip


def _deliver(connection: psycopg.Connection, feed: str, table: str, build: int, rows: list[Row]) -> None:
    """One delivery of a quarter by the partner ORG, loaded and numbered."""
    start = dt.date(2026, 1, 1) if build == 1 else dt.date(2026, 4, 1)
    end = dt.date(2026, 3, 31) if build == 1 else dt.date(2026, 6, 30)
    period = f"2026-T{build}"
    delivery = f"{feed}-ORG-{period}-v1"
    connection.execute(
        "insert into ops.deliveries (delivery_id, feed, partner_code, file_name, period, period_start, period_end,"
        " version, sha256, size_bytes, received_at, state, rows_received, rows_accepted, rows_rejected)"
        " values (%s, %s, 'ORG', 'f.csv', %s, %s, %s, 1, %s, 1, %s, 'ACCEPTÉ', %s, %s, 0)",
        [delivery, feed, period, start, end, delivery, f"{end} 12:00Z", len(rows), len(rows)],
    )
    load = connection.execute(
        "insert into ops.loads (delivery_id, kind, rows_accepted, build_id) values (%s, 'LIVRAISON', %s, %s)"
        " returning load_id",
        [delivery, len(rows), build],
    ).fetchone()
    assert load is not None
    for number, row in enumerate(rows, start=2):
        technical = {
            "_load_id": load[0],
            "_delivery_id": delivery,
            "_row_number": number,
            "_row_hash": f"{delivery}{number}",
        }
        values: dict[str, Any] = {"programme_code": "MQ"} | row | technical
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        connection.execute(f"insert into raw.{table} ({names}) values ({marks})", list(values.values()))


def _empty(connection: psycopg.Connection) -> None:
    tables = connection.execute(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('raw', 'quarantine', 'ops')"
    ).fetchall()
    connection.execute(f"truncate {', '.join(name for (name,) in tables)} restart identity cascade")


def _dump(settings: Settings) -> dict[str, Rows]:
    with connect(settings, "lakou_dbt") as connection:
        return {
            table: connection.execute(f"select t::text from marts.{table} as t order by 1").fetchall()
            for table in (*HISTORIES, *DIMENSIONS)
        }


@pytest.fixture(scope="module")
def story(settings: Settings) -> Iterator[Story]:
    """A first quarter of every feed, a second one of some, and a full build."""
    tables = {contract.feed: contract.raw_table for contract in load_contracts().values()}
    assert set(FIRST) == set(tables) - {"F03"}
    with connect(settings, "lakou_admin") as connection:
        _empty(connection)
        connection.execute(
            "insert into ops.partners (partner_code, name, kind, programme_code, siren, feeds)"
            " values ('ORG', 'Organisme', 'organisme de formation', 'MQ', %s, %s)",
            [OURS, sorted(tables)],
        )
    built: dict[int, dict[str, Rows]] = {}
    for build, told in ((1, FIRST), (2, SECOND)):
        with connect(settings, "lakou_admin") as connection:
            connection.execute(
                "insert into ops.builds (build_id, business_date, state) values (%s, '2026-07-15', 'TERMINE')", [build]
            )
            for feed, rows in told.items():
                _deliver(connection, feed, tables[feed], build, rows)
            people = record_links(connection, build)
        # of the second period, only what is made from the feeds that arrived
        touched = subgraph(told, people_changed=people > 0) if build > 1 else ()
        run_dbt(settings, build, as_of=build, since=build - 1, full=build == 1, touched=touched)
        built[build] = _dump(settings)
    run_dbt(settings, 2, as_of=2, since=0, full=True)
    yield Story(settings, built, _dump(settings))
    with connect(settings, "lakou_admin") as connection:
        _empty(connection)


def _query(story: Story, text: str) -> Rows:
    with connect(story.settings, "lakou_dbt") as connection:
        return connection.execute(text).fetchall()


# -------------------------------------------------------------------------------------------------------------- history


@pytest.mark.parametrize("table", [*HISTORIES, *DIMENSIONS])
def test_a_full_build_equals_the_incremental_ones_row_for_row(story: Story, table: str) -> None:
    assert story.built[2][table], "an empty table proves nothing"
    assert story.full[table] == story.built[2][table]


def test_every_row_of_a_feed_is_known_from_the_build_that_numbered_it(story: Story) -> None:
    found = {
        table: _query(story, f"select min(known_from_build), max(known_from_build) from marts.{table}")[0]
        for table in HISTORIES
    }
    unchanged = {"bridge_company_roles", "fct_gains", "fct_survey_answers", "fct_benchmarks", "fct_envelopes"}
    unchanged.add("fct_mentoring_sessions")
    assert found == {table: (1, 1 if table in unchanged else 2) for table in HISTORIES}


# -------------------------------------------------------------------------------------------------------------- actions


def test_people_are_counted_in_events_and_actions_once_these_are_known(story: Story) -> None:
    rows = _query(
        story,
        "select person_key, object_type, object_id, occurred_on::text, venue_commune_code, known_from_build"
        " from marts.fct_participations where known_to_build is null order by 1",
    )
    # the file that tells A1 again in build 2 begins a new span of k3's participation
    assert rows == [
        ("k1", "SESSION", "S1", "2026-03-20", "97209", 1),
        ("k2", "EVENEMENT", "V1", "2026-03-05", "97209", 1),
        ("k3", "ACTION", "A1", "2026-03-12", "97209", 2),
        ("k4", "EVENEMENT", "V2", "2026-03-05", "97209", 2),
    ]


def test_sessions_only_are_counted_by_the_indicators_of_training(story: Story) -> None:
    rows = _query(story, "select distinct entity_key from marts.indicator_a1_01")
    links = _query(
        story, "select participant_id from ops.person_links where person_key = 'k1' and known_to_build is null"
    )
    assert rows == links


def test_each_organiser_has_one_share_and_a_support_none(story: Story) -> None:
    rows = _query(
        story,
        "select action_kind, organisation_code, role, share::float from marts.bridge_action_partners"
        " where known_from_build = 1 order by 1, 3, 2",
    )
    # who delivers the session is among its co-organisers: once
    assert rows == [
        ("EVENEMENT", THEIRS, "ORGANISATEUR", 0.5),
        ("EVENEMENT", OURS, "ORGANISATEUR", 0.5),
        ("EVENEMENT", OTHER, "SOUTIEN", 0.0),
        ("SESSION", THEIRS, "ORGANISATEUR", 0.5),
        ("SESSION", OURS, "ORGANISATEUR", 0.5),
    ]


def test_the_last_file_names_all_the_partners_of_a_project_and_all_the_publics_of_an_action(story: Story) -> None:
    partners = _query(
        story,
        "select siren, share::float, known_from_build, known_to_build from marts.bridge_project_partners order by 3, 1",
    )
    assert partners == [(THEIRS, 0.5, 1, 2), (OURS, 0.5, 1, 2), (OTHER, 0.75, 2, None), (OURS, 0.25, 2, None)]
    publics = _query(
        story,
        "select public, anonymous_headcount, known_from_build, known_to_build from marts.bridge_deliverable_publics"
        " order by 3, 1",
    )
    assert publics == [("JEUNES", None, 1, 2), ("SENIORS", 12, 1, 2), ("TOUT_PUBLIC", 20, 2, None)]


def test_an_action_of_a_roadmap_that_a_file_does_not_name_stays(story: Story) -> None:
    rows = _query(
        story,
        "select roadmap_action_id, weight::float, status, done_on::text, known_from_build from marts.fct_roadmap_actions"
        " where known_to_build is null order by 1",
    )
    assert rows == [("A1", 1.0, "REALISEE", "2026-04-15", 2), ("A2", 2.0, "PREVUE", None, 1)]
    assert _query(story, "select count(distinct diagnostic_key), count(*) from marts.fct_diagnostics") == [(1, 2)]


def test_a_member_counts_by_month_and_a_mentoring_meeting_by_day(story: Story) -> None:
    months = _query(
        story,
        "select role, month_start::text from marts.fct_memberships where known_to_build is null order by 1, 2",
    )
    # the second file says that the expert left in May; of the other role it says nothing any more
    assert months == [
        *(("AUTRE", f"2026-{month:02d}-01") for month in (2, 3)),
        *(("EXPERT", f"2026-{month:02d}-01") for month in (2, 3, 4, 5)),
    ]
    meetings = _query(story, "select pair_id, met_on::text from marts.fct_mentoring_sessions order by 2")
    assert meetings == [("B1", "2026-03-02"), ("B1", "2026-03-09")]


def test_someone_known_by_a_membership_only_is_a_participant_with_an_age(story: Story) -> None:
    rows = _query(
        story,
        "select age_band, sex, first_entry_on::text from marts.dim_participant"
        " inner join ops.person_links using (participant_id) where person_key = 'k5' and known_to_build is null",
    )
    assert rows == [("45-59", "NR", "2026-02-10")]


def test_a_line_of_funding_has_three_amounts_and_meets_its_envelope(story: Story) -> None:
    rows = _query(
        story,
        "select stage, f.amount_eur::float, e.envelope_id, p.envelope_id from marts.fct_funding as f"
        " inner join marts.fct_envelopes as e using (envelope_key)"
        " inner join marts.fct_envelopes as p on e.parent_envelope_key = p.envelope_key"
        " where f.known_to_build is null order by 1",
    )
    assert rows == [("ENGAGE", 500.0, "E1", "E0"), ("MANDATE", 300.0, "E1", "E0"), ("VOTE", 500.0, "E1", "E0")]


def test_phases_of_a_commune_accumulate_on_one_row(story: Story) -> None:
    rows = _query(
        story,
        "select last_phase, trained_agents, trained_on::text, tested_on::text, assessment, known_to_build"
        " from marts.fct_commune_phases order by known_from_build",
    )
    assert rows == [
        ("FORMER", 12, "2026-01-10", None, None, 2),
        ("EXPERIMENTER", 12, "2026-01-10", "2026-04-10", "EN_COURS", None),
    ]


# ------------------------------------------------------------------------------------------------------------- outcomes


def test_steps_of_a_journey_accumulate_and_those_skipped_or_disordered_are_flagged(story: Story) -> None:
    rows = _query(
        story,
        "select siren, last_step, has_skipped_step, has_disordered_steps from marts.fct_adoptions"
        " order by siren, known_from_build",
    )
    assert rows == [
        (THEIRS, "DIAGNOSTIC", False, True),
        (OURS, "PROTOTYPE", True, False),
        (OURS, "DEPLOIEMENT", True, False),
    ]


def test_a_gain_meets_its_journey_and_says_how_much_changed(story: Story) -> None:
    rows = _query(
        story,
        "select g.gain_type, g.relative_change::float, a.deployed_on::text from marts.fct_gains as g"
        " inner join marts.fct_adoptions as a using (adoption_key) where a.known_to_build is null",
    )
    assert rows == [("TEMPS", -0.25, "2026-04-05")]


def test_answers_of_both_surveys_are_one_row_a_question(story: Story) -> None:
    rows = _query(
        story,
        "select survey_kind, question_code, answer, score::float, weight::float, session_key is not null"
        " from marts.fct_survey_answers order by 1, 2",
    )
    assert rows == [
        ("BAROMETRE", "CONFIANCE", "NSP", None, 12.5, False),
        ("BAROMETRE", "USAGE_IA", "HEBDO", None, 12.5, False),
        ("FORMATION", "CONNAISSANCE", "62.5", 62.5, 1.0, True),
        ("FORMATION", "SATISFACTION", "4", 4.0, 1.0, True),
    ]


# ------------------------------------------------------------------------------------------------- steering, dimensions


def test_a_target_meets_the_decision_that_sets_it_and_a_milestone_its_proof(story: Story) -> None:
    targets = _query(
        story,
        "select t.target_value::float, d.decided_on::text, d.status from marts.fct_targets as t"
        " inner join marts.fct_decisions as d using (decision_key) where d.known_to_build is null order by 1",
    )
    assert targets == [(100.0, "2026-02-02", "EXECUTEE"), (120.0, "2026-02-02", "OUVERTE")]
    proofs = _query(
        story,
        "select m.status, b.publisher from marts.fct_milestones as m left join marts.fct_benchmarks as b"
        " using (benchmark_key) order by m.known_from_build",
    )
    assert proofs == [("EN_COURS", None), ("LIVRE", "Insee")]


def test_a_company_has_a_version_each_time_that_something_changes(story: Story) -> None:
    rows = _query(
        story,
        "select version, valid_from::text, valid_to::text, label, naf_section, size_band, offers_ai"
        f" from marts.dim_company where siren = '{OURS}' order by 1",
    )
    assert rows == [
        (1, "1900-01-01", "2026-01-01", "Nous", "J", None, True),
        (2, "2026-01-01", "2026-04-01", "Nous", "I", "1-9", True),
        (3, "2026-04-01", None, "Nous", "I", "10-49", True),
    ]
    [(sector,)] = _query(
        story, f"select strategic_sector from marts.dim_company where siren = '{THEIRS}' and is_current"
    )
    assert sector == "SANTE"


def test_a_module_shows_its_label_as_of_the_build(story: Story) -> None:
    assert _query(story, "select module_id, is_labelled, labelled_on::text from marts.dim_module") == [
        ("M1", True, "2026-04-02")
    ]


def test_every_facts_row_leads_to_its_raw_row(story: Story) -> None:
    known = {
        row
        for contract in load_contracts().values()
        for row in _query(story, f"select _delivery_id, _row_number, _row_hash from raw.{contract.raw_table}")
    }
    for table in HISTORIES:
        cited = set(_query(story, f"select delivery_id, row_number, row_hash from marts.{table}"))
        assert cited
        assert cited <= known, table


# ------------------------------------------------------------------------------------------------ bus matrix and seeds

MATRIX = ("date", "programme", "action line", "partner", "territory", "participant", "company", "sector", "funding scheme",
          "module", "indicator", "delivery", "facts")  # fmt: skip
PATTERNS = {
    "programme": r"programme_code",
    "action line": r"action_code",
    "partner": r"(\w+_)?partner_code",
    "territory": r"(\w+_)?(commune|epci|territory)_code",
    "participant": r"person_key",
    "company": r"(\w+_)?sirens?|organisation_code",
    "sector": r"sector|\w+_sector|naf_code",
    "funding scheme": r"scheme_code",
    "module": r"module_id",
    "indicator": r"indicator_codes?",
    "delivery": r"delivery_id",
}


def _model_files() -> list[Path]:
    folders = (PROJECT / "models" / "marts" / folder for folder in ("actions", "outcomes", "steering"))
    return sorted(
        path for folder in folders for path in folder.glob("*.yml") if path.stem.startswith(("fct_", "bridge_"))
    )


def bus_matrix() -> dict[str, dict[str, str]]:
    """By fact and dimension, the columns by which they meet, as the models declare them."""
    columns = {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))["models"][0]["columns"] for path in _model_files()
    }
    # a key is that of the fact whose first column it is
    owners: dict[str, str] = {}
    for fact, declared in sorted(columns.items()):
        if fact.startswith("fct_") and declared[0]["name"].endswith("_key"):
            owners.setdefault(declared[0]["name"], fact)
    owners |= {"object_key": "fct_sessions", "action_key": "fct_sessions"}
    matrix: dict[str, dict[str, str]] = {}
    for fact, declared in columns.items():
        names = [column["name"] for column in declared]
        cells = {
            dimension: [name for name in names if re.fullmatch(pattern, name)]
            for dimension, pattern in PATTERNS.items()
        }
        cells["date"] = [column["name"] for column in declared if column["data_type"] == "date"]
        cells["facts"] = [name for name in names if owners.get(name, fact) != fact]
        matrix[fact] = {dimension: ", ".join(cells[dimension]) for dimension in MATRIX}
    return matrix


def test_the_bus_matrix_of_the_readme_is_that_of_the_models() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    header = f"| | {' | '.join(MATRIX)} |"
    assert header in text
    written: dict[str, dict[str, str]] = {}
    for line in text.split(header)[1].strip().splitlines()[1:]:
        if not line.startswith("| `"):
            break
        fact, *cells = (cell.strip() for cell in line.split("|")[1:-1])
        written[fact.strip("`")] = dict(zip(MATRIX, cells, strict=True))
    assert written == bus_matrix()


def test_every_fact_meets_a_programme_and_its_deliveries_and_every_dimension_is_met() -> None:
    matrix = bus_matrix()
    # worked out of other facts, not of rows of one delivery
    without_delivery = {
        "fct_cell_sums",
        "fct_commitments",
        "fct_committee_sessions",
        "fct_comparability",
        "fct_contribution_months",
        "fct_cumulated_values",
        "fct_envelope_balances",
        "fct_forecasts",
        "fct_indicator_progress",
        "fct_indicator_values",
        "fct_published_values",
        "fct_restatement_steps",
        "fct_restatements",
        "fct_roles",
        "fct_survey_changes",
    }
    for fact, cells in matrix.items():
        assert cells["programme"], fact
        assert cells["delivery"] or fact in without_delivery, fact
    for dimension in MATRIX:
        assert any(cells[dimension] for cells in matrix.values()), dimension


def test_funding_schemes_of_the_star_are_those_that_files_are_judged_by() -> None:
    seed = PROJECT / "seeds" / "reference" / "funding_schemes.csv"
    judged = CHECKOUT / "ingestion" / "reference" / "funding_schemes.csv"
    assert seed.read_text(encoding="utf-8") == judged.read_text(encoding="utf-8")


def test_every_sector_that_a_file_may_name_is_in_the_star() -> None:
    with (PROJECT / "seeds" / "reference" / "sectors.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    known = {row["sector_code"] for row in rows if row["sector_kind"] == "FILIERE"}
    columns = {"secteur_cible", "secteur_strategique", "filiere"}
    named = [
        set(column.enum)
        for contract in load_contracts().values()
        for column in contract.columns
        if column.name in columns
    ]
    assert len(named) == 3
    assert set().union(*named) == known
    divisions = [
        division
        for row in rows
        if row["sector_kind"] == "NAF"
        for division in range(int(row["first_naf_division"]), int(row["last_naf_division"]) + 1)
    ]
    assert len(divisions) == len(set(divisions)), "two sections share a division"


def test_every_feed_has_its_staging_model() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "models" / "staging" / "drop").glob("*.sql"))
    assert set(re.findall(r"source\('raw', '(\w+)'\)", text)) == {c.raw_table for c in load_contracts().values()}
