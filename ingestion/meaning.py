"""What a file in the drop means: which feeds of which period and version, by its name and by its template's marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.contracts import load_contracts
from ingestion.errors import BlockedFile
from ingestion.naming import DropName, Period, extension_of, parse_file_name, parse_period

if TYPE_CHECKING:
    from ingestion.partners import Partner
    from ingestion.reading import Mark


@dataclass(frozen=True, slots=True)
class Meaning:
    """One delivery that a file announces.

    Args:
        name: what its name or its marks say; none where they say nothing.
        sheet: of the workbook, where several feeds came in it; the period, where a tool's export holds several.
        blocked: why it cannot be taken.
    """

    name: DropName | None
    sheet: str | None = None
    blocked: BlockedFile | None = None


def meanings(file_name: str, marks: Sequence[Mark], partner: Partner) -> tuple[Meaning, ...]:
    """The deliveries that one file announces: one, or as many as there are filled sheets of a template.

    A mark's feed, and everything that a file of rows to mend is marked with, count more than the file's name; of a
    template, the name's period and version count more than what its sheet « Envoi » says.
    """
    name: DropName | None = None
    unnamed: BlockedFile | None = None
    try:
        name = parse_file_name(file_name)
    except BlockedFile as blocked:
        unnamed = blocked
    known = [mark for mark in marks if mark.feed in load_contracts()]
    filled = [mark for mark in known if mark.has_rows]
    if not filled and len(known) == 1 and name is None:
        filled = known
    if not filled:
        if name is None and known:
            unnamed = _nothing_said()
        return (allowed(Meaning(name, blocked=unnamed), partner),)
    twice = [feed for feed, sheets in Counter(mark.feed for mark in filled).items() if sheets > 1]
    if twice:
        return (Meaning(name, blocked=_twice(twice[0], filled)),)
    several = len(filled) > 1
    return tuple(
        allowed(_of_mark(mark, name, partner, extension_of(file_name), several=several), partner) for mark in filled
    )


def _of_mark(mark: Mark, name: DropName | None, partner: Partner, extension: str, *, several: bool) -> Meaning:
    sheet = mark.sheet if several else None
    if name is not None and name.partner_code != partner.partner_code:
        return Meaning(name, sheet)
    try:
        period, version, part = _placed(mark, name)
    except BlockedFile as blocked:
        return Meaning(None, blocked=blocked)
    code = mark.partner_code or partner.partner_code
    return Meaning(DropName(mark.feed, code, period, version, part, extension), sheet)


def _placed(mark: Mark, name: DropName | None) -> tuple[Period, int, int]:
    """Period, version and part."""
    marked = parse_period(mark.period) if mark.period else None
    if mark.part is not None and marked is not None:
        version = mark.version or 1
        is_its_name = name is not None and (name.feed, name.period, name.version) == (mark.feed, marked, version)
        # its name may give it another number: the one of its mark was taken by other contents
        return marked, version, name.part if is_its_name and name is not None and name.part else mark.part
    if name is not None:
        if marked is not None and marked != name.period:
            raise BlockedFile(
                "PERIODE-CONTRADICTOIRE",
                f"Le nom du fichier annonce {name.period.label}, et la feuille « Envoi » {marked.label}.",
                "Corrigez celui des deux qui est faux, puis déposez le fichier de nouveau.",
            )
        return name.period, name.version, name.part if name.feed == mark.feed else 0
    if marked is None:
        raise BlockedFile(
            "NOM-INCONNU",
            "Ni le nom du fichier ni sa feuille « Envoi » ne disent de quelle période il s'agit.",
            "Écrivez la période dans la feuille « Envoi » (par exemple 2026-03), ou dans le nom du fichier.",
        )
    return marked, mark.version or 1, 0


def allowed(meaning: Meaning, partner: Partner) -> Meaning:
    """What is announced, blocked where it is not this partner's to send."""
    name = meaning.name
    if name is None or meaning.blocked is not None:
        return meaning
    blocked = None
    if name.partner_code != partner.partner_code:
        blocked = BlockedFile(
            "PARTENAIRE-DIFFERENT",
            f"Le fichier porte le code {name.partner_code}, mais ce dossier est celui de {partner.partner_code}.",
            f"Écrivez {partner.partner_code} dans le nom du fichier (et dans la feuille « Envoi » du modèle), si ces"
            " données sont bien les vôtres.",
        )
    elif name.feed not in partner.feeds:
        blocked = BlockedFile(
            "FLUX-NON-PREVU",
            f"Le flux {name.feed} n'est pas prévu pour votre compte.",
            f"Vos flux sont : {', '.join(partner.feeds)}. S'il vous revient, demandez à l'équipe de pilotage de"
            " l'ajouter.",
        )
    return Meaning(name, meaning.sheet, blocked)


def _twice(feed: str, filled: Sequence[Mark]) -> BlockedFile:
    sheets = " et ".join(f"« {mark.sheet} »" for mark in filled if mark.feed == feed)
    return BlockedFile(
        "FEUILLES-EN-DOUBLE",
        f"Les feuilles {sheets} portent toutes deux le flux {feed} : laquelle est la bonne ?",
        "Gardez une seule feuille remplie par flux, puis déposez le classeur de nouveau.",
    )


def _nothing_said() -> BlockedFile:
    return BlockedFile(
        "FICHIER-VIDE",
        "Aucune feuille du modèle n'est remplie.",
        "Remplissez au moins une feuille. Pour dire que vous n'avez rien à déclarer, nommez le fichier avec le flux et"
        " la période, par exemple F02_participations__VOTRE-CODE__2026-03__v1.xlsx.",
    )
