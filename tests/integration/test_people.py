"""Unique people in a real PostgreSQL: joined, parted, looked at by somebody; shown to themselves, anonymous, erased."""

from __future__ import annotations

import html
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from ingestion import building, linking
from ingestion.cli import main
from ingestion.database import connect
from ingestion.people import Identifiers, Keys, keys_of
from ingestion.receive import load_pseudonymiser
from ingestion.settings import CHECKOUT, Settings
from tests.integration.drop_box import TODAY, DropBox, dump

HEADER = (
    "objet_id;courriel;nom_naissance;prenom;annee_naissance;sexe;statut_pro;niveau_diplome;canal_orientation;statut;"
    "duree_suivie_h;code_commune_residence"
)
ANA = {"courriel": "ana@courrier.invalid", "nom_naissance": "Zyzomyst", "prenom": "Ana", "annee_naissance": "1988"}
BOB = {"courriel": "bob@courrier.invalid", "nom_naissance": "Quibrolle", "prenom": "Bob", "annee_naissance": "1990"}


def line(session: str, who: dict[str, str], commune: str = "", sex: str = "F", **changes: str) -> str:
    cells = who | changes
    names = ";".join(cells[name] for name in ("courriel", "nom_naissance", "prenom", "annee_naissance"))
    return f"{session};{names};{sex};SALARIE;5;DIRECT;TERMINE;6;{commune}"


class People(DropBox):
    """A drop box whose participations say who they are about."""

    def bring(self, *lines: str, period: str = "2026-09", suffix: str = "v1") -> None:
        """Drop participations, take them in and build, without the models."""
        name = f"F02_participations__{self.code}__{period}__{suffix}.csv"
        self.put(name, "\n".join([HEADER, *lines, ""]))
        self.receive()
        self.build()

    def build(self) -> building.BuildSummary:
        return building.build(self.settings, _accept)

    def persons(self) -> list[tuple[int, ...]]:
        """Of each person now, how many sets of keys."""
        return self.all(
            "select count(*) from ops.person_links where known_to_build is null group by participant_id order by 1"
        )

    def events(self) -> list[tuple[Any, ...]]:
        return self.all("select build_id, event, keys_moved, cause from ops.person_link_events order by event_id")

    def lakou(self, *arguments: str, who: dict[str, str] | None = None, code: int = 0) -> Result:
        given = ["--from", "-"] if who is not None else []
        done = CliRunner().invoke(main, ["person", *arguments, *given], input=json.dumps(who) if who else None)
        assert done.exit_code == code, done.output
        return done

    def keys(self, who: dict[str, str]) -> Keys:
        return keys_of(load_pseudonymiser(self.settings), Identifiers(**who))


def _accept(_settings: Settings, _loads: Sequence[int]) -> dict[str, str]:
    return {}


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> People:
    """An account with two sessions, and builds without their models, which run in `test_closing`."""
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    monkeypatch.setattr(building, "run_dbt", lambda *_arguments, **_options: 0)
    box = People(clean)
    box.open_account()
    box.put_sessions("S1", "S2", "S3")
    return box


# -------------------------------------------------------------------------------------------------------- linked by build


def test_a_link_that_comes_later_merges_and_a_version_without_it_splits(box: People) -> None:
    married = ANA | {"nom_naissance": "Wexandre", "courriel": "other@courrier.invalid"}
    box.bring(line("S1", ANA), line("S2", married))
    assert box.persons() == [(1,), (1,)]
    first = dict(box.all("select person_key, participant_id from ops.person_links"))
    # the address of the one, under the name of the other
    box.bring(line("S3", married, courriel=ANA["courriel"]), period="2026-10")
    assert box.persons() == [(3,)]
    assert box.events() == [(2, "FUSION", 1, "LIGNES_NOUVELLES")]
    box.bring(line("S3", BOB), period="2026-10", suffix="v2")
    assert box.persons() == [(1,), (1,), (1,)]
    assert box.events()[1:] == [(3, "SEPARATION", 1, "LIGNES_RETIREES")]
    # each build keeps what it said
    as_of = "select person_key, participant_id from ops.person_links where known_from_build <= %s and (known_to_build is null or known_to_build > %s)"
    assert dict(box.all(as_of, 1, 1)) == first
    assert len({participant for _, participant in box.all(as_of, 2, 2)}) == 1


