"""What the committee waits for: each chart's data through Superset's own API, and each dashboard drawn in a browser.

The queries are those that the dashboards ask as they are opened, tab by tab. `LAKOU_PLATFORM_HOME` names a running platform to
measure (the twin that `make up` loads otherwise), `LAKOU_BENCH_ROUNDS` how often each query is asked, `LAKOU_BENCH_PARTNERS` how
many times the partners are published, with all that is published of them (default 1; what is added is taken away at the end). No
time is asserted: only that every query answers.
"""

from __future__ import annotations

import copy
import os
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Page, Request
from psycopg import sql

from tests.conftest import CHROMIUM_ARGUMENTS
from tests.e2e.test_dashboards import TABS, UNDRAWN, enter, open_dashboard, settle, sign_in

TIMES = int(os.environ.get("LAKOU_BENCH_PARTNERS", "1"))
ROUNDS = int(os.environ.get("LAKOU_BENCH_ROUNDS", "3"))
DASHBOARDS = {"pilotage": "Comite", "programmes": "Comite", "qualite": "Comite", "partenaire": "Ingenieur"}
UNCACHED_MS, CACHED_MS, DRAWN_S = 250, 60, 4
SLOWEST = 8
WIDTH, HEIGHT = 1440, 900


@dataclass(frozen=True)
class Asked:
    """One query of a chart, as the browser sent it."""

    tab: str
    url: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def about(self) -> str:
        return f"{self.tab} : {self.body['form_data'].get('slice_id')} {self.body['form_data'].get('viz_type')}"


@pytest.fixture(scope="module", autouse=True)
def enlarged(access: dict[str, Any]) -> Iterator[None]:
    """Publish each partner as often as asked, beside itself."""
    if TIMES == 1:
        yield
        return
    with psycopg.connect(access["postgres"]["admin_dsn"], autocommit=True) as admin:
        tables = [table for (table,) in admin.execute(TABLES_OF_PARTNERS)]
        try:
            for table in tables:
                multiply(admin, table)
            yield
        finally:
            for table in tables:
                name = sql.Identifier("published", table)
                admin.execute(sql.SQL("delete from {} where partner_code like '%~%'").format(name))
                admin.execute(sql.SQL("vacuum analyze {}").format(name))
            # answers of the enlarged platform, kept under an edition that did not change; the folder is Superset's
            for answer in (Path(access["paths"]["home"]) / "superset" / "figures").iterdir():
                answer.unlink(missing_ok=True)


TABLES_OF_PARTNERS = """
    select t.relname
    from pg_class as t
    inner join pg_attribute as a on t.oid = a.attrelid and a.attname = 'partner_code'
    where t.relkind = 'p' and t.relnamespace = 'published'::regnamespace
"""


def multiply(admin: psycopg.Connection, table: str) -> None:
    """Add the rows of each partner to a table again, under other names."""
    name = sql.Identifier("published", table)
    described = admin.execute(sql.SQL("select * from {} limit 0").format(name)).description
    assert described
    copied = [
        sql.SQL("{} || '~' || beside").format(sql.Identifier(column.name))
        if column.name in {"partner_code", "milestone_id", "envelope_key"}
        or (table, column.name) == ("partners", "label")
        else sql.Identifier(column.name)
        for column in described
    ]
    added = admin.execute(
        sql.SQL(
            "insert into {0} select {1} from {0} cross join generate_series(2, {2}) as beside where partner_code <> 'TOTAL'"
        ).format(name, sql.SQL(", ").join(copied), TIMES)
    )
    admin.execute(sql.SQL("vacuum analyze {}").format(name))
    print(f"\n{table}: {added.rowcount:,} rows beside")


def ask(page: Page, asked: Asked, *, force: bool) -> float:
    """Milliseconds from the request to the whole answer."""
    body = {**asked.body, "force": force}
    start = time.perf_counter()
    answer = page.request.post(asked.url, data=body, headers=asked.headers)
    content = answer.body()
    taken = 1000 * (time.perf_counter() - start)
    assert answer.status == 200, content[:300]
    return taken


def nothing(asked: Asked) -> Asked:
    """The same request for no row: what any query costs before it reads anything."""
    body = copy.deepcopy(asked.body)
    column = body["queries"][0]["columns"][0]
    body["queries"] = [
        {"columns": [column], "metrics": [], "filters": [{"col": column, "op": "==", "val": "\u2205"}], "row_limit": 1}
    ]
    return Asked("nothing", asked.url, asked.headers, body)


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


