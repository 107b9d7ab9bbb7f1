"""A partner's overview and its page of reminders."""

from __future__ import annotations

import datetime as dt

import pytest

from ingestion import receipts, reminders
from ingestion.database import connect
from ingestion.settings import Settings
from tests.integration.receipt_books import RECEIVED_AT, TODAY, Books, Page, bad_sex, read_page
from tests.integration.test_receipts import SOURCE


@pytest.fixture
def books(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> Books:
    monkeypatch.delenv("LAKOU_CONTACT", raising=False)
    monkeypatch.delenv("LAKOU_SMTP_URL", raising=False)
    return Books(clean).open_account()


def remind(books: Books, today: dt.date = TODAY) -> list[str]:
    with connect(books.settings) as connection:
        connection.autocommit = True
        return reminders.write(books.settings, connection, today)


def index(books: Books, today: dt.date = TODAY) -> Page:
    remind(books, today)
    with connect(books.settings) as connection:
        receipts.write_index(books.settings, connection, books.code, "Kabia", today)
    return read(books, "index.html")


def read(books: Books, name: str) -> Page:
    page = read_page((books.folder / name).read_text(encoding="utf-8"), books.folder)
    assert page.faults == []
    return page


def refused_row(books: Books, **values: object) -> str:
    delivery = books.record(state="ACCEPTÉ AVEC RÉSERVES", rows_accepted=9, rows_rejected=1, **values)
    books.issue(delivery, [bad_sex(3)], SOURCE.head(1))
    return delivery.file_name


def test_an_account_that_sent_nothing_has_its_pages(books: Books) -> None:
    assert "Aucun dépôt pour l'instant." in index(books).words()
    assert "Rien n'est en retard" in read(books, "rappels.html").words()


def test_late_ones_come_first_then_the_next(books: Books) -> None:
    books.expect(dt.date(2026, 7, 1), dt.date(2026, 12, 1))
    books.issue(books.record("F01", "2026-08"))
    page = index(books)
    said = page.words()
    late, coming = said.index("5 fichiers attendus et non reçus"), said.index("Prochaines échéances")
    assert late < said.index("10 août 2026") < said.index("10 septembre 2026") < coming < said.index("10 octobre 2026")
    assert "12 fichiers attendus, le plus proche" in said
    assert said.count("en retard") == 6, "each one, and once in the tiles"
    assert "Fichiers attendus et reçus (1)" in said
    recalled = read(books, "rappels.html").words()
    assert recalled.index("5 fichiers en retard") < recalled.index("10 août 2026")


def test_every_delivery_is_listed_with_its_state_and_its_receipt(books: Books) -> None:
    names = {
        refused_row(books, period="2026-08"),
        *(issued.file_name for issued in (books.record("F01"), books.record("F03", "2025-11")) if books.issue(issued)),
    }
    page = index(books)
    assert names <= {link.text for link in page.all("a")}
    assert "2026 (2 dépôts)" in page.words()
    assert "2025 (1 dépôt)" in page.words()


def test_hundreds_of_deliveries_stay_a_page_that_one_can_read(books: Books) -> None:
    books.all(
        "insert into ops.deliveries (delivery_id, feed, partner_code, file_name, period, period_start, period_end, version,"
        " sha256, size_bytes, received_at, state, judged_at) select 'D' || n, 'F02', %s, 'F02-' || n || '.csv',"
        " to_char(date '2016-01-01' + n, 'YYYY-MM'), date '2016-01-01' + n, date '2016-01-31' + n, 1, 's', 1,"
        " clock_timestamp(), 'ACCEPTÉ', clock_timestamp() from generate_series(1, 3000) as n returning 1",
        books.code,
    )
    page = index(books)
    assert "Tous vos dépôts (3 000)" in page.words().replace("\u202f", " ")
    assert [("open" in element.attributes) for element in page.all("details")] == [True, *[False] * 8]


def test_rows_to_mend_are_recalled_until_they_come_back(books: Books) -> None:
    name = refused_row(books)
    assert "1 fichier à corriger" in index(books).words()
    recalled = read(books, "rappels.html")
    assert {name, "F02_participations__KABIA__2026-09__v1.rejets1.xlsx"} <= {link.text for link in recalled.all("a")}
    books.issue(books.record(part=1))
    assert "0 fichier à corriger" in index(books).words()
    assert "Rien n'est en retard" in read(books, "rappels.html").words()


def test_a_new_version_makes_the_rows_to_mend_of_the_old_one_history(books: Books) -> None:
    refused_row(books)
    newer = books.record(version=2)
    (load,) = books.all(
        "insert into ops.loads (delivery_id, kind, rows_accepted) values (%s, 'LIVRAISON', 10) returning load_id",
        newer.delivery_id,
    )
    books.all(
        "insert into ops.supersessions select delivery_id, %s, 'VERSION' from ops.deliveries where version = 1 returning 1",
        load[0],
    )
    said = index(books).words()
    assert "0 fichier à corriger" in said
    assert "remplacé par une version plus récente" in said


@pytest.mark.parametrize(("hours", "count"), [(-1, 1), (1, 0)])
def test_a_refused_file_is_recalled_until_a_good_one_comes(books: Books, hours: int, count: int) -> None:
    blocked = books.record(state="REFUSÉ", is_blocked=True, rows_received=0, rows_accepted=0)
    books.issue(blocked, [(0, "", "", "X", "BLOQUE", "Illisible.", "Enregistrez-le en CSV UTF-8.")])
    moment = RECEIVED_AT + dt.timedelta(hours=hours)
    books.issue(books.record(version=2, received_at=moment, sha256="other"))
    assert f"{count} fichier à corriger" in index(books).words()


def test_what_waits_and_what_is_held_is_said(books: Books) -> None:
    delivery = books.record(state="ACCEPTÉ AVEC RÉSERVES", rows_received=10, rows_accepted=8, rows_awaiting=2)
    books.issue(delivery)
    books.all(
        "insert into quarantine.awaiting_rows (delivery_id, row_number, feed, awaited_feed, awaited_id, row_values,"
        " deadline_on) select %s, n, 'F02', 'F01', 'S-' || n, '{}', '2026-10-25' from generate_series(2, 3) as n returning 1",
        delivery.delivery_id,
    )
    books.all(
        "insert into ops.holds (delivery_id, reason) values (%s, 'heures : +45 %%') returning 1", delivery.delivery_id
    )
    said = index(books).words()
    assert "2 lignes en attente d'un autre fichier" in said
    assert "S-2, S-3 Sessions de formation (F01) 25 octobre 2026" in said
    assert "EN ATTENTE DE VALIDATION" in said
    assert "Heures : +45 %" in said
    assert "1 fichier en validation" in said


def test_the_page_of_reminders_is_written_when_it_changes(books: Books) -> None:
    books.expect(dt.date(2026, 9, 1), dt.date(2026, 9, 1))
    assert remind(books) == ["KABIA"]
    assert remind(books) == []
    assert remind(books, TODAY + dt.timedelta(days=1)) == [], "a day on which nothing becomes late"
    assert remind(books, dt.date(2026, 10, 11)) == ["KABIA"]
    assert (
        "page mise à jour le 11 octobre 2026"
        in read_page((books.folder / "rappels.html").read_text(encoding="utf-8"), books.settings.home).words()
    )
    assert remind(books, dt.date(2026, 10, 11)) == []
    books.issue(books.record("F01"))
    assert remind(books, dt.date(2026, 10, 11)) == ["KABIA"], "one less is late"
    (books.folder / "rappels.html").unlink()
    books.issue(books.record("F02"))
    assert remind(books, dt.date(2026, 10, 11)) == ["KABIA"]


def test_a_name_of_a_partner_or_of_a_file_is_shown_and_never_run(books: Books) -> None:
    books.open_account(name="<b>K</b> & fils")
    books.record(
        feed=None, file_name="<script>x</script>.csv", state="REFUSÉ", is_blocked=True, rows_received=0, rows_accepted=0
    )
    with connect(books.settings) as connection:
        receipts.write_index(books.settings, connection, books.code, "<b>K</b> & fils", TODAY)
    text = (books.folder / "index.html").read_text(encoding="utf-8")
    assert "<b>K</b>" not in text
    assert "<script" not in text
    assert "&lt;script&gt;x&lt;/script&gt;.csv" in text


def test_an_overview_older_than_a_receipt_is_written_again(books: Books) -> None:
    delivery = books.record()
    books.issue(delivery)
    assert "0 fichier en validation" in index(books).words()
    books.all("insert into ops.holds (delivery_id, reason) values (%s, 'écart') returning 1", delivery.delivery_id)
    remind(books)
    assert "0 fichier en validation" in read(books, "index.html").words(), "nothing was issued since"
    books.issue(delivery)
    remind(books)
    assert "1 fichier en validation" in read(books, "index.html").words()
