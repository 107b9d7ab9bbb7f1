"""Raw tables follow the contracts: what the migrations have made so far, and the next migration where a contract differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from ingestion.contracts import Contract
from ingestion.errors import ConfigurationError
from ingestion.settings import CHECKOUT

HEADER = "Generated from ingestion/feeds/*.yml by `make contracts`: do not edit."
MIGRATIONS = Path("infra/postgres/migrations")
RECORD = Path("infra/postgres/raw_tables.yml")
MADE_COLUMNS = {
    "tranche_age": "Tranche d'âge, tirée de l'année de naissance : 15-29, 30-44, 45-59, 60+ ; vide si inconnue.",
    "person_key_1": "Empreinte à clé du courriel.",
    "person_key_2": "Empreinte à clé du nom de naissance, du prénom et de l'année de naissance.",
    "person_key_3": "Empreinte à clé du prénom et de l'année de naissance.",
    "_hmac_key_id": "Identifiant de la clé des empreintes.",
    "_object_partner_code": "Partenaire dont l'objet est cité : lui-même d'abord, sinon un autre du programme.",
}
# definition, type for dbt, description; a load says once what is the same on all its rows
LOADER_COLUMNS = {
    "_load_id": (
        "bigint not null default current_setting('lakou.load_id')::bigint",
        "bigint",
        "Chargement qui a écrit la ligne ; son numéro de construction la date.",
    ),
    "_delivery_id": (
        "text not null default current_setting('lakou.delivery_id')",
        "text",
        "Livraison d'où vient la ligne.",
    ),
    "_row_number": ("integer not null", "integer", "Numéro de la ligne dans le fichier, tel qu'un tableur le montre."),
    "_row_hash": ("text not null", "text", "Empreinte à clé de la ligne entière."),
    "_loaded_at": (
        "timestamptz not null default now()",
        "timestamptz",
        "Instant du chargement (UTC), pour l'exploitation seulement.",
    ),
}


@dataclass(frozen=True, slots=True)
class RawTable:
    """What the migrations have made of one feed.

    Args:
        version: of the contract that the table follows.
        columns: of the contract, in the order of the contract.
        retired: columns of earlier versions, which the table keeps.
        indexed: identifiers by which other feeds refer to a row, each with its index.
    """

    feed: str
    version: str
    columns: tuple[str, ...]
    retired: tuple[str, ...] = ()
    indexed: tuple[str, ...] = ()


Record = Mapping[str, RawTable]


def read_record(path: Path = CHECKOUT / RECORD) -> Record:
    """The tables made so far, by their name in schema `raw`; none where there is no record yet.

    Raises:
        ConfigurationError: the record is not one.
    """
    if not path.exists():
        return {}
    try:
        tables = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {
            name: RawTable(
                feed=item["feed"],
                version=item["version"],
                columns=tuple(item["columns"]),
                retired=tuple(item.get("retired", ())),
                indexed=tuple(item.get("indexed", ())),
            )
            for name, item in tables.items()
        }
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path.name} is not the record of the raw tables ({error!r})", "put the committed file back"
        ) from error


def written_record(record: Record) -> str:
    """YAML of the record."""
    tables = {
        name: {"feed": table.feed, "version": table.version, "columns": list(table.columns)}
        | ({"retired": list(table.retired)} if table.retired else {})
        | ({"indexed": list(table.indexed)} if table.indexed else {})
        for name, table in sorted(record.items())
    }
    return f"# {HEADER}\n" + yaml.safe_dump(tables, allow_unicode=True, sort_keys=False, width=110)


def follow(record: Record, contracts: Mapping[str, Contract]) -> tuple[Record, str | None]:
    """The record once the tables follow the contracts, and the SQL that takes them there (none where they do).

    Raises:
        ConfigurationError: the columns of a contract changed and its version did not.
    """
    after = dict(record)
    statements: list[str] = []
    for contract in contracts.values():
        name = contract.raw_table
        table = record.get(name)
        after[name] = _followed(table, contract)
        if table is None:
            statements.append(_create(contract))
        elif (table.columns, table.indexed) != (after[name].columns, after[name].indexed):
            if table.columns != contract.raw_columns and table.version == contract.version:
                raise ConfigurationError(
                    f"{name}.yml: its columns are not those of version {table.version}, and it still says that version",
                    "raise `lakou.version`",
                )
            statements.append(_alter(table, after[name], contract))
    return after, "\n".join([f"-- {HEADER}", *statements]) if statements else None


def next_migration(names: Iterable[str]) -> str:
    """File name of the migration that comes after those."""
    last = max((int(name[:4]) for name in names if name[:4].isdigit()), default=0)
    return f"{last + 1:04d}_raw.sql"


def descriptions(contract: Contract, retired: Iterable[str] = ()) -> dict[str, str]:
    """French description of every column of the feed's raw table, the retired ones and the loader's included."""
    kept = {column.name: column.description for column in contract.columns}
    hashed = {
        column.name: f"{column.description} Seule son empreinte à clé est gardée."
        for column in contract.columns
        if column.is_token
    }
    made = {name: hashed.get(name) or kept.get(name) or MADE_COLUMNS[name] for name in contract.raw_columns}
    gone = dict.fromkeys(retired, f"N'est plus au contrat {contract.feed} : vide dans les lignes récentes.")
    return made | gone | {name: text for name, (_, _, text) in LOADER_COLUMNS.items()}


def _followed(table: RawTable | None, contract: Contract) -> RawTable:
    indexed = (contract.identifier,) if contract.identifier else ()
    if table is None:
        return RawTable(contract.feed, contract.version, contract.raw_columns, indexed=indexed)
    gone = [name for name in (*table.retired, *table.columns) if name not in contract.raw_columns]
    retired = tuple(name for name in gone if name not in _renamed(table, contract))
    kept = tuple(name for name in table.indexed if name not in indexed and name not in _renamed(table, contract))
    return RawTable(contract.feed, contract.version, contract.raw_columns, retired, (*kept, *indexed))


def _renamed(table: RawTable, contract: Contract) -> dict[str, str]:
    """New names of the table's columns whose former name is an alias: old rows are read under the new name."""
    there = {*table.columns, *table.retired}
    return {
        alias: column.name
        for column in contract.columns
        if column.name in contract.raw_columns and column.name not in there
        for alias in column.aliases
        if alias in there and alias not in contract.raw_columns
    }


