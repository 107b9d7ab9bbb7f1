"""The dashboards in a real browser: as the committee, the engineers, a partner, nobody; their figures against `pub`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

from tests.conftest import Platform

pytestmark = pytest.mark.platform

# words of Superset's own interface that a French reader must not meet
ENGLISH = re.compile(
    r"\b(No results|Data error|Unexpected error|Loading|Add filter|Settings|Login|Sign in|Dashboards|records?|Show|Search)\b"
)
EMPTY = re.compile(r"Aucun résultat|No results|Rien à montrer|n'a renvoyé aucun|Erreur|error", re.IGNORECASE)
# Superset's own telemetry, which our content policy blocks: the only thing that a page may complain of
BLOCKED = "scarf.sh"
ESSENTIALS = "L’essentiel du trimestre choisi"
TABS = ".dashboard-component-tabs .ant-tabs-tab"
# charts of the open tab that are not drawn yet (no row, figure or plot); of those above a height where one is given
UNDRAWN = """(height) => {
  const open = '.grid-container .ant-tabs-tabpane-active [class*="dashboard-chart-id-"]';
  const charts = [...document.querySelectorAll(open)]
    .filter(c => c.getBoundingClientRect().top < (height ?? Infinity));
  if (!charts.length) return ['no chart'];
  return charts.filter(c => c.querySelector('.loading') || !c.querySelector('canvas, tbody tr td, .header-line'))
    .map(c => c.innerText.slice(0, 200));
}"""
DRAWN_SECONDS = 90


@dataclass
class Visit:
    """What one look at all the tabs of a dashboard saw."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def pub(access: dict[str, Any]) -> Iterator[psycopg.Connection]:
    """What the dashboards read, as their own role."""
    with psycopg.connect(access["postgres"]["reader_dsn"], autocommit=True) as connection:
        yield connection


def sign_in(browser: Browser, access: dict[str, Any], account: str) -> Page:
    """A page signed in as one of the demonstration's accounts; so high that every chart of a tab is in view."""
    page = browser.new_page(viewport={"width": 1440, "height": 4200}, locale="fr-FR")
    enter(page, access, account)
    return page


def enter(page: Page, access: dict[str, Any], account: str) -> None:
    """Sign in on a page."""
    superset = access["superset"]
    page.goto(f"{superset['url']}/login/")
    page.wait_for_selector("input#username")
    # the form is drawn twice: what is typed into the first drawing is lost
    page.wait_for_timeout(1500)
    page.fill("input#username", superset["accounts"][account]["user"])
    page.fill("input#password", superset["accounts"][account]["password"])
    page.press("input#password", "Enter")
    page.wait_for_url(re.compile(r"/(superset/welcome|dashboard/list)"))


def visit(page: Page, url: str, slug: str, shots: Path) -> Visit:
    """Open a dashboard and each of its tabs, and wait for every chart."""
    seen = Visit()

    def keep(response: Response) -> None:
        if "/api/v1/chart/data" in response.url:
            assert response.status == 200, f"{slug}: {response.status} {response.text()[:300]}"
            for result in response.json()["result"]:
                seen.rows.extend(result["data"])
                if not result.get("rowcount"):
                    seen.empty.append(result["query"][:300])

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and BLOCKED not in message.text:
            seen.complaints.append(message.text[:300])

    page.on("response", keep)
    page.on("console", hear)
    open_dashboard(page, url, slug)
    for index in range(page.locator(TABS).count()):
        tab = page.locator(TABS).nth(index)
        if index:
            tab.click()
        settle(page)
        name = tab.inner_text().strip()
        seen.texts[name] = page.inner_text("body")
        page.screenshot(path=shots / f"{slug}-{index}.png")
    page.remove_listener("response", keep)
    page.remove_listener("console", hear)
    return seen


def open_dashboard(page: Page, url: str, slug: str) -> None:
    page.goto(f"{url}/superset/dashboard/{slug}/")
    page.wait_for_selector(TABS)
    settle(page)


