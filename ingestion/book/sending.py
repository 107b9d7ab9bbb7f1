"""The book of a closing, mailed to the committee with its two files."""

from __future__ import annotations

from ingestion import mail, pages
from ingestion.book.making import BookSummary
from ingestion.errors import LakouError


def send_book(book: BookSummary) -> bool:
    """Mail the book to `$LAKOU_COMMITTEE_EMAIL`; sent twice, mail programs show it once.

    Returns:
        False where no mail server or no committee is configured.

    Raises:
        LakouError: the book is a draft, or the server does not take it.
    """
    if book.closing_id is None:
        raise LakouError("a draft is sent to nobody", f"close {book.period} first: `lakou close`")
    subject = f"Livre de clôture {book.programme_code}, {book.period_label}"
    formats = [file.path.suffix.removeprefix(".").upper() for file in book.files]
    joined = "au format HTML" if len(formats) == 1 else "en deux formats équivalents, HTML et PDF"
    whom = pages.contact()
    body = f"""Bonjour,

La période « {book.period_label} » du programme « {book.programme_label} » est close ({book.closing_id}). Son livre est joint {joined}.

La première page est le dossier de séance : ce qui a bougé et pourquoi, ce qui est en retard et de qui, les décisions à prendre et ce que sont devenues les précédentes.
Chaque chiffre porte une référence, qui donne le même chiffre tant que le programme dure.

{f"Une question ? {whom}" if whom else "Une question ? Écrivez à l'équipe de pilotage du programme."}
Ce message est envoyé automatiquement.
"""
    return mail.send_to_committee(subject, body, f"book-{book.closing_id}", [file.path for file in book.files])
