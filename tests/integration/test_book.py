"""The closing book: the same bytes for the same closing, what secrecy hides nowhere, and a page that everybody can read."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import itertools
import json
import re
from collections import Counter
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from playwright.sync_api import Browser

from ingestion.book import printing
from ingestion.book.dossier import change_text, outcome
from ingestion.book.making import page, write_book
from ingestion.book.reading import Decision, Figure, Late, Withheld, read_contents, read_edition
from ingestion.cli import main
from ingestion.closing import read_period
from ingestion.database import connect
from ingestion.errors import LakouError
from ingestion.quoting import quote
from tests.integration.closed_shelf import Shelf
from tests.integration.mail_box import open_box

OWN = (
    "measure = 'counted' and territory_level = 'region' and territory_code = '02' and partner_code = 'TOTAL'"
    " and axis = 'TOTAL' and member = 'TOTAL'"
)


class Parts(HTMLParser):
    """What a page is made of, in the order of reading."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.rows: list[list[str]] = []
        self._in_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_style = tag == "style"
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self._in_style:
            return
        self.text.append(data)
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    @property
    def said(self) -> str:
        """Everything that is read aloud, on one line; spaces that do not break stay."""
        return re.sub(r"[ \n]+", " ", " ".join(self.text))

    def row(self, first: str) -> list[str]:
        """Cells of the first row that begins with a text, spaces apart."""
        cells = [[re.sub(r"\s+", " ", cell).strip() for cell in row] for row in self.rows]
        return next(row for row in cells if row and row[0].startswith(first))


def render(shelf: Shelf, period: str, *, draft: bool = False) -> bytes:
    """The page made again from what is published, whatever the closing kept."""
    with connect(shelf.settings, "lakou_reader") as reader:
        return page(read_contents(reader, read_edition(reader, "MQ", read_period(period), draft=draft)))


