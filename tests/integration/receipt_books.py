"""Deliveries written straight into the books, to look at what partners read without a receiver."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import polars as pl

from ingestion import partners, receipts
from ingestion.contracts import load_contract
from ingestion.database import connect
from ingestion.loading import Delivery
from ingestion.naming import parse_period
from ingestion.settings import Settings

TODAY = dt.date(2026, 10, 5)
RECEIVED_AT = dt.datetime(2026, 10, 5, 14, 3, tzinfo=dt.UTC)
# within a line of text
INLINE = frozenset({"a", "b", "code", "kbd", "span", "strong", "svg", "path", "circle"})
VOID = frozenset({"meta", "br", "link", "img", "hr", "input", "path", "circle"})

Finding = tuple[int, str, str | None, str, str, str, str]


def bad_sex(line: int, value: str = "Q") -> Finding:
    """A row refused for a value that is in no list."""
    return (
        line,
        "sexe",
        value,
        "LISTE",
        "REFUSE",
        f"« {value} » n'est pas une valeur de « Sexe ».",
        "Valeurs admises : F, M, X, NR.",
    )


def frame(findings: Sequence[Finding]) -> pl.DataFrame:
    """Findings in the shape of receipts."""
    return pl.DataFrame(list(findings), schema=receipts.FINDINGS, orient="row")


@dataclass(frozen=True)
class Books:
    """One partner of a clean warehouse, and its folder of receipts."""

    settings: Settings
    code: str = "KABIA"
    email: str | None = None

    @property
    def folder(self) -> Path:
        return self.settings.drop / self.code / "accuses"

    def open_account(self, **changes: Any) -> Books:
        partner = partners.Partner(self.code, "Kabia", "STARTUP", "MQ", ("F01", "F02", "F03"), email=self.email)
        with connect(self.settings) as connection:
            partners.add(self.settings, connection, replace(partner, **changes))
        return self

    def expect(self, first: dt.date, last: dt.date) -> None:
        with connect(self.settings) as connection:
            partners.expect(connection, self.code, ("F01", "F02", "F03"), first, last)

    def record(self, feed: str | None = "F02", period: str = "2026-09", **values: Any) -> Delivery:
        """Write one judged delivery down; by default a file of ten good rows."""
        name = load_contract(feed).name if feed else ""
        span = parse_period(period)
        counts = {"rows_received": 10, "rows_accepted": 10} if not values.get("is_blocked") else {}
        version, part = values.get("version", 1), values.get("part", 0)
        suffix = f".rejets{part}" if part else ""
        made: dict[str, Any] = {
            "delivery_id": f"{feed}-{self.code}-{period}-v{version}-r{part}-{len(self.all('select 1 from ops.deliveries'))}",
            "feed": feed,
            "partner_code": self.code,
            "file_name": f"{feed}_{name}__{self.code}__{period}__v{version}{suffix}.csv"
            if feed
            else "liste finale.csv",
            "period": period if feed else None,
            "period_start": span.start if feed else None,
            "period_end": span.end if feed else None,
            "version": version if feed else None,
            "part": part,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "size_bytes": 48_213,
            "received_at": RECEIVED_AT,
            "state": "ACCEPTÉ",
            "judged_at": RECEIVED_AT,
        }
        delivery = Delivery(**(made | counts | values))
        columns = list(Delivery.__dataclass_fields__)
        self.all(
            f"insert into ops.deliveries ({', '.join(columns)}) values ({', '.join(['%s'] * len(columns))}) returning 1",
            *(getattr(delivery, name) for name in columns),
        )
        return delivery

    def issue(
        self,
        delivery: Delivery,
        findings: Sequence[Finding] = (),
        source: pl.DataFrame | None = None,
        rules: Sequence[receipts.RuleCount] | None = None,
    ) -> str:
        """Issue its receipt; the page as text."""
        contract = load_contract(delivery.feed) if delivery.feed else None
        with connect(self.settings) as connection:
            receipts.issue(
                self.settings,
                connection,
                contract=contract,
                delivery=delivery,
                findings=frame(findings),
                refused_source=source,
                today=TODAY,
                rules=rules,
            )
        return self.page(delivery)

    def page(self, delivery: Delivery, file_name: str | None = None) -> str:
        name = f"{receipts.receipt_stem(delivery, file_name)}.accuse.html"
        return (self.folder / name).read_text(encoding="utf-8")

    def all(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with connect(self.settings, "lakou_admin") as connection:
            return connection.execute(query, parameters).fetchall()


@dataclass
class Element:
    """One element of a page."""

    tag: str
    attributes: dict[str, str]
    parents: tuple[str, ...]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A page taken apart; `faults` says what its readers would stumble on."""

    elements: list[Element] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def __hash__(self) -> int:
        return id(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        parents = tuple(element.tag for element in self._open)
        element = Element(tag, {name: value or "" for name, value in attrs}, parents)
        self.elements.append(element)
        self._break(tag)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self._open or self._open[-1].tag != tag:
            self.faults.append(f"</{tag}> closes {self._open[-1].tag if self._open else 'nothing'}")
        if self._open:
            self._open.pop()
        self._break(tag)

    def _break(self, tag: str) -> None:
        if tag not in INLINE:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    def words(self) -> str:
        """What a reader sees, with plain spaces."""
        (body,) = self.all("body")
        return " ".join(body.text.split())


def read_page(text: str, folder: Path) -> Page:
    """A page, with what accessibility and honesty ask of it already checked into `faults`."""
    page = Page()
    page.feed(text)
    page.close()
    faults = page.faults
    faults += [f"<{element.tag}> is never closed" for element in page._open]
    if [element.attributes.get("lang") for element in page.all("html")] != ["fr"]:
        faults.append("the language is not said")
    if not all(element.text.strip() for element in page.all("title")) or len(page.all("title")) != 1:
        faults.append("no title")
    levels = [int(element.tag[1]) for element in page.elements if element.tag in {"h1", "h2", "h3", "h4", "h5", "h6"}]
    if levels.count(1) != 1 or levels[0] != 1:
        faults.append(f"headings {levels}: one h1 first")
    if any(after > before + 1 for before, after in pairwise(levels)):
        faults.append(f"headings {levels}: a level is skipped")
    faults += ["a table without a caption"] * (len(page.all("table")) - len(page.all("caption")))
    faults += [
        f"th without scope: {th.text!r}" for th in page.all("th") if th.attributes.get("scope") not in {"row", "col"}
    ]
    faults += [
        "a picture neither named nor hidden" for svg in page.all("svg") if svg.attributes.get("aria-hidden") != "true"
    ]
    faults += [f"{tag} in a page" for tag in ("script", "iframe", "img", "form") if page.all(tag)]
    names = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    if len(set(names)) < len(names):
        faults.append(f"an id is used twice: {names}")
    for link in page.all("a"):
        target = urlsplit(link.attributes["href"])
        if not link.text.strip():
            faults.append("a link without text")
        if target.scheme == "mailto":
            continue
        if target.scheme or target.netloc:
            faults.append(f"a link that leaves the folder: {link.attributes['href']}")
        elif target.path and not (folder / unquote(target.path)).exists():
            faults.append(f"a broken link: {link.attributes['href']}")
        elif not target.path and target.fragment not in names:
            faults.append(f"a link to no heading: {link.attributes['href']}")
    return page
