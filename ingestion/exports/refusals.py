"""Why an exported file is refused whole: what it is, and what to do; in French, since partners read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ingestion.errors import BlockedFile
from ingestion.exports.tools import EXCEL, Tool
from ingestion.records import LOSSY, Remark

SHOWN = 6


def check_losses(remarks: Iterable[Remark], tool: Tool | None) -> None:
    """See that the export kept the letters that it was given.

    Raises:
        BlockedFile: EXPORT-APPAUVRI, with the option to choose in that tool (in Excel where none is known).
    """
    for remark in remarks:
        if remark.rule_id == LOSSY:
            raise BlockedFile(
                LOSSY,
                f"{remark.message} Ces lettres ne peuvent pas être retrouvées.",
                f"Exportez de nouveau avec un encodage qui les garde. {tool.lossless if tool else EXCEL}",
            )


def unmapped(tool: Tool, feed: str | None = None, missing: Sequence[str] = ()) -> BlockedFile:
    """EXPORT-SANS-CORRESPONDANCE, to raise: no mapping says what the columns are.

    Args:
        feed: that the file's name announces.
        missing: fields that the mapping needs and the file lacks, where there is a mapping.
    """
    if missing:
        names = ", ".join(f"« {name} »" for name in missing[:SHOWN])
        more = f" et {len(missing) - SHOWN} autres" if len(missing) > SHOWN else ""
        return BlockedFile(
            "EXPORT-SANS-CORRESPONDANCE",
            f"Ce fichier est un export {tool.of_title} ; la correspondance déclarée pour votre outil a besoin de"
            f" {names}{more}, que ses colonnes n'ont pas.",
            f"{tool.advice} Si vous avez changé votre formulaire, demandez à l'équipe de pilotage de mettre la"
            " correspondance à jour.",
        )
    wanted = f" pour le flux {feed}" if feed else ""
    return BlockedFile(
        "EXPORT-SANS-CORRESPONDANCE",
        f"Ce fichier est un export {tool.of_title} : nous ne savons pas laquelle de ses colonnes donne quoi{wanted}.",
        "Recopiez ses données dans le modèle de votre dossier « modeles », ou demandez à l'équipe de pilotage de déclarer"
        " votre outil : vous déposerez ensuite l'export tel quel.",
    )


def ambiguous(tool: Tool, entities: Sequence[str]) -> BlockedFile:
    """EXPORT-AMBIGU, to raise: several declared forms have these columns."""
    return BlockedFile(
        "EXPORT-AMBIGU",
        f"Cet export {tool.of_title} peut venir de {' ou de '.join(f'« {entity} »' for entity in entities)} : ses colonnes"
        " ne le disent pas.",
        f"Gardez dans le nom du fichier l'identifiant que {tool.title} y met, par exemple « {entities[0]} ».",
    )


def outside(tool: Tool, label: str, periods: Sequence[str]) -> BlockedFile:
    """EXPORT-HORS-PERIODE, to raise: the file's name announces a period that it has nothing of."""
    return BlockedFile(
        "EXPORT-HORS-PERIODE",
        f"Cet export {tool.of_title} ne contient aucun enregistrement de la période annoncée ({label}) ; il en contient"
        f" de {', '.join(periods[:SHOWN])}.",
        "Corrigez la période dans le nom du fichier, ou déposez l'export sous un nom libre : chaque période y sera"
        " reconnue d'après ses dates.",
    )


def unused(tool: Tool) -> BlockedFile:
    """FICHIER-VIDE, to raise: no record of the export is a row."""
    return BlockedFile(
        "FICHIER-VIDE",
        f"Cet export {tool.of_title} ne contient aucun enregistrement à reprendre.",
        "Vérifiez les filtres de l'export. Pour dire que vous n'avez rien à déclarer, déposez le modèle avec sa seule"
        " ligne d'en-tête.",
    )
