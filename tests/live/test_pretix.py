"""pretix itself, installed from PyPI and running: pulled whole and incrementally, and compared with what it was told.

`make test-live` installs it into `$LAKOU_HOME/venvs/live`; `make test` does not run this file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.local.layout import LOCKS, load_platform
from ingestion.connectors.mapping import Source, load_source
from ingestion.connectors.pulling import PullSummary, pull
from ingestion.errors import SourceRefusal
from ingestion.settings import Settings
from tests.conftest import free_port
from tests.integration.drop_box import DropBox

# where pretix is: the tests' warehouses take the variable that names it
PLATFORM = load_platform()
START_SECONDS = 120
# the first run makes pretix's database: 200 migrations
pytestmark = pytest.mark.timeout(3600)
ORDERS, PAGE = 25, 10
SURNAMES = ("Maïtrot", "Crétinoir", "Zobel", "Pinçon", "N'Diaye", "de Lépine", "Œdipe", "Béranger", "Louis-Joseph")
FORENAMES = ("Zoé", "Noémie", "Aimé")
CONFIGURATION = """\
[pretix]
instance_name=Lakou
url={address}
datadir={data}
registration=off
[locale]
default=fr
timezone=America/Martinique
[database]
backend=sqlite3
[django]
secret=of-one-test-only-and-of-no-other-use-0123456789
debug=off
"""
# what its administrator does by hand: an organizer, and a team with a token for our connector
ORGANIZER = """\
from django_scopes import scopes_disabled
from pretix.base.models import Organizer
with scopes_disabled():
    organizer = Organizer.objects.create(name="CCI", slug="cci")
    team = organizer.teams.create(
        name="Lakou", all_events=True, all_event_permissions=True, all_organizer_permissions=True
    )
    print("TOKEN=" + team.tokens.create(name="lakou").token)
"""
# a pull takes in again what was changed half an hour before the last change seen: one order an hour, until an hour ago
HOURLY = """\
import datetime as dt
from django.utils.timezone import now
from django_scopes import scopes_disabled
from pretix.base.models import Order
with scopes_disabled():
    orders = list(Order.objects.order_by("-pk"))
    for hours, order in enumerate(orders, start=1):
        Order.objects.filter(pk=order.pk).update(last_modified=now() - dt.timedelta(hours=hours))
    print(len(orders))
"""
EVENT = {
    "name": {"fr": "Atelier IA générative – Fort-de-France", "en": "Generative AI workshop"},
    "slug": "atelier1",
    "live": False,
    "testmode": False,
    "currency": "EUR",
    "date_from": "2026-12-10T09:00:00-04:00",
    "plugins": [],
    "timezone": "America/Martinique",
    "meta_data": {},
}
ITEM = {"name": {"fr": "Place"}, "default_price": "0.00", "active": True, "admission": True, "personalized": True}
MAPPING = """\
system: pretix
address: {address}
connection: pretix
partner: KABIA
zone: America/Martinique
options: {{page: "{page}"}}
personal: [attendee_email, attendee_name_parts/family_name, attendee_name_parts/given_name]
processing: {{country: France, contract: DPA-2026-04}}
feeds:
  - entity: cci/atelier1
    table: cci/atelier1.positions
    feed: F02
    period: ../datetime
    columns:
      objet_type: {{constant: EVENEMENT}}
      objet_id: {{constant: E1}}
      courriel: attendee_email
      nom_naissance: attendee_name_parts/family_name
      prenom: attendee_name_parts/given_name
      annee_naissance: {{constant: "1990"}}
      sexe: {{constant: NR}}
      statut_pro: {{constant: NR}}
      niveau_diplome: {{constant: NR}}
      canal_orientation: {{constant: DIRECT}}
      duree_suivie_h: answers/HEURES
      statut: {{field: ../status, codes: {{p: INSCRIT, n: INSCRIT, c: ABANDON, e: ABANDON}}}}
"""
IN_FORCE = """
    select r.duree_suivie_h, r.statut from raw.f02_participations as r where not exists (
        select 1 from ops.supersessions as s where s.superseded_delivery_id = r._delivery_id
    ) order by r.duree_suivie_h::numeric
