"""What a source's owner reads of it, in French, in its folder `accuses/`: the last pull, what changed, what to mend."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from ingestion import mail, pages
from ingestion.connectors.mapping import Source
from ingestion.drop import write_atomically
from ingestion.errors import ConfigurationError, LakouError, SourceRefusal
from ingestion.settings import Settings

if TYPE_CHECKING:
    import psycopg

    from ingestion.connectors.pulling import PullSummary

# values without a code, and characters of each, that the page shows
SHOWN_UNKNOWN = 50
LONGEST_SHOWN = 60
# a silence is told again after so long
TOLD_AGAIN = dt.timedelta(days=1)


def page_name(source: Source) -> str:
    """Name of the page beside the receipts."""
    return f"source_{source.name}.html"


def write(
    settings: Settings,
    connection: psycopg.Connection[Any],
    source: Source,
    *,
    summary: PullSummary,
    unknown: set[tuple[str, str]],
    error: LakouError | None,
) -> None:
    """Write the page of a pull; a refusal, and a form that stops a feed, are mailed too, once.

    Args:
        unknown: fields and values for which the mapping has no code; those of earlier pulls stay.

    Raises:
        LakouError: the folder cannot be written.
    """
    report = _report(connection, source)
    cut = {(name, value[:LONGEST_SHOWN]) for name, value in unknown}
    codes = sorted(cut | {(name, value) for name, value in report.get("unknown", ())})[:SHOWN_UNKNOWN]
    stopped = sorted({feed for item in summary.drift for feed in item.stops})
    trouble = _trouble(error, stopped, summary.missing)
    if trouble and trouble != report.get("trouble"):
        mail.queue(
            connection,
            source.partner,
            f"Lakou : la source « {source.name} » demande votre attention",
            f"{trouble}\n\nLe détail est dans votre dossier « accuses », page {page_name(source)}.\n\n{mail.signature()}",
        )
    connection.execute(
        "update ops.sources set report = %s where source_name = %s",
        [Jsonb({"unknown": codes, "trouble": trouble}), source.name],
    )
    now = dt.datetime.now(dt.UTC)
    html = pages.render(
        "source.html.j2",
        source=source,
        summary=summary,
        codes=codes,
        trouble=trouble,
        at=now,
        files=summary.files,
    )
    write_atomically(settings.drop / source.partner / "accuses" / page_name(source), html)


def tell_silence(connection: psycopg.Connection[Any], source: Source, now: dt.datetime) -> str | None:
    """Tell that a source has not been pulled to its end for too long: once a day, its owner is mailed.

    Returns:
        The sentence to log; None where it is not silent.
    """
    row = connection.execute(
        "select coalesce(pulled_at, created_at), quiet_told_at from ops.sources where source_name = %s", [source.name]
    ).fetchone()
    if row is None or now - row[0] < dt.timedelta(hours=source.quiet_hours):
        return None
    if row[1] is None or now - row[1] >= TOLD_AGAIN:
        with connection.transaction():
            mail.queue(
                connection,
                source.partner,
                f"Lakou : plus de nouvelles de la source « {source.name} »",
                f"La dernière lecture complète de votre outil date du {pages.moment(row[0])}.\n"
                f"Vérifiez qu'il répond et que notre compte y est ouvert ; la page {page_name(source)} de votre dossier"
                f" « accuses » dit ce que nous avons constaté.\n\n{mail.signature()}",
            )
            connection.execute("update ops.sources set quiet_told_at = %s where source_name = %s", [now, source.name])
    return f"{source.name} has not been pulled to its end since {row[0]:%Y-%m-%d %H:%M} UTC"


def _report(connection: psycopg.Connection[Any], source: Source) -> dict[str, Any]:
    row = connection.execute("select report from ops.sources where source_name = %s", [source.name]).fetchone()
    found: dict[str, Any] = row[0] if row else {}
    return found


def _trouble(error: LakouError | None, stopped: list[str], missing: tuple[str, ...]) -> str:
    """What stops the source, or a feed of it, as its owner understands it; empty where nothing does."""
    if isinstance(error, SourceRefusal):
        return (
            "Votre outil refuse notre compte (mot de passe ou clef changés, droit retiré ou adresse bloquée). Nous avons"
            " essayé une seule fois, et n'essaierons plus avant que l'équipe de pilotage ait mis l'accès à jour."
        )
    if isinstance(error, ConfigurationError):
        return "La fiche de la source ne correspond pas à votre outil : l'équipe de pilotage doit la corriger."
    if error is not None:
        return "Votre outil n'a pas répondu comme prévu. Ce qui a été lu est gardé ; la prochaine lecture reprendra."
    if missing:
        return (
            f"{' et '.join(missing)} : ce que nous lisions sous ce nom dans votre outil n'existe plus, ou n'est plus actif."
            " Ce qui était chargé le reste. Dites à l'équipe de pilotage ce qui le remplace."
        )
    if stopped:
        return (
            f"Un champ dont nous avons besoin a disparu ou changé de nom : {', '.join(stopped)} ne"
            f" {pages.agreed(len(stopped), 'sera plus mis à jour', 'seront plus mis à jour')} avant que l'équipe de"
            " pilotage ait corrigé la fiche de la source. Rien n'est perdu."
        )
    return ""