def test_only_the_groups_that_something_touched_are_linked_again(box: People, monkeypatch: pytest.MonkeyPatch) -> None:
    box.bring(line("S1", ANA), line("S2", BOB))
    seen: list[int] = []
    real = linking.link

    def watched(people: pl.DataFrame, *rest: Any) -> linking.Links:
        seen.append(people["person_key"].n_unique())
        return real(people, *rest)

    monkeypatch.setattr(linking, "link", watched)
    box.bring(line("S3", BOB | {"courriel": "bob2@courrier.invalid"}), period="2026-10")
    assert seen == [2]
    assert box.persons() == [(1,), (2,)]
    # the same from nothing: nobody changes
    with connect(box.settings, "lakou_admin") as connection:
        connection.execute("delete from ops.settings where name = 'people_linked'")
        before = connection.execute("select person_key, participant_id from ops.person_links").fetchall()
    assert box.build().people_changed == 0
    assert sorted(box.all("select person_key, participant_id from ops.person_links")) == sorted(before)


def test_links_are_those_of_the_last_build_that_linked_whatever_failed(
    box: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.bring(line("S1", ANA))

    def fail(*_arguments: object, **_options: object) -> int:
        raise RuntimeError("no model")

    with monkeypatch.context() as patch:
        patch.setattr(building, "run_dbt", fail)
        with pytest.raises(RuntimeError):
            box.bring(line("S2", BOB), period="2026-10")
    box.build()
    assert box.persons() == [(1,), (1,)]
    assert box.one("select count(*) from ops.person_sightings") == 2


# ---------------------------------------------------------------------------------------------------------------- reviews


def homonyms(box: People) -> int:
    box.bring(line("S1", ANA, "97209"), line("S2", ANA | {"courriel": "ana2@courrier.invalid"}, "97213"))
    assert box.persons() == [(1,), (1,)]
    return int(box.one("select review_id from ops.person_reviews where closed_build is null"))


def test_somebody_joins_homonyms_and_takes_it_back(box: People) -> None:
    review = homonyms(box)
    shown = box.lakou("review", "list").output
    assert f"{review}. même nom, adresses et communes différentes (depuis le build 1)" in shown
    assert "communes 97209" in shown
    assert "KABIA F02_participations__KABIA__2026-09__v1.csv:2" in shown
    assert "Zyzomyst" not in shown
    assert "une seule personne ; le prochain" in box.lakou("review", "join", str(review), "--by", "Mme A").output
    assert "comme déjà dit" in box.lakou("review", "join", str(review), "--by", "Mme A").output
    assert "a déjà une réponse (réunir)" in box.lakou("review", "split", str(review), "--by", "M. B", code=1).output
    assert box.build().is_new
    assert box.persons() == [(2,)]
    assert box.events() == [(2, "FUSION", 1, "DECISION")]
    assert box.lakou("review", "list").output == "Aucune question.\n"
    assert "une seule personne, dit Mme A" in box.lakou("review", "list", "--answered").output
    assert not box.build().is_new
    box.lakou("review", "undo", str(review), "--by", "M. B")
    box.build()
    assert box.persons() == [(1,), (1,)]
    assert box.events()[1:] == [(3, "SEPARATION", 1, "DECISION")]
    # the rules ask again
    assert box.one("select count(*) from ops.person_reviews where closed_build is null") == 1
    assert box.all("select actor, action from ops.audit_log order by 1 desc, 2") == [
        ("Mme A", "PERSONNES_REUNIR"), ("M. B", "PERSONNES_ANNULER"),
    ]  # fmt: skip


def test_homonyms_set_apart_stay_so_though_they_move_together(box: People) -> None:
    review = homonyms(box)
    box.lakou("review", "split", str(review), "--by", "Mme A")
    box.bring(line("S3", ANA, "97213"), period="2026-10")
    assert box.persons() == [(1,), (1,)]
    assert box.lakou("review", "list", "--json").output == "[]\n"


def test_a_crowd_of_one_address_is_asked_about(box: People) -> None:
    names = [ANA | {"nom_naissance": name} for name in ("Zyzomyst", "Wexandre", "Ymbertole", "Quibrolle")]
    box.bring(*(line("S1", who) for who in names[:3]))
    assert box.persons() == [(3,)]
    box.bring(line("S2", names[3]), period="2026-10")
    assert box.persons() == [(1,), (1,), (1,), (1,)]
    (question,) = json.loads(box.lakou("review", "list", "--json").output)
    assert question["reason"] == "PLUS_DE_4_CLES"
    assert [group["rows"] for group in question["groups"]] == [1, 1, 1, 1]
    assert "ne se pose" not in box.lakou("review", "join", str(question["review_id"]), "--by", "Mme A").output
    box.build()
    assert box.persons() == [(4,)]


def test_there_is_no_such_question(box: People) -> None:
    assert "il n'y a pas de question 9" in box.lakou("review", "join", "9", "--by", "Mme A", code=1).output
    assert "il n'y a pas de question 9" in box.lakou("review", "undo", "9", "--by", "Mme A", code=1).output


# ------------------------------------------------------------------------------------------- access, objection, erasure


def told(box: People) -> None:
    """Ana: a row replaced, two counted, one refused, one that waits, one in no build; Bob beside her."""
    box.bring(line("S1", ANA, "97209"), line("S2", BOB))
    box.bring(line("S1", ANA, "97209"), line("S3", ANA), line("S2", ANA, sex="Q"), line("S2", BOB), suffix="v2")
    box.put(
        "F02_participations__KABIA__2026-10__v1.csv",
        "\n".join([HEADER, line("PLUS-TARD", ANA | {"courriel": ""}), line("S1", BOB), line("S2", ANA), ""]),
    )
    box.receive()


def states(output: str) -> list[tuple[str, int]]:
    return sorted((row["state"], row["row_number"]) for row in json.loads(output))


def test_a_person_sees_all_that_is_held_of_them_and_nothing_of_others(box: People) -> None:
    told(box)
    shown = box.lakou("access", "--by", "DPO", "--reference", "2026-17", "--json", who=ANA).output
    assert states(shown) == [
        ("COMPTEE", 2), ("COMPTEE", 3), ("EN_ATTENTE", 2), ("REFUSEE", 4), ("REMPLACEE", 2), ("RETENUE", 4),
    ]  # fmt: skip
    (counted,) = [row for row in json.loads(shown) if row["state"] == "COMPTEE" and row["row_number"] == 2]
    assert counted["values"]["code_commune_residence"] == "97209"
    assert not any(name.startswith(("person_key", "_")) for name in counted["values"])
    # by the address alone: the row that waits has none, and is linked to the same person
    mail = {"courriel": f"  {ANA['courriel'].upper()} "}
    assert {state for state, _ in states(box.lakou("access", "--by", "DPO", "--json", who=mail).output)} >= {
        "COMPTEE", "REFUSEE", "REMPLACEE", "RETENUE",
    }  # fmt: skip
    assert box.lakou("access", "--by", "DPO", who=ANA).output.startswith("6 lignes (2 comptées, 1 en attente, ")
    nobody = box.lakou("access", "--by", "DPO", who={"courriel": "nobody@courrier.invalid"}).output
    assert nobody.startswith("0 ligne, 0 fichier gardé.")
    # what was typed is nowhere
    assert box.one("select count(*) from ops.audit_log where action = 'ACCES' and subject = '2026-17'") == 1
    everything = dump(box.settings)
    assert "zyzomyst" not in everything.lower()
    assert ANA["courriel"] not in everything


def test_who_is_not_told_from_others_gets_nothing(box: People) -> None:
    box.bring(line("S1", ANA), line("S2", BOB, courriel=ANA["courriel"]))
    asked = {"courriel": ANA["courriel"]}
    for command in ("access", "erase", "object"):
        output = box.lakou(
            command, "--by", "DPO", *(["--yes"] if command != "access" else []), who=asked, code=1
        ).output
        assert "2 personnes répondent à cette adresse" in output
    assert states(box.lakou("access", "--by", "DPO", "--json", who=ANA).output) == [("COMPTEE", 2)]
    assert (
        "personne ne peut être reconnu ainsi"
        in box.lakou("access", "--by", "DPO", who={"prenom": "Ana"}, code=1).output
    )
    assert (
        "n'est pas une année" in box.lakou("access", "--by", "DPO", who=ANA | {"annee_naissance": "88"}, code=1).output
    )
    assert "n'est pas un objet JSON" in box.lakou("access", "--by", "DPO", who={"nom": "x"}, code=1).output


def test_who_objects_is_counted_without_a_profile_from_then_on(box: People) -> None:
    box.bring(line("S1", ANA), line("S2", BOB))
    anonymous = (
        "select is_anonymous, cause, known_from_build from ops.person_links as l where known_to_build is null"
        " and exists (select from raw.f02_participations as r where r.person_key_2 = %s"
        " and ops.person_key(r.person_key_1, r.person_key_2, r.person_key_3) = l.person_key) order by 3"
    )
    name = box.keys(ANA).name
    assert "Opposition notée" in box.lakou("object", "--by", "DPO", "--yes", who=ANA).output
    assert "Elle était déjà notée." in box.lakou("object", "--by", "DPO", "--yes", who=ANA).output
    assert box.build().is_new
    assert box.all(anonymous, name) == [(True, "OPPOSITION", 2)]
    assert box.all(anonymous, box.keys(BOB).name) == [(False, "NOUVEAU", 1)]
    # rows that come later, under another address too
    box.bring(line("S3", ANA | {"courriel": "ana2@courrier.invalid"}), period="2026-10")
    assert box.all(anonymous, name) == [(True, "OPPOSITION", 2), (True, "NOUVEAU", 3)]
    assert "Opposition levée" in box.lakou("object", "--by", "DPO", "--yes", "--lift", who=ANA).output
    box.build()
    assert [row[0] for row in box.all(anonymous, name)] == [False, False]


def left_of(box: People, keys: Keys) -> list[str]:
    """Which of a person's hashes the database still holds; others may have the first name and the year."""
    everything = dump(box.settings)
    return [name for name in ("mail", "name") if getattr(keys, name) in everything]


def test_an_erasure_is_shown_asked_for_and_carried_out_by_the_next_build(
    box: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(box)
    keys, counters = (
        box.keys(ANA),
        "select sum(rows_received), sum(rows_accepted), sum(rows_awaiting), sum(rows_rejected) from ops.deliveries where feed = 'F02'",
    )
    assert box.one(counters) == (9, 7, 1, 1)
    assert "6 lignes" in box.lakou("erase", "--by", "DPO", "--dry-run", who=ANA).output
    refused = CliRunner().invoke(main, ["person", "erase", "--by", "DPO", "--from", _file(box, ANA)], input="n\n")
    assert refused.exit_code == 1
    assert left_of(box, keys) == ["mail", "name"]
    done = box.lakou("erase", "--by", "DPO", "--reference", "2026-18", "--yes", who=ANA).output
    assert "Effacement 1 : le prochain `lakou build` l'achève" in done
    assert "à dire à KABIA : 6 lignes" in done
    # raw keeps its rows until a build knows them no more; quarantine and the landing hold nothing now
    assert box.one("select count(*) from raw.f02_participations where person_key_2 = %s", keys.name) == 4
    assert box.one("select count(*) from quarantine.awaiting_rows") == 0
    assert box.all("select message, value, row_values::text from quarantine.rejected_rows") == [
        ("Ligne effacée à la demande de la personne.", None, "{}")
    ]
    assert box.one(counters) == (8, 7, 0, 1)
    assert (
        box.one(
            "select count(*) from ops.landing_files as f inner join ops.deliveries using (delivery_id)"
            " where feed = 'F02' and wrapped_key is not null"
        )
        == 0
    )
    assert "Rien à effacer de plus." in box.lakou("erase", "--by", "DPO", "--yes", who=ANA).output
    assert box.build().is_new
    assert left_of(box, keys) == []
    assert left_of(box, box.keys(BOB)) == ["mail", "name"]
    assert box.persons() == [(1,)]
    assert box.one("select count(*) from raw.f02_participations") == 3
    assert box.one(
        "select requested_by, reference, person_keys, rows_accepted, rows_awaiting, rows_rejected, landed_files"
        " from ops.erasures"
    ) == ("DPO", "2026-18", None, 4, 1, 1, 3)
    assert not box.build().is_new
    assert box.lakou("access", "--by", "DPO", who=ANA).output.startswith("0 ligne, 0 fichier gardé.")
    # a file of before that still names them brings nothing back, by whichever of their marks
    for version, left_out in (("v1", ("courriel",)), ("v2", ("nom_naissance", "prenom", "annee_naissance"))):
        box.bring(line("S3", ANA | dict.fromkeys(left_out, "")), line("S1", BOB), period="2026-08", suffix=version)
    assert box.persons() == [(1,)]
    assert left_of(box, keys) == []
    assert box.all("select rule_id from quarantine.rejected_rows as r join ops.deliveries as d using (delivery_id)"
                   " where d.period = '2026-08'") == [("PERSONNE-EFFACEE",)] * 2  # fmt: skip
    assert "demandé l'effacement" in html.unescape(box.receipt("F02_participations__KABIA__2026-08__v2.csv"))
    # whoever comes again afterwards is a new person
    monkeypatch.setenv("LAKOU_TODAY", "2026-12-05")
    box.bring(line("S3", ANA), period="2026-11")
    assert len(box.persons()) == 2


def test_an_erasure_takes_rows_that_wait_for_somebody_to_release_them(box: People) -> None:
    box.bring(line("S1", BOB))
    box.put("F02_participations__KABIA__2026-10__v1.csv", "\n".join([HEADER, line("S1", ANA), line("S2", BOB), ""]))
    box.receive()
    with connect(box.settings) as connection:
        connection.execute(
            "insert into ops.holds (delivery_id, reason) select delivery_id, 'x' from ops.deliveries where period = '2026-10'"
        )
    box.lakou("erase", "--by", "DPO", "--yes", who=ANA)
    box.build()
    assert left_of(box, box.keys(ANA)) == []
    # what is left of the load is what its rows are
    assert box.one(
        "select rows_accepted, build_id from ops.loads where kind = 'LIVRAISON' order by load_id desc limit 1"
    ) == (1, None)
    with connect(box.settings) as connection:
        connection.execute("update ops.holds set released_at = now()")
    box.build()
    assert box.persons() == [(1,)]


# the process kills itself there, as kill -9 would
KILLED = """
import os, signal, sys
from ingestion import building, people_erasing
from ingestion.people import Identifiers, keys_of
from ingestion.receive import load_pseudonymiser
from ingestion.settings import load_settings
import json
def die(*_arguments, **_options):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(people_erasing, sys.argv[1], die)
building.run_dbt = lambda *_arguments, **_options: 0
settings = load_settings()
hmac = load_pseudonymiser(settings)
people_erasing.erase(settings, hmac, keys_of(hmac, Identifiers(**json.load(sys.stdin))), by="DPO", reference="")
building.build(settings, lambda _settings, _loads: {})
"""


@pytest.mark.parametrize(("place", "is_asked"), [("_empty_refused", False), ("finish", True), ("_delete", True)])
def test_an_erasure_killed_anywhere_is_taken_up_again(box: People, place: str, is_asked: bool) -> None:
    told(box)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, place],
        cwd=CHECKOUT, env=os.environ | {"PYTHONPATH": str(CHECKOUT)}, input=json.dumps(ANA), text=True, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert box.one("select count(*) from ops.erasures") == int(is_asked)
    assert left_of(box, box.keys(ANA)) == ["mail", "name"]
    box.lakou("erase", "--by", "DPO", "--yes", who=ANA)
    box.build()
    assert left_of(box, box.keys(ANA)) == []
    assert box.one("select count(*), count(finished_at) from ops.erasures") == (1, 1)
    assert box.one("select count(*) from raw.f02_participations") == 3


def _file(box: People, who: dict[str, str]) -> str:
    path = Path(box.settings.home / "who.json")
    path.write_text(json.dumps(who), encoding="utf-8")
    return str(path)