"""


@dataclass
class Pretix:
    """The running server; `run` gives a text to its Django shell and returns what that prints."""

    address: str
    token: str
    run: Callable[[str], str]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Ask its API for something that has to succeed."""
        url = f"{self.address}/api/v1/organizers/cci/{path}"
        answer = requests.request(method, url, json=body, headers={"Authorization": f"Token {self.token}"}, timeout=60)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


@dataclass
class Shop:
    """One event with one kind of place, and what was ordered: hours and state by the order's code."""

    server: Pretix
    item: int
    question: int
    told: dict[str, tuple[int, str]]

    def order(self, number: int) -> str:
        """One person orders a place and answers the form."""
        again, place = divmod(number, len(SURNAMES))
        person = {"_scheme": "given_family", "given_name": FORENAMES[again], "family_name": SURNAMES[place]}
        position = {
            "positionid": 1, "item": self.item, "variation": None, "price": "0.00", "attendee_name_parts": person,
            "attendee_email": f"p{number}@courrier.invalid", "addon_to": None, "subevent": None,
            "answers": [{"question": self.question, "answer": str(number + 1), "options": []}],
        }  # fmt: skip
        body = {"email": f"p{number}@courrier.invalid", "locale": "fr", "sales_channel": "web", "status": "p"}
        made = self.server.call(
            "POST", "events/atelier1/orders/", body | {"payment_provider": "free", "fees": [], "positions": [position]}
        )
        code = str(made["code"])
        self.told[code] = (number + 1, "INSCRIT")
        return code

    def expected(self) -> list[tuple[str, str]]:
        return [(str(hours), state) for hours, state in sorted(self.told.values())]


@pytest.fixture(scope="module")
def pretix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pretix]:
    """A new pretix on SQLite; its empty database is made once for a lock, since that takes minutes."""
    python = PLATFORM.venv("live") / "bin" / "python"
    assert python.exists(), "pretix is not installed: `make test-live` does it"
    folder = tmp_path_factory.mktemp("pretix")
    address = f"http://127.0.0.1:{free_port()}"
    (folder / "data").mkdir()
    (folder / "pretix.cfg").write_text(CONFIGURATION.format(address=address, data=folder / "data"))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = kept | {"PRETIX_CONFIG_FILE": str(folder / "pretix.cfg")}
    run = [str(python), "-m", "pretix"]
    digest = hashlib.sha256((LOCKS / "live.txt").read_bytes()).hexdigest()[:16]
    empty, database = PLATFORM.home / "live" / f"{digest}.sqlite3", folder / "data" / "db.sqlite3"
    if not empty.exists():
        subprocess.run([*run, "migrate"], env=environment, check=True, capture_output=True)
        empty.parent.mkdir(exist_ok=True)
        shutil.copy(database, empty.with_suffix(".tmp"))
        empty.with_suffix(".tmp").rename(empty)
    shutil.copy(empty, database)

    def in_shell(code: str) -> str:
        done = subprocess.run([*run, "shell", "-c", code], env=environment, check=True, capture_output=True, text=True)
        return done.stdout

    token = in_shell(ORGANIZER).partition("TOKEN=")[2].split()[0]
    with (folder / "server.log").open("wb") as log:
        command = [*run, "runserver", "--noreload", address.removeprefix("http://")]
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait(address, server, folder / "server.log")
        yield Pretix(address, token, in_shell)
    finally:
        server.terminate()
        server.wait(30)


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(START_SECONDS * 2):
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            if requests.get(f"{address}/api/v1/organizers/", timeout=10).status_code == 401:
                return
        except requests.ConnectionError:
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture(scope="module")
def shop(pretix: Pretix) -> Shop:
    """The event, its place and its question, by the server's own API."""
    pretix.call("POST", "events/", EVENT)
    item = pretix.call("POST", "events/atelier1/items/", ITEM)["id"]
    pretix.call("POST", "events/atelier1/quotas/", {"name": "tous", "size": None, "items": [item], "variations": []})
    question = pretix.call(
        "POST", "events/atelier1/questions/",
        {"question": {"fr": "Heures suivies"}, "type": "N", "required": False, "items": [item], "identifier": "HEURES",
         "options": []},
    )["id"]  # fmt: skip
    return Shop(pretix, item, question, {})


