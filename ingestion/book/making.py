"""`lakou book`: the book of one closing, made once and kept with it; the same bytes ever after."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from ingestion import pages
from ingestion.book import dossier, printing, sections
from ingestion.book.reading import Contents, Edition, read_contents, read_edition
from ingestion.closing import read_period
from ingestion.database import connect
from ingestion.errors import LakouError
from ingestion.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BookFile:
    """One file of a book: `is_new` is false when the closing kept it already."""

    format: str
    path: Path
    sha256: str
    size_bytes: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class BookSummary:
    """What was written: `closing_id` is None for a draft, which nothing keeps."""

    closing_id: str | None
    programme_code: str
    programme_label: str
    period: str
    period_label: str
    publication_id: int
    files: tuple[BookFile, ...]


def write_book(
    settings: Settings,
    programme_code: str,
    period_text: str,
    *,
    folder: Path | None = None,
    draft: bool = False,
    progress: Callable[[str], None] = log.info,
) -> BookSummary:
    """Write the book of the last closing of a programme for a period, as one HTML page and, with a browser, its PDF.

    What the closing kept is written again to the byte; what it has not kept yet is made, and kept.

    Args:
        settings: the platform.
        programme_code: such as MQ.
        period_text: `2026-03`, `2026-T1`, `2026-S1` or `2026`.
        folder: where to write; by default `books` in the platform's home.
        draft: a provisional book of the current publication, marked so on each page; nothing keeps it.

    Raises:
        LakouError: the period is not closed or not known, or a file cannot be written.
    """
    period = read_period(period_text)
    with connect(settings, "lakou_reader") as reader:
        edition = read_edition(reader, programme_code, period, draft=draft)
        kept = _kept(reader, edition)
        if "html" not in kept:
            progress(f"{programme_code} {period.text}: reading publication {edition.publication_id}")
        html = kept.get("html") or page(read_contents(reader, edition))
    program = None if "pdf" in kept else printing.browser()
    made = {"html": html}
    _keep(settings, edition, kept, made)
    if "pdf" in kept:
        made["pdf"] = kept["pdf"]
    elif program is not None:
        progress(f"{programme_code} {period.text}: printing the PDF")
        made["pdf"] = printing.print_pdf(html, program)
        _keep(settings, edition, kept, made)
    else:
        progress("No PDF: no Chromium here. To have one: apt-get install --no-install-recommends chromium")
    files = _write(folder or settings.home / "books", edition, made, kept)
    return BookSummary(
        closing_id=edition.closing_id,
        programme_code=edition.programme_code,
        programme_label=edition.programme_label,
        period=edition.period,
        period_label=edition.period_label,
        publication_id=edition.publication_id,
        files=files,
    )


def page(contents: Contents) -> bytes:
    """The book as one HTML page, UTF-8: a function of what it shows, without a clock or an address."""
    return pages.render(
        "book.html.j2",
        contents=contents,
        edition=contents.edition,
        dossier=dossier.dossier(contents),
        sections=sections.sections(contents),
        promise_groups=sections.promise_groups(contents.promises),
        retreatments=dossier.retreatments(contents.restated),
        lateness=dossier.lateness(contents),
        outcomes=[dossier.outcome(decision, contents.edition.business_date) for decision in contents.decisions],
        change_text=dossier.change_text,
        lights=dossier.LIGHTS,
    )


def book_name(edition: Edition) -> str:
    """Name of a book's files, without the extension."""
    return f"livre-{edition.closing_id or f'{edition.programme_code}-{edition.period}-PROVISOIRE'}"


def _kept(reader: psycopg.Connection, edition: Edition) -> dict[str, bytes]:
    if edition.closing_id is None:
        return {}
    return dict(
        reader.execute("select format, content from pub.closing_books where closing_id = %s", [edition.closing_id])
    )


def _keep(settings: Settings, edition: Edition, kept: dict[str, bytes], made: dict[str, bytes]) -> None:
    """Keep with the closing what it has not kept yet; two runs at once keep the first one's."""
    new = {name: content for name, content in made.items() if name not in kept}
    if edition.closing_id is None or not new:
        return
    with connect(settings, "lakou_publisher") as publisher:
        for name, content in new.items():
            publisher.execute(
                "insert into published.closing_books (closing_id, format, sha256, content) values (%s, %s, %s, %s)"
                " on conflict (closing_id, format) do nothing",
                [edition.closing_id, name, hashlib.sha256(content).hexdigest(), content],
            )


def _write(folder: Path, edition: Edition, made: dict[str, bytes], kept: dict[str, bytes]) -> tuple[BookFile, ...]:
    files = []
    for name, content in made.items():
        path = folder / f"{book_name(edition)}.{name}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise LakouError(
                f"{path} cannot be written ({error.strerror or error})", "choose another folder with -o"
            ) from error
        files.append(BookFile(name, path, hashlib.sha256(content).hexdigest(), len(content), name not in kept))
    return tuple(files)
