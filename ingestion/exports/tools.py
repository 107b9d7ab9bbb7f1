"""Which tool a file was exported from, told by its header: one YAML file a tool, beside this one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import yaml

from ingestion.errors import ConfigurationError
from ingestion.records import HEADER_SEARCH, normal

FOLDER = Path(__file__).parent
KINDS = frozenset({"csv", "xlsx", "xls", "ods", "zip"})
Text = TypeVar("Text", bound=str)
DayOrder = Literal["", "day first", "month first"]
EXCEL = (
    "Dans Excel : Fichier, Enregistrer sous, « CSV UTF-8 (délimité par des virgules) », ou déposez le classeur .xlsx."
)


@dataclass(frozen=True, slots=True)
class Signature:
    """A header by which a tool is recognised.

    Args:
        columns: what must be there, as `normal` writes it; one column alone must be the first cell.
        entity: what the tool exported, where the header tells it.
        dates: order of day and month in dates written with figures only; empty where they are ISO 8601.
        names: field as the tool's connector names it, by the normal form of its label.
    """

    columns: tuple[str, ...]
    entity: str
    dates: DayOrder
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool whose exported files are recognised.

    Args:
        system: as `system:` of a source's file says it.
        title: its name for people.
        kinds: extensions of its exports.
        technical: columns of its own that no form was made of, as `normal` writes them.
        advice: French: how to export what a mapping can read.
        lossless: French: how to export without losing a letter.
    """

    system: str
    title: str
    kinds: frozenset[str]
    signatures: tuple[Signature, ...]
    technical: frozenset[str]
    advice: str
    lossless: str

    @property
    def of_title(self) -> str:
        """« de LimeSurvey », « d'EspoCRM »."""
        return f"d'{self.title}" if self.title[0] in "AEIOUY" else f"de {self.title}"


@dataclass(frozen=True, slots=True)
class Recognised:
    """A tool's header, found among the first records of a table: `index` is its place."""

    tool: Tool
    signature: Signature
    index: int


@cache
def tools() -> Mapping[str, Tool]:
    """Every tool by its system.

    Raises:
        ConfigurationError: a file beside this one is wrong.
    """
    return MappingProxyType({path.stem: _tool(path) for path in sorted(FOLDER.glob("*.yml"))})


def recognise(records: Sequence[Sequence[str]], kind: str) -> Recognised | None:
    """The tool whose signature one of the first records has: the signature of most columns counts.

    Args:
        records: first records of a table, cell by cell.
        kind: extension of the file, without a dot.
    """
    found: Recognised | None = None
    for index, record in enumerate(records[:HEADER_SEARCH]):
        cells = [normal(cell) for cell in record]
        present = frozenset(cells)
        for tool in tools().values():
            for signature in tool.signatures if kind in tool.kinds else ():
                is_there = present.issuperset(signature.columns)
                if len(signature.columns) == 1:
                    is_there = cells[:1] == list(signature.columns)
                if is_there and (found is None or len(signature.columns) > len(found.signature.columns)):
                    found = Recognised(tool, signature, index)
    return found


def _tool(path: Path) -> Tool:
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        return Tool(
            system=_one_of([path.stem], given["system"]),
            title=given["title"],
            kinds=frozenset(_one_of(KINDS, kind) for kind in given["kinds"]),
            signatures=tuple(_signature(item) for item in given["signatures"]),
            technical=frozenset(normal(name) for names in given["technical"] for name in names),
            advice=given["advice"].strip(),
            lossless=given["lossless"].strip(),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"ingestion/exports/{path.name} is no description of a tool ({error!r})", "write it like the others"
        ) from error


def _one_of(known: Collection[Text], given: Text) -> Text:
    if given not in known:
        raise ValueError(given)
    return given


def _signature(given: Mapping[str, Any]) -> Signature:
    orders: tuple[DayOrder, ...] = ("", "day first", "month first")
    return Signature(
        columns=tuple(dict.fromkeys(normal(name) for name in given["columns"])),
        entity=given.get("entity", ""),
        dates=_one_of(orders, given.get("dates", "")),
        names=MappingProxyType({normal(label): field for label, field in given.get("names", {}).items()}),
    )
