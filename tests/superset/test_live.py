"""The running Superset shows each reader what it may see, and no more."""

import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

pytestmark = pytest.mark.platform

TRIES_A_MINUTE = 30
COUNT = {"expressionType": "SQL", "sqlExpression": "COUNT(*)", "label": "rows"}


class FromAddress(HTTPAdapter):
    """Sends from one of this machine's own addresses."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, source_address=(self.address, 0))


class Reader:
    """One account's session with Superset's API."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        self.session = requests.Session()
        self.session.trust_env = False
        body = {"username": user, "password": password, "provider": "db"}
        answer = self.session.post(f"{self.url}/api/v1/security/login", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self.session.headers["Referer"] = self.url

    def get(self, path: str) -> requests.Response:
        return self.session.get(f"{self.url}/api/v1/{path}", timeout=60)

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        """A request that writes: needs the token against cross-site forgery."""
        token = self.get("security/csrf_token/").json().get("result", "")
        headers = {"X-CSRFToken": token}
        address = f"{self.url}/api/v1/{path}"
        return self.session.request(method, address, json=body, headers=headers, timeout=60, allow_redirects=False)

    def rows(self, chart: dict[str, Any], **query: Any) -> requests.Response:
        """Ask for data in the context of one chart of one dashboard."""
        number, _, kind = chart["datasource"].partition("__")
        body = {
            "datasource": {"id": int(number), "type": kind},
            "queries": [{"columns": [], "metrics": [COUNT], "filters": [], "row_limit": 1000} | query],
            "form_data": {"dashboardId": chart["dashboard"], "slice_id": chart["id"]},
            "result_format": "json",
            "result_type": "full",
        }
        return self.session.post(f"{self.url}/api/v1/chart/data", json=body, timeout=60)


@pytest.fixture(scope="module")
def admin(access: dict[str, Any]) -> Reader:
    return login(access, "Admin")


@pytest.fixture(scope="module")
def committee(access: dict[str, Any]) -> Reader:
    return login(access, "Comite")


@pytest.fixture(scope="module")
def partners(access: dict[str, Any]) -> list[str]:
    codes = [name for name in access["superset"]["accounts"] if name not in {"Admin", "Comite", "Ingenieur"}]
    assert len(codes) >= 2
    return codes


@pytest.fixture(scope="module")
def partner(access: dict[str, Any], partners: list[str]) -> Reader:
    return login(access, partners[0])


@pytest.fixture
def orphan(access: dict[str, Any], admin: Reader) -> Iterator[Reader]:
    """An account that holds the partners' permissions but is no partner's."""
    query = "(filters:!((col:name,opr:eq,value:Partenaire)))"
    role = admin.get(f"security/roles/?q={query}").json()["ids"][0]
    password = secrets.token_urlsafe(12)
    name = f"orphelin-{secrets.token_hex(4)}"
    body = {"username": name, "first_name": "Sans", "last_name": "Partenaire", "email": f"{name}@lakou.invalid"}
    made = admin.send("POST", "security/users/", body | {"password": password, "active": True, "roles": [role]})
    assert made.status_code == 201, made.text
    try:
        yield Reader(access["superset"]["url"], name, password)
    finally:
        assert admin.send("DELETE", f"security/users/{made.json()['id']}").status_code == 200


def login(access: dict[str, Any], name: str) -> Reader:
    account = access["superset"]["accounts"][name]
    return Reader(access["superset"]["url"], account["user"], account["password"])


def charts(reader: Reader, slug: str) -> list[dict[str, Any]]:
    """Charts of a dashboard: id, name, dataset, form."""
    dashboard = reader.get(f"dashboard/{slug}").json()["result"]["id"]
    answer = reader.get(f"dashboard/{slug}/charts")
    assert answer.status_code == 200, answer.text
    found = [
        {"id": c["id"], "name": c["slice_name"], "dashboard": dashboard, "form": c["form_data"]}
        | {"datasource": c["form_data"]["datasource"]}
        for c in answer.json()["result"]
    ]
    assert found
    return found


@pytest.mark.parametrize("account", ["Comite", "Ingenieur"])
@pytest.mark.parametrize("slug", ["pilotage", "chiffre", "programmes", "qualite"])
def test_every_chart_of_the_committee_has_data(access: dict[str, Any], slug: str, account: str) -> None:
    empty = []
    reader = login(access, account)
    for chart in charts(reader, slug):
        conditions = [
            {"col": c["subject"], "op": c["operator"]} | ({} if c["comparator"] is None else {"val": c["comparator"]})
            for c in chart["form"].get("adhoc_filters", [])
        ]
        answer = reader.rows(chart, filters=conditions)
        assert answer.status_code == 200, (chart["name"], answer.text)
        if not answer.json()["result"][0]["data"][0]["rows"]:
            empty.append(chart["name"])
    # a territory whose deliveries all came has nothing to show there
    assert set(empty) <= {"Remises échues qui manquent ou sont refusées"}


def test_the_committee_sees_several_partners(committee: Reader) -> None:
    chart = next(c for c in charts(committee, "pilotage") if "par partenaire" in c["name"].lower())
    answer = committee.rows(chart, columns=["partner_code"]).json()["result"][0]["data"]
    assert len({row["partner_code"] for row in answer}) > 2


def test_a_partner_sees_its_own_rows_only(partner: Reader, partners: list[str]) -> None:
    seen = 0
    for chart in charts(partner, "partenaire"):
        columns = [*chart["form"].get("all_columns", []), chart["form"].get("x_axis", "")]
        # neither names a partner: the publication, the definitions of indicators
        if {"publication_label", "formula"} & set(columns):
            continue
        for query in (
            {"columns": ["partner_code"]},
            {"columns": ["partner_code"], "filters": [{"col": "partner_code", "op": "==", "val": partners[1]}]},
            {"columns": ["partner_code"], "extras": {"where": "1=1 OR partner_code <> ''"}},
        ):
            answer = partner.rows(chart, **query)
            assert answer.status_code == 200, (chart["name"], answer.text)
            rows = answer.json()["result"][0]["data"]
            assert {row["partner_code"] for row in rows} <= {partners[0]}, chart["name"]
            seen += len(rows)
    assert seen


def test_a_partner_opens_no_other_dashboard(partner: Reader, committee: Reader) -> None:
    assert {d["slug"] for d in partner.get("dashboard/").json()["result"]} == {"partenaire"}
    for slug in ("pilotage", "chiffre", "programmes", "qualite"):
        assert partner.get(f"dashboard/{slug}").status_code in {403, 404}
        assert partner.rows(charts(committee, slug)[0]).status_code == 403


def test_the_committee_does_not_open_the_partners_dashboard(committee: Reader) -> None:
    assert {d["slug"] for d in committee.get("dashboard/").json()["result"]} == {
        "pilotage",
        "chiffre",
        "programmes",
        "qualite",
    }


def test_an_account_of_no_partner_sees_no_row(orphan: Reader) -> None:
    for chart in charts(orphan, "partenaire"):
        answer = orphan.rows(chart)
        assert answer.status_code == 200, answer.text
        assert answer.json()["result"][0]["data"] in ([], [{"rows": 0}]), chart["name"]


def test_readers_neither_query_freely_nor_change_anything(committee: Reader, partner: Reader) -> None:
    for reader in (committee, partner):
        assert reader.get("dataset/").status_code == 403
        assert reader.get("database/").status_code == 403
        # they do not even get the token that a writing request needs (400), let alone the right (403)
        assert reader.send("POST", "sqllab/execute/", {"database_id": 1, "sql": "select 1"}).status_code in {400, 403}
        slug = "partenaire" if reader is partner else "pilotage"
        # 302: sent back to the login page
        deleted = reader.send("DELETE", f"dashboard/{charts(reader, slug)[0]['dashboard']}")
        assert deleted.status_code in {302, 400, 403}
        assert reader.get(f"dashboard/{slug}").status_code == 200


def test_the_engineers_open_every_dashboard(access: dict[str, Any]) -> None:
    engineer = login(access, "Ingenieur")
    slugs = {"pilotage", "chiffre", "programmes", "qualite", "partenaire"}
    assert {d["slug"] for d in engineer.get("dashboard/").json()["result"]} == slugs
    for slug in slugs:
        # nothing filtered: everything that the chart could ever show
        for chart in charts(engineer, slug):
            answer = engineer.rows(chart)
            assert answer.status_code == 200, (slug, chart["name"], answer.text)
            assert answer.json()["result"][0]["data"][0]["rows"], (slug, chart["name"])


@pytest.mark.parametrize("door", ["api/v1/security/login", "login/"])
def test_a_password_is_not_guessed_by_trying(access: dict[str, Any], door: str) -> None:
    url = access["superset"]["url"].rstrip("/")
    session = requests.Session()
    session.trust_env = False
    # an address of its own: the limit is by address, and the other tests sign in from theirs
    session.mount(url, FromAddress(f"127.0.{secrets.randbelow(250) + 2}.{secrets.randbelow(250) + 2}"))
    body = {"username": access["superset"]["accounts"]["Comite"]["user"], "password": "faux"}
    page = session.get(f"{url}/login/", timeout=60).text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    sent: dict[str, Any] = (
        {"data": body | {"csrf_token": token[1]}, "headers": {"Referer": f"{url}/login/"}}
        if door == "login/"
        else {"json": body | {"provider": "db"}}
    )
    wrong = 0
    # a minute that ends meanwhile begins another count
    while wrong <= 2 * TRIES_A_MINUTE:
        answer = session.post(f"{url}/{door}", **sent, timeout=60, allow_redirects=False)
        if answer.status_code == 429:
            break
        assert answer.status_code in {302, 401}, answer.text
        wrong += 1
    assert TRIES_A_MINUTE <= wrong <= 2 * TRIES_A_MINUTE


def test_nobody_reads_without_logging_in(access: dict[str, Any]) -> None:
    url = access["superset"]["url"].rstrip("/")
    session = requests.Session()
    session.trust_env = False
    assert session.get(f"{url}/api/v1/dashboard/pilotage", timeout=60).status_code in {401, 403, 404}
    assert session.post(f"{url}/api/v1/chart/data", json={}, timeout=60).status_code in {400, 401, 403}


def test_the_interface_is_french_and_talks_to_itself_only(access: dict[str, Any]) -> None:
    answer = requests.get(f"{access['superset']['url'].rstrip('/')}/login/", timeout=60, proxies={"http": ""})
    assert "&#34;locale&#34;: &#34;fr&#34;" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "connect-src 'self';" in policy + ";"
    assert "http" not in policy