def questions(page: Page, url: str, slug: str) -> list[Asked]:
    """What the charts of all tabs of a dashboard ask."""
    kept: list[Asked] = []
    tab = [""]

    def keep(request: Request) -> None:
        if "/api/v1/chart/data" in request.url and request.method == "POST":
            headers = {name: value for name, value in request.headers.items() if name in ("x-csrftoken", "referer")}
            kept.append(Asked(f"{slug} · {tab[0]}", request.url, headers, request.post_data_json))

    page.on("request", keep)
    open_dashboard(page, url, slug)
    for index in range(page.locator(TABS).count()):
        tab[0] = page.locator(TABS).nth(index).inner_text().strip()
        page.locator(TABS).nth(index).click()
        settle(page)
    page.remove_listener("request", keep)
    return kept


def drawn(page: Page, url: str, slug: str, height: int | None) -> float:
    """Seconds until every chart of the first tab is drawn, or those that begin above a height."""
    start = time.perf_counter()
    page.goto(f"{url}/superset/dashboard/{slug}/", wait_until="commit")
    page.wait_for_selector(TABS)
    while page.evaluate(UNDRAWN, height):
        page.wait_for_timeout(50)
    return time.perf_counter() - start


def measure_drawing(browser: Browser, access: dict[str, Any], slug: str, account: str, folder: Path) -> None:
    """Draw a dashboard as a reader's browser does, what is below the window when it is come to, and all of it at once.

    A reader's browser keeps what it fetched and compiled, as a window without a profile does not; Superset draws all charts
    at once for a browser that says that a program steers it.
    """
    for label, height, arguments in (
        ("what is in view", HEIGHT, ["--disable-blink-features=AutomationControlled"]),
        ("all charts at once", None, []),
    ):
        with browser.browser_type.launch_persistent_context(
            folder / label.replace(" ", "-"),
            executable_path=shutil.which("chromium"),
            args=[*CHROMIUM_ARGUMENTS, *arguments],
            viewport={"width": WIDTH, "height": HEIGHT},
            locale="fr-FR",
        ) as profile:
            page = profile.pages[0]
            enter(page, access, account)
            url = access["superset"]["url"]
            for _ in range(2):
                drawn(page, url, slug, height)
            times = [drawn(page, url, slug, height) for _ in range(2 * ROUNDS)]
        shown = f"{statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f}"
        print(f"  {label}, drawn in {shown}; target {DRAWN_S} s)")


@pytest.mark.parametrize(("slug", "account"), DASHBOARDS.items())
def test_a_dashboard_answers(browser: Browser, access: dict[str, Any], tmp_path: Path, slug: str, account: str) -> None:
    page = sign_in(browser, access, account)
    url = access["superset"]["url"]
    asked = questions(page, url, slug)
    assert asked
    # of the publication's one row, which every tab asks for: what it costs depends on nothing else
    empty = nothing(next(one for one in asked if "publication_label" in one.body["queries"][0]["columns"]))
    # asked in turn: what the machine does beside weighs on all three alike
    fixed, uncached, cached = [], [], []
    by_chart: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for one in asked:
            fixed.append(ask(page, empty, force=True))
            taken = ask(page, one, force=True)
            uncached.append(taken)
            by_chart.setdefault(one.about, []).append(taken)
            cached.append(ask(page, one, force=False))
    base = statistics.median(fixed)
    print(
        f"\n{slug}: {len(asked)} queries, {ROUNDS} rounds; an empty query {base:.0f} ms; beyond it p50/p95"
        f" uncached {statistics.median(uncached) - base:.0f}/{p95(uncached) - base:.0f} ms (target {UNCACHED_MS}),"
        f" cached {statistics.median(cached) - base:.0f}/{p95(cached) - base:.0f} ms (target {CACHED_MS})"
    )
    for about, times in sorted(by_chart.items(), key=lambda item: -statistics.median(item[1]))[:SLOWEST]:
        print(f"  {statistics.median(times) - base:6.0f} ms  {about}")
    page.close()
    measure_drawing(browser, access, slug, account, tmp_path)