@pytest.fixture
def box(clean: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shop: Shop) -> DropBox:
    monkeypatch.setenv("LAKOU_SOURCES_DIR", str(tmp_path))
    (tmp_path / "inscriptions.yml").write_text(MAPPING.format(address=shop.server.address, page=PAGE), encoding="utf-8")
    found = DropBox(clean).open_account(feeds=("F02", "F08"))
    found.put_examples("F08", {"evenement_id": "E1"})
    assert found.receive().failures == ()
    return found


def test_a_real_pretix_is_pulled_whole_and_then_only_what_changed(box: DropBox, shop: Shop) -> None:
    source = load_source("inscriptions")
    codes = [shop.order(number) for number in range(ORDERS)]
    assert shop.server.run(HOURLY).split()[-1] == str(ORDERS)

    whole = _pull(box, source, shop)
    # orders and their positions; each page begins with the last order of the one before
    assert (whole.records, whole.changed, whole.pages) == (2 * (ORDERS + 2), 2 * ORDERS, 3)
    assert _rows(box) == shop.expected()
    people = _people(box)
    assert len(people) == ORDERS

    again = _pull(box, source, shop)
    # the last order and its position, once more
    assert (again.records, again.changed, again.deleted, again.files) == (2, 0, 0, ())
    assert again.requests < whole.requests

    cancelled, renamed = codes[3], codes[7]
    shop.server.call("POST", f"events/atelier1/orders/{cancelled}/mark_canceled/", {"send_email": False})
    shop.told[cancelled] = (shop.told[cancelled][0], "ABANDON")
    (position,) = shop.server.call("GET", f"events/atelier1/orders/{renamed}/")["positions"]
    name = {"_scheme": "given_family", "given_name": "Philogène", "family_name": "Zyzomyst"}
    shop.server.call(
        "PATCH", f"events/atelier1/orderpositions/{position['id']}/",
        {"attendee_name_parts": name, "attendee_email": "zyzomyst@courrier.invalid"},
    )  # fmt: skip
    shop.order(ORDERS)

    changed = _pull(box, source, shop)
    # three orders and the last one once more; one that is cancelled may have lost its position
    assert (changed.records, changed.pages) == (8 - _left(shop, cancelled), 1)
    assert changed.deleted == _left(shop, cancelled)
    expected = [row for row in shop.expected() if row[1] == "INSCRIT" or not _left(shop, cancelled)]
    assert _rows(box) == expected
    # one person became another one, and one came
    assert len(_people(box) - people) == 2

    full = _pull(box, source, shop, is_full=True)
    assert (full.changed, full.files) == (0, ())
    print(f"\npretix: whole {whole}\nagain {again}\nchanged {changed}\nfull {full}")


def test_a_wrong_token_is_tried_once(box: DropBox, shop: Shop) -> None:
    source = load_source("inscriptions")
    with pytest.raises(SourceRefusal, match="401"):
        pull(box.settings, source, {"token": "jeton-faux"})
    assert box.one("select requests from ops.source_pulls order by pull_id desc limit 1") == 1


def _pull(box: DropBox, source: Source, shop: Shop, *, is_full: bool = False) -> PullSummary:
    summary = pull(box.settings, source, {"token": shop.server.token}, is_full=is_full)
    assert summary.failures == ()
    assert box.receive().failures == ()
    assert box.all("select rule_id, column_name, message from quarantine.rejected_rows") == []
    return summary


def _rows(box: DropBox) -> list[tuple[Any, ...]]:
    return box.all(IN_FORCE)


def _people(box: DropBox) -> set[str]:
    return {name for (name,) in box.all(IN_FORCE.replace("r.duree_suivie_h, r.statut", "r.person_key_1"))}


def _left(shop: Shop, code: str) -> int:
    """How many positions an order has lost: a cancelled one keeps its positions, or gives them up, as pretix says."""
    return 1 - len(shop.server.call("GET", f"events/atelier1/orders/{code}/")["positions"])
