"""The book on paper: Debian's Chromium prints the page as a tagged PDF, and nothing in it tells when."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from ingestion.errors import LakouError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MOST_SECONDS = 120
# dates of the same length keep the offsets of the file
_DATES = re.compile(rb"/(CreationDate|ModDate) \(D:[0-9]{14}[+\-Z][0-9']*\)")
_DIGITS = re.compile(rb"D:[0-9]{14}[+\-Z]([0-9']*)")


def browser() -> str | None:
    """The browser that prints, where there is one."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def print_pdf(html: bytes, program: str) -> bytes:
    """The tagged PDF of one page: the same bytes for the same page, by the same version of the browser.

    Args:
        html: the page, UTF-8, which loads nothing.
        program: the browser's path, as `browser` gives it.

    Raises:
        LakouError: the browser did not print.
    """
    with tempfile.TemporaryDirectory(prefix="lakou-book-") as temporary:
        folder = Path(temporary)
        page, printed = folder / "book.html", folder / "book.pdf"
        page.write_bytes(html)
        command = [
            program,
            "--headless",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--no-default-browser-check",
            # the page loads nothing: a name that it would ask for is not found
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            # the PDF names it as its creator
            "--user-agent=Lakou",
            "--no-pdf-header-footer",
            "--generate-pdf-document-outline",
            "--export-tagged-pdf",
            f"--print-to-pdf={printed}",
        ]
        if os.geteuid() == 0:
            # Chromium's sandbox refuses root
            command.append("--no-sandbox")
        environment = os.environ | {"HOME": temporary, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        try:
            done = subprocess.run(
                [*command, page.as_uri()],
                env=environment,
                capture_output=True,
                timeout=MOST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise LakouError(
                f"{program} has not printed the book in {MOST_SECONDS} s", "try again; the HTML book is kept already"
            ) from error
        if done.returncode or not printed.exists():
            raise LakouError(
                f"{program} does not print: {done.stderr.decode(errors='replace').strip()[-300:]}",
                f"try `{program} --headless --print-to-pdf=test.pdf about:blank`; the HTML book is kept already",
            )
        return undated(printed.read_bytes())


def undated(pdf: bytes) -> bytes:
    """A PDF without the moment when it was made: its dates are the year 2000, of the same length."""
    return _DATES.sub(lambda match: _DIGITS.sub(rb"D:20000101000000+\1", match[0]), pdf)
