"""A first version of a source's file, from what the server says of a form, survey or entity: columns are left to name."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping

from ingestion.connectors.drift import LANGUAGES, label
from ingestion.connectors.interface import Choice, Description, Field, Table
from ingestion.contracts import Column, Contract

SHOWN_CHOICES = 12
YES, NO = ("OUI", "O", "Y", "YES", "TRUE", "1", "VRAI"), ("NON", "N", "NO", "FALSE", "0", "FAUX")


def draft(header: Mapping[str, str], description: Description, contract: Contract, table: Table | None = None) -> str:
    """The text of a source's file.

    Args:
        header: `system`, `address`, `connection`, `partner`, `zone`.
        table: whose records are the rows; by default the entity's own.
    """
    table = table or description.tables[0]
    found = {column.name: _field_of(column, table.fields) for column in contract.columns}
    personal = [field.name for name, field in found.items() if field and contract.column(name).is_personal]
    lines = [
        f"# {_plain(description.title)} : brouillon tiré de la description du serveur. Nommez les colonnes, puis",
        "# vérifiez par `lakou source test`. Une ligne qui commence par # ne compte pas.",
        *(f"{name}: {_quoted(value)}" for name, value in header.items()),
        *_people(contract, personal),
        "feeds:",
        f"  - entity: {_quoted(description.entity)}",
        *([f"    table: {_quoted(table.name)}"] if table.name != description.entity else []),
        f"    feed: {contract.feed}",
        "    columns:",
    ]
    for column in contract.columns:
        lines += _column(column, found[column.name])
    lines += ["# Champs de la source :", *(f"#   {_described(field)}" for field in table.fields)]
    return "\n".join(lines) + "\n"


def _people(contract: Contract, personal: list[str]) -> list[str]:
    if not contract.has_personal:
        return []
    return [
        "# Ce flux a des colonnes personnelles : dites quels champs les donnent, où ils sont traités et sous quel contrat",
        "# (art. 28). Sans cela, elles sont refusées.",
        f"{'' if personal else '# '}personal: [{', '.join(map(_quoted, personal))}]",
        "# processing: {country: France, contract: à compléter}",
    ]


def _column(column: Column, field: Field | None) -> list[str]:
    needed = "obligatoire" if column.required and column.default is None else "facultative"
    wanted = f", parmi {', '.join(column.enum)}" if column.enum else ""
    told = f"      # {column.name} : {_plain(column.title)}, {needed}{wanted}"
    if field is None:
        return [told, f"      # {column.name}: <champ>"]
    codes = _codes(column, field.choices)
    if codes:
        pairs = ", ".join(f"{_quoted(code)}: {_quoted(value)}" for code, value in codes.items())
        return [told, f"      {column.name}: {{field: {_quoted(field.name)}, codes: {{{pairs}}}}}"]
    return [told, f"      {column.name}: {_quoted(field.name)}"]


def _field_of(column: Column, fields: Iterable[Field]) -> Field | None:
    """The field that has a column's name, title or former name, or that as its label; none where several have."""
    names = {_key(name) for name in (column.name, column.title, *column.aliases)}
    named = [field for field in fields if _key(field.name) in names]
    labelled = [field for field in fields if {_key(text) for text in field.labels.values()} & names]
    found = named or labelled
    return found[0] if len(found) == 1 else None


def _codes(column: Column, choices: tuple[Choice, ...]) -> dict[str, str]:
    known = column.enum or (("OUI", "NON") if column.type == "boolean" else ())
    codes = {}
    for choice in choices:
        texts = {_key(choice.code), *(_key(choice.labels.get(language, "")) for language in LANGUAGES)}
        for value in known:
            same = {_key(value)} | ({_key(t) for t in YES} if value == "OUI" else set())
            same |= {_key(t) for t in NO} if value == "NON" else set()
            if texts & same:
                codes[choice.code] = value
                break
    return codes


def _described(field: Field) -> str:
    choices = [f"{choice.code} = {_plain(label(choice.labels))}" for choice in field.choices[:SHOWN_CHOICES]]
    more = [f"… {len(field.choices) - SHOWN_CHOICES} autres"] if len(field.choices) > SHOWN_CHOICES else []
    told = f" ; {', '.join([*choices, *more])}" if choices else ""
    return f"{field.name} : {_plain(label(field.labels))} ({field.type}){told}"


def _key(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character.isalnum())


def _plain(text: str) -> str:
    """On one line, so that a label cannot write a line of its own into the file."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _quoted(text: str) -> str:
    # a JSON text is a YAML text
    return json.dumps(text, ensure_ascii=False)
