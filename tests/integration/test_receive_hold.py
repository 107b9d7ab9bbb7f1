"""A version that says something quite different from the one before it waits for a person."""

from __future__ import annotations

import pytest

from ingestion import measuring
from ingestion.contracts import load_contract
from ingestion.database import connect
from ingestion.holding import release
from ingestion.settings import Settings
from tests.integration.drop_box import SURNAMES, TODAY, DropBox, mend

F01 = "F01_sessions_formation__KABIA__2026-09__v{}.csv"
HELD = "select d.version, h.reason, h.released_at is null from ops.holds as h inner join ops.deliveries as d using (delivery_id)"


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> DropBox:
    monkeypatch.setenv("LAKOU_TODAY", TODAY)
    return DropBox(clean).open_account()


def numbered(count: int) -> list[str]:
    return [f"S{number}" for number in range(count)]


def test_a_change_above_thirty_percent_is_held(box: DropBox) -> None:
    box.put_sessions(*numbered(20))
    box.receive()
    box.put_sessions(*numbered(13), suffix="v2")
    box.receive()
    version, reason, is_open = box.one(HELD)
    assert (version, is_open) == (2, True)
    told = "nombre de lignes acceptées ou en attente : 20 dans la version en vigueur, 13 dans celle-ci (−35\u202f%)"
    assert told in reason
    assert "heures prévues : 140 dans la version en vigueur, 91 dans celle-ci" in reason
    assert box.states()[F01.format(2)] == "ACCEPTÉ AVEC RÉSERVES"
    page = box.receipt(F01.format(2))
    assert "attend une validation" in page
    (line,) = box.receipt_lines(F01.format(2))
    assert line[3:5] == ["VALIDATION-ATTENDUE", "AVERTISSEMENT"]
    assert box.all("select revision, state from ops.receipts where html_path like '%%v2%%'") == [
        (1, "ACCEPTÉ AVEC RÉSERVES")
    ], "the first receipt says it: no file is taken for accepted in between"

    delivery = box.one("select delivery_id from ops.deliveries where version = 2")
    with connect(box.settings) as connection:
        release(box.settings, connection, delivery, "Comité")
    assert box.states()[F01.format(2)] == "ACCEPTÉ"
    assert "attend une validation" not in box.receipt(F01.format(2))
    assert box.receive().loads == 0


@pytest.mark.parametrize(("before", "after"), [(20, 14), (20, 26), (19, 1), (19, 60)])
def test_a_smaller_change_or_a_small_version_is_not(box: DropBox, before: int, after: int) -> None:
    box.put_sessions(*numbered(before))
    box.receive()
    box.put_sessions(*numbered(after), suffix="v2")
    box.receive()
    assert box.all(HELD) == []
    assert box.states()[F01.format(2)] == "ACCEPTÉ"


@pytest.mark.parametrize(("after", "is_held"), [(20, False), (13, True)])
def test_rows_that_wait_are_told_as_well(box: DropBox, after: int, *, is_held: bool) -> None:
    box.put_people(*((name, SURNAMES[0]) for name in numbered(20)))
    assert box.receive().rows_awaiting == 20
    box.put_people(*((name, SURNAMES[0]) for name in numbered(after)), suffix="v2")
    box.put_sessions(*numbered(20))
    assert box.receive().rows_accepted == 20 + after
    assert bool(box.all(HELD)) is is_held


def test_a_figure_that_changes_alone_is_enough(box: DropBox) -> None:
    box.put_sessions(*numbered(20))
    box.receive()
    box.put_sessions(*numbered(20), suffix="v2", duree_prevue_h="10")
    box.receive()
    _, reason, _ = box.one(HELD)
    assert reason.startswith("heures prévues : 140 dans la version en vigueur, 200 dans celle-ci (+43\u202f%)")
    assert "lignes" not in reason


def test_a_held_version_is_in_force_for_nobody(box: DropBox) -> None:
    box.put_sessions(*numbered(20))
    box.receive()
    box.put_sessions(*numbered(60), suffix="v2")
    box.receive()
    box.put_sessions(*numbered(60), suffix="v3", intitule="Autre")
    box.receive()
    assert [version for version, _, _ in box.all(HELD)] == [2, 3], "compared with the one before the held one"
    box.put_sessions(*numbered(21), suffix="v4")
    box.receive()
    assert [version for version, _, _ in box.all(HELD)] == [2, 3]