@pytest.fixture(scope="module")
def second_book(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the second closing, which restates the first."""
    folder = tmp_path_factory.mktemp("second")
    summary = write_book(shelf.settings, "MQ", "2026-T2", folder=folder)
    assert [file.format for file in summary.files] == ["html", "pdf"]
    return folder / "livre-MQ-2026-T2-v1.html"


def test_a_book_made_after_later_publications_is_the_same_to_the_byte(shelf: Shelf) -> None:
    kept = {file.format: file.sha256 for file in shelf.first_book.files}
    assert all(file.is_new for file in shelf.first_book.files)
    html = render(shelf, "2026-T1")
    assert hashlib.sha256(html).hexdigest() == kept["html"]
    program = printing.browser()
    assert program is not None
    assert hashlib.sha256(printing.print_pdf(html, program)).hexdigest() == kept["pdf"]
    with connect(shelf.settings, "lakou_reader") as reader:
        books = dict(
            reader.execute(
                "select format, sha256 from pub.closing_books where closing_id = %s", [shelf.first.closing_id]
            ).fetchall()
        )
    assert books == kept


def test_a_later_publication_held_back_changes_no_book(shelf: Shelf) -> None:
    said = "un total a chuté"
    with connect(shelf.settings, "lakou_publisher") as publisher:
        publisher.execute("update published.publications set state = 'RETENUE', banner = %s", [said])
        publisher.execute("insert into published.withheld values (1, 'TOUS', 'TOUS', 1, %s)", [said])
    again = render(shelf, "2026-T1")
    with connect(shelf.settings, "lakou_publisher") as publisher:
        # what the publication itself kept from an earlier one is in its book
        publisher.execute("delete from published.withheld")
        publisher.execute("insert into published.withheld values (1, 'MQ', 'A1-01', 7, %s)", [said])
    kept = render(shelf, "2026-T1")
    with connect(shelf.settings, "lakou_publisher") as publisher:
        publisher.execute("delete from published.withheld")
        publisher.execute("update published.publications set state = 'PUBLIEE', banner = ''")
    assert hashlib.sha256(again).hexdigest() == shelf.first_book.files[0].sha256
    assert re.search(rf"A1-01\s: chiffres de la publication n°\s7 gardés, {said}", Parts(kept.decode()).said)
    assert "chiffre retenu d'une publication antérieure" in kept.decode()


def test_the_committee_gets_the_book_by_mail(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKOU_COMMITTEE_EMAIL", "president@comite.invalid, elue@comite.invalid")
    monkeypatch.delenv("LAKOU_CONTACT", raising=False)
    asked = ["book", "MQ", "2026-T1", "-o", str(tmp_path), "--send"]
    with shelf.environment(), open_box() as box:
        monkeypatch.delenv("LAKOU_SMTP_URL", raising=False)
        alone = CliRunner().invoke(main, asked)
        monkeypatch.setenv("LAKOU_SMTP_URL", box.url)
        draft = CliRunner().invoke(main, ["book", "MQ", "2026-T3", "--draft", "--send"])
        assert not box.taken
        done = CliRunner().invoke(main, asked)
        box.refusals = ["451 come back later"]
        refused = CliRunner().invoke(main, asked)
    said = {alone: "LAKOU_COMMITTEE_EMAIL", draft: "a draft is sent to nobody", refused: "SMTPDataError 451"}
    for answer, text in said.items():
        assert answer.exit_code == 1
        assert text in answer.stderr
    assert done.exit_code == 0, done.output
    assert "sent to the committee" in done.stdout
    (message,) = box.taken
    assert message["To"] == "president@comite.invalid, elue@comite.invalid"
    assert message["Subject"] == f"Livre de clôture MQ, {shelf.first_book.period_label}"
    body = message.get_body(("plain",))
    assert body is not None
    assert body["Content-Language"] == "fr"
    assert f"» est close ({shelf.first.closing_id}). Son livre est joint en deux formats" in body.get_content()
    sent = {}
    for part in message.iter_attachments():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        sent[part.get_filename()] = hashlib.sha256(content).hexdigest()
    assert sent == {file.path.name: file.sha256 for file in shelf.first_book.files}


def test_the_command_writes_what_was_kept_again(shelf: Shelf, tmp_path: Path) -> None:
    with shelf.environment():
        done = CliRunner().invoke(main, ["book", "mq", "2026-T1", "-o", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["closing_id"] == "MQ-2026-T1-v1"
    assert [(f["sha256"], f["is_new"]) for f in said["files"]] == [
        (file.sha256, False) for file in shelf.first_book.files
    ]
    for file in said["files"]:
        assert hashlib.sha256(Path(file["path"]).read_bytes()).hexdigest() == file["sha256"]


def test_nobody_changes_a_book_and_its_reader_reads_nothing_else(shelf: Shelf) -> None:
    for role in ("lakou_publisher", "lakou_loader", "lakou_dbt", "lakou_reader", "lakou_admin"):
        for statement in (
            "update published.closing_books set content = ''",
            "delete from published.closing_books",
            "truncate published.closing_books",
        ):
            with (
                pytest.raises(psycopg.Error, match=r"permission denied|is written once|read-only"),
                connect(shelf.settings, role) as connection,
            ):
                connection.execute(statement.encode())
    for table in ("published.closing_rows", "published.indicator_values", "marts.fct_indicator_values", "ops.closings"):
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            connect(shelf.settings, "lakou_reader") as connection,
        ):
            connection.execute(f"select 1 from {table} limit 1".encode())


def test_a_period_not_closed_has_a_draft_that_says_so_on_each_page(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(LakouError, match="is not closed") as refused:
        write_book(shelf.settings, "MQ", "2026-T3", folder=tmp_path)
    assert "lakou close MQ 2026-T3" in refused.value.remedy
    assert "--draft" in refused.value.remedy
    summary = write_book(shelf.settings, "MQ", "2026-T3", folder=tmp_path, draft=True)
    assert summary.closing_id is None
    html = (tmp_path / "livre-MQ-2026-T3-PROVISOIRE.html").read_text(encoding="utf-8")
    assert "PROVISOIRE\u00a0: cette période n'est pas close" in Parts(html).said
    # printed in the margin of every page
    assert re.search(r"@top-center \{ content: \"PROVISOIRE", html)
    closed = render(shelf, "2026-T2").decode()
    assert "PROVISOIRE" not in closed
    with pytest.raises(LakouError, match="is closed"):
        write_book(shelf.settings, "MQ", "2026-T2", folder=tmp_path, draft=True)
    with connect(shelf.settings, "lakou_reader") as reader:
        assert reader.execute("select count(*) from pub.closing_books where closing_id like '%T3%'").fetchone() == (0,)


@pytest.mark.parametrize(
    ("programme", "period", "said"),
    [
        ("XX", "2026-T1", "no figure of a programme"),
        ("MQ", "2026-T7", "is not a period"),
        ("MQ", "2030", "is not closed"),
    ],
)
def test_what_has_no_book_says_why(shelf: Shelf, programme: str, period: str, said: str) -> None:
    with shelf.environment():
        refused = CliRunner().invoke(main, ["book", programme, period])
    assert refused.exit_code == 1
    assert said in refused.stderr
    assert "to mend it" in refused.stderr


def test_the_page_shows_the_frozen_values_and_no_other(shelf: Shelf) -> None:
    parts = Parts(render(shelf, "2026-T1").decode())
    with connect(shelf.settings, "lakou_reader") as reader:
        frozen = reader.execute(
            "select indicator_code, pub.value_text(value, unit, state), state, known_value, value from pub.published_values"
            f" where closing_id = 'MQ-2026-T1-v1' and period_grain = 'quarter' and {OWN} order by 1".encode()
        ).fetchall()
    states = Counter(state for _, _, state, _, _ in frozen)
    assert states["MESURE"] + states["INCOMPLET"] > 10
    assert any(known != value for _, _, _, known, value in frozen), "some figure is known otherwise since"
    anchors = {attributes["id"] for tag, attributes in parts.tags if tag == "tr" and attributes.get("id")}
    for code, text, _, _, _ in frozen:
        assert f"MQ.2026-T1.{code}.p1" in anchors
        assert re.sub(r"\s+", " ", text) in parts.row(f"{code} ")[1]


def test_the_dossier_says_what_moved_and_why_what_is_late_and_what_became_of_decisions(
    shelf: Shelf, second_book: Path
) -> None:
    parts = Parts(second_book.read_text(encoding="utf-8"))
    dossier = parts.said.split("Sommaire")[0]
    with connect(shelf.settings, "lakou_reader") as reader:
        shares = reader.execute(
            "select indicator_code, pub.cause_label(cause), share, difference from pub.restatements"
            f" where closing_id = 'MQ-2026-T1-v1' and period_grain = 'quarter' and {OWN} order by 1".encode()
        ).fetchall()
        late = reader.execute(
            "select p.label, count(*) from pub.deliveries as d inner join pub.partners as p using (partner_code)"
            " where d.is_due and not d.is_received group by 1 order by 1"
        ).fetchall()
    retreated = {
        row[0]: row[-1] for row in parts.rows if len(row) == 6 and row[1] == "MQ-2026-T1-v1" and row[2] == "T1 2026"
    }
    assert {code for code, *_ in shares} == set(retreated) >= {"A1-15", "T-01"}
    for code, label, *_ in shares:
        assert f"{label}\u00a0: " in retreated[code]
    # completeness is a ratio: its shares are said in points, and sum to what was known more
    (known_more,) = {difference for code, _, _, difference in shares if code == "T-01"}
    assert known_more > 0
    points = [float(text.replace(",", ".")) for text in re.findall(r"\+([0-9,]+) point", retreated["T-01"])]
    assert sum(points) == pytest.approx(100 * float(known_more), abs=0.1)
    assert re.search(r"T-01, T1 2026 \(MQ-2026-T1-v1\)\s: clos à [0-9,]+\s%, connu à [0-9,]+\s%\s; ", dossier)
    for label, number in late:
        assert re.search(rf"{label}\s: {number} remise", dossier)
    assert "D-7 · Clore" in dossier
    assert "exécutée" in dossier
    # D-3 was due on 1 May, and the publication shows 15 August
    assert "ouverte, en retard de 106 jours (échéance le 1er mai 2026)" in parts.said
    assert re.search(r"Exécuter, reporter ou abandonner 1 décision échue \(D-3\)", dossier)


def test_what_secrecy_hides_is_in_no_book(shelf: Shelf, second_book: Path) -> None:
    parts = Parts(second_book.read_text(encoding="utf-8"))
    with connect(shelf.settings, "lakou_reader") as reader:
        hidden = reader.execute(
            "select indicator_code, period_start from pub.indicator_values where state like 'SUPPRIME%%'"
            f" and period_grain = 'quarter' and {OWN} and period_start between '2024-07-01' and '2026-04-01'".encode()
        ).fetchall()
    assert hidden, "some figure of a quarter is hidden"
    trend = {
        attributes["id"]: index
        for index, (tag, attributes) in enumerate(parts.tags)
        if tag in {"td", "tr"} and attributes.get("id")
    }
    for code, start in hidden:
        reference = f"MQ.{start.year}-T{(start.month + 2) // 3}.{code}.p2"
        assert reference in trend, reference
        following = parts.tags[trend[reference] + 1 : trend[reference] + 5]
        assert any("secret" in (attributes.get("class") or "") for _, attributes in following), reference


def test_a_reference_still_gives_the_value_quoted(shelf: Shelf) -> None:
    with connect(shelf.settings, "lakou_reader") as reader:
        then, now = quote(reader, "MQ.2026-T1.A1-01.p1"), quote(reader, "#mq.2026-T1.A1-01.p2")
        frozen = reader.execute(
            "select value, known_value from pub.published_values where closing_id = 'MQ-2026-T1-v1'"
            f" and indicator_code = 'A1-01' and period_grain = 'quarter' and {OWN}".encode()
        ).fetchone()
        assert frozen == (then.value, now.value)
        assert then.value != now.value
        # the dashboards' permanent link shows the same, and for how long
        linked = reader.execute(
            "select quoted_text, known_text, kept_text from pub.steering_quotations where reference = %s"
            " and quoted_reference = reference",
            [then.reference],
        ).fetchall()
        assert linked == [(then.value_text, now.value_text, "toujours : clôture MQ-2026-S1-v1, MQ-2026-T1-v1")]
        # every value of the current publication has one reference, which leads back to it
        rows = reader.execute(
            "select pub.value_reference(programme_code, period_grain, period_start, indicator_code, measure,"
            " territory_level, territory_code, partner_code, axis, member, publication_id), value, state"
            " from pub.indicator_values order by md5(indicator_code || member || period_start || territory_code) limit 60"
        ).fetchall()
        for reference, value, state in rows:
            found = quote(reader, reference)
            assert (found.reference, found.value, found.state) == (reference, value, state)
        hidden = [row for row in rows if row[2].startswith("SUPPRIME")]
        assert hidden
        assert all(value is None for _, value, _ in hidden)
        repeated = reader.execute(
            "select count(*) - count(distinct pub.value_reference(programme_code, period_grain, period_start,"
            " indicator_code, measure, territory_level, territory_code, partner_code, axis, member, publication_id))"
            " from pub.indicator_values"
        ).fetchone()
    assert repeated == (0,)
    with shelf.environment():
        said = CliRunner().invoke(main, ["quote", "MQ.2026-T1.A1-01.p1", "--json"])
        assert Decimal(json.loads(said.stdout)["value"]) == then.value
        for wrong in ("A1-01", "MQ.2026-T1.A1-01.p99", "MQ.2026-T1.Z9-99.p1"):
            refused = CliRunner().invoke(main, ["quote", wrong])
            assert refused.exit_code == 1
            assert "to mend it" in refused.stderr


def test_axe_finds_nothing_to_say(second_book: Path, browser: Browser) -> None:
    tab = browser.new_page(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    tab.goto(second_book.as_uri())
    found = Axe().run(tab, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
    assert len(found.response["passes"]) > 20
    assert found.violations_count == 0, found.generate_report()
    # shapes beside their word are the only thing whose contrast it cannot judge
    unsure = [node["html"] for rule in found.response["incomplete"] for node in rule["nodes"]]
    assert all(re.fullmatch(r'<span aria-hidden="true">[●▲■○]</span>', html) for html in unsure), unsure
    # nothing but the tables scrolls sideways
    for width in (320, 390, 1280):
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.close()


def test_the_keyboard_reaches_the_content_first_and_every_table(second_book: Path, browser: Browser) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 900})
    tab.goto(second_book.as_uri())
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Aller au contenu"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().left >= 0")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "contenu"
    reached = set()
    for _ in range(2000):
        tab.keyboard.press("Tab")
        name = tab.evaluate("document.activeElement.getAttribute('aria-labelledby')")
        reached.add(name)
        if tab.evaluate("document.activeElement === document.body"):
            break
    tables = {name for name in reached if name}
    assert tables == set(tab.evaluate("[...document.querySelectorAll('caption')].map(c => c.id)"))
    tab.close()


def test_the_page_is_french_and_whole_without_anything_else(second_book: Path) -> None:
    html = second_book.read_text(encoding="utf-8")
    parts = Parts(html)
    tags = [tag for tag, _ in parts.tags]
    assert ("html", {"lang": "fr"}) in parts.tags
    assert not {"script", "iframe", "link", "object"} & set(tags)
    images = [attributes for tag, attributes in parts.tags if tag == "img"]
    assert images
    assert all(str(image["src"]).startswith("data:image/svg+xml;base64,") and image["alt"] for image in images)
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert tags.count("table") == tags.count("caption") > 10
    assert all(attributes.get("scope") in {"col", "row"} for tag, attributes in parts.tags if tag == "th")
    ids = Counter(attributes["id"] for _, attributes in parts.tags if "id" in attributes)
    assert max(ids.values()) == 1
    targets = {attributes["href"] for tag, attributes in parts.tags if tag == "a"}
    assert targets <= {f"#{name}" for name in ids}, targets - {f"#{name}" for name in ids}
    # French spaces: none that breaks before a mark
    assert re.findall(r".{12}[\w)] [:;!?%»].{6}|« .{6}", parts.said) == []
    # no moment of making, no address of the machine
    assert not re.search(r"https?://|/home/|/tmp/|127\.0\.0\.1|\d\d:\d\d:\d\d", html)


def test_the_pdf_is_tagged_french_and_without_a_date(second_book: Path) -> None:
    pdf = second_book.with_suffix(".pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in pdf
    assert b"/Marked true" in pdf
    assert b"/Lang (fr)" in pdf
    assert b"/DisplayDocTitle true" in pdf
    assert re.findall(rb"/(?:CreationDate|ModDate) \(D:(\d{4})", pdf) == [b"2000", b"2000"]
    assert printing.undated(pdf) == pdf
    assert b"/Creator (Lakou)" in pdf
    pages = [int(n) for n in re.findall(rb"/Type /Pages\s/Count (\d+)", pdf)]
    # the dossier has a page of its own, so has each line of action
    assert max(pages) >= 8
    kinds = Counter(re.findall(rb"/S /(\w+)", pdf))
    html = second_book.read_text(encoding="utf-8")
    assert kinds[b"Table"] == html.count("<table>")
    assert kinds[b"TH"] >= html.count("<th ")
    assert kinds[b"H2"] == html.count("<h2 ") - 1, "the contents of the page are not printed"


def test_the_dossier_holds_on_one_page_whatever_happens(shelf: Shelf, tmp_path: Path, browser: Browser) -> None:
    with connect(shelf.settings, "lakou_reader") as reader:
        contents = read_contents(reader, read_edition(reader, "MQ", read_period("2026-T3"), draft=True))
    long = "une raison longue, dite en beaucoup de mots que personne n'avait prévus au moment de dessiner la page"
    moved = [
        dataclasses.replace(figure, value=Decimal(40 + n), value_text="1 234 567,8 h (incomplet)", previous=Decimal(20))
        for n, figure in enumerate(contents.figures)
    ]
    restated = [
        dataclasses.replace(share, closing_id=f"MQ-2025-{month:02}-v1", cause_label=cause)
        for share in contents.restated[:1]
        for month in range(1, 13)
        for cause in (
            "définition ou paramètre changé",
            "périmètre changé",
            "remise tardive",
            "correction",
            "effacement",
        )
    ]
    decision = Decision("DEC-2026-T2-123", long * 4, long, "OUVERTE", dt.date(2026, 7, 1), dt.date(2026, 7, 2), None)
    worst = dataclasses.replace(
        contents,
        edition=dataclasses.replace(contents.edition, is_synthetic=True, reason=long),
        figures=tuple(dataclasses.replace(f, rag=("ROUGE", "ORANGE")[n % 2]) for n, f in enumerate(moved)),
        restated=tuple(restated),
        late=tuple(
            Late(f"Partenaire {n} (démonstration)", f"F{m:02}", 3, dt.date(2025, 1, 1))
            for n in range(20)
            for m in range(15)
        ),
        decisions=(decision,) * 30,
        withheld=tuple(Withheld(f"A1-{n:02}", 7, long) for n in range(1, 12)),
    )
    (tmp_path / "worst.html").write_bytes(page(worst))
    tab = browser.new_page(viewport={"width": 695, "height": 1005})
    tab.emulate_media(media="print")
    tab.goto((tmp_path / "worst.html").as_uri())
    # an A4 has 266 mm of height between these margins, and 184 mm of width: 1005 and 695 dots
    bottom = tab.evaluate("document.querySelector('.dossier').getBoundingClientRect().bottom + window.scrollY")
    assert bottom <= 1005
    tab.close()


def test_without_a_browser_the_page_is_written_and_the_pdf_comes_later(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(printing, "browser", lambda: None)
    alone = write_book(shelf.settings, "MQ", "2026-S1", folder=tmp_path, progress=said.append)
    assert [file.format for file in alone.files] == ["html"]
    assert "apt-get install" in said[-1]
    monkeypatch.undo()
    both = write_book(shelf.settings, "MQ", "2026-S1", folder=tmp_path)
    assert [(file.format, file.is_new) for file in both.files] == [("html", False), ("pdf", True)]
    assert both.files[0].sha256 == alone.files[0].sha256


@pytest.mark.parametrize(
    ("decision", "word", "is_overdue"),
    [
        ({"status": "EXECUTEE", "done_on": dt.date(2026, 3, 1)}, "exécutée le 1er mars 2026", False),
        (
            {"status": "EXECUTEE", "done_on": dt.date(2026, 5, 2), "due_on": dt.date(2026, 5, 1)},
            "exécutée le 2 mai 2026, après l'échéance",
            False,
        ),
        ({"status": "ABANDONNEE"}, "abandonnée", False),
        ({"status": "OUVERTE"}, "ouverte, sans échéance", False),
        ({"status": "OUVERTE", "due_on": dt.date(2026, 8, 15)}, "ouverte, échéance le 15 août 2026", False),
        (
            {"status": "OUVERTE", "due_on": dt.date(2026, 8, 14)},
            "ouverte, en retard de 1 jour (échéance le 14 août 2026)",
            True,
        ),
    ],
)
def test_what_became_of_a_decision_has_a_word(decision: dict[str, Any], word: str, is_overdue: bool) -> None:
    given = {"due_on": None, "done_on": None} | decision
    taken = Decision("D-1", "Clore", "Cluster", given["status"], dt.date(2026, 1, 5), given["due_on"], given["done_on"])
    found = outcome(taken, dt.date(2026, 8, 15))
    assert (found.word, found.is_overdue) == (word, is_overdue)


@pytest.mark.parametrize(
    ("unit", "previous", "value", "states", "said"),
    [
        ("personnes", "277", "234", ("MESURE", "INCOMPLET"), "\u221243 (\u221216\u00a0%) (provisoire)"),
        ("personnes", "0", "4", ("ZERO_MESURE", "MESURE"), "+4"),
        ("personnes", "1000", "1001", ("MESURE", "MESURE"), "+1"),
        ("heures", "1000", "3500.5", ("MESURE", "MESURE"), "+2\u202f500,5 (+250\u00a0%)"),
        ("ratio", "0.50", "0.514", ("MESURE", "MESURE"), "+1,4 point"),
        ("ratio", "0.50", "0.52", ("MESURE", "MESURE"), "+2 points"),
        ("ratio", "0.50", "0.5001", ("MESURE", "MESURE"), "stable"),
        ("personnes", "5", "5", ("MESURE", "MESURE"), "stable"),
        ("personnes", "5", None, ("MESURE", "SUPPRIME_K"), "non comparable"),
    ],
)
def test_how_a_figure_moved_has_its_sign_its_share_and_its_reserve(
    unit: str, previous: str, value: str | None, states: tuple[str, str], said: str
) -> None:
    empty = dict.fromkeys(field.name for field in dataclasses.fields(Figure))
    figure = Figure(
        **empty
        | {
            "unit": unit,
            "previous": Decimal(previous),
            "value": None if value is None else Decimal(value),
            "previous_state": states[0],
            "state": states[1],
        }
    )
    assert change_text(figure) == said


def test_a_browser_that_fails_is_a_sentence(tmp_path: Path) -> None:
    wrong = tmp_path / "chromium"
    wrong.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    wrong.chmod(0o755)
    with pytest.raises(LakouError, match="no display"):
        printing.print_pdf(b"<!doctype html>", str(wrong))