def settle(page: Page) -> None:
    """Wait until every chart of the open tab is drawn; fails with the titles of those that are not."""
    deadline = time.monotonic() + DRAWN_SECONDS
    calm = 0
    while calm < 3:
        undrawn = page.evaluate(UNDRAWN)
        calm = 0 if undrawn else calm + 1
        assert time.monotonic() < deadline, undrawn
        page.wait_for_timeout(250)


def one(pub: psycopg.Connection, query: str) -> Any:
    """The only value of the only row."""
    ((value,),) = pub.execute(query.encode()).fetchall()
    return value


def chart(page: Page, title: str) -> str:
    """What the chart of the open tab whose title begins so shows."""
    holder = page.locator(".ant-tabs-tabpane-active [class*='dashboard-chart-id-']", has_text=title)
    return holder.first.inner_text()


def choose(page: Page, name: str, option: str) -> None:
    """Choose one value of a native filter, and apply."""
    chosen = page.locator(f"[data-test='NATIVE_FILTER-{name}']")
    if not chosen.is_visible():
        page.get_by_text("Plus de filtres").click()
    chosen.click()
    # a long list holds only the options that are in view
    page.keyboard.type(option)
    page.locator(".ant-select-item-option", has_text=option).first.click()
    page.get_by_role("button", name="Appliquer").click()
    # the charts that it concerns start anew
    page.wait_for_timeout(700)
    settle(page)


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the screenshots go, to be looked at."""
    return tmp_path_factory.mktemp("screenshots")


@pytest.mark.parametrize(
    ("account", "slug", "tabs"),
    [
        ("Comite", "pilotage", 14),
        ("Comite", "chiffre", 1),
        ("Comite", "programmes", 5),
        ("Comite", "qualite", 4),
        ("Ingenieur", "pilotage", 14),
        ("Ingenieur", "chiffre", 1),
        ("Ingenieur", "programmes", 5),
        ("Ingenieur", "qualite", 4),
        ("Ingenieur", "partenaire", 5),
    ],
)
def test_every_chart_of_every_tab_is_drawn_in_french(
    browser: Browser, access: dict[str, Any], shots: Path, account: str, slug: str, tabs: int
) -> None:
    page = sign_in(browser, access, account)
    seen = visit(page, access["superset"]["url"], slug, shots)
    assert len(seen.texts) == tabs
    assert seen.rows
    assert seen.empty == []
    assert seen.complaints == []
    for tab, text in seen.texts.items():
        assert not EMPTY.search(text), (tab, EMPTY.search(text))
        assert not ENGLISH.search(text), (tab, ENGLISH.search(text))
        # on every tab: which publication it is, and that the demonstration is one
        assert "Publication n°" in text, tab
        assert "Chiffres de démonstration" in text, tab
    assert page.locator("input[placeholder*='record']").count() == 0
    page.close()


def test_figures_are_those_of_pub_and_filters_change_them(
    browser: Browser, access: dict[str, Any], pub: psycopg.Connection
) -> None:
    page = sign_in(browser, access, "Comite")
    open_dashboard(page, access["superset"]["url"], "pilotage")
    latest, before = (
        row[0]
        for row in pub.execute("select quarter_label from pub.closed_quarters order by period_start desc limit 2")
    )

    def trained(quarter: str) -> str:
        return str(
            one(
                pub,
                "select trunc(v.value) from pub.indicator_values as v inner join pub.closed_quarters as q"
                f" on v.period_start = q.period_start and q.quarter_label = '{quarter}' where v.indicator_code = 'A1-01'"
                " and v.period_grain = 'quarter' and v.measure = 'counted' and v.territory_level = 'region'"
                " and v.partner_code = 'TOTAL' and v.axis = 'TOTAL'",
            )
        )

    def texts(quarter: str) -> list[str]:
        query = f"select value_text from pub.steering_state where quarter_label = '{quarter}' and is_key order by indicator_order"
        return [text for (text,) in pub.execute(query.encode())]

    # five figures: the first one, the whole table of key indicators, what is late, a delivery count and an amount below
    assert trained(latest) in chart(page, ESSENTIALS).split()
    key = chart(page, "Indicateurs clés")
    assert all(text in key for text in texts(latest))
    late = one(pub, "select sum(late_items)::text from pub.steering_late where programme_code = 'MQ'")
    assert late in chart(page, ESSENTIALS).split()

    # the series of another indicator, at its own pace
    page.locator(TABS, has_text="Séries").click()
    settle(page)
    other, label = pub.execute(
        "select i.indicator_code, i.indicator_code || ' · ' || i.label from pub.indicators as i where i.indicator_code = 'A2-01'"
    ).fetchall()[0]
    choose(page, "indicateur", label)
    series = chart(page, "Indicateur choisi, à tous ses pas de temps")
    figures = pub.execute(
        "select period_label, value_text from pub.steering_series where indicator_code = %s and is_own_pace"
        " order by period_start desc limit 3",
        [other],
    ).fetchall()
    assert figures
    rows = [line.split("\t") for line in series.splitlines()]
    assert all(any([label, "Trimestre", period, value] == row[:4] for row in rows) for period, value in figures), series
    page.locator(TABS, has_text="Synthèse").click()
    settle(page)

    choose(page, "trimestre", before)
    assert trained(before) != trained(latest)
    assert trained(before) in chart(page, ESSENTIALS).split()
    assert all(text in chart(page, "Indicateurs clés") for text in texts(before))
    page.close()


def test_a_figure_leads_to_where_it_comes_from_in_two_clicks(
    browser: Browser, access: dict[str, Any], pub: psycopg.Connection
) -> None:
    page = sign_in(browser, access, "Comite")
    open_dashboard(page, access["superset"]["url"], "pilotage")
    label, version = pub.execute(
        "select indicator, version_label from pub.steering_definitions where indicator_code = 'A2-01'"
    ).fetchall()[0]
    sources = pub.execute(
        "select p.partner_label, p.rows_text from pub.steering_provenance as p inner join pub.closed_quarters as q"
        " on p.quarter_label = q.quarter_label and q.is_latest where p.indicator_code = 'A2-01'"
    ).fetchall()
    page.locator("td", has_text=label).first.click()
    page.locator(TABS, has_text="Sources").click()
    page.wait_for_timeout(700)
    settle(page)
    definition = chart(page, "Définition de l’indicateur")
    assert version in definition
    assert "A1-01" not in definition
    provenance = chart(page, "D’où vient le chiffre")
    assert sources
    assert all(partner in provenance and rows in provenance for partner, rows in sources)
    assert "A1-01" not in provenance
    page.close()


def test_a_permanent_link_gives_the_figure_again_and_a_map_has_its_words(
    browser: Browser, access: dict[str, Any], pub: psycopg.Connection
) -> None:
    page = sign_in(browser, access, "Comite")
    # a quarter that no filter chooses by itself
    reference, value, quotation = pub.execute(
        "select s.reference, s.value_text, s.quotation_html from pub.steering_state as s inner join pub.closed_quarters as q"
        " on s.quarter_label = q.quarter_label where not q.is_latest and s.indicator_code = 'A2-01' and s.value is not null"
        " order by q.period_start desc limit 1"
    ).fetchall()[0]
    address = re.search(r'href="([^"]+)"', quotation)
    assert address
    # and as minutes have it from before the cited figure had a page of its own
    former = address[1].replace("/dashboard/chiffre/", "/dashboard/pilotage/") + "#TAB-origine"
    for link in (address[1], former):
        page.goto(f"{access['superset']['url']}{link}")
        page.wait_for_selector(TABS)
        settle(page)
        quoted = chart(page, "Le chiffre cité")
        assert reference in quoted, link
        assert value in quoted.split(), link
    open_dashboard(page, access["superset"]["url"], "pilotage")
    page.locator(TABS, has_text="Territoires").click()
    settle(page)
    picture = page.locator(".ant-tabs-tabpane-active td img")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    assert re.search(r"carte de 34\scommunes : \d+ avec une valeur", picture.get_attribute("alt") or "")
    page.close()


def test_an_answer_is_kept_until_pub_has_another_edition(
    browser: Browser, access: dict[str, Any], platform: Platform
) -> None:
    page = sign_in(browser, access, "Comite")
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/chart/data" in request.url else None)
    open_dashboard(page, access["superset"]["url"], "programmes")
    question = asked[-1]

    def is_kept() -> bool:
        headers = {name: question.headers[name] for name in ("x-csrftoken", "referer")}
        body = {**question.post_data_json, "force": False}
        answer = page.request.post(question.url, data=body, headers=headers)
        return bool(answer.json()["result"][0]["is_cached"])

    is_kept()
    assert is_kept()
    book = "('essai', 'html', encode(sha256(''::bytea), 'hex'), '')"
    with platform.admin() as admin:
        admin.execute(
            f"insert into published.closing_books (closing_id, format, sha256, content) values {book}".encode()
        )
        try:
            assert not is_kept()
            assert is_kept()
        finally:
            # written once: only its owner takes one back
            with admin.transaction():
                admin.execute("alter table published.closing_books disable trigger user")
                admin.execute("delete from published.closing_books where closing_id = 'essai'")
                admin.execute("alter table published.closing_books enable trigger user")
    page.close()


def test_quality_and_money_are_those_of_pub(browser: Browser, access: dict[str, Any], pub: psycopg.Connection) -> None:
    page = sign_in(browser, access, "Comite")
    open_dashboard(page, access["superset"]["url"], "qualite")
    due = one(pub, "select count(*)::text from pub.deliveries where is_due")
    missing = one(pub, "select count(*)::text from pub.deliveries where is_due and not is_accepted")
    assert due in chart(page, "Remises échues (nombre").split()
    assert missing in chart(page, "Remises manquantes").split()
    open_dashboard(page, access["superset"]["url"], "programmes")
    page.locator(TABS, has_text="Enveloppes").click()
    settle(page)
    ((label, amount),) = pub.execute(
        "select label, amount_text from pub.steering_envelopes where amount_eur is not null order by programme_label, rank limit 1"
    ).fetchall()
    assert label in chart(page, "Enveloppes publiées")
    assert amount in chart(page, "Enveloppes publiées")
    page.close()


def cut_tables(page: Page) -> list[str]:
    """Titles of the charts in view whose table goes on beyond the right edge of its chart."""
    found: list[str] = page.evaluate(
        "() => [...document.querySelectorAll('[data-test-chart-name]')].filter("
        " c => c.getBoundingClientRect().width && [...c.querySelectorAll('*')].some("
        "  e => getComputedStyle(e).overflowX !== 'visible' && e.scrollWidth > e.clientWidth + 2"
        "   && e.querySelector('table'))"
        ").map(c => c.dataset.testChartName)"
    )
    return found


def test_on_a_telephone_nothing_is_squeezed(browser: Browser, access: dict[str, Any]) -> None:
    page = sign_in(browser, access, "Comite")
    page.set_viewport_size({"width": 390, "height": 4200})
    open_dashboard(page, access["superset"]["url"], "pilotage")
    widths = page.evaluate(
        "() => [...document.querySelectorAll('[class*=\"dashboard-chart-id-\"]')].map(c => c.getBoundingClientRect().width)"
    )
    # a tile is the narrowest chart: the page slides sideways rather than squeeze it
    assert min(widths) > 150
    assert cut_tables(page) == []
    boxes = page.evaluate(
        "() => [...document.querySelectorAll('[data-test=\"filter-bar\"] button')].map(b => b.getBoundingClientRect())"
        ".filter(b => b.width).map(b => [b.left, b.top, b.right, b.bottom])"
    )
    overlapping = [
        (one, other)
        for index, one in enumerate(boxes)
        for other in boxes[index + 1 :]
        if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    ]
    assert boxes
    assert overlapping == []
    # clicked without a pointer: the strip of tabs slides while one aims at it
    page.locator(f"{TABS} [role='tab']", has_text="Profils").dispatch_event("click")
    settle(page)
    # the filters of the tab, all on the page
    for name in ("programme", "trimestre", "indicateur", "territoire", "profil"):
        box = page.locator(f"[data-test='filter-bar'] [data-test^='NATIVE_FILTER-{name}']").first.bounding_box()
        assert box, name
        assert box["width"] > 100, name
        assert box["x"] + box["width"] <= 390, name
    page.close()


def test_a_partner_sees_its_own_rows_and_nobody_elses(browser: Browser, access: dict[str, Any], shots: Path) -> None:
    page = sign_in(browser, access, "KABIA")
    seen = visit(page, access["superset"]["url"], "partenaire", shots)
    assert seen.rows
    assert seen.empty == []
    assert seen.complaints == []
    others = {"FORMACARIB", "MADININUM", "LAB-SUD", "CLUSTER972", "EPCI-CENTRE"}
    assert not {code for row in seen.rows for code in map(str, row.values()) if code in others}
    assert not [(tab, code) for tab, text in seen.texts.items() for code in others if code in text]
    for slug in ("pilotage", "chiffre", "programmes", "qualite"):
        answer = page.goto(f"{access['superset']['url']}/api/v1/dashboard/{slug}/charts")
        assert answer is not None
        assert answer.status in {403, 404}
    page.close()


def when_published(pub: psycopg.Connection, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    """The rows of a query whose first column is a place; while a build waits for its publication, it is asked again."""
    for _ in range(60):
        rows = pub.execute(query, values).fetchall()
        if not any(str(place).startswith("un nouveau calcul") for place, *_ in rows):
            return rows
        time.sleep(5)
    raise AssertionError("the build was not published in five minutes")


def test_the_rows_behind_a_partners_figure_add_up_to_it(
    browser: Browser, access: dict[str, Any], pub: psycopg.Connection
) -> None:
    figures = (
        "from pub.indicator_values as v where v.measure = 'contributed' and v.period_grain = 'quarter'"
        " and v.territory_level = 'region' and v.axis = 'TOTAL' and v.partner_code <> 'TOTAL' and v.value > 0"
    )
    cells = pub.execute(
        "select v.programme_code, v.indicator_code, v.period_start, v.territory_code, v.partner_code"
        f" {figures} and v.period_start = '2026-04-01' order by md5(v.indicator_code || v.partner_code) limit 12"
    ).fetchall()
    assert len({indicator for _, indicator, *_ in cells}) > 3
    for cell in cells:
        rows = when_published(
            pub,
            "select r.place, r.contribution, f.value"
            f" from (select v.* {figures} and v.programme_code = %s and v.indicator_code = %s and v.period_start = %s"
            " and v.territory_code = %s and v.partner_code = %s) as f"
            " cross join lateral pub.rows_behind("
            "f.programme_code, f.indicator_code, f.period_start, f.territory_code, f.partner_code) as r",
            cell,
        )
        assert abs(sum(contribution for _, contribution, _ in rows) - rows[0][2]) < Decimal("1e-6"), cell
    # one figure is looked for at a time, however little a reader leaves open
    partner = cells[0][4]
    searched = dict(
        when_published(
            pub,
            "select file_name, count(distinct (quarter_label, indicator)) from pub.steering_rows"
            " where partner_code = %s group by 1",
            [partner],
        )
    )
    refusal = "lignes non cherchées : choisissez un seul partenaire, un seul trimestre et un seul indicateur"
    assert searched.pop(refusal) > 5
    assert searched
    assert set(searched.values()) == {1}
    # what a browser shows is what the filters say
    page = sign_in(browser, access, partner)
    open_dashboard(page, access["superset"]["url"], "partenaire")
    page.locator(TABS, has_text="Mes lignes").click()
    settle(page)
    shown = page.locator("[data-test-chart-name^='Mes lignes'] tbody tr").first
    named = page.locator("[data-test^='NATIVE_FILTER-indicateur']").first
    assert shown.locator("td").first.inner_text() in named.inner_text()
    page.close()


def test_nobody_sees_anything_without_an_account(access: dict[str, Any]) -> None:
    url = access["superset"]["url"]
    assert requests.get(f"{url}/api/v1/dashboard/", timeout=30).status_code == 401
    assert requests.post(f"{url}/api/v1/chart/data", json={}, timeout=30).status_code == 401
    opened = requests.get(f"{url}/superset/dashboard/pilotage/", timeout=30)
    assert "/login/" in opened.url