def test_a_version_stands_for_those_before_a_held_one_too(box: DropBox) -> None:
    box.put_sessions(*numbered(20))
    box.receive()
    box.put_sessions(*numbered(60), suffix="v2")
    box.receive()
    box.put_sessions(*numbered(21), suffix="v3")
    box.receive()
    assert [version for version, _, _ in box.all(HELD)] == [2]
    assert box.all(
        "select d.version from ops.supersessions as s inner join ops.loads as l on l.load_id = s.superseding_load_id"
        " inner join ops.deliveries as d on d.delivery_id = s.superseded_delivery_id"
        " inner join ops.deliveries as n on n.delivery_id = l.delivery_id where n.version = 3 order by 1"
    ) == [(1,), (2,)]


def test_rows_of_the_version_before_a_held_one_wait_on_until_that_is_released(box: DropBox) -> None:
    box.put_people(*((name, SURNAMES[0]) for name in numbered(20)))
    box.receive()
    box.put_people(("S1", SURNAMES[0]), suffix="v2")
    box.receive()
    box.put_sessions("S1", "S2")
    assert box.receive().settled == 3
    outcomes = "select outcome, count(*) from quarantine.awaiting_rows group by 1 order by 1 nulls last"
    assert box.all(outcomes) == [("ACCEPTEE", 3), (None, 18)]
    delivery = box.one("select delivery_id from ops.deliveries where feed = 'F02' and version = 2")
    with connect(box.settings) as connection:
        release(box.settings, connection, delivery, "Comité")
    box.put_sessions("S3", suffix="v1.rejets1")
    assert box.receive().settled == 0
    assert box.all(outcomes) == [("ACCEPTEE", 3), ("REMPLACEE", 18)]


def test_what_a_held_version_says_is_known_to_no_row(box: DropBox) -> None:
    box.put_sessions(*numbered(20))
    box.receive()
    box.put_sessions(*numbered(60)[1:], suffix="v2")
    box.receive()
    box.put_people(("S0", SURNAMES[0]), ("S50", SURNAMES[1]))
    summary = box.receive()
    assert (summary.rows_accepted, summary.rows_awaiting) == (1, 1)


def test_mended_rows_complete_a_version_and_are_never_held(box: DropBox) -> None:
    box.put_sessions("S1")
    box.put_people(
        *(("S1", f"{SURNAMES[0]}{'abcdefghijklmnopqrst'[number]}") for number in range(20)),
        *(("S1", f"{SURNAMES[1]}{'abcdefghijklmnopqrst'[number]},Q") for number in range(20)),
    )
    box.receive()
    rejects = box.receipts / "F02_participations__KABIA__2026-09__v1.rejets1.xlsx"
    mend(rejects, box.depot / "corrections de Marie.xlsx", "sexe", "M")
    summary = box.receive()
    assert (summary.accepted, summary.rows_accepted) == (1, 20)
    assert box.all(HELD) == []


def test_figures_are_the_same_from_the_rows_as_they_pass_and_from_the_table(box: DropBox) -> None:
    box.put_sessions("S1", "S2", places="12")
    box.put_people(("S1", SURNAMES[0]), ("S2", SURNAMES[0]), ("S1", SURNAMES[1]))
    box.receive()
    for feed in ("F01", "F02"):
        contract = load_contract(feed)
        delivery = box.one("select delivery_id from ops.deliveries where feed = %s", feed)
        with connect(box.settings) as connection:
            kept = measuring.measures(connection, contract, [delivery])
        box.all("delete from ops.delivery_measures returning 1")
        with connect(box.settings) as connection:
            assert measuring.measures(connection, contract, [delivery]) == kept
            assert measuring.measures(connection, contract, [delivery, "none"]) == kept
    people = {item.title: item.value for item in kept}
    assert people == {"Personnes ayant terminé": 2, "Heures suivies": 18, "Participations terminées": 3}


def test_figures_kept_are_not_those_of_a_delivery_that_has_more_rows_by_now(box: DropBox) -> None:
    box.put_sessions("S1")
    box.put_people(("S1", SURNAMES[0]), ("S9", SURNAMES[1]))
    box.receive()
    contract, delivery = load_contract("F02"), box.one("select delivery_id from ops.deliveries where feed = 'F02'")
    box.put_sessions("S9", suffix="v1.rejets1")
    box.receive()
    with connect(box.settings) as connection:
        values = {item.title: item.value for item in measuring.measures(connection, contract, [delivery])}
    assert values["Personnes ayant terminé"] == 2
