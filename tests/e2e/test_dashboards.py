"""The dashboards in a real browser: as the committee, as a partner, as nobody."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, Response, sync_playwright

pytestmark = pytest.mark.platform

# words of Superset's own interface that a French reader must not meet
ENGLISH = re.compile(
    r"\b(No results|Data error|Unexpected error|Loading|Add filter|Settings|Login|Sign in|Dashboards)\b"
)
EMPTY = re.compile(r"Aucun résultat|No results|n'a renvoyé aucun|Erreur|error", re.IGNORECASE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    path = shutil.which("chromium")
    assert path, "chromium is missing: apt-get install chromium"
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=arguments)
        yield launched
        launched.close()


def sign_in(browser: Browser, access: dict[str, Any], account: str) -> Page:
    """A page signed in as one of the demonstration's accounts."""
    superset = access["superset"]
    page = browser.new_page(viewport={"width": 1600, "height": 1000}, locale="fr-FR")
    page.goto(f"{superset['url']}/login/")
    page.wait_for_selector("input#username")
    # the form is drawn twice: what is typed into the first drawing is lost
    page.wait_for_timeout(1500)
    page.fill("input#username", superset["accounts"][account]["user"])
    page.fill("input#password", superset["accounts"][account]["password"])
    page.press("input#password", "Enter")
    page.wait_for_url(re.compile(r"/(superset/welcome|dashboard/list)"))
    return page


def visit(page: Page, url: str, slug: str, shots: Path) -> dict[str, list[dict[str, Any]]]:
    """Open a dashboard and each of its tabs; the rows of every chart, by the tab it was drawn in."""
    drawn: dict[str, list[dict[str, Any]]] = {}
    tab = "entrée"

    def keep(response: Response) -> None:
        if "/api/v1/chart/data" in response.url:
            assert response.status == 200, f"{slug}: {response.status} {response.text()[:300]}"
            drawn.setdefault(tab, []).extend(response.json()["result"])

    page.on("response", keep)
    page.goto(f"{url}/superset/dashboard/{slug}/")
    page.wait_for_selector("[data-test='dashboard-content-wrapper'], .dashboard-content, .dashboard")
    _settle(page)
    page.screenshot(path=shots / f"{slug}.png", full_page=True)
    tabs = page.locator(".dashboard-component-tabs .ant-tabs-tab")
    for index in range(1, tabs.count()):
        tab = tabs.nth(index).inner_text()
        tabs.nth(index).click()
        _settle(page)
        page.screenshot(path=shots / f"{slug}-{index}.png", full_page=True)
    page.remove_listener("response", keep)
    return drawn


def _settle(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)
    page.wait_for_load_state("networkidle")
    for _ in range(60):
        if page.locator(".loading, [data-test='loading-indicator']").count() == 0:
            break
        page.wait_for_timeout(500)


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the screenshots go, to be looked at."""
    return tmp_path_factory.mktemp("screenshots")


@pytest.mark.parametrize("slug", ["pilotage", "programmes"])
def test_the_committee_sees_data_in_every_chart_in_french(
    browser: Browser, access: dict[str, Any], shots: Path, slug: str
) -> None:
    page = sign_in(browser, access, "Comite")
    drawn = visit(page, access["superset"]["url"], slug, shots)
    results = [result for tab in drawn.values() for result in tab]
    assert len(results) >= 4
    assert [result["query"][:200] for result in results if not result.get("rowcount")] == []
    text = page.inner_text("body")
    assert not EMPTY.search(text), EMPTY.search(text)
    assert not ENGLISH.search(text), ENGLISH.search(text)
    assert page.locator("input[placeholder*='record']").count() == 0
    page.close()


@pytest.mark.parametrize("slug", ["pilotage", "programmes"])
def test_the_demonstration_says_so_on_the_dashboard(browser: Browser, access: dict[str, Any], slug: str) -> None:
    page = sign_in(browser, access, "Comite")
    page.goto(f"{access['superset']['url']}/superset/dashboard/{slug}/")
    page.get_by_text(re.compile("démonstration", re.IGNORECASE)).first.wait_for(timeout=60_000)
    page.close()


def test_a_partner_sees_its_own_rows_and_nobody_elses(browser: Browser, access: dict[str, Any], shots: Path) -> None:
    page = sign_in(browser, access, "KABIA")
    drawn = visit(page, access["superset"]["url"], "partenaire", shots)
    rows = [row for tab in drawn.values() for result in tab for row in result["data"]]
    assert rows
    others = {"FORMACARIB", "MADININUM", "LAB-SUD", "CLUSTER972", "EPCI-CENTRE"}
    assert not {code for row in rows for code in map(str, row.values()) if code in others}
    text = page.inner_text("body")
    assert not [code for code in others if code in text]
    for slug in ("pilotage", "programmes"):
        answer = page.goto(f"{access['superset']['url']}/api/v1/dashboard/{slug}/charts")
        assert answer is not None
        assert answer.status in {403, 404}
    page.close()


def test_nobody_sees_anything_without_an_account(access: dict[str, Any]) -> None:
    url = access["superset"]["url"]
    assert requests.get(f"{url}/api/v1/dashboard/", timeout=30).status_code == 401
    assert requests.post(f"{url}/api/v1/chart/data", json={}, timeout=30).status_code == 401
    opened = requests.get(f"{url}/superset/dashboard/pilotage/", timeout=30)
    assert "/login/" in opened.url
