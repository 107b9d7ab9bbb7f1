"""What a form, survey or entity has become since its mapping was written: new, gone and renamed fields, new choices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.connectors.interface import PARENT, Description
from ingestion.connectors.mapping import FeedMapping, Source
from ingestion.errors import ConfigurationError

# in the order in which a label is chosen
LANGUAGES = ("fr", "", "en")


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference.

    Args:
        entity, table, field: where.
        kind: `nouveau`, `disparu`, `renomme` or `choix`.
        detail: the label, the new name, or the choices.
        stops: feeds that cannot be made before the mapping is mended.
    """

    entity: str
    table: str
    field: str
    kind: str
    detail: str
    stops: tuple[str, ...] = ()


def outline(description: Description) -> dict[str, Any]:
    """What is kept of a description, to compare the next one with: labels, types and choices by table and field."""
    return {
        table.name: {
            field.name: {
                "label": label(field.labels),
                "type": field.type,
                "choices": {choice.code: label(choice.labels) for choice in field.choices},
            }
            for field in table.fields
        }
        for table in description.tables
    }


def label(labels: Mapping[str, str]) -> str:
    """The label for people here, in French where there is one."""
    found = [labels[language] for language in LANGUAGES if labels.get(language)]
    return (found or [text for text in labels.values() if text] or [""])[0]


def compare(source: Source, entity: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Drift]:
    """What changed between two outlines of an entity; only what a mapping needs and lacks stops a feed."""
    found: list[Drift] = []
    for table, fields in {**before, **now}.items():
        old, new = before.get(table, {}), now.get(table, {})
        gone = [name for name in old if name not in new]
        added = [name for name in new if name not in old]
        for name in gone:
            heirs = [other for other in added if old[name]["label"] and new[other]["label"] == old[name]["label"]]
            kind = "renomme" if len(heirs) == 1 else "disparu"
            detail = heirs[0] if len(heirs) == 1 else str(old[name]["label"])
            found.append(Drift(entity, table, name, kind, detail, _needing(source, entity, table, name, now)))
            if len(heirs) == 1:
                added.remove(heirs[0])
        found += [Drift(entity, table, name, "nouveau", str(new[name]["label"])) for name in added]
        for name in fields:
            if name in old and name in new:
                codes = [code for code in new[name]["choices"] if code not in old[name]["choices"]]
                if codes:
                    found.append(Drift(entity, table, name, "choix", ", ".join(codes)))
    return found


def check_fields(source: Source, entity: str, now: Mapping[str, Any]) -> None:
    """See, before the first pull, that the server knows every field that the mapping names.

    Raises:
        ConfigurationError: it does not know one; the error names the line.
    """
    for feed in source.feeds:
        if feed.entity != entity:
            continue
        if feed.table not in now:
            raise ConfigurationError(
                f"{source.file}:{feed.line}: {entity} has no table {feed.table!r}", f"one of {', '.join(now)}"
            )
        for name, line in _fields(feed):
            if not _is_there(now, feed.table, name):
                known = ", ".join(now[feed.table])
                raise ConfigurationError(f"{source.file}:{line}: {feed.table} has no field {name!r}", f"one of {known}")


def _fields(feed: FeedMapping) -> Iterable[tuple[str, int]]:
    for column in (*feed.columns, feed.period):
        if column.field:
            yield column.field, column.line
    for name, _ in feed.when:
        yield name, feed.line


def _is_there(now: Mapping[str, Any], table: str, name: str) -> bool:
    if name in now.get(table, {}):
        return True
    # a repeat's record carries the fields of the record that it belongs to
    bare = name.removeprefix(PARENT)
    return bare != name and any(bare in fields for other, fields in now.items() if other != table)


def _needing(source: Source, entity: str, table: str, name: str, now: Mapping[str, Any]) -> tuple[str, ...]:
    feeds = [
        feed.feed
        for feed in source.feeds
        if feed.entity == entity
        and any(
            (field == name and feed.table == table) or (field == f"{PARENT}{name}" and not _is_there(now, feed.table, field))
            for field in feed.fields
        )
    ]  # fmt: skip
    return tuple(dict.fromkeys(feeds))
