"""Which backups are kept, and how the others go."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from ingestion.backups.store import MANIFEST, OBJECTS, Store, read_catalogue
from ingestion.errors import LakouError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """For how long: the last backup of each of the last so many days, weeks and months that have one.

    Args:
        hours: within so many hours of the last one all stay: the one before an upgrade, the one after it.
    """

    days: int = 14
    weeks: int = 8
    months: int = 12
    hours: int = 48


def instant(backup_id: str) -> dt.datetime:
    """When a backup began."""
    return dt.datetime.strptime(backup_id, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)


def kept(backups: Iterable[str], rule: Kept) -> set[str]:
    """Which of these backups a rule keeps; the last one always."""
    chosen: set[str] = set()
    newest = sorted(backups, reverse=True)
    for length, most in ((("%Y-%m-%d"), rule.days), ("%G-W%V", rule.weeks), ("%Y-%m", rule.months)):
        last_of: dict[str, str] = {}
        for backup_id in newest:
            last_of.setdefault(instant(backup_id).strftime(length), backup_id)
        chosen |= set(list(last_of.values())[:most])
    recent = instant(newest[0]) - dt.timedelta(hours=rule.hours) if newest else None
    return chosen | {backup_id for backup_id in newest if recent is not None and instant(backup_id) >= recent}


def prune(store: Store, rule: Kept) -> tuple[int, int]:
    """Delete the backups that the rule keeps no longer, what interrupted ones left, and landed files that none needs.

    The caller is the only one that makes backups.

    Returns:
        Backups and landed files deleted; none of the latter while a manifest or a catalogue is spoilt.

    Raises:
        LakouError: the store cannot be written.
    """
    whole = [manifest.backup_id for manifest in store.manifests()]
    wanted = kept(whole, rule)
    there = store.backups()
    # a person has to look at these; until then, what they may need stays
    spoilt = [name for name in there if name not in whole and store.exists(f"{name}/{MANIFEST}")]
    gone = [name for name in there if name not in wanted and name not in spoilt]
    for backup_id in gone:
        # without its manifest it is no backup: a stop in the middle leaves nothing that looks like one
        store.delete(f"{backup_id}/{MANIFEST}")
        store.delete(backup_id)
    deleted = len(set(gone) & set(whole))
    try:
        needed = {item.name for manifest in store.manifests() for item in read_catalogue(store, manifest)}
    except LakouError as error:
        log.warning("no landed file is deleted: %s", error.what)
        return deleted, 0
    orphans = [] if spoilt else [name for name in store.sizes(OBJECTS) if name not in needed]
    for name in orphans:
        store.delete(f"{OBJECTS}/{name}")
    return deleted, len(orphans)