def _create(contract: Contract) -> str:
    table = f"raw.{contract.raw_table}"
    loader = ",\n".join(f"    {name} {definition}" for name, (definition, _, _) in LOADER_COLUMNS.items())
    # loads follow one another on the disk: ranges of their numbers find them, at next to no cost
    ranges = f"{table} using brin (_load_id) with (pages_per_range = 32, autosummarize = on)"
    lines = [
        f"create table {table} (",
        *(f"    {name} text," for name in contract.raw_columns),
        loader,
        ");",
        f"create index {contract.raw_table}_load on {ranges};",
        *([_index(contract)] if contract.identifier else []),
        *_comments(contract, ()),
    ]
    return "\n".join(lines) + "\n"


def _alter(before: RawTable, after: RawTable, contract: Contract) -> str:
    table = f"raw.{contract.raw_table}"
    renamed = _renamed(before, contract)
    there = {*before.columns, *before.retired} | set(renamed.values())
    lines = [
        *(f"alter table {table} rename column {old} to {new};" for old, new in renamed.items()),
        *(f"alter table {table} add column {name} text;" for name in contract.raw_columns if name not in there),
    ]
    if contract.identifier and contract.identifier not in {renamed.get(name, name) for name in before.indexed}:
        lines.append(_index(contract))
    if before.columns != after.columns:
        lines += _comments(contract, after.retired)
    return "\n".join(lines) + "\n"


def _index(contract: Contract) -> str:
    # a tree of texts in no order would cost as much as the rows; a summary of each range is enough to look few of them up
    name = contract.identifier
    return (
        f"create index {contract.raw_table}_{name} on raw.{contract.raw_table} using brin ({name} text_bloom_ops)"
        " with (pages_per_range = 32, autosummarize = on);"
    )


def _comments(contract: Contract, retired: Iterable[str]) -> list[str]:
    table = f"raw.{contract.raw_table}"
    described = descriptions(contract, retired)
    return [
        f"comment on table {table} is {_literal(contract.description)};",
        *(f"comment on column {table}.{name} is {_literal(text)};" for name, text in described.items()),
    ]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
